"""`MappingStore`: values in a mapping that the user brought along and can look into."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, TypeAlias

from azarr.errors import StoreError, UsageError
from azarr.stores._failures import fail
from azarr.stores._values import flat_buffer
from azarr.stores.base import BlockingStore, Children, Latency
from azarr.stores.keys import check_key, check_prefix, children_under, keys_under
from azarr.typing import Buffer

# Inside the class, `list` is a method.
Keys: TypeAlias = list[str]


class MappingStore(BlockingStore):
    """A store over any `MutableMapping[str, bytes]`: a dict, a `zict`, an fsspec mapper.

    The mapping's `KeyError` means missing; everything else that it raises is an error of the
    store. Values that are read may be any buffer: bytes, bytearray, a NumPy array. Values are
    written as `bytes`. A mapping has no conditional writes, so writers in other processes (of a
    mapping that reaches beyond this one) need a synchronizer.

    Args:
        mapping: where the values are; it is used, not copied.
        read_only: refuse every write.

    Example:
        >>> values = {}
        >>> MappingStore(values).set("a/0", b"x")
        >>> values
        {'a/0': b'x'}
    """

    latency: Latency = "memory"

    def __init__(self, mapping: MutableMapping[str, Any], *, read_only: bool = False) -> None:
        if not isinstance(mapping, MutableMapping):
            raise UsageError(f"a MutableMapping is needed, not {type(mapping).__name__}")
        self.mapping = mapping
        # Nothing else has this id as long as a store refers to the mapping.
        self.origin = f"mapping://{id(mapping):x}"
        self.read_only = read_only

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if the mapping raises `KeyError`."""
        try:
            value = self.mapping[key]
        except KeyError:
            return default
        except Exception as error:
            fail(error, self, key)
        if type(value) is bytes:
            return value
        try:
            return flat_buffer(value, key)
        except UsageError as error:
            raise StoreError(f"{error}, in {self!r}") from None

    def set(self, key: str, value: Buffer) -> None:
        """Put a value, as `bytes`."""
        self._check_writable()
        check_key(key)
        data = bytes(flat_buffer(value, key))
        try:
            self.mapping[key] = data
        except Exception as error:
            fail(error, self, key, writing=True)

    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine."""
        self._check_writable()
        check_key(key)
        try:
            del self.mapping[key]  # Not `pop`, which in many mappings reads the value first.
        except KeyError:
            return
        except Exception as error:
            fail(error, self, key, writing=True)

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/"; every key of the mapping is looked at."""
        return iter(keys_under(self._keys(), check_prefix(prefix)))

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes) directly under `prefix`."""
        return children_under(self._keys(), check_prefix(prefix))

    def _keys(self) -> Keys:
        try:
            return list(self.mapping)
        except Exception as error:
            fail(error, self, "")

    def __repr__(self) -> str:
        flag = ", read-only" if self.read_only else ""
        kind = type(self.mapping)
        return f"<{type(self).__name__} over {kind.__module__}.{kind.__qualname__}{flag}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.mapping,), {"read_only": self.read_only}
