"""The settings that every command shares, from the environment."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """``ADVSHARD_BROKER_URL`` (a secret: it may hold a password) and ``ADVSHARD_STORE``."""

    model_config = SettingsConfigDict(env_prefix="ADVSHARD_", extra="ignore")

    broker_url: SecretStr | None = None
    store: str = "runs"
