"""Checks the workers on a broker: which of them take our shards, and whether they can read our store."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from core.runtime.fingerprint import versions
from core.storage.folder import Folder
from orchestrator.broker.connection import use_broker
from orchestrator.doctor.finding import Finding, failed, note, ok
from orchestrator.doctor.machine import PROCESS_BYTES
from orchestrator.doctor.storage import distance
from tasks.app import app
from tasks.probe import probe_file
from tasks.queues import partitions

_PING = 2.0  # seconds in which every worker responds
_NEVER = "give it the same software and queue, or ignore it if it serves other runs"
_PROBE = 10.0  # seconds; longer than a worker waits for its store


@dataclass(frozen=True)
class Answer:
    """A worker's answer to the probe. ahead: how far its clock is ahead of ours, in seconds."""

    name: str
    said: dict[str, Any]
    ahead: float = 0.0

    @property
    def ours(self) -> bool:
        """Whether it is a worker of this project, in a version that supports the probe."""
        return "versions" in self.said


def ask(broker: str, store: str) -> tuple[list[Answer], str | None]:
    """Probe all workers.

    Args:
        broker, store: URLs.

    Returns:
        Every worker's answer, and the SHA-256 of the probe file that each should have read from the store: None if this
        machine can't write to the store, which ``check_store`` reports.
    """
    use_broker(broker)
    count = len(app.control.ping(timeout=_PING))
    if not count:
        return [], None
    answers: list[Answer] = []
    with _probe(store) as (token, digest):
        before = time.time()

        def keep(reply: dict[str, Any]) -> None:
            for name, said in reply.items():
                ahead = distance(said["time"], before, time.time()) if "time" in said else 0.0
                answers.append(Answer(name, said, ahead))

        arguments = {"store": Folder(store).url(), "token": token}
        app.control.broadcast(
            "advshard_probe", arguments=arguments, reply=True, timeout=_PROBE, limit=count, callback=keep
        )
    return sorted(answers, key=lambda answer: answer.name), digest


def judge(answers: list[Answer], digest: str | None, store: str, queue: str) -> list[Finding]:
    """Judge the workers' answers: which of them take our shards, and the problems of those.

    Args:
        answers, digest: from ``ask``.
        store: URL of the store.
        queue: the queue that the run would use.
    """
    partition = partitions(queue)[0]
    ours = [answer for answer in answers if partition in answer.said.get("queues", [])]
    findings = [
        note("workers", f"{answer.name} does not take our shards: {_why_not(answer, queue)}", _NEVER)
        for answer in answers
        if answer not in ours
    ]
    if not ours:
        got = f"none of the {len(answers)} that respond takes our shards" if answers else "no worker responds"
        return [failed("workers", got, "start one with 'advshard worker'"), *findings]
    processes = sum(answer.said["processes"] for answer in ours)
    names = ", ".join(answer.name for answer in ours)
    software = ", ".join(f"{name} {version}" for name, version in versions().items())
    findings.insert(
        0, ok("workers", f"{names}: {processes} processes for queue {queue!r}, with our software ({software})")
    )
    for answer in ours:
        findings += [*_sees(answer, digest, store), *_has_memory(answer), *_refused(answer)]
    kinds = sorted({answer.said["processor"] for answer in ours})
    if len(kinds) > 1:
        findings.append(
            note(
                "workers",
                f"they have {len(kinds)} kinds of processors ({'; '.join(kinds)})",
                "a run on several kinds fails its audit; give each kind its own queue",
            )
        )
    return findings


def _why_not(answer: Answer, queue: str) -> str:
    if not answer.ours:
        return "it does not support the probe, so it belongs to another program or an older version"
    other = answer.said["versions"]
    wanted = versions()
    differing = [name for name in sorted({*wanted, *other}) if wanted.get(name) != other.get(name)]
    if differing:
        return "its software is " + ", ".join(
            f"{name} {other.get(name, 'none')} (here {wanted.get(name, 'none')})" for name in differing
        )
    taken = sorted({name.split(".")[1] for name in answer.said["queues"] if name.count(".") == 2})
    return f"it takes from {', '.join(map(repr, taken))}, not from {queue!r}"


def _sees(answer: Answer, digest: str | None, store: str) -> list[Finding]:
    if digest is None:
        return []
    where = Folder(store).url()
    if answer.said.get("sha256") == digest:
        free = answer.said["available"]
        memory = f", {free / 1e9:.1f} GB of memory free" if free is not None else ""
        return [ok("workers", f"{answer.name} sees the store {where}; {answer.said['processor']}{memory}")]
    why = answer.said.get("error", "it has a different file of that name")
    return [
        failed(
            "workers",
            f"{answer.name} does not see the store {where} ({why})",
            "mount it there under the same path or use S3, and set its ADVSHARD_STORE to the same place",
        )
    ]


def _has_memory(answer: Answer) -> list[Finding]:
    total, processes = answer.said["memory"], answer.said["processes"]
    if total is None or total >= processes * PROCESS_BYTES:
        return []
    detail = f"{answer.name} has {total / 1e9:.1f} GB for {processes} processes of {PROCESS_BYTES / 1e9:.1f} GB"
    return [note("workers", detail, "start it with a smaller --concurrency")]


def _refused(answer: Answer) -> list[Finding]:
    count = answer.said.get("refused", 0)
    if not count:
        return []
    detail = f"{answer.name} refused {count} message{'s' if count > 1 else ''} that this project does not send"
    return [note("workers", detail, "see its log, and check who else can access the broker")]


@contextmanager
def _probe(store: str) -> Iterator[tuple[str, str | None]]:
    """A temporary probe file in the store: its token, and the SHA-256 of its content (None if it can't be written)."""
    token, content = uuid4().hex, uuid4().bytes
    digest: str | None = hashlib.sha256(content).hexdigest()
    folder = Folder(store)
    try:
        folder.write(probe_file(token), content)
    except Exception:  # noqa: BLE001 - each file system raises its own; the store's check reports them
        digest = None
    try:
        yield token, digest
    finally:
        with suppress(Exception):
            folder.remove(probe_file(token))
