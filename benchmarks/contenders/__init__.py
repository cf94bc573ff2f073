"""Who is measured: one class for each implementation or way to use it, in one module per library.

Each is imported, and imports its library, in a worker process of its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from benchmarks.contenders._base import Contender, Node, Opened

__all__ = ["CONTENDERS", "OURS", "Contender", "Entry", "Node", "Opened", "make"]


class Entry(NamedTuple):
    """Where a contender is, and what must be known of it before it is imported.

    Attributes:
        place: module and class.
        environment: the environment of `_environments` that has its library.
        family: contenders of one family read and write with the same code.
        peer: whether it counts as a peer in the targets: the bare codec does not, nor does HDF5,
            whose files hold other bytes.
        renames: whether it writes a file under another name and renames it when it is whole, seen
            with strace.
    """

    place: str
    environment: str = "current"
    family: str = ""
    peer: bool = True
    renames: bool = True


CONTENDERS = {
    "azarr": Entry("_azarr:Azarr", family="azarr", peer=False),
    "azarr new memory": Entry("_azarr:AzarrNewMemory", family="azarr", peer=False),
    "azarr awaited": Entry("_azarr:AzarrAwaited", family="azarr", peer=False),
    "floor": Entry("_floor:Floor", peer=False, renames=False),
    "floor renames": Entry("_floor:FloorRenames", family="floor", peer=False),
    "zarr": Entry("_zarr3:Zarr", family="zarr"),
    "zarr fused": Entry("_zarr3:ZarrFused", family="zarr"),
    "zarrs": Entry("_zarr3:Zarrs", family="zarrs", renames=False),
    "zarr 2": Entry("_zarr2:Zarr2", "zarr2", family="zarr 2"),
    "tensorstore": Entry("_tensorstore:TensorStore", family="tensorstore"),
    "z5py": Entry("_z5:Z5", family="z5py", renames=False),
    "h5py": Entry("_hdf5:HDF5", family="h5py", peer=False, renames=False),
}
"""By the name that heads the column."""

OURS = ("azarr", "azarr new memory", "azarr awaited")


def make(name: str, fsync: bool = False) -> Contender:
    """The contender of a name. Raises ImportError where its library is not installed."""
    module, _, cls = CONTENDERS[name].place.partition(":")
    return getattr(import_module(f"{__name__}.{module}"), cls)(fsync)  # type: ignore[no-any-return]
