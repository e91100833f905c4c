from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.runtime.settings import Settings, settings


@pytest.mark.parametrize(
    ("url", "password", "expected"),
    [
        ("redis://host:6379/0", None, "redis://host:6379/0"),
        ("redis://host:6379/0", "p@ss/w:rd", "redis://:p%40ss%2Fw%3Ard@host:6379/0"),
        ("rediss://celery@host/1?ssl_ca_certs=/ca.pem", "secret", "rediss://celery:secret@host/1?ssl_ca_certs=/ca.pem"),
        ("redis://:own@host/0", "other", "redis://:own@host/0"),
        ("redis+socket://:own@/run/v.sock?virtual_host=0", "other", "redis+socket://:own@/run/v.sock?virtual_host=0"),
    ],
)
def test_a_password_of_its_own_is_put_into_the_url(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, password: str | None, expected: str
) -> None:
    assert Settings(broker_password=password).broker(url) == expected
    monkeypatch.setenv("ADVSHARD_BROKER_URL", url)
    if password is not None:
        (tmp_path / "file").write_text(password + "\n")
        monkeypatch.setenv("ADVSHARD_BROKER_PASSWORD_FILE", str(tmp_path / "file"))
    assert Settings().broker() == expected
    assert password is None or password not in repr(Settings())


def test_without_a_broker_there_is_none() -> None:
    assert Settings().broker() is None
    assert Settings().store == "runs"


def test_a_password_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ADVSHARD_BROKER_PASSWORD_FILE"):
        Settings(broker_password_file=tmp_path / "none").broker("redis://host")


@pytest.mark.parametrize(("value", "trusted"), [("1", True), ("true", True), ("0", False)])
def test_consent_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, value: str, trusted: bool) -> None:
    assert not settings().trust_model
    monkeypatch.setenv("ADVSHARD_TRUST_MODEL", value)
    assert settings().trust_model is trusted
    monkeypatch.setenv("ADVSHARD_TRUST_MODEL", str(not trusted))
    assert settings().trust_model is not trusted


def test_modules_are_imported_only_where_models_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVSHARD_IMPORTS", "layers:/home/me/more.py:")
    assert settings().modules == ()
    monkeypatch.setenv("ADVSHARD_TRUST_MODEL", "1")
    assert settings().modules == ("layers", "/home/me/more.py")


@pytest.mark.parametrize(("name", "value"), [("MAX_MEMORY", "0"), ("MAX_MEMORY", "much"), ("TRUST_MODEL", "perhaps")])
def test_a_value_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ADVSHARD_{name}", value)
    with pytest.raises(ConfigError, match=f"ADVSHARD_{name} that fits; got '{value}'"):
        Settings()


def test_a_worker_is_bound_to_a_store_only_where_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADVSHARD_STORE", raising=False)
    assert (settings().store, settings().bound_store) == ("runs", None)
    monkeypatch.setenv("ADVSHARD_STORE", "")
    assert settings().bound_store is None
    monkeypatch.setenv("ADVSHARD_STORE", "runs")
    assert settings().bound_store == "runs"


def test_the_environment_is_parsed_again_only_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each task asks."""
    first = settings()
    assert settings() is first
    monkeypatch.setenv("ADVSHARD_MAX_MEMORY", "500")
    assert settings().max_memory == 500
    monkeypatch.delenv("ADVSHARD_MAX_MEMORY")
    assert settings() == first


def test_every_field_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "BROKER_URL": "redis://host/0",
        "BROKER_PASSWORD": "a",
        "BROKER_PASSWORD_FILE": "b",
        "FLOWER_PASSWORD": "c",
        "FLOWER_PASSWORD_FILE": "d",
        "STORE": "e",
        "CACHE": "f",
        "FASHION_MNIST": "g",
        "TRUST_MODEL": "1",
        "IMPORTS": "i",
        "QUEUES": "h",
        "MAX_MEMORY": "2",
        "PARENT_PID": "3",
        "LOAD_AHEAD": "1",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"ADVSHARD_{name}", value)
    assert {name.upper() for name in Settings.model_fields} == set(given)
    assert settings().model_fields_set == set(Settings.model_fields)
