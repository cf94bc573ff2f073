"""One tree of errors, sorted by what a handler would do about them.

Every error is an `AzarrError` with a stable `kind`. A family also inherits the built-in exception
that callers of NumPy, dicts and files already catch. Errors of other libraries are mapped to this
tree once, in the store or codec that called them; where an error happened (store, key, node path,
chunk coordinates) is added as notes by the engine. Nothing but exception classes lives here.
"""

from __future__ import annotations

from typing import ClassVar


class AzarrError(Exception):
    """Base of every error that azarr raises on purpose.

    Attributes:
        kind: a stable, machine-readable name of the family.
    """

    kind: ClassVar[str] = "azarr"

    def __str__(self) -> str:
        # KeyError prints the repr of its argument; every message here is prose.
        return str(self.args[0]) if self.args else type(self).__name__


class NotFoundError(AzarrError, KeyError, FileNotFoundError):
    """The store says definitely that the node or key does not exist."""

    kind = "not_found"


class NodeNotFoundError(NotFoundError):
    """No array or group exists at the path."""


class ArrayNotFoundError(NodeNotFoundError):
    """An array was asked for, and there is none at the path."""


class GroupNotFoundError(NodeNotFoundError):
    """A group was asked for, and there is none at the path."""


class ExistsError(AzarrError, FileExistsError, ValueError):
    """Something is already there, and the mode or arguments do not allow replacing it."""

    kind = "exists"


class ContainsArrayError(ExistsError):
    """An array already exists at the path, or at one of its parents."""


class ContainsGroupError(ExistsError):
    """A group already exists at the path."""


class CopyError(ExistsError):
    """What should be copied exists at the destination, and is not to be replaced or skipped."""


class SelectionError(AzarrError, IndexError):
    """The selection does not fit the array."""

    kind = "selection"


class ShapeMismatchError(SelectionError, ValueError):
    """A value, or an `out` array, does not fit the shape of the selection."""


class MetadataError(AzarrError, ValueError):
    """Metadata is malformed, contradicts itself, or asks for something unknown."""

    kind = "metadata"


class UnknownCodecError(MetadataError):
    """The metadata names a codec that is not registered."""


class UnknownDataTypeError(MetadataError, TypeError):
    """The metadata or a `dtype` argument names a data type that is not supported."""


class ChunkDataError(AzarrError, ValueError):
    """The stored bytes of a chunk cannot be what was written. Reading again will not help."""

    kind = "chunk_data"


class DecodeError(ChunkDataError):
    """A codec could not decode the bytes of a chunk."""


class ChecksumError(ChunkDataError):
    """The stored checksum of a chunk is not that of its bytes."""


class StoreError(AzarrError, OSError):
    """A store could not do what was asked.

    Attributes:
        transient: True when the same call may succeed later (a timeout, a reset, a 503).
        throttled: True when the store asks for fewer requests (a 429, a 503 SlowDown).
        retry_after: seconds that the store asks to wait, if it says.
    """

    kind = "store"

    def __init__(
        self,
        message: str = "",
        *,
        transient: bool = False,
        throttled: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.transient = transient or throttled
        self.throttled = throttled
        self.retry_after = retry_after


class ShortReadError(StoreError):
    """A store returned fewer bytes than the byte range that was asked for."""


class ConflictError(StoreError):
    """A conditional write found another generation than the one that was read.

    Attributes:
        answer_lost: it had been sent before, without an answer. So it may have been done, and the
            other generation be of somebody who has changed the value after it.
    """

    kind = "conflict"
    answer_lost: bool = False


class ReadOnlyError(AzarrError, PermissionError):
    """A write to a store, group or array that is read-only."""

    kind = "read_only"


class UsageError(AzarrError, ValueError, TypeError):
    """The arguments of a call contradict each other or are not of the kinds allowed."""

    kind = "usage"
