"""Copying arrays and groups, between hierarchies of azarr and HDF5 files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from azarr.engine import Way
from azarr.errors import CopyError, UsageError
from azarr.tools._blocks import blocks
from azarr.tools._copied import ArrayNode, GroupNode, Node, group_of, node_of
from azarr.tools._tool import Counts, Log, Tool, check_if_exists, logging_to, summary

IF_EXISTS = ("raise", "replace", "skip", "skip_initialized")


def copy(
    source: Any,
    dest: Any,
    name: str | None = None,
    shallow: bool = False,
    without_attrs: bool = False,
    log: Any = None,
    if_exists: str = "raise",
    dry_run: bool = False,
    **create_kws: Any,
) -> Tool[tuple[int, int, int]]:
    """Copy an array or a group, of azarr or h5py, into a group of azarr or h5py.

    Data are decoded and encoded again, up to 64 MiB of them at a time. Chunks, shards, codecs, fill
    value and order are kept where the destination has them; HDF5 gets gzip.

    Args:
        source: what is copied.
        dest: the group it goes into.
        name: what it is called there; left out: as now.
        shallow: of a group, only the arrays directly in it.
        without_attrs: leave user attributes out.
        log: a function, a file, or its path, for a line per node.
        if_exists: of arrays that are there already: "raise": CopyError; "replace"; "skip"; or
            "skip_initialized": skip those with all chunks stored.
        dry_run: only log what would be copied.
        create_kws: arguments of `create`, or h5py's `create_dataset`, that differ.

    Returns:
        How many nodes were copied, and skipped, and the bytes of data copied.

    Raises:
        CopyError: an array is in the way. What was copied before it stays.

    Example:
        >>> import azarr
        >>> source, dest = azarr.group(), azarr.group()
        >>> array = source.create_dataset("foo/bar", shape=100, chunks=10)
        >>> azarr.copy(source["foo"], dest, log=print)
        copy /foo
        copy /foo/bar (100,) float64
        all done: 2 copied, 0 skipped, 800 bytes copied
        (2, 0, 800)
    """
    check_if_exists(if_exists, IF_EXISTS)

    async def copy_it(way: Way) -> Counts:
        node, group = node_of(source, way), group_of(dest, way)
        called = name or node.name.rpartition("/")[2]
        if not called:
            raise UsageError("the source has no name: give the name it is to have")
        with logging_to(log) as write_line:
            copying = _Copying(write_line, shallow, without_attrs, if_exists, dry_run, create_kws)
            await copying.copy(node, group, called, is_root=True)
            return copying.finish()

    return copy_it


def copy_all(
    source: Any,
    dest: Any,
    shallow: bool = False,
    without_attrs: bool = False,
    log: Any = None,
    if_exists: str = "raise",
    dry_run: bool = False,
    **create_kws: Any,
) -> Tool[tuple[int, int, int]]:
    """Copy everything in a group, and its attributes, into another group; see `copy`.

    Example:
        >>> import azarr
        >>> source, dest = azarr.group(), azarr.group()
        >>> array = source.create_dataset("foo/bar", shape=100, chunks=10)
        >>> azarr.copy_all(source, dest)
        (2, 0, 800)
        >>> dest.tree()
        /
        └── foo
            └── bar (100,) float64
    """
    check_if_exists(if_exists, IF_EXISTS)

    async def copy_them(way: Way) -> Counts:
        origin, group = group_of(source, way), group_of(dest, way)
        with logging_to(log) as write_line:
            copying = _Copying(write_line, shallow, without_attrs, if_exists, dry_run, create_kws)
            for name, node in (await origin.children()).items():
                await copying.copy(node, group, name)
            await copying.copy_attributes(origin, group)
            return copying.finish()

    return copy_them


@dataclass
class _Copying:
    """The settings of a copy, and what it has done so far."""

    log: Log
    shallow: bool
    without_attrs: bool
    if_exists: str
    dry_run: bool
    create_kws: dict[str, Any]
    copied: int = 0
    skipped: int = 0
    nbytes: int = 0

    def finish(self) -> Counts:
        """Log what has been done."""
        counts = self.copied, self.skipped, self.nbytes
        self.log(summary(counts, self.dry_run))
        return counts

    async def copy(
        self, source: Any, dest: GroupNode | None, name: str, *, is_root: bool = False
    ) -> None:
        """Copy a node and what is under it; `dest` is None where a dry run would have made it."""
        if not source.is_array and self.shallow and not is_root:
            return
        there = None if dest is None else await dest.get(name)
        in_the_way = there is not None and (source.is_array or there.is_array)
        line = source.name + (f" {source.shape} {source.dtype}" if source.is_array else "")
        if in_the_way and await self._is_skipped(there, name, dest):
            self.log(f"skip {line}")
            self.skipped += 1
            return
        self.log(f"copy {line}")
        if in_the_way and not self.dry_run:
            assert dest is not None
            await dest.delete(name)
        await (self._copy_array if source.is_array else self._copy_group)(
            source, dest, name, None if in_the_way else there
        )
        self.copied += 1

    async def _is_skipped(self, there: Any, name: str, dest: GroupNode | None) -> bool:
        """Whether what is at the destination stays; CopyError if it must not be there."""
        if self.if_exists == "raise":
            where = None if dest is None else dest.name
            raise CopyError(f"an object {name!r} already exists in destination {where!r}")
        if self.if_exists == "skip_initialized":
            return bool(there.is_array and await there.is_complete())
        return self.if_exists == "skip"

    async def _copy_array(
        self, source: ArrayNode, dest: GroupNode | None, name: str, there: Node | None
    ) -> None:
        if self.dry_run or dest is None:
            return
        made = await dest.create(name, source, self.create_kws)
        if math.prod(source.shape):
            for region in blocks(source.shape, made.piece, max(source.dtype.itemsize, 1)):
                await made.write(region, await source.read(region))
        self.nbytes += math.prod(made.shape) * made.dtype.itemsize
        await self.copy_attributes(source, made)

    async def _copy_group(
        self, source: GroupNode, dest: GroupNode | None, name: str, there: Any
    ) -> None:
        made = there
        if not self.dry_run and dest is not None:
            made = await dest.require_group(name)
            await self.copy_attributes(source, made)
        for child, node in (await source.children()).items():
            await self.copy(node, made, child)

    async def copy_attributes(self, source: Node, dest: Node) -> None:
        """Copy user attributes, if they are to be copied and there are any."""
        if self.without_attrs or self.dry_run:
            return
        attributes = await source.attributes()
        if attributes:
            await dest.set_attributes(attributes)
