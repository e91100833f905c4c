"""The task that attacks a shard range."""

from __future__ import annotations

from functools import partial
from typing import Any

from core.runtime.settings import settings
from core.shard.attack_shard import finished_record, run_shard
from core.shard.run_model import classifier_of
from tasks.app import app
from tasks.attempts import attempt
from tasks.messages import open_run, range_of
from tasks.session import load_tensorflow


@app.task(name="tasks.shard", bind=True)  # type: ignore[untyped-decorator]
def attack_shard(self: Any, run: str, first: int, last: int) -> None:
    """Attack shards ``first`` to ``last`` (included) of the run at URL ``run``.

    Does nothing if they are already finished or the run was cancelled.
    """
    store, manifest = open_run(run)
    shards = range_of(manifest, first, last)
    if finished_record(store, shards) is not None or store.cancelled():
        return
    with attempt(store, shards, self.request):
        load_tensorflow()
        trusting = partial(classifier_of, trusted=settings().trust_model)
        run_shard(store, shards, trusting, worker=str(self.request.hostname))
