"""``report.html``: one self-contained file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.contracts import Manifest, Report
from core.store import LEDGER, REPORT_PAGE, RunStore
from orchestrator.history import describe
from orchestrator.report import source
from orchestrator.report.gallery import cards
from orchestrator.report.pictures import class_chart, ssim_chart

_COLUMNS = (
    "index",
    "label",
    "clean_prediction",
    "adversarial_prediction",
    "success",
    "attack",
    "fallback_reason",
    "steps",
    "ssim",
    "linf",
)


def write_page(run: RunStore, report: Report) -> None:
    """Draw the page of a reduced run and put it beside its report."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    manifest = run.manifest()
    table = pq.read_table(io.BytesIO(run.result_bytes(LEDGER)), columns=list(_COLUMNS))
    ledger: dict[str, NDArray[Any]] = {name: table.column(name).to_numpy() for name in _COLUMNS}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("template.html").render(
        report=report,
        manifest=manifest,
        history=describe(report.history, manifest.shards) if report.history else "",
        headline=headline(report, manifest),
        class_chart=class_chart(report.classes),
        ssim_chart=None
        if np.isnan(ledger["ssim"]).any()
        else ssim_chart(ledger["ssim"], ledger["ssim"][ledger["success"]]),
        cards=cards(run, manifest, ledger) if report.complete else [],
    )
    run.write_result(REPORT_PAGE, lambda file: file.write(page.encode()))


def headline(report: Report, manifest: Manifest) -> list[tuple[str, str, str, str]]:
    """Rows of the headline table: name, our figure, the source's or "", and what it means."""
    comparable = manifest.data.name == source.COMPARABLE and report.n_images == 10_000 and report.complete
    model_accuracy = {"cnn": source.CNN_ACCURACY, "mlp": source.MLP_ACCURACY}.get(manifest.model.name)

    def theirs(value: float | None, places: int = 4) -> str:
        return f"{value:,.{places}f}" if comparable and value is not None else ""

    def ours(value: float | None) -> str:
        return "not defined" if value is None else f"{value:.4f}"

    cpu = report.timing["shards_cpu_seconds"]
    return [
        (
            "Success rate",
            ours(report.success_rate),
            theirs(source.SUCCESS_RATE),
            "prediction on the adversarial image differs from that on the clean one, over all images",
        ),
        ("Mean SSIM, all images", ours(report.ssim_mean), theirs(source.SSIM_MEAN), "11x11 Gaussian window, sigma 1.5"),
        ("Mean SSIM, successes", ours(report.ssim_mean_success), "", "the same over the successes alone"),
        (
            "Success rate, 8 bits",
            ours(report.success_rate_uint8),
            "",
            "after rounding the adversarial image to 256 levels",
        ),
        ("Clean accuracy", ours(report.clean_accuracy), theirs(model_accuracy), "of the attacked model"),
        ("Error rate", ours(report.error_rate), "", "prediction on the adversarial image differs from the label"),
        ("Largest change", ours(report.linf_max), "", "of a pixel, L-infinity"),
        (
            "CPU seconds of the shards",
            f"{cpu:,.1f}",
            theirs(source.CPU_SECONDS, 2),
            "attack and measurement, all workers",
        ),
    ]
