"""The base images of Dockerfile and compose file: pulled, or made of Debian packages where no registry can be reached.

The stand-in is one image for both names: Debian's Python and Redis on a minimal Debian 12. Its versions are Debian's
(Python 3.11, Redis 7.0), and it has no more of the real images than what the project uses of them: ``python`` with
``venv``, ``redis-server``, ``redis-cli``, and ``/data``, which belongs to the user 999.
"""

from __future__ import annotations

import re
import shutil

from tests.containers.host import Host, HostError
from tests.processes import ROOT

_PACKAGES = "ca-certificates,python3,python3-venv,redis-server,redis-tools"
_REDIS_USER = 999


def base_images() -> list[str]:
    """The images that aren't built here, as the project's files name them."""
    text = (ROOT / "Dockerfile").read_text() + (ROOT / "docker-compose.yml").read_text()
    names = set(re.findall(r"(?:^FROM|^ +image:) +(\S+)", text, re.MULTILINE))
    return sorted(name for name in names if not name.startswith("advshard:"))


def provide(host: Host, images: list[str]) -> str:
    """Pull the images, or make the stand-in; in a few words, which of them. Raises HostError."""
    try:
        for each in images:
            host.podman("pull", each, network=True)
    except HostError as error:
        if not shutil.which("debootstrap"):
            raise HostError(f"no registry can be reached, and debootstrap isn't installed: {error}") from None
        _make(host, images)
        return "Debian stand-in"
    return "pulled"


def _make(host: Host, images: list[str]) -> None:
    root = host.folder / "stand-in"
    host.run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root), network=True)
    (root / "usr/bin/python").symlink_to("python3")
    (root / "data").mkdir()
    shutil.chown(root / "data", _REDIS_USER, _REDIS_USER)
    for file in (*root.glob("var/cache/apt/archives/*.deb"), *root.glob("var/lib/apt/lists/*Packages")):
        file.unlink()
    archive = host.folder / "stand-in.tar"
    host.run("tar", "-C", str(root), "--one-file-system", "-cf", str(archive), ".")
    host.podman("import", str(archive), images[0])
    for each in images[1:]:
        host.podman("tag", images[0], each)
    archive.unlink()
    shutil.rmtree(root)
