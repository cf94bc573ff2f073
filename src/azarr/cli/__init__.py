"""The `azarr` command, also `python -m azarr.cli`.

Here may live: subcommands, each a module with one row in the table of `_main`, and what they print.
What a subcommand does beside printing belongs into the public API, which is all this folder uses.
"""

from azarr.cli._main import main

__all__ = ["main"]
