"""Runs under another Python that has zarr 2.17: does what is asked on stdin, one JSON line each."""

from __future__ import annotations

import json
import sys
import warnings

import numcodecs
import numpy as np
import zarr

warnings.simplefilter("ignore")
STORES = {".": zarr.DirectoryStore, "/": zarr.NestedDirectoryStore}


def _codec(config):
    return config and numcodecs.get_codec(config)


def write(path, separator, chunks, order, compressor, filters, values, fill_value, strings):
    data = np.load(values)
    zarr.create(
        data.shape,
        chunks=tuple(chunks) if chunks else True,
        dtype=str if strings else data.dtype,
        order=order,
        compressor=_codec(compressor),
        filters=[_codec(each) for each in filters] or None,
        fill_value=fill_value,
        store=STORES[separator](path),
    )[...] = data.astype(object) if strings else data


def read(path, separator, values):
    found = zarr.open_array(STORES[separator](path), mode="r")[...]
    found = np.asarray(found)
    np.save(values, found.astype("U") if found.dtype == object else found)


def groups(path, consolidated):
    root = (zarr.open_consolidated if consolidated else zarr.open_group)(path, mode="r")
    found = []
    root.visit(found.append)
    return [sorted(found), dict(root.attrs)]


for line in sys.stdin:
    name, arguments = json.loads(line)
    try:
        answer = [None, globals()[name](**arguments)]
    except Exception as error:
        answer = [f"{type(error).__name__}: {error}", None]
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
