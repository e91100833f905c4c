"""Checks the broker: its connection, settings and clock."""

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
    """Check that the embedded server starts."""
    from orchestrator.broker.valkey_server import ValkeyServer

    try:
        ValkeyServer().stop()
    except (AdvshardError, OSError) as error:
        return [failed("broker", str(error), "install requirements.lock again, or give --broker")]
    return [ok("broker", "the embedded Valkey server starts")]


def check_broker(url: str) -> list[Finding]:
    """Check that the broker responds, and the two settings that protect messages from loss."""
    try:
        answers(url)
    except BrokerError as error:
        return [failed("broker", f"expected {error.expected}; got {error.got}", error.advice)]
    with _client(url) as client:
        if client is None:
            return [note("broker", f"{masked(url)} responds, but is neither Redis nor Valkey", "it is untested")]
        try:
            found = {**client.info("server"), **client.info("memory"), **client.info("persistence")}
        except redis.RedisError as error:
            return [
                ok("broker", f"{masked(url)} responds"),
                note("broker", f"its settings can't be read ({error})", "allow its user to call INFO to check them"),
            ]
    return [ok("broker", f"{masked(url)} responds, {_version(found)}"), *_settings(found)]


def clock_of_broker(url: str) -> float | None:
    """Measure how far the broker's clock is ahead of this machine's, in seconds; None if it is unknown."""
    try:
        with _client(url) as client:
            if client is None:
                return None
            client.ping()  # connects, so that the connection time doesn't count
            before = time.time()
            seconds, microseconds = client.time()
            return distance(seconds + microseconds / 1e6, before, time.time())
    except (redis.RedisError, OSError):
        return None


@contextmanager
def _client(url: str) -> Iterator[Any]:
    """The redis-py client as kombu configures it, with TLS and password; None for other kinds of brokers."""
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
            note("broker", f"maxmemory-policy is {policy}: a full broker drops messages", "set it to noeviction")
        )
    if not int(info.get("aof_enabled", 1)):
        findings.append(
            note(
                "broker",
                "appendonly is no: a restart loses queued messages, which are sent again later",
                "set it to yes",
            )
        )
    return findings or [ok("broker", "its settings protect messages from loss (noeviction, appendonly)")]
