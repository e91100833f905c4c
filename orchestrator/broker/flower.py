"""Flower, the web page that shows Celery's workers and tasks, protected by a password."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass

from core.runtime.child_python import python_command
from core.runtime.settings import settings
from orchestrator.broker.child_process import ChildProcess

USER = "advshard"
PORT = 5555
LOOPBACK = "127.0.0.1"
_COLUMNS = "name,args,state,worker,runtime,received,uuid"


@dataclass(frozen=True)
class FlowerConfig:
    """Where Flower listens, and its password."""

    broker: str
    port: int = PORT
    address: str = LOOPBACK
    password: str = ""
    given: bool = False

    @classmethod
    def create(cls, broker: str, port: int = PORT, address: str = LOOPBACK) -> FlowerConfig:
        """A configuration with the password of the settings, or else a random one."""
        given = settings().flower()
        return cls(broker, port, address, given or secrets.token_urlsafe(9), given is not None)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self.address}:{self.port}"

    @property
    def greeting(self) -> str:
        """The page's address and how to log in. A password from the settings is not repeated."""
        return f"Flower at {self.url}, user {USER}, password {'as given' if self.given else self.password}"

    @property
    def command(self) -> list[str]:
        """The command line. Secrets are in the environment, which other users cannot see."""
        return python_command("-m", "tasks", "flower")

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables: Flower's options, and the broker."""
        return {
            "ADVSHARD_BROKER_URL": self.broker,
            "FLOWER_ADDRESS": self.address,
            "FLOWER_PORT": str(self.port),
            "FLOWER_BASIC_AUTH": f"{USER}:{self.password}",
            "FLOWER_TASKS_COLUMNS": _COLUMNS,
            "FLOWER_READ_ONLY": "true",
        }


def start_flower(config: FlowerConfig, log: str) -> ChildProcess:
    """Start Flower as a child process that ends with this one."""
    return ChildProcess(config.command, log, env=config.environment)


def free_port(wanted: int = PORT) -> int:
    """``wanted`` if it is free, otherwise another free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")
