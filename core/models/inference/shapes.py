"""Reads the shapes of a model's input and output: which images it takes, and how many classes it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import ModelError

Layout = Literal["channels last", "channels first", "no channels"]
_CHANNELS = (3, 1, None, 4, 2)  # of images, the most common first
_FREE = 224  # pixels, where any size will do
_OTHER_CHANNELS = {1: 3, 3: 1}


@dataclass(frozen=True)
class Shapes:
    """What a model takes and gives.

    Attributes:
        image_shape: (H, W, C) of the stored images.
        input_shape: (H, W, C) that the model takes, None where any size will do.
        layout: of the model's own input: (N, H, W, C), (N, C, H, W), or (N, H, W) for grey images.
        classes: the number of classes, 2 for a single output.
        single: whether the model has one output for two classes, (N, 1) or (N,).
    """

    image_shape: tuple[int, ...]
    input_shape: tuple[int | None, ...]
    layout: Layout
    classes: int
    single: bool

    def arranged(self, x: Any) -> Any:
        """Images (N, H, W, C), a tensor, as the model takes them."""
        import tensorflow as tf

        if self.layout == "channels first":
            return tf.transpose(x, (0, 3, 1, 2))
        return tf.squeeze(x, 3) if self.layout == "no channels" else x


def read_shapes(model: Any, image_shape: tuple[int, ...], *, other_channels: bool = False) -> Shapes:
    """Find out how a model takes images of this shape.

    Args:
        model: has ``inputs`` and ``outputs`` with shapes, as a functional keras.Model has.
        image_shape: (H, W, C) of the images.
        other_channels: accept a model for RGB where the images are grey, and the reverse.

    Raises:
        ModelError: the model doesn't take such images, or is not a classifier.
    """
    inputs, outputs = model.inputs or [], model.outputs or []
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            "a model with one input and one output",
            f"{len(inputs)} inputs and {len(outputs)} outputs",
            "wrap it in a functional keras.Model with one of each",
        )
    classes, single = _classes(tuple(outputs[0].shape))
    taken = tuple(inputs[0].shape)[1:]
    for shape in _converted(image_shape) if other_channels else [image_shape]:
        for layout, input_shape in _layouts(taken):
            if _fits(shape, input_shape):
                return Shapes(shape, input_shape, layout, classes, single)
    raise ModelError(
        f"a model that takes images of shape {image_shape}",
        f"one that takes {taken}",
        "give images of that shape (--size H W resizes image files), or put a reshaping layer in front of the model",
    )


def natural_shape(model: Any) -> tuple[int, ...]:
    """An image shape (H, W, C) that a model takes, 224 x 224 and RGB as far as it leaves them open.

    Args:
        model: as for ``read_shapes``.

    Raises:
        ModelError: its input isn't known before it is called with images, or is no image.
    """
    inputs = getattr(model, "inputs", None) or []
    found = list(_layouts(tuple(inputs[0].shape)[1:])) if len(inputs) == 1 else []
    fitting = [shape for shape in (layout[1] for layout in found) if shape[2] in _CHANNELS]
    if not fitting:
        raise ModelError(
            "a model that says which images it takes",
            f"inputs {[tuple(each.shape) for each in inputs]}" if inputs else "one that doesn't before it is called",
            "name images with --data",
        )
    height, width, channels = min(fitting, key=lambda shape: _CHANNELS.index(shape[2]))
    return (height or _FREE, width or _FREE, channels or 3)


def fits_converted(image_shape: tuple[int, ...], input_shape: tuple[int | None, ...]) -> bool:
    """Whether images fit an input (H, W, C), if need be after a conversion between grey and RGB."""
    return any(_fits(shape, input_shape) for shape in _converted(image_shape))


def _converted(image_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes that the images have as they are, and after a conversion between grey and RGB."""
    *size, channels = image_shape
    return [image_shape, *([(*size, _OTHER_CHANNELS[channels])] if channels in _OTHER_CHANNELS else [])]


def _layouts(taken: tuple[int | None, ...]) -> Iterator[tuple[Layout, tuple[int | None, ...]]]:
    """The ways to read the model's input as (H, W, C), the most common first."""
    if len(taken) == 3:
        yield "channels last", taken
        yield "channels first", (*taken[1:], taken[0])
    elif len(taken) == 2:
        yield "no channels", (*taken, 1)


def _fits(shape: tuple[int, ...], input_shape: tuple[int | None, ...]) -> bool:
    return all(wanted in {None, size} for size, wanted in zip(shape, input_shape, strict=True))


def _classes(out: tuple[int | None, ...]) -> tuple[int, bool]:
    """The number of classes of an output of this shape, and whether it is a single value for two classes."""
    if len(out) == 1 or (len(out) == 2 and out[1] == 1):
        return 2, True
    if len(out) != 2 or out[1] is None:
        raise ModelError(
            "a model whose output is (N, classes), or (N, 1) for two classes",
            f"output {out}",
            "let the model end in one probability or logit per class",
        )
    return out[1], False
