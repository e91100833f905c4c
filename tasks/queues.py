"""The names of the queues: a few partitions for each software version and queue name.

A run uses one partition, and a worker consumes all partitions of its queues in turn (kombu's round robin), so each run
gets its share, however many messages of other runs were queued before.
"""

from __future__ import annotations

import re

from core.errors import ConfigError
from core.run.value import digest_of
from core.runtime.fingerprint import versions
from core.runtime.settings import DEFAULT_QUEUE

PARTITIONS = 8
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def partitions(queue: str = DEFAULT_QUEUE) -> list[str]:
    """The partitions of a queue for this software version; other versions, whose bytes may differ, have others."""
    software = digest_of(versions())[:12]
    return [f"advshard-{software}.{check_name(queue)}.{number}" for number in range(PARTITIONS)]


def names_of(text: str) -> list[str]:
    """The names in a comma-separated list, without duplicates; raises ConfigError."""
    return list(dict.fromkeys(check_name(name.strip()) for name in text.split(",")))


def check_name(name: str) -> str:
    """Return ``name`` if it is a valid name of a queue; raises ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "the name of a queue (small letters, digits, - and _; 32 at most)",
            repr(name),
            f"for example gpu; leave it out for {DEFAULT_QUEUE!r}",
        )
    return name
