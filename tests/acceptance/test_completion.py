"""Shell completion, set up with the lines of the README."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

LINES = re.findall(r"^ {4}(\S*.*_ADVSHARD_COMPLETE=(\w+)_source.*?) +#", (ROOT / "README.md").read_text(), re.MULTILINE)
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}


def test_the_readme_has_a_line_for_each_shell() -> None:
    assert [shell for _, shell in LINES] == ["bash", "zsh", "fish"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("com", ["compare"]),
        ("run --step", ["--steps", "--step-size", "--step-back"]),
        ("run --labels ''", ["predicted", "true"]),
    ],
)
def test_bash_completes_commands_options_and_choices(typed: str, expected: list[str]) -> None:
    script = f"""
        {LINES[0][0]}
        complete -p advshard | grep -q _advshard_completion || exit 1
        COMP_WORDS=(advshard {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _advshard_completion advshard
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert done.stdout.split() == expected
    assert done.stderr == ""


@pytest.mark.parametrize(("line", "shell"), LINES[1:], ids=[shell for _, shell in LINES[1:]])
def test_the_other_shells_get_a_function(line: str, shell: str) -> None:
    """Where the shell is installed it also reads the function."""
    variables = {**ENVIRONMENT, "_ADVSHARD_COMPLETE": f"{shell}_source"}
    source = subprocess.run(["advshard"], capture_output=True, text=True, env=variables, check=True).stdout
    assert "_advshard_completion" in source
    if shutil.which(shell) is not None:
        setup = f"autoload -U compinit && compinit -u; {line}" if shell == "zsh" else line
        subprocess.run([shell, "-c", setup], capture_output=True, env=ENVIRONMENT, check=True)
