"""`LRUStoreCache`: the values that were used last, in memory, before a store that is slow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

from azarr.errors import UsageError
from azarr.stores._handles import Forking
from azarr.stores._values import cut_ranges
from azarr.stores.base import BlockingStore, Buffers, Children
from azarr.stores.keys import check_prefix
from azarr.stores.make import StoreLike, make_store
from azarr.typing import Buffer, ByteRange, Generation

T = TypeVar("T")


class LRUStoreCache(BlockingStore):
    """A store before another one that keeps values and listings in memory.

    A value is kept when it was read, and dropped when it is written or deleted through this store,
    which drops all listings too. Writes of others are not noticed: call `invalidate()`. Byte
    ranges are cut out of a value that is kept; others are read alone, and not kept. Conditional
    writes, and what they are based on, ask the other store.

    Args:
        store: the store, or what names one. It has to be a blocking one, or a mapping.
        max_size: the bytes of values to keep; the least recently used go first. None: no limit.

    Attributes:
        hits, misses: reads of whole values that were, and were not, answered from memory.

    Raises:
        UsageError: the store is an asynchronous one.

    Example:
        >>> cache = LRUStoreCache({"a": b"x"}, max_size=2**28)
        >>> cache["a"], cache["a"], cache.hits, cache.misses
        (b'x', b'x', 1, 1)
    """

    def __init__(self, store: StoreLike, max_size: int | None) -> None:
        made = make_store(store)
        if not isinstance(made, BlockingStore):
            raise UsageError(f"LRUStoreCache needs a blocking store or a mapping, not {made!r}")
        self.store = made
        self.max_size = max_size
        self._describe_as(made)
        self._memory = _Memory(max_size)

    @property
    def hits(self) -> int:
        """Reads of whole values that were answered from memory."""
        return self._memory.hits

    @property
    def misses(self) -> int:
        """Reads of whole values that the other store answered."""
        return self._memory.misses

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, from memory if it is there."""
        kept, writes = self._memory.find(key)
        if kept is not None:
            return kept
        found: Any = self.store.get(key)
        if found is None:
            return default
        # Another store's buffer may be a view of memory that changes.
        value = found if type(found) is bytes else bytes(found)
        self._memory.keep(key, value, writes)
        return value

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """These byte ranges of a value; None if `key` is missing."""
        value = self._memory.peek(key)
        if value is None:
            return self.store.get_ranges(key, ranges)
        return cut_ranges(value, ranges, key)

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation, from the other store."""
        return self.store.get_with_generation(key)

    def set(self, key: str, value: Buffer) -> None:
        """Put a value."""
        self._check_writable()
        self._changing(key, lambda: self.store.set(key, value))

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation` (None: is still missing)."""
        self._check_writable()
        return self._changing(key, lambda: self.store.set_if(key, value, generation))

    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine."""
        self._check_writable()
        self._changing(key, lambda: self.store.delete(key))

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`."""
        self._check_writable()
        self._changing(key, lambda: self.store.delete_if(key, generation))

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/"; "" is everything."""
        self._check_writable()
        self._changing(None, lambda: self.store.delete_prefix(prefix))

    def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """Remove these keys."""
        self._check_writable()
        self._changing(None, lambda: self.store.delete_many(keys, first))

    def _changing(self, key: str | None, change: Callable[[], T]) -> T:
        try:
            return change()
        finally:
            # Also after a failure, which may have changed something.
            self._memory.drop(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/", from memory if they were listed before."""
        check_prefix(prefix)
        return iter(self._listed(("keys", prefix), lambda: tuple(self.store.list(prefix))))

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes), from memory if listed before."""
        check_prefix(prefix)
        names, prefixes = self._listed(
            ("children", prefix), lambda: self.store.list_children(prefix)
        )
        return [*names], [*prefixes]

    def _listed(self, question: tuple[str, str], ask: Callable[[], T]) -> T:
        answer, writes = self._memory.listed(question)
        if answer is None:
            answer = ask()
            self._memory.keep_listing(question, answer, writes)
        return cast(T, answer)

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing."""
        value = self._memory.peek(key)
        return self.store.size(key) if value is None else len(value)

    def invalidate(self) -> None:
        """Forget everything."""
        self._memory.drop(None)

    def invalidate_values(self) -> None:
        """Forget the values."""
        self._memory.drop(None, listings=False)

    def invalidate_keys(self) -> None:
        """Forget the listings."""
        self._memory.drop("")

    @property
    def uncached(self) -> Any:
        """The other store."""
        return self.store.with_read_only(self.read_only).uncached

    def close(self) -> None:
        """Close the other store, and forget everything."""
        self.invalidate()
        self.store.close()

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"read_only": self.read_only, "retry": self.retry}
        return type(self), (self.store, self.max_size), state


class _Memory(Forking):
    """What is kept. Whoever is about to ask the store first takes the number of writes until then:
    an answer is kept only if there were no more meanwhile, so it cannot be an old one."""

    def __init__(self, max_size: int | None) -> None:
        super().__init__()
        self.max_size = max_size
        self.hits = self.misses = 0
        self._nbytes = self._writes = 0
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._listings: dict[tuple[str, str], Any] = {}

    def find(self, key: str) -> tuple[bytes | None, int]:
        """A value that is kept, and the number of writes."""
        with self.lock:
            value = self._values.get(key)
            if value is None:
                self.misses += 1
            else:
                self.hits += 1
                self._values.move_to_end(key)
            return value, self._writes

    def peek(self, key: str) -> bytes | None:
        """A value that is kept, without counting."""
        with self.lock:
            return self._values.get(key)

    def keep(self, key: str, value: bytes, writes: int) -> None:
        """Keep a value unless it is too large, or may be an old one."""
        with self.lock:
            fits = self.max_size is None or len(value) <= self.max_size
            if not fits or writes != self._writes or key in self._values:
                return
            self._values[key] = value
            self._nbytes += len(value)
            while self.max_size is not None and self._nbytes > self.max_size:
                self._nbytes -= len(self._values.popitem(last=False)[1])

    def listed(self, question: tuple[str, str]) -> tuple[Any, int]:
        """An answer that is kept, and the number of writes."""
        with self.lock:
            return self._listings.get(question), self._writes

    def keep_listing(self, question: tuple[str, str], answer: Any, writes: int) -> None:
        """Keep an answer unless it may be an old one."""
        with self.lock:
            if writes == self._writes:
                self._listings[question] = answer

    def drop(self, key: str | None, *, listings: bool = True) -> None:
        """Forget a value, None: all of them; and the listings."""
        with self.lock:
            self._writes += 1
            if listings:
                self._listings.clear()
            if key is None:
                self._values.clear()
                self._nbytes = 0
            else:
                self._nbytes -= len(self._values.pop(key, b""))
