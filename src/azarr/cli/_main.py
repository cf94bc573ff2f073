"""From the command line to a subcommand, and from its failure to one line and an exit status."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import NoReturn

from azarr.cli._command import FAILED, MISUSED, Command, CommandError
from azarr.cli._demo import DEMO
from azarr.cli._inspect import INFO, TREE
from azarr.cli._migrate import MIGRATE
from azarr.errors import AzarrError, UsageError

COMMANDS: tuple[Command, ...] = (DEMO, INFO, TREE, MIGRATE)

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (None: that of the process) and return the exit status.

    0: done; 1: it failed; 2: the command line makes no sense; 130: Ctrl-C. A failure that azarr
    foresees is one line on stderr; a traceback is a bug.

    Raises:
        SystemExit: after `--help`, `--version` and arguments that do not parse.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal cannot show is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return MISUSED
    try:
        arguments.command.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _fail("stopped", INTERRUPTED)
    except BrokenPipeError:
        # `azarr tree x | head`: the reader has seen enough. The exit must not flush into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _fail_as_foreseen(error)
    return 0


def _fail_as_foreseen(error: Exception) -> int:
    cause: BaseException = error
    while isinstance(cause, BaseExceptionGroup):  # of a task group: the first error is the cause
        cause = cause.exceptions[0]
    if isinstance(cause, CommandError):
        return _fail(str(cause), cause.status)
    if isinstance(cause, (AzarrError, OSError)):
        where = getattr(cause, "__notes__", ())
        return _fail("; ".join([str(cause), *where]), _status(cause))
    raise error


def _status(error: BaseException) -> int:
    return MISUSED if isinstance(error, UsageError) else FAILED


def _fail(message: str, status: int) -> int:
    print("azarr: " + " ".join(message.split()), file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"azarr: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="azarr",
        description="Chunked, compressed N-dimensional arrays: Zarr v2, Zarr v3 and N5.",
        epilog="`azarr COMMAND --help` explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"azarr {version()}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=command.notes,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(command=command)
    return parser


def version() -> str:
    """The version that is installed."""
    try:
        return metadata.version("azarr")
    except metadata.PackageNotFoundError:
        return "(not installed)"
