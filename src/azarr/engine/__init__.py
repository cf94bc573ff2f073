"""The only asynchronous layer: the core coroutines, and the runtimes that carry them out.

A core coroutine awaits one thing, its `Runtime`, and imports neither asyncio nor anyio, trio or
threading: it is driven without an event loop by the blocking runtime, and awaited under asyncio and
trio by the anyio runtime. What may be global in a process (permits, pool, loop) is in `_process`.
"""

from azarr.engine._append import append
from azarr.engine._blocking import BlockingRuntime, drive
from azarr.engine._consolidation import consolidate, open_consolidated
from azarr.engine._create import create_node
from azarr.engine._deletion import delete_node
from azarr.engine._explain import explain
from azarr.engine._hierarchy import Metadata, members, open_node, open_nodes
from azarr.engine._inventory import at_chunks, bytes_of, count_stored, digest, stored_bytes
from azarr.engine._migration import migrate_v1, migrate_v2
from azarr.engine._node_documents import update_node
from azarr.engine._observers import LoggingObserver, Observer, Request
from azarr.engine._process import observing, stats
from azarr.engine._read import decoded_bytes, reading
from azarr.engine._reading import Reading, read_together
from azarr.engine._resize import change_array
from azarr.engine._run import Operation, run, run_async
from azarr.engine._run_all import run_all, run_all_async
from azarr.engine._runtime import Runtime
from azarr.engine._state import ArrayState, GroupState, NodeState
from azarr.engine._stream import AsyncStream, Stream
from azarr.engine._synchronizers import ProcessSynchronizer, Synchronizer, ThreadSynchronizer
from azarr.engine._tree import copy_prefix, create_nodes, walk
from azarr.engine._ways import AwaitedWay, BlockingWay, Way
from azarr.engine._write import write

__all__ = [
    "ArrayState",
    "AsyncStream",
    "AwaitedWay",
    "BlockingRuntime",
    "BlockingWay",
    "GroupState",
    "LoggingObserver",
    "Metadata",
    "NodeState",
    "Observer",
    "Operation",
    "ProcessSynchronizer",
    "Reading",
    "Request",
    "Runtime",
    "Synchronizer",
    "ThreadSynchronizer",
    "Way",
    "append",
    "at_chunks",
    "bytes_of",
    "change_array",
    "count_stored",
    "Stream",
    "copy_prefix",
    "consolidate",
    "create_node",
    "create_nodes",
    "decoded_bytes",
    "delete_node",
    "digest",
    "drive",
    "explain",
    "members",
    "migrate_v1",
    "migrate_v2",
    "observing",
    "open_consolidated",
    "open_node",
    "open_nodes",
    "read_together",
    "reading",
    "run",
    "run_all",
    "run_all_async",
    "run_async",
    "stats",
    "stored_bytes",
    "update_node",
    "walk",
    "write",
]
