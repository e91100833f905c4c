"""``flower``: serve Flower for a broker's workers, tasks and runs."""

from __future__ import annotations

import os

import click

from core.errors import ConfigError
from orchestrator.broker.flower import LOOPBACK, PORT, FlowerConfig
from orchestrator.options import broker_url


@click.command("flower")
@click.option("--broker", metavar="URL", help="Redis or Valkey [ADVSHARD_BROKER_URL]")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT)
@click.option("--address", default=LOOPBACK, help="Address to listen on; by default reachable only from this machine")
def flower_command(broker: str | None, port: int, address: str) -> None:
    """Serve a web page of a broker's workers, tasks and runs until stopped, with password ADVSHARD_FLOWER_PASSWORD."""
    from orchestrator.broker.connection import check_broker

    url = broker_url(broker)
    if url is None:
        raise ConfigError(
            "a broker",
            "none",
            "give --broker redis://host:6379/0 or set ADVSHARD_BROKER_URL; for the embedded broker, use 'run --flower'",
        )
    check_broker(url)
    config = FlowerConfig.create(url, port, address)
    click.echo(config.greeting, err=True)
    os.execve(config.command[0], config.command, {**os.environ, **config.environment})  # noqa: S606
