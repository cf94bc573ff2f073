"""The shape of the package: which module may import which, read from every module's source.

All imports count, also those inside functions and under `TYPE_CHECKING`. The tables below say
what is allowed; a rule that has to change is changed there, with a reason in `docs/decisions/`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "azarr"
SOURCE = Path(__file__).resolve().parents[1] / "src" / PACKAGE

# Each row may import from the rows above it and from its own. "." is azarr/__init__.py.
LAYERS = (
    ("errors", "typing", "config"),
    ("model",),
    ("codecs",),
    ("indexing",),
    ("plan",),
    ("stores",),
    ("engine",),
    ("nodes",),
    ("tools",),
    ("blocking", "blocking_tools", "aio", "storage", "."),
    ("integrations", "compat", "cli", "testing"),
)
# The same inside a layer that has folders; "." are the modules beside them.
FOLDERS = {
    "engine": ("process", "runtimes", ".", "hierarchy", "arrays"),
    "nodes": ("_facade", "arguments", "operations", "."),
}
RANK = {layer: rank for rank, row in enumerate(LAYERS) for layer in row}

# What the last row is built on, and all that it may import from the rows above.
PUBLIC = frozenset(
    "azarr azarr.aio azarr.codecs azarr.config azarr.errors azarr.storage azarr.typing".split()
)

# No I/O, no async, no clock, no threads.
PURE = ("model", "codecs", "indexing", "plan")
IMPURE_MODULES = frozenset(
    "aiofiles anyio asyncio concurrent fsspec multiprocessing obstore s3fs selectors signal "
    "socket subprocess tempfile threading time trio urllib".split()
)

# `import azarr` must stay cheap, so these are imported where they are used.
HEAVY_MODULES = ("aiofiles", "aiohttp", "anyio", "botocore", "fsspec", "obstore", "s3fs", "trio")

MAX_LINES = 500


@dataclass(frozen=True)
class Import:
    """One import statement: `importer` (a module's dotted name) needs `target`, at `line`."""

    importer: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def modules_under(source: Path) -> dict[str, Path]:
    """The dotted name of every module in a package -> its file."""
    names = {}
    for path in sorted(source.rglob("*.py")):
        parts = [source.name, *path.relative_to(source).with_suffix("").parts]
        names[".".join(parts).removesuffix(".__init__")] = path
    return names


def imports_of(name: str, path: Path, known: Collection[str]) -> Iterator[Import]:
    """Every import in a module. `from a import b` means the module a.b where there is one."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = absolute_base(node, name, is_package=path.name == "__init__.py")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(name, inner if inner in known else base, node.lineno)


def absolute_base(node: ast.ImportFrom, importer: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = importer.split(".")
    package = parts[: len(parts) - node.level + is_package]
    return ".".join([*package, *([node.module] if node.module else [])])


def layer_of(module: str) -> str:
    """`azarr.model._grid` -> "model", `azarr` -> "."."""
    return [*module.split("."), "."][1]


def own_imports(source: Path) -> list[Import]:
    """Every import of one module of the package by another."""
    modules = modules_under(source)
    package = source.name
    return [
        found
        for name, path in modules.items()
        for found in imports_of(name, path, modules.keys())
        if found.target.split(".")[0] == package
    ]


def upward(imports: list[Import]) -> list[str]:
    return [
        str(found)
        for found in imports
        if RANK[layer_of(found.target)] > RANK[layer_of(found.importer)]
    ]


def cycle(edges: Iterator[tuple[str, str]]) -> list[str]:
    """The names along one cycle, or nothing."""
    graph: dict[str, set[str]] = {}
    for importer, target in edges:
        if importer != target:
            graph.setdefault(importer, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def behind_a_door(imports: list[Import]) -> list[str]:
    """Imports of a module inside a folder, from outside that folder and not through its door."""
    return [
        str(found)
        for found in imports
        if found.target.count(".") > 1 and layer_of(found.target) != layer_of(found.importer)
    ]


def not_public(imports: list[Import]) -> list[str]:
    """Imports by the last row of the layers of anything that is not public."""
    last = len(LAYERS) - 1
    return [
        str(found)
        for found in imports
        if RANK[layer_of(found.importer)] == last
        and RANK[layer_of(found.target)] != last
        and found.target not in PUBLIC
    ]


MODULES = modules_under(SOURCE)
IMPORTS = own_imports(SOURCE)


def test_every_module_belongs_to_a_layer() -> None:
    unknown = sorted({layer_of(name) for name in MODULES} - RANK.keys())
    assert not unknown, f"not in the layer table: {unknown}"


def test_no_import_points_up_the_layers() -> None:
    assert upward(IMPORTS) == []


@pytest.mark.parametrize("layer", FOLDERS)
def test_no_import_points_up_the_folders_of_a_layer(layer: str) -> None:
    """The door of the layer, which imports from everywhere, is above all of them."""
    rank = {folder: number for number, folder in enumerate(FOLDERS[layer])}

    def folder_of(module: str) -> str:
        rest = module.split(".")[2:]
        return rest[0] if len(rest) > 1 or rest[0] in rank else "."

    offences = [
        str(found)
        for found in IMPORTS
        if layer_of(found.importer) == layer_of(found.target) == layer
        and found.importer.count(".") > 1
        and found.target.count(".") > 1
        and rank[folder_of(found.target)] > rank[folder_of(found.importer)]
    ]
    assert offences == []


def test_no_modules_import_each_other_in_a_cycle() -> None:
    assert cycle((found.importer, found.target) for found in IMPORTS) == []


def test_no_layers_import_each_other_in_a_cycle() -> None:
    assert cycle((layer_of(found.importer), layer_of(found.target)) for found in IMPORTS) == []


def test_a_folder_is_entered_only_through_its_door() -> None:
    assert behind_a_door(IMPORTS) == []


def test_what_is_built_on_azarr_uses_only_its_public_modules() -> None:
    assert not_public(IMPORTS) == []


def test_the_modules_imported_exist() -> None:
    assert [str(found) for found in IMPORTS if found.target not in MODULES] == []


@pytest.mark.parametrize("layer", PURE)
def test_a_pure_layer_does_no_io_and_knows_no_threads_clock_or_event_loop(layer: str) -> None:
    offences = []
    for name, path in MODULES.items():
        if layer_of(name) != layer:
            continue
        for found in imports_of(name, path, MODULES.keys()):
            if found.target.split(".")[0] in IMPURE_MODULES:
                offences.append(str(found))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
                offences.append(f"{name}:{node.lineno} is asynchronous")
    assert offences == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_opens_with_a_docstring_and_fits_the_size_limit(name: str) -> None:
    source = MODULES[name].read_text("utf-8")
    assert ast.get_docstring(ast.parse(source)), f"{name} does not say what belongs in it"
    lines = source.count("\n")
    assert lines <= MAX_LINES, f"{name} has {lines} lines, the limit is {MAX_LINES}: split it"


def test_importing_azarr_imports_no_heavy_dependency() -> None:
    script = f"import sys, azarr; print(*sorted(sys.modules.keys() & set({HEAVY_MODULES})))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []


# The rules themselves, tried on a package that breaks them.


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / PACKAGE
    for folder in ("model", "stores", "compat", "cli"):
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").touch()
    (root / "__init__.py").touch()
    return root


@pytest.mark.parametrize(
    "source",
    [
        "import azarr.stores",
        "from azarr import stores",
        "from azarr.stores import Store",
        "from ..stores import Store",
        "def late():\n    from azarr.stores import Store",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from azarr.stores import Store",
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(package: Path, source: str) -> None:
    (package / "model" / "_grid.py").write_text(source)
    line = source.count("\n") + 1
    assert upward(own_imports(package)) == [f"azarr.model._grid:{line} imports azarr.stores"]


def test_a_downward_import_is_allowed(package: Path) -> None:
    (package / "stores" / "_memory.py").write_text("from azarr.model import Grid")
    assert upward(own_imports(package)) == []


def test_a_cycle_through_a_door_is_found(package: Path) -> None:
    (package / "model" / "__init__.py").write_text("from azarr.model._grid import Grid")
    (package / "model" / "_grid.py").write_text("from azarr.model import Other")
    found = cycle((each.importer, each.target) for each in own_imports(package))
    assert set(found) == {"azarr.model", "azarr.model._grid"}


def test_a_cycle_between_folders_of_one_rank_is_found(package: Path) -> None:
    (package / "compat" / "_zarr2.py").write_text("from azarr.cli import main")
    (package / "cli" / "_main.py").write_text("from azarr.compat import zarr2")
    imports = own_imports(package)
    assert cycle((each.importer, each.target) for each in imports) == []
    layers = cycle((layer_of(each.importer), layer_of(each.target)) for each in imports)
    assert set(layers) == {"compat", "cli"}


@pytest.mark.parametrize("module", ["_grid", "grids"])
def test_an_import_around_a_door_is_found(package: Path, module: str) -> None:
    (package / "model" / f"{module}.py").touch()
    (package / "stores" / "__init__.py").write_text(f"from azarr.model.{module} import Grid")
    assert behind_a_door(own_imports(package)) == [f"azarr.stores:1 imports azarr.model.{module}"]


def test_a_command_that_reaches_into_the_core_is_found(package: Path) -> None:
    (package / "cli" / "_info.py").write_text("import azarr\nfrom azarr.model import Grid")
    assert not_public(own_imports(package)) == ["azarr.cli._info:2 imports azarr.model"]
