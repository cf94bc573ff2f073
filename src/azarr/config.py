"""Configuration: one frozen `Config`, replaced as a whole and never mutated.

`get()` is what the rest of azarr reads. `set()` replaces the configuration of the process,
`using()` that of the current task or thread for the length of a `with` block.

Example:
    >>> import azarr
    >>> with azarr.config.using(zarr_format=2):
    ...     azarr.zeros(10).metadata.zarr_format
    2
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

from azarr.errors import UsageError
from azarr.typing import ZarrFormat


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What happens to a request of a remote store that fails but may succeed later.

    Waiting times are those of "full jitter": uniform between 0 and a cap that doubles each time
    (M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015).

    Attributes:
        attempts: how often a request is sent at most; 1: never again.
        base_seconds: the cap of the first waiting time.
        cap_seconds: the largest cap, and the longest that a store's own wish to wait is honoured.
        quick_seconds: the cap before these: of the first two times that a request fails in a way
            that says nothing about load (a reset, a 500), while few requests of the store fail.
        budget: retries per request that may be spent in the long run, so that a store that is down
            is not flooded; bursts of 100 are always allowed.
        hedge: send a second request for the same value when the answer takes longer than 95 % of
            the answers before it, for at most 5 % of the requests. It cuts the tail of the latency.
    """

    attempts: int = 6
    base_seconds: float = 0.05
    cap_seconds: float = 20.0
    quick_seconds: float = 0.005
    budget: float = 0.2
    hedge: bool = False

    def delay(self, retry: int, random: float, wish: float | None = None) -> float:
        """Seconds to wait before the nth retry, given a random number from 0 to 1."""
        if wish is not None:
            return min(wish, self.cap_seconds)
        return random * min(self.cap_seconds, self.base_seconds * 2.0 ** (retry - 1))


@dataclass(frozen=True, slots=True)
class Config:
    """Settings that are not properties of one array or store.

    Attributes:
        zarr_format: the format of new hierarchies when neither an argument nor a parent group says.
        write_empty_chunks: whether a chunk that holds nothing but the fill value is stored.
        requests: the most requests in flight for one store origin, in the whole process. Within it
            the number adapts to the store: fewer where it throttles or answers more slowly.
        bytes_in_flight: decoded bytes of the chunks that all operations on remote stores in the
            process may be working on at once; a larger chunk is worked on alone. Chunks of less
            than 64 KiB do not count: `requests` bounds them.
        cache_bytes: how many bytes of decoded chunks, shard indexes and metadata the process keeps
            in memory to read again from; 0: none. Only what comes from remote stores.
        cache_max_age: seconds for which what is kept is taken as it is; then, or at once where it
            is 0, the store is asked whether it has changed. None: forever.
        kept_result_bytes: how much memory of results that have been let go is kept for the next
            ones, of results of at least 32 MiB; 0: none. Linux only. The system takes it back when
            it needs memory.
        retry: what happens to a request that fails but may succeed later.
        threads: the most threads that one operation works with; None: one per core. Decoding and
            encoding never take more than one per core; reading or writing small files that each
            take more than 60 us of the file system does, where so many are asked for.
        threaded_chunk_bytes: chunks of at least this many decoded bytes are worth a thread.
            Decoding 64 KiB takes about the 50 us below which two threads only fight for the
            interpreter lock.
        inline_seconds: an awaited operation on what is in memory, a store or the pages of a file,
            that should take no longer than this runs on the event loop itself; a longer one in a
            worker thread.
        coalesce_gap: two byte ranges of a shard are read as one if at most this many bytes lie
            between them; None: 16 KiB on local disk (a `pread` costs 3 us, in which 16 KiB are
            copied), 1 MiB over a network (10 ms at 100 MB/s, a request costs more). A shard of at
            most as many decoded bytes is read whole, in one request, while its index is not known.
        coalesce_bytes: the longest range made of several; longer ones would arrive later than the
            same bytes in parallel. Also the most decoded bytes of all the shards that one read
            takes whole for their indexes.
        n5_pad_edges: write the blocks at the upper edges of an N5 array in full size, as
            zarr-python 2 and tensorstore do. The Java library and z5 cut them off, and so does
            azarr unless told otherwise. All of them read both.
        allow_pickle: open arrays whose elements are pickled. Reading them runs whatever code their
            writer put there.
        default_compressor: what compresses new arrays that say nothing of it: a numcodecs codec or
            its configuration; None: nothing; "default": blosc with lz4, and gzip in N5.
    """

    zarr_format: ZarrFormat = 3
    write_empty_chunks: bool = True
    requests: int = 1024
    bytes_in_flight: int = 512 * 1024 * 1024
    cache_bytes: int = 0
    cache_max_age: float | None = 0.0
    kept_result_bytes: int = 512 * 1024 * 1024
    retry: RetryPolicy = RetryPolicy()
    threads: int | None = None
    threaded_chunk_bytes: int = 128 * 1024
    inline_seconds: float = 0.001
    coalesce_gap: int | None = None
    coalesce_bytes: int = 16 * 1024 * 1024
    n5_pad_edges: bool = False
    allow_pickle: bool = False
    default_compressor: Any = "default"


class _Block:
    """What `using()` blocks have changed; everything else is as the process has it now."""

    __slots__ = ("_base", "_config", "changes")

    def __init__(self, changes: dict[str, Any]) -> None:
        self.changes = changes
        self._base = _process
        self._config = replace(_process, **changes)

    @property
    def config(self) -> Config:
        if self._base is not _process:
            self._base, self._config = _process, replace(_process, **self.changes)
        return self._config


_process = Config()
_local: ContextVar[_Block | None] = ContextVar("azarr_config", default=None)


def get() -> Config:
    """The configuration in force here: that of the innermost `using()`, else of the process."""
    block = _local.get()
    return _process if block is None else block.config


def set(*args: Mapping[str, Any], **changes: Any) -> None:
    """Replace settings for the whole process, e.g. `azarr.config.set(zarr_format=2)`.

    Inside a `using()` block, what that block has set stays in force until it is left.

    Args:
        args: nothing, or one dict of settings, as zarr-python 3 takes it.
        **changes: settings by name; see `Config`.

    Raises:
        UsageError: there is no such setting, or it cannot have this value.
    """
    global _process
    changes = {**_one_mapping(args), **changes}
    _check(changes)
    _process = replace(_process, **changes)


@contextmanager
def using(**changes: Any) -> Iterator[Config]:
    """Replace settings for the current task or thread, inside a `with` block."""
    _check(changes)
    outer = _local.get()
    token = _local.set(_Block(changes if outer is None else {**outer.changes, **changes}))
    try:
        yield get()
    finally:
        _local.reset(token)


def _one_mapping(args: tuple[Any, ...]) -> Mapping[str, Any]:
    if len(args) > 1 or not all(isinstance(each, Mapping) for each in args):
        given = ", ".join(map(repr, args))
        raise UsageError(f"config.set({given}): settings by name are needed, or one dict of them")
    return args[0] if args else {}


def _check(changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if name not in Config.__dataclass_fields__:
            here = _OTHER_NAMES.get(name)
            hint = f"it is {here!r} here" if here else f"the settings are {', '.join(_SETTINGS)}"
            raise UsageError(f"unknown setting {name!r}; {hint}")
        allowed = _ALLOWED.get(name)
        if allowed is not None and not allowed[0](value):
            raise UsageError(f"setting {name} is {value!r}; {allowed[1]} is needed")


_SETTINGS = sorted(Config.__dataclass_fields__)

# Names of zarr-python 3 -> the setting that does the same here.
_OTHER_NAMES = {
    "default_zarr_format": "zarr_format",
    "async.concurrency": "requests",
    "threading.max_workers": "threads",
    "array.write_empty_chunks": "write_empty_chunks",
}


def _number(least: int, kind: type = Integral) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if not isinstance(value, kind) or isinstance(value, bool):
            return False
        number: Any = value
        return bool(number >= least)

    return check


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


_BYTES = (_number(0), "a number of bytes, 0 or more,")
_BOOL = (lambda value: isinstance(value, bool), "True or False")
_ALLOWED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "zarr_format": (lambda value: value in (2, 3, "n5"), "2, 3 or 'n5'"),
    "requests": (_number(1), "an integer from 1 on"),
    "bytes_in_flight": _BYTES,
    "cache_bytes": _BYTES,
    "kept_result_bytes": _BYTES,
    "cache_max_age": (_or_none(_number(0, Real)), "a number of seconds, 0 or more, or None"),
    "retry": (lambda value: isinstance(value, RetryPolicy), "a RetryPolicy"),
    "threads": (_or_none(_number(1)), "an integer from 1 on, or None"),
    "threaded_chunk_bytes": _BYTES,
    "inline_seconds": (_number(0, Real), "a number of seconds, 0 or more,"),
    "coalesce_gap": (_or_none(_number(0)), "a number of bytes, 0 or more, or None"),
    "coalesce_bytes": _BYTES,
    **dict.fromkeys(("write_empty_chunks", "n5_pad_edges", "allow_pickle"), _BOOL),
}
