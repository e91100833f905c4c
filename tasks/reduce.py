"""The task that assembles the result from the finished shards."""

from __future__ import annotations

from functools import partial
from typing import Any

from core.reduce.reduce_run import reduce_run
from core.run.work_unit import REDUCE
from core.runtime.settings import settings
from core.shard.run_model import classifier_of
from tasks.app import app
from tasks.attempts import attempt
from tasks.messages import open_run
from tasks.session import load_tensorflow


@app.task(name="tasks.reduce", bind=True)  # type: ignore[untyped-decorator]
def reduce(self: Any, run: str) -> None:
    """Reduce the run at URL ``run``. Does nothing if its report exists or the run was cancelled."""
    store, _ = open_run(run)
    if store.results.report() is not None or store.cancelled():
        return
    with attempt(store, REDUCE, self.request):
        load_tensorflow()
        trusting = partial(classifier_of, trusted=settings().trust_model)
        reduce_run(store, trusting)
