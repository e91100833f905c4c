"""The cost of clearing the Keras session after a shard: ``python -m bench.harness.clear_session [SHARDS]`` (JSON)."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time


def main() -> None:
    """Shards of ten images, in this process; the session is cleared after each, as in a worker."""
    import keras

    from orchestrator.planning.plan import plan
    from orchestrator.planning.request import Request
    from tasks.app import app
    from tasks.session import freeze_warm_objects, load_tensorflow
    from tasks.shard import attack_shard

    load_tensorflow()
    shards = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    app.conf.task_always_eager = True
    clear, took = keras.backend.clear_session, []

    def timed() -> None:
        began = time.perf_counter()
        clear()
        took.append(1000 * (time.perf_counter() - began))

    with tempfile.TemporaryDirectory() as store:
        run = plan(Request(store=store, shards=shards, limit=10 * shards))
        attack_shard.apply(kwargs={"run": run.url, "first": 0, "last": 0})
        keras.backend.clear_session = timed
        for index in range(1, shards):
            attack_shard.apply(kwargs={"run": run.url, "first": index, "last": index})
    import gc

    gc.unfreeze()
    freeze_warm_objects.cache_clear()
    timed()
    print(json.dumps({"frozen_ms": statistics.median(took[:-1]), "unfrozen_ms": took[-1]}))


if __name__ == "__main__":
    main()
