"""The tree that a search left behind, read for labels: who came below whom, and what came of it.

    end        a finished path, right or wrong; an open path that was expanded and had no child that
               keeps the rules, or that stands at the limit of steps: without an answer, so wrong
    evidence   the ends below a node, itself included; a node that was never gone on from has none

A child that a verifier pruned is in the tree as well. Where a search drew several steps at once,
the node is the path after the last of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.label.rollouts import outcome
from specreward.types import Models, Path, Result

__all__ = ["Node", "chains", "read_tree"]


class Node:
    """A path of the tree.

    ``score`` is what the search's verifier said of it, scaled to [0, 1]; 0 of the root. ``ended``
    says whether its answer is right, False where it ended without one, None where it can go on.
    """

    __slots__ = ("children", "ended", "expanded", "parent", "path", "score")

    def __init__(self, path: Path, parent: Node | None, score: float) -> None:
        self.path = path
        self.parent = parent
        self.score = score
        self.children: list[Node] = []
        self.expanded = False
        self.ended: bool | None = None

    def walk(self) -> Iterator[Node]:
        """This node and all below, each before its children, in the order drawn."""
        left = [self]
        while left:
            node = left.pop()
            yield node
            left.extend(reversed(node.children))

    def way(self) -> Iterator[Node]:
        """This node and those above it, up to the one below the root."""
        node = self
        while node.parent is not None:
            yield node
            node = node.parent


def read_tree(found: Result, models: Models, labeller: str) -> Node:
    """The tree of a search.

    Scores that are not all in [0, 1] are scaled by ``[min(0, lowest), max(1, highest)]`` of the
    tree, as ``mcts`` does.

    Args:
        found: With its expansions.
        models: The task knows the limit of steps and which answers are right.
        labeller: Named in an error.

    Raises:
        InputError: There are solutions, but no tree; or an answer that nobody can check.
    """
    if found.candidates and not found.expansions:
        raise InputError(
            f"expected a search tree of problem {found.problem.id!r} for {labeller}(), got "
            "solutions alone: label the run of a search that expands paths, such as mcts() or "
            "bfs(), or label solutions with monte_carlo()"
        )
    scores = [item.score for _, judged in found.expansions for item in judged]
    low, high = min([0.0, *scores]), max([1.0, *scores])
    root = Node(Path(found.problem), None, 0.0)
    nodes: dict[tuple[str, ...], Node] = {root.path.key: root}
    for parent, judged in found.expansions:
        above = nodes.get(parent.key)
        if above is None:  # a search that began in the middle
            above = nodes[parent.key] = Node(parent, root, 0.0)
            root.children.append(above)
        above.expanded = True
        for item in judged:
            if item.path.key not in nodes:
                node = Node(item.path, above, (item.score - low) / (high - low))
                nodes[item.path.key] = node
                above.children.append(node)
    limit = models.task.max_steps(found.problem)
    for node in root.walk():
        node.ended = _ended(node, limit, models)
    return root


def _ended(node: Node, limit: int, models: Models) -> bool | None:
    if node.path.finished:
        right = outcome(node.path, models.task)
        if right is None:
            raise InputError(
                f"problem {node.path.problem.id!r}: expected a reference answer to check what the "
                "search found, got none: give the problem an 'answer'"
            )
        return right == 1.0
    lost = node.path.dead or node.path.depth >= limit or (node.expanded and not node.children)
    return False if lost else None


def chains(
    root: Node, labels: Mapping[Node, float], source: Mapping[str, object]
) -> list[Labelled]:
    """The labelled nodes as solutions that begin alike; each label stands in one of them.

    Args:
        root: Of the tree.
        labels: Values in [0, 1] of some of its nodes.
        source: Goes into each solution.
    """
    above = {upper for node in labels for upper in node.way() if upper is not node}
    told: set[Node] = set()
    found = []
    for tip in root.walk():
        if tip in labels and tip not in above:
            fresh = [node for node in tip.way() if node in labels and node not in told]
            told.update(fresh)
            found.append(_chain(tip, fresh, labels, source))
    return found


def _chain(
    tip: Node, fresh: Sequence[Node], labels: Mapping[Node, float], source: Mapping[str, object]
) -> Labelled:
    own: list[float | None] = [None] * tip.path.depth
    for node in fresh:
        own[node.path.depth - 1] = labels[node]
    return Labelled(
        problem=tip.path.problem,
        steps=tuple([step.text for step in tip.path.steps]),
        labels=tuple(own),
        kind="value",
        outcome=None if tip.ended is None else float(tip.ended),
        source=source,
    )
