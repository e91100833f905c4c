from __future__ import annotations

from click.testing import CliRunner

from core.errors import ConfigError
from core.registry import ATTACKS
from orchestrator.commands.attacks import attacks_command


def test_every_attack_and_hyper_parameter_is_listed() -> None:
    listed = CliRunner().invoke(attacks_command, []).output
    words = listed.split()
    for name in ATTACKS:
        assert name in listed.splitlines()
        assert set(ATTACKS[name].model_fields) <= set(words)


def test_values_and_defaults_are_those_of_the_class() -> None:
    lines = CliRunner().invoke(attacks_command, ["mifgsm"]).output.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ") and line.strip()}
    assert rows["decay"][:4] == ["0.25", "number", ">=", "0"]
    assert rows["norm"][:3] == ["linf", "linf,", "l2"]
    assert rows["step_size"][:5] == ["not", "given", "number", ">", "0"]
    assert rows["step_back"][:6] == ["6", "integer", ">=", "0", "<=", "24"]
    assert "salt-pepper" not in lines


def test_an_unknown_attack_is_refused() -> None:
    found = CliRunner().invoke(attacks_command, ["nope"]).exception
    assert isinstance(found, ConfigError)
    assert "choose one of" in str(found)
