"""The command line as a user meets it: in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.run.store import Store
from tests.processes import command, only_run, took
from tests.runs import save_model, save_set

LISTENER = "redis://:secret@127.0.0.1:1/0"  # nobody listens there


def refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """Exit code 2, and one line that says it."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    for text in said:
        assert text in lines[0]
    assert done.stdout == ""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad inputs."""
    folder = tmp_path_factory.mktemp("files")
    images, labels = np.full((3, 28, 28, 1), 0.5), np.array([0, 1, 2])

    def save(name: str, **arrays: Any) -> None:
        np.savez(folder / name, **arrays)

    bad = images.copy()
    bad[2, 0, 0, 0] = np.nan
    save("nan.npz", images=bad, labels=labels)
    bad = images.copy()
    bad[1, 0, 0, 0] = -np.inf
    save("infinite.npz", images=bad, labels=labels)
    save("range.npz", images=images * 255, labels=labels)
    save("several.npz", pictures=images, drawings=images, labels=labels)
    save("object.npz", images=np.array([{"a": 1}] * 3), labels=labels)
    save("shape.npz", images=images.reshape(3, 784), labels=labels)
    save("labels.npz", images=images, labels=labels + 8)
    save("short.npz", images=images, labels=labels[:2])
    save("good.npz", images=images, labels=labels)
    save("small.npz", images=images[:, :20, :20], labels=labels)
    (folder / "text.npz").write_text("hello")
    (folder / "text.keras").write_text("hello")
    (folder / "file").write_text("in the way")
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "{f}/none.npz"], ["expected an image set", "none.npz", "check the path"]),
        (["--data", "{f}/text.npz"], ["an .npz archive", "another format"]),
        (["--data", "{f}/several.npz"], ["pictures", "drawings", "--keys"]),
        (["--data", "{f}/object.npz"], ["object array, which is not unpickled"]),
        (["--data", "{f}/shape.npz"], ["(N, H, W, C)", "(3, 784)"]),
        (["--data", "{f}/nan.npz"], ["NaN or infinity in image 2"]),
        (["--data", "{f}/infinite.npz"], ["NaN or infinity in image 1"]),
        (["--data", "{f}/range.npz"], ["within the bounds 0..1", "127.5", "--bounds"]),
        (["--data", "{f}/labels.npz"], ["labels in 0..9", "a label 10"]),
        (["--data", "{f}/short.npz"], ["one label for each of the 3 images", "got 2 labels"]),
        (["--data", "{f}/small.npz"], ["images of shape (20, 20, 1)", "(28, 28, 1)"]),
        (["--data", "imagenet"], ["choose one of fashion-mnist"]),
        (["--model", "{f}/none.keras"], ["no file"]),
        (["--model", "{f}/text.keras"], ["another format"]),
        (["--model", "vgg"], ["choose one of cnn, dscnn, mlp"]),
        (["--attack", "pgd"], ["'pgd'", "choose one of "]),
        (["--fallback", "pgd"], ["'pgd'", "choose one of"]),
        (["--shards", "0"], ["1 shard or more", "got 0"]),
        (["--shards", "many"], ["many"]),
        (["--shards-per-task", "0"], ["'auto' or 1 to 256 shards", "'0'"]),
        (["--shards-per-task", "257"], ["'auto' or 1 to 256 shards", "'257'"]),
        (["--steps", "0"], ["steps", "got 0"]),
        (["--eps", "-1"], ["epsilon", "-1"]),
        (["--eps", "8"], ["epsilon of at most 1", "got 8"]),
        (["--eps", "nan"], ["epsilon"]),
        (["--limit", "0"], ["limit"]),
        (["--bounds", "1", "0"], ["bounds LO below HI"]),
        (["--attack", "fgsm", "--decay", "1"], ["a hyper-parameter of fgsm", "decay"]),
        (["--set", "epsilon"], ["--set NAME=VALUE"]),
        (["--set", "loss=mse"], ["loss", "mse"]),
        (["--workers", "0"], ["1 or more workers"]),
        (["--labels", "none"], ["none"]),
        (["--no-such-option"], ["--no-such-option"]),
        (["--store", "{f}/file/runs"], ["can be written at", "file/runs"]),
        (["--store", "nope://x"], ["a store URL", "nope://x"]),
        (["--store", "s3://no-such-bucket/runs"], ["a store that can be written at s3://no-such-bucket/runs"]),
        (["--broker", LISTENER], ["a broker that answers at redis://:**@127.0.0.1:1/0", "embedded"]),
        (["--broker", "carrier-pigeon://x"], ["a broker that answers", "carrier-pigeon"]),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_planned(
    files: Path, tmp_path: Path, arguments: list[str], said: list[str]
) -> None:
    words = [word.format(f=files) for word in arguments]
    store = [] if "--store" in words else ["--store", str(tmp_path / "runs")]
    # Nobody is asked for credentials, and no cloud either.
    aws = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = command("run", *store, *words, **aws)
    refused(done, *said)
    assert "secret" not in done.stderr
    if store:
        assert Store(str(tmp_path / "runs")).runs() == []


@pytest.mark.usefixtures("one_thread")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_models_that_cannot_be_used(files: Path, tmp_path: Path) -> None:
    import keras
    from keras import layers

    flat = keras.Sequential([keras.Input((784,)), layers.Dense(10)])
    grid = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(10, 3)])
    code = keras.Sequential([keras.Input((28, 28, 1)), layers.Lambda(lambda x: x), layers.Flatten(), layers.Dense(10)])
    few = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(2)])
    for model, name, said in (
        (flat, "flat.keras", ["images of shape (28, 28, 1)", "takes (784,)"]),
        (grid, "grid.keras", ["output is (N, classes)", "(None, 26, 26, 10)"]),
        (code, "code.h5", ["without embedded code", "a layer Lambda", "--trust-model"]),
        (few, "few.keras", ["labels in 0..1, for a model with 2 classes"]),
    ):
        model.save(tmp_path / name)
        done = command(
            "run", "--model", str(tmp_path / name), "--data", str(files / "good.npz"), "--store", str(tmp_path / "runs")
        )
        refused(done, *said)


@pytest.mark.usefixtures("one_thread")
def test_any_model_and_any_image_set(tmp_path: Path) -> None:
    """Colour images, a Keras file, more shards than images; then list, status, report and compare."""
    data = save_set(tmp_path / "set.npz", 20, (16, 12, 3), 4)
    model = save_model(tmp_path / "model.keras", (16, 12, 3), 4)
    store = str(tmp_path / "runs")
    common = ["--data", str(data), "--model", str(model), "--store", store]
    done = command("run", *common, "--eps", "0.05", "--shards", "64", "--workers", "1")
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path / "runs")
    assert done.stdout.splitlines()[-1] == run.url
    assert run.manifest().shards == 20
    assert "20/20 shards" in done.stderr
    for name in ("manifest.json", "attack_data.npy", "index_map.npz", "ledger.parquet", "report.json", "report.html"):
        assert (Path(run.url) / name).stat().st_size > 0, name

    # A finished run is not done again.
    again = command("run", *common, "--eps", "0.05", "--shards", "64", "--workers", "1")
    assert again.returncode == 0
    assert again.stdout.splitlines()[-1] == run.url
    assert took(run, 20)

    tiny = command("run", *common, "--eps", "0.001", "--workers", "1")
    assert "note: epsilon 0.001 is less than one 8-bit level" in tiny.stderr
    other = command(
        "run", *common, "--eps", "0.1", "--attack", "fgsm", "--labels", "true", "--seed", "3", "--workers", "1"
    )
    assert other.returncode == 0, other.stderr
    listed = command("list", "--store", store)
    assert listed.returncode == 0
    assert listed.stdout.count("complete") == 3
    assert run.manifest().run_id in listed.stdout
    status = command("status", run.manifest().run_id, "--store", store)
    assert "complete" in status.stdout
    assert "20/20 finished" in status.stdout
    (Path(run.url) / "report.html").unlink()
    report = command("report", run.url)
    assert report.returncode == 0, report.stderr
    assert (Path(run.url) / "report.html").is_file()
    compared = command("compare", run.url, other.stdout.splitlines()[-1])
    assert compared.returncode == 0, compared.stderr
    assert "epsilon" in compared.stdout
    assert "success rate" in compared.stdout


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    done = command("list", ADVSHARD_STORE=str(tmp_path / "here"))
    assert done.returncode == 0
    refused(command("status", ADVSHARD_STORE=str(tmp_path / "here")), "none in", "here")
    done = command("run", ADVSHARD_BROKER_URL=LISTENER, ADVSHARD_STORE=str(tmp_path / "here"))
    refused(done, "redis://:**@127.0.0.1:1/0")
    refused(command("worker", ADVSHARD_BROKER_URL=LISTENER), "redis://:**@127.0.0.1:1/0")
    refused(command("worker"), "a broker to work for")


@pytest.mark.parametrize("name", ["status", "resume", "report"])
def test_a_run_that_is_not_there(tmp_path: Path, name: str) -> None:
    refused(command(name, "0123456789abcdef", "--store", str(tmp_path)), "the id or the URL of a run")
    refused(command(name, str(tmp_path), "--store", str(tmp_path)), "the id or the URL of a run")


def test_doctor(tmp_path: Path) -> None:
    done = command("doctor", "--store", str(tmp_path))
    assert done.returncode == 0, done.stdout
    checks = ("machine", "memory", "packages", "tensorflow", "store", "broker", "clocks", "data and model")
    found = {line[8:].split(":")[0] for line in done.stdout.splitlines() if line.startswith(("ok ", "note "))}
    assert found == set(checks)
    (tmp_path / "file").touch()
    bad = command("doctor", "--store", str(tmp_path / "file" / "x"), "--broker", LISTENER, "--model", "vgg")
    assert bad.returncode == 2
    assert bad.stdout.count("FAILED") == 3
    assert "secret" not in bad.stdout + bad.stderr


def test_train(tmp_path: Path) -> None:
    out = tmp_path / "mine" / "mlp.keras"
    done = command(
        "train",
        "--model",
        "mlp",
        "--epochs",
        "1",
        "--no-augment",
        "--out",
        str(out),
        "--tensorboard",
        str(tmp_path / "tb"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out)
    assert "epoch 1/1" in done.stderr
    assert {path.suffix for path in out.parent.iterdir()} == {".keras", ".json", ".csv", ".png"}
    assert list((tmp_path / "tb").rglob("events*"))
    refused(command("train", "--model", "vgg"), "choose one of cnn, dscnn, mlp")
    refused(command("train", "--out", str(tmp_path / "x.h5")), ".keras")
    refused(command("train", "--epochs", "0"), "epochs")
    run = command("run", "--model", str(out), "--limit", "30", "--store", str(tmp_path / "runs"), "--workers", "1")
    assert run.returncode == 0, run.stderr


def test_help_names_every_command() -> None:
    done = command("--help")
    assert done.returncode == 0
    listed = re.findall(r"^  ([a-z]+) ", done.stdout.partition("Commands:\n")[2], flags=re.MULTILINE)
    assert sorted(listed) == [
        "attacks", "cancel", "compare", "doctor", "export", "flower", "generate", "inspect", "list", "prune", "report",
        "resume", "run", "status", "train", "worker",
    ]  # fmt: skip
    for name in listed:
        help_text = command(name, "--help")
        assert help_text.returncode == 0
        assert help_text.stdout.startswith(f"Usage: advshard {name} "), name


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        # Too small from the start: refused before anything is sent.
        refused(command("run", "--limit", "2000", "--store", str(disk)), "MB free in the store", "make room")
        # Filled up by somebody else in the meantime: the run says so, and goes on when there is room.
        arguments = ("run", "--limit", "300", "--shards", "20", "--store", str(disk), "--workers", "1")
        from tests.processes import started, wait_for

        with started(*arguments) as process:
            run = only_run(disk)
            wait_for(lambda: len(run.shards.finished_indices()) >= 1)
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            _, err = process.communicate(timeout=90)
        assert process.returncode == 2, err
        assert "No space left on device" in err
        assert "resume" in err.splitlines()[-1]
        assert "Traceback" not in err
        filler.unlink()
        done = command("resume", run.url)
        assert done.returncode == 0, done.stderr
        assert run.results.report().n_images == 300  # type: ignore[union-attr]
    finally:
        subprocess.run(["umount", str(disk)], check=False)
