"""What a search tree says its steps are worth: the scalars of RewardTuning, which train an SRM+.

J. Gu and W. Liang (2025), "Speculative Reward Model", arXiv 2506.00396 (RewardTuning: exact scalars
from tree search); S. Hao et al. (2023), RAP, arXiv 2305.14992 (Q of a node).

    ends(s)   finished paths, and paths that ended without an answer, at or below s
    Q(s)      over the ways from s to each of its ends, the highest mean of the verifier's scores;
              a way without an answer has one more score, 0
    share(s)  right ends / ends
    y(s)      blend Q(s) + (1 - blend) share(s),  for each child judged that has ``least`` ends

The paper gives no formula; its training file holds pairs of siblings with a number each. Q alone
repeats what the verifier thought, and pairs of two siblings that are both lost are its noise. The
defaults are measured by the exact truth on trees of ``mcts(20)`` (benchmarks/labelling.py). Of
pairs of siblings that differ by 0.2 or more in y, those of which one can still reach a right answer
and one cannot are in the right order 128 times of 128 in the game of 24 and 37 of 37 in
Blocksworld, and none is of two lost ones; by the verifier's scores 95 of 103 and 37 of 39, and 30
and 190 are of two lost ones. Of pairs that differ by 0.02 or more, 53 and 100 are of two lost ones
at blend 0.5, 25 and 83 at 0.25: train on pairs that differ by 0.2. A child that was never gone on
from has the verifier's score and nothing else, and gets no label unless ``least`` is 0; then 59
pairs of Blocksworld that differ by 0.2 are of two lost ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, whole
from specreward.label.labelled import Labelled
from specreward.label.search_tree import Node, chains, read_tree
from specreward.spec import name_of
from specreward.types import Models, Result
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["TreeValues"]


@final
@dataclass(frozen=True, kw_only=True)
class TreeValues:
    """Values of the judged children of a search tree, of kind ``value``.

    Siblings come out as solutions that begin alike, and each label stands in one of them. No model
    is asked. Scores outside [0, 1] are scaled to it, tree by tree.

    Args:
        blend: Share of Q in a label, in [0, 1]; the rest is the share of right ends.
        least: Ends that a child needs for a label; with 0 a child without any has the verifier's
            score.

    Raises:
        InputError: A field is out of its range.
    """

    blend: float = field(default=0.25, kw_only=False)
    least: int = 1

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        number("tree_values blend", self.blend, 0, 1)
        whole("tree_values least", self.least, 0)

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Solutions that cover the labelled children; none where the tree shows nothing.

        Raises:
            InputError: There are solutions, but no tree.
        """
        root = read_tree(found, models, "tree_values")
        values, ends, right = _evidence(root)
        labels = {}
        for node in root.walk():
            count = ends.get(node, 0)
            if node is root or count < self.least:
                continue
            share = right[node] / count if count else 0.0
            y = self.blend * values[node] + (1 - self.blend) * share if count else node.score
            labels[node] = min(1.0, max(0.0, y))
        return chains(root, labels, {"labeller": name_of(self)})


def _evidence(root: Node) -> tuple[dict[Node, float], dict[Node, int], dict[Node, int]]:
    """Q, the ends and the right ends of each node that has an end."""
    values: dict[Node, float] = {}
    ends: dict[Node, int] = {}
    right: dict[Node, int] = {}
    for end in root.walk():
        if end.ended is None:
            continue
        total, count = (0.0, 0) if end.path.finished else (0.0, 1)
        for node in end.way():
            total, count = total + node.score, count + 1
            values[node] = max(values.get(node, 0.0), total / count)
            ends[node] = ends.get(node, 0) + 1
            right[node] = right.get(node, 0) + bool(end.ended)
    return values, ends, right
