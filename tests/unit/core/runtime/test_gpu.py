"""What is done with a GPU, against a stand-in for TensorFlow's view of the devices."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from core.runtime.fingerprint import processor
from tasks.session import configure_devices

GPUS = ["GPU:0", "GPU:1"]


def devices(monkeypatch: pytest.MonkeyPatch, visible: list[str], details: dict[str, Any]) -> None:
    config = SimpleNamespace(
        get_visible_devices=lambda kind: visible if kind == "GPU" else ["CPU:0"],
        experimental=SimpleNamespace(get_device_details=lambda device: details if device == "GPU:0" else {}),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))


def test_a_record_names_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    cpu = processor()
    devices(monkeypatch, [], {})
    assert processor() == cpu
    devices(monkeypatch, GPUS, {"device_name": "NVIDIA T4", "compute_capability": (7, 5)})
    assert processor() == f"{cpu} gpu NVIDIA T4 7.5"
    devices(monkeypatch, GPUS, {})
    assert processor() == f"{cpu} gpu unknown unknown"


def test_a_process_without_tensorflow_does_not_load_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    processor()
    assert "tensorflow" not in sys.modules


def test_the_memory_of_each_gpu_grows_with_need(one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    grown = []

    def grow(device: str, enable: bool) -> None:
        grown.append((device, enable))
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: GPUS if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grow)
    configure_devices()
    assert grown == [("GPU:0", True), ("GPU:1", True)]
