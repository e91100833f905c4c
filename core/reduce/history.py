"""What happened before the reduce, from the documents that workers and orchestrators wrote to the store."""

from __future__ import annotations

from collections import Counter

from core.run.report import History
from core.run.run_store import RunStore


def history_of(run: RunStore) -> History:
    """All attempts at shards and all orchestrators of the run, up to now."""
    orchestrators = run.orchestrators.all()
    attempts = redelivered = 0
    failures: Counter[str] = Counter()
    for attempt, shards in run.attempts.all():
        attempts += shards
        redelivered += attempt.redelivered
        if attempt.error:
            failures[_kind(attempt.error)] += 1
    return History(
        orchestrators=len(orchestrators),
        messages=sum(each.messages for each in orchestrators),
        attempts=attempts,
        redelivered=redelivered,
        failures=dict(sorted(failures.items())),
        speculative_attempts=sum(each.speculative_attempts for each in orchestrators),
        damaged_shards=sum(each.damaged_shards for each in orchestrators),
        workers_restarted=sum(each.workers_restarted for each in orchestrators),
        brokers_restarted=sum(each.brokers_restarted for each in orchestrators),
    )


def describe(history: History, shards: int) -> str:
    """Describe the attempts and every fault in one sentence."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in history.failures.items())
    faults = [
        (history.redelivered, "redelivered by the broker"),
        (sum(history.failures.values()), f"failed or given up ({kinds})"),
        (history.speculative_attempts, "speculative attempts at slow shards"),
        (history.damaged_shards, "damaged shards attacked again"),
        (history.workers_restarted, "workers restarted"),
        (history.brokers_restarted, "brokers restarted"),
        (history.orchestrators - 1, "further orchestrators"),
    ]
    parts = [f"{history.attempts} attempts at {shards} shards", f"{history.messages} messages"]
    return ", ".join([*parts, *(f"{count} {what}" for count, what in faults if count > 0)])


def _kind(error: str) -> str:
    return error.split(":", 1)[0].split("(", 1)[0].strip()
