"""What a Blosc buffer begins with, for those who take buffers apart and put them together.

Source: https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
"""

from __future__ import annotations

import struct
from typing import Final

HEADER = struct.Struct("<BBBBIII")
"""Version, that of the compressor, flags, type size; decoded bytes, bytes of a block, bytes in all.
A table of where the blocks start follows, four bytes each."""

STORED: Final = 0x02
"""The flag for blocks that are not compressed: the memory follows the header."""
