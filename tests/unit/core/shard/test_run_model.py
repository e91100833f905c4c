from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from core.errors import ConfigError, IntegrityError, ModelError
from core.models.inference.surrogate import load_surrogate, surrogate_file
from core.run.manifest import Blob, Manifest
from core.run.run_store import RunStore
from core.runtime.asset import Asset
from core.shard.run_model import classifier_of, refuse_untrusted
from orchestrator.planning.plan import plan
from orchestrator.planning.request import Request
from tests.runs import planned, save_set

SHAPE = (28, 28, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_attacked_model_and_surrogate_of_one_file_are_one_classifier(tmp_path: Path) -> None:
    data = save_set(tmp_path / "set.npz", 8, SHAPE)
    run = plan(Request(store=str(tmp_path / "runs"), data=str(data), model="mlp", shards=2, batch_size=4))
    manifest = run.manifest()
    surrogate = Asset(manifest.model.file.sha256, surrogate_file("mlp", SHAPE))
    attacked = classifier_of(run, manifest)
    assert load_surrogate(surrogate, SHAPE, 4) is attacked
    assert classifier_of(run, manifest) is attacked
    # Consent and batch size make another one.
    assert classifier_of(run, manifest, trusted=True) is not attacked
    assert load_surrogate(surrogate, SHAPE, 2) is not attacked
    # The file decides, not what the manifest says of it.
    other = manifest.model_copy(update={"model": manifest.model.model_copy(update={"classes": 3})})
    with pytest.raises(ModelError, match="expected 3 classes, as planned; got 10; plan the run again"):
        classifier_of(run, other)


def with_layer(run: RunStore, layer: str) -> Manifest:
    """The run's manifest with a model file that has such a layer, as far as its configuration says."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        layers = [{"module": "keras.layers", "class_name": layer, "config": {}}]
        config = {"module": "keras", "class_name": "Sequential", "config": {"layers": layers}}
        archive.writestr("config.json", json.dumps(config))
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    blob = Blob(name=f"{digest}.keras", sha256=digest)
    run.inputs.write(blob, lambda: [buffer.getvalue()])
    manifest = run.manifest()
    return manifest.model_copy(update={"model": manifest.model.model_copy(update={"file": blob})})


def test_a_model_with_code_is_refused_before_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(tmp_path, monkeypatch)
    refuse_untrusted(run, with_layer(run, "Dense"))
    with pytest.raises(ModelError, match="a model without embedded code; got one with a layer Lambda"):
        refuse_untrusted(run, with_layer(run, "Lambda"))


def test_a_damaged_model_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(tmp_path, monkeypatch)
    name = f"inputs/{run.manifest().model.file.name}"
    run.folder.write(name, b"PK another")
    with pytest.raises(IntegrityError, match=name):
        refuse_untrusted(run, run.manifest())
    with pytest.raises(IntegrityError, match=name):
        classifier_of(run, run.manifest())


def test_a_worker_without_bfloat16_refuses_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(tmp_path, monkeypatch)
    manifest = run.manifest()
    half = manifest.model_copy(update={"config": manifest.config.model_copy(update={"precision": "bfloat16"})})
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    with pytest.raises(ConfigError, match="a processor with avx512_bf16 or amx_bf16, for gradients in bfloat16"):
        classifier_of(run, half)
