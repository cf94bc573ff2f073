"""Works on imports: a new process for each sample, with bytecode cached, as users have it."""

from __future__ import annotations

import subprocess

from benchmarks._process import PATIENCE, ROOT, Process, clean_environment
from benchmarks._turns import Outcome, Wrong, rotated
from benchmarks.contenders import OURS

TIMED = """\
from time import perf_counter
start = perf_counter()
{code}
print(perf_counter() - start)
"""

NAMES = {"import": "", "import use": "then create, write, read"}


def measure(name: str, workers: dict[str, Process], rounds: int) -> Outcome:
    """Seconds from the start of the import, without those to start Python."""
    codes: dict[Process, str] = {}
    for worker in workers.values():
        first, then = worker.about["imports"], worker.about["first_use"]
        code = first + then * (name == "import use")
        same = any((worker.python, code) == (other.python, codes[other]) for other in codes)
        if first and (then or name == "import") and not same:
            codes[worker] = code
    outcome = Outcome(name, NAMES[name], {worker.name: [] for worker in codes})
    for k in range(rounds + 1):
        for worker in rotated([*codes], k):
            if worker.name in outcome.failures:
                continue
            done = _run(worker, TIMED.format(code=codes[worker]))
            if done.returncode:
                _failed(outcome, worker, done.stderr.decode().strip().rpartition("\n")[2])
            elif k:  # the first round writes the bytecode
                outcome.samples[worker.name].append(float(done.stdout.split()[-1]))
    return outcome


def _run(worker: Process, code: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [worker.python, "-c", code],
        cwd=ROOT,
        env=clean_environment(worker.cache),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=PATIENCE,
    )


def _failed(outcome: Outcome, worker: Process, why: str) -> None:
    if worker.name in OURS:
        raise Wrong(f"{outcome.name}, {worker.name}: {why}")
    outcome.failures[worker.name] = why
    outcome.samples.pop(worker.name)
