"""How results are printed: a row for each work, times and ratios, and which aims were reached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

from benchmarks._contenders import Contender
from benchmarks._measure import measure
from benchmarks._works import Aim, Work


def print_table(
    works: Sequence[Work], contenders: Sequence[Contender], rounds: int, folder: Path
) -> None:
    """Measure the works one after the other, and print a row for each."""
    print(_header(contenders))
    for number, work in enumerate(works):
        samples = measure(work, contenders, rounds, folder / str(number))
        seconds = {name: median(times) for name, times in samples.items()}
        print(_row(work, contenders, seconds), flush=True)
        unsteady = {name: times for name, times in samples.items() if _quartiles_differ(times)}
        for name, times in unsteady.items():
            print(f"  unsteady: {name} took {_time(min(times))} to {_time(max(times))}")


def _quartiles_differ(times: list[float]) -> bool:
    """Whether the middle half of the samples spans a factor of 1.5: the row proves little."""
    if len(times) < 2:
        return False
    low, _, high = quantiles(times, n=4, method="inclusive")
    return high > 1.5 * low


def _header(contenders: Sequence[Contender]) -> str:
    names = [f"{contender.name:>12}" for contender in contenders]
    ratios = [f"{'/' + contender.name:>13}" for contender in contenders[:-1]]
    line = f"{'work':<48}{''.join(names)}{''.join(ratios)}  aim"
    return f"{line}\n{'-' * (len(line) + 30)}"


def _row(work: Work, contenders: Sequence[Contender], seconds: dict[str, float]) -> str:
    times = [f"{_time(seconds[contender.name]):>12}" for contender in contenders]
    own = seconds[contenders[-1].name]
    ratios = [f"{own / seconds[contender.name]:>13.2f}" for contender in contenders[:-1]]
    return f"{work!s:<48}{''.join(times)}{''.join(ratios)}  {_aims(work.aim, own, seconds)}"


def _aims(aim: Aim, own: float, seconds: dict[str, float]) -> str:
    """Each aim, and whether it was reached."""
    bounds = {
        "floor": (aim.of_floor, own / seconds["floor"] if "floor" in seconds else None),
        "zarr": (aim.of_zarr, own / seconds["zarr"] if "zarr" in seconds else None),
        "tensorstore": (
            aim.of_tensorstore,
            own / seconds["tensorstore"] if "tensorstore" in seconds else None,
        ),
        "us": (aim.seconds and aim.seconds * 1e6, own * 1e6),
    }
    return " ".join(
        f"{name} {bound:g} {'ok' if value <= bound else 'NOT YET'}"
        for name, (bound, value) in bounds.items()
        if bound is not None and value is not None
    )


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"
