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

`make chaos ARGS="--seed {seed}"` wrote this page on {date}, on a machine with two cores ({machine}).
{survived} of {total} rounds survived.

In each round a run of {images:,} images on two workers, in {tasks} shards or in four times as many of which a task
takes four (drawn at random), meets one fault after a random number of finished shards. It survives if it ends
complete (after `resume`, where a fault needs the user), no image is missing or duplicated, its audit passes, and
`attack_data.npy` equals that of a run with one shard, one worker and no fault, to the byte. *Recovery* is the time
from the fault to the next finished shard, or to the end of the run that `resume` finished; *extra attempts* are
those beyond one for each shard.

{table}

- A worker that is frozen or cut off is given up after the lease of 30 seconds; near the end of a run its shard gets a
  speculative attempt after 15 seconds.
- A shard is quarantined after 3 failed attempts. The count is in the store, and the rounds check that a new
  orchestrator respects it.
- For shards that always fail, *recovery* is the time that `resume --retry-quarantined` took on healthy workers.
- The memory limit of the test is below what TensorFlow needs, so that each of 8 tasks gets a new process.

Separate hosts with a link that is cut, and S3 servers that fail one write in ten or answer slowly, are tested in
`tests/integration/test_hosts.py` and `tests/integration/test_s3.py`; `.ci/run` plays four rounds of the table,
drawn anew for each commit.
"""


def table(rounds: Rounds) -> list[str]:
    """The rounds by fault, as Markdown."""
    lines = [
        "| fault | rounds | survived | extra attempts | recovery, s: median (largest) | whole run, s: median |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in rounds.items():
        extra, recovery = [each.attempts - each.shards for each in group], [each.recovery for each in group]
        cells = [
            name,
            len(group),
            sum(not each.wrong for each in group),
            f"{min(extra)} to {max(extra)}",
            f"{statistics.median(recovery):.1f} ({max(recovery):.1f})",
            f"{statistics.median(each.seconds for each in group):.0f}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def write_page(rounds: Rounds, skipped: dict[str, str], seed: str) -> None:
    """Write the page."""
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
