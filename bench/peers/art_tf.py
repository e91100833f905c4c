"""Adversarial Robustness Toolbox on TensorFlow: its basic iterative method, without momentum.

Its MI-FGSM does not support TensorFlow (NotImplementedError in 1.20.1).
"""

from __future__ import annotations

from bench.peers.harness import Array, Loaded, Settings, main
from bench.peers.keras_model import load_logits

BATCH = 500  # the fastest of 64, 128, 250 and 500


def load(settings: Settings) -> Loaded:
    import tensorflow as tf
    from art.attacks.evasion import BasicIterativeMethod
    from art.estimators.classification import TensorFlowV2Classifier

    model = load_logits(settings.model)
    classifier = TensorFlowV2Classifier(
        model=tf.function(
            lambda x, training=False: model(x, training=False),  # noqa: ARG005 - ART passes it
            reduce_retracing=True,
        ),
        nb_classes=model.output_shape[-1],
        input_shape=model.input_shape[1:],
        loss_object=tf.keras.losses.CategoricalCrossentropy(from_logits=True),
        clip_values=(0.0, 1.0),
    )
    attack = BasicIterativeMethod(
        classifier, eps=settings.epsilon, eps_step=settings.step_size, max_iter=settings.steps,
        batch_size=settings.batch, verbose=False,
    )  # fmt: skip

    def attack_all(images: Array, labels: Array) -> Array:
        return attack.generate(images, labels)

    return Loaded(classifier.predict, attack_all)


if __name__ == "__main__":
    main(load, BATCH, ("adversarial-robustness-toolbox", "tensorflow", "keras", "numpy"))
