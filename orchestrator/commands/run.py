"""``run`` and ``resume``: plan a run, or find one, and see it through."""

from __future__ import annotations

import signal
from typing import Any, get_args

import click

from core.errors import ConfigError
from core.image.pixels import Preprocess
from core.run.manifest import LARGEST_BATCH, MAX_SHARDS
from core.run.run_store import RunStore
from core.run.value import Scalar
from core.run.work_unit import MAX_RANGE
from core.runtime.child_python import python_command
from orchestrator.amounts import AMOUNT, fraction, is_fraction
from orchestrator.data_options import class_names, data_options, take_read_options
from orchestrator.exit_codes import INCOMPLETE, RunInterruptedError
from orchestrator.option_groups import GroupedCommand, option_group
from orchestrator.options import (
    MODEL_GROUP,
    AutoOr,
    broker_options,
    broker_url,
    check_queue,
    find_run,
    modules_to_import,
    store_option,
    store_url,
    trust_option,
    trusted,
)
from orchestrator.planning.precision import Wanted
from orchestrator.planning.request import DEFAULT_FALLBACK, OfRange, Request

_PARAMS = {"eps": "epsilon", "steps": "steps", "decay": "decay", "step_size": "step_size", "step_back": "step_back"}


_data, _attack = option_group(MODEL_GROUP), option_group("Attack")
_shards, _progress = option_group("Shards and attempts"), option_group("Progress")


@click.command("run", cls=GroupedCommand)
@_data("--model", default=Request.model, help="A shipped model, a Keras file, or a SavedModel folder")
@data_options
@_data(
    "--bounds",
    type=float,
    nargs=2,
    help="Pixel range that the model expects  [default: by the model's first layers, or 0 1]",
)
@_data(
    "--preprocess",
    type=click.Choice(get_args(Preprocess)),
    default=Request.preprocess,
    help="Keras's preprocessing, of pixels scaled to 0..255: for models of keras.applications that have none inside",
)
@trust_option
@_attack("--attack", default=Request.attack, help="A name from 'advshard attacks', or a cascade A,B,C")
@_attack(
    "--eps",
    type=AMOUNT,
    help="Largest change of a pixel, in units of the bounds, or N/255 for N of 255 levels  [default: 20/255]",
)
@_attack("--steps", type=int, help="Iterations at most  [default: the attack's]")
@_attack("--step-size", type=AMOUNT, help="Change of a pixel per step, as --eps  [default: 1.5 eps / steps]")
@_attack("--decay", type=float, help="Decay factor of the momentum  [default: the attack's]")
@_attack("--step-back", type=int, help="Bisections back towards the clean image  [default: the attack's]")
@_attack("--early-stop/--no-early-stop", default=None, help="Stop an image at its first misclassification")
@_attack(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Any other hyper-parameter; ATTACK.NAME=VALUE for one attack of a cascade",
)
@_attack(
    "--fallback",
    help="Attack for the images that the first attack leaves unchanged, or 'none'  [default: the attack's]",
)
@_attack(
    "--labels",
    type=click.Choice(["predicted", "true"]),
    default=Request.labels,
    help="Move images away from the clean prediction or from the true label, which the set must have",
)
@_attack("--target", help="Class to move images towards: a number, least-likely or random")
@_attack(
    "--precision",
    type=click.Choice(get_args(Wanted)),
    default=Request.precision,
    help="Of gradients; float32 decides every prediction. auto: bfloat16 where processor and model gain",
)
@_attack("--seed", type=click.IntRange(min=0), default=Request.seed, help="Seed of all random numbers")
@_shards("--shards", type=click.IntRange(max=MAX_SHARDS), default=Request.shards, help="Number of shards")
@_shards(
    "--shards-per-task",
    type=AutoOr("shards", "as many as make a task worth its message", MAX_RANGE),
    default="auto",
    help="Shards that one task takes together; auto fills a task with up to 256 images",
)
@_shards("--batch-size", type=click.IntRange(1, LARGEST_BATCH), help="Images per pass  [default: by the images' size]")
@_shards(
    "--max-attempts",
    type=click.IntRange(min=1),
    default=Request.max_attempts,
    help="Failed attempts before a shard is quarantined",
)
@_shards(
    "--time-limit",
    type=click.FloatRange(1, 18_000),
    default=Request.time_limit,
    help="Seconds for one attempt at a shard",
)
@_progress("--flower", is_flag=True, help="Show workers, tasks and the run on a web page")
@_progress("--detach", is_flag=True, help="Run in the background; see 'advshard status --watch' and 'advshard cancel'")
@broker_options
@store_option
def run_command(
    *,
    store: str | None,
    broker: str | None,
    queue: str,
    workers: int | None,
    flower: bool,
    detach: bool,
    trust_model: bool,
    imports: tuple[str, ...],
    early_stop: bool | None,
    settings: tuple[str, ...],
    fallback: str | None,
    **options: Any,
) -> int:
    """Attack an image set; the same command goes on with its unfinished run."""
    from orchestrator.broker.connection import check_broker
    from orchestrator.planning.plan import plan
    from orchestrator.progress.planning import PlanningProgress

    params: dict[str, Scalar] = {
        name: value for option, name in _PARAMS.items() if (value := options.pop(option)) is not None
    }
    if early_stop is not None:
        params["early_stop"] = early_stop
    params.update(_setting(text) for text in settings)
    if detach and flower:
        raise ConfigError("--detach or --flower", "both", "start 'advshard flower' for a broker of your own")
    url = broker_url(broker)
    check_queue(queue, url)
    trust_model = trusted(trust_model)
    request = Request(
        store=store_url(store),
        read=take_read_options(options),
        classes=class_names(options.pop("classes")),
        params=params,
        fallback=None if fallback == "none" else fallback or DEFAULT_FALLBACK,
        trust_model=trust_model,
        imports=modules_to_import(imports, trust_model=trust_model),
        elsewhere=url is not None,
        **options,
    )
    if url:
        check_broker(url)
    with PlanningProgress() as progress:
        run = plan(request, note=_note, progress=progress)
    _note_epsilon(run, params)
    if detach:
        return start_detached(run, url, queue, workers, trust_model=trust_model, imports=request.imports)
    return see_through(run, url, queue, workers, flower=flower, trust_model=trust_model, imports=request.imports)


@click.command("resume", cls=GroupedCommand)
@click.argument("run", required=False)
@click.option("--retry-quarantined", is_flag=True, help="Give quarantined shards another round of attempts")
@_progress("--flower", is_flag=True, help="Show workers, tasks and the run on a web page")
@trust_option
@broker_options
@store_option
def resume_command(
    *,
    run: str | None,
    store: str | None,
    broker: str | None,
    queue: str,
    workers: int | None,
    flower: bool,
    trust_model: bool,
    imports: tuple[str, ...],
    retry_quarantined: bool,
) -> int:
    """Go on with RUN (an id or a URL), by default the newest run of the store."""
    from core.shard.run_model import refuse_untrusted

    url = broker_url(broker)
    check_queue(queue, url)
    found = find_run(run, store)
    trust_model = trusted(trust_model)
    modules = modules_to_import(imports, trust_model=trust_model)
    if not trust_model:
        refuse_untrusted(found, found.manifest())
    if retry_quarantined:
        for index in found.quarantine.errors():
            found.release(index)
    return see_through(found, url, queue, workers, flower=flower, trust_model=trust_model, imports=modules)


def see_through(
    run: RunStore,
    broker: str | None,
    queue: str,
    workers: int | None,
    *,
    flower: bool,
    trust_model: bool,
    imports: tuple[str, ...],
) -> int:
    """Drive the run to its report, print it, and give the exit code."""
    from orchestrator.execution.execute import execute
    from orchestrator.report.terminal import print_summary

    # Also where the shell had it ignored, as for a command in the background of a script.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        report = execute(run, broker, workers, flower=flower, queue=queue, trust_model=trust_model, imports=imports)
    except KeyboardInterrupt:
        raise RunInterruptedError(f"interrupted; go on with: advshard resume {run.url}") from None
    print_summary(run, report)
    print(run.url)
    return 0 if report.complete else INCOMPLETE


def start_detached(
    run: RunStore,
    broker: str | None,
    queue: str,
    workers: int | None,
    *,
    trust_model: bool = False,
    imports: tuple[str, ...] = (),
) -> int:
    """Drive the run in a process of its own, which outlives this command."""
    import os
    import subprocess

    from orchestrator.execution.logs import logs_of

    logs_of(run).mkdir(parents=True, exist_ok=True)
    log = logs_of(run) / "orchestrator.log"
    environment = {**os.environ, **({"ADVSHARD_BROKER_URL": broker} if broker else {})}
    with log.open("ab") as output:
        subprocess.Popen(
            python_command(
                "-m",
                "orchestrator",
                "resume",
                run.url,
                "--workers",
                str(workers or "auto"),
                "--queue",
                queue,
                *(["--trust-model"] if trust_model else []),
                *(word for module in imports for word in ("--import", module)),
            ),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    click.echo(f"in the background, log in {log}; follow it with: advshard status {run.url} --watch", err=True)
    click.echo(run.url)
    return 0


def _note(sentence: str) -> None:
    click.echo(f"note: {sentence}", err=True)


def _note_epsilon(run: RunStore, params: dict[str, Scalar]) -> None:
    """An epsilon meant for pixels in 0..1 does nothing to pixels in 0..255; a fraction hides its value."""
    config = run.manifest().config
    low, high = config.bounds
    level = (high - low) / 255
    for name, value in params.items():
        if isinstance(value, OfRange):
            _note(f"{name} is {255 * value * level:g}, {255 * value:g} of 255 levels of the bounds {low:g}..{high:g}")
    epsilon = config.stages[0].params.get("epsilon")
    if isinstance(epsilon, float) and epsilon < level:
        _note(f"epsilon {epsilon:g} is less than one 8-bit level of the bounds {low:g}..{high:g}, {level:g}")


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _setting(text: str) -> tuple[str, Scalar]:
    import json

    name, equals, value = text.partition("=")
    if is_fraction(value):
        return _parameter(name), fraction(value)
    if not equals or not name:
        raise ConfigError("--set NAME=VALUE", repr(text), "for example --set random_start=true")
    try:
        parsed = json.loads(value)
    except json.JSONDecodeError:
        parsed = value
    if not isinstance(parsed, bool | int | float | str | None):
        raise ConfigError("--set NAME=VALUE with a number, true, false or a word", repr(text), "correct the value")
    return _parameter(name), parsed


def _parameter(name: str) -> str:
    attack, dot, parameter = name.rpartition(".")
    return f"{attack}{dot}{parameter.replace('-', '_')}"
