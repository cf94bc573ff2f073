"""`LocalStore` beyond the conformance suite: paths, files, links, generations."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

import pytest

from azarr.errors import ConflictError, ShortReadError, StoreError, UsageError
from azarr.stores import LocalStore, _directory

LeftBehind: TypeAlias = Callable[[], list[str]]
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX only")


# Paths


def test_a_key_is_the_path_of_its_file(store: LocalStore) -> None:
    store.set("a/b/c", b"value")
    assert (Path(store.root) / "a" / "b" / "c").read_bytes() == b"value"


def test_making_a_store_and_reading_makes_no_directory(store: LocalStore) -> None:
    assert store.get("a") is None
    assert list(store.list()) == []
    assert store.list_children() == ([], [])
    store.delete("a")
    store.delete_prefix("")
    assert not Path(store.root).exists()


def test_a_relative_root_does_not_move_with_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = LocalStore("data")
    monkeypatch.chdir("/")
    store.set("a", b"value")
    assert (tmp_path / "data" / "a").exists()
    assert store.origin == "file://" + os.path.realpath(tmp_path / "data").replace(os.sep, "/")


def test_a_tilde_is_a_name_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    LocalStore("~").set("a", b"value")
    assert (tmp_path / "~" / "a").exists()


@pytest.mark.parametrize("root", ["", b"/tmp", "a\0b"])
def test_what_is_no_path_is_refused(root: Any) -> None:
    with pytest.raises(UsageError, match="path"):
        LocalStore(root)


def test_stores_of_one_directory_are_equal(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store == LocalStore(str(tmp_path) + "/.", durable=True)
    assert store != LocalStore(tmp_path / "other")
    assert repr(store) == f"LocalStore({str(tmp_path)!r})"


@posix
def test_a_link_to_a_directory_is_the_same_place(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "root")
    assert LocalStore(tmp_path / "link").origin == LocalStore(tmp_path / "root").origin


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "..\\x", "a\\..\\x", "a\0b"])
def test_no_key_leads_out_of_the_root(store: LocalStore, key: str) -> None:
    store.set("a/b", b"value")
    calls: list[Callable[[], object]] = [
        lambda: store.get(key),
        lambda: store.size(key),
        lambda: store.get_ranges(key, [(0, 1)]),
        lambda: store.get_with_generation(key),
        lambda: store.set_if(key, b"value", None),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="not a key"):
            call()


@pytest.mark.parametrize("key", [".azarr-lock", "a/.azarr-x", ".azarr-x/a"])
def test_names_of_temporary_files_are_no_keys(store: LocalStore, key: str) -> None:
    with pytest.raises(UsageError, match="its own"):
        store.set(key, b"value")


def test_half_a_surrogate_pair_is_no_key(store: LocalStore) -> None:
    with pytest.raises(UsageError, match="not a key"):
        store.get("\ud800")
    with pytest.raises(UsageError, match="not a key"):
        store.set("\ud800", b"value")


def test_the_memory_of_directories_is_bounded(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azarr.stores.local._REMEMBERED", 3)
    for number in range(20):
        assert store.get(f"{number}/a") is None
    assert len(store._directories) <= 3


# Files and directories in each other's place


def test_below_a_file_every_key_is_missing(store: LocalStore) -> None:
    store.set("a", b"value")
    assert store.get("a/b") is None
    assert store.get("a/b/c") is None
    assert store.size("a/b") is None
    assert store.get_ranges("a/b", [(0, 1)]) is None
    assert list(store.list("a")) == []
    store.delete("a/b")
    with pytest.raises(StoreError, match="'a/b'"):
        store.set("a/b", b"value")


def test_a_directory_is_not_a_value(store: LocalStore, left_behind: LeftBehind) -> None:
    store.set("a/b", b"value")
    assert store.get("a") is None
    assert store.size("a") is None
    assert store.get_ranges("a", [(0, 1)]) is None
    assert store.get_with_generation("a") == (None, None)
    assert "a" not in store
    store.delete("a")
    writes: list[Callable[[], object]] = [
        lambda: store.set("a", b""),
        lambda: store.set_if("a", b"", None),
    ]
    for write in writes:
        with pytest.raises(StoreError, match="'a'"):
            write()
    assert store["a/b"] == b"value"
    assert left_behind() == []


def test_deleting_the_last_key_leaves_the_directory(store: LocalStore) -> None:
    store.set("a/b/c", b"value")
    store.delete("a/b/c")
    assert store.list_children("a") == ([], ["b"])
    assert list(store) == []


def test_deleting_a_prefix_removes_its_directory(store: LocalStore) -> None:
    store.set("a/b/c", b"value")
    store.delete_prefix("a/b")
    assert store.list_children("a") == ([], [])


def test_a_foreign_file_of_no_valid_key_is_not_listed(store: LocalStore) -> None:
    store.set("a", b"value")
    if os.name != "nt":
        (Path(store.root) / "b\\c").touch()
    assert list(store) == ["a"]
    assert store.list_children() == (["a"], [])


# Links


@posix
def test_links_are_followed_by_reads_and_listings(store: LocalStore, tmp_path: Path) -> None:
    store.set("a/b", b"value")
    (Path(store.root) / "link").symlink_to(Path(store.root) / "a")
    (Path(store.root) / "file").symlink_to(Path(store.root) / "a" / "b")
    assert store["link/b"] == store["file"] == b"value"
    assert sorted(store) == ["a/b", "file", "link/b"]
    assert store.list_children() == (["file"], ["a", "link"])


@posix
def test_a_listing_does_not_go_round_in_loops(store: LocalStore, tmp_path: Path) -> None:
    store.set("a/b/c", b"value")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "back").symlink_to(Path(store.root) / "a")
    (outside / "d").touch()
    folder = Path(store.root) / "a" / "b"
    (folder / "up").symlink_to(Path(store.root) / "a")
    (folder / "root").symlink_to(Path(store.root))
    (folder / "self").symlink_to(folder / "self")
    (folder / "nothing").symlink_to(folder / "missing")
    (folder / "out").symlink_to(outside)
    assert sorted(store) == ["a/b/c", "a/b/out/d"]
    assert store.list_children("a/b") == (["c"], ["out"])


@posix
def test_deleting_a_prefix_removes_links_and_not_what_they_lead_to(
    store: LocalStore, tmp_path: Path
) -> None:
    outside = LocalStore(tmp_path / "outside")
    outside.set("x", b"value")
    for name in ("link", "a/link"):
        store.set("a/b", b"value")
        (Path(store.root) / name).symlink_to(outside.root)
        store.delete_prefix(name)
        assert not (Path(store.root) / name).is_symlink()
    for prefix in ("a", ""):
        store.set("a/b", b"value")
        (Path(store.root) / "a" / "link").symlink_to(outside.root)
        (Path(store.root) / "a" / "file").symlink_to(Path(outside.root) / "x")
        store.delete_prefix(prefix)
        assert list(store) == []
    assert list(outside) == ["x"]


@posix
def test_deleting_a_prefix_beyond_a_link_out_of_the_root_is_refused(
    store: LocalStore, tmp_path: Path
) -> None:
    outside = LocalStore(tmp_path / "outside")
    outside.set("x/y", b"value")
    store.set("a", b"value")
    (Path(store.root) / "link").symlink_to(outside.root)
    with pytest.raises(StoreError, match="symbolic link"):
        store.delete_prefix("link/x")
    assert list(outside) == ["x/y"]


@posix
def test_a_write_replaces_a_link_and_not_what_it_leads_to(store: LocalStore) -> None:
    store.set("a", b"old")
    (Path(store.root) / "link").symlink_to(Path(store.root) / "a")
    store.set("link", b"new")
    assert (store["a"], store["link"]) == (b"old", b"new")


# Generations


@posix
def test_a_file_that_is_changed_in_place_has_another_generation(store: LocalStore) -> None:
    store.set("a", b"old")
    generation = store.get_with_generation("a")[1]
    (Path(store.root) / "a").write_bytes(b"new")
    with pytest.raises(ConflictError):
        store.set_if("a", b"mine", generation)


def test_the_modification_time_is_that_of_a_clock_with_nanoseconds(store: LocalStore) -> None:
    times = set()
    for _ in range(50):
        store.set("a", b"value")
        times.add(os.stat(os.path.join(store.root, "a")).st_mtime_ns)
    assert len(times) == 50


@posix
def test_a_file_has_the_permissions_that_the_umask_leaves(store: LocalStore) -> None:
    before = os.umask(0o027)
    try:
        store.set("a", b"value")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(os.path.join(store.root, "a")).st_mode) == 0o640


if sys.platform == "linux":

    def test_no_descriptor_stays_open(store: LocalStore) -> None:
        before = len(os.listdir("/proc/self/fd"))
        store.set("a/b", b"value")
        store.get("a/b")
        store.get("a")
        store.delete("missing")
        iterator = store.list()
        next(iterator)
        with pytest.raises(ConflictError):
            store.set_if("a/b", b"value", None)
        with pytest.raises(ShortReadError):
            store.get_ranges("a/b", [(0, 100)])
        assert len(os.listdir("/proc/self/fd")) == before


def test_many_values_are_put_and_deleted_in_order(store: LocalStore) -> None:
    store.set("a/gone", b"old")
    names = [f"{directory}/{n}" for directory in "aba" for n in range(70)]
    store.set_many([*((name, name.encode()) for name in names), ("a/gone", None), ("c/none", None)])
    store.set_many([("a/0", b"first"), ("a/0", b"second")])
    assert sorted(store) == sorted(set(names))
    assert store["a/0"] == b"second"
    assert store["b/69"] == b"b/69"


def test_what_came_before_a_failure_is_stored(store: LocalStore) -> None:
    def values() -> Iterator[tuple[str, bytes]]:
        yield "a/0", b"0"
        yield "a/1", b"1"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        store.set_many(values())
    with pytest.raises(UsageError, match=r"'\.\./x'"):
        store.set_many([("a/2", b"2"), ("../x", b"")])
    assert sorted(store) == ["a/0", "a/1", "a/2"]


def test_a_directory_that_is_removed_while_values_are_put_is_made_again(store: LocalStore) -> None:
    def values() -> Iterator[tuple[str, bytes]]:
        yield "a/0", b"0"
        shutil.rmtree(os.path.join(store.root, "a"))
        yield "a/1", b"1"
        yield "a/2", b"2"

    store.set_many(values())
    assert sorted(store) == ["a/1", "a/2"]


def test_values_put_in_a_row_take_the_lock_of_their_directory_once(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks: list[bool] = []
    lock = _directory.lock_descriptor

    def count(fd: int, *, shared: bool = False) -> None:
        locks.append(shared)
        lock(fd, shared=shared)

    store.set("a/0", b"")
    monkeypatch.setattr(_directory, "lock_descriptor", count)
    store.set_many((f"a/{n}", b"x") for n in range(100))
    assert locks == [True, True]  # at most 64 in a row, so that nobody waits for long


def test_a_value_put_in_a_row_is_not_lost_to_a_conditional_write(store: LocalStore) -> None:
    for _ in range(300):
        store.set("a/0", b"0")
        _, generation = store.get_with_generation("a/0")
        writer = Thread(target=store.set_many, args=([("a/0", b"row"), ("a/1", b"row")],))
        writer.start()
        with suppress(ConflictError):
            store.set_if("a/0", b"made of 0", generation)
        writer.join()
        assert store["a/0"] == b"row"
