"""Images and charts as data URLs, so that the page is one file."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.run.report import ClassStatistics

_INK, _BAR, _BAR_2 = "#3d4654", "#2f6f9f", "#c9772e"


def image_url(pixels: NDArray[np.uint8]) -> str:
    """A PNG of an image (H, W, C): grey for one channel, else its first three (or the first) channels."""
    from PIL import Image

    flat = pixels[..., 0] if pixels.shape[-1] < 3 else np.ascontiguousarray(pixels[..., :3])
    buffer = io.BytesIO()
    Image.fromarray(flat).save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def class_chart(classes: list[ClassStatistics]) -> str:
    """Success rate and mean SSIM of each class, side by side."""
    figure, axes = _axes(6.0, 3.6)
    place = np.arange(len(classes))
    axes.bar(place - 0.2, [c.success_rate for c in classes], 0.4, label="success rate", color=_BAR)
    axes.bar(place + 0.2, [c.ssim_mean or 0 for c in classes], 0.4, label="mean SSIM", color=_BAR_2)
    axes.set_xticks(place, [c.name for c in classes], rotation=35, ha="right")
    axes.set_ylim(0, 1.02)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return _svg(figure)


def ssim_chart(edges: NDArray[np.float64], all_images: NDArray[np.int64], successes: NDArray[np.int64]) -> str:
    """How the SSIM is distributed, over all images and over the successes."""
    figure, axes = _axes(6.0, 3.6)
    plain: dict[str, Any] = {"x": edges[:-1], "bins": edges}
    axes.hist(**plain, weights=all_images, label="all images", color=_BAR, alpha=0.45)
    axes.hist(**plain, weights=successes, label="successes", histtype="step", linewidth=1.6, color=_BAR_2)
    axes.set(xlabel="SSIM", ylabel="images")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return _svg(figure)


def _axes(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=8)
    return figure, axes


def _svg(figure: Any) -> str:
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # The same figures give the same page: no date, no random names inside the SVG.
    with rc_context({"svg.hashsalt": "advshard", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue().decode()
    return text[text.index("<svg") :]
