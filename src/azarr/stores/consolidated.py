"""A store that knows the metadata documents under a prefix, and answers for them without asking.

What it knows is a copy, so it is given up before any document changes: the first change of a
document first makes the copy in the store go away (`forget`), then goes through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar

from azarr.errors import NotFoundError, ReadOnlyError, UsageError
from azarr.model import METADATA_KEY, document_keys, parse_consolidated_v2
from azarr.stores.base import AsyncStore, BlockingStore, Children, Ranges, Store
from azarr.stores.keys import check_prefix
from azarr.stores.make import make_store
from azarr.typing import Buffer, Generation

S = TypeVar("S", bound=Store)


class Known:
    """What is known of the documents under `prefix` ("" or "path/"); shared by all who hold it.

    Args:
        documents: key relative to the prefix -> text, of every document there is.
        names: what documents are called; others under the prefix are known to be missing.
        except_for: the key of a document that is not among them.
        refuses: True: documents cannot be changed through the store.
    """

    def __init__(
        self,
        prefix: str,
        documents: Mapping[str, bytes],
        names: tuple[str, ...],
        *,
        except_for: str | None = None,
        refuses: bool = False,
    ) -> None:
        self._documents: Mapping[str, bytes] | None = documents
        self._prefix = prefix
        self._endings = tuple(f"/{name}" for name in names)
        self._names = names
        self._except_for = except_for
        self._tree: dict[str, Children] | None = None
        self.refuses = refuses

    @property
    def is_valid(self) -> bool:
        """Whether it may still be used."""
        return self._documents is not None

    def is_document(self, key: str) -> bool:
        """Whether a key is that of a document under the prefix."""
        return (
            (key.endswith(self._endings) or key in self._names)
            and key.startswith(self._prefix)
            and key != self._except_for
        )

    def overlaps(self, prefix: str) -> bool:
        """Whether there can be documents under another prefix."""
        start = f"{prefix}/" if prefix else ""
        return start.startswith(self._prefix) or self._prefix.startswith(start)

    def get(self, key: str) -> tuple[bool, bytes | None]:
        """Whether it is known what a key holds, and what that is; None: it is missing."""
        documents = self._documents
        if documents is None or not self.is_document(key):
            return False, None
        return True, documents.get(key.removeprefix(self._prefix))

    def children(self, prefix: str) -> Children | None:
        """The documents and nodes directly under a prefix; None: it is not known."""
        documents, start = self._documents, f"{prefix}/" if prefix else ""
        if documents is None or not start.startswith(self._prefix):
            return None
        if self._tree is None:
            self._tree = _tree(documents)
        return self._tree.get(start.removeprefix(self._prefix).rstrip("/"), ([], []))

    def give_up(self) -> None:
        """Nothing is known from now on."""
        self._documents = self._tree = None


def _tree(keys: Iterable[str]) -> dict[str, Children]:
    """What is directly under each path, for all paths at once."""
    found: dict[str, tuple[set[str], set[str]]] = {"": (set(), set())}
    for key in keys:
        path, _, name = key.rpartition("/")
        found.setdefault(path, (set(), set()))[0].add(name)
        while path:
            parent, _, name = path.rpartition("/")
            names = found.setdefault(parent, (set(), set()))[1]
            if name in names:
                break
            names.add(name)
            path = parent
    return {path: (sorted(names), sorted(nodes)) for path, (names, nodes) in found.items()}


class _Knowing(Store, Generic[S]):
    """A store that says of itself what `store` says."""

    def __init__(self, store: S, known: Known, forget: Callable[[Any], Any]) -> None:
        self.store = store
        self._describe_as(store)
        self._known = known
        self._forget = forget
        self._answers = True

    @property
    def uncached(self) -> Self:
        """A twin that asks the store for everything."""
        twin = self._twin()
        twin._answers = False
        return twin

    def with_read_only(self, read_only: bool = True) -> Self:
        """A store of the same values that refuses writes, or allows them."""
        twin = self._twin()
        twin.store, twin.read_only = self.store.with_read_only(read_only), read_only
        return twin

    def _twin(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __repr__(self) -> str:
        return f"<consolidated {self.store!r}>"

    def __getattr__(self, name: str) -> Any:
        # A backend may have more to offer than the interface.
        if name.startswith("_") or name == "store":
            raise AttributeError(name)
        return getattr(self.store, name)

    def _is_change(self, key: str, prefix: bool = False) -> bool:
        """Whether a write changes what is known, so that it is to be forgotten first."""
        known = self._known
        if not known.is_valid or not (known.overlaps(key) if prefix else known.is_document(key)):
            return False
        if known.refuses:
            raise ReadOnlyError(
                f"{key!r} is metadata in {self!r}, which is read-only for metadata; open the "
                "hierarchy without consolidated metadata to change it"
            )
        return not self.read_only  # else the store itself refuses


class BlockingConsolidatedStore(_Knowing[BlockingStore], BlockingStore):
    """A blocking store with known documents; `forget(store)` deletes the copy they come from."""

    def _before(self, key: str, *, prefix: bool = False) -> None:
        if self._is_change(key, prefix):
            self._forget(self.store)
            self._known.give_up()

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`; of a document without a request."""
        if self._answers:
            is_known, text = self._known.get(key)
            if is_known:
                return default if text is None else text
        return self.store.get(key, default)

    def list_children(self, prefix: str = "") -> Children:
        """What is directly under `prefix`; where documents are known, only nodes, no request."""
        children = self._known.children(check_prefix(prefix)) if self._answers else None
        return self.store.list_children(prefix) if children is None else children

    def set(self, key: str, value: Buffer) -> None:
        """Put a whole value."""
        self._before(key)
        self.store.set(key, value)

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation`."""
        self._before(key)
        return self.store.set_if(key, value, generation)

    def delete(self, key: str) -> None:
        """Remove `key`."""
        self._before(key)
        self.store.delete(key)

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`."""
        self._before(key)
        self.store.delete_if(key, generation)

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/"."""
        self._before(prefix, prefix=True)
        self.store.delete_prefix(prefix)

    def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """Remove these keys."""
        for key in keys:
            self._before(key)
        self.store.delete_many(keys, first)

    def get_ranges_with_generation(
        self, key: str, ranges: Any, generation: Generation | None = None
    ) -> Ranges | None:
        """Byte ranges and the generation of the value they are of."""
        return self.store.get_ranges_with_generation(key, ranges, generation)

    def get_ranges(self, key: str, ranges: Any) -> Any:
        """Byte ranges of a value."""
        return self.store.get_ranges(key, ranges)

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation, as they are in the store."""
        return self.store.get_with_generation(key)

    def list(self, prefix: str = "") -> Any:
        """All keys under "prefix/"."""
        return self.store.list(prefix)

    def size(self, key: str) -> int | None:
        """The number of bytes of a value."""
        return self.store.size(key)

    def close(self) -> None:
        """Close the store."""
        self.store.close()


class ConsolidatedMetadataStore(BlockingConsolidatedStore):
    """A store whose Zarr v2 metadata is read from one key, and cannot be changed; data can.

    One request, when it is made. `azarr.open_consolidated` needs no store of this class.

    Args:
        store: a blocking store, a path or a mapping with consolidated metadata.
        metadata_key: the key that holds it.

    Raises:
        NotFoundError: there is no such key.
        MetadataError: it holds something else.
    """

    def __init__(self, store: Any, metadata_key: str = METADATA_KEY) -> None:
        made = make_store(store)
        if not isinstance(made, BlockingStore):
            raise UsageError(f"{made!r} is asynchronous; azarr.aio.open_consolidated takes it")
        text = made.get(metadata_key)
        if text is None:
            raise NotFoundError(f"no consolidated metadata: {made!r} has no key {metadata_key!r}")
        documents = parse_consolidated_v2(text, "", metadata_key)
        known = Known("", documents, document_keys(), refuses=True)
        super().__init__(made, known, lambda _: None)

    def __reduce__(self) -> Any:
        return _remake, (self.store, self._known, self.read_only)


def _remake(store: BlockingStore, known: Known, read_only: bool) -> ConsolidatedMetadataStore:
    made = object.__new__(ConsolidatedMetadataStore)
    BlockingConsolidatedStore.__init__(made, store, known, lambda _: None)
    made.read_only = read_only
    return made


class AsyncConsolidatedStore(_Knowing[AsyncStore], AsyncStore):
    """See `BlockingConsolidatedStore`; `forget(store)` is awaited."""

    _forget: Callable[[AsyncStore], Awaitable[None]]

    async def _before(self, key: str, *, prefix: bool = False) -> None:
        if self._is_change(key, prefix):
            await self._forget(self.store)
            self._known.give_up()

    async def get(self, key: str, default: Any = None) -> Buffer | Any:
        """See the blocking store."""
        if self._answers:
            is_known, text = self._known.get(key)
            if is_known:
                return default if text is None else text
        return await self.store.get(key, default)

    async def list_children(self, prefix: str = "") -> Children:
        """See the blocking store."""
        children = self._known.children(check_prefix(prefix)) if self._answers else None
        return await self.store.list_children(prefix) if children is None else children

    async def set(self, key: str, value: Buffer) -> None:
        """See the blocking store."""
        await self._before(key)
        await self.store.set(key, value)

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """See the blocking store."""
        await self._before(key)
        return await self.store.set_if(key, value, generation)

    async def delete(self, key: str) -> None:
        """See the blocking store."""
        await self._before(key)
        await self.store.delete(key)

    async def delete_if(self, key: str, generation: Generation | None) -> None:
        """See the blocking store."""
        await self._before(key)
        await self.store.delete_if(key, generation)

    async def delete_prefix(self, prefix: str) -> None:
        """See the blocking store."""
        await self._before(prefix, prefix=True)
        await self.store.delete_prefix(prefix)

    async def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """See the blocking store."""
        for key in keys:
            await self._before(key)
        await self.store.delete_many(keys, first)

    async def get_ranges_with_generation(
        self, key: str, ranges: Any, generation: Generation | None = None
    ) -> Ranges | None:
        """See the blocking store."""
        return await self.store.get_ranges_with_generation(key, ranges, generation)

    async def get_ranges(self, key: str, ranges: Any) -> Any:
        """See the blocking store."""
        return await self.store.get_ranges(key, ranges)

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """See the blocking store."""
        return await self.store.get_with_generation(key)

    def list(self, prefix: str = "") -> Any:
        """See the blocking store."""
        return self.store.list(prefix)

    async def size(self, key: str) -> int | None:
        """See the blocking store."""
        return await self.store.size(key)

    async def close(self) -> None:
        """See the blocking store."""
        await self.store.close()
