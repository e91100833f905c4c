"""``train --model advgan``: what it takes, and what it leaves behind."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from core.models.advgan import GeneratorConfig
from core.models.advgan.card import GeneratorCard, find_generator
from core.models.advgan.directions import Directions
from orchestrator.cli import main
from tests.runs import SHAPE, save_model, save_set

pytestmark = pytest.mark.usefixtures("one_thread")


def train(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["train", *words])
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_the_generator_its_card_and_its_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    against = save_model(tmp_path / "mine.keras")
    data = save_set(tmp_path / "set.npz", count=60)
    words = ["--model", "advgan", "--against", str(against), "--data", str(data)]
    words += ["--epochs", "2", "--validation", "10", "--eps", "0.25"]
    out = tmp_path / "g.keras"
    assert train(*words, "--out", str(out)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    card = GeneratorCard.model_validate_json(out.with_suffix(".json").read_text())
    assert (card.image_shape, card.against, card.epsilon) == (SHAPE, "mine.keras", 0.25)
    assert card.command.endswith(f"--against {against} --data {data} --eps 0.25 --epochs 2 --validation 10")
    rows = list(csv.DictReader(out.with_suffix(".csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["success"]) == card.success
    Directions(out, SHAPE)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "advgan", "--no-augment"], "a valid --augment of advgan"),
        (["--model", "advgan", "--eps", "1.5"], "a valid --eps of advgan; got 1.5"),
        (["--model", "advgan", "--against", "nope"], "choose one of cnn, dscnn, mlp"),
        (["--model", "advgan", "--against", "cnn"], r"images of shape \(12, 12, 1\); got 'cnn'"),
        (["--model", "cnn", "--eps", "0.1"], "--eps only with --model advgan; got --model cnn"),
    ],
)
def test_what_is_refused(words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(*words, "--data", str(save_set(tmp_path / "set.npz"))) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("name", ["advgan-cnn", "advgan-mlp"])
def test_shipped_generators_were_made_by_the_command_on_their_card(name: str) -> None:
    path = find_generator(name, (28, 28, 1))
    card = GeneratorCard.model_validate_json(path.with_suffix(".json").read_text())
    assert card.command == f"advshard train --model advgan --against {card.against}"
    assert name == f"advgan-{card.against}"
    assert card.epsilon == GeneratorConfig().epsilon
