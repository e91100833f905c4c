"""Where a fault strikes: a run with its workers, from its start to the look at what became of it."""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import redis

from core.run.layout import ATTACK_DATA
from core.run.run_store import RunStore
from orchestrator.broker.valkey_server import ValkeyServer
from tests.chaos.disk import SmallDisk
from tests.processes import descendants, only_run, processes, running, started, wait_for, workers

IMAGES, TASKS = 1920, 48


@dataclass(frozen=True)
class Outcome:
    """What became of a disturbed run.

    wrong: "" if it survived; recovery: seconds from the fault to the next sign that the run goes on (a
    finished shard, or its end); done: shards done when the fault struck, of so many.
    """

    wrong: str
    recovery: float
    done: int
    shards: int
    attempts: int
    seconds: float


@dataclass
class Place:
    """One run. ``rng`` draws the moment and the victim; ``expected`` is the result of an undisturbed run.

    together: the shards that a task takes.
    """

    folder: Path
    rng: random.Random
    expected: bytes
    together: int = 1
    tasks: int = TASKS
    server: ValkeyServer | None = None
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()  # of the run command
    disk: SmallDisk | None = None
    began: float = field(default_factory=time.monotonic)
    hit: float = 0.0
    before: int = 0
    recovery: float | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    # -- the actors -----------------------------------------------------------------------------

    def embedded(self) -> None:
        """Start the run on the embedded server and two workers."""
        self.process = self.start("--workers", "2")

    def fleet(self, *options: str, **fault: str) -> None:
        """Start a broker, two workers with ``options`` and with ``fault`` in their environment, and the run on them."""
        self.server = ValkeyServer()
        self.stack.callback(self.server.stop)
        self.environment["ADVSHARD_BROKER_URL"] = self.server.url
        self.workers = [self.worker(f"w{number}", *options, **fault) for number in (1, 2)]
        self.process = self.start(**fault)

    def worker(self, name: str, *options: str, **fault: str) -> Popen[str]:
        """A worker with one process."""
        arguments = ("-A", "tests.integration.faulty", "worker", "--events", "--concurrency", "1", *options)
        return self.stack.enter_context(
            started(*arguments, "--hostname", f"{name}@chaos", module="celery", **self.environment, **fault)
        )

    def start(self, *options: str, **fault: str) -> Popen[str]:
        """The run command; the same again for the same run."""
        size = ("--limit", str(IMAGES), "--shards", str(self.shards), "--shards-per-task", str(self.together))
        store = ("--store", str(self.folder / "runs"))
        return self._command("run", *size, *store, *self.options, *options, **self.environment, **fault)

    def resume(self, *options: str, **environment: str) -> Popen[str]:
        """The resume command."""
        return self._command("resume", str(self.folder / "runs" / self.run.manifest().run_id), *options, **environment)

    def _command(self, *arguments: str, **environment: str) -> Popen[str]:
        module = "tests.integration.jumping" if "FAULT" in environment else "orchestrator"
        prefix = self.disk.prefix if self.disk else ()
        return self.stack.enter_context(running([*prefix, sys.executable, "-m", module, *arguments], environment))

    @property
    def run(self) -> RunStore:
        """The run, as soon as it is planned."""
        return only_run((self.disk.outside if self.disk else self.folder) / "runs")

    def client(self) -> Any:
        """A client of the run's broker, whose URL its workers know."""
        if self.server is not None:
            url = self.server.url
        else:
            pid = wait_for(lambda: workers(self.process.pid))[0]
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            url = (
                next(each for each in environment if each.startswith(b"ADVSHARD_BROKER_URL=")).decode().split("=", 1)[1]
            )
        password, path = url.removeprefix("redis+socket://:").split("@", 1)
        return redis.Redis(unix_socket_path=path.split("?")[0], password=password)

    def broker_process(self) -> int:
        """The process of the run's broker."""
        above = os.getpid() if self.server is not None else self.process.pid
        everything = processes()
        (pid,) = [pid for pid in descendants(above) if everything[pid][1].split(" ")[0].endswith("valkey-server")]
        return pid

    @property
    def shards(self) -> int:
        """How many the images are cut into."""
        return self.tasks * self.together

    # -- the moment -----------------------------------------------------------------------------

    def moment(self) -> int:
        """A random number of shards."""
        return self.together * self.rng.randrange(2, self.tasks - 8)

    def wait(self) -> None:
        """Until a random number of shards is done; the fault strikes now."""
        at = self.moment()
        wait_for(lambda: len(self.run.shards.finished_indices()) >= at or self.process.poll() is not None)
        self.strike()

    def strike(self) -> None:
        """The fault strikes now."""
        self.hit, self.before = time.monotonic(), len(self.run.shards.finished_indices())

    def kill_orchestrator(self) -> None:
        """SIGKILL of the run command; what it had started must end by itself."""
        children = descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        wait_for(lambda: not set(children) & set(processes()), timeout=15)

    # -- the end --------------------------------------------------------------------------------

    def recovered(self) -> None:
        """Wait until the run goes on."""
        wait_for(lambda: len(self.run.shards.finished_indices()) != self.before or self.process.poll() is not None)
        self.recovery = time.monotonic() - self.hit

    def outcome(self, code: int = 0) -> Outcome:
        """Wait for the end, and look at what came out; ``code`` is what the command has to end with."""
        if self.recovery is None:
            self.recovered()
        _, err = self.process.communicate(timeout=180)
        wrong = "" if self.process.returncode == code else f"exit code {self.process.returncode}: {err[-300:]}"
        return self.look(wrong or (self.damage() if code == 0 else ""))

    def look(self, wrong: str) -> Outcome:
        """The outcome as of now."""
        report = self.run.results.report()
        attempts = report.history.attempts if report else 0
        return Outcome(wrong, self.recovery or 0.0, self.before, self.shards, attempts, time.monotonic() - self.began)

    def damage(self) -> str:
        """What is wrong with a result that has to be complete."""
        report = self.run.results.report()
        if report is None or not report.complete or report.n_images != IMAGES:
            return "the report is missing or not complete"
        if failed := [check.name for check in report.audit if not check.passed]:
            return f"audit failed: {failed}"
        return "" if self.run.results.content(ATTACK_DATA) == self.expected else "other bytes"

    def healed(self, *arguments: str) -> Outcome:
        """Let ``resume`` with these arguments bring the run to its end."""
        self.process = self.resume(*arguments)
        _, err = self.process.communicate(timeout=180)
        self.recovery = time.monotonic() - self.hit
        code = self.process.returncode
        return self.look(self.damage() if code == 0 else f"exit code {code}: {err[-300:]}")
