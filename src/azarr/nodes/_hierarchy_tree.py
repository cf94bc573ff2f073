"""What `tree()` shows of a hierarchy: as text, and as HTML for notebooks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from azarr.engine import ArrayState, GroupState


@dataclass(slots=True)
class Tree:
    """A node's label and the trees of its members, by name; prints itself.

    Attributes:
        label: what stands for the node.
        members: the trees below it.
        expand: whether all of it is unfolded in HTML.
    """

    label: str
    members: dict[str, Tree] = field(default_factory=dict)
    expand: bool = False

    def __repr__(self) -> str:
        return "\n".join([self.label, *self._lines()])

    def _lines(self) -> list[str]:
        lines: list[str] = []
        for number, tree in enumerate(self.members.values(), 1):
            branch, stem = ("└── ", "    ") if number == len(self.members) else ("├── ", "│   ")
            lines += [branch + tree.label, *(stem + line for line in tree._lines())]
        return lines

    def _repr_html_(self) -> str:
        return f'<div class="azarr-tree">{self._html(self.expand, 0)}</div>'

    def _html(self, expand: bool, depth: int) -> str:
        from html import escape

        label = f"<code>{escape(self.label)}</code>"
        if not self.members:
            return label
        inner = "".join(
            f"<li>{tree._html(expand, depth + 1)}</li>" for tree in self.members.values()
        )
        opened = " open" if expand or not depth else ""
        return f"<details{opened}><summary>{label}</summary><ul>{inner}</ul></details>"


def tree_of(name: str, nodes: Mapping[str, ArrayState | GroupState], expand: bool = False) -> Tree:
    """The tree of a group from the nodes under it, parents before their members."""
    root = Tree(name or "/", expand=expand)
    trees = {"": root}
    for path, state in nodes.items():
        parent, _, last = path.rpartition("/")
        label = last
        if isinstance(state, ArrayState):
            label = f"{last} {state.metadata.shape} {state.metadata.dtype}"
        trees[path] = trees[parent].members[last] = Tree(label)
    return root
