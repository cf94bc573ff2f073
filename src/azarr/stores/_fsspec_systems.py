"""File systems of fsspec: one per process, or per event loop, for all stores with equal options."""

from __future__ import annotations

import inspect
import os
import select
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from azarr.stores._handles import Forking

CONNECTIONS = 512
"""botocore would open 10 connections. How many requests there are at once is azarr's decision."""


class FileSystem(Forking):
    """Where a file system is: of one process, and of one event loop if it is asynchronous.

    `current()` gives it. File systems of the same class and options are shared by all stores. The
    session of an asynchronous one is closed when its event loop shuts down.
    """

    def __init__(self, make: Callable[[bool], Any], native: bool) -> None:
        super().__init__()
        self._make = make
        self._native = native
        self._process: tuple[int, Any] | None = None
        self._by_loop: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()

    def after_fork(self) -> None:
        """Give the event loops of the parent an epoll of their own in this process.

        Theirs is shared with the parent, which would be deaf to the connections that end here.
        """
        super().after_fork()
        for loop in list(self._by_loop):
            shared = getattr(getattr(loop, "_selector", None), "_selector", None)
            if hasattr(select, "epoll") and isinstance(shared, select.epoll):
                with select.epoll() as own:
                    os.dup2(own.fileno(), shared.fileno(), inheritable=False)

    async def current(self) -> Any:
        """The file system to ask here and now."""
        if not self._native:
            return self.of_process()
        import asyncio

        loop = asyncio.get_running_loop()
        held = self._by_loop.get(loop)
        if held is None:
            for closed in [each for each in self._by_loop if each.is_closed()]:
                del self._by_loop[closed]
            fs = self._make(True)
            keeper = _kept_open(fs)
            held = self._by_loop[loop] = fs, keeper
            await anext(keeper)
        return held[0]

    def of_process(self) -> Any:
        """The file system for blocking calls in this process."""
        if self._process is None or self._process[0] != os.getpid():
            self._process = os.getpid(), self._make(False)
        return self._process[1]


async def _kept_open(fs: Any) -> AsyncIterator[None]:
    # An event loop closes the asynchronous generators that are still open when it shuts down. It is
    # the one moment at which its sessions have to be closed, and the last one at which they can be.
    try:
        yield
    finally:
        session = getattr(fs, "_s3", None) or getattr(fs, "_session", None)
        if session is not None:
            await session.close()


# By a hash of class and options. Never emptied: a process uses few different ones.
_shared: dict[str, FileSystem] = {}


def shared_file_system(
    kind: type, arguments: tuple[Any, ...], options: Mapping[str, Any], native: bool
) -> FileSystem:
    """The file system of a class with these arguments; no I/O."""
    from fsspec.utils import tokenize

    options = {**options, "skip_instance_cache": True}
    for name in ("asynchronous", "loop"):
        options.pop(name, None)
    is_s3 = any(each.__module__.startswith("s3fs.") for each in kind.__mro__)
    if is_s3:
        options = _without_retries(options)
    token = tokenize(kind.__module__, kind.__qualname__, arguments, options, native)
    found = _shared.get(token)
    if found is None:

        def make(asynchronous: bool) -> Any:
            further: dict[str, Any] = {"asynchronous": True} if asynchronous else {}
            if is_s3 and not arguments and _only_names(kind, options):
                further["session"] = _session()
            return kind(*arguments, **options, **further)

        found = _shared[token] = FileSystem(make, native)
    return found


def _without_retries(options: dict[str, Any]) -> dict[str, Any]:
    """s3fs options: one attempt, enough connections, checksums only where S3 insists on them."""
    from botocore.config import Config

    wanted = {
        "retries": {"total_max_attempts": 1},
        "max_pool_connections": CONNECTIONS,
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    known = {name: value for name, value in wanted.items() if name in Config.OPTION_DEFAULTS}
    return {**options, "config_kwargs": {**known, **(options.get("config_kwargs") or {})}}


def _only_names(kind: Any, options: Mapping[str, Any]) -> bool:
    """Whether s3fs would make a session without arguments, of its own."""
    names = inspect.signature(kind.__init__).parameters.keys() | {"skip_instance_cache"}
    return "session" not in options and options.keys() <= names


_loader: Any = None


def _session() -> Any:
    """A session of botocore. All of them share what was read from botocore's files: the description
    of S3, which takes 50 ms and some megabytes each time."""
    global _loader
    from aiobotocore.session import AioSession

    session = AioSession()
    if _loader is None:
        _loader = session.get_component("data_loader")
    else:
        session.register_component("data_loader", _loader)
    return session


@cache
def has_conditional_writes() -> bool:
    """Whether this botocore can send conditional writes: those since the end of 2024 can."""
    from botocore.model import ServiceModel

    loader = _session().get_component("data_loader")
    model = ServiceModel(loader.load_service_model("s3", "service-2"), "s3")
    return "IfMatch" in model.operation_model("PutObject").input_shape.members
