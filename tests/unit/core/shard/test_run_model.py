from __future__ import annotations

from pathlib import Path

import pytest

from core.models.inference.surrogate import load_surrogate, surrogate_file
from core.runtime.asset import Asset
from core.shard.run_model import classifier_of
from orchestrator.planning.plan import plan
from orchestrator.planning.request import Request
from tests.runs import save_set

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
