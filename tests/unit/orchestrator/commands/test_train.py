"""The command ``train``: what it refuses, and the command line that its card holds."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from core.datasets.base import ImageSet
from core.datasets.fashion_mnist import FashionMnist
from core.errors import DataError
from core.models.files.card import ZOO
from core.registry import DATASETS
from orchestrator.cli import main
from orchestrator.commands.train import chosen_config, command_line, train_command
from orchestrator.planning.training_data import load_sets
from tests.runs import save_set


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--nesterov", "a momentum above 0 with --nesterov; got --optimizer adam and momentum 0"),
        ("--optimizer sgd --nesterov", "got --optimizer sgd and momentum 0"),
        ("--momentum 0.9", "expected --optimizer sgd with --momentum; got --optimizer adam; leave --momentum out"),
        ("--optimizer rmsprop --momentum 0.9 --nesterov", "got --optimizer rmsprop"),
        ("--optimizer sgd --momentum 1", "a valid --momentum; got 1.0"),
        ("--decay 1e-4", "expected --schedule time with --decay; got --schedule cosine; leave --decay out"),
        ("--schedule time", "expected --decay with --schedule time; got none; give for example --decay 1e-4"),
        ("--schedule step --drop 0.5", "expected --drop-every with --schedule step; got none"),
        ("--schedule step --drop-every 2", "expected --drop with --schedule step"),
        ("--schedule step --drop 1 --drop-every 2", "a valid --drop; got 1.0"),
        ("--schedule none --drop-every 2", "expected --schedule step with --drop-every; got --schedule none"),
        ("--l1 1e-5", "expected --regularizer l1 or l1l2 with --l1; got --regularizer none"),
        ("--regularizer l2 --l1 1e-5 --l2 1e-4", "with --l1; got --regularizer l2"),
        ("--regularizer l1l2 --l1 1e-5", "expected --l2 with --regularizer l1l2"),
        ("--regularizer l1 --l1 0", "a valid --l1; got 0.0"),
        ("--dropout 1", "a valid --dropout; got 1.0"),
        ("--learning-rate nan", "a valid --learning-rate; got nan"),
        ("--learning-rate inf", "a valid --learning-rate; got inf"),
        ("--early-stopping 0", "a valid --early-stopping; got 0"),
        ("--seed -1", "a valid --seed; got -1"),
        ("--optimizer adagrad", "adagrad"),
        ("--constant", "--constant"),
        ("--data imagenet", "choose one of fashion-mnist"),
        ("--data none.npz", "no file or folder none.npz"),
    ],
)
def test_what_is_refused(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["train", *words.split()])
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_the_command_on_a_shipped_card_is_still_the_command(name: str) -> None:
    command = json.loads((ZOO / f"{name}.json").read_text())["command"]
    assert again(command) == command


@pytest.mark.parametrize(
    "words",
    [
        "--optimizer sgd --learning-rate 0.01 --momentum 0.9 --nesterov --schedule none",
        "--schedule step --drop 0.5 --drop-every 3 --dropout 0.0 --no-augment --early-stopping 4",
        "--schedule time --decay 0.001 --regularizer l1l2 --l1 1e-05 --l2 0.0001 --validation 9 --seed 3",
    ],
)
def test_the_command_names_what_was_chosen(words: str) -> None:
    command = f"advshard train --model dscnn {words}"
    assert again(command) == command


def again(command: str) -> str:
    """The command made from what the command says."""
    options = train_command.make_context("train", shlex.split(command)[2:]).params
    for name in ("data", "test_data", "out", "tensorboard", "against", "eps"):
        del options[name]
    return command_line(chosen_config(options))


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_colour_images_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = save_set(tmp_path / "of mine.npz", 40, (8, 6, 3), 4)
    words = ["train", "--model", "mlp", "--data", str(data), "--validation", "10", "--epochs", "1"]
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "expected --test-data with training images of your own" in capsys.readouterr().err
    words += ["--test-data", str(data), "--out", str(tmp_path / "mine.keras")]
    with pytest.raises(SystemExit, match="0"):
        main(words)
    assert capsys.readouterr().out.endswith("mine.keras\n")
    card = json.loads((tmp_path / "mine.json").read_text())
    assert card["image_shape"] == [8, 6, 3]
    assert card["classes"] == 4
    assert shlex.split(card["command"])[4:8] == ["--data", str(data), "--test-data", str(data)]


def test_the_sets_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    train_set, test_set = load_sets("fashion-mnist", None)
    assert len(train_set.images) == 60_000
    assert len(test_set.images) == 10_000
    monkeypatch.delattr(FashionMnist, "load_train")
    assert "fashion-mnist" in DATASETS
    with pytest.raises(DataError, match="'fashion-mnist', which has test images alone"):
        load_sets("fashion-mnist", None)


def test_sets_without_labels_are_no_training_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = ImageSet("bare", np.zeros((3, 28, 28, 1), np.uint8), None)
    monkeypatch.setattr(FashionMnist, "load_train", lambda _: bare)
    with pytest.raises(DataError, match="bare with labels, one class number per image; got no labels"):
        load_sets("fashion-mnist", None)


def test_sets_that_do_not_fit(tmp_path: Path) -> None:
    data = str(save_set(tmp_path / "train.npz", 20, (8, 6, 3), 4))
    other = str(save_set(tmp_path / "shape.npz", 20, (8, 7, 3), 4))
    with pytest.raises(DataError, match=r"of shape \(8, 6, 3\), as the training images; got shape \(8, 7, 3\)"):
        load_sets(data, other)
    grey = str(save_set(tmp_path / "grey.npz", 20, (8, 6, 1), 4))
    assert load_sets(data, grey)[1].images.shape == (20, 8, 6, 3)
    few = str(save_set(tmp_path / "few.npz", 20, (8, 6, 3), 4, labels=np.full(20, 2)))
    with pytest.raises(DataError, match="classes that the training images have; got a label"):
        load_sets(few, data)
    assert load_sets(data, few)[1].required_labels().tolist() == [2] * 20
