"""A broker behind TLS with users and their rights: Valkey, and a TLS terminator in front of it.

The packaged Valkey is built without TLS. What a client meets is the same: a handshake, the server's
certificate, and Redis's protocol inside.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from orchestrator.broker.valkey_server import server_program
from tests.processes import kill, wait_for

# The line of docs/fleet.md, with a password.
_KEYS = "~advshard-* ~_kombu.* ~unacked* ~*.celery.pidbox* ~celeryev*"
ACL = f"user celery on >{{password}} {_KEYS} &* +@all -@dangerous -@admin +info"
_CONFIG = """\
port 0
unixsocket {folder}/v.sock
dir {folder}
save ""
user default off
{acl}
user nobody on >{password} ~* &* -@all
user observer on >{password} ~* &* +@all
"""


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and a certificate of its for 127.0.0.1."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """Made by the openssl program."""
        folder.mkdir()
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        for command in (
            ["req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority"],
            ["req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1"],
            ["x509", "-req", "-in", "server.csr", *signer, "-days", "2", "-extfile", "names", "-out", "server.pem"],
        ):
            subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
        return cls(folder)

    @property
    def ca(self) -> Path:
        """The authority's own certificate."""
        return self.folder / "ca.pem"


@dataclass(frozen=True)
class TlsBroker:
    """A broker that is reached through TLS alone, and by its users alone."""

    port: int
    socket: Path
    password: str

    def url(self, ca: Path, user: str = "celery") -> str:
        """The broker URL, without the password."""
        return f"rediss://{user}@127.0.0.1:{self.port}/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={ca}"

    def client(self, user: str) -> redis.Redis:
        """A connection beside TLS."""
        return redis.Redis(unix_socket_path=str(self.socket), username=user, password=self.password)


@contextmanager
def tls_broker(folder: Path, authority: Authority, password: str) -> Iterator[TlsBroker]:
    """Valkey on a Unix socket, and the terminator on a port."""
    config = folder / "valkey.conf"
    config.write_text(_CONFIG.format(folder=folder, acl=ACL.format(password=password), password=password))
    with (folder / "valkey.log").open("wb") as log:
        process = subprocess.Popen([server_program(), str(config)], stdout=log, stderr=log)
    try:
        wait_for((folder / "v.sock").exists, timeout=10)
        with _terminator(authority, folder / "v.sock") as port:
            yield TlsBroker(port, folder / "v.sock", password)
    finally:
        kill(process.pid)
        process.wait()


@contextmanager
def _terminator(authority: Authority, backend: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / "server.pem", authority.folder / "server.key")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while content := await reader.read(1 << 16):
                writer.write(content)
                await writer.drain()
        except OSError:
            pass  # one side is gone, so the other may go too
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(backend)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    loop = asyncio.new_event_loop()
    # A client that refuses the certificate is what these tests are about: no report of it.
    loop.set_exception_handler(lambda loop, context: None)
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
