"""Inspects Keras files in the test's own process, where TensorFlow is loaded, instead of in one that has to load it."""

from __future__ import annotations

import io
import runpy
import sys
import warnings
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import Any

import pytest

from core.models.files import inspect_in_subprocess


def inspect_here(patch: pytest.MonkeyPatch) -> None:
    """Until the patch is undone, run the inspecting modules here, with the arguments that their process would have."""

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        module, *arguments = command[command.index("-m") + 1 :]
        said = io.StringIO()
        with redirect_stdout(said), pytest.MonkeyPatch.context() as here, warnings.catch_warnings():
            here.setattr(sys, "argv", [module, *arguments])
            # The module was imported before, without being run.
            warnings.filterwarnings("ignore", message=".* found in sys.modules", category=RuntimeWarning)
            runpy.run_module(module, run_name="__main__")
        return SimpleNamespace(stdout=said.getvalue(), stderr="")

    patch.setattr(inspect_in_subprocess, "subprocess", SimpleNamespace(run=run))
