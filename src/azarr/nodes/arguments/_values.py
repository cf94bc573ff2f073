"""Values to be written, brought to the selection's shape and the array's data type.

Everything that can be wrong with a value is found here, before anything is written.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from azarr.engine import new_result
from azarr.errors import ReadOnlyError, ShapeMismatchError, UsageError
from azarr.typing import NDArray, Shape

Element: TypeAlias = str | None

_PYTHON_TYPES: dict[Element, type] = {"string": str, "bytes": bytes}


def value_array(value: Any, dtype: np.dtype[Any], shape: Shape, element: Element = None) -> NDArray:
    """`value` as an array that NumPy would assign to a selection of `shape`: broadcast, castable.

    Args:
        element: what the elements of an object array must be.

    Raises:
        ShapeMismatchError: the value does not broadcast to the shape.
        UsageError: the value cannot be converted to the data type.
    """
    array = _converted(value, dtype, shape)
    if element in _PYTHON_TYPES:
        array = _checked_elements(array, _PYTHON_TYPES[element])
    if array.shape == shape:
        return array
    extra = array.ndim - len(shape)
    if extra > 0 and array.shape[:extra] == (1,) * extra:  # NumPy ignores leading axes of length 1
        array = array.reshape(array.shape[extra:])
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeMismatchError(
            f"a value of shape {np.shape(value)} does not fit a selection of shape {shape}"
        ) from None


def array_of(data: Any) -> Any:
    """`data` as it is if it has a shape and a data type, else as a NumPy array.

    Raises:
        UsageError: nested sequences of different lengths.
    """
    if hasattr(data, "dtype") and hasattr(data, "shape"):
        return data
    try:
        return np.asarray(data)
    except ValueError as error:
        raise UsageError(f"data {_brief(data)} makes no array: {error}") from None


def _converted(value: Any, dtype: np.dtype[Any], shape: Shape) -> NDArray:
    if isinstance(value, np.ndarray) and _casts_lazily(value.dtype, dtype):
        return value
    try:
        if dtype.hasobject and dtype.names is None:
            return _object_array(value, shape)
        if hasattr(value, "__array__"):
            return np.asarray(value).astype(dtype)
        return np.asarray(value, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{_brief(value)} cannot be stored as {dtype}: {error}") from error


def _casts_lazily(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    """Casts that can neither fail nor warn are done when a chunk's part is copied.

    A float may be too large for a smaller one, or NaN for an integer: that must be known before
    anything is written, where warnings are errors.
    """
    return (
        source == target
        or (source.kind in "biu" and target.kind in "biufc")
        or (source.kind == "f" and np.can_cast(source, target, "safe"))
    )


def _checked_elements(array: NDArray, kind: type) -> NDArray:
    """The elements as `kind` itself: codecs refuse `np.str_` and other classes made from it."""
    if {*map(type, array.flat)} - {kind}:
        exact = str.__str__ if kind is str else bytes
        elements = [exact(_of_kind(element, kind)) for element in array.flat]
        array = np.fromiter(elements, object, array.size).reshape(array.shape)
    if kind is str and not all(map(str.isascii, array.flat)):
        for element in array.flat:
            try:
                element.encode()
            except UnicodeEncodeError as error:
                raise UsageError(f"{_brief(element)} cannot be stored as UTF-8: {error}") from None
    return array


def _of_kind(element: Any, kind: type) -> Any:
    if not isinstance(element, kind):
        raise UsageError(f"{_brief(element)} cannot be an element of an array of {kind.__name__}")
    return element


def _object_array(value: Any, shape: Shape) -> NDArray:
    """Lists and arrays are elements themselves where one element is written."""
    if isinstance(value, np.ndarray) and (shape or value.dtype == object or not value.ndim):
        return value.astype(object)
    if not shape or isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        scalar = np.empty((), object)
        scalar[()] = value
        return scalar
    if len(shape) == 1 and isinstance(value, (list, tuple)):
        return np.fromiter(value, object, len(value))
    return np.asarray(value, dtype=object)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def output_array(out: Any, shape: Shape, dtype: np.dtype[Any], order: str) -> NDArray:
    """Memory for a result: `out` if given and fit, else new.

    Raises:
        ShapeMismatchError: `out` has another shape.
        UsageError: `out` is no writable array, or its data type cannot hold the array's.
    """
    if out is None:
        return new_result(shape, dtype, "F" if order == "F" else "C")
    if not isinstance(out, np.ndarray):
        raise UsageError(f"out must be a NumPy array, not {type(out).__name__}")
    if not out.flags.writeable:
        raise UsageError("out is read-only")
    if out.shape != shape:
        raise ShapeMismatchError(f"out has shape {out.shape}, the selection has shape {shape}")
    # NumPy takes any number into any string for the same kind, cut off at its length.
    if not np.can_cast(dtype, out.dtype, "safe" if out.dtype.kind in "SU" else "same_kind"):
        raise UsageError(f"out has the data type {out.dtype}, which cannot hold {dtype}")
    return out


def check_writable(read_only: bool, name: str, store: object = None) -> None:
    """Raises ReadOnlyError for a node that was opened read-only.

    Args:
        name: the node's name; or the whole place, where there is no `store`.
    """
    if read_only:
        raise ReadOnlyError(f"{name if store is None else f'{name!r} in {store!r}'} is read-only")
