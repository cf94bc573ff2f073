"""What the process keeps of remote stores: decoded chunks, what is in shards, documents. No I/O.

Off unless `config.cache_bytes` says otherwise. Everything kept belongs to a place, the same for all
stores that the value can be reached by, and to the generation of the value there. A place is *seen*
with a generation at a time; what is kept of another generation is not found any more, and falls out
by age. A local write forgets the place, also for those who are loading it at that moment.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, Final, TypeAlias

from azarr import config
from azarr.engine.process._lru import LruCache
from azarr.typing import Generation

Place: TypeAlias = tuple[str, str]
"""Where a value lies; see `azarr.stores.absolute`."""

MISSING: Final = "missing"
"""The generation of a key that the store said does not exist."""

NOT_KEPT = 1000
"""Loads in vain that are remembered, for those who wait for them now."""

ENTRY_BYTES = 300
"""What an entry takes beside its value."""


@dataclass(slots=True)
class Seen:
    """What is known of a place.

    Attributes:
        generation: of its value; an object of its own where the store has no generations.
        checked: when the store said so.
    """

    generation: Generation
    checked: float


class Cache:
    """Values by place, generation and part of the value. Safe from several threads."""

    def __init__(self) -> None:
        self._kept = LruCache(0)
        self._loading: dict[Place, set[object]] = {}
        self._not_kept: dict[Hashable, float] = {}

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self._kept.nbytes

    def find(
        self, place: Place, parts: Iterable[Hashable], asked: float, max_age: float | None
    ) -> list[Any] | None:
        """The parts, if all are kept and need no check by somebody who asked at a time."""
        seen = self.seen(place)
        if seen is None:
            return None
        age = asked - seen.checked
        if age > 0 and max_age is not None and age > max_age:
            return None
        return self.parts(place, seen.generation, parts)

    def seen(self, place: Place) -> Seen | None:
        """What is known of a place."""
        found: Seen | None = self._kept.get(place)
        return found

    def parts(
        self, place: Place, generation: Generation, parts: Iterable[Hashable]
    ) -> list[Any] | None:
        """The parts of one generation, if all of them are kept."""
        values = []
        for part in parts:
            held = None if generation == MISSING else self._kept.get((place, generation, part))
            if held is None and generation != MISSING:
                return None
            values.append(None if held is None else held[0])
        return values

    def begin(self, place: Place) -> object:
        """Somebody begins to load a place; the token is for `put`."""
        token = object()
        self._loading.setdefault(place, set()).add(token)
        return token

    def end(self, place: Place, token: object) -> None:
        """They are done."""
        loading = self._loading.get(place)
        if loading is not None:
            loading.discard(token)
            if not loading:
                self._loading.pop(place, None)

    def put(
        self,
        place: Place,
        token: object,
        generation: Generation,
        parts: Mapping[Hashable, tuple[Any, int]],
    ) -> None:
        """Keep parts with their sizes, unless the place was written since `begin`."""
        if token not in self._loading.get(place, ()):
            return
        kept = self._kept
        kept.limit = config.get().cache_bytes
        kept.put(place, Seen(generation, monotonic()), ENTRY_BYTES)
        for part, (value, nbytes) in parts.items():
            kept.put((place, generation, part), (value,), nbytes + ENTRY_BYTES)

    def forget(self, place: Place) -> None:
        """The value has changed or is about to."""
        self._loading.pop(place, None)
        self._kept.drop(place)

    def forget_under(self, place: Place) -> None:
        """The same for everything under a place."""
        where, prefix = place
        start = f"{prefix.rstrip('/')}/" if prefix else ""
        names: list[Any] = [*self._kept.names(), *self._loading]
        for name in names:
            if len(name) == 2 and name[0] == where and name[1].startswith(start):
                self.forget(name)

    def was_not_kept(self, place: Place, parts: Iterable[Hashable], asked: float) -> bool:
        """Whether somebody has loaded these parts since a time, in vain for the others."""
        return self._not_kept.get((place, *parts), -inf) >= asked

    def note_not_kept(self, place: Place, parts: Sequence[Hashable]) -> None:
        """Somebody has loaded these parts, and what came was no value, or was not kept."""
        self._not_kept[(place, *parts)] = monotonic()
        while len(self._not_kept) > NOT_KEPT:
            self._not_kept.pop(next(iter(self._not_kept)), None)


class Changing:
    """A local write, in whose block and after which nothing older of a place is kept."""

    __slots__ = ("_cache", "_place")

    def __init__(self, cache: Cache, place: Place) -> None:
        self._cache = cache
        self._place = place

    def __enter__(self) -> None:
        self._cache.forget(self._place)

    def __exit__(self, *exc: object) -> None:
        self._cache.forget(self._place)
