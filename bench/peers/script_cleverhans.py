"""The whole job as a script with CleverHans, without any of our tools.

    .venv-peers/bin/python -m bench.peers.script_cleverhans TASK OUT

Load the model and the images, attack them all, measure success and SSIM, save the images.
"""

from __future__ import annotations

from typing import Any

from bench.peers.harness import Settings
from bench.peers.script import Attack, job

BATCH = 128


def attack_of(model: Any, logits: Any, settings: Settings) -> Attack:  # noqa: ARG001 - called as the other script's is
    import tensorflow as tf
    from cleverhans.tf2.attacks.momentum_iterative_method import momentum_iterative_method

    @tf.function(reduce_retracing=True)
    def attack(x: Any, y: Any) -> Any:
        return momentum_iterative_method(
            logits, x, settings.epsilon, settings.step_size, settings.steps,
            clip_min=0.0, clip_max=1.0, y=y, decay_factor=settings.decay, sanity_checks=False,
        )  # fmt: skip

    found: Attack = attack
    return found


if __name__ == "__main__":
    job(attack_of, BATCH)
