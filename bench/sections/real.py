"""Models of real size, 224 x 224 x 3: our engine against other libraries, and a whole job against a script."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.harness import turns
from bench.harness.entrants import DEFAULT, EARLY_STOP, EVERY_STEP, LEAN, PEERS, PLAIN, Entrant, peers_exist
from bench.harness.results import Result, Statistic, Table
from bench.sections.engine import BEHIND, Row, best_peer

MODELS = {"mobilenetv2": ("MobileNetV2", 16), "resnet50": ("ResNet50", 4), "vit": ("ViT-Ti/16", 16)}
"""The title of each model, and the number of images that are attacked."""
ROUNDS, BUDGET = 3, 130.0  # rounds of a model: as many as fit into this many seconds, at least one
JOB_IMAGES, WORKERS, BATCH = 128, 2, 8
SCRIPT = "bench.peers.script_plain"
ON_TENSORFLOW = {"cleverhans", "foolbox_tf", "art_tf"}


def measure(*, quick: bool) -> Result:
    """Each model in turn, with all entrants in alternating rounds; then the whole job."""
    rounds, budget = (1, 0.0) if quick else (ROUNDS, BUDGET)
    found: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for model, (_, images) in list(MODELS.items())[: 1 if quick else None]:
            task = _task(Path(scratch) / model, model, 2 if quick else images)
            found[model] = _rounds(task, rounds, budget)
        jobs = _jobs(Path(scratch), 4 if quick else JOB_IMAGES, rounds, budget)
    return Result(
        name="real",
        title="Models of real size",
        command="python -m bench real",
        tables=[*(table(MODELS[model][0], rows) for model, rows in found.items()), job_table(jobs)],
        statistics=[
            *(each for model, rows in found.items() for each in statistics(MODELS[model][0], rows)),
            Statistic(
                what="MobileNetV2, the whole job: wall time, relative to a script without a library",
                value=turns.ratio([each.wall for each in jobs["advshard"]], [each.wall for each in jobs["script"]]),
            ),
        ],
        notes=notes(found),
        samples={
            **{f"{model}: {row.entrant.name}": _plain(row) for model, rows in found.items() for row in rows},
            **{f"job: {name}": [each.plain() for each in samples] for name, samples in jobs.items()},
        },
    )


def entrants() -> list[Entrant]:
    """Ours, the loop without a library, and the libraries on TensorFlow where they are installed."""
    peers = [each for each in PEERS if each.script.rsplit(".", 1)[-1] in ON_TENSORFLOW and not each.environment]
    others = [PLAIN, *(peers if peers_exist() else [])]
    batch = ("--batch", str(BATCH))
    return [EVERY_STEP, EARLY_STOP, DEFAULT, *(replace(each, options=batch) for each in others)]


def best_of_others(rows: list[Row]) -> Row:
    """The valid entrant with the least CPU time that is not ours: a library, or else the loop without one."""
    try:
        return best_peer(rows)
    except ValueError:  # no library is installed
        return next(row for row in rows if row.entrant.side == "plain")


def table(title: str, rows: list[Row]) -> Table:
    """A row for each entrant that ran on a model."""
    best = best_of_others(rows)
    return Table(
        title=f"{title}, rounds: {len(rows[0].cpu)}",
        columns=["", "attack", "CPU s", f"relative to {best.entrant.name}", "success", "batch", "peak memory, MB"],
        rows=[
            [
                row.entrant.name,
                row.entrant.attack,
                f"{turns.median(row.cpu):.2f}",
                f"{turns.ratio(row.cpu, best.cpu[: len(row.cpu)]):.2f}",
                row.wrong or f"{row.success:.4f}",
                f"{row.said(LEAN, 'batch')[0]:.0f}",
                f"{turns.median(row.said(LEAN, 'peak_mb')):.0f}",
            ]
            for row in rows
        ],
    )


def statistics(title: str, rows: list[Row]) -> list[Statistic]:
    """A model's comparison in numbers."""
    best = best_of_others(rows)
    ours = {
        entrant.name: row for entrant in (EVERY_STEP, EARLY_STOP, DEFAULT) for row in rows if row.entrant == entrant
    }
    named = ((EVERY_STEP, "the same steps"), (EARLY_STOP, "early stop"), (DEFAULT, "the default"))
    memory = [row.said(LEAN, "peak_mb") for row in (ours[EVERY_STEP.name], best)]
    return [
        *(
            Statistic(
                what=f"{title}, {how}: CPU time, relative to {best.entrant.name}",
                value=turns.ratio(ours[entrant.name].cpu, best.cpu),
            )
            for entrant, how in named
        ),
        Statistic(
            what=f"{title}, the same steps: success, minus that of {best.entrant.name}",
            value=ours[EVERY_STEP.name].success - best.success,
        ),
        Statistic(what=f"{title}: peak memory, relative to {best.entrant.name}", value=turns.ratio(*memory)),
    ]


def job_table(jobs: dict[str, list[turns.Sample]]) -> Table:
    """The whole job of both."""
    names = {"advshard": f"advshard, {WORKERS} workers", "script": "a script without a library"}
    return Table(
        title=f"MobileNetV2, the whole job, rounds: {len(jobs['script'])}",
        columns=["", "wall s", "CPU s"],
        rows=[
            [
                names[name],
                *(f"{turns.median([getattr(each, what) for each in samples]):.2f}" for what in ("wall", "cpu")),
            ]
            for name, samples in jobs.items()
        ],
    )


def notes(found: dict[str, list[Row]]) -> list[str]:
    """How it was measured."""
    first = next(iter(found.values()))
    versions = ", ".join(f"{name} {version}" for name, version in first[0].samples[LEAN][0].said["versions"].items())
    images = ", ".join(f"{count} on {title}" for title, count in MODELS.values())
    return [
        f"Drawn colour images ({images}), models with drawn weights and 1,000 classes, whose batch normalisation and "
        "logits are settled on images (`bench/harness/real_models.py`). Epsilon, steps, decay and labels as in "
        f"`engine`, one thread everywhere ({versions}). Medians of the rounds, run alternately, as many as fit into "
        f"{BUDGET:.0f} s a model, at most {ROUNDS}; a ratio is the median of the rounds' ratios. The attack alone, "
        "after a warm-up. One judge, our model, checked the images of every run. Drawn models give way after a step or "
        "two, so early stop saves more on them than on trained ones. "
        + (
            ""
            if peers_exist()
            else "No library is installed here (`make peers`): the loop without one stands for them. "
        )
        + f"The others attack {BATCH} images at a time.",
        f"The whole job: `advshard run --workers {WORKERS}` with the default attack on {JOB_IMAGES} images, into a "
        f"fresh store, from the first process to the last one's end; the script (`{SCRIPT.replace('.', '/')}.py`), "
        "with TensorFlow's default number of threads, attacks with all ten steps, measures success and SSIM and saves.",
    ]


def _task(folder: Path, model: str, images: int) -> Path:
    folder.mkdir()
    turns.run(
        [sys.executable, "-m", "bench.harness.task", str(folder), "--images", str(images), "--model", model],
        {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return folder


def _rounds(task: Path, rounds: int, budget: float) -> list[Row]:
    rows = taking_part = [Row(entrant) for entrant in entrants()]
    began = time.monotonic()
    for done in range(1, rounds + 1):
        files = {row.entrant.key: task / f"{row.entrant.key}.npy" for row in taking_part}
        for row in taking_part:
            row.samples[LEAN].append(turns.run(row.entrant.command(LEAN, task, files[row.entrant.key])))
        judge = [sys.executable, "-m", "bench.harness.judge", str(task), *map(str, files.values())]
        verdicts = turns.run(judge).said
        for row in taking_part:
            row.verdicts.append(verdicts[files[row.entrant.key].name])
            if row.wrong and row.entrant.side == "ours":
                raise RuntimeError(f"{row.entrant.name}: {row.wrong}")
        fastest = turns.median(best_of_others(rows).cpu)
        taking_part = [row for row in rows if row.entrant.side == "ours" or turns.median(row.cpu) <= BEHIND * fastest]
        if not _another_fits(began, done, budget):
            break
    return rows


def _jobs(scratch: Path, images: int, rounds: int, budget: float) -> dict[str, list[turns.Sample]]:
    task = _task(scratch / "job", "mobilenetv2", images)
    found: dict[str, list[turns.Sample]] = {"advshard": [], "script": []}
    began = time.monotonic()
    for done in range(1, rounds + 1):
        found["advshard"].append(turns.run(_run(task, scratch / f"store-{done}")))
        script = [sys.executable, "-m", SCRIPT, str(task), str(task / "attacked.npy"), "--batch", str(BATCH)]
        found["script"].append(turns.run(script))
        if not _another_fits(began, done, budget):
            break
    return found


def _run(task: Path, store: Path) -> list[str]:
    command = [sys.executable, "-m", "orchestrator", "run", "--workers", str(WORKERS), "--store", str(store)]
    return [*command, "--model", str(task / "model.keras"), "--data", str(task / "images.npy"), "--bounds", "0", "1"]


def _another_fits(began: float, done: int, budget: float) -> bool:
    spent = time.monotonic() - began
    return spent + spent / done <= budget


def _plain(row: Row) -> dict[str, Any]:
    return {"runs": [sample.plain() for sample in row.samples[LEAN]], "verdicts": row.verdicts}
