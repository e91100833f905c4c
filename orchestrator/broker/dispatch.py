"""Sends the parts of one run: its URL and the numbers of shards, nothing heavier."""

from __future__ import annotations

import random
from typing import Any

from kombu.exceptions import OperationalError

from core.run.manifest import Manifest
from core.run.run_store import REDUCE, RunStore
from core.run.shard_range import Shards, Span
from core.runtime.fingerprint import versions
from tasks.app import app
from tasks.queues import DEFAULT_QUEUE, lanes
from tasks.reduce import reduce
from tasks.shard import attack_shard

# One quick try: the watch loop comes back by itself.
_RETRY = {"max_retries": 1, "interval_start": 0.1}


class Sender:
    """Sends to one lane of a queue: the one with the fewest messages when the run began.

    It is chosen again when the broker was away, since what comes back may be another broker, or an empty one.
    """

    def __init__(self, run: RunStore, manifest: Manifest, queue: str = DEFAULT_QUEUE) -> None:
        self._run, self._manifest = run, manifest
        self._lanes = lanes(queue)
        self._lane: str | None = None

    def send(self, part: Shards | str) -> None:
        """Send a shard, several to one worker, or REDUCE; raises OSError where the broker doesn't take it."""
        message: dict[str, Any] = {"run": self._run.url}
        task, text = attack_shard, "reduce"
        if part == REDUCE:
            task = reduce
        elif isinstance(part, Span):
            message |= {"shard": part.first, "last": part.last}
            text = f"shards {part.first + 1}-{part.last + 1}/{self._manifest.shards}"
        else:
            message["shard"] = part
            text = f"shard {int(part) + 1}/{self._manifest.shards}"
        try:
            self._lane = self._lane or _emptiest(self._lanes)
            task.apply_async(
                kwargs=message,
                queue=self._lane,
                argsrepr=f"run {self._manifest.run_id} {text}",
                time_limit=None if part == REDUCE else self._manifest.time_limit,
                retry_policy=_RETRY,
            )
        except OperationalError as error:
            self._lane = None
            raise ConnectionError(str(error)) from None

    def why_idle(self) -> str:
        """Why nobody takes anything from the broker, as far as its workers tell."""
        try:
            queues = app.control.inspect(timeout=1.0).active_queues() or {}
        except Exception as error:
            # Whatever the transport raises: the broker is away.
            return f"the broker does not answer ({type(error).__name__})"
        ours = [worker for worker, taken in queues.items() if self._lanes[0] in {queue["name"] for queue in taken}]
        if not queues:
            return "no worker is on this broker; start one with 'python -m orchestrator worker'"
        if not ours:
            queue = self._lanes[0].split(".")[1]
            software = ", ".join(f"{name} {version}" for name, version in versions().items())
            return (
                f"{len(queues)} workers are on this broker, none with the software of this run ({software}) "
                f"and its queue {queue!r}; 'python -m orchestrator doctor' says which they have"
            )
        return f"{len(ours)} workers are on this broker, busy elsewhere"


def _emptiest(names: list[str]) -> str:
    """The lane with the fewest messages, any of them where several have; raises OperationalError."""
    if app.conf.task_always_eager:
        return names[0]
    with app.connection_for_write() as connection:
        connection.ensure_connection(**_RETRY)
        try:
            channel = connection.default_channel
            waiting = {name: _length(channel, name, connection.channel_errors) for name in names}
        except connection.connection_errors as error:
            raise OperationalError(str(error)) from None
    fewest = min(waiting.values())
    return random.choice([name for name in names if waiting[name] == fewest])


def _length(channel: Any, name: str, errors: tuple[type[Exception], ...]) -> int:
    try:
        return int(channel.queue_declare(name, passive=True).message_count)
    except errors:
        return 0  # Redis forgets a queue that is empty
