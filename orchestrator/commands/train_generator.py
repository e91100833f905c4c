"""``train --model advgan``: train a generator of adversarial examples against a model."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pydantic import ValidationError

from core.errors import ConfigError
from core.models.advgan import GeneratorConfig, train_generator
from core.models.advgan.card import PREFIX, GeneratorCard
from core.models.files.card import resolve
from core.registry import DEFAULT_DATASET, DEFAULT_MODEL
from core.runtime.native_logs import quiet_native_logs

_FIELDS = {"eps": "epsilon"}


def train_generator_command(context: click.Context) -> None:
    """Train a generator and write it with its card (.json) and history (.csv); raises InputError.

    Args:
        context: that of the ``train`` command; only options that were given are used.
    """
    from core.image.pixels import to_float
    from core.models.training import save_history
    from orchestrator.planning.training_data import load_train_set

    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    against, out = given.pop("against", DEFAULT_MODEL), given.pop("out", None)
    data = given.pop("data", DEFAULT_DATASET)
    config = _config({name: value for name, value in given.items() if name != "model"})
    images = to_float(load_train_set(data).images, (0.0, 1.0))
    shape = images.shape[1:]
    name, path, _ = resolve(against, shape)
    target = out or Path("models") / f"{PREFIX}{Path(name).stem}.keras"
    if target.suffix != ".keras":
        raise click.UsageError(f"expected a file ending in .keras; got {target}; give --out models/mine.keras")
    target.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def progress(epoch: int, values: dict[str, float]) -> None:
        left = (time.monotonic() - began) / epoch * (config.epochs - epoch)
        words = [f"{what} {value:.4f}" for what, value in values.items()]
        click.echo(f"epoch {epoch}/{config.epochs}  {'  '.join(words)}  {left:.0f} s left", err=True)

    with quiet_native_logs():
        from core.models.files.loading import load_model
        from core.models.inference.classifier import tensor_logits

        trained = train_generator(config, tensor_logits(load_model(path), shape), images, progress)
    trained.model.save(target)
    save_history(trained.history, target.with_suffix(".csv"))
    success = trained.history["success"][-1]
    card = GeneratorCard(
        image_shape=shape,
        against=name,
        epsilon=config.epsilon,
        success=success,
        command=_command(config, against, data),
    )
    target.with_suffix(".json").write_text(card.model_dump_json(indent=2) + "\n")
    click.echo(f"success rate on held-out images {success:.4f}")
    click.echo(str(target))


def _config(options: dict[str, Any]) -> GeneratorConfig:
    try:
        return GeneratorConfig.model_validate({_FIELDS.get(name, name): value for name, value in options.items()})
    except ValidationError as error:
        first = error.errors()[0]
        option = _option(str(first["loc"][0]))
        raise ConfigError(
            f"a valid {option} of advgan", f"{first['input']!r} ({first['msg']})", "leave it out for the default"
        ) from None


def _command(config: GeneratorConfig, against: str, data: str) -> str:
    """The command that reproduces the generator, without its output path."""
    words = ["advshard", "train", "--model", "advgan", "--against", against]
    words += ["--data", data] if data != DEFAULT_DATASET else []
    for name, value in config.model_dump(exclude_defaults=True).items():
        words += [_option(name), str(value)]
    return shlex.join(words)


def _option(field: str) -> str:
    names = {field: name for name, field in _FIELDS.items()}
    return "--" + names.get(field, field).replace("_", "-")
