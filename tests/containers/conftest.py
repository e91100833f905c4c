from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.fleet import IMAGE, Fleet
from tests.containers.host import Host, HostError
from tests.containers.stand_in import base_images, provide

_BUILT = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the tests ran on."""
    if _BUILT in config.stash:
        terminalreporter.write_line(config.stash[_BUILT])


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """A host for containers; not in /tmp, which may be too small for images."""
    folder = Path(tempfile.mkdtemp(prefix="advshard-containers-", dir="/var/tmp"))
    try:
        host = Host(folder)
    except HostError as error:
        shutil.rmtree(folder)
        pytest.skip(f"no namespaces here: {error}")
    yield host
    host.stop()


@pytest.fixture(scope="session")
def fleet(host: Host, pytestconfig: pytest.Config) -> Fleet:
    """The compose file's services, from base images, a build and a start of our own."""
    try:
        bases = provide(host, base_images())
    except HostError as error:
        pytest.skip(f"no base images: {error}")
    fleet = Fleet(host)
    size = fleet.build()
    base = int(host.podman("image", "inspect", base_images()[0], "--format", "{{.Size}}"))
    pytestconfig.stash[_BUILT] = (
        f"base images: {bases}; {IMAGE}: {size / 1e9:.2f} GB, of which the base is {base / 1e9:.2f} GB"
    )
    fleet.up()
    return fleet
