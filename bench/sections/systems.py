"""Every system of the source experiment, run as a user would run it, beside the source's own results."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.harness import turns
from bench.harness.results import Result, Table
from core.run.layout import REPORT
from core.run.report import Report

QUICK = 100  # images


@dataclass(frozen=True)
class System:
    """One row: options of ``run``, the source's result, why the two differ, and the number of images."""

    name: str
    options: str
    source: str
    why: str = ""
    limit: int = 10_000

    def command(self, store: Path, limit: int) -> list[str]:
        """The command of this row."""
        limited = [] if limit >= 10_000 else ["--limit", str(limit)]
        return [
            sys.executable, "-m", "orchestrator", "run", *shlex.split(self.options), *limited, "--store", str(store)
        ]  # fmt: skip

    @property
    def shown(self) -> str:
        """The options as the page shows them."""
        limited = "" if self.limit >= 10_000 else f" --limit {self.limit}"
        return f"`{self.options}{limited}`"


_NOISE = "theirs are tenths, measured on about ten images"
NOISES = tuple(
    System(f"{what}, {model}", f"--attack {options} --model {model}", source, _NOISE)
    for what, options, sources in (
        ("salt and pepper, 18%", "salt-pepper --set share=0.18", ("accuracy 0.2, SSIM 0.3010", "accuracy 0.3")),
        ("the same, as their code did it: twice the share", "salt-pepper --set share=0.36", ("", "")),
        ("salt and pepper, 23%", "salt-pepper --set share=0.23", ("accuracy 0.2, SSIM 0.2295", "accuracy 0.2")),
        ("the same, as their code did it: twice the share", "salt-pepper --set share=0.46", ("", "")),
        (
            "Gaussian, mean 0.8, variance 0.5",
            "gaussian --set mean=0.8 --set variance=0.5",
            ("accuracy 0, SSIM 0.1576", "accuracy 0.2"),
        ),
    )
    for model, source in zip(("mlp", "cnn"), sources, strict=True)
)
GRADIENTS = (
    System("FGSM", "--attack fgsm", ""),
    System("iFGSM", "--attack ifgsm", ""),
    System("iFGSM from random points, 3 restarts", "--attack ifgsm --set random_start=true --set restarts=3", ""),
    System(
        "MI-FGSM with the iFGSM fallback, the default",
        "",
        "success 0.8097, SSIM 0.9116",
        "their gradient was always taken at the clean image",
    ),
    System("MI-FGSM in L2", "--set norm=l2", ""),
    System("MI-FGSM to the least likely class", "--target least-likely --steps 40", ""),
    System("MI-FGSM on the MLP", "--model mlp", ""),
)
OTHERS = (
    System(
        "composition as in the source: best of 150, fixed shares",
        "--attack composition --set search=sampled --set blend=fixed",
        "about 30 s an image",
        "they compared with scikit-image, one pair at a time",
    ),
    System("composition: best of all, fixed shares", "--attack composition --set blend=fixed", "judged unaffordable"),
    System("composition: best of all, smallest share that flips", "--attack composition", "judged unaffordable"),
    System(
        "the same for an unknown model: the MLP decides",
        "--attack composition --set surrogate=mlp",
        "",
    ),
    System("one pixel", "--attack one-pixel", "left for lack of computing power", limit=1000),
    System("three pixels", "--attack one-pixel --set pixels=3", "", limit=1000),
    System("DeepFool in L2", "--attack deepfool", "in their references", limit=1000),
    System("DeepFool in L-infinity", "--attack deepfool --set norm=linf", "", limit=1000),
    System("advGAN", "--attack advgan", "left for lack of computing power"),
    System("advGAN on the MLP", "--attack advgan --model mlp", ""),
    System("a cascade", "--attack fgsm,mifgsm,deepfool", ""),
)
SYSTEMS = (*NOISES, *GRADIENTS, *OTHERS)


def measure(*, quick: bool) -> Result:
    """Run all systems, one after the other."""
    rows, samples = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, system in enumerate(SYSTEMS):
            store = Path(scratch) / str(number)
            sample = turns.run(system.command(store, QUICK if quick else system.limit))
            (path,) = store.glob(f"*/{REPORT}")
            report = Report.model_validate_json(path.read_text())
            if not all(check.passed for check in report.audit):
                raise RuntimeError(f"{system.name}: {[check for check in report.audit if not check.passed]}")
            rows.append([system.name, system.shown, *_statistics(report), system.source, system.why])
            samples[f"{system.name}: {system.options}"] = {
                "wall": sample.wall,
                "cpu": sample.cpu,
                "report": json.loads(report.model_dump_json(exclude={"classes", "history", "audit"})),
            }
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    return Result(
        name="systems",
        title="One command each",
        command="python -m bench systems",
        tables=[Table(columns=["", "`advshard run`", *_COLUMNS, "source", "why they differ"], rows=rows)],
        notes=[
            "Success: the prediction on the adversarial image differs from that on the clean one, over all images; "
            "accuracy: it is the label; robust accuracy: both are. SSIM over all images; uncropped: with the "
            "windows around every pixel. CPU: milliseconds of the workers for each image, measurements included."
        ],
        samples=samples,
    )


_COLUMNS = ("success", "accuracy", "robust accuracy", "SSIM", "uncropped", "mean L2", "at the target", "CPU ms")
_READ: tuple[Callable[[Report], float | None], ...] = (
    lambda report: report.success_rate,
    lambda report: None if report.error_rate is None else 1 - report.error_rate,
    lambda report: report.robust_accuracy,
    lambda report: report.ssim_mean,
    lambda report: report.ssim_full_mean,
    lambda report: report.means["l2"],
    lambda report: report.target_rate,
    lambda report: 1000 * report.timing["shards_cpu_seconds"] / report.n_images,
)


def _statistics(report: Report) -> list[str]:
    values = [read(report) for read in _READ]
    return ["" if value is None else f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}" for value in values]
