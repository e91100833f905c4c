"""Messages that native code writes to file descriptor 2, by a stand-in for TensorFlow that writes one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from core.runtime.native_logs import quiet_native_logs

NATIVE = 'import os, sys; os.write(2, b"native message\\n"); seen = os.environ["TF_CPP_MIN_LOG_LEVEL"]\n'


@pytest.fixture
def tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in's file, which the next import finds."""
    path = tmp_path / "tensorflow.py"
    path.write_text(NATIVE)
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # so that the module of before comes back after the test
    del sys.modules["tensorflow"]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    return path


def test_what_is_written_while_tensorflow_is_imported_is_discarded(
    tensorflow: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = len(list(Path("/dev/fd").iterdir()))
    with quiet_native_logs():
        assert sys.modules["tensorflow"].seen == "2"
        os.write(2, b"later\n")
        print("from Python", file=sys.stderr, flush=True)
    assert capfd.readouterr().err == "later\nfrom Python\n"
    assert len(list(Path("/dev/fd").iterdir())) == opened


def test_an_import_that_fails_leaves_standard_error_as_it_was(
    tensorflow: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tensorflow.write_text(NATIVE + 'raise ImportError("no such kernel")\n')
    with pytest.raises(ImportError, match="no such kernel"), quiet_native_logs():
        raise AssertionError("unreachable")
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"


def test_a_log_level_of_the_user_stays(tensorflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with quiet_native_logs():
        assert sys.modules["tensorflow"].seen == "0"
