"""What the whole process shares: permits, limits, caches, observers, the background loop.

`_process` holds all of it and has the one fork hook; the rest are the things it holds. Nothing here
knows a runtime, an array or a node.
"""
