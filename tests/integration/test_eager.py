"""The whole pipeline in one process: Celery's eager mode, a real model, a real store."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.datasets.fashion_mnist import FashionMnist
from core.errors import ConfigError
from core.models.files.card import ZOO
from core.models.files.loading import load_model
from core.run.layout import ATTACK_DATA, LEDGER, REPORT_PAGE
from core.run.run_store import RunStore
from core.run.value import Scalar
from core.shard.cascade import VANISHED
from orchestrator.execution.execute import execute
from orchestrator.planning.plan import plan
from orchestrator.planning.request import Request
from tasks.app import app
from tests.generators import save_untrained
from tests.inspection import inspect_here
from tests.processors import NEEDS_BFLOAT16
from tests.runs import save_model, save_set

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    inspect_here(monkeypatch)
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def run_of(tmp_path: Path, **change: Any) -> RunStore:
    return plan(Request(**{"store": str(tmp_path / "runs"), "shards": 4, **change}))


def test_a_run_from_plan_to_page(tmp_path: Path) -> None:
    run = run_of(tmp_path, limit=120)
    report = execute(run, broker=None, workers=None)
    assert report.complete
    assert report.n_images == 120
    assert report.history.attempts == 4
    assert report.success_rate > 0.9
    assert all(check.passed for check in report.audit), report.audit
    assert {"shards_seconds", "shards_cpu_seconds", "reduce_seconds"} == set(report.timing)
    assert run.results.report() == report, "the reduce alone writes the report"
    timing = run.orchestrators.timing()
    assert timing is not None
    assert 0 < timing.attack_seconds < timing.run_seconds
    page = run.results.content(REPORT_PAGE).decode()
    assert "T-shirt/top" in page
    assert f"{report.success_rate:.4f}" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page), "the page must be one file"
    before = run.folder.fs.modified(run.folder.path("report.json"))
    assert execute(run, broker=None, workers=None) == report
    assert run.folder.fs.modified(run.folder.path("report.json")) == before
    # The command was killed just before it drew the page.
    run.folder.remove(REPORT_PAGE)
    execute(run, broker=None, workers=None)
    assert run.results.content(REPORT_PAGE).decode() == page


def test_a_run_of_other_software_is_not_gone_on_with(tmp_path: Path) -> None:
    run = run_of(tmp_path, limit=8)
    manifest = run.manifest()
    run.write_manifest(manifest.model_copy(update={"versions": {**manifest.versions, "tensorflow": "1.0"}}))
    with pytest.raises(ConfigError, match=r"planned with .*tensorflow 1\.0"):
        execute(run, broker=None, workers=None)
    assert run.shards.finished_indices() == set()


def test_the_same_bytes_for_any_number_of_shards(tmp_path: Path) -> None:
    """With batch normalisation, on colour images, with refilled slots."""
    data = save_set(tmp_path / "set.npz", 150, (16, 16, 3), 4)
    model = save_model(tmp_path / "model.keras", (16, 16, 3), 4)
    results = set()
    for shards in (1, 7, 64, 150):  # of 150, a task takes two
        run = run_of(tmp_path, shards=shards, data=str(data), model=str(model), params={"epsilon": 0.05})
        report = execute(run, broker=None, workers=None)
        assert report.complete
        assert all(check.passed for check in report.audit), report.audit
        results.add(run.results.content(ATTACK_DATA))
    assert len(results) == 1


@NEEDS_BFLOAT16
@pytest.mark.parametrize("attack", ["mifgsm", "apgd-ce", "nifgsm"])
def test_the_same_bytes_for_any_number_of_shards_in_bfloat16(tmp_path: Path, attack: str) -> None:
    """With batch normalisation, on colour images, with refilled slots and flips that are proposed."""
    data = save_set(tmp_path / "set.npz", 150, (16, 16, 3), 4)
    model = save_model(tmp_path / "model.keras", (16, 16, 3), 4)
    common = {"data": str(data), "model": str(model), "attack": attack, "params": {"epsilon": 0.05}}
    results = set()
    for shards in (1, 7, 64):
        run = run_of(tmp_path, shards=shards, precision="bfloat16", **common)
        report = execute(run, broker=None, workers=None)
        assert report.complete
        assert report.precision == "bfloat16"
        assert all(check.passed for check in report.audit), report.audit
        assert "gradients in bfloat16 a" in " ".join(check.detail for check in report.audit)
        assert "gradients in bfloat16" in run.results.content(REPORT_PAGE).decode()
        results.add(run.results.content(ATTACK_DATA))
    assert len(results) == 1
    exact = run_of(tmp_path, shards=7, **common)
    execute(exact, broker=None, workers=None)
    assert exact.results.content(ATTACK_DATA) not in results, "nothing was computed in bfloat16"


SYSTEMS: dict[str, dict[str, Scalar]] = {
    "composition": {},
    "deepfool": {"norm": "linf"},
    "one-pixel": {"pixels": 2, "population": 12, "generations": 4},
    "advgan": {"generator": "{folder}/generator.keras"},
    "gaussian": {"variance": 0.1},
    "fgsm,one-pixel,composition": {"fgsm.epsilon": 0.004, "one-pixel.generations": 2, "one-pixel.population": 8},
}


@pytest.mark.parametrize("attack", SYSTEMS)
def test_every_system_makes_the_same_bytes_for_any_number_of_shards(tmp_path: Path, attack: str) -> None:
    """On colour images, with what the attack needs besides as inputs of the run."""
    data = save_set(tmp_path / "set.npz", 21, (15, 14, 3), 4)
    model = save_model(tmp_path / "model.keras", (15, 14, 3), 4)
    save_untrained(tmp_path / "generator.keras", (15, 14, 3))
    params = {
        key: value.format(folder=tmp_path) if isinstance(value, str) else value
        for key, value in SYSTEMS[attack].items()
    }
    made = set()
    for shards, together in ((1, 1), (6, 1), (7, 3)):
        common: dict[str, Any] = {"data": str(data), "model": str(model), "attack": attack, "params": params}
        run = run_of(tmp_path, shards=shards, shards_per_task=together, **common)
        report = execute(run, broker=None, workers=None)
        assert report.complete
        assert all(check.passed for check in report.audit), report.audit
        made.add(run.results.content(ATTACK_DATA))
    assert len(made) == 1
    assert set(columns(run)["attack"]) <= set(attack.split(","))


def test_a_saturated_model_is_attacked_through_the_fallback(tmp_path: Path) -> None:
    model = load_model(ZOO / "cnn.keras")
    last = model.layers[-1]
    last.set_weights([300 * weight for weight in last.get_weights()])
    model.save(tmp_path / "saturated.keras")
    common = {"limit": 400, "model": str(tmp_path / "saturated.keras"), "params": {"epsilon": 0.1}}

    without = execute(run_of(tmp_path, fallback=None, **common), broker=None, workers=None)
    assert without.unchanged_count > 0.9 * 400

    run = run_of(tmp_path, **common)
    report = execute(run, broker=None, workers=None)
    assert report.success_rate >= 0.75
    assert report.unchanged_count == 0
    assert report.fallback_reasons[VANISHED] == without.unchanged_count
    ledger = pq.read_table(io.BytesIO(run.results.content(LEDGER))).to_pydict()
    assert {attack for attack, why in zip(ledger["attack"], ledger["fallback_reason"], strict=True) if why} == {"ifgsm"}


def columns(run: RunStore) -> dict[str, np.ndarray]:
    table = pq.read_table(io.BytesIO(run.results.content(LEDGER)))
    return {name: table.column(name).to_numpy() for name in table.schema.names}


def test_a_targeted_run_in_l2(tmp_path: Path) -> None:
    params: dict[str, Scalar] = {"norm": "l2", "epsilon": 3.0, "steps": 20, "restarts": 1}
    run = run_of(tmp_path, limit=60, target="7", params=params)
    report = execute(run, broker=None, workers=None)
    assert all(check.passed for check in report.audit), report.audit
    ledger = columns(run)
    assert set(ledger["target"]) == {7}
    assert report.target_rate == (ledger["adversarial_prediction"] == 7).mean() > 0.5
    assert ledger["l2"].max() <= 3.0
    there = ledger["clean_prediction"] == 7
    assert there.any()
    assert (ledger["linf"][there] == 0).all()


def test_a_cascade_makes_the_same_bytes_for_any_number_of_shards(tmp_path: Path) -> None:
    epsilons = {"fgsm": 0.02, "ifgsm": 0.04, "mifgsm": 0.1}
    params = {f"{name}.epsilon": epsilon for name, epsilon in epsilons.items()}
    made = set()
    for shards in (1, 5):
        run = run_of(tmp_path, limit=90, attack="fgsm,ifgsm,mifgsm", params=params, shards=shards)
        report = execute(run, broker=None, workers=None)
        assert all(check.passed for check in report.audit), report.audit
        made.add(run.results.content(ATTACK_DATA))
    assert len(made) == 1
    ledger = columns(run)
    for name, epsilon in epsilons.items():
        won = (ledger["attack"] == name) & ledger["success"]
        assert 0 < won.sum() < 90
        assert ledger["linf"][won].max() <= epsilon
    assert {each.attack: each.count for each in report.attacks} == Counter(ledger["attack"])


def test_uint8_and_the_floats_from_it_give_the_same_result(tmp_path: Path) -> None:
    known = FashionMnist().load()
    images, labels = known.images[:40], known.required_labels()[:40]
    np.savez(tmp_path / "u.npz", images=images, labels=labels)
    np.savez(tmp_path / "f.npz", images=images / 255, labels=labels)
    ledgers = []
    for name in ("u.npz", "f.npz"):
        run = run_of(tmp_path, data=str(tmp_path / name), params={"step_back": 0})
        assert execute(run, broker=None, workers=None).complete
        ledgers.append(pq.read_table(io.BytesIO(run.results.content(LEDGER))).drop_columns("success_uint8").to_pydict())
    assert ledgers[0] == ledgers[1]


def test_images_in_0_to_255_with_their_bounds(tmp_path: Path) -> None:
    """A model that scales by itself, images in 0..255: the same attack as on 0..1."""
    import keras

    inner = load_model(ZOO / "cnn.keras")
    outer = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Rescaling(1 / 255), inner])
    outer.save(tmp_path / "outer.keras")
    small = execute(run_of(tmp_path, limit=100), broker=None, workers=None)
    run = run_of(tmp_path, limit=100, model=str(tmp_path / "outer.keras"), bounds=(0.0, 255.0))
    large = execute(run, broker=None, workers=None)
    assert abs(large.success_rate - small.success_rate) <= 0.02
    assert large.ssim_mean == pytest.approx(small.ssim_mean, abs=0.01)
    assert large.linf_max == pytest.approx(255 * small.linf_max, rel=1e-3)
    assert large.linf_max <= 20 + 1e-9
