"""torchattacks: its OnePixel, in PyTorch."""

from __future__ import annotations

import json

from bench.peers.harness import Array, Loaded, Settings, main
from bench.peers.torch_model import load_cnn, logits_of, to_numpy, to_torch


def load(settings: Settings) -> Loaded:
    import torchattacks

    wanted = json.loads((settings.model.parent / "one_pixel.json").read_text())
    model = load_cnn(settings.model)
    # Its popsize is the population, rounded down to a multiple of the 3 numbers per pixel.
    attack = torchattacks.OnePixel(
        model, pixels=wanted["pixels"], steps=wanted["generations"], popsize=wanted["population"]
    )
    attack.set_device("cpu")

    def attack_all(images: Array, labels: Array) -> Array:
        return to_numpy(attack(*to_torch(images, labels)))

    return Loaded(logits_of(model), attack_all)


if __name__ == "__main__":
    main(load, 1, ("torchattacks", "torch", "numpy"))
