"""The charts of the page, as SVG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from core.run.report import ClassStatistics
from orchestrator.report.ledger_scan import Histogram

_INK, _BAR, _BAR_2, _BAR_3 = "#3d4654", "#2f6f9f", "#c9772e", "#e3b98c"


def class_chart(classes: list[ClassStatistics]) -> str:
    """Success rate and both mean SSIMs of each class, side by side."""
    chart, axes = _axes(6.0, 3.6)
    place = np.arange(len(classes))
    axes.bar(place - 0.27, [c.success_rate for c in classes], 0.27, label="success rate", color=_BAR)
    axes.bar(place, [c.ssim_mean or 0 for c in classes], 0.27, label="mean SSIM", color=_BAR_2)
    axes.bar(place + 0.27, [c.ssim_full_mean or 0 for c in classes], 0.27, label="mean SSIM, uncropped", color=_BAR_3)
    axes.set_xticks(place, [c.name for c in classes], rotation=35, ha="right")
    axes.set_ylim(0, 1.02)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return _svg(chart)


def ssim_chart(ssim: Histogram) -> str:
    """The distribution of the SSIM over all images and over the successes, and of the uncropped SSIM."""
    chart, axes = _axes(6.0, 3.6)
    plain: dict[str, Any] = {"x": ssim.edges[:-1], "bins": ssim.edges}
    line: dict[str, Any] = {"histtype": "step", "linewidth": 1.6}
    axes.hist(**plain, weights=ssim.all_images, label="all images", color=_BAR, alpha=0.45)
    axes.hist(**plain, **line, weights=ssim.successes, label="successes", color=_BAR_2)
    axes.hist(**plain, **line, weights=ssim.all_images_full, label="all images, uncropped SSIM", color=_INK)
    axes.set(xlabel="SSIM", ylabel="images")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return _svg(chart)


def _axes(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    chart = Figure(figsize=(width, height), layout="constrained")
    axes = chart.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=8)
    return chart, axes


def _svg(chart: Any) -> str:
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # The same statistics give the same page: no date, no random names inside the SVG.
    with rc_context({"svg.hashsalt": "advshard", "svg.fonttype": "none"}):
        chart.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue().decode()
    return text[text.index("<svg") :]
