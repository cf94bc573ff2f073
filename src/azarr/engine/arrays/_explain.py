"""What carrying out a plan would take, as this engine does it at present. No I/O."""

from __future__ import annotations

from azarr import config
from azarr.codecs import Index, ShardLayout, has_blosc_parts
from azarr.engine._state import ArrayState
from azarr.engine.arrays._read_shards import GAP_BYTES, index_name
from azarr.engine.process._limit import AdaptiveLimit
from azarr.engine.process._process import process
from azarr.engine.runtimes._blocking import threads_worth
from azarr.engine.runtimes._run import awaits
from azarr.plan import Cost, Plan, Terms, cost_of


def explain(
    array: ArrayState, plan: Plan, wanted: int, *, write: bool, whole_fields: bool = True
) -> Cost:
    """The cost of reading or writing a plan.

    Args:
        wanted: bytes of the selection in memory.
        whole_fields: whether elements are taken with all their fields.
    """
    settings = config.get()
    store, layout = array.chunk_store, array.shards
    gap = GAP_BYTES[store.latency] if settings.coalesce_gap is None else settings.coalesce_gap
    terms = Terms(
        workers=_workers(array, plan),
        prefix=array.prefix,
        layout=layout,
        layout_at=(lambda key: array.at(key).shards) if array.varied else None,
        known=lambda key: _known_index(
            store.origin, key, array.at(key).shards if array.varied else layout
        ),
        gap=gap,
        most=settings.coalesce_bytes,
        whole_fields=whole_fields,
        read_most=3 if array.partial_decompress and has_blosc_parts(array.pipeline) else 1,
        skips_empty=store.conditional and not array.write_empty_chunks,
    )
    nbytes = array.pipeline.nbytes
    return cost_of(plan, array.metadata, wanted, nbytes, terms, write=write)


def _workers(array: ArrayState, plan: Plan) -> int:
    """Requests at once: as many as the store may be asked; else threads worth their decoding."""
    store = array.chunk_store
    if awaits(store):
        from azarr.engine.runtimes._anyio import workers_worth

        known = process().origins.get(store.origin)
        limit = AdaptiveLimit(config.get().requests) if known is None else known.limit
        return min(workers_worth(plan.count, array.pipeline.nbytes), limit.value)
    return threads_worth(plan.count, array.grain)


def _known_index(origin: str, key: str, layout: ShardLayout | None) -> Index | None:
    name = None if layout is None else index_name(origin, key, layout)
    known = process().shard_indexes.get(name)
    return None if known is None else known.index
