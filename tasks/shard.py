"""The task that attacks a shard range."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from core.run.run_store import RunStore
from core.runtime.settings import settings
from core.shard.attack_shard import ClassifierOf, finished_record, run_shard
from core.shard.preflight import run_preflight
from core.shard.run_model import classifier_of
from tasks.app import app
from tasks.attempts import attempt
from tasks.messages import open_run, range_of
from tasks.session import load_tensorflow

PREFLIGHT = "preflight"
_log = logging.getLogger(__name__)


@app.task(name="tasks.shard", bind=True)  # type: ignore[untyped-decorator]
def attack_shard(self: Any, run: str, first: int, last: int) -> None:
    """Attack shards ``first`` to ``last`` (included) of the run at URL ``run``.

    Does nothing if they are already finished or the run was cancelled. A message with the header ``preflight`` asks for
    a look at the model first; a worker that does not know it leaves it out.
    """
    store, manifest = open_run(run)
    shards = range_of(manifest, first, last)
    if finished_record(store, shards) is not None or store.cancelled():
        return
    with attempt(store, shards, self.request):
        load_tensorflow()
        trusting = partial(classifier_of, trusted=settings().trust_model)
        if (self.request.headers or {}).get(PREFLIGHT):
            _look(store, trusting)
        run_shard(store, shards, trusting, worker=str(self.request.hostname))


def _look(store: RunStore, trusting: ClassifierOf) -> None:
    try:
        run_preflight(store, trusting)
    except Exception:  # noqa: BLE001 - what is wrong with the run fails its shards, and is reported there
        _log.exception("no preflight of %s", store.url)
