"""The only asynchronous layer: the core coroutines, and the runtimes that carry them out.

A core coroutine awaits one thing, its `Runtime`, and imports neither asyncio nor anyio, trio or
threading: it is driven without an event loop by the blocking runtime, and awaited under asyncio and
trio by the anyio runtime. What may be global in a process (permits, pool, loop) is in `_process`.
"""

from azarr.engine._blocking import BlockingRuntime, drive
from azarr.engine._hierarchy import (
    Metadata,
    create_node,
    delete_node,
    members,
    open_node,
    open_nodes,
    update_node,
)
from azarr.engine._read import decoded_bytes, read
from azarr.engine._run import Operation, run, run_async
from azarr.engine._runtime import Runtime
from azarr.engine._state import ArrayState, GroupState, NodeState
from azarr.engine._write import write

__all__ = [
    "ArrayState",
    "BlockingRuntime",
    "GroupState",
    "Metadata",
    "NodeState",
    "Operation",
    "Runtime",
    "create_node",
    "decoded_bytes",
    "delete_node",
    "drive",
    "members",
    "open_node",
    "open_nodes",
    "read",
    "run",
    "run_async",
    "update_node",
    "write",
]
