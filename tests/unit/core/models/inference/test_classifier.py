from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.models.fast.compiled import Program
from core.models.files.loading import load_model
from core.models.inference.batch_invariance import position_free, same_sizes, settle
from core.models.inference.classifier import KerasClassifier, predict
from core.models.inference.logits import logits_function
from tests.classifiers import LinearClassifier

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (12, 12, 1)


def build(head: str, seed: int = 0, scale: float = 1.0) -> Any:
    """A small convolutional classifier with one of several ways to end."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    features = [
        keras.Input(SHAPE),
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Flatten(),
    ]
    heads: dict[str, list[Any]] = {
        "dense softmax": [layers.Dense(5, activation="softmax")],
        "softmax layer": [layers.Dense(5), layers.Softmax()],
        "activation": [layers.Dense(5), layers.Activation("softmax")],
        "logits": [layers.Dense(5)],
        "nested": [keras.Sequential([keras.Input((400,)), layers.Dense(5, activation="softmax")])],
        "buried": [layers.Dense(5, activation="softmax"), layers.Reshape((5,))],
    }
    model = keras.Sequential([*features, *heads[head]])
    if scale != 1.0:
        dense = model.layers[-1]
        dense.set_weights([scale * weight for weight in dense.get_weights()])
    return model


def images(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *SHAPE), np.float32)


def log_softmax(z: np.ndarray) -> np.ndarray:
    z = z.astype(np.float64)
    return (
        z - z.max(axis=1, keepdims=True) - np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    )


@pytest.mark.parametrize("head", ["dense softmax", "softmax layer", "activation", "nested", "buried"])
def test_logits_are_recovered_and_the_model_is_not_touched(head: str) -> None:
    model = build(head)
    before = model.to_json(), [weight.copy() for weight in model.get_weights()]
    classifier = KerasClassifier(model, SHAPE, 4)
    x = images(6)
    probabilities = np.asarray(model(x, training=False))
    np.testing.assert_allclose(log_softmax(classifier.logits(x)), np.log(probabilities), atol=1e-5)
    assert model.to_json() == before[0]
    for now, then in zip(model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(now, then)
    assert logits_function(model)[1] == ("output" if head == "buried" else "softmax removed")


def test_logits_are_read_as_they_are() -> None:
    model = build("logits")
    x = images(3)
    np.testing.assert_allclose(
        KerasClassifier(model, SHAPE, 3).logits(x), np.asarray(model(x, training=False)), atol=1e-5
    )


def test_a_saturated_softmax_still_has_logits() -> None:
    model = build("dense softmax", scale=3000)
    classifier = KerasClassifier(model, SHAPE, 4)
    x = images(4)
    assert np.asarray(model(x, training=False)).max(axis=1).tolist() == [1, 1, 1, 1]
    z = classifier.logits(x)
    assert len(np.unique(z)) == z.size
    labels = predict(classifier, x)
    _, saturated = classifier.gradient(x, labels, "cross_entropy")
    _, margin = classifier.gradient(x, labels, "margin")
    assert not saturated.any()
    assert margin.any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
def test_the_gradient_is_that_of_each_images_own_loss(loss: Any) -> None:
    classifier = KerasClassifier(build("dense softmax"), SHAPE, 4)
    x = images(4)
    labels = np.array([0, 1, 2, 3])

    def losses(at: np.ndarray) -> np.ndarray:
        z = classifier.logits(at).astype(np.float64)
        rows = np.arange(4)
        if loss == "cross_entropy":
            return -log_softmax(z)[rows, labels]
        others = z.copy()
        others[rows, labels] = -np.inf
        return others.max(axis=1) - z[rows, labels]

    logits, gradient = classifier.gradient(x, labels, loss)
    np.testing.assert_allclose(logits, classifier.logits(x), atol=1e-5)
    step = np.float32(1e-2)
    for pixel in [(0, 0), (5, 7), (11, 11)]:
        moved = np.zeros_like(x)
        moved[:, pixel[0], pixel[1]] = step
        numeric = (losses(x + moved) - losses(x - moved)) / (2 * step)
        np.testing.assert_allclose(gradient[:, pixel[0], pixel[1], 0], numeric, rtol=0.02, atol=2e-4)


def test_any_number_of_images_gives_the_same_bits() -> None:
    classifier = KerasClassifier(build("dense softmax"), SHAPE, 8)
    x = images(19)
    whole = classifier.logits(x)
    for count in (1, 7, 8, 9):
        np.testing.assert_array_equal(classifier.logits(x[:count]), whole[:count])
    assert classifier.logits(x[:0]).shape == (0, 5)


def test_a_batch_size_is_settled_at_which_the_place_does_not_matter() -> None:
    class Uneven(LinearClassifier):
        """Computes the last row of a batch of more than two in another way."""

        def gradient(self, x: Any, labels: Any, loss: Any) -> Any:
            z, gradient = super().gradient(x, labels, loss)
            if self.batch_size > 2:
                gradient[-1] *= np.float32(1 + 1e-6)
            return z, gradient

    weights = np.random.default_rng(0).normal(size=(3, 4))
    assert position_free(LinearClassifier(weights, batch_size=8), (2, 2, 1))
    assert not position_free(Uneven(weights, batch_size=8), (2, 2, 1))
    assert settle(lambda size: Uneven(weights, batch_size=size), 8, (2, 2, 1)).batch_size == 2
    assert settle(lambda size: LinearClassifier(weights, batch_size=size), 8, (2, 2, 1)).batch_size == 8


def test_smaller_passes_serve_only_where_they_give_the_same_bits() -> None:
    class Uneven(LinearClassifier):
        """Computes passes of four images and fewer in another way."""

        def gradient(self, x: Any, labels: Any, loss: Any) -> Any:
            z, gradient = super().gradient(x, labels, loss)
            return z, gradient * np.float32(1 + 1e-6) if min(s for s in self.sizes if s >= len(x)) <= 4 else gradient

    weights = np.random.default_rng(0).normal(size=(3, 4))
    assert settle(lambda size: Uneven(weights, batch_size=size), 32, (2, 2, 1)).sizes == (8, 16, 32)
    assert settle(lambda size: LinearClassifier(weights, batch_size=size), 12, (2, 2, 1)).sizes == (3, 6, 12)


def test_a_pass_is_filled_up_to_the_next_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    own = Program.compiled

    def watched(*traced: Any) -> Any:
        inner = own(*traced)

        def call(x: Any, *more: Any) -> Any:
            seen.append(len(x))
            return inner(x, *more)

        return call

    monkeypatch.setattr(Program, "compiled", watched)
    classifier = KerasClassifier(build("dense softmax"), SHAPE, 8)
    classifier.sizes = (4, 8)
    x = images(17)
    whole = classifier.logits(x)
    assert seen == [8, 8, 4]
    np.testing.assert_array_equal(classifier.logits(x[:3]), whole[:3])
    labels = np.arange(5) % 5
    logits, gradient = classifier.gradient(x[:5], labels, "margin")
    assert (logits.shape, gradient.shape) == ((5, 5), (5, *SHAPE))


def test_the_shipped_models_are_position_free_at_the_default_batch() -> None:
    from core.models.files.card import ZOO

    for name in ("cnn", "mlp"):
        classifier = KerasClassifier(load_model(ZOO / f"{name}.keras"), (28, 28, 1), 64)
        assert position_free(classifier, (28, 28, 1)), name
        assert len(same_sizes(classifier, (28, 28, 1))) >= 3, name


@pytest.mark.parametrize(
    ("shape", "said"), [((28, 28, 1), "shape (28, 28, 1)"), ((12, 12, 3), "one that takes (12, 12, 1)")]
)
def test_a_model_of_another_input_is_refused(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(ModelError) as refused:
        KerasClassifier(build("logits"), shape, 2)
    assert said in str(refused.value)


def test_a_model_whose_output_is_not_one_row_of_classes_is_refused() -> None:
    import keras
    from keras import layers

    grid = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(3, 3)])
    entry = keras.Input(SHAPE)
    flat = layers.Flatten()(entry)
    two = keras.Model(entry, [layers.Dense(2)(flat), layers.Dense(3)(flat)])
    for model, said in ((grid, "output (None, 10, 10, 3)"), (two, "2 outputs")):
        with pytest.raises(ModelError) as refused:
            KerasClassifier(model, SHAPE, 2)
        assert said in str(refused.value)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.weird"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_keras_files_and_legacy_hdf5_load_whatever_their_name(tmp_path: Path, name: str) -> None:
    model = build("dense softmax")
    path = tmp_path / name
    if name.endswith("weird"):
        model.save(tmp_path / "model.keras")
        (tmp_path / "model.keras").rename(path)
    else:
        model.save(path)
    x = images(3)
    again = KerasClassifier(load_model(path), SHAPE, 3)
    np.testing.assert_array_equal(again.logits(x), KerasClassifier(model, SHAPE, 3).logits(x))


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "model.keras"
    text.write_text("hello")
    for path, said in ((text, "another format"), (tmp_path / "none.keras", "no file"), (tmp_path, "a folder")):
        with pytest.raises(ModelError) as refused:
            load_model(path)
        assert said in str(refused.value)
    broken = tmp_path / "broken.keras"
    build("logits").save(broken)
    broken.write_bytes(broken.read_bytes()[:2000])
    with pytest.raises(ModelError, match="a Keras file with a model configuration"):
        load_model(broken)
