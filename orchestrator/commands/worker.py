"""``worker``: a Celery worker on this machine, for a broker elsewhere."""

from __future__ import annotations

import os

import click

from core.errors import AdvshardError, BrokerError, ConfigError
from core.runtime.child_python import python_command
from core.runtime.settings import DEFAULT_QUEUE, settings
from orchestrator.options import broker_url, modules_to_import, trust_option, trusted
from tasks.queues import names_of

NAME = "celery"


@click.command("worker")
@click.option("--broker", metavar="URL", help="Redis or Valkey [ADVSHARD_BROKER_URL]")
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes, one thread each"
)
@click.option(
    "--queues",
    metavar="NAME,...",
    help=f"Queues to take from, as 'run --queue' names them [ADVSHARD_QUEUES, {DEFAULT_QUEUE}]",
)
@click.option(
    "--name", help=f"The worker is NAME@HOST  [default: {NAME}, or {NAME}-2 and so on if that one is running]"
)
@click.option(
    "--max-memory",
    type=click.IntRange(min=1),
    metavar="MB",
    help="Replace a process after a task that took it above this [ADVSHARD_MAX_MEMORY, no limit]",
)
@click.option("--max-tasks", type=click.IntRange(min=1), help="Replace a process after so many tasks  [default: never]")
@click.option("--loglevel", default="INFO", help="Celery's log level")
@click.option("--check", is_flag=True, help="Start nothing: does the worker of this name on this host answer? 0 or 3")
@trust_option
def worker_command(
    *,
    broker: str | None,
    concurrency: int,
    queues: str | None,
    name: str | None,
    max_memory: int | None,
    max_tasks: int | None,
    loglevel: str,
    check: bool,
    trust_model: bool,
    imports: tuple[str, ...],
) -> None:
    """Take shards from a broker until stopped.

    SIGTERM stops it softly: shards that end within seconds are finished, the others go back to the queue.
    """
    from orchestrator.broker.worker_names import check_name, free_name

    url = broker_url(broker)
    if url is None:
        raise ConfigError(
            "a broker to work for", "none", "give --broker redis://host:6379/0 or set ADVSHARD_BROKER_URL"
        )
    if name is not None:
        check_name(name)
    if check:
        _check(url, name or NAME)
        return
    trust_model = trusted(trust_model)
    # Through the environment, where other users don't see the password.
    environment = {
        "REMAP_SIGTERM": "SIGQUIT",
        **os.environ,
        "ADVSHARD_BROKER_URL": url,
        "ADVSHARD_QUEUES": ",".join(names_of(queues or settings().queues)),
        "ADVSHARD_TRUST_MODEL": str(trust_model),
        "ADVSHARD_IMPORTS": os.pathsep.join(modules_to_import(imports, trust_model=trust_model)),
    }
    if max_memory is not None:
        environment["ADVSHARD_MAX_MEMORY"] = str(max_memory)
    node = free_name(url, name, NAME)
    command = python_command("-m", "tasks", "worker", "--pool", "prefork", "--events")
    # Workers have nothing to tell each other: a large fleet would only be busy with it.
    options = ["--without-gossip", "--without-mingle"]
    options += ["--hostname", node, "--concurrency", str(concurrency), "--loglevel", loglevel]
    if max_tasks is not None:
        options += ["--max-tasks-per-child", str(max_tasks)]
    os.execve(command[0], [*command, *options], environment)  # noqa: S606


def _check(url: str, name: str) -> None:
    """Raise AdvshardError unless the worker answers."""
    from orchestrator.broker.worker_names import answering, node_of

    node = node_of(name)
    try:
        found = answering(url, [node])
    except BrokerError as error:
        raise AdvshardError(str(error)) from None
    if not found:
        raise AdvshardError(
            f"expected an answer of the worker {node}; got none; see its log, or start it with 'advshard worker'"
        )
    click.echo(f"{node} answers")
