"""Sets up TensorFlow in a worker's pool process, and clears the Keras session after each task.

TensorFlow is loaded in the pool process, not before the fork, because it hangs when forked after its first operation.
It always runs on one thread, whatever the environment says: results depend on the number of threads, and more
processes use more cores.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

from celery.signals import task_postrun, worker_init, worker_process_init

from core.models.files.user_modules import import_modules
from core.runtime.fast_imports import fast_imports
from core.runtime.onednn import ask_for_onednn
from core.runtime.settings import settings

_ONE = "1"
_loading = threading.Lock()


def load_tensorflow() -> None:
    """Import Keras and TensorFlow, limited to one thread, and the user's own modules; once, even from several threads.

    Raises:
        ModelError: a module of the user's can't be imported.
    """
    with _loading:
        import_tensorflow()
        import_modules(settings().modules)


@cache
def import_tensorflow() -> None:
    """The import itself; not to be called by two threads at once."""
    os.environ.update(
        KERAS_BACKEND="tensorflow",
        OMP_NUM_THREADS=_ONE,
        TF_NUM_INTRAOP_THREADS=_ONE,
        TF_NUM_INTEROP_THREADS=_ONE,
        TF_CPP_MIN_LOG_LEVEL=os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    )
    ask_for_onednn()
    with fast_imports():
        import keras  # noqa: F401  it imports TensorFlow
        import tensorflow  # noqa: F401

    configure_devices()


def configure_devices() -> None:
    """Limit TensorFlow to one thread, and let the memory that it takes of each GPU grow as needed.

    Raises:
        RuntimeError: TensorFlow is already initialized with more threads.
    """
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow is already initialized, as in a test process: fail unless it has one thread.
        if tf.config.threading.get_intra_op_parallelism_threads() != 1:
            raise
    for gpu in tf.config.list_physical_devices("GPU"):
        # By default TensorFlow reserves all GPU memory, so that no other process can use the GPU.
        with suppress(RuntimeError):  # already initialized, as above
            tf.config.experimental.set_memory_growth(gpu, enable=True)


@cache
def freeze_warm_objects() -> None:
    """Exclude the objects of the warm process from later garbage collections; once per process.

    ``clear_session`` collects garbage, which takes 215 ms in a process with TensorFlow, and 30 ms after this.
    """
    gc.collect()
    gc.freeze()


@task_postrun.connect  # type: ignore[untyped-decorator]
def clear_keras_session(**_: Any) -> None:
    """Clear the Keras session after each task. Cached models and their traced functions survive."""
    if "keras" in sys.modules:
        import keras

        freeze_warm_objects()
        keras.backend.clear_session()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def load_ahead(**_: Any) -> None:
    """Load TensorFlow while the worker connects to the broker, if tasks are certain to come (ADVSHARD_LOAD_AHEAD)."""
    if settings().load_ahead:
        threading.Thread(target=load_tensorflow, daemon=True).start()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def end_with_parent(**_: Any) -> None:
    """End this pool process when its worker is gone, for example killed."""
    threading.Thread(target=_exit_with, args=(os.getppid(),), daemon=True).start()


def _exit_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@worker_init.connect  # type: ignore[untyped-decorator]
def end_with_starter(**_: Any) -> None:
    """End this worker when the process that started it (ADVSHARD_PARENT_PID) is gone."""
    starter = settings().parent_pid
    if starter:
        threading.Thread(target=_exit_with, args=(starter,), daemon=True).start()
