"""The run as a row in Flower: the events of a task whose id is the run's, with live progress."""

from __future__ import annotations

import logging
import socket
import time
from types import TracebackType
from typing import Any

from core.run.manifest import Manifest
from orchestrator.progress.progress import Progress
from orchestrator.progress.terminal import describe
from tasks.app import app

_INTERVAL = 1.0  # seconds between two events
_log = logging.getLogger(__name__)


class RunEvents:
    """Sends the run's events, as a context manager around it. A broker that refuses them does not stop the run."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._connection: Any = None
        self._dispatcher: Any = None
        self._next = 0.0
        self._sent = ""

    def __enter__(self) -> RunEvents:
        self._began = time.perf_counter()
        self._send("task-received", "planned")
        self._send("task-started", "started")
        return self

    def progress(self, progress: Progress) -> None:
        """Send how far the run is, at most once a second."""
        text = f"{progress.shards}/{progress.total_shards} shards, {describe(progress)}"
        if time.monotonic() >= self._next and text != self._sent:
            self._next, self._sent = time.monotonic() + _INTERVAL, text
            self._send("task-progress", text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            total, seconds = self._manifest.shards, time.perf_counter() - self._began
            self._send("task-succeeded", f"{total}/{total} shards", result="complete", runtime=seconds)
        else:
            exception = str(error) if isinstance(error, Exception) else "interrupted"
            self._send("task-failed", "ended", exception=exception, traceback="")
        if self._connection is not None:
            self._connection.release()

    def _args(self, text: str) -> str:
        manifest = self._manifest
        return f"{text}; {manifest.config.attack} on {manifest.model.name}, {manifest.data.name}"

    def _send(self, kind: str, text: str, **more: Any) -> None:
        # All fields each time, because a page that is opened later has missed the first events; received
        # just now, so that the row stays on top.
        fields = {"name": "run", "args": self._args(text), "kwargs": "{}", "received": time.time(), **more}
        try:
            if self._dispatcher is None:
                self._connection = app.connection_for_write(
                    transport_options={**app.conf.broker_transport_options, "socket_connect_timeout": 2}
                )
                self._dispatcher = app.events.Dispatcher(self._connection, hostname=f"run@{socket.gethostname()}")
            self._dispatcher.send(kind, uuid=self._manifest.run_id, retry=False, **fields)
        except Exception as error:  # noqa: BLE001 - whatever the transport raises, the page misses an event and the run goes on
            _log.debug("event not sent: %s", error)
            self._dispatcher = None
