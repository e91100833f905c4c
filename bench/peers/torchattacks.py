"""torchattacks: its MI-FGSM, in PyTorch."""

from __future__ import annotations

from bench.peers.harness import Array, Loaded, Settings, in_batches, main
from bench.peers.torch_model import load_cnn, logits_of, to_numpy, to_torch

BATCH = 128  # the fastest of 64, 128, 250 and 500


def load(settings: Settings) -> Loaded:
    import torchattacks

    model = load_cnn(settings.model)
    attack = torchattacks.MIFGSM(
        model, eps=settings.epsilon, alpha=settings.step_size, steps=settings.steps, decay=settings.decay
    )
    attack.set_device("cpu")

    def attack_arrays(images: Array, labels: Array) -> Array:
        return to_numpy(attack(*to_torch(images, labels)))

    return Loaded(logits_of(model), in_batches(settings.batch, attack_arrays))


if __name__ == "__main__":
    main(load, BATCH, ("torchattacks", "torch", "numpy"))
