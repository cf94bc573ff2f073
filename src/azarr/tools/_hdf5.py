"""Groups and datasets of h5py, as `copy` and `tree` see them. All of it blocks.

h5py is not imported before somebody gives one of its objects. What HDF5 and Zarr have in common is
translated: numbers, structures, strings, ragged arrays, attributes. References, and groups that
contain themselves, are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from azarr.errors import UsageError
from azarr.model import DataType
from azarr.nodes import Tree
from azarr.tools._blocks import Region
from azarr.typing import JSON, NDArray, Shape


def is_hdf5(node: Any) -> bool:
    """Whether it is an object of h5py; without importing it."""
    return type(node).__module__.partition(".")[0] == "h5py" and hasattr(node, "attrs")


def is_hdf5_group(node: Any) -> bool:
    """Whether it is a group of h5py."""
    return is_hdf5(node) and hasattr(node, "create_dataset")


def hdf5_tree(group: Any, expand: bool = False, level: int | None = None) -> Tree:
    """What `tree()` shows of a group of h5py."""
    if not is_hdf5_group(group):
        raise UsageError(f"a group is needed, not {group!r}")
    tree = _tree(group, group.name.rpartition("/")[2] or "/", level, [group])
    tree.expand = expand
    return tree


def _tree(node: Any, label: str, level: int | None, above: list[Any]) -> Tree:
    if not is_hdf5_group(node):
        return Tree(f"{label} {node.shape} {node.dtype}")
    result = Tree(label)
    if level != 0:
        below = None if level is None else level - 1
        for name, child in hdf5_children(node, above).items():
            result.members[name] = _tree(child, name, below, [*above, child])
    return result


def hdf5_children(group: Any, above: list[Any]) -> dict[str, Any]:
    """The datasets and groups in a group, by name; not what a broken link points to.

    Raises:
        UsageError: one of them is among those `above`.
    """
    found = {name: group.get(name) for name in group}
    known = {name: node for name, node in found.items() if is_hdf5(node) and hasattr(node, "name")}
    nodes = {name: node for name, node in known.items() if is_hdf5_group(node) or is_dataset(node)}
    for name, node in nodes.items():
        if node in above:
            raise UsageError(f"{group.name}/{name} in {group.file.filename!r} contains itself")
    return nodes


def is_dataset(node: Any) -> bool:
    """Whether it is a dataset of h5py; a named data type is none."""
    return hasattr(node, "shape") and hasattr(node, "chunks")


def data_type_of(dataset: Any) -> Any:
    """The `dtype` argument of azarr for the elements of a dataset.

    Raises:
        UsageError: Zarr has nothing of that kind.
    """
    import h5py

    dtype = dataset.dtype
    if dataset.shape is None:
        raise UsageError(f"{dataset.name!r} has no shape: an empty dataset cannot be copied")
    if h5py.check_string_dtype(dtype) is not None and dtype.hasobject:
        return str
    ragged = h5py.check_vlen_dtype(dtype)
    if ragged is not None:
        return f"array:{np.dtype(ragged).str}"
    if dtype.hasobject:
        raise UsageError(f"{dataset.name!r} has elements of {dtype}, which cannot be copied")
    return _plain(dtype)


def _plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Without what h5py notes on a data type: that it is an enumeration, or a string."""
    if dtype.names is None:
        return np.dtype(dtype.str)
    return np.dtype([(name, *_field(dtype[name])) for name in dtype.names])


def _field(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    return (_plain(dtype.base), dtype.shape) if dtype.shape else (_plain(dtype),)


def fill_of(dataset: Any) -> Any:
    """The fill value of a dataset, as azarr takes it."""
    fill = dataset.fillvalue
    if not dataset.dtype.hasobject:
        return fill
    return fill.decode() if isinstance(fill, bytes) else fill if isinstance(fill, str) else None


def read(dataset: Any, region: Region) -> NDArray:
    """The elements in a region, as azarr takes them."""
    import h5py

    text = h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.hasobject
    source = dataset.asstr() if text else dataset
    values: NDArray = source[region]
    return values


def create(group: Any, name: str, shape: Shape, data_type: DataType, kws: dict[str, Any]) -> Any:
    """A new dataset for elements of a data type of azarr.

    Raises:
        UsageError: HDF5 has nothing for its elements.
    """
    dtype = _hdf5_dtype(data_type)
    given = dict(kws)
    if 0 in shape or not shape:  # HDF5 has neither chunks nor filters for one element or none
        given = {key: value for key, value in kws.items() if key == "fillvalue"}
    if dtype.kind not in "biufcS" or given.get("fillvalue") is None:
        given.pop("fillvalue", None)
    return group.create_dataset(name, **{"shape": shape, "dtype": dtype, **given})


def _hdf5_dtype(data_type: DataType) -> np.dtype[Any]:
    import h5py

    element, dtype = data_type.element, data_type.dtype
    if element == "string" or dtype.kind == "U":
        return h5py.string_dtype()  # type: ignore[no-any-return]
    if element == "bytes":
        return h5py.vlen_dtype(np.dtype("u1"))  # type: ignore[no-any-return]
    if element == "array":
        return h5py.vlen_dtype(data_type.item)  # type: ignore[no-any-return]
    if dtype.hasobject:
        raise UsageError("HDF5 has nothing for arrays of Python objects")
    return h5py.opaque_dtype(dtype) if dtype.kind in "mM" else dtype


def write(dataset: Any, region: Region, values: NDArray) -> None:
    """Store elements that azarr has read."""
    import h5py

    text = h5py.check_string_dtype(dataset.dtype) is not None
    ragged = None if text else h5py.check_vlen_dtype(dataset.dtype)
    if values.dtype.kind == "U":
        values = values.astype(object)
    elif ragged is not None:
        arrays = np.empty(values.shape, object)
        for at, value in np.ndenumerate(values):
            is_bytes = isinstance(value, bytes)
            arrays[at] = np.frombuffer(value, "u1") if is_bytes else np.asarray(value, ragged)
        values = arrays
    elif values.dtype.kind in "mM":
        values = values.astype(h5py.opaque_dtype(values.dtype))
    dataset[region] = values


def attributes_of(node: Any) -> dict[str, JSON]:
    """The attributes of an object of h5py as JSON.

    Raises:
        UsageError: one of them is a reference, or something else that JSON has nothing for.
    """
    return {name: _json(value, f"{node.name}, {name}") for name, value in node.attrs.items()}


def _json(value: Any, where: str) -> Any:
    import h5py

    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray):
        return [_json(each, where) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise UsageError(f"attribute {where}: JSON has nothing for {value!r}")


def set_attributes(node: Any, attributes: Mapping[str, JSON]) -> None:
    """Set attributes; what HDF5 has nothing for (a dict, a list of unlike values) as JSON text."""
    for name, value in attributes.items():
        node.attrs[name] = value if _is_plain(value) else json.dumps(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        kinds = {type(each) for each in value}
        numbers = kinds <= {int, float}
        return bool(value) and (numbers or kinds == {str} or kinds == {bool})
    return isinstance(value, str | bool | int | float)
