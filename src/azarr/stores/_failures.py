"""Errors that are not azarr's, mapped to errors of azarr: one table."""

from __future__ import annotations

import errno
from typing import NoReturn

from azarr.errors import AzarrError, ReadOnlyError, StoreError

# The same call may succeed later: interrupted, busy, out of a resource that others give back, or
# a network file system or socket that lost its peer.
_TRANSIENT_NAMES = """
    EINTR EAGAIN EWOULDBLOCK EBUSY ETIMEDOUT ESTALE EMFILE ENFILE ENOLCK ENOBUFS EPIPE
    ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH
"""
TRANSIENT = frozenset(getattr(errno, name, None) for name in _TRANSIENT_NAMES.split()) - {None}
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def fail(error: Exception, place: object, key: str, *, writing: bool = False) -> NoReturn:
    """Raise the error of azarr for what went wrong with a key; one that is azarr's as it is.

    A write that is forbidden is a `ReadOnlyError`. A read that is forbidden says nothing about
    writing: it is a `StoreError` like the rest, whose `errno` tells it apart.
    """
    if isinstance(error, AzarrError):
        raise error
    doing = f"cannot {'write' if writing else 'read'} {key!r} in {place!r}"
    if not isinstance(error, OSError):
        raise StoreError(f"{doing}: {type(error).__name__}: {error}") from error
    message = f"{doing}: {error.strerror or str(error) or type(error).__name__}"
    mapped: ReadOnlyError | StoreError
    if writing and error.errno in FORBIDDEN:
        mapped = ReadOnlyError(message)
    else:
        # A timeout of a client library has no errno.
        lost = isinstance(error, TimeoutError | ConnectionError | InterruptedError)
        mapped = StoreError(message, transient=lost or error.errno in TRANSIENT)
    mapped.errno = error.errno
    raise mapped from error
