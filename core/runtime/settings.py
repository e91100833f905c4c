"""The settings of every process, from the ``ADVSHARD_*`` variables of its environment.

Nothing else reads these variables, and nothing writes them: a child process gets its own in the environment
that it is started with.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigError

DEFAULT_STORE = "runs"
DEFAULT_QUEUE = "default"
_PREFIX = "ADVSHARD_"


class Settings(BaseSettings):
    """What the environment says, each name with ``ADVSHARD_`` before it. An empty variable counts as unset.

    Raises ConfigError for a value that does not fit.

    Args:
        broker_url: URL of a Redis or Valkey server.
        broker_password: put into a broker URL that has none.
        broker_password_file: file that holds it instead.
        flower_password: of Flower's web page.
        flower_password_file: file that holds it instead.
        store: folder or fsspec URL of the runs. Where it is set, workers open no other store.
        cache: folder for downloads, logs and copies of inputs.
        fashion_mnist: folder with the four files of Fashion-MNIST.
        trust_model: whether code in model files may run. It is never read from a run: the store is not trusted.
        imports: modules or .py files with layers of the user's own, imported if models are trusted, with the path
            separator (a colon) between them.
        queues: names of the queues that a worker takes from, with commas between them.
        max_memory: MB of a worker process, after which it is replaced.
        parent_pid: process whose end ends this worker.
        load_ahead: whether a worker loads TensorFlow before its first task.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", env_ignore_empty=True)

    broker_url: SecretStr | None = None
    broker_password: SecretStr | None = None
    broker_password_file: Path | None = None
    flower_password: SecretStr | None = None
    flower_password_file: Path | None = None
    store: str = DEFAULT_STORE
    cache: Path | None = None
    fashion_mnist: Path | None = None
    trust_model: bool = False
    imports: str = ""
    queues: str = DEFAULT_QUEUE
    max_memory: int | None = Field(default=None, ge=1)
    parent_pid: int | None = Field(default=None, ge=1)
    load_ahead: bool = False

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = _PREFIX + "_".join(map(str, first["loc"])).upper()
            raise ConfigError(
                f"a value for {name} that fits", f"{first['input']!r} ({first['msg']})", "correct or unset it"
            ) from None

    @property
    def bound_store(self) -> str | None:
        """The only store that a worker here may open; None where the environment names none."""
        return self.store if "store" in self.model_fields_set else None

    @property
    def modules(self) -> tuple[str, ...]:
        """What ``imports`` names; nothing where models are not trusted."""
        return tuple(filter(None, self.imports.split(os.pathsep))) if self.trust_model else ()

    def broker(self, given: str | None = None) -> str | None:
        """The broker's URL, ``given`` or the environment's, with its password; None where there is none."""
        url = given or (self.broker_url.get_secret_value() if self.broker_url else None)
        return _with_password(url, _secret(self.broker_password, self.broker_password_file)) if url else None

    def flower(self) -> str | None:
        """Flower's password, if one is given."""
        return _secret(self.flower_password, self.flower_password_file)


_NAMES = tuple(_PREFIX + name.upper() for name in Settings.model_fields)


def settings() -> Settings:
    """The settings of this process as its environment is now, parsed once for each state of it.

    Cheap enough to be called for each task. Raises ConfigError for a value that does not fit.
    """
    return _parsed(tuple(map(os.environ.get, _NAMES)))


@lru_cache(maxsize=1)
def _parsed(_values: tuple[str | None, ...]) -> Settings:
    return Settings()


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
