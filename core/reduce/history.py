"""What happened on the way to a result, from what workers and orchestrators left in the store."""

from __future__ import annotations

from collections import Counter

from core.run.report import History
from core.run.run_store import RunStore


def history_of(run: RunStore) -> History:
    """All executions and all orchestrators of the run, up to now."""
    drivers = run.drivers()
    executions = redelivered = 0
    failures: Counter[str] = Counter()
    for attempt, shards in run.all_attempts():
        executions += shards
        redelivered += attempt.redelivered
        if attempt.error:
            failures[_kind(attempt.error)] += 1
    return History(
        orchestrators=len(drivers),
        messages=sum(driver.messages for driver in drivers),
        executions=executions,
        redelivered=redelivered,
        failures=dict(sorted(failures.items())),
        copies=sum(driver.copies for driver in drivers),
        remade=sum(driver.remade for driver in drivers),
        workers_restarted=sum(driver.workers_restarted for driver in drivers),
        brokers_restarted=sum(driver.brokers_restarted for driver in drivers),
    )


def describe(history: History, shards: int) -> str:
    """One sentence: the executions, and whatever happened beside them."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in history.failures.items())
    told = [
        (history.redelivered, "delivered again by the broker"),
        (sum(history.failures.values()), f"failed or given up ({kinds})"),
        (history.copies, "second copies of slow shards"),
        (history.remade, "damaged and made again"),
        (history.workers_restarted, "workers started again"),
        (history.brokers_restarted, "brokers started again"),
        (history.orchestrators - 1, "more orchestrators"),
    ]
    parts = [f"{history.executions} executions of {shards} shards", f"{history.messages} messages"]
    return ", ".join([*parts, *(f"{count} {what}" for count, what in told if count > 0)])


def _kind(error: str) -> str:
    return error.split(":", 1)[0].split("(", 1)[0].strip()
