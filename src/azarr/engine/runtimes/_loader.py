"""Values that are kept, or loaded and then kept: not asked for again, and asked for once by many.

Whoever needs a value that is not kept loads it alone, and the others wait for it. What has to be
checked costs a request without a body; what has changed, one more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from time import monotonic
from typing import Any, TypeAlias

from azarr import config
from azarr.engine.process._cache import MISSING, Cache, Place
from azarr.engine.process._observers import Request
from azarr.engine.process._process import process
from azarr.engine.runtimes._runtime import Runtime
from azarr.stores import absolute
from azarr.typing import Buffer, Generation

Loaded: TypeAlias = tuple[Generation, Mapping[Hashable, tuple[Any, int]]]
Load: TypeAlias = Callable[[], Awaitable[Loaded]]


class Loader:
    """Values of one store, kept or loaded."""

    def __init__(self, runtime: Runtime) -> None:
        settings = config.get()
        self.runtime = runtime
        self.origin = runtime.store.origin
        self.conditional = runtime.store.conditional
        self.max_age = settings.cache_max_age
        self.cache: Cache = process().cache

    def place(self, key: str) -> Place:
        """Where a value of the store lies."""
        return absolute(self.origin, key)

    async def get(self, key: str, parts: Sequence[Hashable], load: Load, kind: str) -> list[Any]:
        """The parts of a value, None for those that are missing."""
        place, asked = self.place(key), monotonic()
        found = self.cache.find(place, parts, asked, self.max_age)
        if found is None:
            async with self.runtime.lock(repr(parts), "cache://" + "/".join(place)):
                # Whoever held the lock before has asked the store after we began to wait.
                found = self.cache.find(place, parts, asked, self.max_age)
                in_vain = found is None and self.cache.was_not_kept(place, parts, asked)
                if found is None and not in_vain:
                    found = await self._checked(key, parts)
                    if found is None:
                        return await self._loaded(place, parts, load)
            if found is None:  # all who have waited load it now, at the same time
                return await self._loaded(place, parts, load)
        process().origin(self.origin).counts.cache_hits += 1
        for observer in process().observers:
            observer.cached(Request(kind, self.runtime.store, key))
        return found

    async def _checked(self, key: str, parts: Sequence[Hashable]) -> list[Any] | None:
        """What is kept, after asking the store whether it has changed."""
        place = self.place(key)
        seen = self.cache.seen(place)
        if seen is None or not self.conditional:
            return None
        found = self.cache.parts(place, seen.generation, parts)
        if found is None:
            return None
        process().origin(self.origin).counts.cache_checks += 1
        token = self.cache.begin(place)
        try:
            now = await self.runtime.get_ranges_with_generation(key, [])
            if (MISSING if now is None else now[1]) != seen.generation:
                self.cache.forget(place)
                return None
            self.cache.put(place, token, seen.generation, {})
            return found
        finally:
            self.cache.end(place, token)

    async def _loaded(self, place: Place, parts: Sequence[Hashable], load: Load) -> list[Any]:
        process().origin(self.origin).counts.cache_misses += 1
        token = self.cache.begin(place)
        try:
            generation, values = await load()
            self.cache.put(place, token, generation, values)
        except Exception:
            self.cache.note_not_kept(place, parts)
            raise
        finally:
            self.cache.end(place, token)
        if self.cache.parts(place, generation, parts) is None:
            self.cache.note_not_kept(place, parts)
        return [values[part][0] if part in values else None for part in parts]


async def cached_document(runtime: Runtime, key: str) -> Buffer | None:
    """A small value, kept as it is. Only by age: to ask whether it has changed is to read it."""

    async def load() -> Loaded:
        data = await runtime.get(key)
        if data is None:
            return MISSING, {}
        return object(), {None: (bytes(data), len(data))}

    loader = Loader(runtime)
    loader.conditional = False
    (found,) = await loader.get(key, [None], load, "get")
    return found  # type: ignore[no-any-return]
