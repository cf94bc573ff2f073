"""The examples of the documents that azarr takes over run, with `zarr` meaning azarr.

The documents are read when the tests run, and the tests are skipped where they are absent: nothing
of them is copied here. An example is named by the line it stands in. It is run in the order of its
document, in one namespace, under `zarr_format=2` and again under 3, and what it prints is compared
with what is printed there, after the normalisations that `same` declares. The tables in
`exceptions.toml` name every example that is not run, mended, or printed differently, and why.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tomllib
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest

import azarr
import azarr.storage

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
EXCEPTIONS = tomllib.loads(Path(__file__).with_name("exceptions.toml").read_text("utf-8"))

PARTS = {
    "array": ("000", None, None),
    "tutorial": ("001", r"## TUTORIAL", r"### 3\.1 "),
    "reference": ("001", r"## 3\.2 ", r"#+ 3\.3 "),
}
"""Document, and the headings between which the examples stand."""


@dataclass(frozen=True)
class Example:
    """A statement at the prompt and what is printed below it."""

    part: str
    line: int
    source: str
    wanted: str

    @property
    def reason_not_to_run(self) -> str | None:
        return self.reason("not_run")

    def reason(self, table: str) -> str | None:
        """Why the example is in a table of ranges, None if it is not."""
        for lines, reason in EXCEPTIONS[self.part].get(table, {}).items():
            if self.line in _range(lines):
                return str(reason)
        return None


def _range(lines: str) -> range:
    first, _, last = lines.partition("-")
    return range(int(first), int(last or first) + 1)


def examples(part: str) -> list[Example]:
    """The examples of a part, nothing where the document is absent."""
    number, begin, end = PARTS[part]
    found = sorted(SEEDS.glob(f"{number}_*.txt")) if SEEDS.is_dir() else []
    if not found:
        return []
    lines = _without_page_breaks(found[0].read_text("utf-8").splitlines())
    inside, result, at = begin is None, [], 0
    while at < len(lines):
        if not inside:
            inside = bool(re.match(begin or "", lines[at][1]))
        elif end is not None and re.match(end, lines[at][1]):
            break
        elif lines[at][1].lstrip().startswith(">>> "):
            at, example = _example(part, lines, at)
            result.append(example)
            continue
        at += 1
    return result


def _without_page_breaks(lines: list[str]) -> list[tuple[int, str]]:
    """Numbered lines, without what a page break put into the middle of an example."""
    result: list[tuple[int, str]] = []
    joins = False
    for number, line in enumerate(lines, 1):
        if re.search(r"\((continues on next|continued from previous) page\)", line):
            while result and result[-1][1].strip() in ("", "```"):
                result.pop()
            joins = True
        elif not joins or line.strip() not in ("", "```"):
            result.append((number, line))
            joins = False
    return result


def _example(part: str, lines: list[tuple[int, str]], at: int) -> tuple[int, Example]:
    first, line = lines[at]
    indent = line.index(">>> ") + 4
    source = [line[indent:]]
    at += 1
    while at < len(lines) and lines[at][1].lstrip().startswith("..."):
        source.append(lines[at][1][indent:])
        at += 1
    wanted = []
    while at < len(lines) and not _ends(lines[at][1]):
        wanted.append(lines[at][1])
        at += 1
    text = "\n".join(source)
    for pattern, replacement in EXCEPTIONS[part]["mended"].get(str(first), ()):
        text = re.sub(pattern, replacement, text)
    return at, Example(part, first, text, "\n".join(wanted))


def _ends(line: str) -> bool:
    """Whether a line ends what an example prints: blank, the next prompt, or a method's heading."""
    if not line.strip() or line.lstrip().startswith((">>>", "```")):
        return True
    heading = re.match(r"(\w+)\(", line)
    return heading is not None and hasattr(azarr.Array, heading[1])


def zarr_module() -> dict[str, types.ModuleType]:
    """azarr under the names of zarr 2, which also had its stores and codecs at the top."""

    class Zarr(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            places = (azarr, azarr.storage, numcodecs)
            return getattr(next((each for each in places if hasattr(each, name)), azarr), name)

    zarr = Zarr("zarr")
    zarr.storage = azarr.storage  # type: ignore[attr-defined]
    return {"zarr": zarr, "zarr.storage": azarr.storage}


@cache
def outcomes(part: str, zarr_format: int, folder: Path) -> dict[int, tuple[str, str]]:
    """What every example of a part prints: line -> (wanted, printed)."""
    namespace: dict[str, Any] = {"np": np}
    out = io.StringIO()  # one for all: an example may keep `sys.stdout`
    results = {}
    with contextlib.chdir(folder), azarr.config.using(zarr_format=zarr_format):
        for example in examples(part):
            if example.reason_not_to_run is None:
                results[example.line] = (example.wanted, printed(example, namespace, out))
    return results


def printed(example: Example, namespace: dict[str, Any], out: io.StringIO) -> str:
    out.seek(0)
    out.truncate()
    with contextlib.redirect_stdout(out):
        try:
            code = compile(example.source + "\n", f"line {example.line}", "single")
            exec(code, namespace)
        except Exception as error:
            out.write(f"{type(error).__name__}: {error}\n")
    return out.getvalue()


def same(wanted: str, got: str) -> bool:
    """Whether two prints are the same, but for names, NumPy's ways of printing, and white space.

    Where the document leaves out elements ("..."), any number of them may be printed.
    """
    first, *rest = _normal(wanted).split("...")
    pattern = re.escape(first) + "".join(f"[^()]*{re.escape(part)}" for part in rest)
    return bool(re.fullmatch(pattern, _normal(got)))


_NORMALISATIONS = [
    (r"\bzarr\.(core|hierarchy)\.", "azarr."),
    (r"\bzarr\.storage\.", "azarr.storage."),
    (r"\bazarr\.(Array|Group) ('?)(/[^' ]*)\2", r"azarr.\1 '\3'"),
    # NumPy 2 names the type of a scalar.
    (r"np\.(?!array)\w+\(((?:[^()]|\([^()]*\))*)\)", r"\1"),
    (r"numpy\.datetime64", "datetime64"),
    (r"\bdatetime64\(('[^']*')(, 'D')?\)", r"\1"),
    # ... and leaves out byte order and dtype where they say nothing.
    (r"dtype='[|<](S\d+)'", r"dtype='\1'"),
    (r",\s*(dtype=bool|shape=\([^)]*\))(?=[,)])", ""),
    (r"np\.(True|False)_", r"\1"),
    (r"dtype=dtype\('O'\)|dtype='?\|[O0]'?", "dtype=object"),
    (r"(\d)\.0\b", r"\1."),
    (r"↳|↪|↵", ""),
    (r"\s+", ""),
]


def _normal(text: str) -> str:
    for pattern, replacement in _NORMALISATIONS:
        text = re.sub(pattern, replacement, text)
    return text


FOUND = {part: examples(part) for part in PARTS}
FORMATS = (2, 3)
CASES = [
    pytest.param(part, zarr_format, example.line, id=f"{part}-v{zarr_format}-line{example.line}")
    for part in PARTS
    for zarr_format in FORMATS
    for example in FOUND[part]
    if example.reason_not_to_run is None
]
pytestmark = pytest.mark.skipif(not any(FOUND.values()), reason="the documents are not here")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made: dict[tuple[str, int], Path] = {}
    modules = zarr_module()
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)

    def folder(part: str, zarr_format: int) -> Path:
        key = (part, zarr_format)
        if key not in made:
            made[key] = tmp_path_factory.mktemp(f"{part}{zarr_format}")
        return made[key]

    yield folder
    for name, module in before.items():
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module


def expected_to_differ(part: str, zarr_format: int) -> dict[str, str]:
    tables = EXCEPTIONS[part]
    return {**tables["different"], **(tables["different_in_v3"] if zarr_format == 3 else {})}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("part", "zarr_format", "line"), CASES)
def test_an_example_prints_what_the_document_says(
    folders: Any, part: str, zarr_format: int, line: int
) -> None:
    wanted, got = outcomes(part, zarr_format, folders(part, zarr_format))[line]
    example = next(each for each in FOUND[part] if each.line == line)
    needs = example.reason("needs")
    if needs is not None:
        pytest.importorskip(needs)
    not_built = example.reason("not_built")
    if not_built is not None and not same(wanted, got):
        pytest.xfail(f"not built yet: {not_built}")
    differs = expected_to_differ(part, zarr_format).get(str(line))
    if differs is None:
        assert same(wanted, got), f"wanted:\n{wanted}\ngot:\n{got}"
    else:
        assert not same(wanted, got), f"no longer different ({differs}): take it off the list"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", PARTS)
def test_what_has_been_built_is_off_the_list(folders: Any, part: str) -> None:
    results = outcomes(part, 2, folders(part, 2))
    built = [
        lines
        for lines in EXCEPTIONS[part].get("not_built", {})
        if all(same(*results[line]) for line in _range(lines) if line in results)
    ]
    assert built == [], "take these ranges of lines off the table `not_built`"


def test_every_exception_names_an_example() -> None:
    for part, tables in EXCEPTIONS.items():
        lines = {example.line for example in FOUND[part]}
        for table in tables.values():
            assert [key for key in table if lines.isdisjoint(_range(key))] == [], part


def test_examples_are_found_in_every_part() -> None:
    assert {part: len(found) > 50 for part, found in FOUND.items()} == dict.fromkeys(PARTS, True)
