"""``worker``: a Celery worker on this machine, for a broker elsewhere."""

from __future__ import annotations

import os
import sys

import click

from core.errors import ConfigError
from orchestrator.options import broker_url, trust_option, trusted


@click.command("worker")
@click.option("--broker", metavar="URL", help="Redis or Valkey [ADVSHARD_BROKER_URL]")
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes, one thread each"
)
@click.option("--loglevel", default="INFO", help="Celery's log level")
@trust_option
def worker_command(broker: str | None, concurrency: int, loglevel: str, trust_model: bool) -> None:
    """Take shards from a broker until stopped: the same as 'celery -A tasks.app worker'."""
    from orchestrator.dispatch import check_broker

    url = broker_url(broker)
    if url is None:
        raise ConfigError(
            "a broker to work for", "none", "give --broker redis://host:6379/0 or set ADVSHARD_BROKER_URL"
        )
    check_broker(url)
    trusted(trust_model)
    # Through the environment, where other users don't see the password.
    os.environ["ADVSHARD_BROKER_URL"] = url
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")
    command = [sys.executable, "-m", "celery", "-A", "tasks.app", "worker", "--pool", "prefork", "--events"]
    os.execv(command[0], [*command, "--concurrency", str(concurrency), "--loglevel", loglevel])  # noqa: S606
