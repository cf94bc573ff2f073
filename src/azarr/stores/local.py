"""`LocalStore`: each value a file, in directories of a local or mounted file system.

Paths and keys live here; how one file is replaced safely is in `_directory.py`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Any, Final, NoReturn, TypeAlias

from azarr.errors import AzarrError, ConflictError, ShortReadError, StoreError, UsageError
from azarr.stores._directory import (
    HIDDEN,
    Directory,
    FileGeneration,
    Replacements,
    generation_of,
    make_directories,
)
from azarr.stores._failures import fail
from azarr.stores._page_cache import CAN_TELL, read_cached
from azarr.stores._values import byte_bounds, copy_into, flat_buffer
from azarr.stores.base import (
    BlockingStore,
    Buffers,
    Children,
    Latency,
    Ranges,
    check_same_generation,
)
from azarr.stores.keys import check_key, check_prefix
from azarr.typing import Buffer, ByteRange, Generation

# Inside the class, `list` is a method.
Names: TypeAlias = list[str]

_ANY: Final = object()  # in place of a generation: whatever is there
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
# A value of fewer bytes is read without asking for its size; memory for so many is cheap (64 KiB to
# 128 KiB: as for 8 KiB; 1 MiB: 16 us more).
_SMALL = 64 * 1024
_NOT_NAMES = frozenset({"", ".", ".."})

# How often a write starts again because somebody removes its directory under it, and a removal
# because somebody writes: some 30 us each, so this is about waiting, not about giving up soon.
_ATTEMPTS = 1000
# Directories whose paths are remembered: about 200 bytes each.
_REMEMBERED = 4096


class LocalStore(BlockingStore):
    """A store in a directory: the key "a/b" is the file `b` in the directory `a` of `root`.

    Safe to write from any number of threads and processes. A value is written to a temporary file
    that is then renamed, so it is never seen half written; a temporary file that a killed process
    left behind is in no listing, and goes with `delete_prefix`. Renames and removals in a
    directory take turns by a lock on it, which makes `set_if` safe across processes.

    `delete` leaves directories standing when they become empty: an empty directory is a group in
    N5, and to ask would cost a request for each delete. So `list_children` may name a sub-prefix
    that has no keys. Symbolic links to files and directories are followed, except by
    `delete_prefix`, which removes the link.

    Args:
        root: the directory; made when the first value is written. A relative path is relative to
            the working directory of now, and "~" is a name like any other.
        durable: `set` and `delete` return when the change will survive a crash of the machine.
        read_only: refuse every write.

    Example:
        >>> import tempfile
        >>> store = LocalStore(tempfile.mkdtemp())
        >>> store.set("foo/zarr.json", b"{}")
        >>> store.list_children("foo")
        (['zarr.json'], [])
    """

    latency: Latency = "local"
    conditional = True

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        durable: bool = False,
        read_only: bool = False,
    ) -> None:
        path: object = os.fspath(root)
        if not isinstance(path, str) or not path or "\0" in path:
            raise UsageError(f"not the path of a directory: {root!r}")
        self.root = os.path.abspath(path)
        # Two paths to one directory are one place.
        self.origin = "file://" + os.path.realpath(self.root).replace(os.sep, "/")
        self.durable = durable
        self.read_only = read_only
        self._directories: dict[str, str] = {}
        self._values_are_small = True  # as was the last one
        self._waits = True
        self._can_tell = CAN_TELL
        self._page_cached: Any = None

    @property
    def page_cached(self) -> BlockingStore | None:
        """The files that are in memory already, where the system can tell (Linux)."""
        twin = self._page_cached
        if twin is None:
            twin = self._page_cached = copy(self)
            twin._waits = twin._values_are_small = False
            twin._page_cached = twin
        reads = type(self).get is LocalStore.get  # a subclass may read in other ways
        return twin if twin._can_tell and reads else None

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if there is no such file. About 6 us."""
        directory, name = self._locate(key)
        try:
            # Not `open()`, which takes twice as long, nor `fstat`: its result is 1 of these 6 us.
            fd = os.open(directory + name, _READ)
            try:
                if self._values_are_small:
                    data = os.read(fd, _SMALL)
                    if 0 < len(data) < _SMALL and not os.read(fd, 1):
                        return data
                found = self._read_whole(fd, key)
                if found is None:
                    return default
                self._values_are_small = len(found[0]) < _SMALL and self._waits
                return found[0]
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            self._check_missing(error, directory + name, key)
            return default

    def get_into(self, key: str, memory: memoryview) -> int | None:
        """Read a file into memory, as far as it fits; its number of bytes, None if missing."""
        if not self._waits:
            return copy_into(memory, self.get(key))
        directory, name = self._locate(key)
        try:
            with open(directory + name, "rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return None
                start, stop = 0, min(status.st_size, len(memory))
                while start < stop:
                    n = file.readinto(memory[start:stop])
                    if not n:
                        raise self._shrunk(key)
                    start += n
                return status.st_size
        except (OSError, ValueError) as error:
            self._check_missing(error, directory + name, key)
            return None

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation, both of one open file; both None if `key` is missing."""
        directory, name = self._locate(key)
        try:
            fd = os.open(directory + name, _READ)
            try:
                found = self._read_whole(fd, key)
                return (None, None) if found is None else found
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            self._check_missing(error, directory + name, key)
            return None, None

    def _read_whole(self, fd: int, key: str) -> tuple[Buffer, Generation] | None:
        """The bytes of an open file, and its generation; None if it is not a regular file."""
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return None
        return self._read_at(fd, 0, status.st_size, key), generation_of(status)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """These byte ranges of a value, all of one open file; None if `key` is missing."""
        found = self.get_ranges_with_generation(key, ranges)
        return None if found is None else found[0]

    def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        """Byte ranges and the generation, all of one open file; None if `key` is missing."""
        directory, name = self._locate(key)
        try:
            fd = os.open(directory + name, _READ)
            try:
                status = os.fstat(fd)
                if not stat.S_ISREG(status.st_mode):
                    return None
                found = generation_of(status)
                check_same_generation(self, key, found, generation)
                bounds = [byte_bounds(each, status.st_size, key) for each in ranges]
                return [self._read_at(fd, start, stop, key) for start, stop in bounds], found
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            self._check_missing(error, directory + name, key)
            return None

    def _check_missing(self, error: OSError | ValueError, path: str, key: str) -> None:
        """Raise what a failure to open or read a file means, unless it is that there is no file."""
        if not self._waits and isinstance(error, BlockingIOError):
            raise error
        if not isinstance(error, _MISSING) and not os.path.isdir(path):
            self._fail(error, key)

    def _read_at(self, fd: int, start: int, stop: int, key: str) -> Buffer:
        if not self._waits:
            try:
                return read_cached(fd, start, stop)
            except OSError as error:
                self._can_tell = error.errno != errno.EOPNOTSUPP
                raise BlockingIOError from error
        # One system call reads at most 2 GiB, and a network file system may return less.
        os.lseek(fd, start, os.SEEK_SET)
        pieces = []
        while start < stop:
            piece = os.read(fd, stop - start)
            if not piece:
                raise self._shrunk(key)
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def set(self, key: str, value: Buffer) -> None:
        """Put a value, by a temporary file and a rename."""
        self._replace(key, value, _ANY)

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation` (None: is still missing)."""
        return self._replace(key, value, generation)

    def set_many(self, values: Iterable[tuple[str, Buffer | None]]) -> None:
        """Put several values; those in a row that are in one directory take its lock once."""
        self._check_writable()
        row = Replacements("", durable=self.durable)
        try:
            for key, value in values:
                path, name = self._locate(key)
                if not row.takes(path):
                    row.close()
                    row = Replacements(path, durable=self.durable)
                if not row.replace(name, None if value is None else flat_buffer(value, key)):
                    self.delete(key) if value is None else self.set(key, value)
        finally:
            row.close()

    def _replace(self, key: str, value: Buffer, expected: object) -> Generation:
        self._check_writable()
        path, name = self._locate(key)
        data = flat_buffer(value, key)
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    if attempt:
                        make_directories(path[:-1], durable=self.durable)
                    with Directory(path) as directory:
                        return self._replace_in(directory, key, name, data, expected)
                except FileNotFoundError:
                    continue
        except (OSError, ValueError) as error:
            self._fail(error, key, writing=True)
        raise StoreError(
            f"cannot write {key!r} in {self!r}: its directory is missing again and again",
            transient=True,
        )

    def _replace_in(
        self,
        directory: Directory,
        key: str,
        name: str,
        data: bytes | memoryview,
        expected: object,
    ) -> FileGeneration | None:
        temporary = directory.write_temporary(data, durable=self.durable)
        try:
            directory.lock(shared=expected is _ANY)
            if expected is not _ANY and directory.generation(name) != expected:
                raise self._conflict(key)
            directory.replace(temporary, name)
        except BaseException:
            directory.discard(temporary)
            raise
        if self.durable:
            directory.sync()
        return None if expected is _ANY else directory.generation(name)

    def delete(self, key: str) -> None:
        """Remove the file of `key`, not its directory. That it is missing is fine."""
        self._delete(key, _ANY)

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove the file of `key` if it still has `generation`."""
        self._delete(key, generation)

    def _delete(self, key: str, expected: object) -> None:
        self._check_writable()
        path, name = self._locate(key)
        try:
            with Directory(path) as directory:
                directory.lock(shared=expected is _ANY)
                if expected is not _ANY and directory.generation(name) != expected:
                    raise self._conflict(key)
                directory.remove(name)
                if self.durable:
                    directory.sync()
        except (OSError, ValueError) as error:
            # Only Linux says of a directory that it is one: elsewhere it is "not permitted".
            if not (isinstance(error, _MISSING) or os.path.isdir(path + name)):
                self._fail(error, key, writing=True)
            if expected is not _ANY and expected is not None:
                raise self._conflict(key) from None

    def delete_prefix(self, prefix: str) -> None:
        """Remove the directory `prefix` and all in it; for "", all in `root`, which stays."""
        self._check_writable()
        check_prefix(prefix)
        path = os.path.join(self.root, prefix) if prefix else self.root
        try:
            if prefix:
                self._check_inside(path, prefix)
                if os.path.isdir(path):
                    _remove(path)
            elif os.path.isdir(path):
                for name in os.listdir(path):
                    _remove(os.path.join(path, name))
            if self.durable:
                with Directory(os.path.dirname(path) if prefix else path) as parent:
                    parent.sync()
        except _MISSING:
            return
        except OSError as error:
            self._fail(error, prefix, writing=True)

    def _check_inside(self, path: str, prefix: str) -> None:
        root = os.path.realpath(self.root)
        parent = os.path.realpath(os.path.dirname(path))
        if not os.path.join(parent, "").startswith(os.path.join(root, "")):
            raise StoreError(
                f"{prefix!r} is not removed: a symbolic link leads from {self!r} to {parent!r}"
            )

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/": one look at each directory, when it is reached."""
        return self._walk(check_prefix(prefix))

    def _walk(self, prefix: str) -> Iterator[str]:
        pending = [prefix + "/" if prefix else ""]
        while pending:
            start = pending.pop()
            names, directories = self._scan(start)
            for name in names:
                yield start + name
            pending += [start + name + "/" for name in directories]

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of files, names of directories) in the directory `prefix`: one look."""
        check_prefix(prefix)
        names, directories = self._scan(prefix + "/" if prefix else "")
        return sorted(names), sorted(directories)

    def _scan(self, start: str) -> tuple[Names, Names]:
        names: Names = []
        directories: Names = []
        try:
            with os.scandir(os.path.join(self.root, start)) as entries:
                for entry in entries:
                    if entry.name.startswith(HIDDEN) or "\\" in entry.name:
                        continue
                    if entry.is_symlink() and not self._leads_on(entry.path):
                        continue
                    if entry.is_dir():
                        directories.append(entry.name)
                    elif entry.is_file():
                        names.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            self._fail(error, start)
        return names, directories

    def _leads_on(self, link: str) -> bool:
        """Whether a symbolic link leads to something, and not back to a directory above it."""
        try:
            target = os.stat(link)
        except OSError:
            return False
        path = link
        while len(path) > len(self.root):
            path = os.path.dirname(path)
            if os.path.samestat(os.stat(path), target):
                return False
        return True

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if there is no such file."""
        directory, name = self._locate(key)
        try:
            status = os.stat(directory + name)
        except _MISSING:
            return None
        except (OSError, ValueError) as error:
            self._fail(error, key)
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def _locate(self, key: str) -> tuple[str, str]:
        """The path of the directory that the file of `key` is in, with a separator; its name.

        This is on the way of every request: 0.25 us.
        """
        head, slash, name = key.rpartition("/")
        directory = self._directories.get(head + slash)
        if directory is None:
            directory = self._remember(key, head + slash)
        if name in _NOT_NAMES or "\\" in name or name.startswith(HIDDEN):
            self._refuse(key)
        return directory, name

    def _remember(self, key: str, start: str) -> str:
        check_key(key)
        if HIDDEN in start and any(each.startswith(HIDDEN) for each in start.split("/")):
            self._refuse(key)
        if len(self._directories) >= _REMEMBERED:
            self._directories.clear()
        directory = self._directories[start] = os.path.join(self.root, start)
        return directory

    def _refuse(self, key: str) -> None:
        check_key(key)
        raise UsageError(f"{key!r} is not a key of a LocalStore: names in {HIDDEN!r} are its own")

    def _shrunk(self, key: str) -> ShortReadError:
        return ShortReadError(f"{key!r} in {self!r} became shorter while it was read")

    def _conflict(self, key: str) -> ConflictError:
        return ConflictError(f"{key!r} in {self!r} has changed since it was read")

    def _fail(self, error: OSError | ValueError, key: str, *, writing: bool = False) -> NoReturn:
        if isinstance(error, ValueError) and not isinstance(error, AzarrError):
            # A NUL, or half of a surrogate pair.
            raise UsageError(f"{key!r} is not a key: {error}") from error
        fail(error, self, key, writing=writing)

    def __repr__(self) -> str:
        flag = ", read_only=True" if self.read_only else ""
        return f"{type(self).__name__}({self.root!r}{flag})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_directories": {}, "_page_cached": None}


def _remove(path: str) -> None:
    """Remove a file, a link (not what it leads to) or a directory with all in it."""
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return
    import shutil  # 4 ms, for its archive formats

    # Others may remove or add files meanwhile. Removing what there is and not minding leaves little
    # to start again for.
    shutil.rmtree(path, ignore_errors=True)
    for _ in range(_ATTEMPTS):
        if not os.path.lexists(path):
            return
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    raise StoreError(f"cannot remove {path!r}: it is written to again and again", transient=True)
