"""Flower beside a run: its page behind a password, a row per shard and one for the run, and its end."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.processes import only_run, processes, started, wait_for


def ask(url: str, password: str | None) -> Any:
    """The JSON at ``url``, the HTTP status if it is an error, or None where nobody listens."""
    request = urllib.request.Request(url)  # noqa: S310
    if password is not None:
        token = base64.b64encode(f"advshard:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


def flower_at(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Flower's address and password, as the command says them first."""
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.fullmatch(r"Flower at (http://127\.0\.0\.1:\d+), user advshard, password (\S+)\n", line)
    assert found, line
    return found[1], found[2]


def test_flower_shows_the_run_while_it_goes_on(tmp_path: Path) -> None:
    # So small an epsilon flips hardly an image: all steps are made, which takes minutes.
    slow = ("--eps", "0.004", "--steps", "100")
    arguments = ("--limit", "4000", "--shards", "400", *slow, "--workers", "1", "--store", str(tmp_path))
    with started("run", *arguments, "--flower") as process:
        url, password = flower_at(process)
        run = only_run(tmp_path)
        run_id = run.manifest().run_id
        assert not any(password in command for _, command in processes().values()), "in the process list"

        def row() -> Any:
            tasks = ask(f"{url}/api/tasks?taskname=run", password)
            return isinstance(tasks, dict) and tasks.get(run_id)

        first = wait_for(lambda: (found := row()) and found["state"] == "PROGRESS" and found, timeout=60)
        assert re.match(r"\d+/400 shards, .*mifgsm on cnn, fashion-mnist/t10k", first["args"])
        wait_for(lambda: row()["args"] != first["args"], timeout=60)
        shards = ask(f"{url}/api/tasks?taskname=tasks.shard", password)
        assert any(re.match(rf"run {run_id} shards \d+-\d+/400", each["args"]) for each in shards.values())
        assert ask(f"{url}/api/tasks", None) == 401
        assert ask(f"{url}/api/tasks", "wrong") == 401
        process.kill()
        process.wait()
        wait_for(lambda: ask(f"{url}/api/tasks", None) is None, timeout=15)


def test_a_run_goes_on_where_flower_cannot_start(tmp_path: Path) -> None:
    arguments = ("--limit", "60", "--shards", "4", "--workers", "1", "--store", str(tmp_path), "--flower")
    with started("run", *arguments, FLOWER_PORT="1", FLOWER_NO_SUCH="x") as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
