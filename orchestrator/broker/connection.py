"""The connection to the broker."""

from __future__ import annotations

from typing import Any

from core.errors import BrokerError
from tasks.app import app

# Otherwise what is sent waits until TCP gives up, for a quarter of an hour. Not for workers: Celery's
# (kombu 5.7) takes no more messages after an acknowledgement that came to nothing on a link that lives.
_IMPATIENT = {"socket_timeout": 10.0, "socket_connect_timeout": 5.0}


def use_broker(url: str) -> None:
    """Send all further messages through the broker at ``url``, even if another one was used before."""
    app.close()  # the pool of connections to that one
    vars(app).pop("amqp", None)  # and its producers: both are made again when they are needed
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
    except Exception as error:  # noqa: BLE001 - each transport raises its own exceptions; an unknown one, KeyError
        raise BrokerError(
            f"a broker that answers at {masked(url)}",
            f"{type(error).__name__}: {str(error).replace(url, masked(url))}",
            "start it, correct --broker (ADVSHARD_BROKER_URL), or leave it out for the embedded one",
        ) from None


def masked(url: str) -> str:
    """The URL with its password replaced by ``**``."""
    import kombu.utils.url

    return str(kombu.utils.url.maybe_sanitize_url(url))
