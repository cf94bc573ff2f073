"""A running server: `S3Server` in a thread of this process, `in_process` in one of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

from benchmarks.s3_server._conditions import Conditions
from benchmarks.s3_server._http import Connection, Service
from benchmarks.s3_server._log import Log
from benchmarks.s3_server._objects import Objects

ROOT = Path(__file__).resolve().parents[2]


async def serve(service: Service, port: int = 0) -> asyncio.Server:
    """Listen on loopback; port 0 is any free one."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(service), "127.0.0.1", port, backlog=1024)


class S3Server:
    """A server in a thread; a context manager.

    Attributes:
        url: its endpoint.
        conditions: may be replaced at any time.
        log: what it was asked.
        objects: what it holds.
    """

    def __init__(self, conditions: Conditions | None = None, seed: int = 0) -> None:
        self._service = Service(conditions or Conditions(), seed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self.url = ""

    @property
    def conditions(self) -> Conditions:
        return self._service.conditions

    @conditions.setter
    def conditions(self, conditions: Conditions) -> None:
        self._service.conditions = conditions

    @property
    def log(self) -> Log:
        return self._service.log

    @property
    def objects(self) -> Objects:
        return self._service.objects

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        server = await serve(self._service)
        self.url = "http://{}:{}".format(*server.sockets[0].getsockname()[:2])
        self._started.set()
        await self._stopped.wait()
        # Of a server that is closed, asyncio (3.11) leaves open what is just being accepted.
        with suppress(NotImplementedError):  # on Windows
            for listening in server.sockets:
                self._loop.remove_reader(listening)
        for _ in range(5):  # turns: one that is being accepted is there after three
            for connection in list(self._service.connections):
                connection.transport.abort()
            await asyncio.sleep(0)
        server.close()

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)


class RemoteServer:
    """A server in another process, asked about itself over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _ask(self, method: str, name: str, body: bytes | None = None) -> dict[str, Any]:
        request = Request(f"{self.url}/-/{name}", body, method=method)
        with urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def log(self) -> dict[str, Any]:
        """What it was asked since the last `clear`."""
        return self._ask("GET", "log")

    def clear(self) -> None:
        """Forget what was asked."""
        self._ask("POST", "clear", b"")

    def copy(self, source: str, bucket: str) -> None:
        """Let a bucket hold what another one holds; no request is counted."""
        self._ask("PUT", "copy", json.dumps({"source": source, "bucket": bucket}).encode())

    def set(self, conditions: Conditions) -> None:
        """Replace the conditions."""
        self._ask("PUT", "conditions", json.dumps(asdict(conditions), default=sorted).encode())


@contextmanager
def in_process(conditions: Conditions | None = None) -> Iterator[RemoteServer]:
    """A server in a process of its own, so that it takes no time from its client's interpreter."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.s3_server", "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        server = RemoteServer(process.stdout.readline().strip())
        server.set(conditions or Conditions())
        yield server
    finally:
        process.stdin.close()  # it ends by itself, also when this process is killed
        process.wait(10)
        process.stdout.close()
