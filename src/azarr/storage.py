"""The stores, under their public names."""

from azarr.stores import *  # noqa: F403
from azarr.stores import __all__ as __all__
