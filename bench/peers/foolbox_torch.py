"""Foolbox on PyTorch: its basic iterative attack, without momentum, for the reason given in ``foolbox_tf``."""

from __future__ import annotations

from bench.peers.harness import Array, Loaded, Settings, in_batches, main
from bench.peers.torch_model import load_cnn, logits_of, to_numpy, to_torch

BATCH = 128  # the fastest of 64, 128, 250 and 500


def load(settings: Settings) -> Loaded:
    import foolbox

    cnn = load_cnn(settings.model)
    model = foolbox.PyTorchModel(cnn, bounds=(0.0, 1.0), device="cpu")
    attack = foolbox.attacks.LinfBasicIterativeAttack(
        abs_stepsize=settings.step_size, steps=settings.steps, random_start=False
    )

    def attack_arrays(images: Array, labels: Array) -> Array:
        _, found, _ = attack(model, *to_torch(images, labels), epsilons=settings.epsilon)
        return to_numpy(found)

    return Loaded(logits_of(cnn), in_batches(settings.batch, attack_arrays))


if __name__ == "__main__":
    main(load, BATCH, ("foolbox", "eagerpy", "torch", "numpy"))
