"""A host for containers: podman in namespaces and folders of its own, which end with this process."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.processes import descendants, wait_for

_NAMESPACES = ("--mount", "--net", "--pid")
# Limits that every host allows, and none of systemd.
_CONTAINERS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
{runtime}
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{folder}/run/libpod"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""


class HostError(Exception):
    """A command on the host failed, or the host could not be made."""


class Host:
    """Runs commands where the containers are. ``stop`` ends them all and removes ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("run", "networks", "tmp"):
            (folder / name).mkdir()
        runtime = 'runtime = "runc"' if shutil.which("runc") else ""
        (folder / "containers.conf").write_text(_CONTAINERS.format(folder=folder, runtime=runtime))
        (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
        self._env = {
            **os.environ,
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "DISABLE_HC_SYSTEMD": "true",  # no timers for health checks: the tests run them
            "TMPDIR": str(folder / "tmp"),
        }
        script = Path(__file__).with_name("host.sh")
        self._first = subprocess.Popen(
            ["unshare", *_NAMESPACES, "--fork", "--mount-proc", "--kill-child", "sh", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._first.stdout is not None
        if self._first.stdout.readline() != "ready\n":
            _, error = self._first.communicate()
            raise HostError(error.strip())
        self._pid = descendants(self._first.pid)[0]

    def start(
        self, *command: str, cwd: Path | None = None, network: bool = False, **more: Any
    ) -> subprocess.Popen[str]:
        """A command on the host, with the machine's own network if ``network`` is true."""
        namespaces = [each for each in _NAMESPACES if not (network and each == "--net")]
        return subprocess.Popen(
            ["nsenter", f"--target={self._pid}", *namespaces, f"--wd={cwd or self.folder}", *command],
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._env,
            **more,
        )

    def run(
        self, *command: str, cwd: Path | None = None, network: bool = False, check: bool = True, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """A command on the host, to its end; raises HostError if it fails and ``check`` is true."""
        process = self.start(*command, cwd=cwd, network=network, **more)
        output, error = process.communicate()
        if check and process.returncode:
            raise HostError(f"{' '.join(command)}: exit code {process.returncode}\n{output[-2000:]}\n{error[-2000:]}")
        return subprocess.CompletedProcess(command, process.returncode, output, error)

    def podman(self, *arguments: str, **more: Any) -> str:
        """What podman prints."""
        return self.run("podman", *arguments, **more).stdout.strip()

    def stop(self) -> None:
        """Remove the containers and end everything on the host; raises AssertionError if something is left."""
        with suppress(HostError):
            self.podman("rm", "--all", "--force", "--depend", "--time=0")  # for their control groups
        lost = descendants(self._first.pid)
        self._first.communicate()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in lost), timeout=30)
        for group in Path("/sys/fs/cgroup").glob("**/libpod_parent"):
            for each in (group / "conmon", group):
                with suppress(OSError):  # in use by another podman
                    each.rmdir()
        shutil.rmtree(self.folder)
