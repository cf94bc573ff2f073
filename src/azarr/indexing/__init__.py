"""What the user wrote inside the brackets -> a normalized, immutable selection.

Everything about indexing rules lives here: negative indices, Ellipsis, bounds, Boolean arrays,
broadcasting of coordinates, blocks, fields. Nothing here knows about chunks, stores or data.
"""

from azarr.indexing._brackets import bracket_selection
from azarr.indexing._fields import FieldNames, checked_fields, field_dtype, split_fields
from azarr.indexing._normalize import (
    basic_selection,
    block_selection,
    coordinate_selection,
    mask_selection,
    orthogonal_selection,
)
from azarr.indexing._selection import (
    Axis,
    CoordinateSelection,
    OrthogonalSelection,
    Selection,
)

__all__ = [
    "Axis",
    "CoordinateSelection",
    "FieldNames",
    "OrthogonalSelection",
    "Selection",
    "basic_selection",
    "block_selection",
    "bracket_selection",
    "checked_fields",
    "coordinate_selection",
    "field_dtype",
    "mask_selection",
    "orthogonal_selection",
    "split_fields",
]
