"""The task that attacks a shard, or a few small ones together."""

from __future__ import annotations

from functools import partial
from typing import Any

from core.shard.attack_shard import run_shard
from core.shard.run_model import classifier_of
from tasks.app import app
from tasks.attempts import attempt
from tasks.messages import open_run, shards_of
from tasks.session import load_tensorflow
from tasks.settings import trust_model


@app.task(name="tasks.shard", bind=True)  # type: ignore[untyped-decorator]
def attack_shard(self: Any, run: str, shard: int, last: int | None = None) -> None:
    """Attack shard ``shard`` of the run at URL ``run``, or those up to ``last`` together.

    Nothing happens if they are done already, or if the run was cancelled.
    """
    store, manifest = open_run(run)
    shards = shards_of(manifest, shard, last)
    if any(map(store.has_record, {shards, manifest.block(shard)})) or store.cancelled():
        return
    with attempt(store, shards, self.request):
        load_tensorflow()
        trusting = partial(classifier_of, trusted=trust_model())
        run_shard(store, shards, trusting, worker=str(self.request.hostname))
