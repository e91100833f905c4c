"""``attacks``: list the attacks and their hyper-parameters, read from their classes."""

from __future__ import annotations

import inspect
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from core.attacks.base import Attack
from core.registry import ATTACKS

_WIDTH = 110
_SIGNS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


@click.command("attacks")
@click.argument("names", nargs=-1)
def attacks_command(names: tuple[str, ...]) -> None:
    """List all attacks, or only NAMES: what each does, its cost, and its hyper-parameters with their defaults.

    Pass hyper-parameters to 'run' with --set NAME=VALUE; some also have their own option.
    """
    console = Console(width=None if Console().is_terminal else _WIDTH, markup=False, highlight=False)
    for name in names or ATTACKS:
        kind: type[Attack] = ATTACKS[name]
        console.print(name, style="bold")
        console.print(inspect.getdoc(kind))
        console.print(_remarks(kind))
        console.print(_hyper_parameters(kind), "")


def _remarks(kind: type[Attack]) -> str:
    target = "Supports --target" if kind.targetable else "Does not support --target"
    return f"{target}; fallback for images that it leaves unchanged: {kind.fallback or 'none'}."


def _hyper_parameters(kind: type[Attack]) -> Table:
    table = Table("hyper-parameter", "default", "values", "description", box=None, padding=(0, 2))
    schema = kind.model_json_schema()["properties"]
    for name, field in kind.model_fields.items():
        table.add_row(name, _default(field.default), _values(schema[name]), field.description or "")
    return table


def _default(value: Any) -> str:
    if value is None:
        return "not given"
    return f"{value:.6g}" if isinstance(value, float) else str(value).lower()


def _values(schema: dict[str, Any]) -> str:
    """The valid values of a hyper-parameter, from its JSON schema: ``linf, l2`` or ``number > 0``."""
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return _values(next(option for option in schema["anyOf"] if option.get("type") != "null"))
    limits = [f"{sign} {schema[key]}" for key, sign in _SIGNS.items() if key in schema]
    return " ".join([schema.get("type", "any"), *limits])
