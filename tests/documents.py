"""One valid JSON document of each kind that stands in a store, and what an enemy would make of it."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

from core.run.manifest import ShardSlice
from core.run.records import Attempt, Fingerprint, Orchestrator, ShardRecord
from core.run.report import AttackStatistics, AuditCheck, ClassStatistics, History, Report
from tests.unit.core.run.test_manifest import SHA, manifest

TOKEN = "0" * 32
RECORD = ShardRecord(
    shard=ShardSlice(first=1, last=1, start=3, stop=6),
    images_sha256=SHA,
    rows_sha256=SHA,
    successes=2,
    fallbacks=1,
    fingerprint=Fingerprint(versions={"tensorflow": "2"}, processor="Linux x86_64 avx2", batch_size=64),
    worker="worker-1@embedded",
    seconds=1.5,
    cpu_seconds=1.25,
)
REPORT = Report(
    run_id="0123456789abcdef",
    complete=False,
    n_images=10,
    clean_accuracy=0.9,
    robust_accuracy=0.4,
    success_rate=0.5,
    error_rate=0.6,
    success_rate_uint8=0.5,
    ssim_mean=0.9,
    ssim_mean_success=None,
    ssim_full_mean=0.8,
    linf_max=0.1,
    means={"l2": 1.0, "ssim": None},
    fallback_count=1,
    fallback_reasons={"vanished": 1},
    unchanged_count=0,
    duplicate_count=0,
    steps_mean=5.5,
    classes=[
        ClassStatistics(
            label=0,
            name="a",
            count=10,
            clean_accuracy=0.9,
            robust_accuracy=0.4,
            success_rate=0.5,
            ssim_mean=0.9,
            ssim_full_mean=0.8,
        )
    ],
    attacks=[AttackStatistics(attack="mifgsm", count=10, successes=5, linf_max=0.1, l2_max=1.5)],
    missing_shards=[2],
    quarantined_shards=[2],
    errors={2: "3 attempts: it always fails"},
    attack_data_sha256=None,
    audit=[AuditCheck(name="coverage", passed=False, detail="7 of 10 images")],
    timing={"reduce_seconds": 0.5},
    history=History(
        orchestrators=1,
        messages=5,
        attempts=5,
        redelivered=0,
        failures={"WorkerDied": 3},
        speculative_attempts=0,
        damaged_shards=0,
        workers_restarted=3,
        brokers_restarted=0,
    ),
)
VALUES = {
    "manifest": manifest(),
    "record": RECORD,
    "attempt": Attempt(task_id="a-1", worker="worker-1@embedded", started=1.0, heartbeat=3, error="it failed"),
    "report": REPORT,
    "orchestrator": Orchestrator(token=TOKEN, host="h", pid=7, seen=1.0, messages=3),
}

_PATHS = st.sampled_from(["../../x", "/etc/passwd", "..", "a/../../b", "C:\\x", "file:///etc/passwd", "\0", "x\0.npy"])
_NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, -(2**31), 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 10**300, 1e308, -0.0, 1.5]),
)
ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        _NUMBERS,
        st.text(),
        _PATHS,
        st.sampled_from(["\ud800", "\u0661", "\uff11\uff12", "1e999"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn, kind: str) -> bytes:
    """The document of this kind with one to three of its fields replaced, deleted, added or changed in type."""
    document = json.loads(VALUES[kind].model_dump_json())
    for _ in range(draw(st.integers(1, 3))):
        parent, key = draw(st.sampled_from(list(_places(document)) or [(document, None)]))
        what = draw(st.sampled_from(["replace", "delete", "add", "wrap", "repeat"]))
        if key is None or what == "add":
            if isinstance(parent, dict):
                parent[draw(st.text())] = draw(ANYTHING)
            else:
                parent.append(draw(ANYTHING))
        elif what == "replace":
            parent[key] = draw(ANYTHING)
        elif what == "delete":
            del parent[key]
        elif what == "wrap":
            parent[key] = draw(st.sampled_from([[parent[key]], {"a": parent[key]}, str(parent[key])]))
        else:
            parent[key] = [copy.deepcopy(parent[key])] * draw(st.integers(0, 3))
    # NaN and Infinity are written as Python's JSON writes them.
    return json.dumps(document).encode()


def _places(value: Any) -> Any:
    """Every place in a document: its container and its key there."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
