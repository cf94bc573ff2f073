"""Every public name is in the built site: run by `nox -s docs` after the build.

The list of names is the exported one, so a name that the reference forgets fails the build.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

MODULES = ("azarr", "azarr.aio", "azarr.storage", "azarr.codecs", "azarr.errors", "azarr.config")
SITE = Path("site/api")


def main() -> int:
    """Print what is missing; the exit status is 1 if anything is."""
    pages = "".join(page.read_text("utf-8") for page in sorted(SITE.rglob("*.html")))
    missing = []
    modules = [importlib.import_module(name) for name in MODULES]
    for module in modules:
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            found = any(f'id="{place.__name__}.{name}"' in pages for place in modules)
            if (inspect.isclass(value) or inspect.isroutine(value)) and not found:
                missing.append(f"{module.__name__}.{name}")
    print("\n".join(["not in the reference:", *missing]) if missing else "the reference is whole")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
