"""What is known of a generator's file without loading it: ``python -m core.models.advgan.card FILE '[28, 28, 1]'``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.errors import ConfigError, ModelError
from core.models.files.card import ZOO
from core.models.files.inspect_in_subprocess import answer, ask

PREFIX = "advgan-"


class GeneratorCard(BaseModel):
    """A generator's file: the images it takes, the model it was trained against, and how.

    epsilon: the largest change of a pixel in training, for images in 0..1. success: the share of the
    held-out images whose prediction changed.
    """

    model_config = ConfigDict(frozen=True)

    image_shape: tuple[int, ...]
    against: str
    epsilon: float
    success: float
    command: str


def generator_against(model: str) -> str:
    """The name of the shipped generator against this model; raises ConfigError where there is none."""
    generator = f"{PREFIX}{model}"
    if not (ZOO / f"{generator}.json").is_file():
        raise ConfigError(
            "a model that a generator is shipped for, or a generator",
            repr(model),
            "train one: 'advshard train --model advgan --against MODEL', and give --set generator=FILE",
        )
    return generator


def find_generator(generator: str, image_shape: tuple[int, ...]) -> Path:
    """The file of a shipped generator or a Keras file, for images of this shape; raises InputError."""
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
