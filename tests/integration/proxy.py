"""An HTTP proxy in front of a store's server, which lets some writes fail and answers slowly."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import ClientSession, DummyCookieJar, web
from yarl import URL

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class Proxy:
    """Passes everything on to ``target``. failing: every how many writes one fails; delay: seconds before an answer."""

    target: str
    failing: int = 0
    delay: float = 0.0
    url: str = ""
    writes: int = 0
    failed: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request: the client's signature is over its Host header, so that is passed on too."""
        body = await request.read()
        await asyncio.sleep(self.delay)
        if request.method in ("PUT", "POST"):
            self.writes += 1
            if self.failing and self.writes % self.failing == 0:
                self.failed += 1
                if self.failed % 2 and request.transport is not None:
                    request.transport.abort()  # the connection breaks
                return web.Response(status=500, text="<Error><Code>InternalError</Code></Error>")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        url = URL(self.target + request.raw_path, encoded=True)
        async with self._session.request(
            request.method, url, headers=headers, data=io.BytesIO(body) if body else None, allow_redirects=False
        ) as answer:
            content = await answer.read()
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            if request.method == "HEAD":
                response = web.StreamResponse(status=answer.status, headers=passed)
                response.content_length = int(answer.headers.get("Content-Length", "0"))
                await response.prepare(request)
                return response
            return web.Response(status=answer.status, headers=passed, body=content)

    async def serve(self, ready: threading.Event, ended: asyncio.Event) -> None:
        """Serve until ``ended``."""
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{rest:.*}", self.handle)
        runner = web.AppRunner(application, auto_decompress=False)
        async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as self._session:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            self.url = f"http://{host}:{port}"
            ready.set()
            await ended.wait()
            await runner.cleanup()


@contextmanager
def proxied(proxy: Proxy) -> Iterator[Proxy]:
    """The proxy at work, in a thread of its own."""
    ready, loop, ended = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(proxy.serve(ready, ended),))
    thread.start()
    try:
        assert ready.wait(10)
        yield proxy
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
