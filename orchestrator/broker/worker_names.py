"""Workers by their node names, NAME@HOST."""

from __future__ import annotations

import re

import click
from celery.utils.nodenames import gethostname

from core.errors import ConfigError
from orchestrator.broker.connection import check_broker, use_broker
from tasks.app import app

PATIENCE = 5.0  # seconds for one worker's answer
_LOOK = 1.0  # seconds for the answers of those that may be there
_MOST = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def node_of(name: str) -> str:
    """The node name of worker ``name`` on this host."""
    return f"{name}@{gethostname()}"


def check_name(name: str) -> None:
    """Raise ConfigError unless ``name`` can be the first part of a node name."""
    if not _NAME.fullmatch(name):
        raise ConfigError("a name of letters, digits, '.', '-' and '_'", repr(name), "for example --name worker-1")


def answering(broker: str, nodes: list[str], timeout: float = PATIENCE) -> set[str]:
    """Those of the nodes that answer a ping.

    Args:
        broker: its URL.
        nodes: node names.
        timeout: seconds.

    Raises:
        BrokerError: the broker does not answer.
    """
    check_broker(broker)
    use_broker(broker)
    return {node for reply in app.control.ping(destination=nodes, timeout=timeout) for node in reply}


def free_name(broker: str, wanted: str | None, default: str) -> str:
    """Choose the node name of a new worker on this host.

    Two workers of one name would answer for each other, and a dead one would seem alive.

    Args:
        broker: its URL.
        wanted: the name that the user gave, if any.
        default: the name otherwise, with a number appended if it is in use.

    Raises:
        ConfigError: ``wanted`` is in use.
    """
    names = [wanted] if wanted else [default, *(f"{default}-{number}" for number in range(2, _MOST + 1))]
    nodes = [node_of(name) for name in names]
    taken = answering(broker, nodes, _LOOK)
    free = [node for node in nodes if node not in taken]
    if not free:
        raise ConfigError(
            "a name that no worker on this host has", f"{nodes[0]}, which is running", "give another --name"
        )
    if free[0] != nodes[0]:
        click.echo(f"note: {nodes[0]} is already running; this worker is {free[0]}", err=True)
    return free[0]
