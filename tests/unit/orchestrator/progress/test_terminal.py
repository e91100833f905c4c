from __future__ import annotations

import pytest

from orchestrator.progress.progress import State
from orchestrator.progress.terminal import Display, describe


def state() -> State:
    return State(total=10, images=1000)


def test_the_rate_is_that_of_the_shards_that_came_lately() -> None:
    now = state()
    assert describe(now) == "waiting for workers"
    now.recent.append((9.0, 0))  # from whoever only looks on
    assert describe(now) == "waiting for workers"
    now.done, now.images_done, now.successes = 1, 200, 100
    now.recent[0] = (10.0, 200)
    assert describe(now) == "success 0.500"
    now.done, now.images_done, now.successes = 4, 400, 300
    now.recent.extend([(11.0, 300), (12.0, 400)])
    assert describe(now) == "100 images/s, success 0.750, 0:06 left"
    now.images = 1_000_000
    assert describe(now).endswith("2:46:36 left")


def test_what_went_wrong_is_said() -> None:
    now = state()
    now.retries, now.quarantined, now.note, now.phase = 2, 1, "broker away", "reduce"
    assert describe(now) == "reducing, 2 sent again, 1 quarantined, broker away"


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    now = state()
    with Display("run x") as show:
        show(now)
        show(now)
        now.done = 3  # too soon after the first line
        show(now)
        now.done = 10
        show(now)
    assert capsys.readouterr().err.splitlines() == [
        "run x 0/10 shards, waiting for workers",
        "run x 10/10 shards, waiting for workers",
    ]
