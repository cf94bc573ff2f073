"""`ZipStore`: values as the members of one ZIP file."""

from __future__ import annotations

import os
import struct
import time
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO, Any, Literal, NoReturn, TypeAlias

from azarr.errors import ExistsError, NotFoundError, ShortReadError, StoreError, UsageError
from azarr.stores._failures import fail
from azarr.stores._handles import Forking, absolute_path, origin_of
from azarr.stores._values import byte_bounds, cut_ranges, flat_buffer
from azarr.stores.base import BlockingStore, Buffers, Children, Latency
from azarr.stores.keys import check_key, check_prefix, children_under, keys_under
from azarr.typing import Buffer, ByteRange

Mode: TypeAlias = Literal["r", "w", "a", "x"]

# The fixed part of what stands before a member's data, ending with the lengths of two more parts.
_LOCAL_HEADER = struct.Struct("<26xHH")


class ZipStore(BlockingStore):
    """A store in a ZIP file: each value is a member, and nothing that was written can be removed.

    To put a value again appends another member of that name, with a `UserWarning` about the
    duplicate; the last one counts, and the file keeps both. So write data once, in whole chunks.
    `delete` and `delete_prefix` of what is there are refused, except `clear()`, which begins the
    file anew. Other programs can read the file after `flush` or `close`, which write its table of
    contents; a store that is forgotten writes it when it is collected, or at the exit.

    Safe to write from any number of threads, not from several processes or stores at once. Byte
    ranges of members that are not compressed are read alone.

    Args:
        path: the file. In mode "a" it is made when the first value is written.
        compression: how members are compressed: `zipfile.ZIP_STORED` (chunks are compressed
            already), `ZIP_DEFLATED`, `ZIP_BZIP2` or `ZIP_LZMA`.
        allowZip64: let the file grow beyond 2 GiB.
        mode: "r" reads an existing file; "w" begins a new one, also over an existing one; "a"
            adds to one; "x" makes a file that must not exist.
        dimension_separator: what new arrays in this store have between chunk coordinates in a
            chunk key, if nothing else says so.

    Raises:
        NotFoundError: there is no file to read.
        ExistsError: there is a file, in mode "x".
        StoreError: the file is no ZIP file; in mode "a" when it is first needed.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "example.zip")
        >>> with ZipStore(path, mode="w") as store:
        ...     store["foo/0"] = b"x"
        >>> dict(ZipStore(path, mode="r"))
        {'foo/0': b'x'}
    """

    latency: Latency = "local"

    def __init__(
        self,
        path: str | os.PathLike[str],
        compression: int = zipfile.ZIP_STORED,
        allowZip64: bool = True,
        mode: Mode = "a",
        dimension_separator: Literal[".", "/"] | None = None,
    ) -> None:
        if mode not in ("r", "w", "a", "x"):
            raise UsageError(f"mode {mode!r}: 'r', 'w', 'a' and 'x' are allowed")
        self.path = absolute_path(path)
        self.origin = origin_of("zip", self.path)
        self.compression, self.allowZip64, self.mode = compression, allowZip64, mode
        self.dimension_separator = dimension_separator
        self.read_only = mode == "r"
        self._archive = _Archive(self.path, compression, allowZip64)
        try:
            if mode in ("w", "x"):
                self._archive.begin(exclusive=mode == "x")
            elif mode == "r" and not self._archive.open():
                raise NotFoundError(f"there is no file {self.path!r}")
        except FileExistsError:
            raise ExistsError(f"{self.path!r} exists already") from None
        except Exception as error:
            if isinstance(error, NotFoundError):
                raise
            fail(error, self, "", writing=mode != "r")

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing; its checksum is verified."""
        try:
            with self._archive.lock:
                member = self._archive.members().get(key)
                return default if member is None else self._archive.read(member)
        except Exception as error:
            fail(error, self, key)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """These byte ranges of a value, alone if it is not compressed; None if it is missing."""
        try:
            with self._archive.lock:
                member = self._archive.members().get(key)
                if member is None:
                    return None
                if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                    return cut_ranges(self._archive.read(member), ranges, key)
                bounds = [byte_bounds(each, member.file_size, key) for each in ranges]
                return self._archive.read_parts(member, bounds)
        except Exception as error:
            fail(error, self, key)

    def set(self, key: str, value: Buffer) -> None:
        """Append a member."""
        self._check_writable()
        check_key(key)
        data = flat_buffer(value, key)
        try:
            self._archive.append(key, data)
        except Warning:
            raise  # The user made errors of warnings.
        except Exception as error:
            fail(error, self, key, writing=True)

    def delete(self, key: str) -> None:
        """Refused, unless `key` is missing anyway.

        Raises:
            StoreError: there is a value, and a ZIP file keeps what it has.
        """
        self._check_writable()
        if check_key(key) in self._members():
            self._refuse(key)

    def delete_prefix(self, prefix: str) -> None:
        """Refused where there is something under `prefix`; but "" begins the file anew.

        Raises:
            StoreError: as for `delete`.
        """
        self._check_writable()
        found = keys_under(self._members(), check_prefix(prefix))
        if found and prefix:
            self._refuse(found[0])
        if found:
            try:
                self._archive.begin()
            except Exception as error:
                fail(error, self, "", writing=True)

    def _refuse(self, key: str) -> NoReturn:
        raise StoreError(
            f"cannot delete {key!r} in {self!r}: a ZIP file keeps every value that was written"
        )

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/"; every name in the file is looked at."""
        return iter(keys_under(self._members(), check_prefix(prefix)))

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes) directly under `prefix`."""
        return children_under(self._members(), check_prefix(prefix))

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing."""
        member = self._members().get(key)
        return None if member is None else member.file_size

    def _members(self) -> dict[str, zipfile.ZipInfo]:
        try:
            with self._archive.lock:
                return dict(self._archive.members())
        except Exception as error:
            fail(error, self, "")

    def flush(self) -> None:
        """Write the table of contents, without which other programs cannot read the file."""
        try:
            self._archive.close()
        except Exception as error:
            fail(error, self, "", writing=True)

    def close(self) -> None:
        """Write the table of contents, and close the file."""
        self.flush()

    def __reduce__(self) -> tuple[Any, ...]:
        self.flush()
        mode = "a" if self.mode in "wx" else self.mode  # The copy must not begin the file anew.
        arguments = (self.path, self.compression, self.allowZip64, mode, self.dimension_separator)
        return type(self), arguments, {"read_only": self.read_only, "retry": self.retry}


class _Archive(Forking):
    """The open file and its table of contents. What it raises are errors of files and of zipfile.

    The file is opened for reading, and again for writing when the first value is put.
    """

    def __init__(self, path: str, compression: int, allow_zip64: bool) -> None:
        super().__init__()
        self.path, self.compression, self.allow_zip64 = path, compression, allow_zip64
        self._opened: _Opened | None = None

    def open(self, writing: bool = False) -> _Opened | None:
        """The open file; None if there is no file, and nothing to write."""
        with self.lock:
            if self._opened is not None and (self._opened.writing or not writing):
                return self._opened
            self.close()
            try:
                file: IO[bytes] = open(self.path, "r+b" if writing else "rb")  # noqa: SIM115
            except FileNotFoundError:
                if writing:
                    self.begin()
                return self._opened
            return self._hold(file, "a" if writing else "r")

    def begin(self, exclusive: bool = False) -> None:
        """Begin an empty file, and its directory if need be."""
        with self.lock:
            if self._opened is not None:
                self._opened.forget()
                self._opened = None
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            file = open(self.path, "x+b" if exclusive else "w+b")  # noqa: SIM115
            self._hold(file, "w")

    def _hold(self, file: IO[bytes], mode: Literal["r", "w", "a"]) -> _Opened:
        try:
            if mode != "w" and not zipfile.is_zipfile(file):
                raise zipfile.BadZipFile("not a ZIP file, or one that was not closed")
            file.seek(0)
            zip_file = zipfile.ZipFile(file, mode, self.compression, self.allow_zip64)
        except BaseException:
            file.close()
            raise
        self._opened = _Opened(file, zip_file, mode != "r")
        return self._opened

    def members(self) -> dict[str, zipfile.ZipInfo]:
        """Of every key, the last member of that name. To be called with the lock held."""
        opened = self.open()
        return {} if opened is None else opened.members

    def read(self, member: zipfile.ZipInfo) -> bytes:
        """All of a member. To be called with the lock held."""
        assert self._opened is not None
        return self._opened.zip_file.read(member)

    def read_parts(self, member: zipfile.ZipInfo, bounds: Sequence[tuple[int, int]]) -> Buffers:
        """Parts of a member that is not compressed. To be called with the lock held."""
        assert self._opened is not None
        file = self._opened.file
        file.seek(member.header_offset)
        name_and_extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        begin = member.header_offset + _LOCAL_HEADER.size + sum(name_and_extra)
        parts: Buffers = []
        for start, stop in bounds:
            file.seek(begin + start)
            part = file.read(stop - start)
            if len(part) != stop - start:
                raise ShortReadError(f"{member.filename!r} in {self.path!r} is cut off")
            parts.append(part)
        return parts

    def append(self, key: str, data: bytes | memoryview) -> None:
        """Append a member; where that fails, the file is as it was."""
        member = zipfile.ZipInfo(key, time.localtime()[:6])
        member.compress_type = self.compression
        # Without this only the owner may read what is unpacked.
        member.external_attr = 0o644 << 16
        with self.lock:
            opened = self.open(writing=True)
            assert opened is not None
            zip_file = opened.zip_file
            start, count = zip_file.start_dir, len(zip_file.filelist)
            try:
                zip_file.writestr(member, data)
                opened.file.flush()
            except BaseException:
                # zipfile would list what was written of it.
                del zip_file.filelist[count:]
                zip_file.start_dir = start
                raise
            opened.members[key] = member

    def close(self) -> None:
        """Write the table of contents if there is something new, and close the file."""
        with self.lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()

    def after_fork(self) -> None:
        """The child opens its own, and leaves the table of contents to the parent."""
        super().after_fork()
        if self._opened is not None:
            self._opened.forget()
            self._opened = None


class _Opened:
    """An open ZIP file, closed at the latest when it is collected, or at the exit."""

    def __init__(self, file: IO[bytes], zip_file: zipfile.ZipFile, writing: bool) -> None:
        self.file, self.zip_file, self.writing = file, zip_file, writing
        self.members = {info.filename: info for info in zip_file.infolist() if _is_key(info)}
        self._finish = weakref.finalize(self, _finish, file, zip_file)

    def close(self) -> None:
        """Write the table of contents if there is something new, and close the file."""
        self._finish()

    def forget(self) -> None:
        """Close the file as it is. Every value written has left the buffers already."""
        self._finish.detach()
        self.zip_file.fp = None
        self.file.close()


def _finish(file: IO[bytes], zip_file: zipfile.ZipFile) -> None:
    try:
        zip_file.close()
    finally:
        file.close()


def _is_key(info: zipfile.ZipInfo) -> bool:
    """Programs also write members for directories; other names nobody can ask for."""
    try:
        return bool(check_key(info.filename))
    except UsageError:
        return False
