"""The Celery app: ``celery -A tasks.app worker`` starts a worker.

The store is the truth and the broker is transport, so there is no result backend: no part of a run is lost when the
broker loses its data.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

from core.runtime.settings import settings
from tasks.queues import names_of, partitions

app = Celery(
    "advshard",
    include=["tasks.shard", "tasks.reduce", "tasks.session", "tasks.failures", "tasks.probe"],
)
app.conf.update(
    # Only JSON is read: a pickle in the queue is refused, not executed.
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    # A message is done when its task is. A shard that kills its process is not delivered again by
    # the broker, which would go on for ever: the orchestrator counts the attempts.
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    worker_prefetch_multiplier=1,
    # A worker that died silently gives its messages back after this; the orchestrator is faster.
    # Shorter than the longest task, it would make tasks run again and again.
    broker_transport_options={"visibility_timeout": 6 * 3600},
    broker_connection_retry_on_startup=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # A replacement for a lost process may import for long; the default kills it in its start.
    worker_proc_alive_timeout=120,
    # Asked to stop by SIGQUIT (SIGTERM with REMAP_SIGTERM=SIGQUIT, as 'worker' sets it), a worker lets
    # short tasks finish; longer ones go back to the queue.
    worker_soft_shutdown_timeout=5.0,
    task_send_sent_event=True,
    worker_hijack_root_logger=True,
)


def from_environment() -> dict[str, Any]:
    """The part of the configuration that comes from the settings; raises ConfigError for an invalid value."""
    found = settings()
    consumed = [each for name in names_of(found.queues) for each in partitions(name)]
    return {
        "broker_url": found.broker() or "redis://localhost:6379/0",
        # A worker takes from each in turn; an orchestrator names the partition that it sends to.
        "task_queues": {name: {"exchange": name, "routing_key": name} for name in consumed},
        "task_default_queue": consumed[0],
        # In KiB.
        "worker_max_memory_per_child": found.max_memory and found.max_memory * 1_000_000 // 1024,
    }


# Celery asks for it when it first needs its configuration, so that an import reads no environment.
app.add_defaults(from_environment)
