"""A search as a tree of judged steps, from the expansions that a trace or a result holds.

A verifier judges children one step below their parent, or whole paths drawn from it; a node carries
the steps that lead to it from its parent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from specreward.types import Judgement, Path, Step

__all__ = ["Node", "facts", "tree"]

SHOWN = (
    ("sr", "SR"),
    ("rc", "RC"),
    ("reward", "reward"),
    ("value", "value"),
    ("log_ratio", "log-ratio"),
    ("tilted", "tilted"),
)
"""Details of a judgement that a tree shows, with their names there."""

Texts = tuple[str, ...]


@dataclass(slots=True)
class Node:
    """One judged path of a search.

    Args:
        path: The path that ends here.
        steps: Those that lead here from the parent node.
        judgement: What the verifier said; None for the root.
        children: In the order in which they were first judged.
    """

    path: Path
    steps: tuple[Step, ...] = ()
    judgement: Judgement | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The steps in one line; several are joined by arrows."""
        return " → ".join([" ".join(step.text.split()) for step in self.steps])

    @property
    def size(self) -> int:
        """Nodes of this subtree, this one included."""
        return 1 + sum([child.size for child in self.children])


def tree(expansions: Sequence[tuple[Path, Sequence[Judgement]]]) -> Node | None:
    """The tree of one search, or None where nothing was expanded.

    A child judged again keeps its place and takes the later judgement.
    """
    if not expansions:
        return None
    root = Node(Path(expansions[0][0].problem))
    nodes: dict[Texts, Node] = {(): root}
    for parent, family in expansions:
        above = _node(parent, nodes)
        for item in family:
            texts = _texts(item.path)
            if texts in nodes:
                nodes[texts].judgement = item
            else:
                nodes[texts] = Node(item.path, item.path.steps[above.path.depth :], item)
                above.children.append(nodes[texts])
    return root


def _texts(path: Path) -> Texts:
    return tuple([step.text for step in path.steps])


def _node(path: Path, nodes: dict[Texts, Node]) -> Node:
    """The node of a path; one that nobody judged is put below its nearest ancestor."""
    texts = _texts(path)
    if texts not in nodes:
        depth = next(d for d in range(path.depth - 1, -1, -1) if texts[:d] in nodes)
        nodes[texts] = Node(path, path.steps[depth:])
        nodes[texts[:depth]].children.append(nodes[texts])
    return nodes[texts]


def facts(judgement: Judgement) -> Mapping[str, str]:
    """What a tree shows of a judgement: its score, and of ``SHOWN`` what it has."""
    shown = {"score": f"{judgement.score:.3g}"}
    for key, name in SHOWN:
        if key in judgement.details:
            shown[name] = f"{judgement.details[key]:.3g}"
    return shown
