"""Arrays whose documents are alike but for their attributes, as in most groups, are parsed once.

What is checked of a document depends on nothing but the document, so what follows from an equal one
is known. Attributes are the user's and may be changed in place: no two arrays share them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azarr.model._recent import Recent, is_immutable
from azarr.model.codec_specs import registered_kinds
from azarr.model.metadata import ArrayMetadata
from azarr.typing import JSON

_LONGEST = 16 * 1024
_arrays = Recent[ArrayMetadata](256)


def parsed_once(
    fields: Mapping[str, Any],
    attributes: dict[str, JSON],
    parse: Callable[[], ArrayMetadata],
    *context: object,
) -> ArrayMetadata:
    """The array that `parse` makes of the fields of a document, with these attributes.

    Args:
        fields: of the document, without attributes.
        context: what else the result depends on.
    """
    # As text: 1, 1.0 and True are equal, but not the same in a document.
    key = repr((registered_kinds(), context, fields))
    known = _arrays.get(key)
    if known is not None:
        return known.with_attributes(attributes)
    array = parse()
    if len(key) <= _LONGEST and is_immutable(array.fill_value) and not array.extensions:
        _arrays.put(key, array.with_attributes({}))
    return array
