"""``generate`` and ``export`` on the command line, on a run of real workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.processes import command
from tests.runs import save_model, save_set

SHAPE = (13, 14, 3)


def test_known_images_are_looked_up_and_the_others_composed(tmp_path: Path) -> None:
    store, out = str(tmp_path / "runs"), tmp_path / "made" / "out.npz"
    data, model = save_set(tmp_path / "set.npz", 40, SHAPE), str(save_model(tmp_path / "model.keras", SHAPE))
    done = command("run", "--data", str(data), "--model", model, "--shards", "3", "--workers", "1", "--store", store)
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    with np.load(data) as source:
        asked = source["images"][:6].copy()
    asked[5] = 255 - asked[5]
    np.savez(tmp_path / "in.npz", images=asked / 255)

    arguments = ["--images", str(tmp_path / "in.npz"), "--out", str(out), "--store", store, "--model", model]
    done = command("generate", *arguments, "--candidates", str(data), ADVSHARD_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert "6 images: 5 looked up, 1 composed" in done.stderr
    assert done.stdout.strip() == str(out)
    with np.load(out, allow_pickle=False) as made:
        assert made["looked_up"].tolist() == [True] * 5 + [False]
        assert made["run"].tolist() == [run.name] * 5 + [""]
        np.testing.assert_array_equal(made["images"][:5], np.load(run / "attack_data.npy")[:5])
        assert made["images"].dtype == np.float32
        assert (made["images"][5] != asked[5] / np.float32(255)).any()

    refused = command("generate", *arguments, "--shape", "13", "14", "1")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: expected")
    assert len(refused.stderr.splitlines()) == 1

    done = command("export", run.name, "--store", store, "--out", str(tmp_path / "plain"))
    assert done.returncode == 0, done.stderr
    exported = np.load(tmp_path / "plain" / "attack_data.npy", allow_pickle=False)
    np.testing.assert_array_equal(exported, np.load(run / "attack_data.npy"))
