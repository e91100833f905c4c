"""A broker behind TLS whose user has no more rights than it needs: everything works, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from orchestrator.broker.flower import free_port
from tests.integration.test_flower import ask, flower_at
from tests.integration.tls import ACL, Authority, TlsBroker, tls_broker
from tests.processes import ROOT, command, only_run, started, wait_for

PASSWORD = "p:a/s@s-w%rd-of-the-broker"  # noqa: S105
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates need the program openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[TlsBroker]:
    with tls_broker(tmp_path_factory.mktemp("broker"), authority, PASSWORD) as broker:
        yield broker


def secret_file(folder: Path, password: str = PASSWORD) -> str:
    path = folder / "password"
    path.write_text(password + "\n")
    return str(path)


def test_all_that_a_run_needs_works_through_tls(tmp_path: Path, broker: TlsBroker, authority: Authority) -> None:
    environment = {
        "ADVSHARD_BROKER_URL": broker.url(authority.ca),
        "ADVSHARD_BROKER_PASSWORD_FILE": secret_file(tmp_path),
        "ADVSHARD_STORE": str(tmp_path / "runs"),
    }
    why = "from orchestrator.broker.connection import use_broker; from core.runtime.settings import settings; "
    why += "from orchestrator.broker.dispatch import CeleryDispatcher; use_broker(settings().broker()); "
    why += "print(CeleryDispatcher(None, None).why_idle())"

    def said() -> str:
        done = subprocess.run(
            [sys.executable, "-c", why], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert "no worker is on this broker" in said()
    with (
        started("worker", "--concurrency", "1", **environment),
        # Flower counts the queue's messages with the certificates of the system.
        started("flower", "--port", str(free_port()), **environment, SSL_CERT_FILE=str(authority.ca)) as flower,
    ):
        url, password = flower_at(flower)
        # What Flower has of a worker is from its events, so it will have those of the run.
        wait_for(lambda: any((ask(f"{url}/api/workers?status=1", password) or {}).values()), timeout=60)
        wait_for(lambda: ask(f"{url}/api/workers?refresh=1", password), timeout=60)
        assert ask(f"{url}/api/queues/length", password)["active_queues"]
        assert "1 workers are on this broker" in said()
        done = command("run", "--limit", "400", "--shards", "40", "--flower", **environment)
        assert done.returncode == 0, done.stderr
        run = only_run(tmp_path / "runs")
        assert run.results.report().complete  # type: ignore[union-attr]
        (row,) = wait_for(lambda: ask(f"{url}/api/tasks?taskname=run", password), timeout=60).values()
        assert row["uuid"] == run.manifest().run_id
        wait_for(lambda: len(ask(f"{url}/api/tasks?taskname=tasks.shard", password)) == 40, timeout=60)
        doctor = command("doctor", **environment)
        assert doctor.returncode == 0, doctor.stdout
        assert "workers: celery@" in doctor.stdout
    with broker.client("observer") as client:
        refused = [entry["object"] for entry in client.acl_log() if entry["username"] == "celery"]
    assert refused == []
    assert PASSWORD not in done.stderr + doctor.stdout + doctor.stderr


@pytest.mark.parametrize(
    ("what", "fault", "said"),
    [
        ("run", "wrong authority", "certificate verify failed"),
        ("run", "no authority", "certificate verify failed"),
        ("run", "wrong password", "invalid username-password pair"),
        ("run", "user without rights", "no permissions"),
        ("run", "no tls", "a broker that answers"),
        ("worker", "wrong authority", "certificate verify failed"),
        ("worker", "wrong password", "invalid username-password pair"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, broker: TlsBroker, authority: Authority, what: str, fault: str, said: str
) -> None:
    url, password = broker.url(authority.ca), PASSWORD
    if fault == "wrong authority":
        url = broker.url(Authority.create(tmp_path / "other").ca)
    elif fault == "no authority":
        url = url.partition("&")[0]
    elif fault == "wrong password":
        password = "another-secret"  # noqa: S105
    elif fault == "user without rights":
        url = broker.url(authority.ca, "nobody")
    else:
        url = url.replace("rediss", "redis").partition("?")[0]
    arguments = ["--store", str(tmp_path / "runs")] if what == "run" else []
    done = command(
        what,
        *arguments,
        ADVSHARD_BROKER_URL=url,
        ADVSHARD_BROKER_PASSWORD_FILE=secret_file(tmp_path, password),
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert said in line
    assert "correct --broker" in line
    assert password not in done.stderr + done.stdout
    assert "%40" not in line  # nor as it stands in a URL
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("words", ["FLUSHALL", "CONFIG GET *", "SHUTDOWN", "ACL LIST"])
def test_the_user_cannot_harm_the_server(broker: TlsBroker, words: str) -> None:
    with broker.client("celery") as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*words.split())
    with broker.client("observer") as client:
        client.acl_log_reset()


def test_the_documents_have_this_line() -> None:
    assert ACL.replace("{password}", "PASSWORD") in (ROOT / "docs" / "fleet.md").read_text()
