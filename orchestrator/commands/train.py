"""``train``: one of the registered architectures on Fashion-MNIST."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from core.models.training import TrainConfig, save_curves, save_history, save_model, train
from orchestrator.quiet import quiet_native_logs

_DEFAULT = TrainConfig()


@click.command("train")
@click.option("--model", default="cnn", help="A registered architecture")
@click.option("--out", type=click.Path(path_type=Path), help="File of the model  [default: models/NAME.keras]")
@click.option("--epochs", type=click.IntRange(min=1), default=_DEFAULT.epochs)
@click.option("--batch-size", type=click.IntRange(min=1), default=_DEFAULT.batch_size)
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), default=_DEFAULT.learning_rate)
@click.option("--cosine/--constant", default=True, help="Let the learning rate fall to zero over the epochs, or not")
@click.option("--augment/--no-augment", default=True, help="Mirror and shift the training images at random")
@click.option(
    "--validation", type=click.IntRange(1, 59_999), default=_DEFAULT.validation, help="Training images held out"
)
@click.option("--seed", type=click.IntRange(min=0), default=0)
@click.option("--tensorboard", type=click.Path(path_type=Path), help="Folder for TensorBoard's logs")
def train_command(out: Path | None, tensorboard: Path | None, **options: int | float | bool | str) -> None:
    """Train a classifier on Fashion-MNIST, with validation images held out of the training images.

    Beside the model it writes its card (.json), its history (.csv) and its learning curves (.png).
    """
    from core.datasets.fashion_mnist import FashionMnist
    from core.registry import MODELS

    config = TrainConfig.model_validate(options)
    MODELS[config.model]
    target = out or Path("models") / f"{config.model}.keras"
    if target.suffix != ".keras":
        raise click.UsageError(f"expected a file ending in .keras; got {target}; give --out models/mine.keras")
    target.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def progress(epoch: int, figures: dict[str, float]) -> None:
        left = (time.monotonic() - began) / epoch * (config.epochs - epoch)
        click.echo(
            f"epoch {epoch}/{config.epochs}  loss {figures['loss']:.4f}  accuracy {figures['accuracy']:.4f}  "
            f"validation loss {figures['val_loss']:.4f}  accuracy {figures['val_accuracy']:.4f}  {left:.0f} s left",
            err=True,
        )

    data = FashionMnist()
    with quiet_native_logs():
        trained = train(config, data.load_train(), data.load(), progress, tensorboard)
    save_model(trained, config.model, target)
    save_history(trained.history, target.with_suffix(".csv"))
    save_curves(trained.history, target.with_suffix(".png"))
    card = {
        "image_shape": trained.model.input_shape[1:],
        "classes": trained.model.output_shape[-1],
        "test_accuracy": trained.test_accuracy,
        "command": _command(config),
    }
    target.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    click.echo(f"test accuracy {trained.test_accuracy:.4f}")
    click.echo(str(target))


def _command(config: TrainConfig) -> str:
    """The command that trains the same model again, wherever it is written to."""
    words = ["python -m orchestrator train", f"--model {config.model}"]
    switches = {"cosine": "--constant", "augment": "--no-augment"}
    for name, value in config.model_dump(exclude_defaults=True, exclude={"model"}).items():
        words.append(switches.get(name, f"--{name.replace('_', '-')} {value}"))
    return " ".join(words)
