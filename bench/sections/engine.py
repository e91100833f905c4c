"""Our engine against other libraries: CPU time, wall time and success of the same attack."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.harness import turns
from bench.harness.entrants import DEFAULT, EARLY_STOP, ENTRANTS, EVERY_STEP, LEAN, WIDE, Entrant, check_peers
from bench.harness.results import Result, Statistic, Table
from orchestrator.report.reference import CPU_SECONDS

IMAGES, ROUNDS = 10_000, 3
BEHIND = 1.5  # times the fastest library's CPU time: beyond it, one round is enough
WAYS = (LEAN, WIDE)


@dataclass
class Row:
    """The samples of one entrant, in each of its ways."""

    entrant: Entrant
    samples: dict[str, list[turns.Sample]] = field(default_factory=lambda: {way: [] for way in WAYS})
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    def said(self, way: str, what: str) -> list[float]:
        """A value that its processes reported, round by round."""
        return [sample.said[what] for sample in self.samples[way]]

    @property
    def cpu(self) -> list[float]:
        """CPU seconds of the attack, round by round: ours with one thread, a library's in the cheaper way it ran in."""
        ways = [LEAN] if self.entrant.side == "ours" else [way for way in WAYS if self.samples[way]]
        return min((self.said(way, "cpu_seconds") for way in ways), key=turns.median)

    @property
    def wall(self) -> list[float]:
        """Seconds of the attack on all cores."""
        return self.said(WIDE, "seconds")

    @property
    def success(self) -> float:
        """The lowest success rate."""
        return min(float(verdict["success"]) for verdict in self.verdicts)

    @property
    def wrong(self) -> str:
        """What the judge found wrong, if anything."""
        return next((str(verdict["wrong"]) for verdict in self.verdicts if verdict["wrong"]), "")


def measure(*, quick: bool) -> Result:
    """Run all entrants once, then only those that can still be the fastest."""
    check_peers()
    images, rounds = (500, 1) if quick else (IMAGES, ROUNDS)
    with tempfile.TemporaryDirectory() as scratch:
        rows = _rounds(Path(scratch), images, rounds)
    by_name = {row.entrant.name: row for row in rows}
    every, early, default = (by_name[entrant.name] for entrant in (EVERY_STEP, EARLY_STOP, DEFAULT))
    for row in (every, early, default):
        if row.wrong:
            raise RuntimeError(f"{row.entrant.name}: {row.wrong}")
    best = best_peer(rows)
    return Result(
        name="engine",
        title="Engine against its peers",
        command="python -m bench engine",
        tables=[table(rows, best)],
        statistics=statistics(every, early, default, best, images),
        notes=notes(best, images, rounds),
        samples={row.entrant.name: _plain(row) for row in rows},
    )


def best_peer(rows: list[Row]) -> Row:
    """The peer with the least CPU time, of those whose images are valid."""
    return min(
        (row for row in rows if row.entrant.side == "peer" and not row.wrong), key=lambda row: turns.median(row.cpu)
    )


def table(rows: list[Row], best: Row) -> Table:
    """A row for each entrant."""
    return Table(
        columns=["", "attack", "CPU s", f"relative to {best.entrant.name}", "wall s", "success", "batch"],
        rows=[
            [
                row.entrant.name,
                row.entrant.attack,
                f"{turns.median(row.cpu):.2f}",
                f"{turns.ratio(row.cpu, best.cpu[: len(row.cpu)]):.2f}",
                f"{turns.median(row.wall):.2f}",
                row.wrong or f"{row.success:.4f}",
                f"{row.said(LEAN, 'batch')[0]:.0f}",
            ]
            for row in rows
        ],
    )


def statistics(every: Row, early: Row, default: Row, best: Row, images: int) -> list[Statistic]:
    """The comparison in numbers, with their targets."""
    peer = best.entrant.name
    theirs = CPU_SECONDS * images / IMAGES
    return [
        Statistic(what=f"CPU time of the same steps, relative to {peer}", value=turns.ratio(every.cpu, best.cpu)),
        Statistic(
            what=f"CPU time of the same steps, relative to {peer} with its default number of threads",
            value=turns.ratio(every.cpu, best.said(WIDE, "cpu_seconds")),
        ),
        Statistic(what=f"success of the same steps, minus that of {peer}", value=every.success - best.success),
        Statistic(what=f"CPU time with early stop, relative to {peer}", value=turns.ratio(early.cpu, best.cpu)),
        Statistic(what=f"success with early stop, minus that of {peer}", value=early.success - best.success),
        Statistic(what=f"CPU time of the default, relative to {peer}", value=turns.ratio(default.cpu, best.cpu)),
        Statistic(what=f"success of the default, minus that of {peer}", value=default.success - best.success),
        Statistic(
            what=f"wall time of the same steps on all cores, relative to {peer}",
            value=turns.ratio(every.wall, best.wall),
        ),
        *(
            Statistic(
                what=f"the source's CPU seconds for its MI-FGSM, {CPU_SECONDS:,}, as a multiple of ours, {how}",
                value=theirs / turns.median(row.cpu),
            )
            for how, row in (("same steps", every), ("default", default))
        ),
    ]


def notes(best: Row, images: int, rounds: int) -> list[str]:
    """How it was measured."""
    versions = best.samples[LEAN][0].said["versions"]
    with_versions = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [
        f"{images:,} test images of Fashion-MNIST, the shipped `cnn`, epsilon 20/255, 10 steps of 3/255, decay 0.25, "
        f"labels = clean predictions. Medians of {rounds} rounds, run alternately; a ratio is the median of the "
        f"rounds' ratios. A library that took over {BEHIND} times the CPU time of the fastest ran one round only. "
        "The attack alone, after a warm-up: neither imports nor loading. Every process has the same weights; each "
        "script compares the logits first. One judge, our model, checked the images of every run: success, "
        "epsilon, bounds.",
        "CPU s: ours with one thread; a library's with one thread or its default number of threads, whichever takes "
        "less. Wall s: ours with two processes and half of the images each; a library's with its default number of "
        "threads. Each library runs at its fastest batch size of 64, 128, 250 and 500.",
        f"{best.entrant.name} needs the least CPU time of the libraries ({with_versions}). The libraries run all "
        "ten steps on every image, as we do without early stop. "
        "CleverHans also runs with oneDNN's kernels, which our workers enable and TensorFlow enables by itself only on "
        "processors with VNNI. BIM is MI-FGSM without momentum and slightly cheaper; it is used where Foolbox's "
        "MI-FGSM in L-infinity accumulates signs instead of gradients and ART's does not support TensorFlow.",
    ]


def _rounds(scratch: Path, images: int, rounds: int) -> list[Row]:
    turns.run([sys.executable, "-m", "bench.harness.task", str(scratch), "--images", str(images)])
    rows = [Row(entrant) for entrant in ENTRANTS]
    taking_part = rows
    for _ in range(rounds):
        places = [(row.entrant.key, way) for row in taking_part for way in WAYS]
        files = {(key, way): scratch / f"{key}.{way}.npy" for key, way in places}
        for row in taking_part:
            for way in WAYS:
                command = row.entrant.command(way, scratch, files[row.entrant.key, way])
                row.samples[way].append(turns.run(command, dict(row.entrant.environment)))
        judge = [sys.executable, "-m", "bench.harness.judge", str(scratch), *map(str, files.values())]
        verdicts = turns.run(judge).said
        for row in taking_part:
            row.verdicts += [verdicts[files[row.entrant.key, way].name] for way in WAYS]
        fastest = turns.median(best_peer(rows).cpu)
        taking_part = [row for row in rows if turns.median(row.cpu) <= BEHIND * fastest]
    return rows


def _plain(row: Row) -> dict[str, Any]:
    runs = {way: [sample.plain() for sample in samples] for way, samples in row.samples.items()}
    return {**runs, "verdicts": row.verdicts}
