"""The run as a row in Flower: events as of a task whose id is the run's, with live progress."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any

from core.run.manifest import Manifest
from orchestrator.progress.progress import State
from orchestrator.progress.terminal import describe
from tasks.app import app

_EVERY = 1.0  # seconds between two events
_log = logging.getLogger(__name__)


class RunEvents:
    """Sends the run's events. A broker that doesn't take them is no reason to stop."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._connection: Any = None
        self._dispatcher: Any = None
        self._next = 0.0
        self._said = ""

    def began(self) -> None:
        """The run is received, and started."""
        self._send("task-received", "planned")
        self._send("task-started", "started")

    def progress(self, state: State) -> None:
        """How far it is, at most once a second."""
        said = f"{state.done}/{state.total} shards, {describe(state)}"
        if time.monotonic() >= self._next and said != self._said:
            self._next, self._said = time.monotonic() + _EVERY, said
            self._send("task-progress", said)

    def ended(self, error: str | None, seconds: float) -> None:
        """It is done, or it failed."""
        if error is None:
            total = self._manifest.shards
            self._send("task-succeeded", f"{total}/{total} shards", result="complete", runtime=seconds)
        else:
            self._send("task-failed", "ended", exception=error, traceback="")
        if self._connection is not None:
            self._connection.release()

    def _args(self, text: str) -> str:
        manifest = self._manifest
        return f"{text}; {manifest.config.attack} on {manifest.model.name}, {manifest.data.name}"

    def _send(self, kind: str, text: str, **more: Any) -> None:
        # Everything each time, since a page that was opened later has missed the first events; received
        # just now, so that the row stays on top.
        fields = {"name": "run", "args": self._args(text), "kwargs": "{}", "received": time.time(), **more}
        try:
            if self._dispatcher is None:
                self._connection = app.connection_for_write(
                    transport_options={**app.conf.broker_transport_options, "socket_connect_timeout": 2}
                )
                self._dispatcher = app.events.Dispatcher(self._connection, hostname=f"run@{socket.gethostname()}")
            self._dispatcher.send(kind, uuid=self._manifest.run_id, retry=False, **fields)
        except Exception as error:
            # Whatever the transport raises: the page misses an event, and the run goes on.
            _log.debug("event not sent: %s", error)
            self._dispatcher = None
