"""Reading what is in memory already of a file, without ever waiting for a disk.

`preadv` with RWF_NOWAIT (Linux 4.14) reads what the page cache has, and fails instead of waiting:
https://man7.org/linux/man-pages/man2/readv.2.html. Opening a file may still wait, for its directory
entry; network and user-space file systems, where that could take long, do not know the flag.
"""

from __future__ import annotations

import os

CAN_TELL = hasattr(os, "RWF_NOWAIT")


def read_cached(fd: int, start: int, stop: int) -> memoryview:
    """These bytes of an open file.

    Raises:
        BlockingIOError: they are not all in memory, or not there.
        OSError: with EOPNOTSUPP, the file system cannot tell.
    """
    memory = bytearray(stop - start)
    if memory and os.preadv(fd, [memory], start, os.RWF_NOWAIT) != len(memory):
        raise BlockingIOError
    return memoryview(memory)
