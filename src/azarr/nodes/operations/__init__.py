"""What is to be done with nodes, as an `Operation` that a facade runs or awaits.

Arguments are checked here before anything is asked for. No facade and no I/O.
"""
