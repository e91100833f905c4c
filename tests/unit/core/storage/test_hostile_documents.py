"""Whatever stands in the store instead of a document: a valid value or a named error, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import IntegrityError, StoreError
from core.run.manifest import Manifest
from core.run.records import Attempt, Orchestrator, ShardRecord
from core.run.report import Report
from core.run.run_store import RunStore
from core.run.work_unit import single
from core.storage.folder import Folder
from tests.documents import ANYTHING, TOKEN, VALUES, mutated
from tests.unit.core.run.test_manifest import manifest

# Where each kind of document stands, and how it is read.
READ: dict[str, tuple[str, Callable[[RunStore], Any]]] = {
    "manifest": ("manifest.json", RunStore.manifest),
    "record": ("shards/00000001.json", lambda run: run.shards.record(single(1))),
    "attempt": ("attempts/00000001/a-1.json", lambda run: run.attempts.of(single(1))[0]),
    "report": ("report.json", lambda run: run.results.report()),
    "orchestrator": (f"orchestrators/{TOKEN}.json", lambda run: next(iter(run.orchestrators.all()), None)),
}
DOCUMENTS = st.one_of(
    *(st.tuples(st.just(kind), mutated(kind)) for kind in READ),
    st.tuples(st.sampled_from(sorted(READ)), st.binary()),
    st.tuples(st.sampled_from(sorted(READ)), ANYTHING.map(lambda value: json.dumps(value).encode())),
)


def read(kind: str, content: bytes) -> Any:
    """What a document is read as; None where it is refused as documented."""
    run = RunStore("memory://hostile/0123456789abcdef")
    name, parse = READ[kind]
    run.folder.write(name, content)
    refusal = ""
    try:
        value = parse(run)
    except IntegrityError as error:
        refusal = str(error)
    except StoreError as error:  # a manifest of another layout
        refusal = f"{name} {error}" if "written by another version" in str(error) else ""
    if not refusal and isinstance(value, Attempt) and value.worker == "" and name in (value.error or ""):
        refusal = str(value.error)  # a broken attempt counts as one that failed
    if not refusal:
        return value
    assert name in refusal
    assert len(refusal) < 1000
    return None


@pytest.mark.slow
@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS)
def test_a_document_is_valid_or_refused(document: tuple[str, bytes]) -> None:
    kind, content = document
    value = read(kind, content)
    if value is None:
        return
    assert read(kind, value.model_dump_json().encode()) == value
    consistent(value)


def consistent(value: Manifest | ShardRecord | Attempt | Report | Orchestrator) -> None:
    if isinstance(value, Manifest):
        cut = [value.slice_of(single(index)) for index in {0, value.shards // 2, value.shards - 1}]
        assert all(0 <= shard.start < shard.stop <= value.data.count for shard in cut)
        assert all(len(shard.range.name) == 8 for shard in cut)
        assert all(side >= 1 for side in value.data.image_shape)
        assert value.data.count * 8 * max(value.data.image_shape) < 2**63
        for blob in filter(None, (value.data.images, value.data.labels, value.model.file)):
            assert blob.name.startswith(blob.sha256)
            inside(f"inputs/{blob.name}")
    elif isinstance(value, ShardRecord):
        assert value.shard.first == 1
        assert 0 <= value.shard.start < value.shard.stop
        assert 0 <= value.successes <= value.shard.count
        assert 0 <= value.fallbacks <= value.shard.count
    elif isinstance(value, Attempt):
        assert value.task_id == "a-1"
    elif isinstance(value, Report):
        assert value.complete == (not value.missing_shards)
        rates = (value.success_rate, value.error_rate, value.clean_accuracy, value.robust_accuracy)
        assert all(0 <= rate <= 1 for rate in rates if rate is not None)
        assert len({value.error_rate is None, value.clean_accuracy is None, value.classes is None}) == 1
        assert min(value.n_images, value.history.attempts, value.fallback_count, value.unchanged_count) >= 0
    else:
        assert value.token == TOKEN


def inside(name: str) -> None:
    """A name that can't lead out of the run's folder."""
    assert ".." not in name.split("/")
    assert not name.startswith("/")
    assert "\0" not in name


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        ("manifest", "data.image_shape", [0, 2, 1]),
        ("manifest", "data.image_shape", [2, -2, 1]),
        ("manifest", "data.image_shape", [2**20, 2**20, 2**20]),
        ("manifest", "data.count", 2**62),
        ("manifest", "data.count", 2),  # fewer than shards
        ("manifest", "data.dtype", "float64"),
        ("manifest", "data.dtype", "O"),
        ("manifest", "data.images.sha256", "1" * 64),  # another than its name's
        ("manifest", "model.file.name", "../" + "0" * 64 + ".keras"),
        ("manifest", "model.file.name", "0" * 64 + ".keras\n"),
        ("manifest", "shards", 10**9),
        ("manifest", "config.batch_size", 10**9),
        ("manifest", "run_id", "\u0660" * 16),
        ("record", "shard.stop", 3),
        ("record", "shard.stop", -1),
        ("record", "shard.index", 2),  # in the file of shard 1
        ("record", "successes", 4),
        ("record", "fallbacks", -1),
        ("record", "seconds", -0.5),
        ("record", "images_sha256", "x"),
        ("attempt", "task_id", "b-1"),  # in the file of a-1
        ("attempt", "started", "NaN"),
        ("report", "complete", True),  # and a shard missing
        ("report", "success_rate", 1.5),
        ("report", "n_images", 0),
    ],
)
def test_what_does_not_fit_together_is_refused(kind: str, place: str, value: Any) -> None:
    document = json.loads(VALUES[kind].model_dump_json())
    if place == "data.count" and value > 2:
        document["data"]["image_shape"] = [1, 1, 2]
    if place == "shards":
        document["data"]["count"] = 10**10
    if place == "data.images.sha256":
        document["data"]["images"]["name"] = "0" * 64 + ".npy"
    *containers, key = place.split(".")
    inner = document
    for name in containers:
        inner = inner[name]
    inner[key] = value
    assert read(kind, json.dumps(document).encode()) is None


@pytest.mark.parametrize("task_id", ["../../../x", "/etc/x", "a/b", "", ".", "..", "a\0", "x" * 300, "\u0661/", "-"])
def test_an_attempt_is_written_in_its_folder_alone(task_id: str) -> None:
    """The id of a task is that of its message."""
    with pytest.raises(ValueError, match="task_id"):
        Attempt(task_id=task_id, worker="w", started=0.0)


@pytest.mark.parametrize("bomb", [b"[" * 1_000_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"9" * 1_000_000])
@pytest.mark.parametrize("kind", sorted(READ))
def test_a_bomb_is_refused(kind: str, bomb: bytes) -> None:
    assert read(kind, bomb) is None
    valid = VALUES[kind].model_dump_json().encode()
    assert read(kind, valid) == VALUES[kind]
    assert read(kind, valid[:-1] + b',"more":' + bomb + b"}") is None


@pytest.mark.parametrize("kind", ["manifest", "record", "attempt", "report"])
def test_a_document_that_is_too_large_is_not_parsed(kind: str) -> None:
    assert read(kind, VALUES[kind].model_dump_json().encode() + b" " * (16 << 20)) is None


def test_odd_names_are_nobody_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names in the folders that nobody here has written, Unicode digits among them."""
    run = RunStore("memory://names/0123456789abcdef")
    run.write_manifest(manifest(shards_per_task=3))
    odd = ["\u0660" * 8, "\uff11" * 8, "9" * 5000, "1", "000000001", "reduce", "-0000001", "0000000\u00b2", "00000001 "]
    odd += ["00000000-99999999", "00000002-00000000", "00000001-00000003", "00000000-", "-00000002"]

    def names(folder: str) -> list[str]:
        if folder.startswith("attempts/"):
            return [f"{name}/..json" for name in odd] + ["..json", ".json", "x.json.tmp"]
        return odd if folder == "attempts" else [f"{name}.json" for name in odd]

    monkeypatch.setattr(Folder, "names", lambda self, folder="": names(folder))
    assert run.shards.finished_indices() == set()
    assert run.quarantine.errors() == {}
    assert run.attempts.of(single(1)) == []


def test_a_reason_in_other_bytes_than_text_is_shown() -> None:
    run = RunStore("memory://reason/0123456789abcdef")
    run.folder.write("quarantine/00000001.json", b"\xff\xfe broken")
    assert "broken" in run.quarantine.errors()[1]
