"""What a subcommand is, and the failures that end one. No particular subcommand lives here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

FAILED = 1
"""Exit status: what was asked could not be done."""

MISUSED = 2
"""Exit status: what was asked makes no sense; argparse uses the same."""


class CommandError(Exception):
    """Ends the command: the message goes to stderr in one line, `status` is the exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand.

    Attributes:
        name, summary: as `azarr --help` lists them.
        add_arguments: declares the arguments on the subcommand's own parser.
        run: does it, and prints to stdout.
        notes: what `azarr NAME --help` ends with.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], None]
    notes: str = ""
