"""The shipped models in PyTorch, with the weights of the Keras file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any


def load_cnn(path: Path) -> Any:
    """A torch.nn.Module from (n, 1, 28, 28) to logits, in inference mode."""
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(576, 784), nn.ReLU(), nn.Linear(784, 10),
    )  # fmt: skip
    found = _weights(path, ("conv2d", "conv2d_1", "conv2d_2", "dense", "dense_1"))
    # Keras flattens (3, 3, 64) with the channel last, PyTorch (64, 3, 3).
    first, bias = found[3]
    found[3] = first.reshape(3, 3, 64, 784).transpose(2, 0, 1, 3).reshape(576, 784), bias
    return _with(model, found)


def load_mlp(path: Path) -> Any:
    """Like ``load_cnn``."""
    from torch import nn

    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 784), nn.ReLU(), nn.Linear(784, 10))
    return _with(model, _weights(path, ("dense", "dense_1")))


def _with(model: Any, weights: list[tuple[Any, Any]]) -> Any:
    import torch
    from torch import nn

    layers = [layer for layer in model if isinstance(layer, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for layer, (kernel, bias) in zip(layers, weights, strict=True):
            # PyTorch has the outputs first, Keras last.
            order = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
            layer.weight.copy_(torch.from_numpy(kernel.transpose(order).copy()))
            layer.bias.copy_(torch.from_numpy(bias))
    # Only the images need a gradient. The channel last in memory is faster.
    return model.eval().requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)


def to_torch(images: Any, labels: Any) -> tuple[Any, Any]:
    """Images (n, H, W, C) and labels as tensors, the channel before height and width."""
    import torch

    return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels)


def to_numpy(images: Any) -> Any:
    """Images (n, C, H, W) as an array, the channel last."""
    return images.detach().permute(0, 2, 3, 1).numpy()


def logits_of(model: Any) -> Any:
    """A function from arrays to arrays."""
    import torch

    def logits(images: Any) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()

    return logits


def _weights(path: Path, names: tuple[str, ...]) -> list[tuple[Any, Any]]:
    """Kernel and bias of each layer, in Keras's layout."""
    import h5py
    import numpy as np

    with zipfile.ZipFile(path) as file:
        weights = h5py.File(io.BytesIO(file.read("model.weights.h5")))
    found = ([np.asarray(weights[f"layers/{name}/vars/{part}"]) for part in (0, 1)] for name in names)
    return [(kernel, bias) for kernel, bias in found]
