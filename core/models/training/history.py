"""Saves a training history: per metric, a list with one value per epoch."""

from __future__ import annotations

import csv
from pathlib import Path


def save_history(history: dict[str, list[float]], path: Path) -> None:
    """Write the history as CSV, one row per epoch."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows([epoch, *row] for epoch, row in enumerate(zip(*history.values(), strict=True), 1))


def save_curves(history: dict[str, list[float]], path: Path) -> None:
    """Plot training and validation loss and accuracy over the epochs, and save the chart."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[key]) + 1)
        axes.plot(epochs, history[key], label="training")
        axes.plot(epochs, history[f"val_{key}"], label="validation")
        axes.set(xlabel="epoch", ylabel=key)
        axes.legend()
    figure.savefig(path)
