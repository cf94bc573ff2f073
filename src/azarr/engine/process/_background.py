"""The event loop in a thread of its own, on which blocking calls use stores that are only async.

It is asyncio's own and not a portal of anyio: that one hops twice for each call, once to start it
and once for its result, which are 0.2 ms more beside 0.5 ms for a whole read of one chunk.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from socket import socketpair
from threading import Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from asyncio import AbstractEventLoop, Task
    from concurrent.futures import Future

    from anyio import Event

T = TypeVar("T")


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    """uvloop's where it is installed: a read of 1024 small chunks takes a tenth less."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None

    def new_loop() -> AbstractEventLoop:
        # Where no more files may be opened, asyncio raises an error, and uvloop ends the process.
        for end in (*socketpair(), *socketpair()):
            end.close()
        loop: AbstractEventLoop = new_event_loop()
        return loop

    return new_loop


class BackgroundLoop:
    """A running event loop, which any thread may give work to.

    Attributes:
        loop: the loop itself.
    """

    def __init__(self) -> None:
        import asyncio
        from concurrent.futures import Future

        started: Future[tuple[AbstractEventLoop, asyncio.Event]] = Future()

        async def serve() -> None:
            stop = asyncio.Event()
            started.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()

        def run() -> None:
            runner = asyncio.Runner(loop_factory=_loop_factory())
            try:
                runner.get_loop()
                runner.run(serve())
            except BaseException as error:  # too many open files
                if started.done():
                    raise
                started.set_exception(error)
            finally:
                # When the interpreter ends, Python 3.12 starts no thread any more to wait for the
                # loop's own worker threads. They have ended before.
                with suppress(RuntimeError):
                    runner.close()

        self._thread = Thread(target=run, name="azarr-loop", daemon=True)
        self._thread.start()
        self.loop, self._stop = started.result()

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the loop, in order, in the context of the caller."""
        context = copy_context()
        context.run(_be_in_asyncio)
        self.loop.call_soon_threadsafe(function, *args, context=context)

    def close(self) -> None:
        """Cancel what is under way, and end."""
        self.soon(self._stop.set)
        self._thread.join()


def _be_in_asyncio() -> None:
    """Whoever calls from a task of trio has a context that says so, to anyio too."""
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None:
        sniffio.current_async_library_cvar.set("asyncio")


class BackgroundCall(Generic[T]):
    """A coroutine under way on the background event loop: one hop for all that it does.

    Args:
        background: where.
        body: makes the coroutine.
    """

    def __init__(
        self, background: BackgroundLoop, body: Callable[[], Coroutine[Any, Any, T]]
    ) -> None:
        from concurrent.futures import Future

        self._background = background
        self._task: Task[T] | None = None
        self._stopped = False
        self._wake: Callable[[], object] | None = None
        self._outcome: Future[T] = Future()  # known when the task has ended, not when cancelled
        background.soon(self._begin, body)

    def _begin(self, body: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._task = self._background.loop.create_task(body())
        self._task.add_done_callback(self._end)

    def _end(self, task: Task[T]) -> None:
        self._task = None
        if task.cancelled():
            self._outcome.cancel()
            self._outcome.set_running_or_notify_cancel()
        elif (error := task.exception()) is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(task.result())
        if self._wake is not None:
            self._wake()

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def result(self) -> T:
        """Wait for the result. Ctrl-C cancels it and waits until it has ended."""
        try:
            return self._outcome.result()
        except BaseException:
            self.cancel()
            raise

    async def wait(self) -> T:
        """Wait for the result on another event loop. Being cancelled cancels it, as does Ctrl-C."""
        import anyio

        ended = anyio.Event()
        self._wake = setter(ended)
        if self._outcome.done():
            ended.set()
        try:
            await ended.wait()
        except BaseException:
            self.stop()
            with anyio.CancelScope(shield=True):
                await ended.wait()
            raise
        return self._outcome.result()

    def stop(self) -> None:
        """Let it end before its result. Cancelled again, it would break off its clean-up."""
        if not self._stopped and not self._outcome.done():
            self._stopped = True
            self._background.soon(self._cancel_task)

    def cancel(self) -> None:
        """Stop it, and wait until it has ended."""
        from concurrent.futures import wait

        self.stop()
        wait([self._outcome])


def setter(event: Event) -> Callable[[], object]:
    """Sets an event from any thread: the loops of asyncio and trio each have one safe way in.

    From the same asyncio loop it is set directly: the safe way costs a system call.
    """
    import anyio.lowlevel

    token: Any = anyio.lowlevel.current_token()
    loop: Any = getattr(token, "native_token", token)  # itself the native one before anyio 4.11
    enter = getattr(loop, "call_soon_threadsafe", None)
    if enter is None:
        return lambda: loop.run_sync_soon(event.set)
    from asyncio import _get_running_loop as running

    return lambda: event.set() if running() is loop else enter(event.set)
