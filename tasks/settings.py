"""The settings that every command shares, from the environment."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigError
from tasks.queues import DEFAULT_QUEUE


class Settings(BaseSettings):
    """What the environment says, each name with ``ADVSHARD_`` before it.

    The broker's password is put into a broker URL that has none, so that it can stay in a file of its own.
    trust_model: whether code in model files may run here. It is never read from a run: the store is not trusted.
    """

    model_config = SettingsConfigDict(env_prefix="ADVSHARD_", extra="ignore")

    broker_url: SecretStr | None = None
    broker_password: SecretStr | None = None
    broker_password_file: Path | None = None
    flower_password: SecretStr | None = None
    flower_password_file: Path | None = None
    store: str = "runs"
    trust_model: bool = False
    queues: str = DEFAULT_QUEUE
    max_memory: int | None = Field(default=None, ge=1)  # MB of a worker's process, after which it is replaced

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(map(str, first["loc"])).upper()
            raise ConfigError(
                f"a value for ADVSHARD_{name} that fits", f"{first['input']!r} ({first['msg']})", "correct or unset it"
            ) from None

    def broker(self, given: str | None = None) -> str | None:
        """The broker's URL, ``given`` or the environment's, with its password; None where there is none."""
        url = given or (self.broker_url.get_secret_value() if self.broker_url else None)
        return _with_password(url, _secret(self.broker_password, self.broker_password_file)) if url else None

    def flower(self) -> str | None:
        """Flower's password, if one is given."""
        return _secret(self.flower_password, self.flower_password_file)


def trust_model() -> bool:
    """``Settings.trust_model``. Each task asks, so it is read once for each value of its variable."""
    return _trust_model(os.environ.get("ADVSHARD_TRUST_MODEL"))


@cache
def _trust_model(said: str | None) -> bool:
    return Settings().trust_model


def _secret(value: SecretStr | None, file: Path | None) -> str | None:
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ConfigError(
            "a file that holds a password",
            f"{file} ({error.strerror})",
            "correct ADVSHARD_BROKER_PASSWORD_FILE or ADVSHARD_FLOWER_PASSWORD_FILE",
        ) from None


def _with_password(url: str, password: str | None) -> str:
    parts = urlsplit(url)
    if password is None or parts.password is not None or not parts.hostname:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
