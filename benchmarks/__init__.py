"""Benchmarks: azarr beside other implementations and the bare codec, on the same data in one run.

Each script is a module here and prints ratios; absolute times drift between machines. Run one with
`nox -s bench -- NAME`, or `python -m benchmarks.NAME --help` for its options.

What is measured stands in `_works`; who is measured in `_contenders`, with the bare codec in
`_floor`; how in `_measure`. A new work is a row of a table, and so is a new implementation.
"""
