"""Several hosts on this machine: network namespaces on a bridge that is in a namespace of its own.

The file system and /proc stay shared; network and host name are each host's own. Needs root and
iproute2. The machine itself is plugged in too, so that a test can look at the hosts' servers.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import ROOT, kill

_PREFIX = "advshard-"
_ENTER = 'hostname "$0" && exec "$@"'


class HostsError(Exception):
    """A command of the system failed: which one, and what it said."""


class Network:
    """A bridge and its hosts, from ``with`` to its end. It is named after this process."""

    def __init__(self) -> None:
        pid = os.getpid()
        self.namespace = f"{_PREFIX}{pid}"
        # Of the range that is set apart for tests of networks (RFC 2544), and seldom that of another process.
        self._subnet = f"198.{18 + pid // 256 % 2}.{pid % 256}"
        self._hosts: list[Host] = []

    def __enter__(self) -> Network:
        sweep()
        try:
            self._build()
        except HostsError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _remove(self.namespace)
        for host in self._hosts:
            for process in host.processes:
                process.wait()

    def host(self, name: str) -> Host:
        """A new host of this name, with an address of its own."""
        host = Host(name, f"{self._subnet}.{len(self._hosts) + 1}", f"{self.namespace}-{name}", self.namespace)
        self._hosts.append(host)
        _run("ip", "netns", "add", host.namespace)
        self._link(name, "eth0", host.namespace)
        for device in ("lo", "eth0"):
            _run("ip", "-n", host.namespace, "link", "set", device, "up")
        _run("ip", "-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
        return host

    def _build(self) -> None:
        _run("ip", "netns", "add", self.namespace)
        _run("ip", "netns", "exec", self.namespace, "unshare", "--uts", "hostname", "trial")
        _run("ip", "-n", self.namespace, "link", "add", "bridge", "type", "bridge")
        _run("ip", "-n", self.namespace, "link", "set", "bridge", "up")
        here = f"advshard{os.getpid()}"
        self._link("outside", here, str(os.getpid()))
        _run("ip", "address", "add", f"{self._subnet}.254/24", "dev", here)
        _run("ip", "link", "set", here, "up")

    def _link(self, port: str, device: str, namespace: str) -> None:
        """A cable from a port of the bridge to a device in another namespace."""
        ends = ("add", port, "type", "veth", "peer", "name", device, "netns", namespace)
        _run("ip", "-n", self.namespace, "link", *ends)
        _run("ip", "-n", self.namespace, "link", "set", port, "master", "bridge", "up")


@dataclass(frozen=True)
class Host:
    """One host, by its name and its address."""

    name: str
    address: str
    namespace: str
    bridge: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, log: Path, **env: str) -> subprocess.Popen[bytes]:
        """A command on this host, until the network ends at most; its output goes to ``log``."""
        enter = ("ip", "netns", "exec", self.namespace, "unshare", "--uts", "sh", "-c", _ENTER, self.name)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*enter, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={**os.environ, **env},
            )
        self.processes.append(process)
        return process

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """No packet comes here or leaves. Neither end is told, as when a cable breaks further along."""
        _run("ip", "-n", self.bridge, "link", "set", self.name, "nomaster")
        try:
            yield
        finally:
            _run("ip", "-n", self.bridge, "link", "set", self.name, "master", "bridge")

    def answers(self) -> bool:
        """Whether packets come here and back: a connection is taken, or refused."""
        try:
            socket.create_connection((self.address, 9), timeout=0.5).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return True


def sweep() -> None:
    """Remove the networks of processes that were killed."""
    for name in namespaces():
        found = re.fullmatch(rf"{_PREFIX}(\d+)(-.+)?", name)
        if found and not Path("/proc", found[1]).exists():
            _remove(f"{_PREFIX}{found[1]}")


def _remove(network: str) -> None:
    """Kill what runs on the hosts of a network, and remove them and the bridge."""
    for name in namespaces():
        if name == network or name.startswith(f"{network}-"):
            deadline = time.monotonic() + 10
            while (pids := _run("ip", "netns", "pids", name).split()) and time.monotonic() < deadline:
                for pid in pids:
                    kill(int(pid))
                time.sleep(0.02)
            _run("ip", "netns", "delete", name)


def namespaces() -> list[str]:
    """The network namespaces of this machine that have a name."""
    return [line.split()[0] for line in _run("ip", "netns", "list").splitlines()]


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        raise HostsError(f"there is no program {command[0]!r}") from None
    if done.returncode:
        raise HostsError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
