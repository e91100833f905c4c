"""docs/reliability.md: what the rounds showed."""

from __future__ import annotations

import platform
import statistics
from datetime import UTC, datetime

from core.runtime.fingerprint import processor
from tests.chaos.place import IMAGES, TASKS, Outcome
from tests.processes import ROOT

Rounds = dict[str, list[Outcome]]

_PAGE = """\
# What a run survives

`make chaos ARGS="--seed {seed}"` made this page on {date}, on a machine with two cores ({machine}).
{survived} of {total} rounds survived.

In each round a run of {images:,} images in {tasks} shards, or in four times as many of which a task takes four
together (drawn at random), on two workers, meets one fault after a random number of its shards. It survives if it ends
complete (after `resume`, where a fault needs the user), no image is missing or there twice, its audit passes, and
`attack_data.npy` is that of a run with one shard, one worker and no fault, to the byte. *Back after* is the time from
the fault to the next finished shard, or to the end of the run that `resume` finished; *more executions* are those
beyond one of each shard.

{table}

- A worker that is frozen or cut off is missed after the lease of 30 seconds; near the end of a run a second copy of
  its shard is sent after 15 seconds.
- A shard is quarantined after 3 failed executions. The count is in the store, and the rounds check that a new
  orchestrator keeps to it.
- Of the shards that always fail, *back after* is the time that `resume --retry-quarantined` took on healthy workers.
- The memory limit of the test is below what TensorFlow needs, so that each of 8 tasks gets a new process.

Hosts of their own with a link that is cut, and S3 servers that fail one write in ten or answer slowly, are in
`tests/integration/test_hosts.py` and `tests/integration/test_s3.py`; `.ci/run` plays four rounds of the table,
drawn anew for each commit.
"""


def table(rounds: Rounds) -> list[str]:
    """The rounds by fault, as Markdown."""
    lines = [
        "| fault | rounds | survived | more executions | back after, s: median (largest) | whole run, s: median |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in rounds.items():
        more, recovery = [each.executions - each.shards for each in group], [each.recovery for each in group]
        cells = [
            name,
            len(group),
            sum(not each.wrong for each in group),
            f"{min(more)} to {max(more)}",
            f"{statistics.median(recovery):.1f} ({max(recovery):.1f})",
            f"{statistics.median(each.seconds for each in group):.0f}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def write_page(rounds: Rounds, skipped: dict[str, str], seed: str) -> None:
    """Write it."""
    outcomes = [each for group in rounds.values() for each in group]
    text = _PAGE.format(
        seed=seed,
        date=datetime.now(UTC).date(),
        machine=f"{processor()}, Python {platform.python_version()}",
        images=IMAGES,
        tasks=TASKS,
        total=len(outcomes),
        survived=sum(not each.wrong for each in outcomes),
        table="\n".join([*table(rounds), *(f"| {name} | skipped: {why} | | | | |" for name, why in skipped.items())]),
    )
    (ROOT / "docs" / "reliability.md").write_text(text)
