"""The exported names, one table for each public module, and the equal signatures of both faces.

A failure here means that the public interface changed. If that was meant, change the table.
"""

from __future__ import annotations

import importlib
import inspect
import pickle
import re
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType

import pytest

PUBLIC_NAMES = {
    "azarr": """
        create_array  create_group  open  open_array  open_group
        create  array  empty  zeros  ones  full
        empty_like  zeros_like  ones_like  full_like  open_like  group
        read_many  consolidate_metadata  open_consolidated
        save  save_array  save_group  load  copy  copy_all  copy_store  tree  CopyError
        Array  Group  Attributes  AsyncArray  AsyncGroup
        ThreadSynchronizer  ProcessSynchronizer
        Observer  LoggingObserver  observing  stats
        config  errors
    """,
    "azarr.aio": """
        create_array  create_group  open  open_array  open_group
        create  array  empty  zeros  ones  full
        empty_like  zeros_like  ones_like  full_like  open_like  group
        read_many  consolidate_metadata  open_consolidated
        save  save_array  save_group  load  copy  copy_all  copy_store  tree
        AsyncArray  AsyncGroup  AsyncAttributes
    """,
    "azarr.storage": """
        MemoryStore  MappingStore  LocalStore  FsspecStore  ObstoreStore
        KVStore  DirectoryStore  NestedDirectoryStore  TempStore  FSStore
        ConsolidatedMetadataStore  N5Store  N5FSStore
        ZipStore  SQLiteStore  LMDBStore  DBMStore  LRUStoreCache
        ABSStore  RedisStore  MongoDBStore
        Store  BlockingStore  AsyncStore  Latency  EventLoop  StoreLike
        make_store  check_key  check_prefix
        init_array  init_group  contains_array  contains_group
        listdir  rmdir  rename  getsize  migrate_1to2  migrate_2to3  default_compressor
    """,
    "azarr.errors": """
        AzarrError
        NotFoundError  NodeNotFoundError  ArrayNotFoundError  GroupNotFoundError
        ExistsError  ContainsArrayError  ContainsGroupError  CopyError
        SelectionError  ShapeMismatchError
        MetadataError  UnknownCodecError  UnknownDataTypeError
        ChunkDataError  DecodeError  ChecksumError
        StoreError  ShortReadError  ConflictError
        ReadOnlyError
        UsageError
    """,
    "azarr.config": """
        Config  RetryPolicy  get  set  using
    """,
    "azarr.codecs": """
        register_codec  find_codec  default_codecs  spec_of  numcodec_of
        compile_pipeline  Pipeline  N5Block  N5Blocks
        Codec  Stage  Chunk  Memory  Size  as_bytes
    """,
    "azarr.testing": """
        CountingStore  LatencyStore  FaultStore
        AsyncCountingStore  BlockingLatencyStore  AsyncFaultStore
        Request  RequestLog
    """,
}

# A function of azarr without a twin in azarr.aio, and the reverse, with the reason.
BLOCKING_ONLY = {
    "observing": "does no I/O",
    "stats": "does no I/O",
}
AIO_ONLY: dict[str, str] = {}

# Functions of azarr.aio that are not coroutine functions, with the reason.
NOT_AWAITED: dict[str, str] = {}

# Names of `azarr.storage` that zarr 2 has at the top; programs that come from it use them there.
STORES_OF_ZARR_2 = """
    MemoryStore  KVStore  DirectoryStore  NestedDirectoryStore  TempStore  FSStore  ZipStore
    DBMStore  LMDBStore  SQLiteStore  MongoDBStore  RedisStore  LRUStoreCache  ABSStore
    ConsolidatedMetadataStore  N5Store  N5FSStore
""".split()

# A blocking class and its awaitable twin.
TWINS = {"Array": "AsyncArray", "Group": "AsyncGroup"}

# Blocking name -> name on the twin, or None where there is none.
RENAMED: dict[str, dict[str, str | None]] = {
    "Array": {"async_array": "blocking"},
    "Group": {
        "async_group": "blocking",
        # `MutableMapping` brings them; each would be several operations that look like one.
        **dict.fromkeys(["clear", "pop", "popitem", "setdefault", "update"]),
    },
}

# What only the twin needs: Python has no syntax to await a constructor, brackets or an assignment.
AWAITED_ONLY = {
    "Array": "open getitem setitem set_fill_value refresh",
    "Group": "open getitem setitem delitem contains",
}

# Members whose signatures differ, with the reason.
OTHER_SIGNATURE = {
    "Array": {},
    "Group": {
        "get": "that of `MutableMapping` has no annotations",
        **dict.fromkeys(
            "keys values items arrays array_keys groups group_keys".split(),
            "what is awaited arrives whole: a list",
        ),
    },
}


def exported(module: ModuleType) -> set[str]:
    """`__all__`, or what a module without it defines itself."""
    if hasattr(module, "__all__"):
        return set(module.__all__)
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


def twin_signature(function: object) -> list[str]:
    """One line for each parameter and the result, with every AsyncX written as X."""
    assert callable(function)
    signature = inspect.signature(function)
    lines = [f"{parameter.kind.name} {parameter}" for parameter in signature.parameters.values()]
    lines.append(f"returns {inspect.formatannotation(signature.return_annotation)}")
    return [re.sub(r"\bAsync(?=[A-Z])", "", line).replace("azarr.aio.", "azarr.") for line in lines]


def public_functions(module: ModuleType) -> set[str]:
    return {name for name in exported(module) if inspect.isroutine(getattr(module, name))}


def public_members(cls: type) -> dict[str, object]:
    """Public methods and properties, also inherited ones, without those of `object`."""
    return {
        name: inspect.getattr_static(cls, name)
        for name in dir(cls)
        if not name.startswith("_") and not hasattr(object, name)
    }


def shared_functions() -> Iterator[tuple[str, object, object]]:
    """Name, blocking function, awaited function."""
    azarr, aio = importlib.import_module("azarr"), importlib.import_module("azarr.aio")
    for name in sorted(public_functions(azarr) & public_functions(aio)):
        yield name, getattr(azarr, name), getattr(aio, name)


@pytest.mark.parametrize("module", PUBLIC_NAMES)
def test_a_public_module_exports_exactly_the_names_in_its_table(module: str) -> None:
    names = PUBLIC_NAMES[module].split()
    assert len(names) == len(set(names)), "a name stands twice in the table"
    found = exported(importlib.import_module(module))
    assert {"new": found - set(names), "gone": set(names) - found} == {"new": set(), "gone": set()}


@pytest.mark.parametrize("module", PUBLIC_NAMES)
def test_every_exported_name_exists_and_has_a_docstring(module: str) -> None:
    loaded = importlib.import_module(module)
    for name in exported(loaded):
        value = getattr(loaded, name)
        if inspect.isroutine(value) or inspect.isclass(value):
            assert inspect.getdoc(value), f"{module}.{name} has no docstring"


def test_every_function_is_offered_blocking_and_awaited() -> None:
    blocking = public_functions(importlib.import_module("azarr")) - BLOCKING_ONLY.keys()
    awaited = public_functions(importlib.import_module("azarr.aio")) - AIO_ONLY.keys()
    assert blocking == awaited


def test_a_function_takes_and_returns_the_same_blocking_and_awaited() -> None:
    pairs = {
        name: (twin_signature(blocking), twin_signature(awaited))
        for name, blocking, awaited in shared_functions()
    }
    assert {name: pair for name, pair in pairs.items() if pair[0] != pair[1]} == {}


def test_the_functions_of_aio_are_awaited() -> None:
    plain = {
        name
        for name, _, awaited in shared_functions()
        if not (inspect.iscoroutinefunction(awaited) or inspect.isasyncgenfunction(awaited))
    }
    assert plain == NOT_AWAITED.keys()


@pytest.mark.parametrize("name", TWINS)
def test_a_class_and_its_twin_have_the_same_members_with_the_same_signatures(name: str) -> None:
    blocking = public_members(getattr(importlib.import_module("azarr"), name))
    awaited = public_members(getattr(importlib.import_module("azarr.aio"), TWINS[name]))
    renamed = RENAMED[name]
    missing, different = [], set()
    twins = {renamed.get(member, member) for member in blocking}
    assert awaited.keys() - twins == set(AWAITED_ONLY[name].split())
    for member, value in blocking.items():
        twin = renamed.get(member, member)
        if twin is None:
            continue
        if twin not in awaited:
            missing.append(member)
        elif inspect.isroutine(value) and inspect.isroutine(awaited[twin]):
            ours, theirs = twin_signature(value), twin_signature(awaited[twin])
            if ours != theirs:
                different.add(member)
    assert missing == []
    assert different == OTHER_SIGNATURE[name].keys()


def test_the_version_is_that_of_the_installed_package() -> None:
    azarr = importlib.import_module("azarr")
    try:
        expected = metadata.version("azarr")
    except metadata.PackageNotFoundError:
        pytest.skip("azarr is not installed, only on the path")
    assert azarr.__version__ == expected


def test_help_shows_what_a_function_returns_and_not_the_operation_behind_it() -> None:
    for module in ("azarr", "azarr.aio"):
        loaded = importlib.import_module(module)
        for name in public_functions(loaded):
            assert "Operation" not in str(inspect.signature(getattr(loaded, name))), name


def test_the_public_functions_pickle() -> None:
    for module in ("azarr", "azarr.aio"):
        loaded = importlib.import_module(module)
        for name in public_functions(loaded):
            function = getattr(loaded, name)
            assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize("name", STORES_OF_ZARR_2)
def test_a_store_of_zarr_2_is_at_the_top_too(name: str) -> None:
    azarr = importlib.import_module("azarr")
    assert getattr(azarr, name) is getattr(importlib.import_module("azarr.storage"), name)
    assert name not in azarr.__all__
