"""The exported names, one table for each public module, and the equal signatures of both faces.

A failure here means that the public interface changed. If that was meant, change the table.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

PUBLIC_NAMES = {
    "azarr": """
    """,
    "azarr.aio": """
    """,
    "azarr.storage": """
    """,
    "azarr.errors": """
        AzarrError
        NotFoundError  NodeNotFoundError  ArrayNotFoundError  GroupNotFoundError
        ExistsError  ContainsArrayError  ContainsGroupError
        SelectionError  ShapeMismatchError
        MetadataError  UnknownCodecError  UnknownDataTypeError
        ChunkDataError  DecodeError  ChecksumError
        StoreError  ShortReadError  ConflictError
        ReadOnlyError
        UsageError
    """,
}

# A function of azarr without a twin in azarr.aio, and the reverse, with the reason.
BLOCKING_ONLY: dict[str, str] = {}
AIO_ONLY: dict[str, str] = {}

# Functions of azarr.aio that are not coroutine functions, with the reason.
NOT_AWAITED: dict[str, str] = {}

# A blocking class and its awaitable twin.
TWINS = {"Array": "AsyncArray", "Group": "AsyncGroup"}

# Python cannot await these: blocking name -> name on the twin, or None where there is none.
RENAMED: dict[str, dict[str, str | None]] = {
    "Array": {"async_array": "blocking"},
    "Group": {"async_group": "blocking"},
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
    missing, different = [], []
    for member, value in blocking.items():
        twin = renamed.get(member, member)
        if twin is None:
            continue
        if twin not in awaited:
            missing.append(member)
        elif inspect.isroutine(value) and inspect.isroutine(awaited[twin]):
            ours, theirs = twin_signature(value), twin_signature(awaited[twin])
            if ours != theirs:
                different.append((member, ours, theirs))
    assert {"missing": missing, "different": different} == {"missing": [], "different": []}
