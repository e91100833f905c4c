"""The project's compose file, up and running on a host of its own."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

from core.run.run_store import RunStore
from core.run.store import Store
from tests.containers import pip_settings
from tests.containers.host import Host
from tests.processes import ROOT, wait_for
from tests.runs import save_set

WORKERS = ("advshard_worker_1", "advshard_worker_2")
REDIS, FLOWER = "advshard_redis_1", "advshard_flower_1"
IMAGE = "localhost/advshard:0.1.0"
# Long enough to break something in the middle of it.
_RUN = ("run", "--data", "/data/set.npz", "--limit", "400", "--no-early-stop", "--steps", "20")


class Fleet:
    """Redis, two workers and Flower, with a copy of the project's files, made as the compose file says."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.project = host.folder / "project"
        self._copy()
        self.passwords = {name: secrets.token_hex(24) for name in ("redis", "flower")}
        (self.project / "secrets").mkdir()
        for name, password in self.passwords.items():
            (self.project / "secrets" / f"{name}_password").write_text(password + "\n")
        data = host.folder / "data"
        data.mkdir()
        self._data = save_set(data / "set.npz", count=400, shape=(28, 28, 1), classes=10)

    def _copy(self) -> None:
        for name in ("core", "tasks", "orchestrator"):
            shutil.copytree(ROOT / name, self.project / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in (
            *("Dockerfile", ".dockerignore", "docker-compose.yml"),
            *("requirements-run.lock", "pyproject.toml", "README.md", "LICENSE"),
        ):
            shutil.copy(ROOT / name, self.project)

    def build(self) -> int:
        """Build the image, with the machine's network; its size in bytes."""
        settings = pip_settings.volumes(self.host.folder)
        arguments = [f"--podman-build-args={each}" for each in ("--network=host", *settings)]
        self.compose(*arguments, "build", "worker", network=True)
        return int(self.host.podman("image", "inspect", IMAGE, "--format", "{{.Size}}"))

    def up(self) -> None:
        """Start everything, and wait for it."""
        self.compose("up", "--detach", "--scale", "worker=2")
        for name in (REDIS, *WORKERS, FLOWER):
            self.wait_healthy(name)

    def wait_healthy(self, name: str) -> None:
        """Wait for a container's own health check."""
        wait_for(lambda: self.healthy(name), timeout=90, poll=1)

    def healthy(self, name: str) -> bool:
        """The container's health check, run once."""
        return self.host.run("podman", "healthcheck", "run", name, check=False).returncode == 0

    def compose(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """podman-compose in the project."""
        return self.host.run("podman-compose", "--in-pod=false", *arguments, cwd=self.project, **more)

    def job(self, *arguments: str, shards: int) -> subprocess.Popen[str]:
        """The orchestrator as a one-off, on a set of random images."""
        volume = f"{self._data}:/data/set.npz:ro"
        return self.host.start(
            *("podman-compose", "--in-pod=false", "--profile", "job", "run", "--rm", "-T", "-v", volume),
            *("orchestrator", *_RUN, "--shards", str(shards), *arguments),
            cwd=self.project,
        )

    def run_of(self, shards: int) -> RunStore:
        """The run with so many shards, as soon as it is planned."""
        folder = Path(self.host.podman("volume", "inspect", "advshard_store", "--format", "{{.Mountpoint}}"))

        def find() -> RunStore | None:
            runs = [run for run in Store(str(folder)).runs() if run.has_manifest()]
            return next((run for run in runs if run.manifest().shards == shards), None)

        found: RunStore = wait_for(find)
        return found

    def inspect(self, name: str) -> dict[str, Any]:
        """All that podman knows of a container."""
        found: list[dict[str, Any]] = json.loads(self.host.podman("inspect", name))
        return found[0]

    def inside(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in a running container."""
        return self.host.run("podman", "exec", name, *command, check=False)
