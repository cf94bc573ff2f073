"""Rewriting the metadata of older formats in place, as operations."""

from __future__ import annotations

from typing import Any

from azarr.engine import Metadata, Operation, Runtime, migrate_v1, migrate_v2
from azarr.nodes.arguments._values import check_writable
from azarr.nodes.operations._place import place


def migrate_1to2(store: Any) -> Operation[None]:
    """The array of Zarr v1 in a store becomes one of v2."""
    at = place(store)
    check_writable(at.store.read_only, at.name)

    async def body(runtime: Runtime) -> None:
        await migrate_v1(runtime)

    return Operation(at.store, body)


def migrate_2to3(
    store: Any, path: str | None, remove_v2: bool, dry_run: bool
) -> Operation[dict[str, Metadata]]:
    """Every v2 node at and under a path gets a v3 document."""
    at = place(store, path)
    if not dry_run:
        check_writable(at.store.read_only, at.name)

    async def body(runtime: Runtime) -> dict[str, Metadata]:
        return await migrate_v2(runtime, at.path, remove_v2=remove_v2, dry_run=dry_run)

    return Operation(at.store, body, 4)
