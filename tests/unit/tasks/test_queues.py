from __future__ import annotations

import pytest

import core.runtime.fingerprint
from core.errors import ConfigError
from core.runtime.settings import DEFAULT_QUEUE
from tasks.queues import PARTITIONS, names_of, partitions


def test_lanes_belong_to_a_name_and_to_a_software(monkeypatch: pytest.MonkeyPatch) -> None:
    known = partitions()
    assert len(set(known)) == PARTITIONS
    assert known == partitions(DEFAULT_QUEUE)
    assert not set(known) & set(partitions("gpu"))
    monkeypatch.setattr(core.runtime.fingerprint, "PACKAGES", ("tensorflow", "no-such-package"))
    assert not set(known) & set(partitions())


def test_a_list_of_names() -> None:
    assert names_of("gpu, default,gpu") == ["gpu", "default"]


@pytest.mark.parametrize("text", ["", "a,,b", "a.b", "A", "-a", "a b", "a" * 33])
def test_what_can_not_be_a_name(text: str) -> None:
    with pytest.raises(ConfigError, match="the name of a queue"):
        names_of(text)
