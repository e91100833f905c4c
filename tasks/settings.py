"""The settings that every command shares, from the environment."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import BrokerError


class Settings(BaseSettings):
    """``ADVSHARD_BROKER_URL``, ``_BROKER_PASSWORD``, ``_BROKER_PASSWORD_FILE`` and ``_STORE``.

    The password is put into a broker URL that has none, so that it can stay in a file of its own.
    """

    model_config = SettingsConfigDict(env_prefix="ADVSHARD_", extra="ignore")

    broker_url: SecretStr | None = None
    broker_password: SecretStr | None = None
    broker_password_file: Path | None = None
    store: str = "runs"

    def broker(self, given: str | None = None) -> str | None:
        """The broker's URL, ``given`` or the environment's, with its password; None where there is none."""
        url = given or (self.broker_url.get_secret_value() if self.broker_url else None)
        return _with_password(url, self._password()) if url else None

    def _password(self) -> str | None:
        if self.broker_password is not None:
            return self.broker_password.get_secret_value()
        if self.broker_password_file is None:
            return None
        try:
            return self.broker_password_file.read_text().strip()
        except OSError as error:
            raise BrokerError(
                "a file with the broker's password",
                f"{self.broker_password_file} ({error.strerror})",
                "correct ADVSHARD_BROKER_PASSWORD_FILE",
            ) from None


def _with_password(url: str, password: str | None) -> str:
    parts = urlsplit(url)
    if password is None or parts.password is not None or not parts.hostname:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
