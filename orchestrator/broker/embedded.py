"""The default without a broker: a private Valkey server and worker processes.

They start and end with the command, even if it is killed: the server through a shell that waits for the
end of a pipe from this process, the workers by watching their parent.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import AdvshardError
from core.runtime.child_python import python_command
from core.runtime.settings import DEFAULT_QUEUE
from orchestrator.broker.valkey_server import ValkeyServer

COMMAND = python_command("-m", "tasks")  # Celery with the workers' app
_STOP_TIMEOUT = 8.0
_QUICK_DEATH = 5.0  # a worker that lived for less has a fault of its own
_QUICK_DEATHS = 3


@dataclass
class Worker:
    """One Celery worker with one pool process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started: float = field(default_factory=time.monotonic)


class EmbeddedFleet:
    """The embedded server and its workers, kept alive until ``stop``.

    Args:
        workers: number of worker processes.
        logs: folder for their logs.
        store: URL of the only store that they may open.
        trust_model: whether they may run code in the model's file; if false, the environment decides.
        imports: modules that they import first, if they trust the model.
    """

    def __init__(
        self, workers: int, logs: Path, store: str, *, trust_model: bool = False, imports: tuple[str, ...] = ()
    ) -> None:
        self._logs, self._store, self._trust_model, self._imports = logs, store, trust_model, imports
        logs.mkdir(parents=True, exist_ok=True)
        self.server = ValkeyServer()
        self._quick_deaths = 0
        self._launches = 0
        self.restarts = 0
        self._workers = [self._launch() for _ in range(workers)]

    @property
    def size(self) -> int:
        """Number of workers."""
        return len(self._workers)

    @property
    def url(self) -> str:
        """The broker URL."""
        return self.server.url

    def tend(self) -> list[str]:
        """Restart processes that died.

        Returns:
            The names of the workers that died.

        Raises:
            AdvshardError: workers keep dying as soon as they start.
        """
        if not self.server.alive():
            self.server.restart()
        died = []
        for position, worker in enumerate(self._workers):
            if worker.process.poll() is None:
                continue
            quick = time.monotonic() - worker.started < _QUICK_DEATH
            self._quick_deaths = self._quick_deaths + 1 if quick else 0
            if self._quick_deaths >= _QUICK_DEATHS:
                lines = worker.log.read_text(errors="replace").strip().splitlines()
                raise AdvshardError(f"workers end as soon as they start: {lines[-1] if lines else ''} ({worker.log})")
            died.append(worker.name)
            self.restarts += 1
            self._workers[position] = self._launch()
        return died

    def end_worker(self, name: str) -> None:
        """Kill a worker that hangs, if it is one of these; ``tend`` then starts another."""
        for worker in self._workers:
            if worker.name == name and worker.process.poll() is None:
                os.killpg(worker.process.pid, signal.SIGKILL)

    def stop(self, *, gently: bool = True) -> None:
        """End the workers, and then the server; ``gently`` lets workers finish short tasks."""
        for worker in self._workers:
            if worker.process.poll() is None:
                if gently:
                    worker.process.send_signal(signal.SIGTERM)
                else:
                    os.killpg(worker.process.pid, signal.SIGKILL)
        deadline = time.monotonic() + _STOP_TIMEOUT
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(worker.process.pid, signal.SIGKILL)
                worker.process.wait()
        self.server.stop()

    def _launch(self) -> Worker:
        # A name for each process, so that what a dead one left behind isn't taken for its successor's,
        # nor that of another command's.
        self._launches += 1
        name = f"worker-{self._launches}@embedded-{os.getpid()}"
        log = self._logs / f"worker-{self._launches}.log"
        environment = {
            **os.environ,
            "ADVSHARD_BROKER_URL": self.server.url,
            "ADVSHARD_STORE": self._store,
            "ADVSHARD_QUEUES": DEFAULT_QUEUE,
            "ADVSHARD_PARENT_PID": str(os.getpid()),
            "ADVSHARD_LOAD_AHEAD": "1",
            "REMAP_SIGTERM": "SIGQUIT",
        }
        if self._trust_model:
            environment["ADVSHARD_TRUST_MODEL"] = "1"
            environment["ADVSHARD_IMPORTS"] = os.pathsep.join(self._imports)
        options = [
            "--pool",
            "prefork",
            "--concurrency",
            "1",
            "--events",
            "--without-mingle",
            "--without-gossip",
        ]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*COMMAND, "worker", *options, "--hostname", name, "--loglevel", "INFO"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Out of reach of the terminal's Ctrl-C: we stop it ourselves.
                start_new_session=True,
            )
        return Worker(name, process, log)
