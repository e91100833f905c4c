"""``inspect``: what would be understood of a model and an image set, before anything is attacked."""

from __future__ import annotations

from typing import Any, get_args

import click

from core.image.pixels import Preprocess
from core.registry import DEFAULT_DATASET
from orchestrator.data_options import class_names, data_options_with, take_read_options
from orchestrator.option_groups import GroupedCommand, option_group
from orchestrator.options import MODEL_GROUP, modules_to_import, trust_option, trusted
from orchestrator.planning.request import Request

_data = option_group(MODEL_GROUP)
_REPEATED = ("data", "keys", "split", "size", "skip_broken", "classes", "limit", "sample", "trust_model", "imports")


@click.command("inspect", cls=GroupedCommand)
@click.argument("model")
@data_options_with(None)
@_data("--bounds", type=float, nargs=2, help="Pixel range, as for 'run'")
@_data(
    "--preprocess",
    type=click.Choice(get_args(Preprocess)),
    default=Request.preprocess,
    help="Keras's preprocessing, as for 'run'",
)
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON")
def inspect_command(*, model: str, as_json: bool, **options: Any) -> None:
    """Say what is understood of MODEL, a shipped model or a file, and of the images that --data names.

    With images: clean accuracy and classes on 256 of them, and the cost of an attack. It ends with a command to go on
    with.
    """
    from orchestrator.inspection.inspect import inspect
    from orchestrator.inspection.screen import screen

    given = _given(options)
    data, trust_model = options.pop("data"), trusted(options.pop("trust_model"))
    request = Request(
        store="",
        model=model,
        data=data or DEFAULT_DATASET,
        read=take_read_options(options),
        classes=class_names(options.pop("classes")),
        trust_model=trust_model,
        imports=modules_to_import(options.pop("imports"), trust_model=trust_model),
        **options,
    )
    found = inspect(request, given, with_data=data is not None)
    click.echo(found.model_dump_json(indent=2) if as_json else screen(found))


def _given(options: dict[str, Any]) -> list[str]:
    """The options for data and trust as words of a command line."""
    words: list[str] = []
    for name in _REPEATED:
        value, option = options[name], f"--{name.replace('_', '-')}".replace("imports", "import")
        if value is True:
            words.append(option)
        elif name == "imports":
            words += [word for each in value for word in (option, each)]
        elif name == "size" and value:
            words += [option, *map(str, value)]
        elif value not in {None, False} and value != ():
            words += [option, str(value)]
    return words
