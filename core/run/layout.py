"""The names of a run's files. No other module knows them.

<store>/<run_id>/
    manifest.json                    written once, before anything is sent
    inputs/<sha256>.npy|keras|h5     the images, labels and model, by their content
    attempts/<unit>/<task>.json      one per attempt, kept up to date by its worker
    attempts/<unit>/<task>.given-up.json  the final state of an attempt that failed or was given up
    released/<shard>/<task>.json     attempts before a quarantine that was lifted
    shards/<range>.npy               the adversarial images of a shard range
    shards/<range>.parquet           its rows of the ledger
    shards/<range>.json              its record, written last: the shards are finished
    quarantine/<shard>.json          a shard that was given up, with its last error
    cancelled                        a request to stop the run
    removed                          the run is being removed: written before the manifest goes, and removed last
    orchestrators/<token>.json       one per process that drives or drove the run: its heartbeat
    preflight.json                   what a worker found in a look at the model before the first shard
    timing.json                      how long the orchestrator that finished the run took
    attack_data.npy  index_map.npz  ledger.parquet  report.json  report.html

<range> is ``00000003``, or ``00000003-00000007`` for shards that one task took together; <unit> is a range or
``reduce``.
"""

from __future__ import annotations

import re

from core.run.manifest import Blob
from core.run.work_unit import ShardRange, WorkUnit

MANIFEST, CANCELLED, REMOVED, TIMING = "manifest.json", "cancelled", "removed", "timing.json"
PREFLIGHT = "preflight.json"
ATTACK_DATA, INDEX_MAP, LEDGER = "attack_data.npy", "index_map.npz", "ledger.parquet"
REPORT, REPORT_PAGE = "report.json", "report.html"
SHARDS, QUARANTINE, ORCHESTRATORS = "shards", "quarantine", "orchestrators"
ATTEMPTS, RELEASED = "attempts", "released"

RECORD_NAME = re.compile(r"([0-9]{8})(?:-([0-9]{8}))?\.json")
QUARANTINE_NAME = re.compile(r"([0-9]{8})\.json")
ATTEMPT_PATH = re.compile(
    r"((?:attempts|released)/(?:([0-9]{8})(?:-([0-9]{8}))?|reduce)/([0-9A-Za-z][0-9A-Za-z_-]{0,99}))(\.given-up)?\.json"
)
"""Groups: the attempt, its first and last shard, its task id, whether it was given up."""


def input_file(blob: Blob) -> str:
    """The file of an input."""
    return f"inputs/{blob.name}"


def shard_file(shards: ShardRange, suffix: str) -> str:
    """A file of a shard range, with the suffix ``npy``, ``parquet`` or ``json``."""
    return f"{SHARDS}/{shards.name}.{suffix}"


def attempts_folder(unit: WorkUnit) -> str:
    """The folder of a work unit's attempts."""
    return f"{ATTEMPTS}/{unit.name}"


def attempt_file(unit: WorkUnit, task_id: str, *, given_up: bool = False) -> str:
    """The file of an attempt."""
    return f"{attempts_folder(unit)}/{task_id}{'.given-up' if given_up else ''}.json"


def quarantine_file(index: int) -> str:
    """The file of a quarantined shard."""
    return f"{QUARANTINE}/{index:08d}.json"


def orchestrator_file(token: str) -> str:
    """The file of an orchestrator's heartbeat."""
    return f"{ORCHESTRATORS}/{token}.json"


def shards_of_attempt(path: re.Match[str]) -> int:
    """The number of shards of an attempt, from a match of ATTEMPT_PATH."""
    return int(path[3]) - int(path[2]) + 1 if path[3] else 1
