"""Some images of the run: clean, adversarial, and their magnified difference."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images, to_float, to_uint8
from core.run.index_map import NO_LABEL
from core.run.manifest import Manifest
from core.run.run_store import RunStore

SUCCESSES, OTHERS = 16, 4  # of them at most


@dataclass(frozen=True)
class Card:
    """One image of the gallery and its row of the ledger; label: None in a set without labels."""

    index: int
    clean: str
    adversarial: str
    difference: str
    label: str | None
    clean_prediction: str
    adversarial_prediction: str
    success: bool
    ssim: float
    ssim_full: float
    linf: float
    steps: int
    attack: str
    reason: str
    magnified: float


def cards(run: RunStore, manifest: Manifest, ledger: dict[str, NDArray[Any]]) -> list[Card]:
    """Successes of each class in turn, then failures and fallbacks. ``ledger`` is what ``candidates`` returned."""
    data, rows = manifest.data, choose(ledger)
    indices = ledger["index"][rows]
    clean = to_float(run.inputs.chosen_images(data, indices), manifest.config.bounds)
    adversarial = run.results.chosen_attack_data(data, indices)
    return [_card(manifest, ledger, row, *pair) for row, *pair in zip(rows, clean, adversarial, strict=True)]


def choose(ledger: dict[str, NDArray[Any]]) -> list[int]:
    """The rows of a ledger that the gallery shows: successes of each class in turn, then failures and fallbacks."""
    success, classes = ledger["success"], classes_of(ledger["label"], ledger["clean_prediction"])
    queues = [list(np.flatnonzero(success & (classes == each))[:SUCCESSES]) for each in np.unique(classes)]
    chosen: list[int] = []
    while len(chosen) < SUCCESSES and any(queues):
        chosen += [int(queue.pop(0)) for queue in queues if queue]
    chosen = chosen[:SUCCESSES]
    fallbacks = np.flatnonzero(ledger["fallback_reason"] != "")[:OTHERS]
    failures = np.flatnonzero(~success)[:OTHERS]
    rest = [int(row) for row in (*failures, *fallbacks)]
    return list(dict.fromkeys(chosen + rest))


def classes_of(labels: NDArray[np.int64], clean_predictions: NDArray[np.int64]) -> NDArray[np.int64]:
    """What images are grouped by: their labels, or in a set without labels (NO_LABEL) their clean predictions."""
    return np.where(labels == NO_LABEL, clean_predictions, labels)


def _card(manifest: Manifest, ledger: dict[str, NDArray[Any]], row: int, clean: Images, adversarial: Images) -> Card:
    bounds, data = manifest.config.bounds, manifest.data
    change = adversarial.astype(np.float64) - clean
    largest = float(np.abs(change).max())
    grey = np.rint(127.5 + (change / largest if largest else change) * 127.5).astype(np.uint8)

    def name(column: str) -> str:
        value = int(ledger[column][row])
        return data.class_names[value] if value < len(data.class_names) else str(value)

    return Card(
        index=int(ledger["index"][row]),
        clean=_image_url(to_uint8(clean, bounds)),
        adversarial=_image_url(to_uint8(adversarial, bounds)),
        difference=_image_url(grey),
        label=None if manifest.data.labels is None else name("label"),
        clean_prediction=name("clean_prediction"),
        adversarial_prediction=name("adversarial_prediction"),
        success=bool(ledger["success"][row]),
        ssim=float(ledger["ssim"][row]),
        ssim_full=float(ledger["ssim_full"][row]),
        linf=float(ledger["linf"][row]),
        steps=int(ledger["steps"][row]),
        attack=str(ledger["attack"][row]),
        reason=str(ledger["fallback_reason"][row]),
        magnified=(bounds[1] - bounds[0]) / 2 / largest if largest else 0.0,
    )


def _image_url(pixels: NDArray[np.uint8]) -> str:
    """A PNG of an image (H, W, C): grey with fewer than three channels, else of the first three. As a data URL."""
    from PIL import Image

    flat = pixels[..., 0] if pixels.shape[-1] < 3 else np.ascontiguousarray(pixels[..., :3])
    buffer = io.BytesIO()
    Image.fromarray(flat).save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
