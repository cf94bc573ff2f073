"""How the site reads the sources: an extension of griffe, named in `zensical.toml`.

Sources are read, not run. So `create_array = _array(creation.create_array)` looks like a variable;
here it becomes a function again. Griffe knows the section "Examples", our docstrings "Example".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

DECORATED = ("blocking", "blocking_tools", "aio")


class Reference(griffe.Extension):
    """Called by griffe while and after it reads a package."""

    def on_module_members(self, *, mod: griffe.Module, **_: Any) -> None:
        """Names that are loaded when they are first used stand under `TYPE_CHECKING`."""
        for name in mod.exports or ():
            if str(name) in mod.members:
                mod.members[str(name)].runtime = True

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Put functions in the place of variables, and name the sections as griffe does."""
        for module in (pkg[name] for name in DECORATED if name in pkg.members):
            for variable in list(module.attributes.values()):
                call = variable.value
                if isinstance(call, griffe.ExprCall) and str(call.function) in module.functions:
                    module.set_member(variable.name, made_by(call, variable))
        for each in objects_in(pkg):
            if each.docstring:
                text = each.docstring.value
                each.docstring.value = re.sub(r"(?m)^Example:$", "Examples:", text)


def made_by(call: griffe.ExprCall, variable: griffe.Attribute) -> griffe.Function:
    """The function that a call of a decorator makes, with the docstring of what it is made of."""
    module = variable.module
    made_of = module.modules_collection[call.arguments[0].canonical_path]
    blocking = f"azarr.{variable.name}"
    text = f"Await what [`{blocking}`][{blocking}] returns."
    returns = result_of(module[str(call.function)].returns)
    if str(returns) == "T":  # of a tool, which says itself: `Tool[X]`
        returns = made_of.returns.slice
    return griffe.Function(
        variable.name,
        lineno=variable.lineno,
        endlineno=variable.endlineno,
        parameters=made_of.parameters,
        returns=returns,
        docstring=griffe.Docstring(
            text if module.name == "aio" else made_of.docstring.value, parser="google"
        ),
    )


def result_of(annotation: Any) -> Any:
    """`Array`, of `Callable[P, Array]` and of `Callable[P, Coroutine[Any, Any, Array]]`."""
    while isinstance(annotation, griffe.ExprSubscript):
        annotation = annotation.slice.elements[-1]
    return annotation


def objects_in(parent: Any) -> Iterator[Any]:
    """An object and everything in it that is defined there."""
    yield parent
    for member in parent.members.values():
        if not member.is_alias:
            yield from objects_in(member)
