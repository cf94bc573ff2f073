"""Benchmarks: azarr beside other implementations and the bare codec, on the same data in one run.

Each script is a module here and prints ratios; absolute times drift between machines. Run one with
`nox -s bench -- NAME`.
"""
