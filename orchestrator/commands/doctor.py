"""``doctor``: check everything a run needs, with advice for each failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import click

from core.registry import DEFAULT_DATASET, DEFAULT_MODEL
from orchestrator.doctor.finding import Finding, Level, failed
from orchestrator.doctor.inputs import check_inputs
from orchestrator.exit_codes import BAD_INPUT
from orchestrator.options import (
    broker_options,
    broker_url,
    check_queue,
    modules_to_import,
    store_option,
    store_url,
    trust_option,
    trusted,
)


@click.command("doctor")
@click.option("--model", default=DEFAULT_MODEL, help="A shipped model, or a Keras file")
@click.option("--data", default=DEFAULT_DATASET, help="A registered data set, or an .npz file")
@broker_options
@store_option
@trust_option
def doctor_command(
    *,
    broker: str | None,
    queue: str,
    workers: int | None,
    model: str,
    data: str,
    store: str | None,
    trust_model: bool,
    imports: tuple[str, ...],
) -> int:
    """Check machine, packages, TensorFlow, store, broker, workers, clocks, data and model.

    Prints one line per finding: ok, note (does not prevent a run) or FAILED, with advice. Exit code 2 if a check
    failed.
    """
    url = broker_url(broker)
    check_queue(queue, url)
    trust_model = trusted(trust_model)
    modules = modules_to_import(imports, trust_model=trust_model)
    inputs = partial(check_inputs, data, model, trust_model=trust_model, imports=modules)
    failures = 0
    for finding in _findings(url, queue, workers, store_url(store), inputs):
        click.echo(str(finding))
        failures += finding.level is Level.FAILED
    return BAD_INPUT if failures else 0


def _findings(
    broker: str | None, queue: str, workers: int | None, store: str, inputs: Callable[[], Iterable[Finding]]
) -> Iterator[Finding]:
    from orchestrator.doctor.broker import check_embedded
    from orchestrator.doctor.clocks import check_clocks
    from orchestrator.doctor.machine import check_machine, check_memory, cores
    from orchestrator.doctor.packages import check_packages
    from orchestrator.doctor.software import check_tensorflow
    from orchestrator.doctor.storage import check_store, clock_of_store
    from orchestrator.execution.execute import MAX_AUTO_WORKERS

    yield from check_machine()
    if broker is None or workers is not None:
        yield from check_memory(workers or min(cores(), MAX_AUTO_WORKERS))
    yield from check_packages()
    yield from check_tensorflow()
    yield from check_store(store)
    clocks = {"the store": clock_of_store(store)}
    if broker is None:
        yield from check_embedded()
    else:
        yield from _fleet(broker, queue, store, clocks)
    yield from check_clocks(clocks)
    yield from inputs()


def _fleet(broker: str, queue: str, store: str, clocks: dict[str, float | None]) -> Iterable[Finding]:
    """Check the broker and, if it responds, its workers; adds their clocks to ``clocks``."""
    from orchestrator.doctor.broker import check_broker, clock_of_broker
    from orchestrator.doctor.fleet import ask, judge

    found = check_broker(broker)
    yield from found
    if any(finding.level is Level.FAILED for finding in found):
        return
    clocks["the broker"] = clock_of_broker(broker)
    try:
        answers, digest = ask(broker, store)
    except Exception as error:  # noqa: BLE001 - each transport raises its own, as where control messages are not permitted
        yield failed(
            "workers",
            f"they can't be reached ({type(error).__name__}: {error})",
            "allow the broker's user to publish messages",
        )
        return
    clocks.update({answer.name: answer.ahead for answer in answers if "time" in answer.said})
    yield from judge(answers, digest, store, queue)
