"""``train``: train a registered architecture on labelled images."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import ValidationError

from core.errors import ConfigError
from core.models.training import TrainConfig, accuracy, save_curves, save_history, save_model, train
from core.models.training.config import Optimizer, Regularizer, Schedule
from core.registry import DEFAULT_DATASET
from core.runtime.native_logs import quiet_native_logs
from orchestrator.planning.training_data import load_sets

_DEFAULT = TrainConfig()


@click.command("train")
@click.option("--model", default=_DEFAULT.model, help="A registered architecture")
@click.option("--data", default=DEFAULT_DATASET, metavar="NAME|PATH|URL", help="Training images")
@click.option("--test-data", metavar="NAME|PATH|URL", help="Test images  [default: those of --data NAME]")
@click.option("--out", type=click.Path(path_type=Path), help="Model file to write  [default: models/NAME.keras]")
@click.option("--epochs", type=int, default=_DEFAULT.epochs)
@click.option("--batch-size", type=int, default=_DEFAULT.batch_size)
@click.option("--optimizer", type=click.Choice(get_args(Optimizer)), default=_DEFAULT.optimizer)
@click.option("--learning-rate", type=float, default=_DEFAULT.learning_rate, help="Initial learning rate")
@click.option("--momentum", type=float, default=_DEFAULT.momentum, help="Momentum of --optimizer sgd")
@click.option("--nesterov", is_flag=True, help="Use Nesterov momentum, with --optimizer sgd")
@click.option(
    "--schedule",
    type=click.Choice(get_args(Schedule)),
    default=_DEFAULT.schedule,
    help="Learning rate: none keeps it; time divides it by 1 + decay * step; step multiplies it by --drop after every"
    " --drop-every epochs; cosine decays it to zero over all epochs",
)
@click.option("--decay", type=float, help="Decay of --schedule time, per step (batch)")
@click.option("--drop", type=float, help="Factor of --schedule step")
@click.option("--drop-every", type=int, help="Epochs between the drops of --schedule step")
@click.option("--dropout", type=float, help="Rate of the model's dropout layers  [default: the model's own]")
@click.option("--regularizer", type=click.Choice(get_args(Regularizer)), default=_DEFAULT.regularizer)
@click.option("--l1", type=float, help="Strength: adds L1 * sum(|w|) over the kernels to the loss")
@click.option("--l2", type=float, help="Strength: adds L2 * sum(w^2) over the kernels to the loss")
@click.option("--augment/--no-augment", default=_DEFAULT.augment, help="Flip and shift training images at random")
@click.option(
    "--early-stopping",
    type=int,
    help="Stop after this many epochs without a lower validation loss, and restore the best weights",
)
@click.option("--validation", type=int, default=_DEFAULT.validation, help="Training images held out")
@click.option("--seed", type=int, default=_DEFAULT.seed)
@click.option("--against", metavar="NAME|PATH", help="With --model advgan: the model to attack  [default: cnn]")
@click.option("--eps", type=float, help="With --model advgan: the largest change of a pixel, for images in 0..1")
@click.option("--tensorboard", type=click.Path(path_type=Path), help="Folder for TensorBoard logs")
def train_command(data: str, test_data: str | None, out: Path | None, tensorboard: Path | None, **options: Any) -> None:
    """Train a classifier, holding out some training images for validation.

    Writes the model and, beside it, its card (.json), history (.csv) and learning curves (.png). With --model advgan,
    trains a generator of adversarial examples against a model.
    """
    against, eps = options.pop("against"), options.pop("eps")
    if options["model"] == "advgan":
        from orchestrator.commands.train_generator import train_generator_command

        train_generator_command(click.get_current_context())
        return
    if against is not None or eps is not None:
        raise click.UsageError(
            f"expected --against and --eps only with --model advgan; got --model {options['model']};"
            " add --model advgan or leave them out"
        )
    from core.registry import MODELS

    config = chosen_config(options)
    MODELS[config.model]
    target = out or Path("models") / f"{config.model}.keras"
    if target.suffix != ".keras":
        raise click.UsageError(f"expected a file ending in .keras; got {target}; give --out models/mine.keras")
    train_set, test_set = load_sets(data, test_data)
    target.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def progress(epoch: int, values: dict[str, float]) -> None:
        left = (time.monotonic() - began) / epoch * (config.epochs - epoch)
        click.echo(
            f"epoch {epoch}/{config.epochs}  loss {values['loss']:.4f}  accuracy {values['accuracy']:.4f}  "
            f"validation loss {values['val_loss']:.4f}  accuracy {values['val_accuracy']:.4f}  {left:.0f} s left",
            err=True,
        )

    with quiet_native_logs():
        trained = train(config, train_set, progress, tensorboard)
    test_accuracy = accuracy(trained.model, test_set)
    save_model(config, trained.model, target)
    save_history(trained.history, target.with_suffix(".csv"))
    save_curves(trained.history, target.with_suffix(".png"))
    card = {
        "image_shape": trained.model.input_shape[1:],
        "classes": trained.model.output_shape[-1],
        "class_names": train_set.class_names,
        "test_accuracy": test_accuracy,
        "command": command_line(config, data, test_data),
    }
    target.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    click.echo(f"test accuracy {test_accuracy:.4f}")
    click.echo(str(target))


def chosen_config(options: dict[str, Any]) -> TrainConfig:
    """The configuration that these options describe; raises ConfigError."""
    try:
        return TrainConfig.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{first['loc'][0]}".replace("_", "-")
        raise ConfigError(
            f"a valid {option}", f"{first['input']!r} ({first['msg']})", "see 'advshard train --help'"
        ) from None


def command_line(config: TrainConfig, data: str = DEFAULT_DATASET, test_data: str | None = None) -> str:
    """The command that reproduces the model, without its output path."""
    words = ["advshard", "train", "--model", config.model]
    words += ["--data", data] if data != DEFAULT_DATASET else []
    words += ["--test-data", test_data] if test_data else []
    for name, value in config.model_dump(exclude_defaults=True, exclude={"model"}).items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", str(value)]
    return shlex.join(words)
