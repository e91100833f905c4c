"""The job on the fleet of the compose file: what it may, what it shows, what it survives, and how it stops."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from subprocess import Popen

import pytest

from core.run.layout import ATTACK_DATA
from core.run.run_store import RunStore
from core.run.work_unit import single
from tests.containers.fleet import FLOWER, IMAGE, REDIS, WORKERS, Fleet
from tests.containers.missing import missing
from tests.processes import processes, wait_for

if reason := missing():
    pytest.skip(f"the compose file isn't run: {reason}; run it with: make containers", allow_module_level=True)

EVERYTHING = (REDIS, *WORKERS, FLOWER)
_RIGHTS = """
id -u
grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs)' /proc/self/status
touch /tmp/here && echo '/tmp can be written'
for folder in / /etc /opt/venv; do touch $folder/here 2>/dev/null && echo "$folder can be written"; done
true
"""
_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 6379), 3)
    print("open")
except OSError as error:
    print(type(error).__name__)
"""
_ASK_REDIS = """
import redis
try:
    print(redis.Redis("redis").ping())
except redis.AuthenticationError:
    print("AuthenticationError")
"""
_ASK_FLOWER = """
import base64, sys, urllib.error, urllib.request
request = urllib.request.Request("http://127.0.0.1:5555/")
if len(sys.argv) > 1:
    token = base64.b64encode(f"advshard:{sys.argv[1]}".encode()).decode()
    request.add_header("Authorization", f"Basic {token}")
try:
    print(urllib.request.urlopen(request, timeout=5).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.fixture(scope="session")
def undisturbed(fleet: Fleet) -> RunStore:
    """A run to which nothing happened."""
    process = fleet.job(shards=8)
    output = assert_ends(process)
    run = fleet.run_of(8)
    assert f"/store/{run.manifest().run_id}" in output.splitlines()
    return run


def assert_ends(process: Popen[str]) -> str:
    output, error = process.communicate(timeout=180)
    assert process.returncode == 0, error
    return output


def assert_complete(run: RunStore) -> None:
    report = run.results.report()
    assert report is not None
    assert report.complete
    assert report.n_images == 400
    assert not [check for check in report.audit if not check.passed]
    assert not report.quarantined_shards


def test_the_job_ends_complete_and_both_workers_had_a_part(undisturbed: RunStore) -> None:
    assert_complete(undisturbed)
    assert len({record.worker for index in range(8) if (record := undisturbed.shards.record(single(index)))}) == 2


@pytest.mark.parametrize(("name", "user"), [(REDIS, "999"), (WORKERS[0], "10001"), (FLOWER, "10001")])
def test_a_service_has_no_rights(fleet: Fleet, name: str, user: str) -> None:
    assert_no_rights(fleet.inside(name, "sh", "-c", _RIGHTS).stdout, user)


def test_the_orchestrator_has_no_rights(fleet: Fleet) -> None:
    shell = ("run", "--rm", "-T", "--entrypoint", "sh", "orchestrator", "-c", _RIGHTS)
    assert_no_rights(fleet.compose("--profile", "job", *shell).stdout, "10001")


def assert_no_rights(output: str, user: str) -> None:
    none = "0000000000000000"
    expected = ["CapPrm:", none, "CapEff:", none, "CapBnd:", none, "NoNewPrivs:", "1"]
    assert output.partition("/tmp")[0].split() == [user, *expected]
    assert output.splitlines()[-1] == "/tmp can be written"


def test_redis_is_reached_from_its_network_alone(fleet: Fleet) -> None:
    networks = fleet.inspect(REDIS)["NetworkSettings"]["Networks"]
    address = networks["advshard_inside"]["IPAddress"]
    inside = fleet.inside(WORKERS[0], "python", "-c", _CONNECT, address)
    outside = fleet.host.podman(
        *("run", "--rm", "--network", "advshard_outside", "--entrypoint", "python", IMAGE, "-c", _CONNECT, address)
    )
    published = {name: fleet.inspect(name)["HostConfig"]["PortBindings"] or {} for name in EVERYTHING}
    assert list(networks) == ["advshard_inside"]
    assert inside.stdout.strip() == "open"
    assert outside == "TimeoutError"
    assert {name: ports for name, ports in published.items() if ports} == {
        FLOWER: {"5555/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5555"}]}
    }


def test_a_worker_has_no_way_out(fleet: Fleet) -> None:
    routes = fleet.inside(WORKERS[0], "cat", "/proc/net/route").stdout.splitlines()[1:]
    assert [line.split()[1] for line in routes if line.split()[1] == "00000000"] == []
    assert len(routes) == 1


def test_redis_asks_for_its_password(fleet: Fleet) -> None:
    assert fleet.inside(WORKERS[0], "python", "-c", _ASK_REDIS).stdout.strip() == "AuthenticationError"


@pytest.mark.parametrize(("password", "status"), [(None, "401"), ("redis", "401"), ("flower", "200")])
def test_flower_asks_for_its_password(fleet: Fleet, password: str | None, status: str) -> None:
    given = [fleet.passwords[password]] if password else []
    assert fleet.host.run("python3", "-c", _ASK_FLOWER, *given).stdout.strip() == status


def test_the_passwords_are_seen_nowhere(fleet: Fleet, undisturbed: RunStore) -> None:
    shown = {
        "podman inspect": json.dumps([fleet.inspect(name) for name in EVERYTHING]),
        "the process list": "\n".join(line for _, line in processes().values()),
        "the logs": "\n".join(each for name in EVERYTHING for each in logs(fleet, name)),
        "the store": "\n".join(path.read_text() for path in Path(undisturbed.url).rglob("*.json")),
    }
    assert "redis-server" in shown["the process list"]
    assert "Ready to accept connections" in shown["the logs"]
    for name, password in fleet.passwords.items():
        assert [where for where, text in shown.items() if password in text] == [], name


def logs(fleet: Fleet, name: str) -> tuple[str, str]:
    done = fleet.host.run("podman", "logs", name)
    return done.stdout, done.stderr


def test_a_worker_and_the_broker_killed_in_mid_run_do_no_harm(fleet: Fleet, undisturbed: RunStore) -> None:
    process = fleet.job(shards=24)
    run = fleet.run_of(24)
    wait_for(run.shards.finished_indices)
    fleet.host.podman("kill", WORKERS[0])  # stays down, as somebody wanted it
    broker = fleet.inspect(REDIS)["State"]["Pid"]
    assert len(run.shards.finished_indices()) < 24
    fleet.host.run("kill", "-KILL", str(broker))  # a crash: comes back
    assert_ends(process)
    assert fleet.inspect(WORKERS[0])["State"]["ExitCode"] == 128 + signal.SIGKILL
    assert fleet.inspect(REDIS)["State"]["Pid"] not in (0, broker)
    assert_complete(run)
    assert run.results.content(ATTACK_DATA) == undisturbed.results.content(ATTACK_DATA)
    fleet.host.podman("start", WORKERS[0])
    fleet.wait_healthy(WORKERS[0])


def test_a_worker_stops_by_itself_in_mid_run(fleet: Fleet, undisturbed: RunStore) -> None:
    process = fleet.job(shards=20)
    run = fleet.run_of(20)
    wait_for(run.shards.finished_indices)
    assert len(run.shards.finished_indices()) < 20
    fleet.compose("stop", "worker")  # the first one, with the grace period of the compose file
    assert_ends(process)
    assert fleet.inspect(WORKERS[0])["State"]["ExitCode"] == 0, "not SIGKILL"
    assert_complete(run)
    assert run.results.content(ATTACK_DATA) == undisturbed.results.content(ATTACK_DATA)
    fleet.host.podman("start", WORKERS[0])
    fleet.wait_healthy(WORKERS[0])


def test_a_worker_without_its_broker_is_not_healthy_until_it_is_back(fleet: Fleet) -> None:
    fleet.host.podman("stop", REDIS)
    assert not fleet.healthy(WORKERS[0])
    fleet.host.podman("start", REDIS)
    for name in (REDIS, *WORKERS):
        fleet.wait_healthy(name)


def test_the_fleet_stops_by_itself(fleet: Fleet) -> None:
    """The last test, as nothing runs after it. In the order of compose, what depends on Redis first."""
    # A worker whose connection was cut before may take longer than the grace period.
    for name in WORKERS:
        fleet.host.podman("restart", "--time=0", name)
        fleet.wait_healthy(name)
    fleet.host.podman("stop", "--time=30", *WORKERS, FLOWER)
    fleet.host.podman("stop", REDIS)
    codes = {name: fleet.inspect(name)["State"]["ExitCode"] for name in EVERYTHING}
    said = {name: "".join(logs(fleet, name))[-3000:] for name, code in codes.items() if code}
    assert codes == dict.fromkeys(EVERYTHING, 0), said
    assert "Redis is now ready to exit" in "".join(logs(fleet, REDIS))
