"""What `info` shows of a node: rows of a name and a value, as text and as HTML. Pure.

The rows and their layout are those of zarr 2, with further rows where there is more to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import TextWrapper
from typing import Any

from azarr.engine import GroupState
from azarr.model import CodecSpec
from azarr.nodes._facade import ArrayFacade, NodeFacade
from azarr.stores import Store

Items = list[tuple[str, str]]

WIDTH = 80


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """Diagnostic information about a node, as it was when it was asked for.

    Attributes:
        items: names and values, in the order shown.
    """

    items: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        longest = max(len(name) for name, _ in self.items)
        lines: list[str] = []
        for name, value in self.items:
            wrapper = TextWrapper(
                width=WIDTH,
                initial_indent=f"{name.ljust(longest)} : ",
                subsequent_indent=f"{' ' * longest} : ",
            )
            lines += wrapper.wrap(value) or [wrapper.initial_indent.rstrip()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f'<tr><th style="text-align: left">{escape(name)}</th>'
            f'<td style="text-align: left">{escape(value)}</td></tr>'
            for name, value in self.items
        )
        return f'<table class="azarr-info"><tbody>{rows}</tbody></table>'


def array_items(array: ArrayFacade, stored_bytes: int, stored_chunks: int) -> Items:
    """The rows for an array, of which so much is stored."""
    items: Items = [("Name", array.name)] if array.path else []
    items += [
        ("Type", f"azarr.{type(array).__name__}"),
        ("Data type", str(array.dtype)),
        ("Shape", str(array.shape)),
        ("Chunk shape", str(array.chunks)),
    ]
    if array.shards is not None:
        items.append(("Shard shape", str(array.shards)))
    items += [("Order", array.order), ("Read-only", str(array.read_only))]
    items += [(f"Filter [{i}]", _codec(codec)) for i, codec in enumerate(array.filters or ())]
    if array.zarr_format == 2:
        items.append(("Compressor", _codec(array.compressor)))
    else:
        items.append(("Serializer", _codec(array.serializer)))
        items += [(f"Compressor [{i}]", _codec(codec)) for i, codec in enumerate(array.compressors)]
    items += _store_items(array)
    items += [
        ("No. bytes", show_bytes(array.nbytes)),
        ("No. bytes stored", show_bytes(stored_bytes)),
    ]
    if stored_bytes:
        items.append(("Storage ratio", f"{array.nbytes / stored_bytes:.1f}"))
    items.append(("Chunks initialized", f"{stored_chunks}/{array.nchunks}"))
    return items


def group_items(
    group: NodeFacade[GroupState], arrays: Sequence[str], groups: Sequence[str]
) -> Items:
    """The rows for a group with these members."""
    items: Items = [
        ("Name", group.name),
        ("Type", f"azarr.{type(group).__name__}"),
        ("Read-only", str(group.read_only)),
        *_store_items(group),
        ("No. members", str(len(arrays) + len(groups))),
        ("No. arrays", str(len(arrays))),
        ("No. groups", str(len(groups))),
    ]
    items += [("Arrays", ", ".join(arrays))] if arrays else []
    items += [("Groups", ", ".join(groups))] if groups else []
    return items


def _store_items(node: Any) -> Items:
    items: Items = []
    if node.synchronizer is not None:
        items.append(("Synchronizer type", _kind(node.synchronizer)))
    items.append(("Store type", _kind(node.store)))
    if node.chunk_store is not node.store:
        items.append(("Chunk store type", _kind(node.chunk_store)))
    return items


def _codec(codec: Any) -> str:
    """A codec that numcodecs does not have looks like those that it has: "bytes(endian='big')"."""
    if not isinstance(codec, CodecSpec):
        return repr(codec)
    return f"{codec.name}({', '.join(f'{k}={v!r}' for k, v in codec.configuration.items())})"


def _kind(thing: object) -> str:
    """The class of a thing under the name users import it by."""
    kind = type(thing)
    if kind.__module__.startswith("azarr."):
        return f"azarr.{'storage.' if isinstance(thing, Store) else ''}{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def show_bytes(count: int) -> str:
    """A number of bytes, and from 1 KiB on also in units: "33240 (32.5K)"."""
    if count <= 2**10:
        return str(count)
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count} ({count / 2 ** (10 * power):.1f}{_UNITS[power - 1]})"


_UNITS = "KMGTP"
