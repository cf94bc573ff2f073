"""Benchmarks: azarr beside other implementations and the bare codec, on the same data in one run.

`python -m benchmarks` measures everything, and `--help` says how to measure less; what comes out is
in `docs/benchmarks.md`. Two further programs here can be run by themselves: `round_trips`, which a
whole run includes, and `service`.

What is measured stands in `_works`, `_growth`, `_peaks` and `_imports`; who is measured in
`contenders`; what is to be reached in `_targets`; how it is measured in `_turns`. A new work is a
row of a table, and so is a new contender.
"""
