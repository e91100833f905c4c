from __future__ import annotations

import dataclasses

import pytest

from orchestrator.commands.run import run_command
from orchestrator.planning.request import Request

NO_OPTION = {"fallback", "trust_model", "classes", "elsewhere"}
DEFAULTS = {
    each.name: each.default
    for each in dataclasses.fields(Request)
    if each.name not in {"fallback", "trust_model", "classes", "elsewhere"}
    and each.default not in {None, dataclasses.MISSING}
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_option_left_out_is_a_field_left_out(name: str) -> None:
    (default,) = [option.default for option in run_command.params if option.name == name]
    assert default == DEFAULTS[name]
