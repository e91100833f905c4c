"""The task that attacks one shard."""

from __future__ import annotations

from functools import partial
from typing import Any

from core.run_model import classifier_of
from core.shard import run_shard
from tasks.app import app
from tasks.attempts import attempt
from tasks.messages import open_run, shard_of
from tasks.session import load_tensorflow
from tasks.settings import trust_model


@app.task(name="tasks.shard", bind=True)  # type: ignore[untyped-decorator]
def attack_shard(self: Any, run: str, shard: int) -> None:
    """Attack shard ``shard`` of the run at URL ``run``; nothing happens if it is done already, or cancelled."""
    store, manifest = open_run(run)
    index = shard_of(manifest, shard)
    if store.has_record(index) or store.cancelled():
        return
    with attempt(store, index, self.request):
        load_tensorflow()
        trusting = partial(classifier_of, trusted=trust_model())
        run_shard(store, index, trusting, worker=str(self.request.hostname))
