"""The broker: whether it answers, how it is set, and what its clock says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kombu.connection
import redis

from core.errors import AdvshardError, BrokerError
from orchestrator.broker.connection import check_broker as answers
from orchestrator.broker.connection import masked
from orchestrator.doctor.finding import Finding, failed, note, ok
from orchestrator.doctor.storage import distance


def check_embedded() -> list[Finding]:
    """Whether the embedded server starts."""
    from orchestrator.broker.valkey_server import ValkeyServer

    try:
        ValkeyServer().stop()
    except (AdvshardError, OSError) as error:
        return [failed("broker", str(error), "install requirements.lock again, or give --broker")]
    return [ok("broker", "the embedded Valkey server starts")]


def check_broker(url: str) -> list[Finding]:
    """Whether it answers, its version, and the two settings that keep messages."""
    try:
        answers(url)
    except BrokerError as error:
        return [failed("broker", f"expected {error.expected}; got {error.got}", error.advice)]
    with _client(url) as client:
        if client is None:
            return [note("broker", f"{masked(url)} answers, and is neither Redis nor Valkey", "it was never tried")]
        try:
            found = {**client.info("server"), **client.info("memory"), **client.info("persistence")}
        except redis.RedisError as error:
            return [
                ok("broker", f"{masked(url)} answers"),
                note(
                    "broker", f"it does not tell its settings ({error})", "let its user call INFO to have them checked"
                ),
            ]
    return [ok("broker", f"{masked(url)} answers, {_version(found)}"), *_settings(found)]


def clock_of_broker(url: str) -> float | None:
    """How far its clock is ahead of ours, in seconds; None where it doesn't say."""
    try:
        with _client(url) as client:
            if client is None:
                return None
            client.ping()  # the connection is made before the clock is read
            before = time.time()
            seconds, microseconds = client.time()
            return distance(seconds + microseconds / 1e6, before, time.time())
    except (redis.RedisError, OSError):
        return None


@contextmanager
def _client(url: str) -> Iterator[Any]:
    """redis-py's client as kombu sets it up, TLS and password included; None for another kind of broker."""
    connect: Any = kombu.connection.Connection  # kombu has no types
    with connect(url, transport_options={"socket_connect_timeout": 5, "socket_timeout": 5}) as connection:
        yield connection.default_channel.client if connection.transport.driver_type == "redis" else None


def _version(info: dict[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of unknown version')}"


def _settings(info: dict[str, Any]) -> list[Finding]:
    findings = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        findings.append(
            note("broker", f"maxmemory-policy is {policy}: when it is full it drops messages", "set it to noeviction")
        )
    if not int(info.get("aof_enabled", 1)):
        findings.append(
            note("broker", "appendonly is no: what is queued is lost with it, and sent again later", "set it to yes")
        )
    return findings or [ok("broker", "keeps what it is given (noeviction, appendonly)")]
