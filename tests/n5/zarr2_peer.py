"""Runs under another Python that has zarr 2.17: does what is asked on stdin, one JSON line each."""

from __future__ import annotations

import json
import sys
import warnings

import numcodecs
import numpy as np
import zarr

warnings.simplefilter("ignore")


def write(path, array, shape, chunks, dtype, compressor, values):
    compressor = compressor and numcodecs.get_codec(compressor)
    store = zarr.N5Store(path)
    created = zarr.create(
        shape, chunks=chunks, dtype=dtype, compressor=compressor, store=store, path=array
    )
    created[...] = np.load(values)


def read(path, array, values):
    opened = zarr.open_array(zarr.N5Store(path), mode="r", path=array)
    np.save(values, opened[...])


def tree(path):
    found = []
    zarr.open_group(zarr.N5Store(path), mode="r").visit(found.append)
    return found


def attributes(path, array):
    return dict(zarr.open(zarr.N5Store(path), mode="r", path=array).attrs)


def set_attributes(path, array, changes):
    zarr.open(zarr.N5Store(path), mode="r+", path=array).attrs.update(changes)


for line in sys.stdin:
    name, arguments = json.loads(line)
    try:
        answer = [None, globals()[name](**arguments)]
    except Exception as error:
        answer = [f"{type(error).__name__}: {error}", None]
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
