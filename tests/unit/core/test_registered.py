"""What every registered attack, metric, data set and model must hold. New entries are tested by being there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.attacks.base import Attack, Examples
from core.attacks.noise import Noise
from core.errors import ConfigError
from core.models.inference.classifier import predict
from core.registry import ATTACKS, DATASETS, METRICS, MODELS, Registry
from tests.assets import assets_for
from tests.classifiers import LinearClassifier


def classifier(shape: tuple[int, ...], slots: int = 4) -> LinearClassifier:
    rng = np.random.default_rng(3)
    return LinearClassifier(rng.normal(size=(3, int(np.prod(shape)))), rng.normal(size=3), slots)


def examples(shape: tuple[int, ...], count: int = 9) -> Examples:
    images = np.random.default_rng(4).random((count, *shape), np.float32)
    return Examples(images, predict(classifier(shape), images), np.arange(count), levels=255)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("shape", [(11, 12, 1), (13, 11, 3)])
@pytest.mark.parametrize("name", ATTACKS)
def test_attack(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    attack: Attack = ATTACKS[name]()
    data = replace(examples(shape), assets=assets_for(name, shape, tmp_path))
    before = data.images.copy()
    result = attack.run(classifier(shape), data)
    np.testing.assert_array_equal(data.images, before)
    assert result.images.shape == data.images.shape
    assert result.images.dtype == np.float32
    assert np.isfinite(result.images).all()
    assert result.images.min() >= 0
    assert result.images.max() <= 1
    assert result.steps.shape == result.vanished.shape == (9,)
    assert (result.images != data.images).any()
    if not isinstance(attack, Noise) and not data.assets:  # an untrained generator, say
        assert (predict(classifier(shape), result.images) != data.labels).any()
    epsilon = getattr(attack, "epsilon", None)
    if epsilon is not None:
        assert np.abs(result.images.astype(float) - data.images.astype(float)).max() <= epsilon
    most = attack.passes_at_most(classes=3)
    if most is not None:
        assert result.forward_passes.max() <= most.forward
        assert result.backward_passes.max() <= most.backward
    # The same bytes in another order, another company and another batch.
    order = np.random.default_rng(5).permutation(9)[:6]
    part = attack.run(classifier(shape, slots=3), data.take(order))
    for field in ("images", "steps", "vanished", "forward_passes", "backward_passes"):
        np.testing.assert_array_equal(getattr(part, field), getattr(result, field)[order])
    # Hyper-parameters are provenance: they survive JSON, are described, and can't be changed.
    assert type(attack).model_validate_json(attack.model_dump_json()) == attack
    assert all(field.description for field in type(attack).model_fields.values())
    said = type(attack).__doc__ or ""
    assert "Cost:" in said
    assert "Choose it" in said
    with pytest.raises(ValueError, match="frozen"):
        attack.__setattr__(next(iter(type(attack).model_fields)), 1)
    with pytest.raises(ValueError, match="extra"):
        ATTACKS[name](no_such_parameter=1)


@pytest.mark.parametrize("shape", [(16, 16, 1), (12, 20, 3)])
@pytest.mark.parametrize("name", METRICS)
def test_metric(name: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    clean, other = rng.random((2, 5, *shape), np.float32)
    metric = METRICS[name]()
    values = metric(clean, other, (0.0, 1.0))
    assert values.shape == (5,)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    order = np.array([3, 0, 4])
    np.testing.assert_array_equal(metric(clean[order], other[order], (0.0, 1.0)), values[order])
    same = metric(clean, clean, (0.0, 1.0))
    assert np.allclose(same, same[0])
    assert (values != same).all()


@pytest.mark.parametrize("name", DATASETS)
def test_data_set(name: str) -> None:
    data = DATASETS[name]().load()
    assert data.images.ndim == 4
    assert data.labels.shape == (len(data.images),)
    assert data.labels.dtype == np.int64
    assert data.images.dtype in {np.dtype(np.uint8), np.dtype(np.float32)}
    if data.class_names:
        assert data.labels.max() < len(data.class_names)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
@pytest.mark.parametrize("name", MODELS)
def test_model(name: str, shape: tuple[int, ...]) -> None:
    model = MODELS[name]().build(shape, 7)
    output = np.asarray(model(np.random.default_rng(7).random((2, *shape), np.float32)))
    assert output.shape == (2, 7)
    np.testing.assert_allclose(output.sum(axis=1), 1, atol=1e-5)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=f"'nope'; choose one of {', '.join(ATTACKS)}"):
        ATTACKS["nope"]
    assert "nope" not in ATTACKS


def test_a_name_is_taken_once() -> None:
    registry: Registry[type] = Registry("thing", "core.metrics")
    registry.register("a")(int)
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("a")(float)


def test_a_temporary_entry_is_gone_at_the_end() -> None:
    registry: Registry[type] = Registry("thing", "core.metrics")
    registry.register("a")(int)
    with registry.temporary("a", float), registry.temporary("b", str):
        assert registry["a"] is float
        assert list(registry) == ["a", "b"]
    assert registry["a"] is int
    assert "b" not in registry


def test_a_module_that_fails_is_told_of_at_every_look_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_things").mkdir()
    (tmp_path / "broken_things" / "__init__.py").touch()
    (tmp_path / "broken_things" / "one.py").write_text("import no_such_module_anywhere")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[type] = Registry("thing", "broken_things")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
            registry["one"]
