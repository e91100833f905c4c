"""Dispatch: sends the work units of one run to workers. A message is the run's URL and a shard range."""

from __future__ import annotations

import random
from typing import Any

from kombu.exceptions import OperationalError

from core.run.manifest import Manifest
from core.run.run_store import RunStore
from core.run.work_unit import Reduce, WorkUnit
from core.runtime.fingerprint import versions
from core.runtime.settings import DEFAULT_QUEUE
from tasks.app import app
from tasks.queues import partitions
from tasks.reduce import reduce
from tasks.shard import PREFLIGHT, attack_shard

# One quick try: the scheduler tries again by itself.
_RETRY = {"max_retries": 1, "interval_start": 0.1}


class CeleryDispatcher:
    """Sends to one partition of a queue, the one with the fewest messages when the run begins.

    It is chosen again after an outage of the broker, because the broker may have been replaced or have lost its
    messages.

    Args:
        run: the run.
        manifest: its manifest.
        queue: name of the queue.
        preflight: whether the first shard range that is sent comes with a look at the model.
    """

    def __init__(
        self, run: RunStore, manifest: Manifest, queue: str = DEFAULT_QUEUE, *, preflight: bool = False
    ) -> None:
        self._run, self._manifest, self._preflight = run, manifest, preflight
        self._partitions = partitions(queue)
        self._partition: str | None = None

    def send(self, unit: WorkUnit) -> None:
        """Send a work unit; raises OSError where the broker does not accept it."""
        message: dict[str, Any] = {"run": self._run.url}
        if isinstance(unit, Reduce):
            task, text, time_limit = reduce, unit.name, None
        else:
            message |= {"first": unit.first, "last": unit.last}
            numbers = f"shard {unit.first + 1}" if unit.is_single else f"shards {unit.first + 1}-{unit.last + 1}"
            task, text, time_limit = attack_shard, f"{numbers}/{self._manifest.shards}", self._manifest.time_limit
        try:
            self._partition = self._partition or _emptiest(self._partitions)
            task.apply_async(
                kwargs=message,
                queue=self._partition,
                argsrepr=f"run {self._manifest.run_id} {text}",
                time_limit=time_limit,
                headers={PREFLIGHT: True} if self._preflight else None,
                retry_policy=_RETRY,
            )
        except OperationalError as error:
            self._partition = None
            raise ConnectionError(str(error)) from None
        self._preflight = self._preflight and isinstance(unit, Reduce)

    def why_idle(self) -> str:
        """Why no worker takes messages, as far as the workers report."""
        try:
            queues = app.control.inspect(timeout=1.0).active_queues() or {}
        except Exception as error:  # noqa: BLE001 - each transport raises its own exceptions
            return f"the broker does not answer ({type(error).__name__})"
        ours = [worker for worker, taken in queues.items() if self._partitions[0] in {queue["name"] for queue in taken}]
        if not queues:
            return "no worker is on this broker; start one with 'advshard worker'"
        if not ours:
            queue = self._partitions[0].split(".")[1]
            software = ", ".join(f"{name} {version}" for name, version in versions().items())
            return (
                f"{len(queues)} workers are on this broker, none with the software of this run ({software}) "
                f"and its queue {queue!r}; 'advshard doctor' says which they have"
            )
        return f"{len(ours)} workers are on this broker, busy elsewhere"


def _emptiest(names: list[str]) -> str:
    """The partition with the fewest messages, at random among equals; raises OperationalError."""
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
