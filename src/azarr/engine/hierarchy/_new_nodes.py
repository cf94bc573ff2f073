"""The documents of new nodes: stored only where there is nothing, so that nobody's are lost.

Where others were faster, the nodes are looked at again. A store without generations cannot tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from azarr.engine.hierarchy._hierarchy import (
    DOCUMENT_BYTES,
    Metadata,
    computed,
    node_key,
    open_nodes,
    set_many,
)
from azarr.engine.hierarchy._node_documents import (
    POLL,
    Unchanged,
    get_many_with_generations,
    replace_value,
)
from azarr.engine.runtimes._runtime import CONFLICTS, Runtime
from azarr.errors import ConflictError
from azarr.model import as_root, attribute_key, node_documents
from azarr.typing import Generation, ZarrFormat

T = TypeVar("T")


class NewNodes:
    """Nodes that are created together, as far as they have been stored."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stored: dict[str, Generation | None] = {}
        self._attributes: set[str] = set()
        self._left: set[str] = set()
        self._attributes_left = Unchanged()

    @property
    def paths(self) -> set[str]:
        """Those of the nodes that have been stored."""
        return {key.rpartition("/")[0] for key in self._stored.keys() - self._attributes}

    async def look(
        self, paths: Iterable[str], zarr_format: ZarrFormat | None
    ) -> dict[str, Metadata | None]:
        """What is at several paths, in any format. One round trip."""
        self._left.clear()
        return await open_nodes(
            self._runtime, paths, zarr_format, all_formats=True, left=self._left
        )

    async def store(self, *levels: Mapping[str, Metadata]) -> None:
        """Store nodes, by path, one level after the other: parents before their children.

        One round trip a level. Attributes that have a document of their own go before their node:
        one that can be seen has its attributes, and not those that a failed deletion has left.

        Raises:
            ConflictError: somebody else has stored one of them. Those beside it have been stored.
        """
        if self._left:
            await self._clear(self._left.intersection(_attribute_keys(levels)))
        count = sum(map(len, levels))
        steps, attributes = await computed(self._runtime, count, _in_order, levels)
        self._attributes |= attributes
        for step in steps:
            await self._create_many(step)

    async def _create_many(self, values: Mapping[str, bytes]) -> None:
        runtime, conflicts = self._runtime, list[ConflictError]()

        async def work(steps: Iterator[tuple[str, bytes]]) -> None:
            for key, value in steps:
                try:
                    self._stored[key] = await replace_value(runtime, key, value, None)
                except ConflictError as error:  # what else is under way is still to be known
                    conflicts.append(error)

        new = [(key, value) for key, value in values.items() if key not in self._stored]
        await runtime.for_each(work, iter(new), len(new), DOCUMENT_BYTES)
        if conflicts:
            raise conflicts[0]

    async def _clear(self, keys: set[str]) -> None:
        """Delete attributes without a node, which a failed deletion has left.

        Raises:
            ConflictError: somebody may be about to store the node, so look again.
        """
        runtime = self._runtime
        if not runtime.store.conditional:
            await set_many(runtime, dict.fromkeys(keys))
            return
        found = await get_many_with_generations(runtime, keys)
        seen = {key: generation for key, (_, generation) in found.items() if generation is not None}
        if not self._attributes_left.for_long(seen) and seen:
            await runtime.sleep(POLL)
            raise ConflictError(f"somebody is about to create the node of {min(seen)!r}")
        await _delete_many_if(runtime, seen)

    async def take_back(self) -> None:
        """Delete the attributes of nodes that have not been stored: they are somebody else's."""
        own = self.paths
        alone = {
            key: generation
            for key, generation in self._stored.items()
            if key in self._attributes and key.rpartition("/")[0] not in own
        }
        await _delete_many_if(self._runtime, alone)
        for key in alone:
            del self._stored[key]


async def creating(runtime: Runtime, attempt: Callable[[NewNodes], Awaitable[T]]) -> T:
    """What an attempt to create nodes gives, once nobody came between its look and its storing.

    Raises:
        ConflictError: others did a thousand times.
    """
    new, conflicts = NewNodes(runtime), 0
    while True:
        try:
            return await attempt(new)
        except ConflictError:
            conflicts += 1
            await new.take_back()
            if conflicts > CONFLICTS:
                raise


def _attribute_keys(levels: Iterable[Mapping[str, Metadata]]) -> Iterator[str]:
    for level in levels:
        for path, node in level.items():
            yield node_key(path, attribute_key(node.zarr_format))


def _in_order(
    levels: Iterable[Mapping[str, Metadata]],
) -> tuple[list[dict[str, bytes]], set[str]]:
    """What is stored together, and which of it are attributes beside their node's document.

    Those go out together with the first nodes where these have none.
    """
    steps: list[dict[str, bytes]] = []
    attributes: dict[str, bytes] = {}
    together = False
    for level in filter(None, levels):
        documents: dict[str, bytes] = {}
        for path, node in level.items():
            (name, text), *beside = node_documents(node if path else as_root(node)).items()
            documents[node_key(path, name)] = text
            attributes |= {node_key(path, other): text for other, text in beside}
        together = together or not (steps or attributes)
        steps.append(documents)
    if together:
        steps[0] |= attributes
    else:
        steps.insert(0, attributes)
    return steps, set(attributes)


async def _delete_many_if(runtime: Runtime, generations: Mapping[str, Generation | None]) -> None:
    """Delete values that nobody has changed."""

    async def work(steps: Iterator[tuple[str, Generation]]) -> None:
        for key, generation in steps:
            with suppress(ConflictError):
                await runtime.delete_if(key, generation)

    steps = [item for item in generations.items() if item[1] is not None]
    await runtime.for_each(work, iter(steps), len(steps), DOCUMENT_BYTES)
