"""Where a task's CPU time goes: ``python -m bench.harness.shard_parts IMAGES SHARDS TOGETHER``.

Attacks test images in this process, in SHARDS shards of which each task takes TOGETHER, and prints the milliseconds
per task by purpose, as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

PARTS = {
    "passes": "forward and backward passes in TensorFlow",
    "store": "files in the store",
    "measure": "SSIM, distances and digests",
    "other": "steps in NumPy, records, everything else",
}


def parts(images: int, shards: int, together: int) -> dict[str, float]:
    """Milliseconds per task by purpose; the first task, which traces the graphs, is left out."""
    from core.image import digest
    from core.models.fast.compiled import compiled
    from core.models.inference import classifier
    from core.shard import attack_shard, ledger
    from core.shard.run_model import classifier_of
    from core.storage.folder import Folder
    from orchestrator.planning.plan import plan
    from orchestrator.planning.request import Request

    spent: defaultdict[str, float] = defaultdict(float)

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            before, inner = time.process_time(), sum(spent.values())
            found = function(*given, **named)
            # What was timed inside this call is counted there.
            spent[part] += time.process_time() - before - (sum(spent.values()) - inner)
            return found

        return call

    places = [
        (classifier, "compiled", lambda *given: timed("passes", compiled(*given))),
        *((Folder, name, timed("store", getattr(Folder, name))) for name in ("read", "read_many", "exists")),
        *((Folder, name, timed("store", getattr(Folder, name))) for name in ("write", "write_with", "read_with")),
        (ledger, "measure", timed("measure", ledger.measure)),
        (attack_shard, "digests", timed("measure", digest.digests)),
    ]
    with ExitStack() as patches, tempfile.TemporaryDirectory() as store:
        for owner, name, function in places:
            patches.enter_context(mock.patch.object(owner, name, function))
        run = plan(Request(store=store, shards=shards, limit=images, shards_per_task=together))
        blocks = [run.manifest().range_of(index) for index in range(0, shards, together)]
        attack_shard.run_shard(run, blocks[0], classifier_of, worker="bench")
        spent.clear()
        began = time.process_time()
        for block in blocks[1:]:
            attack_shard.run_shard(run, block, classifier_of, worker="bench")
        spent["other"] = time.process_time() - began - sum(spent[part] for part in ("passes", "store", "measure"))
    return {part: 1e3 * spent[part] / (len(blocks) - 1) for part in PARTS}


if __name__ == "__main__":
    from tasks.session import load_tensorflow

    load_tensorflow()
    print(json.dumps(parts(*map(int, sys.argv[1:]))))
