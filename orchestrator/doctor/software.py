"""Checks TensorFlow in a subprocess, because a broken installation may crash the process."""

from __future__ import annotations

import subprocess

from core.runtime.child_python import python_command
from orchestrator.doctor.finding import Finding, failed, ok

_CODE = """
import tensorflow as tf
tf.ones(2) + 1
import keras
gpus = len(tf.config.list_physical_devices("GPU"))
print(tf.__version__, "with Keras", keras.__version__ + ",", f"{gpus} GPUs" if gpus else "on the processor")
"""
_TIMEOUT = 120


def check_tensorflow() -> list[Finding]:
    """Check that TensorFlow loads and computes."""
    try:
        done = subprocess.run(
            python_command("-c", _CODE), capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return [failed("tensorflow", f"it does not load ({error})", "install requirements.lock again")]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        return [failed("tensorflow", f"it does not load ({last})", "install requirements.lock again")]
    return [ok("tensorflow", done.stdout.strip())]
