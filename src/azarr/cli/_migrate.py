"""`azarr migrate`: Zarr v3 metadata for a Zarr v2 hierarchy, in place."""

from __future__ import annotations

import argparse

from azarr.cli._command import Command
from azarr.cli._text import name_text, shape_text
from azarr.storage import migrate_2to3


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="a folder or a URL with an array or a group")
    parser.add_argument(
        "--remove-v2", action="store_true", help="delete the Zarr v2 documents when all is written"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be written")


def _migrate(arguments: argparse.Namespace) -> None:
    migrated = migrate_2to3(
        arguments.path, remove_v2=arguments.remove_v2, dry_run=arguments.dry_run
    )
    for path in sorted(migrated):
        metadata = migrated[path]
        shape = getattr(metadata, "shape", None)
        kind = "group" if shape is None else f"array {shape_text(shape)}"
        print(f"{name_text('/' + path)}  {kind}")
    done = "would be written" if arguments.dry_run else "written"
    print(f"{len(migrated)} documents of Zarr v3 {done}")


MIGRATE = Command(
    "migrate",
    "write Zarr v3 metadata for a Zarr v2 hierarchy, in place",
    _add_arguments,
    _migrate,
    "Chunks are neither read nor moved.\nNothing is written if Zarr v3 cannot express a node.",
)
