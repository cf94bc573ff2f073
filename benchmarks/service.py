"""A load test of docs/examples/region_server.py: 500 requests at once, on loopback.

`python -m benchmarks.service [--server uvicorn|hypercorn-trio] [--requests 500]`

The store answers after 50 ms. Shown: how long requests took, how many were in flight at the store,
how much a client that reads slowly disturbs the others, and how long the service's event loop was
held at most by one step of a task, which is what azarr is responsible for. How late a task that
sleeps 1 ms is woken says more of the server: 500 connections at once are 500 steps in a row.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from benchmarks._remote_contenders import Azarr, Layout
from benchmarks.s3_server import Conditions, in_process

ROOT = Path(__file__).resolve().parents[1]
LATENCY = 0.05
HELD = 0.01
VALUES = np.arange(1600 * 1600, dtype="u2").reshape(1600, 1600)


def example() -> Any:
    """The module of the example."""
    path = ROOT / "docs" / "examples" / "region_server.py"
    spec = importlib.util.spec_from_file_location("region_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def application(url: str, limit: int) -> Any:
    """The example's application, which also says how late its event loop was."""
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    import azarr

    azarr.config.set(requests=limit)
    app = example().make_app(Azarr(url, "obstore").store("bucket"))
    lags: list[float] = []
    steps = Steps()

    async def watch() -> None:
        while True:
            start = time.perf_counter()
            await anyio.sleep(0.001)
            lags.append(time.perf_counter() - start - 0.001)

    async def lag(request: Any) -> Any:
        found = sorted(lags)
        lags.clear()
        longest = max(steps.seconds, default=0.0)
        more = sum(each > HELD for each in steps.seconds)
        steps.seconds.clear()
        late = {"late": found[-1], "late99": found[int(len(found) * 0.99)]}
        return JSONResponse({**late, "longest": longest, "more": more})

    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        steps.watch()
        async with inner(app), anyio.create_task_group() as group:
            group.start_soon(watch)
            yield
            group.cancel_scope.cancel()

    app.router.lifespan_context = lifespan
    app.router.routes.append(Route("/lag", lag))
    return app


class Steps:
    """How long each step of a task held the event loop, in asyncio and in trio.

    In time of its thread: what the machine gives to other processes meanwhile is nobody's step.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._begun = 0.0

    def watch(self) -> None:
        """Begin, in a running event loop."""
        import sniffio

        if sniffio.current_async_library() == "trio":
            import trio

            trio.lowlevel.add_instrument(self)  # type: ignore[arg-type]
            return
        run = asyncio.Handle._run  # type: ignore[attr-defined]

        def timed(handle: Any) -> None:
            start = time.thread_time()
            run(handle)
            self.seconds.append(time.thread_time() - start)

        asyncio.Handle._run = timed  # type: ignore[attr-defined]

    def before_task_step(self, task: Any) -> None:
        self._begun = time.thread_time()

    def after_task_step(self, task: Any) -> None:
        self.seconds.append(time.thread_time() - self._begun)


def serve(server: str, url: str, port: int, limit: int) -> None:
    app = application(url, limit)
    if server == "uvicorn":
        import uvicorn

        # asyncio accepts as many connections as the backlog has, in one step of its loop.
        uvicorn.run(app, port=port, log_level="warning", backlog=100, loop="asyncio")
        return
    import trio
    from hypercorn.config import Config
    from hypercorn.trio import serve as serve_trio

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "WARNING"
    trio.run(serve_trio, app, config)


@contextmanager
def service(server: str, url: str, limit: int) -> Iterator[int]:
    """The service in a process of its own; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.service", "--serve", url]
    command += ["--port", str(port), "--server", server, "--limit", str(limit)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def ask(port: int, path: str, pause: float = 0.0) -> tuple[float, bytes]:
    """The seconds a request took, and its body; with a pause after each 64 KiB, a slow client."""
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65536)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    parts = []
    while part := await reader.read(65536):
        parts.append(part)
        if pause:
            await asyncio.sleep(pause)
    writer.close()
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0] + b" ":
        raise RuntimeError(head.decode())
    if b"chunked" in head.lower():
        raise RuntimeError("the service does not say how long its answer is")
    return time.perf_counter() - start, body


async def burst(port: int, count: int) -> list[float]:
    """So many requests at once, each of a region of one to four chunks; answers are checked."""

    async def one(i: int) -> float:
        row, column = i * 37 % 1500, i * 91 % 1500
        region = np.s_[row : row + 60, column : column + 40]
        path = f"/region?0={row}:{row + 60}&1={column}:{column + 40}"
        seconds, body = await ask(port, path)
        if body != VALUES[region].tobytes():
            raise RuntimeError("the region is not the data")
        return seconds

    return sorted(await asyncio.gather(*(one(i) for i in range(count))))


def _show(name: str, seconds: list[float]) -> None:
    middle, late = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
    print(
        f"{name}: median {middle:.3f} s, 99 % within {late:.3f} s, all within {seconds[-1]:.3f} s"
    )


async def load(port: int, count: int) -> None:
    await burst(port, 20)
    await ask(port, "/lag")
    _show(f"{count} requests at once", await burst(port, count))
    lag = json.loads((await ask(port, "/lag"))[1])
    longest, late, most = (f"{lag[name] * 1000:.1f}" for name in ("longest", "late99", "late"))
    print(f"event loop held for {longest} ms by one step at most, {lag['more']} times over 10 ms;")
    print(f"  a task that sleeps 1 ms is woken {late} ms late in 99 % of cases, {most} ms at most")
    slow = [asyncio.create_task(ask(port, "/region", 0.05)) for _ in range(3)]
    await asyncio.sleep(0.5)
    _show(f"{count} beside three slow clients", await burst(port, count))
    for seconds, body in await asyncio.gather(*slow):
        assert body == VALUES.tobytes()
        print(f"  a slow client took {seconds:.1f} s")
    found = json.loads((await ask(port, "/stats"))[1])
    print("  ", *found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", choices=["uvicorn", "hypercorn-trio"], default="uvicorn")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--limit", type=int, default=64, help="requests in flight at the store")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.server, given.serve, given.port, given.limit)
        return
    with in_process() as store:
        Azarr(store.url, "obstore").create("bucket", Layout()).write(..., VALUES)
        store.set(Conditions(latency=LATENCY))
        with service(given.server, store.url, given.limit) as port:
            store.clear()
            asyncio.run(asyncio.wait_for(load(port, given.requests), 120))
        most = store.log()["most_in_flight"]
        print(f"at most {most} requests in flight at the store, of {given.limit} allowed")


if __name__ == "__main__":
    main()
