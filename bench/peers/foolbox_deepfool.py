"""Foolbox's DeepFool on PyTorch, in either norm."""

from __future__ import annotations

from bench.peers.harness import Array, Loaded, Settings, in_batches, main
from bench.peers.torch_model import load_cnn, load_mlp, logits_of, to_numpy, to_torch

BATCH = 16


def load(settings: Settings) -> Loaded:
    import foolbox

    network = {"cnn": load_cnn, "mlp": load_mlp}[settings.architecture](settings.model)
    model = foolbox.PyTorchModel(network, bounds=(0.0, 1.0), device="cpu")
    kinds = {"l2": foolbox.attacks.L2DeepFoolAttack, "linf": foolbox.attacks.LinfDeepFoolAttack}
    # Its candidates are ours and the own class.
    attack = kinds[settings.norm](
        steps=settings.steps, candidates=settings.candidates + 1, overshoot=settings.overshoot
    )

    def attack_arrays(images: Array, labels: Array) -> Array:
        _, found, _ = attack(model, *to_torch(images, labels), epsilons=None)
        return to_numpy(found)

    return Loaded(logits_of(network), in_batches(settings.batch, attack_arrays))


if __name__ == "__main__":
    main(load, BATCH, ("foolbox", "eagerpy", "torch", "numpy"))
