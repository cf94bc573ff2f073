"""What stores do with the bytes of a value: accept any buffer, and cut byte ranges out of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azarr.errors import ShortReadError, UsageError
from azarr.typing import Buffer, ByteRange


def flat_buffer(value: Any, key: str) -> bytes | memoryview:
    """`value` as `bytes` or as a contiguous view of single bytes, copied only if it has to be.

    Raises:
        UsageError: `value` gives no buffer (a str, an int, None).
    """
    if type(value) is bytes:
        return value
    try:
        view = memoryview(value)
    except (TypeError, ValueError):
        # NumPy exports no buffer of datetimes, but has their bytes.
        to_bytes = getattr(value, "tobytes", None)
        if to_bytes is None:
            raise UsageError(
                f"the value of {key!r} must be bytes-like, not {type(value).__name__}"
            ) from None
        return bytes(to_bytes())
    return view.cast("B") if view.c_contiguous and view.nbytes else view.tobytes()


def byte_bounds(byte_range: ByteRange, size: int, key: str) -> tuple[int, int]:
    """The start and stop of a byte range within a value of `size` bytes.

    Raises:
        ShortReadError: some of the range is not there.

    Example:
        >>> byte_bounds((-4, None), 10, "c/0")
        (6, 10)
    """
    start, stop = byte_range
    first = start + size if start < 0 else start
    end = size if stop is None else stop + size if stop < 0 else stop
    if not 0 <= first <= end <= size:
        raise ShortReadError(f"{key!r} has {size} bytes, not the byte range {start}:{stop}")
    return first, end


def cut_ranges(value: Buffer, ranges: Sequence[ByteRange], key: str) -> list[Buffer]:
    """The byte ranges of a value as views of it, in the order asked for.

    Raises:
        ShortReadError: some of a range is not there.
    """
    view = memoryview(value)
    bounds = [byte_bounds(each, view.nbytes, key) for each in ranges]
    return [view[start:stop] for start, stop in bounds]


def copy_into(memory: memoryview, value: Buffer | None) -> int | None:
    """Put the bytes of a value into memory, as far as they fit; their number, or None."""
    if value is None:
        return None
    data = memoryview(value).cast("B")
    n = min(len(memory), len(data))
    memory[:n] = data[:n]
    return len(data)
