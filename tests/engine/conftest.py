"""The runtimes: one scenario, written once, carried out in every way azarr can be called.

A scenario is a coroutine function over an `Api`. The blocking one never suspends, so it can be
driven without an event loop; the awaited one runs on each loop.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import anyio
import pytest

import azarr
import azarr.aio
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import LatencyStore

LATENCY = 0.001


class BlockingApi:
    """The blocking names in awaitable form; nothing here ever suspends."""

    async def create(self, store: Any, **kwargs: Any) -> Any:
        return azarr.create_array(store, **kwargs)

    async def group(self, store: Any, **kwargs: Any) -> Any:
        return azarr.create_group(store, **kwargs)

    async def open(self, store: Any, **kwargs: Any) -> Any:
        return azarr.open(store, **kwargs)

    async def get(self, array: Any, selection: Any = ...) -> Any:
        return array[selection]

    async def set(self, array: Any, selection: Any, value: Any) -> None:
        array[selection] = value

    async def update_attributes(self, node: Any, **changes: Any) -> None:
        node.attrs.update(changes)

    async def keys(self, group: Any) -> list[str]:
        return list(group)

    async def delete(self, group: Any, name: str) -> None:
        del group[name]


class AwaitedApi:
    """The awaitable names."""

    async def create(self, store: Any, **kwargs: Any) -> Any:
        return await azarr.aio.create_array(store, **kwargs)

    async def group(self, store: Any, **kwargs: Any) -> Any:
        return await azarr.aio.create_group(store, **kwargs)

    async def open(self, store: Any, **kwargs: Any) -> Any:
        return await azarr.aio.open(store, **kwargs)

    async def get(self, array: Any, selection: Any = ...) -> Any:
        return await array.getitem(selection)

    async def set(self, array: Any, selection: Any, value: Any) -> None:
        await array.setitem(selection, value)

    async def update_attributes(self, node: Any, **changes: Any) -> None:
        await node.attrs.update(changes)

    async def keys(self, group: Any) -> list[str]:
        return await group.keys()

    async def delete(self, group: Any, name: str) -> None:
        await group.delitem(name)


Scenario = Callable[..., Coroutine[Any, Any, Any]]
Run = Callable[..., Any]


class MakeStore(Protocol):
    """Makes a store, a new one or one that shares its values with the last."""

    kind: str

    def __call__(self) -> Any: ...


def _driven(scenario: Scenario, *args: Any) -> Any:
    try:
        scenario(BlockingApi(), *args).send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the blocking facade suspended")


def _in_pool(scenario: Scenario, *args: Any) -> Any:
    with azarr.config.using(threads=2, threaded_chunk_bytes=1):
        return _driven(scenario, *args)


def _awaited(backend: str, **options: Any) -> Run:
    def run(scenario: Scenario, *args: Any) -> Any:
        return anyio.run(scenario, AwaitedApi(), *args, backend=backend, backend_options=options)

    return run


def _inside_loop(backend: str) -> Run:
    def run(scenario: Scenario, *args: Any) -> Any:
        async def main() -> Any:
            return _driven(scenario, *args)

        return anyio.run(main, backend=backend)

    return run


def _awaited_after_blocking(scenario: Scenario, *args: Any) -> Any:
    """Both facades in one program: what one leaves behind must not disturb the other."""
    _driven(scenario, *args)
    return _awaited("asyncio")(scenario, *args)


RUNTIMES: dict[str, Run] = {
    "blocking inline": _driven,
    "blocking pool": _in_pool,
    "blocking inside asyncio": _inside_loop("asyncio"),
    "blocking inside trio": _inside_loop("trio"),
    "asyncio": _awaited("asyncio", use_uvloop=False),
    "trio": _awaited("trio"),
    "blocking, then asyncio": _awaited_after_blocking,
}
try:
    import uvloop  # noqa: F401 - where there is none, there is one runtime less
except ImportError:
    pass
else:
    RUNTIMES["uvloop"] = _awaited("asyncio", use_uvloop=True)

STORES = ("memory", "local", "dict", "async latency")


@pytest.fixture(params=list(RUNTIMES))
def runtime(request: pytest.FixtureRequest) -> Run:
    """`runtime(scenario, *args)` runs a scenario in one of the ways azarr can be called."""
    return RUNTIMES[request.param]


@pytest.fixture(params=STORES)
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """`make_store()` makes a new object over the same values each time, of one kind of store."""
    memory, values, kind = MemoryStore(), {}, request.param

    class Make:
        def __call__(self) -> Any:
            match self.kind:
                case "memory":
                    return memory
                case "local":
                    return LocalStore(tmp_path / "store")
                case "dict":
                    return values
            return LatencyStore(memory, LATENCY)

    Make.kind = kind
    with nullcontext():
        yield Make()


@pytest.fixture
def driven() -> Run:
    """Runs a scenario with the blocking facade, in this thread."""
    return _driven
