"""What changes an array as a whole, and what tells how much of it is stored, in both facades."""

from __future__ import annotations

from typing import Any

from azarr.engine import ArrayState, run, run_async
from azarr.model import ArrayMetadata
from azarr.nodes._facade import ArrayFacade
from azarr.nodes._report import Items, Report, array_items
from azarr.nodes.operations import _change as operations
from azarr.nodes.operations._node import reload
from azarr.typing import Shape


class ArrayChanges(ArrayFacade):
    """Resizing, appending, checksums and diagnostics; every call blocks until it is done."""

    def _reloaded(self) -> ArrayState:
        if not self._held.is_view:
            self._adopt(run(reload(self._held)))
        return self._held

    def resize(self, *args: Any) -> None:
        """Change the length of one or more dimensions: `resize(20, 10)`, `resize((20, None))`.

        Data are not rearranged. Chunks that lie outside of a smaller shape are deleted, and in
        chunks that its edge cuts, what is outside becomes the fill value; only then the metadata is
        changed. So growing again shows the fill value, never what was there before. If it is
        interrupted, the array keeps its shape, and what was to go may be gone.

        Requests: two to four for the metadata; one per chunk outside, or where these are more than
        1000 a listing and one per stored chunk outside; two per stored chunk that is cut.

        Args:
            args: a length per dimension, or one sequence of them; None keeps a length.

        Raises:
            ReadOnlyError: the array is read-only, or a view.
            UsageError: not one non-negative length per dimension.

        Example:
            >>> import azarr
            >>> array = azarr.zeros((100, 100), chunks=(10, 10))
            >>> array.resize(200, 50)
            >>> array.shape
            (200, 50)
        """
        self._adopt(run(operations.resize(self._state, args)))

    def append(self, data: Any, axis: int = 0, *, sole_writer: bool = False) -> Shape:
        """Make the array longer along an axis by `data`, and return the new shape.

        The data are written first, then the metadata: nobody sees an array that is longer than its
        data. Threads and tasks that append to one array wait for each other. Processes do so if
        they use the same `ProcessSynchronizer`; without one, where the store has generations
        (LocalStore, object stores), an append claims the array, and others wait for it. Where there
        is neither, only one process at a time may append.

        Round trips: three between processes (the claim, the chunks, the metadata), one more where
        the metadata, or chunks at the old end, are not known from an append or a change of this
        process before. With a synchronizer three; with `sole_writer` two, and for chunks at the old
        end that are not known, as without it. Requests: one per chunk and those for the metadata.
        Between processes, chunks of nothing but the fill value are stored too.

        Args:
            data: values of the array's shape, except along `axis`.
            axis: the dimension that becomes longer.
            sole_writer: a promise that no other process appends to the array, resizes or replaces
                it from when this one has opened it until the append is done. Where that is wrong,
                what others have appended is not overwritten, but data may appear in elements that
                others have added with `resize`. For stores with generations; elsewhere it changes
                nothing.

        Raises:
            ShapeMismatchError: the data do not fit; nothing has been written.
            ReadOnlyError: the array is read-only, or a view.
            ConflictError: other processes were faster many times in a row. Nothing was appended.

        Example:
            >>> import azarr, numpy as np
            >>> array = azarr.array(np.zeros((2, 3)))
            >>> array.append(np.ones((4, 3)))
            (6, 3)
        """
        self._adopt(run(operations.append_data(self._state, data, axis, sole_writer)))
        return self._held.metadata.shape

    @property
    def fill_value(self) -> Any:
        """What elements hold that were never written; None: undefined, read as zeros.

        Setting it changes the metadata in the store: chunks that are not stored read as the new
        value.
        """
        return self._state.metadata.fill_value

    @fill_value.setter
    def fill_value(self, value: Any) -> None:
        self._adopt(run(operations.set_fill_value(self._state, value)))

    @property
    def nbytes_stored(self) -> int:
        """Bytes of all stored values of the array: chunks, metadata and attributes.

        Requests: a listing, and one per stored value.
        """
        return run(operations.stored_size(self._state))

    @property
    def nchunks_initialized(self) -> int:
        """The number of chunks that are stored; in a stored shard all of them count. A listing."""
        return run(operations.stored_count(self._state))

    @property
    def initialized(self) -> int:
        """The same as `nchunks_initialized`."""
        return self.nchunks_initialized

    @property
    def info(self) -> Report:
        """A report on the array, to be printed or shown in a notebook; see `info_items`.

        Example:
            >>> import azarr
            >>> azarr.zeros(100, chunks=10, dtype="i4", zarr_format=2).info
            Type               : azarr.Array
            Data type          : int32
            Shape              : (100,)
            Chunk shape        : (10,)
            Order              : C
            Read-only          : False
            Compressor         : Blosc(cname='lz4', clevel=5, shuffle=SHUFFLE, blocksize=0)
            Store type         : azarr.storage.MemoryStore
            No. bytes          : 400
            No. bytes stored   : 312
            Storage ratio      : 1.3
            Chunks initialized : 0/10
        """
        return Report(tuple(self.info_items()))

    def info_items(self) -> Items:
        """The rows of `info`: names and values. Requests: those of `nbytes_stored`."""
        return array_items(self, *run(operations.stored(self._state)))

    def digest(self, hashname: str = "sha1") -> bytes:
        """A checksum of what is stored: chunks in C order, then metadata, then attributes.

        Equal data that are compressed differently have different checksums. One request per chunk
        of the grid, stored or not; at most 64 MiB of decoded chunks at a time.

        Args:
            hashname: a name that `hashlib.new` knows.
        """
        return run(operations.checksum(self._state, hashname))

    def hexdigest(self, hashname: str = "sha1") -> str:
        """`digest` as hexadecimal digits.

        Example:
            >>> import azarr
            >>> azarr.zeros((10000, 10000), chunks=(1000, 1000), zarr_format=2).hexdigest()
            '7162d416d26a68063b66ed1f30e0a866e4abed60'
        """
        return self.digest(hashname).hex()


class AsyncArrayChanges(ArrayFacade):
    """The same to be awaited; what is a property there and needs requests is a method here."""

    async def _current(self) -> ArrayState:
        """The state to work on, read again where metadata is not cached."""
        held = self._held
        if not held.cache_metadata and not held.is_view:
            await self.refresh()
        return self._held

    async def refresh(self) -> None:
        """Read the metadata from the store again. One round trip."""
        metadata = await run_async(reload(self._held))
        assert isinstance(metadata, ArrayMetadata)
        self._adopt(metadata)

    async def resize(self, *args: Any) -> None:
        """Await `Array.resize`."""
        self._adopt(await run_async(operations.resize(await self._current(), args)))

    async def append(self, data: Any, axis: int = 0, *, sole_writer: bool = False) -> Shape:
        """Await `Array.append`."""
        state = await self._current()
        self._adopt(await run_async(operations.append_data(state, data, axis, sole_writer)))
        return self._held.metadata.shape

    async def set_fill_value(self, value: Any) -> None:
        """Await what setting `Array.fill_value` does."""
        state = await self._current()
        self._adopt(await run_async(operations.set_fill_value(state, value)))

    async def nbytes_stored(self) -> int:
        """Await `Array.nbytes_stored`."""
        return await run_async(operations.stored_size(await self._current()))

    async def nchunks_initialized(self) -> int:
        """Await `Array.nchunks_initialized`."""
        return await run_async(operations.stored_count(await self._current()))

    async def initialized(self) -> int:
        """The same as `nchunks_initialized`."""
        return await self.nchunks_initialized()

    async def info(self) -> Report:
        """Await `Array.info`."""
        return Report(tuple(await self.info_items()))

    async def info_items(self) -> Items:
        """Await `Array.info_items`."""
        return array_items(self, *await run_async(operations.stored(await self._current())))

    async def digest(self, hashname: str = "sha1") -> bytes:
        """Await `Array.digest`."""
        return await run_async(operations.checksum(await self._current(), hashname))

    async def hexdigest(self, hashname: str = "sha1") -> str:
        """Await `Array.hexdigest`."""
        return (await self.digest(hashname)).hex()
