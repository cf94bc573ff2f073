"""`LocalStore` when reads, writes and the machine fail: nothing is lost, nothing is left behind."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from azarr.errors import ConflictError, ReadOnlyError, ShortReadError, StoreError
from azarr.stores import LocalStore

LeftBehind: TypeAlias = Callable[[], list[str]]
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX only")


def test_a_short_read_is_read_on(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.set("a", b"0123456789")
    read = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: read(fd, min(size, 3)))
    assert store.get("a") == b"0123456789"
    assert store.get_ranges("a", [(1, 9), (-5, None)]) == [b"12345678", b"56789"]


def test_a_file_that_shrinks_while_it_is_read_is_a_short_read(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small value is read up to its end, wherever that is; a large one after a large one is not.
    store.set("a", b"0123456789" * 10_000)
    assert len(store["a"]) == 100_000
    read = os.read

    def truncate_and_read(fd: int, size: int) -> bytes:
        os.truncate(os.path.join(store.root, "a"), 4)
        return read(fd, size)

    monkeypatch.setattr(os, "read", truncate_and_read)
    with pytest.raises(ShortReadError, match="'a'"):
        store.get("a")


def test_a_short_write_is_written_on(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    store.set("a", b"0123456789")
    store.set("b", memoryview(b"12345678").cast("i"))
    monkeypatch.undo()
    assert (store["a"], store["b"]) == (b"0123456789", b"12345678")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@posix
def test_a_write_that_the_file_system_refuses_leaves_the_old_value(
    store: LocalStore, left_behind: LeftBehind
) -> None:
    store.set("a/b", b"old")
    generation = store.get_with_generation("a/b")[1]
    writes: list[Callable[[], object]] = [
        lambda: store.set("a/b", b"x" * 10_000),
        lambda: store.set_if("a/b", b"x" * 10_000, generation),
        lambda: store.set("a/new", b"x" * 10_000),
    ]
    with largest_file(4096):
        for write in writes:
            with pytest.raises(StoreError, match=r"'a/(b|new)'") as caught:
                write()
            assert caught.value.errno == errno.EFBIG
            assert not caught.value.transient
    assert dict(store) == {"a/b": b"old"}
    assert left_behind() == []
    store.set_if("a/b", b"new", generation)


def test_a_conflict_leaves_no_temporary_file(store: LocalStore, left_behind: LeftBehind) -> None:
    store.set("a", b"old")
    with pytest.raises(ConflictError, match="'a'"):
        store.set_if("a", b"new", None)
    assert left_behind() == []


def test_an_interrupted_write_leaves_the_old_value(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, left_behind: LeftBehind
) -> None:
    store.set("a", b"old")

    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    for name in ("write", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                store.set("a", b"new")
    assert dict(store) == {"a": b"old"}
    assert left_behind() == []


def test_a_temporary_file_left_behind_is_harmless(
    store: LocalStore, left_behind: LeftBehind
) -> None:
    store.set("a/b", b"value")
    for name in (".azarr-0-1-2", ".azarr-lock"):
        (Path(store.root) / "a" / name).write_bytes(b"half")
    assert list(store) == ["a/b"]
    assert store.list_children("a") == (["b"], [])
    store.set("a/c", b"value")
    store.delete_prefix("a")
    assert left_behind() == []


def test_a_name_that_a_temporary_file_has_is_not_taken_again(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, left_behind: LeftBehind
) -> None:
    store.set("a", b"value")
    write = os.write

    def write_within_a_write(fd: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        store.set("b", b"inner")
        return write(fd, data)

    monkeypatch.setattr(os, "write", write_within_a_write)
    store.set("a", b"outer")
    assert dict(store) == {"a": b"outer", "b": b"inner"}
    assert left_behind() == []


@pytest.mark.parametrize(
    ("code", "reading", "writing", "transient"),
    [
        (errno.EIO, StoreError, StoreError, False),
        (errno.ENOSPC, StoreError, StoreError, False),
        (errno.EACCES, StoreError, ReadOnlyError, False),
        (errno.EPERM, StoreError, ReadOnlyError, False),
        (errno.EROFS, StoreError, ReadOnlyError, False),
        (errno.ETIMEDOUT, StoreError, StoreError, True),
        (errno.ESTALE, StoreError, StoreError, True),
        (errno.EMFILE, StoreError, StoreError, True),
        (errno.EAGAIN, StoreError, StoreError, True),
    ],
)
def test_an_error_of_the_system_names_the_key_and_whether_to_try_again(
    store: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    reading: type[OSError],
    writing: type[OSError],
    transient: bool,
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> int:
        raise OSError(code, os.strerror(code))

    for name in ("open", "stat", "scandir"):
        monkeypatch.setattr(os, name, refuse)
    calls: list[tuple[type[OSError], Callable[[], object]]] = [
        (reading, lambda: store.get("a")),
        (reading, lambda: store.get_with_generation("a")),
        (reading, lambda: store.get_ranges("a", [(0, 1)])),
        (reading, lambda: store.size("a")),
        (reading, lambda: store.list_children("a")),
        (reading, lambda: list(store.list("a"))),
        (writing, lambda: store.set("a", b"value")),
        (writing, lambda: store.set_if("a", b"value", None)),
        (writing, lambda: store.delete("a")),
    ]
    for expected, call in calls:
        with pytest.raises(expected, match="'a") as caught:
            call()
        assert caught.value.errno == code
        assert isinstance(caught.value.__cause__, OSError)
        assert getattr(caught.value, "transient", False) == transient


# Durability


@posix
def test_a_durable_write_syncs_the_file_and_every_directory_that_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def record(fd: int) -> None:
        kind = "directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"
        inode = os.fstat(fd).st_ino
        places = {path.stat().st_ino: path for path in (tmp_path, *tmp_path.rglob("*"))}
        path = places[inode].relative_to(tmp_path) if kind == "directory" else ""
        synced.append(f"{kind} {path}".strip())
        fsync(fd)

    monkeypatch.setattr(os, "fsync", record)
    store = LocalStore(tmp_path / "root", durable=True)
    store.set("a/b", b"value")
    assert synced == ["directory root", "directory .", "file", "directory root/a"]
    synced.clear()
    store.set("a/b", b"new")
    store.delete("a/b")
    assert synced == ["file", "directory root/a", "directory root/a"]
    synced.clear()
    store.delete_prefix("a")
    assert synced == ["directory root"]
    LocalStore(tmp_path / "root").set("a/b", b"value")
    assert synced == ["directory root"]
