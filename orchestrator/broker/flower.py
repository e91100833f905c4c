"""Flower, the web page that shows Celery's workers and tasks: behind a password, on this machine alone."""

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
    """Where Flower listens, and its password (one is made up if none is given)."""

    broker: str
    port: int = PORT
    address: str = LOOPBACK
    password: str = ""
    given: bool = False

    @classmethod
    def create(cls, broker: str, port: int = PORT, address: str = LOOPBACK) -> FlowerConfig:
        """With the password of the settings, or one of its own."""
        given = settings().flower()
        return cls(broker, port, address, given or secrets.token_urlsafe(9), given is not None)

    @property
    def url(self) -> str:
        """What to open in a browser."""
        return f"http://{self.address}:{self.port}"

    @property
    def greeting(self) -> str:
        """Where it is and how to get in. A password that was given is not repeated."""
        return f"Flower at {self.url}, user {USER}, password {'as given' if self.given else self.password}"

    @property
    def command(self) -> list[str]:
        """The program. What is secret is in its environment, where other users don't see it."""
        return python_command("-m", "tasks", "flower")

    @property
    def environment(self) -> dict[str, str]:
        """Flower's options, and the broker."""
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
    """``wanted`` if nobody listens there, else another one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")
