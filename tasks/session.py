"""What a worker's process does before its first task and after each one.

TensorFlow is loaded here, in the pool's process and at its first task: forked after its first
operation, it hangs. One thread, whatever the environment says: another number of threads gives
other bits, and processes are the way to use more cores.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from celery.signals import task_postrun, worker_init, worker_process_init

from core.runtime.onednn import ask_for_onednn
from core.runtime.settings import settings

_ONE = "1"
_loading = threading.Lock()


def load_tensorflow() -> None:
    """Import TensorFlow with one thread and Keras on top of it; once per process."""
    with _loading:
        _load_tensorflow()


@cache
def _load_tensorflow() -> None:
    os.environ.update(
        KERAS_BACKEND="tensorflow",
        OMP_NUM_THREADS=_ONE,
        TF_NUM_INTRAOP_THREADS=_ONE,
        TF_NUM_INTEROP_THREADS=_ONE,
        TF_CPP_MIN_LOG_LEVEL=os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    )
    ask_for_onednn()
    with _swift_imports():
        import keras  # noqa: F401  TensorFlow with it
        import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # Already in use, as in a test process: the environment above came in time, or this fails.
        if tf.config.threading.get_intra_op_parallelism_threads() != 1:
            raise
    for gpu in tf.config.list_physical_devices("GPU"):
        # By default TensorFlow takes all of its memory at once, and nothing else can use it.
        with suppress(RuntimeError):  # in use already, as above
            tf.config.experimental.set_memory_growth(gpu, True)


@contextmanager
def _swift_imports() -> Iterator[None]:
    """Import without garbage collections, and without matplotlib, which Keras loads if it finds it: 0.8 of 2.4 s."""
    absent = "matplotlib" not in sys.modules
    gc.disable()
    try:
        if absent:
            sys.modules["matplotlib"] = None  # type: ignore[assignment]
        yield
    finally:
        if absent:
            del sys.modules["matplotlib"]
        gc.freeze()  # or the next collection, in the middle of the model's load, would go through all of this: 0.1 s
        gc.enable()


@cache
def freeze_warm_objects() -> None:
    """Keep what the warm process holds out of later garbage collections; once per process.

    ``clear_session`` collects garbage: 215 ms in a process with TensorFlow, 30 ms after this.
    """
    gc.collect()
    gc.freeze()


@task_postrun.connect  # type: ignore[untyped-decorator]
def clear_keras_session(**_: Any) -> None:
    """Clear the Keras session after each task. The cached model and its traced functions survive."""
    if "keras" in sys.modules:
        import keras

        freeze_warm_objects()
        keras.backend.clear_session()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def load_ahead(**_: Any) -> None:
    """Load TensorFlow while the worker connects to the broker, where work is sure to come (ADVSHARD_LOAD_AHEAD)."""
    if settings().load_ahead:
        threading.Thread(target=load_tensorflow, daemon=True).start()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def end_with_parent(**_: Any) -> None:
    """A pool process must not outlive a worker that was killed."""
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@worker_init.connect  # type: ignore[untyped-decorator]
def end_with_starter(**_: Any) -> None:
    """End this worker when the process that started it (ADVSHARD_PARENT_PID) is gone."""
    starter = settings().parent_pid
    if starter:
        threading.Thread(target=_watch_parent, args=(starter,), daemon=True).start()
