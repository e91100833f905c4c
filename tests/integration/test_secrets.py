"""Passwords stay where they were put: not in a process list, a file of the run, a log, or what is printed."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import redis

from orchestrator.broker.valkey_server import server_program
from tests.integration.test_flower import flower_at
from tests.processes import command, descendants, kill, only_run, processes, started, wait_for
from tests.runs import save_set

PASSWORD = "p:a/s@s-w%rd of the broker"  # noqa: S105
FLOWER = "password-for-the-page"


def mentions(text: str, secret: str) -> bool:
    """Whether a text has the secret, as it is or as it stands in a URL."""
    return secret in text or quote(secret, safe="") in text


def files_with(folder: Path, secret: str) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if mentions(path.read_bytes().decode(errors="replace"), secret)]


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Every command line that is seen on this machine meanwhile."""
    seen: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            seen.update(line for _, line in processes().values())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def test_the_embedded_broker_s_and_flower_s_own_passwords(tmp_path: Path) -> None:
    data = save_set(tmp_path / "set.npz", 400, (28, 28, 1), 10)
    store, cache = tmp_path / "runs", tmp_path / "cache"
    run = ("run", "--data", str(data), "--shards", "40", "--workers", "1", "--store", str(store), "--flower")
    with command_lines() as seen, started(*run, ADVSHARD_CACHE=str(cache)) as process:
        _, flower = flower_at(process)

        def worker() -> int | None:
            living = processes()
            mine = (pid for pid in descendants(process.pid) if "worker-1@" in living.get(pid, (0, ""))[1])
            return next(mine, None)

        environment = Path(f"/proc/{wait_for(worker)}/environ").read_text().split("\0")
        url = next(each for each in environment if each.startswith("ADVSHARD_BROKER_URL=")).partition("=")[2]
        found = re.fullmatch(r"redis\+socket://:(\S+)@(/\S+)/v\.sock\?virtual_host=0", url)
        assert found, url
        folder = Path(found[2])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "valkey.conf").stat().st_mode & 0o777 == 0o600
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert any("valkey-server" in line for line in seen)
    assert any("flower" in line for line in seen)
    for secret in (found[1], flower):
        assert [line for line in seen if mentions(line, secret)] == []
        assert files_with(store, secret) == []
        assert files_with(cache, secret) == []
        assert not mentions(out + err, secret)  # Flower's was said once, in the line that was read above


@contextmanager
def broker(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Valkey on a port of this machine, with a password."""
    config = folder / "valkey.conf"
    config.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass "{PASSWORD}"\ndir {folder}\nappendonly yes\nsave ""\n')
    process = subprocess.Popen([server_program(), str(config)], stdout=subprocess.DEVNULL)

    def answers() -> bool:
        try:
            with redis.Redis(port=port, password=PASSWORD) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    try:
        wait_for(answers, timeout=20)
        yield process
    finally:
        kill(process.pid)
        process.wait()


def test_the_password_of_a_broker_comes_from_a_file_and_goes_nowhere_else(tmp_path: Path, fashion_mnist: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for name, content in (("password", PASSWORD), ("wrong", PASSWORD[::-1]), ("flower", FLOWER)):
        (tmp_path / name).write_text(content + "\n")
    store, cache = tmp_path / "runs", tmp_path / "cache"
    environment = {
        "ADVSHARD_BROKER_URL": f"redis://127.0.0.1:{port}/0",
        "ADVSHARD_BROKER_PASSWORD_FILE": str(tmp_path / "password"),
        "ADVSHARD_FLOWER_PASSWORD_FILE": str(tmp_path / "flower"),
        "ADVSHARD_STORE": str(store),
        "ADVSHARD_CACHE": str(cache),
        "ADVSHARD_FASHION_MNIST": str(fashion_mnist),  # the doctor loads it
    }
    data = save_set(tmp_path / "set.npz", 1500, (28, 28, 1), 10)
    folder = tmp_path / "broker"
    folder.mkdir()
    with (
        command_lines() as seen,
        broker(folder, port) as server,
        started("worker", "--concurrency", "1", **environment) as worker,
        started("run", "--data", str(data), "--shards", "60", "--flower", **environment) as process,
    ):
        run = only_run(store)
        wait_for(lambda: len(run.shards.finished_indices()) >= 3)
        kill(server.pid)
        server.wait()
        unreachable = command("doctor", **environment)
        with broker(folder, port):
            refused = command("doctor", **{**environment, "ADVSHARD_BROKER_PASSWORD_FILE": str(tmp_path / "wrong")})
            out, err = process.communicate(timeout=200)
            assert process.returncode == 0, err
            kill(worker.pid, signal.SIGTERM)
            worker_out, worker_err = worker.communicate(timeout=60)
    assert "a broker that answers at redis://:**@127.0.0.1" in unreachable.stdout
    assert "invalid username-password pair" in refused.stdout
    assert "Connection to broker lost" in worker_out + worker_err
    assert urlsplit(environment["ADVSHARD_BROKER_URL"]).netloc in worker_out + worker_err  # it says where, without it
    printed = [out, err, worker_out, worker_err]
    printed += [each for done in (unreachable, refused) for each in (done.stdout, done.stderr)]
    assert "user advshard, password as given" in err
    for secret in (PASSWORD, PASSWORD[::-1], FLOWER):
        assert [line for line in seen if mentions(line, secret)] == []
        assert files_with(store, secret) == []
        assert files_with(cache, secret) == []
        assert not any(mentions(text, secret) for text in printed)
