"""What carries out the core: the `Runtime` it awaits, blocking and on anyio, and `run`.

How a request is sent, retried and hedged, and how an operation gets to its runtime, is decided
here; what an operation is, is not.
"""
