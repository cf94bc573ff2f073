"""`LocalStore` in the hands of many threads, processes and users at once."""

from __future__ import annotations

import errno
import multiprocessing
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from azarr.errors import ConflictError, ReadOnlyError, StoreError
from azarr.stores import LocalStore, _directory

LeftBehind: TypeAlias = Callable[[], list[str]]
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX only")


def count_up(store: LocalStore, times: int) -> None:
    """Add 1 to a number, `times` times, whoever else does so too."""
    for _ in range(times):
        while True:
            value, generation = store.get_with_generation("numbers/n")
            try:
                store.set_if("numbers/n", b"%d" % (int(value or b"0") + 1), generation)
            except ConflictError:
                continue
            break


def in_forks(count: int, function: Callable[[], object]) -> None:
    """Run a function in several forked processes; each has to end well within a minute."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=function) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * count


@posix
@pytest.mark.fork
def test_no_increment_by_a_process_is_lost(store: LocalStore, left_behind: LeftBehind) -> None:
    in_forks(8, lambda: count_up(store, 100))
    assert store["numbers/n"] == b"800"
    assert left_behind() == []


@posix
@pytest.mark.fork
def test_exactly_one_process_creates_a_key(store: LocalStore) -> None:
    def create_all() -> None:
        for number in range(50):
            try:
                store.set_if(f"keys/{number}", b"%d" % os.getpid(), None)
            except ConflictError:
                continue
            store.set(f"by/{os.getpid()}-{number}", b"")

    in_forks(4, create_all)
    assert len(list(store.list("keys"))) == len(list(store.list("by"))) == 50


@posix
@pytest.mark.fork
def test_a_process_that_dies_while_writing_holds_nobody_up(
    store: LocalStore, left_behind: LeftBehind
) -> None:
    store.set("a/b", b"old")

    def die() -> None:
        os.replace = lambda *args, **kwargs: os._exit(0)
        store.set("a/b", b"lost")

    in_forks(1, die)
    assert len(left_behind()) == 1
    assert dict(store) == {"a/b": b"old"}
    store.set("a/b", b"new")
    assert dict(store) == {"a/b": b"new"}


@posix
@pytest.mark.fork
def test_forked_children_write_with_temporary_files_of_their_own(
    store: LocalStore, left_behind: LeftBehind
) -> None:
    store.set("a", b"parent")

    def write() -> None:
        for _ in range(100):
            store.set("a", b"child" * 1000)

    in_forks(4, write)
    assert store["a"] == b"child" * 1000
    assert left_behind() == []


def test_writes_and_removals_of_their_directory_do_not_disturb_each_other(
    store: LocalStore,
) -> None:
    errors: list[BaseException] = []
    done = threading.Event()

    def write(name: str) -> None:
        try:
            while not done.is_set():
                store.set(f"a/b/{name}", b"value")
                store.delete(f"a/b/{name}")
                sorted(store)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for _ in range(200):
        store.delete_prefix("a")
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_directory_that_is_always_removed_is_an_error_in_the_end(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azarr.stores.local.make_directories", lambda *args, **kwargs: None)
    with pytest.raises(StoreError, match="again and again") as caught:
        store.set("a/b", b"value")
    assert caught.value.transient


@posix
@pytest.mark.fork
def test_what_another_user_owns_is_read_only() -> None:
    # Not `tmp_path`: its parents are closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(folder)
        store.set("a/b", b"value")
        for path, mode in ((folder, 0o755), (folder + "/a", 0o555), (folder + "/a/b", 0o600)):
            os.chmod(path, mode)
        in_forks(1, lambda: write_as_another_user(store))


def write_as_another_user(store: LocalStore) -> None:
    if os.getuid() == 0:
        os.setuid(65534)
        with pytest.raises(StoreError, match="Permission denied"):
            store.get("a/b")
    writes: list[Callable[[], object]] = [
        lambda: store.set("a/b", b"new"),
        lambda: store.set("a/c/d", b"new"),
        lambda: store.delete("a/b"),
        lambda: store.delete_prefix("a"),
    ]
    for write in writes:
        with pytest.raises(ReadOnlyError, match="Permission denied"):
            write()


# Locks


@posix
def test_where_a_directory_cannot_be_locked_a_file_in_it_is(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, left_behind: LeftBehind
) -> None:
    lock = _directory.lock_descriptor

    def lock_files_only(fd: int, *, shared: bool = False) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        lock(fd)

    monkeypatch.setattr("azarr.stores._directory.lock_descriptor", lock_files_only)
    threads = [threading.Thread(target=count_up, args=(store, 30)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store["numbers/n"] == b"120"
    assert list(store) == ["numbers/n"]
    assert [Path(path).name for path in left_behind()] == [".azarr-lock"]


def test_another_failure_to_lock_is_an_error(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, left_behind: LeftBehind
) -> None:
    def refuse(fd: int, *, shared: bool = False) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("azarr.stores._directory.lock_descriptor", refuse)
    with pytest.raises(StoreError, match="'a'") as caught:
        store.set("a", b"value")
    assert caught.value.transient
    assert left_behind() == []
