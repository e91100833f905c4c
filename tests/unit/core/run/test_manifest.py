from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.run.manifest import Blob, DataRef, Manifest, ModelRef, ShardSlice
from core.run.value import digest_of
from core.run.work_unit import single
from tests.runs import config

SHA = "0" * 64


def manifest(count: int = 10, shards: int = 3, **more: object) -> Manifest:
    blob = Blob(name=f"{SHA}.npy", sha256=SHA)
    return Manifest(
        run_id="0123456789abcdef",
        created="2026-01-01T00:00:00+00:00",
        config=config(epsilon=0.1, loss="margin", step_size=None),
        data=DataRef(name="x", count=count, image_shape=(2, 2, 1), dtype="uint8", images=blob, labels=blob),
        model=ModelRef(name="m", classes=2, file=Blob(name=f"{SHA}.keras", sha256=SHA)),
        shards=shards,
        versions={"tensorflow": "2"},
        **{"max_attempts": 3, "time_limit": 3600.0, **more},
    )


@given(st.integers(1, 10_000), st.data())
def test_shards_cover_every_image_once_and_evenly(count: int, data: st.DataObject) -> None:
    shards = data.draw(st.integers(1, min(count, 300)))
    plan = manifest(count, shards)
    cut = [plan.slice_of(single(i)) for i in range(shards)]
    assert cut[0].start == 0
    assert cut[-1].stop == count
    assert all(a.stop == b.start for a, b in itertools.pairwise(cut))
    sizes = {each.count for each in cut}
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1


def test_json_round_trip() -> None:
    assert Manifest.model_validate_json(manifest().model_dump_json()) == manifest()


@pytest.mark.parametrize(
    "change",
    [
        {"shards": 11},
        {"shards": 0},
        {"run_id": "../../etc"},
        {"layout": 1},
        {"layout": 3},
        {"surprise": 1},
        {"config": {"stages": []}},
        {"config": {"stages": [{"attack": "a", "params": {"x": float("nan")}}]}},
        {"config": {"stages": [{"attack": "a"}], "bounds": [1.0, 0.0]}},
        {"config": {"stages": [{"attack": "a"}], "target": "everything"}},
        {"config": {"stages": [{"attack": "a"}], "target": -1}},
    ],
)
def test_a_manifest_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate({**manifest().model_dump(), **change})


@pytest.mark.parametrize("name", ["../secret.npy", f"{SHA}.npy/..", f"/{SHA}.npy", "x.npy", f"{SHA}.pkl"])
def test_an_input_cannot_be_named_outside_its_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        Blob(name=name, sha256=SHA)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_shard_that_is_not_there(index: int) -> None:
    with pytest.raises(ValueError, match="of a run with 3"):
        manifest().slice_of(single(index))


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (3, 2), (-1, 3)])
def test_a_shard_has_images(start: int, stop: int) -> None:
    with pytest.raises(ValidationError):
        ShardSlice(first=0, last=0, start=start, stop=stop)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        manifest().shards = 4  # type: ignore[misc]


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": [1.5, None]}) == digest_of({"b": [1.5, None], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})


def test_a_set_without_labels_is_attacked_away_from_its_predictions() -> None:
    labelled = manifest()
    data = {**labelled.data.model_dump(), "labels": None}
    bare = Manifest.model_validate({**labelled.model_dump(), "data": data})
    assert bare.data.labels is None
    assert Manifest.model_validate_json(bare.model_dump_json()) == bare
    true = {**labelled.config.model_dump(), "labels": "true"}
    Manifest.model_validate({**labelled.model_dump(), "config": true})
    with pytest.raises(ValidationError, match="labels that the set does not have"):
        Manifest.model_validate({**bare.model_dump(), "config": true})
