"""The only asynchronous layer: the core coroutines, and the runtimes that carry them out.

A core coroutine awaits one thing, its `Runtime`, and imports neither asyncio nor anyio, trio or
threading: it is driven without an event loop by the blocking runtime, and awaited under asyncio and
trio by the anyio runtime. Its folders import in this order: `process`, `runtimes`, then the three
modules here that say what a node's state is and where a failure happened, `hierarchy`, `arrays`.
"""

from azarr.engine._state import ArrayState, GroupState, NodeState
from azarr.engine._synchronizers import ProcessSynchronizer, Synchronizer, ThreadSynchronizer
from azarr.engine.arrays._append import append
from azarr.engine.arrays._explain import explain
from azarr.engine.arrays._inventory import at_chunks, bytes_of, count_stored, digest, stored_bytes
from azarr.engine.arrays._read import decoded_bytes, reading
from azarr.engine.arrays._reading import Reading, read_together
from azarr.engine.arrays._resize import change_array
from azarr.engine.arrays._write import write
from azarr.engine.hierarchy._consolidation import consolidate, open_consolidated
from azarr.engine.hierarchy._create import create_node
from azarr.engine.hierarchy._deletion import delete_node
from azarr.engine.hierarchy._hierarchy import (
    MANY_DOCUMENTS,
    Metadata,
    computed,
    members,
    open_node,
    open_nodes,
)
from azarr.engine.hierarchy._migration import migrate_v1, migrate_v2
from azarr.engine.hierarchy._node_documents import update_node
from azarr.engine.hierarchy._tree import copy_prefix, create_nodes, walk
from azarr.engine.process._observers import LoggingObserver, Observer, Request
from azarr.engine.process._process import new_result, observing, stats
from azarr.engine.runtimes._blocking import BlockingRuntime, drive
from azarr.engine.runtimes._run import MANY_STEPS, Operation, compute_async, run, run_async
from azarr.engine.runtimes._run_all import run_all, run_all_async
from azarr.engine.runtimes._runtime import Runtime, compute_if
from azarr.engine.runtimes._stream import AsyncStream, Stream
from azarr.engine.runtimes._ways import AwaitedWay, BlockingWay, Way

__all__ = [
    "MANY_DOCUMENTS",
    "MANY_STEPS",
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
    "Stream",
    "Synchronizer",
    "ThreadSynchronizer",
    "Way",
    "append",
    "at_chunks",
    "bytes_of",
    "change_array",
    "compute_async",
    "compute_if",
    "computed",
    "consolidate",
    "copy_prefix",
    "count_stored",
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
    "new_result",
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
