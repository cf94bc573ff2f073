"""A web service that serves regions of an array in a bucket: `/region?0=0:10&1=5:6&format=json`.

    ARRAY=s3://bucket/array uvicorn region_server:app          # asyncio
    ARRAY=s3://bucket/array hypercorn -k trio region_server:app  # trio

A request that takes longer than TIMEOUT seconds is answered 504, and its requests to the store are
cancelled; so are those of a client that has gone.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import azarr
import azarr.aio

TIMEOUT = float(os.environ.get("TIMEOUT", "10"))
MOST_BYTES = 64 * 1024 * 1024


def make_app(store: Any, timeout: float = TIMEOUT, **options: Any) -> Starlette:
    """The service of one array; it is opened once, when the service starts."""
    held: dict[str, azarr.AsyncArray] = {}

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        held["array"] = await azarr.aio.open_array(store, mode="r", **options)
        with rare_collections():
            yield

    async def region(request: Request) -> Response:
        array = held["array"]
        try:
            selection = selection_of(request.query_params, array.shape)
        except ValueError as error:
            return PlainTextResponse(str(error), 400)
        nbytes = array.dtype.itemsize
        for part in selection:
            nbytes *= max(0, part.stop - part.start)
        if nbytes > MOST_BYTES:
            return PlainTextResponse(f"{nbytes} bytes are more than {MOST_BYTES}", 413)
        try:
            with anyio.fail_after(timeout):
                values = await array.getitem(selection)
        except TimeoutError:
            return PlainTextResponse("the store takes too long", 504)
        if request.query_params.get("format") == "json":
            text = {"shape": values.shape, "values": values.tolist()}
            return JSONResponse(text)
        headers = {"X-Shape": repr(values.shape), "X-Dtype": values.dtype.str}
        return Response(values.tobytes(), media_type="application/octet-stream", headers=headers)

    async def stats(request: Request) -> Response:
        return JSONResponse(azarr.stats())

    return Starlette(routes=[Route("/region", region), Route("/stats", stats)], lifespan=lifespan)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python's collector hold up nobody: a full collection visits everything, 10 to 50 ms.

    What is there when the service starts is never visited, and the rest a tenth as often.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds[:2], 10 * thresholds[2])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def selection_of(given: Mapping[str, str], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """`0=3:7&1=0:5`: the range of each dimension by its number; all of it where none is given.

    Raises:
        ValueError: not two whole numbers within the array.
    """
    parts = []
    for axis, length in enumerate(shape):
        start, _, stop = given.get(str(axis), f"0:{length}").partition(":")
        if not (start.isdecimal() and stop.isdecimal()):
            raise ValueError(f"dimension {axis}: {start}:{stop} is no range, such as 0:{length}")
        low, high = int(start), int(stop)
        if not low <= high <= length:
            raise ValueError(f"dimension {axis}: {low}:{high} is not within 0:{length}")
        parts.append(slice(low, high))
    return tuple(parts)


if "ARRAY" in os.environ:
    app = make_app(os.environ["ARRAY"])
