"""Writes what people read of a run: plots beside `results.json`, and the tables of a page.

`python -m benchmarks._page FOLDER`. Where FOLDER is `benchmarks/results`, the part of
`docs/benchmarks.md` between its markers is written anew too.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._growth import CURVES
from benchmarks._process import ROOT
from benchmarks._table import number, ratio, time, unsteady
from benchmarks._targets import MEMORY_MORE, MEMORY_RATIO
from benchmarks.contenders import CONTENDERS

PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "benchmarks"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
TITLES = {
    "arrays": ("Arrays", ("A", "B", "C", "D", "E", "F")),
    "shards": ("Shards", ("G",)),
    "cubes": ("Cubes", ("U", "zstd", "S")),
    "nodes": ("Groups and imports", ("groups", "import")),
}


def main() -> None:
    """Draw, and write the page."""
    folder = Path(sys.argv[1])
    document = json.loads((folder / "results.json").read_text("utf-8"))
    drawn = _drawn(document, folder)
    (folder / "results.md").write_text(generated(document, drawn), "utf-8")
    if folder.resolve() != ROOT / "benchmarks" / "results":
        return
    shutil.rmtree(IMAGES, ignore_errors=True)
    IMAGES.mkdir()
    for name in drawn:
        shutil.copy(folder / name, IMAGES / name)
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page = generated(document, drawn, f"{IMAGES.name}/")
    PAGE.write_text(f"{before}{BEGIN}\n\n{page}\n{END}{after}", "utf-8")


def _drawn(document: Mapping[str, Any], folder: Path) -> list[str]:
    """The names of the plots, drawn anew; none without matplotlib."""
    for old in folder.glob("*.svg"):
        old.unlink()
    try:
        from benchmarks import _plots
    except ImportError:
        print("matplotlib is not installed: no plots")
        return []
    return _plots.draw(document, folder)


def generated(document: Mapping[str, Any], drawn: Sequence[str], images: str = "") -> str:
    """The tables and plots, in Markdown; `images` goes before the name of each plot."""

    def image(alt: str, name: str) -> str:
        return f"![{alt}]({images}{name}.svg)" if f"{name}.svg" in drawn else ""

    parts = [_run(document), _targets(document["targets"])]
    for key, (title, groups) in TITLES.items():
        rows = [row for row in document["rows"] if row["name"].partition(" ")[0] in groups]
        if rows:
            plot = image(f"{title}: time of each work", key)
            parts += [f"## {title}", plot, _times(rows), _ratios(rows), _failures(rows)]
    if document["memory"]:
        parts += ["## Memory", image("Peak memory", "memory"), _memory(document["memory"])]
    curves = [curve for curve in CURVES if f"curve_{curve.key}.svg" in drawn]
    if curves:
        parts += ["## Growth", *(image(each.title, f"curve_{each.key}") for each in curves)]
    if document["round_trips"]:
        plot = image("Works on a store that answers after 50 ms", "round_trips")
        parts += ["## A slow store", plot, _round_trips(document["round_trips"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose first columns are text, the others numbers."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _run(document: Mapping[str, Any]) -> str:
    machine, settings = document["machine"], document["settings"]
    facts = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB of memory, "
        f"{machine['system']}; azarr at {machine['commit']}.",
        f"{settings['rounds']} rounds after one to warm up; "
        + ("everybody syncs what they write." if settings["fsync"] else "nobody calls fsync."),
    ]
    names = document["contenders"].items()
    rows = [[name, about["version"], about["python"], about["numpy"]] for name, about in names]
    parts = [" ".join(facts), table(["column", "what it is", "Python", "NumPy"], rows, 4)]
    if document["left_out"]:
        left_out = (f"{name} ({why})" for name, why in document["left_out"].items())
        parts.append(f"Left out: {'; '.join(left_out)}.")
    return "\n\n".join(parts)


def _targets(targets: Sequence[Mapping[str, Any]]) -> str:
    met = sum(target["met"] for target in targets)
    rows = [
        [
            target["work"],
            target["against"],
            _between(target),
            number(target["limit"]),
            "met" if target["met"] else "**not met**",
        ]
        for target in sorted(targets, key=lambda target: target["met"])
    ]
    head = ["work", "against", "found", "at most", ""]
    return f"## Targets\n\n{met} of {len(targets)} are met.\n\n{table(head, rows, 2)}"


def _between(target: Mapping[str, Any]) -> str:
    found = number(target["found"])
    if "low" not in target:
        return found
    return f"{found} ({number(target['low'])} to {number(target['high'])})"


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name for name in CONTENDERS if any(name in row["samples"] for row in rows)]


def _times(rows: Sequence[Mapping[str, Any]]) -> str:
    names = _columns(rows)

    def cell(row: Mapping[str, Any], name: str) -> str:
        times = row["samples"].get(name)
        return f"{time(median(times))}{' ~' if unsteady(times) else ''}" if times else ""

    lines = [[row["name"], *(cell(row, name) for name in names)] for row in rows]
    return "Times (median; `~`: the middle half of the samples spans a factor of 1.5):\n\n" + table(
        ["work", *names], lines
    )


def _ratios(rows: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in _columns(rows) if name != "azarr"]

    def cell(row: Mapping[str, Any], name: str) -> str:
        samples = row["samples"]
        if not (samples.get(name) and samples.get("azarr")):
            return ""
        found = ratio(samples["azarr"], samples[name])
        return f"{number(found.middle)} {found.quartiles}"

    lines = [[row["name"], *(cell(row, name) for name in names)] for row in rows]
    said = "azarr's time over theirs (median and quartiles of the ratios in each round):"
    return f"{said}\n\n{table(['work', *names], lines)}"


def _failures(rows: Sequence[Mapping[str, Any]]) -> str:
    failures = [(row["name"], *each) for row in rows for each in row["failures"].items()]
    said = [f"* {name}, {who}: {why}" for name, who, why in failures]
    return "Could not be measured:\n\n" + "\n".join(said) if said else ""


def _memory(rows: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in CONTENDERS if any(name in row["more"] for row in rows)]
    lines = []
    for row in rows:
        mib, most = row["result"] / 2**20, MEMORY_RATIO + MEMORY_MORE / row["result"]
        more = [row["more"].get(name) for name in names]
        cells = [f"{median(each) / row['result']:.2f}" if each else "" for each in more]
        lines.append([f"{row['name']}, {mib:.0f} MiB", number(most), *cells])
    before = {
        name: median(row["before"][name][0] for row in rows if name in row["before"]) / 2**20
        for name in names
    }
    lines.append(["held before, MiB", "", *(f"{before[name]:.0f}" for name in names)])
    return (
        "Resident memory at its peak beyond what the process held before the read, as a multiple "
        "of the result:\n\n" + table(["array", "at most", *names], lines)
    )


def _round_trips(found: Mapping[str, Any]) -> str:
    if "failed" in found:
        return f"Could not be measured: {found['failed']}."
    parts = [found["settings"] + ".", *(table(head, rows) for head, *rows in found["tables"])]
    parts.append("\n".join(f"* {target}" for target in found["targets"]))
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
