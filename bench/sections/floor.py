"""How far the gradient is from the machine's matrix-multiply rate, and what each part of the engine is worth."""

from __future__ import annotations

import sys

from bench.harness.floor_parts import ALL_PARTS, ATTACK, BATCH, SHIPPED, SIDE
from bench.harness.results import Result, Statistic, Table
from bench.harness.turns import median, run


def measure(*, quick: bool) -> Result:
    """Run the process and make tables of its numbers."""
    said = run([sys.executable, "-m", "bench.harness.floor_parts", "2" if quick else "30"]).said
    rate, tables, statistics = median(said["matmul"]), [], []
    for name, flops in said["flops"].items():
        rows = [_row(part, samples, flops, rate) for part, samples in said["microseconds"][name].items()]
        columns = ["gradient of the loss", "us an image", "GFLOP/s", "share of the matrix-multiply rate"]
        title = f"{name}: {flops / 1e6:.1f} MFLOP an image, forward and backward, batches of {BATCH}"
        tables.append(Table(title=title, columns=columns, rows=rows))
    whole = flops_rate(said["flops"][SHIPPED], said["microseconds"][SHIPPED][ATTACK])
    statistics.append(Statistic(what="cnn, whole attack: share of the matrix-multiply rate", value=whole / rate))
    best = flops_rate(said["flops"][SHIPPED], said["microseconds"][SHIPPED][ALL_PARTS])
    statistics.append(Statistic(what="cnn, gradient: share of the matrix-multiply rate", value=best / rate))
    tables.append(_operations_table(said["operations"], rate))
    return Result(
        name="floor",
        title="Distance from the floor",
        command="python -m bench floor",
        tables=tables,
        statistics=statistics,
        notes=[
            f"One thread. Matrix multiply, {SIDE} x {SIDE} in float32: {rate:.0f} GFLOP/s (median). Each row of a "
            "table includes the changes of the rows above it. The attack is MI-FGSM without early stop."
        ],
        samples=said,
    )


def flops_rate(flops: float, microseconds: list[float]) -> float:
    """GFLOP/s."""
    return flops / median(microseconds) / 1e3


def _row(part: str, samples: list[float], flops: float, rate: float) -> list[str]:
    reached = flops_rate(flops, samples)
    return [part, f"{median(samples):.1f}", f"{reached:.0f}", f"{reached / rate:.2f}"]


def _operations_table(operations: list[tuple[str, float, float]], rate: float) -> Table:
    """Each operation with its arithmetic and the time that this would take at the matrix-multiply rate."""
    rows = [
        [name, f"{took:.1f}", f"{flops / 1e6:.2f}", f"{flops / rate / 1e3:.1f}"]
        if flops
        else [name, f"{took:.1f}", "", ""]
        for name, took, flops in operations
    ]
    took, flops = (sum(column) for column in zip(*(each[1:] for each in operations), strict=True))
    return Table(
        title="Where the time of the cnn's gradient goes",
        columns=["operation", "us", "MFLOP", "us at the matrix-multiply rate"],
        rows=[*rows, ["total", f"{took:.1f}", f"{flops / 1e6:.2f}", f"{flops / rate / 1e3:.1f}"]],
    )
