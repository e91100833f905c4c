"""Sends tasks: a run's URL and a shard's number, nothing heavier."""

from __future__ import annotations

from typing import Any

from kombu.exceptions import OperationalError

from core.contracts import Manifest
from core.errors import BrokerError
from core.fingerprint import versions
from core.store import REDUCE, RunStore
from tasks.app import QUEUE, app
from tasks.reduce import reduce
from tasks.shard import attack_shard

# One quick try: the watch loop comes back by itself.
_RETRY = {"max_retries": 1, "interval_start": 0.1}
# Otherwise what is sent waits until TCP gives up, for a quarter of an hour. Not for workers: Celery's
# (kombu 5.7) takes no more messages after an acknowledgement that came to nothing on a link that lives.
_IMPATIENT = {"socket_timeout": 10.0, "socket_connect_timeout": 5.0}


def use_broker(url: str) -> None:
    """Send everything from here on through the broker at ``url``."""
    app.conf.broker_url = url
    app.conf.broker_write_url = app.conf.broker_read_url = url
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **_IMPATIENT}


def check_broker(url: str) -> None:
    """Raise BrokerError unless the broker at ``url`` answers."""
    import kombu.connection

    # kombu has no types.
    connect: Any = kombu.connection.Connection
    try:
        with connect(url, connect_timeout=5, transport_options={"socket_connect_timeout": 5}) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=6)
    except Exception as error:
        # Every transport has its own exceptions, and an unknown one raises KeyError.
        raise BrokerError(
            f"a broker that answers at {masked(url)}",
            f"{type(error).__name__}: {str(error).replace(url, masked(url))}",
            "start it, correct --broker (ADVSHARD_BROKER_URL), or leave it out for the embedded one",
        ) from None


def why_idle() -> str:
    """Why nobody takes anything from the broker, as far as its workers tell."""
    try:
        queues = app.control.inspect(timeout=1.0).active_queues() or {}
    except Exception as error:
        # Whatever the transport raises: the broker is away.
        return f"the broker does not answer ({type(error).__name__})"
    ours = [worker for worker, taken in queues.items() if QUEUE in {queue["name"] for queue in taken}]
    if not queues:
        return "no worker is on this broker; start one with 'python -m orchestrator worker'"
    if not ours:
        software = ", ".join(f"{name} {version}" for name, version in versions().items())
        return f"{len(queues)} workers are on this broker, none with the software of this run ({software})"
    return f"{len(ours)} workers are on this broker, busy elsewhere"


def masked(url: str) -> str:
    """The URL without its password."""
    import kombu.utils.url

    return str(kombu.utils.url.maybe_sanitize_url(url))


def send(run: RunStore, manifest: Manifest, part: int | str) -> None:
    """Send a shard, or REDUCE; raises OSError where the broker doesn't take it."""
    try:
        if part == REDUCE:
            reduce.apply_async(
                kwargs={"run": run.url},
                argsrepr=f"run {manifest.run_id} reduce",
                retry_policy=_RETRY,
            )
        else:
            attack_shard.apply_async(
                kwargs={"run": run.url, "shard": part},
                argsrepr=f"run {manifest.run_id} shard {int(part) + 1}/{manifest.shards}",
                time_limit=manifest.time_limit,
                retry_policy=_RETRY,
            )
    except OperationalError as error:
        raise ConnectionError(str(error)) from None
