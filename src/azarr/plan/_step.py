"""What a plan yields, and what it needs to name chunks: the vocabulary of both kinds of plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

K = TypeVar("K")
K_co = TypeVar("K_co", covariant=True)

Step: TypeAlias = tuple[K, Any, Any, bool]
"""`(key, chunk selection, out selection, whole)`: `out[out selection]` and `chunk[chunk selection]`
correspond; `whole` says that everything of the chunk inside the array is selected, so that writing
needs no reading."""


class KeyEncoding(Protocol[K_co]):
    """Names chunks by their indices: a store's keys, or an inner chunk's number in its shard."""

    def keys(self, indices: Sequence[Sequence[int]], prefix: str = "") -> Iterator[K_co]:
        """The names of the product of indices per dimension, in C order."""

    def keys_at(self, indices: Sequence[Sequence[int]], prefix: str = "") -> Iterator[K_co]:
        """The names of single chunks, given one column of indices per dimension."""
