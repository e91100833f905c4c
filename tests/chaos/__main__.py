"""Runs with a fault each, at a random moment: the result must be that of an undisturbed run.

make chaos                      # prints the table and writes docs/reliability.md
python -m tests.chaos --rounds 6 --seed 7
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import click

from core.store import ATTACK_DATA, RunStore
from tests.chaos.faults import FAULTS, ORCHESTRATOR
from tests.processes import ROOT, command, descendants, only_run, processes, started, wait_for

SHARDS = 48
SIZE = ("--limit", "1920", "--shards", str(SHARDS), "--workers", "2")
PAGE = ROOT / "docs" / "reliability.md"


@dataclass(frozen=True)
class Round:
    """What became of one disturbed run. recovery: seconds from the fault to the next finished shard."""

    fault: str
    at: int
    survived: str  # "" or what was wrong
    executions: int
    recovery: float
    seconds: float


def disturbed(fault: str, rng: random.Random, expected: bytes, store: Path) -> Round:
    """One run with one fault, after a random number of its shards."""
    at, began = rng.randrange(2, SHARDS - 8), time.monotonic()
    with started("run", *SIZE, "--store", str(store)) as process:
        run = only_run(store)
        wait_for(lambda: len(run.done()) >= at)
        before, hit = len(run.done()), time.monotonic()
        if fault == ORCHESTRATOR:
            children = descendants(process.pid)
            time.sleep(rng.random() * 5)  # also in the reduce, and while the page is drawn
            process.kill()
            process.wait()
            wait_for(lambda: not set(children) & set(processes()), timeout=15)
            wrong = _finish(run, expected, ("resume", run.url, "--workers", "2"))
            recovery = time.monotonic() - hit
        else:
            FAULTS[fault](process, run, rng)
            wait_for(lambda: len(run.done()) > before or process.poll() is not None)
            recovery = time.monotonic() - hit
            process.communicate(timeout=120)
            wrong = "" if process.returncode == 0 else f"exit code {process.returncode}"
            wrong = wrong or _wrong(run, expected)
    report = run.report()
    return Round(fault, at, wrong, report.executions if report else 0, recovery, time.monotonic() - began)


def _finish(run: RunStore, expected: bytes, arguments: tuple[str, ...]) -> str:
    done = command(*arguments)
    return _wrong(run, expected) if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr[-200:]}"


def _wrong(run: RunStore, expected: bytes) -> str:
    report = run.report()
    if report is None or not report.complete or report.n_images != 1920:
        return "the report is missing or not complete"
    if failed := [check.name for check in report.audit if not check.passed]:
        return f"audit failed: {failed}"
    return "" if run.result_bytes(ATTACK_DATA) == expected else "other bytes"


def table(rounds: list[Round]) -> list[str]:
    """The rounds by fault, as Markdown."""
    by_fault: dict[str, list[Round]] = defaultdict(list)
    for each in rounds:
        by_fault[each.fault].append(each)
    lines = [
        "| fault | rounds | survived | executions for 48 shards | next shard after, median s | run, median s |",
        "|---|---|---|---|---|---|",
    ]
    for fault, group in by_fault.items():
        executions = sorted(each.executions for each in group)
        lines.append(
            f"| {fault} | {len(group)} | {sum(not each.survived for each in group)} "
            f"| {executions[0]} to {executions[-1]} | {statistics.median(each.recovery for each in group):.1f} "
            f"| {statistics.median(each.seconds for each in group):.0f} |"
        )
    return lines


@click.command()
@click.option("--rounds", default=33, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(rounds: int, seed: int) -> None:
    """Disturb runs, print what became of them, and write the page if all survived."""
    results: list[Round] = []
    names = [*FAULTS, ORCHESTRATOR]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command("run", *SIZE, "--store", str(folder / "undisturbed"))
        expected = only_run(folder / "undisturbed").result_bytes(ATTACK_DATA)
        for number in range(rounds):
            rng = random.Random(f"{seed}-{number}")
            result = disturbed(names[number % len(names)], rng, expected, folder / str(number))
            results.append(result)
            click.echo(
                f"round {number} (seed {seed}): {result.fault} after {result.at} shards: "
                f"{result.survived or 'survived'}, {result.executions} executions, {result.seconds:.0f} s"
            )
    lines = table(results)
    click.echo("\n".join(lines))
    if any(each.survived for each in results):
        raise SystemExit(1)
    page = [
        "# What a run survives",
        "",
        f"`python -m tests.chaos --rounds {rounds} --seed {seed}` made this page: 1,920 images in 48",
        "shards on the embedded server and two workers, each run with one fault after a random number of its shards.",
        "A run survives if it ends complete, its audit passes, and `attack_data.npy` is the undisturbed run's, to the",
        "byte.",
        "",
        *lines,
        "",
        "For the orchestrator, the time is that until the resumed run has ended. A frozen worker is missed after the",
        "lease of 30 seconds. `tests/integration/test_faults.py` holds the same and more in every test run: a shard",
        "that always kills its worker, external workers, a worker that is asked to stop, two commands on one run.",
    ]
    PAGE.write_text("\n".join(page) + "\n")


if __name__ == "__main__":
    main()
