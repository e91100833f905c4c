"""Metadata of a generator's file, for use without TensorFlow.

A shipped generator has a JSON card. Other files are checked in a subprocess:
``python -m core.models.advgan.card FILE '[28, 28, 1]'``.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.errors import ConfigError, ModelError
from core.models.files.card import ZOO
from core.models.files.inspect_in_subprocess import answer, ask

PREFIX = "advgan-"


class GeneratorCard(BaseModel):
    """Metadata of a generator's file.

    image_shape: (H, W, C) of its input and output. against: the model it was trained against.
    epsilon: the largest change of a pixel in training, for images in 0..1. success: the success rate
    on the held-out images, in 0..1. command: the command line that trained it.
    """

    model_config = ConfigDict(frozen=True)

    image_shape: tuple[int, ...]
    against: str
    epsilon: float
    success: float
    command: str


def generator_against(model: str) -> str:
    """The name of the generator shipped for this model; raises ConfigError if there is none."""
    generator = f"{PREFIX}{model}"
    if not (ZOO / f"{generator}.json").is_file():
        raise ConfigError(
            "a model with a shipped generator, or --set generator=FILE",
            repr(model),
            "train one: 'advshard train --model advgan --against MODEL', and give --set generator=FILE",
        )
    return generator


def find_generator(generator: str, image_shape: tuple[int, ...]) -> Path:
    """Locate a generator and check that it fits the images.

    Args:
        generator: the name of a shipped generator, or the path of a Keras file.
        image_shape: (H, W, C) of the images.

    Raises:
        InputError: the generator is unknown, can't be loaded, or has another shape.
    """
    if (ZOO / f"{generator}.json").is_file() and generator.startswith(PREFIX):
        card = GeneratorCard.model_validate_json((ZOO / f"{generator}.json").read_text())
        if card.image_shape != image_shape:
            raise ModelError(
                f"a generator for images of shape {image_shape}",
                f"{generator!r}, which takes {card.image_shape}",
                "train one: 'advshard train --model advgan --against MODEL'",
            )
        return ZOO / f"{generator}.keras"
    path = Path(generator)
    if not path.exists():
        shipped = ", ".join(sorted(file.stem for file in ZOO.glob(f"{PREFIX}*.keras")))
        raise ConfigError(
            "the name of a shipped generator or a Keras file",
            repr(generator),
            f"choose one of {shipped}, or train one: 'advshard train --model advgan --against MODEL'",
        )
    ask("core.models.advgan.card", path, image_shape)
    return path


def _look(path: Path, image_shape: tuple[int, ...]) -> dict[str, object]:
    from core.models.advgan.directions import Directions

    Directions(path, image_shape)
    return {}


if __name__ == "__main__":
    answer(_look)
