"""Plots of results, as SVG: bars on a logarithmic scale for each work, and curves.

One style: azarr is blue, the bare codec grey, everybody else orange, and every bar is labelled; the
lines of curves have colours that the colour-blind can tell apart (Okabe and Ito), and markers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks._growth import CURVES, SCALES, Curve
from benchmarks._table import time
from benchmarks.contenders import CONTENDERS, OURS

mpl.use("svg")
mpl.rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid.axis": "x",
        "grid.color": "#dddddd",
        "grid.linewidth": 0.6,
        "svg.hashsalt": "azarr",  # the same results make the same file
        "svg.fonttype": "none",  # a tenth of the size of paths
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
)

BLUE, LIGHT_BLUE, GREY, ORANGE = "#0072B2", "#56B4E9", "#999999", "#E69F00"
LINES = {
    "azarr": ("#0072B2", "o"),
    "zarr": ("#D55E00", "s"),
    "zarr fused": ("#E69F00", "D"),
    "zarr 2": ("#CC79A7", "^"),
    "zarrs": ("#56B4E9", "v"),
    "tensorstore": ("#009E73", "P"),
}

FIGURES: dict[str, tuple[str, ...]] = {
    "arrays": ("A", "B", "C", "D", "E", "F"),
    "shards": ("G",),
    "cubes": ("U", "zstd", "S"),
    "nodes": ("groups", "import"),
}
"""Works by the file that shows them."""

COLUMNS = {"arrays": 2, "shards": 2, "cubes": 2, "nodes": 2, "memory": 2, "round_trips": 2}
BAR = 0.2
"""Inches of height of one bar."""


Panel = tuple[str, str, Mapping[str, Sequence[float]]]
"""What is bold above it, what is pale, and the samples of each bar."""


def draw(document: Mapping[str, Any], folder: Path) -> list[str]:
    """Draw everything that there are results of; the names of the files."""
    drawn = []
    for name, groups in FIGURES.items():
        rows = [row for row in document["rows"] if row["name"].partition(" ")[0] in groups]
        panels = [(row["name"], row["about"], row["samples"]) for row in rows]
        drawn += _bars(name, panels, folder, time, log=True)
    panels = [
        (row["name"], f"{row['result'] / 2**20:.0f} MiB", _ratios(row))
        for row in document["memory"]
    ]
    drawn += _bars("memory", panels, folder, lambda value: f"{value:.2f}x", log=False)
    drawn += _bars("round_trips", _round_trips(document), folder, time, log=True)
    for curve in CURVES:
        if curve.key in document["curves"]:
            drawn.append(_curve(curve, document["curves"][curve.key], folder))
    return drawn


def _ratios(row: Mapping[str, Any]) -> dict[str, list[float]]:
    return {name: [each / row["result"] for each in more] for name, more in row["more"].items()}


def _round_trips(document: Mapping[str, Any]) -> list[Panel]:
    tables = document["round_trips"].get("tables") or [[[]]]
    panels: list[Panel] = []
    (_, *names), *rows = tables[0] if tables[0][0] else [[""]]
    for title, *cells in rows:
        measured = ((name, cell) for name, cell in zip(names, cells, strict=True) if cell != "-")
        panels.append((title, "", {name: [float(cell.split()[0])] for name, cell in measured}))
    return panels


def _bars(name: str, panels: Sequence[Panel], folder: Path, text: Any, log: bool) -> list[str]:
    """A figure with a panel of bars for each work."""
    if not panels:
        return []
    columns = min(COLUMNS[name], len(panels))
    lines = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [max(len(samples) for *_, samples in line) * BAR + 0.55 for line in lines]
    figure = pyplot.figure(figsize=(5.2 * columns, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(lines), columns, height_ratios=heights)
    for i, line in enumerate(lines):
        for j, (title, about, samples) in enumerate(line):
            axes = figure.add_subplot(grid[i, j])
            axes.set_title(title)
            axes.set_title(about, loc="right", fontsize=8, fontweight="normal", color="#555555")
            _panel(axes, samples, text, log)
    return [_save(figure, folder / f"{name}.svg")]


def _panel(axes: Axes, samples: Mapping[str, Sequence[float]], text: Any, log: bool) -> None:
    """Bars from the fastest to the slowest; thin lines show the quartiles."""
    names = sorted(samples, key=lambda name: median(samples[name]), reverse=True)
    middles = [median(samples[name]) for name in names]
    axes.barh(names, middles, height=0.72, color=[_colour(name) for name in names])
    for y, name in enumerate(names):
        low, high = _quartiles(samples[name])
        axes.plot([low, high], [y, y], color="black", linewidth=1)
        axes.text(max(high, middles[y]), y, f" {text(middles[y])}", va="center", fontsize=8)
    for label in axes.get_yticklabels():
        if label.get_text().startswith("azarr"):
            label.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True)
    axes.set_axisbelow(True)
    axes.set_ylim(-0.6, len(names) - 0.4)
    if log:
        axes.set_xscale("log")
        axes.set_xlim(min(middles) / 2.5, max(middles) * 4)
        subs = (1, 2, 5) if max(middles) < 30 * min(middles) else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=9))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: time(value)))
        axes.minorticks_off()
    else:
        axes.set_xlim(0, max(middles) * 1.2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def _colour(name: str) -> str:
    if name.startswith("azarr"):
        return LIGHT_BLUE if name in OURS[1:] else BLUE
    return GREY if name.startswith("floor") else ORANGE


def _curve(curve: Curve, found: Mapping[str, Any], folder: Path) -> str:
    """A panel for each thing that was timed; a line for each contender."""
    kinds = [*dict.fromkeys(kind for each in found.values() for kind in each)]
    kinds.sort(key=["read", "list", "write", "create"].index)
    figure, all_axes = pyplot.subplots(
        1, len(kinds), figsize=(10.4, 3.6), layout="constrained", sharey=True, squeeze=False
    )
    for axes, kind in zip(all_axes[0], kinds, strict=True):
        for name in (name for name in CONTENDERS if name in found):
            colour, marker = LINES[name]
            xs, seconds = zip(*found[name][kind], strict=True)
            ys = [each * SCALES[curve.y.partition(" ")[0]] for each in seconds]
            width = 2.4 if name in OURS else 1.4
            axes.plot(xs, ys, color=colour, marker=marker, ms=5, linewidth=width, label=name)
        axes.set_title(f"{curve.title}: {kind}")
        axes.set_xscale("log", base=2 if curve.key == "threads" else 10)
        axes.set_yscale("log")
        axes.set_xlabel(curve.x)
        axes.grid(visible=True, axis="both")
        axes.set_axisbelow(True)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    all_axes[0][0].set_ylabel(curve.y)
    all_axes[0][-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return _save(figure, folder / f"curve_{curve.key}.svg")


def _save(figure: Figure, path: Path) -> str:
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    # A hundredth of a point is enough, and less to store.
    path.write_text(re.sub(r"(\d\.\d\d)\d+", r"\1", path.read_text("utf-8")), "utf-8")
    return path.name
