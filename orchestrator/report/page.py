"""Writes ``report.html``, a single self-contained file."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread

from core.reduce.history import describe
from core.run.layout import LEDGER, REPORT_PAGE
from core.run.manifest import Manifest
from core.run.report import Report
from core.run.run_store import RunStore
from orchestrator.report import reference as source
from orchestrator.report.charts import class_chart, ssim_chart
from orchestrator.report.gallery import cards
from orchestrator.report.ledger_scan import candidates, histogram
from orchestrator.report.statistic_text import statistic_text
from orchestrator.report.timing import seconds_of

_BROKEN_SHOWN = 50  # images that were left out


def warm_up() -> None:
    """Import in a thread what drawing a page needs."""

    def load() -> None:
        for name in ("jinja2", "matplotlib.figure", "matplotlib.backends.backend_svg"):
            import_module(name)

    Thread(target=load, daemon=True).start()


def write_page(run: RunStore, report: Report) -> None:
    """Draw the page of a reduced run and write it next to the report."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    manifest = run.manifest()
    ssim = run.results.read(LEDGER, histogram)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("template.html").render(
        report=report,
        manifest=manifest,
        history=describe(report.history, manifest.shards),
        seconds=seconds_of(run, report),
        headline=headline(report, manifest),
        class_chart=class_chart(report.classes) if report.classes else None,
        ssim_chart=ssim_chart(ssim) if ssim else None,
        broken_shown=_BROKEN_SHOWN,
        cards=cards(run, manifest, run.results.read(LEDGER, candidates)) if report.complete else [],
    )
    run.results.write(REPORT_PAGE, lambda file: file.write(page.encode()))


def headline(report: Report, manifest: Manifest) -> list[tuple[str, str, str, str]]:
    """The rows of the first table: name, value, the source experiment's value or "", and meaning."""
    comparable = manifest.data.name == source.COMPARABLE and report.n_images == 10_000 and report.complete
    model_accuracy = {"cnn": source.CNN_ACCURACY, "mlp": source.MLP_ACCURACY}.get(manifest.model.name)

    def theirs(value: float | None, places: int = 4) -> str:
        return f"{value:,.{places}f}" if comparable and value is not None else ""

    ours = partial(statistic_text, report)
    cpu = report.timing["shards_cpu_seconds"]
    return [
        (
            "Success rate",
            ours("success_rate"),
            theirs(source.SUCCESS_RATE),
            "the attack changed the prediction; share of all images",
        ),
        ("Success rate, 8 bits", ours("success_rate_uint8"), "", "after rounding to the 256 levels of a pixel"),
        (
            "Clean accuracy",
            ours("clean_accuracy"),
            theirs(model_accuracy),
            "predicted as the label before the attack",
        ),
        ("Robust accuracy", ours("robust_accuracy"), "", "predicted as the label before and after the attack"),
        ("Error rate", ours("error_rate"), "", "not predicted as the label after the attack"),
        (
            "Mean SSIM",
            ours("ssim_mean"),
            theirs(source.SSIM_MEAN),
            "11x11 Gaussian window, sigma 1.5; windows that lie wholly inside the image",
        ),
        ("Mean SSIM, successes", ours("ssim_mean_success"), "", "the same over the successes alone"),
        ("Mean SSIM, uncropped", ours("ssim_full_mean"), "", "the windows around every pixel of the image"),
        ("Largest change", ours("linf_max"), "", "of a pixel, L-infinity"),
        (
            "CPU seconds",
            f"{cpu:,.1f}",
            theirs(source.CPU_SECONDS, 2),
            "attack and measurement, over all shards",
        ),
    ]
