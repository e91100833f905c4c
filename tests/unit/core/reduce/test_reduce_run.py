"""From a plan through the shards to the report, with plain functions and no TensorFlow."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from skimage.metrics import structural_similarity

from core.errors import IncompleteError, IntegrityError
from core.image.digest import digests
from core.models.inference.classifier import Classifier, predict
from core.reduce.reduce_run import reduce_run
from core.run.index_map import NO_LABEL, IndexMap
from core.run.layout import ATTACK_DATA, INDEX_MAP, LEDGER
from core.run.manifest import BrokenRef, Manifest
from core.run.records import Attempt
from core.run.report import AttackStatistics, Report
from core.run.run_store import RunStore
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from core.shard.cascade import VANISHED
from core.shard.ledger import schema
from tests.runs import SHAPE, linear_classifier, planned, save_set


def attack(run: RunStore, *left_out: int) -> None:
    for index in range(run.manifest().shards):
        if index not in left_out:
            run_shard(run, single(index), linear_classifier, "test")


def whole(run: RunStore) -> np.ndarray:
    return np.load(io.BytesIO(run.results.content(ATTACK_DATA)))


def test_the_report_is_measured_on_what_was_written(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    attack(run)
    report = reduce_run(run, linear_classifier)
    manifest = run.manifest()
    with np.load(tmp_path / "set.npz") as source:
        clean, labels = source["images"].astype(np.float32) / np.float32(255), source["labels"]
    data = whole(run)
    assert data.shape == (30, *SHAPE)
    assert data.dtype == np.dtype("<f4")
    classifier = linear_classifier(run, manifest)
    before, after = predict(classifier, clean), predict(classifier, data)
    rounded = (np.rint(data * 255) / 255).astype(np.float32)
    measured = [
        structural_similarity(
            a[..., 0].astype(float), b[..., 0].astype(float), data_range=1.0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, full=True,
        )
        for a, b in zip(clean, data, strict=True)
    ]  # fmt: skip
    ssim, ssim_full = (
        np.array(values) for values in zip(*((mean, full.mean()) for mean, full in measured), strict=True)
    )
    success = before != after
    assert success.sum() > 0
    assert (report.complete, report.n_images) == (True, 30)
    assert report.clean_accuracy == pytest.approx((before == labels).mean())
    assert report.robust_accuracy == pytest.approx(((before == labels) & (after == labels)).mean())
    assert report.success_rate == pytest.approx(success.mean())
    assert report.error_rate == pytest.approx((after != labels).mean())
    assert report.success_rate_uint8 == pytest.approx((predict(classifier, rounded) != before).mean())
    assert report.ssim_mean == pytest.approx(ssim.mean())
    assert report.ssim_mean_success == pytest.approx(ssim[success].mean())
    assert report.ssim_full_mean == pytest.approx(ssim_full.mean())
    assert report.linf_max == np.abs(data.astype(float) - clean.astype(float)).max()
    assert report.attack_data_sha256 == hashlib.sha256(data.tobytes()).hexdigest()
    assert report.duplicate_count == 1
    assert [check.name for check in report.audit if not check.passed] == []
    assert {check.name for check in report.audit} == {
        "inputs", "coverage", "epsilon", "same kind of machine", "attack data", "second measurement",
    }  # fmt: skip
    assert sum(each.count for each in report.classes or []) == 30
    assert run.results.report() == report

    ledger = pq.read_table(io.BytesIO(run.results.content(LEDGER)))
    assert ledger.schema.equals(schema())
    assert ledger.column("index").to_pylist() == list(range(30))
    assert ledger.column("label").to_pylist() == labels.tolist()
    np.testing.assert_allclose(ledger.column("ssim").to_numpy(), ssim)
    np.testing.assert_allclose(ledger.column("ssim_full").to_numpy(), ssim_full)
    assert ledger.column("success").to_pylist() == success.tolist()
    assert ledger.column("shard").to_pylist() == sorted(ledger.column("shard").to_pylist())
    assert set(ledger.column("attack").to_pylist()) == {"mifgsm"}

    index = IndexMap.load(io.BytesIO(run.results.content(INDEX_MAP)))
    with np.load(tmp_path / "set.npz") as source:
        found = digests(source["images"])
    assert ledger.column("digest").to_pylist() == [digest.hex() for digest in found]
    assert index.find(found[0]).tolist() == [0, 4]
    assert index.find(found[7]).tolist() == [7]
    (row,) = index.first_rows([found[7]])
    assert index.label[row] == labels[7]
    assert index.attack_label[row] == ledger.column("adversarial_prediction")[7].as_py()


@pytest.mark.parametrize("labels", ["predicted", "true"])
def test_the_number_of_shards_changes_nothing(tmp_path: Path, monkeypatch: Any, labels: str) -> None:
    results = []
    for shards in (1, 7, 30, 64):
        run = planned(tmp_path, monkeypatch, shards=shards, labels=labels, params={"random_start": True})
        assert run.manifest().shards == min(shards, 30)
        attack(run)
        report = reduce_run(run, linear_classifier)
        results.append((run.results.content(ATTACK_DATA), report.ssim_mean, report.success_rate, report.means))
    assert all(result == results[0] for result in results)


def test_labels_true_attacks_the_label(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, labels="true")
    attack(run)
    report = reduce_run(run, linear_classifier)
    ledger = pq.read_table(io.BytesIO(run.results.content(LEDGER))).to_pydict()
    for label, clean, linf, reason in zip(
        ledger["label"], ledger["clean_prediction"], ledger["linf"], ledger["fallback_reason"], strict=True
    ):
        if label != clean:  # wrong from the start: nothing to do, and nothing to fall back for
            assert linf == 0
            assert reason == ""
        else:
            assert linf > 0
    assert report.unchanged_count == sum(
        a != b for a, b in zip(ledger["label"], ledger["clean_prediction"], strict=True)
    )


def test_the_fallback_is_in_the_ledger(tmp_path: Path, monkeypatch: Any) -> None:
    from tests.classifiers import LinearClassifier

    def saturated(run: RunStore, manifest: Any) -> LinearClassifier:
        base = linear_classifier(run, manifest)
        assert isinstance(base, LinearClassifier)
        return LinearClassifier(base.weights * 1e6, batch_size=base.batch_size)

    run = planned(tmp_path, monkeypatch)
    for index in range(4):
        run_shard(run, single(index), saturated, "test")
    report = reduce_run(run, saturated)
    ledger = pq.read_table(io.BytesIO(run.results.content(LEDGER))).to_pydict()
    assert report.fallback_count == ledger["attack"].count("ifgsm") > 20
    assert report.fallback_reasons == {VANISHED: report.fallback_count}
    assert {r for a, r in zip(ledger["attack"], ledger["fallback_reason"], strict=True) if a == "ifgsm"} == {VANISHED}
    assert report.success_rate > 0.75


def test_an_incomplete_run_says_what_is_missing(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    attack(run, 1, 3)
    run.quarantine.add(3, "it always fails")
    report = reduce_run(run, linear_classifier)
    assert not report.complete
    assert report.missing_shards == [1, 3]
    assert (report.quarantined_shards, report.errors) == ([3], {3: "it always fails"})
    assert report.attack_data_sha256 is None
    assert not run.folder.exists(ATTACK_DATA)
    assert not next(check for check in report.audit if check.name == "coverage").passed
    ledger = pq.read_table(io.BytesIO(run.results.content(LEDGER)))
    assert report.n_images == len(ledger) == sum(run.manifest().slice_of(single(index)).count for index in (0, 2))


def test_a_run_without_any_shard_has_no_report(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    with pytest.raises(IncompleteError):
        reduce_run(run, linear_classifier)
    assert run.results.report() is None


def damage(run: RunStore, name: str, how: str) -> None:
    content = bytearray(run.folder.read(name))
    if how == "flipped":
        # In a record, a digit of a digest; elsewhere any bit.
        place = content.index(b"images_sha256") + 20 if name.endswith("json") else -40
        content[place] ^= 1
    elif how == "cut off":
        content = content[:-9]
    elif how == "empty":
        content = bytearray()
    if how == "missing":
        run.folder.remove(name)
    else:
        run.folder.write(name, bytes(content))


@pytest.mark.parametrize("how", ["flipped", "cut off", "empty", "missing"])
@pytest.mark.parametrize("suffix", ["npy", "parquet", "json"])
def test_a_damaged_artifact_is_found_and_made_again(tmp_path: Path, monkeypatch: Any, suffix: str, how: str) -> None:
    run = planned(tmp_path, monkeypatch)
    attack(run)
    reduce_run(run, linear_classifier)
    expected = run.results.content(ATTACK_DATA)
    run.results.withdraw_report()
    damage(run, f"shards/00000002.{suffix}", how)
    if (suffix, how) == ("json", "missing"):
        assert not reduce_run(run, linear_classifier).complete
    else:
        with pytest.raises(IntegrityError):
            reduce_run(run, linear_classifier)
        assert run.results.report() is None
    assert run.shards.finished_indices() == {0, 1, 3}
    attack(run)
    assert reduce_run(run, linear_classifier).complete
    assert run.results.content(ATTACK_DATA) == expected


def test_images_put_under_another_shard_are_found(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, data=save_set(tmp_path / "even.npz", 32))
    attack(run)
    for suffix in ("npy", "parquet", "json"):
        run.folder.write(f"shards/00000001.{suffix}", run.folder.read(f"shards/00000002.{suffix}"))
    with pytest.raises(IntegrityError, match="shard 1"):
        reduce_run(run, linear_classifier)


@pytest.mark.parametrize("what", ["images", "labels"])
def test_inputs_that_are_not_the_plan_s_fail_the_audit(tmp_path: Path, monkeypatch: Any, what: str) -> None:
    from core.reduce import audit

    run = planned(tmp_path, monkeypatch)
    assert audit.check_inputs(run, run.manifest()).passed
    blob = getattr(run.manifest().data, what)
    damage(run, f"inputs/{blob.name}", "flipped")
    attack(run)
    (check,) = (check for check in reduce_run(run, linear_classifier).audit if not check.passed)
    assert check.name == "inputs"
    assert blob.name in check.detail


def test_attack_data_changed_after_the_concatenation_fails_the_audit(tmp_path: Path, monkeypatch: Any) -> None:
    from core.reduce import audit

    run = planned(tmp_path, monkeypatch)
    attack(run)
    reduce_run(run, linear_classifier)
    damage(run, ATTACK_DATA, "flipped")
    records = [record for i in range(4) if (record := run.shards.record(single(i)))]
    check, _ = audit.check_attack_data(run, run.manifest(), records)
    assert not check.passed
    assert "shard 3" in check.detail


@pytest.mark.parametrize("column", ["ssim", "ssim_full"])
def test_a_value_that_was_not_measured_fails_the_audit(tmp_path: Path, monkeypatch: Any, column: str) -> None:
    import pyarrow as pa

    from core.reduce import audit

    run = planned(tmp_path, monkeypatch)
    attack(run)
    reduce_run(run, linear_classifier)
    manifest = run.manifest()
    ledger = pq.read_table(io.BytesIO(run.results.content(LEDGER)))
    classifier = linear_classifier(run, manifest)
    assert audit.check_sample(run, manifest, classifier).passed
    place = ledger.schema.get_field_index(column)
    better = ledger.set_column(place, column, pa.array(ledger.column(column).to_numpy() + 1e-6))
    run.results.write(LEDGER, lambda file: pq.write_table(better, file, row_group_size=7))
    check = audit.check_sample(run, manifest, classifier)
    assert not check.passed
    assert check.detail.endswith(f"they differ in {column}")


def test_success_after_rounding_is_measured_again(tmp_path: Path, monkeypatch: Any) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    from core.reduce import audit

    run = planned(tmp_path, monkeypatch)
    attack(run)
    reduce_run(run, linear_classifier)
    ledger = pq.read_table(io.BytesIO(run.results.content(LEDGER)))
    flipped = pc.invert(ledger.column("success_uint8"))
    wrong = ledger.set_column(ledger.schema.get_field_index("success_uint8"), "success_uint8", flipped)
    assert pa.types.is_boolean(flipped.type)
    run.results.write(LEDGER, lambda file: pq.write_table(wrong, file, row_group_size=7))
    check = audit.check_sample(run, run.manifest(), linear_classifier(run, run.manifest()))
    assert not check.passed
    assert check.detail.endswith("they differ in success_uint8")


@pytest.mark.parametrize(
    ("count", "shape", "images"),
    [(30, (28, 28, 1), 30), (5000, (28, 28, 1), 256), (5000, (64, 64, 3), 256), (5000, (224, 224, 3), 20),
     (5000, (2048, 2048, 3), 16), (9, (2048, 2048, 3), 9)],
)  # fmt: skip
def test_fewer_large_images_are_measured_again(count: int, shape: tuple[int, ...], images: int) -> None:
    from core.reduce.audit import sample_size

    assert sample_size(count, shape) == images


def test_other_checks_can_fail(tmp_path: Path, monkeypatch: Any) -> None:
    from core.reduce import audit

    run = planned(tmp_path, monkeypatch, params={"epsilon": 0.1})
    record = run_shard(run, single(0), linear_classifier, "test")

    def made(attack: str, linf: float, l2: float = 9.0) -> AttackStatistics:
        return AttackStatistics(attack=attack, count=1, successes=1, linf_max=linf, l2_max=l2)

    assert audit.check_epsilon(run.manifest(), [made("mifgsm", 0.1), made("ifgsm", 0.1)]).passed
    assert not audit.check_epsilon(run.manifest(), [made("mifgsm", 0.100001)]).passed
    assert not audit.check_epsilon(run.manifest(), [made("mifgsm", 0.1), made("ifgsm", 0.100001)]).passed
    assert not audit.check_epsilon(run.manifest(), [made("another", 0.1)]).passed
    in_l2 = planned(tmp_path, monkeypatch, params={"epsilon": 2.5, "norm": "l2"}).manifest()
    assert audit.check_epsilon(in_l2, [made("mifgsm", 0.9, 2.5)]).passed
    assert not audit.check_epsilon(in_l2, [made("mifgsm", 0.1, 2.500001)]).passed
    other = record.fingerprint.model_copy(update={"processor": "another"})
    assert not audit.check_machines([record.fingerprint, other]).passed
    assert not audit.check_coverage(29, 30, in_order=True).passed


def test_a_finished_shard_is_not_made_again(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    first = run_shard(run, single(0), linear_classifier, "one")
    assert run_shard(run, single(0), linear_classifier, "two") == first


def test_small_colour_images_have_no_ssim_but_a_report(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, shape=(8, 8, 3))
    attack(run)
    report = reduce_run(run, linear_classifier)
    assert report.ssim_mean is None
    assert report.ssim_full_mean is None
    assert report.means["l2"] is not None
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_executions_are_counted(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    attack(run)
    for task in ("a", "b"):
        run.attempts.write(single(2), Attempt(task_id=task, worker="w", started=0))
    assert reduce_run(run, linear_classifier).history.attempts == 2


def test_a_late_result_is_left_unwritten(tmp_path: Path, monkeypatch: Any) -> None:
    """Its worker was cut off, and another one was faster."""
    run = planned(tmp_path, monkeypatch)

    def slowly(run: RunStore, manifest: Manifest) -> Classifier:
        run_shard(run, single(1), linear_classifier, "faster")
        return linear_classifier(run, manifest)

    late = run_shard(run, single(1), slowly, "late")
    assert late.worker == "faster"
    assert run.shards.record(single(1)) == late


def test_a_run_without_labels(tmp_path: Path, monkeypatch: Any) -> None:
    """It is the run with labels, but for what compares predictions with labels."""
    made: list[tuple[RunStore, Report]] = []
    for labelled in (True, False):
        run = planned(tmp_path, monkeypatch, labelled=labelled)
        attack(run)
        made.append((run, reduce_run(run, linear_classifier)))
    (_, reference), (bare, report) = made
    assert reference.run_id != report.run_id
    assert bare.manifest().data.labels is None
    assert (report.clean_accuracy, report.robust_accuracy, report.error_rate, report.classes) == (None,) * 4
    of_labels = {"clean_accuracy", "robust_accuracy", "error_rate", "classes", "run_id", "timing", "audit", "gates"}
    assert report.model_dump(exclude=of_labels) == reference.model_dump(exclude=of_labels)
    assert report.success_rate > 0
    assert len(report.audit) == 6
    assert [check for check in report.audit if not check.passed] == []
    assert [check.detail for check in report.audit if check.name == "inputs"] == [
        "images, which have no labels, are those of the plan"
    ]
    ledger, expected = (pq.read_table(io.BytesIO(run.results.content(LEDGER))) for run in (bare, made[0][0]))
    assert ledger.schema.equals(schema())
    assert ledger.column("label").to_pylist() == [None] * 30
    assert ledger.drop_columns("label").equals(expected.drop_columns("label"))
    index = IndexMap.load(io.BytesIO(bare.results.content(INDEX_MAP)))
    assert set(index.label.tolist()) == {NO_LABEL} == {-1}
    assert set(index.attack_label.tolist()) == set(ledger.column("adversarial_prediction").to_pylist())


@pytest.mark.parametrize(
    ("labelled", "column", "how_many"),
    [(True, "label", 1), (True, "label", 8), (False, "label", 1), (True, "steps", 1), (False, "steps", 8)],
)
def test_a_value_that_is_null_or_there_against_the_plan_is_found(
    tmp_path: Path, monkeypatch: Any, *, labelled: bool, column: str, how_many: int
) -> None:
    """Rows whose digest is right: only their values tell. Without labels, how_many rows keep one."""
    import pyarrow as pa

    from core.run.work_unit import ShardRange

    run = planned(tmp_path, monkeypatch, labelled=labelled)
    attack(run)
    assert reduce_run(run, linear_classifier).complete
    record = run.shards.record(single(2))
    assert record is not None
    rows = pq.read_table(io.BytesIO(run.folder.read("shards/00000002.parquet")))
    wrong: list[int | None] = rows.column(column).to_pylist()
    wrong[:how_many] = ([None] if labelled or column != "label" else [0]) * len(wrong[:how_many])
    place = rows.schema.get_field_index(column)
    content = run.shards.write_rows(ShardRange(2, 2), rows.set_column(place, column, pa.array(wrong, pa.int64())))
    run.shards.write_record(record.model_copy(update={"rows_sha256": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(IntegrityError, match="shard 2: its rows lack values"):
        reduce_run(run, linear_classifier)
    assert 2 not in run.shards.finished_indices()


def test_the_report_says_how_the_images_were_read(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    broken = BrokenRef(name="a.png", reason="truncated")
    data = run.manifest().data.model_copy(update={"notes": ("read so",), "broken": (broken,)})
    run.write_manifest(run.manifest().model_copy(update={"data": data}))
    for index in range(4):
        run_shard(run, single(index), linear_classifier, "w")
    reduce_run(run, linear_classifier)
    report = run.results.report()
    assert report is not None
    assert (report.notes, report.broken_images) == (["read so"], [broken])
    assert [gate.name for gate in report.gates] == ["one class", "clean accuracy"]
