"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from core.errors import ConfigError
from core.models.files.user_modules import checked_modules
from core.run.run_store import RunStore
from core.run.store import Store
from core.runtime.settings import DEFAULT_QUEUE, DEFAULT_STORE, settings
from orchestrator.option_groups import option_group
from tasks.queues import check_name

F = TypeVar("F", bound=Callable[..., Any])


class AutoOr(click.ParamType[int | None]):
    """``auto``, or a number from 1 to ``most``; ``default`` describes ``auto`` in error messages."""

    name = "auto|N"

    def __init__(self, things: str, default: str, most: int | None = None) -> None:
        self._things, self._default, self._most = things, default, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """None for ``auto``."""
        if value is None or value == "auto":
            return None
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1 or (self._most and number > self._most):
            wanted = f"1 to {self._most}" if self._most else "1 or more"
            wanted = f"'auto' or {wanted} {self._things}"
            self.fail(f"expected {wanted}; got {value!r}; leave it out for {self._default}", param, ctx)
        return number


MODEL_GROUP = "Images and model"
_where = option_group("Workers and store")


def store_option(function: F) -> F:
    """Add ``--store``, the folder or URL of the runs."""
    decorate = _where(
        "--store", metavar="URL", help=f"Folder of the runs, or any fsspec URL [ADVSHARD_STORE, {DEFAULT_STORE}]"
    )
    return decorate(function)


def broker_options(function: F) -> F:
    """Add ``--broker``, ``--queue`` and ``--workers``."""
    function = _where(
        "--workers",
        type=AutoOr("workers", "one per core"),
        default="auto",
        help="Worker processes on this machine, without --broker",
    )(function)
    function = _where(
        "--queue", default=DEFAULT_QUEUE, help="Name of a queue, for the workers that consume it [needs --broker]"
    )(function)
    return _where("--broker", metavar="URL", help="Redis or Valkey server with workers on it [ADVSHARD_BROKER_URL]")(
        function
    )


def trust_option(function: F) -> F:
    """Add ``--trust-model``, the consent to run the code in the model's file, and ``--import``, for code beside it."""
    group = option_group(MODEL_GROUP)
    function = group(
        "--import",
        "imports",
        metavar="MODULE",
        multiple=True,
        default=(),
        help="Import this module or FILE.py before the model, for layers of your own [needs --trust-model;"
        " ADVSHARD_IMPORTS]",
    )(function)
    return group(
        "--trust-model", is_flag=True, help="Run code in the model's file, such as Lambda layers [ADVSHARD_TRUST_MODEL]"
    )(function)


def trusted(given: bool) -> bool:  # noqa: FBT001 - the only argument, and the function says what it is
    """Whether the user trusts the model's file, by the option or the environment."""
    return given or settings().trust_model


def modules_to_import(given: Iterable[str], *, trust_model: bool) -> tuple[str, ...]:
    """The modules from the option or the environment, files by their absolute path.

    Args:
        given: from the option.
        trust_model: whether the user trusts the model's file.

    Raises:
        ConfigError: there is no such module, or modules are given without trust.
    """
    modules = checked_modules(given)
    if modules and not trust_model:
        raise ConfigError(
            "--trust-model with --import, since an import runs the module's code",
            f"--import {modules[0]} without it",
            "add --trust-model if you trust the module and the model",
        )
    return modules or settings().modules


def store_url(given: str | None) -> str:
    """The option's value, or the environment's."""
    return given or settings().store


def broker_url(given: str | None) -> str | None:
    """The broker's URL from the option or the environment; None for the embedded server."""
    return settings().broker(given)


def check_queue(given: str, broker: str | None) -> None:
    """Raise ConfigError for an invalid name, or for a queue other than the default without a broker."""
    if check_name(given) != DEFAULT_QUEUE and broker is None:
        raise ConfigError(
            "a broker, with workers that consume this queue",
            f"--queue {given} without one",
            "give --broker redis://host:6379/0 or set ADVSHARD_BROKER_URL, or leave --queue out",
        )


def find_run(run: str | None, store: str | None) -> RunStore:
    """A run by its id or URL, or the newest of the store, if its manifest can be read.

    Raises:
        ConfigError: there is no such run.
        StoreError: it has another layout.
        IntegrityError: its manifest is damaged.
    """
    place = Store(store_url(store))
    if run is None:
        runs, _ = place.by_age()
        if not runs:
            raise ConfigError(
                "a store with a run in it", f"none in {place.folder.url()}", "give --store or start a run"
            )
        return runs[-1][0]
    found = RunStore(run) if "/" in run else place.run(run)
    if not found.has_manifest():
        raise ConfigError(
            "the id or the URL of a run", f"{run!r}, not found in {place.folder.url()}", "see 'advshard list'"
        )
    found.manifest()
    return found
