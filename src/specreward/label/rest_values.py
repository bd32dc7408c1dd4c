"""ReST-MCTS*'s values of partial solutions: how much of the way to a right answer is behind.

D. Zhang, S. Zhoubian, Z. Hu, Y. Yue, Y. Dong, J. Tang (2024), "ReST-MCTS*: LLM Self-Training via
Process Reward Guided Tree Search", arXiv 2406.03816.

    m(s) = 1 at a right end;  1 + least m of the children above one;
           on the way to a wrong end, m of the last node that a right end lies below
    r(s) = 1 where a right end lies at or below s, else -1
    V(root) = 0;  V(s) = max(0, V(parent) + (1 - V(parent)) r(s) / m(s))

So V rises in equal steps to 1 at the right end that is nearest, and falls after a step from which
only wrong ends were found. A tree without a right end says nothing, nor does a node that has no end
below. As in the authors' program (THUDM/ReST-MCTS, MCTS/base.py); there an end is a node that the
value model or a self-critique takes for one, here what the task says has ended. The paper's text
has r as a step reward of its own; the program has the two values above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from specreward.label.labelled import Labelled
from specreward.label.search_tree import Node, chains, read_tree
from specreward.search import ReSTMCTS
from specreward.spec import name_of
from specreward.types import Models, Result

__all__ = ["ReSTValues"]


@final
@dataclass(frozen=True, kw_only=True)
class ReSTValues:
    """Values of the nodes of a search tree that have an end below, of kind ``value``.

    They are progress, no chance: a right path of three steps has 1/3, 2/3 and 1. Siblings come out
    as solutions that begin alike, and each label stands in one of them. No model is asked, and the
    verifier's scores are not used.
    """

    __cite__: ClassVar[str] = ReSTMCTS.__cite__

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Solutions that cover the labelled nodes; none where no right answer was found.

        Raises:
            InputError: There are solutions, but no tree.
        """
        root = read_tree(found, models, "rest_values")
        ended = {node for end in root.walk() if end.ended is not None for node in end.way()}
        near = _nearest(root)
        if root not in near:
            return []
        values, distances = {root: 0.0}, {root: near[root]}
        for node in root.walk():  # parents first
            if node.parent is None or node not in ended:
                continue
            distances[node] = near.get(node, distances[node.parent])
            before, r = values[node.parent], 1 if node in near else -1
            values[node] = max(0.0, before + (1 - before) * r / distances[node])
        del values[root]
        return chains(root, values, {"labeller": name_of(self)})


def _nearest(root: Node) -> dict[Node, int]:
    """The distance m of the nodes with a right end at or below."""
    near: dict[Node, int] = {}
    for node in reversed(list(root.walk())):  # children first
        ways = [near[child] + 1 for child in node.children if child in near]
        if node.ended:
            near[node] = 1
        elif ways:
            near[node] = min(ways)
    return near
