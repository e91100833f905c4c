from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.progress.progress import Progress, Rate
from orchestrator.progress.terminal import TerminalProgress, describe

START = Progress(total_shards=10, total_images=1000)


def test_the_rate_is_that_of_the_latest_work_units() -> None:
    rate = Rate()
    assert (rate.began, rate.per_second) == (False, None)
    rate.add(10.0, 200)
    assert (rate.began, rate.per_second) == (True, None)
    rate.add(11.0, 300)
    rate.add(12.0, 400)
    assert rate.per_second == 100
    for second in range(13, 13 + 64):
        rate.add(second, 400 + 10 * (second - 12))
    assert rate.per_second == 10, "what came long ago does not count"


def test_nothing_at_a_later_moment_is_no_rate() -> None:
    rate = Rate()
    rate.add(1.0, 5)
    rate.add(2.0, 5)
    assert rate.per_second is None


def test_a_snapshot_in_words() -> None:
    assert describe(START) == "waiting for workers"
    assert describe(replace(START, began=True)) == "waiting for workers", "nothing is finished"
    assert describe(replace(START, images=200)) == "waiting for workers", "nothing was finished here"
    some = replace(START, began=True, shards=1, images=200, successes=100)
    assert describe(some) == "success 0.500"
    more = replace(some, images=400, successes=300, rate=100.0)
    assert describe(more) == "100 images/s, success 0.750, 0:06 left"
    assert describe(replace(more, total_images=1_000_000)).endswith("2:46:36 left")


def test_faults_are_named() -> None:
    now = replace(START, resent=2, speculative_attempts=3, quarantined=1, note="broker away", phase="reduce")
    assert describe(now) == "reducing, 2 sent again, 3 speculative attempts, 1 quarantined, broker away"


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress("run x") as show:
        show(START)
        show(START)
        show(replace(START, shards=3))  # too soon after the first line
        show(replace(START, shards=10))
    assert capsys.readouterr().err.splitlines() == [
        "run x 0/10 shards, waiting for workers",
        "run x 10/10 shards, waiting for workers",
    ]
