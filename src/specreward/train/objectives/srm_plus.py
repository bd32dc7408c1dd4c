"""SRM+, stage 2: the order of siblings by rewards of a search, and their scale.

    pairs = siblings with |y_+ - y_-| >= margin
    loss  = mean over pairs of -log sigmoid(z_+ - z_-)  +  scale * mean of (sigmoid(z) - y)^2

J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396.

The paper's data, RewardTuning, are rewards of Monte Carlo tree search on siblings, and its code
trains on pairs of them alone. Differs in the squared error, without which outputs may drift to any
scale that keeps the order: ``scale=0`` is the paper's form. Its margin is not told. Here it is 0.2:
on trees of ``mcts(20)`` pairs that are 0.02 apart are often of two lost siblings, pairs that are
0.2 apart are not (``tree_values()``, docs/labelling.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import number
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.train.examples import Example
from specreward.train.objectives.pairs import (
    bradley_terry,
    ranked_right,
    sibling_groups,
    sibling_pairs,
)
from specreward.train.objectives.soft_labels import mean_squared_error, quality
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.train.examples import Marks

__all__ = ["SRMPlus"]


@final
@dataclass(frozen=True, kw_only=True)
class SRMPlus:
    """Bradley-Terry on siblings whose labels differ enough, and squared error to keep the scale.

    Args:
        margin: Least difference of the labels of a pair, in [0, 1].
        scale: Weight of the squared error, at least 0; at 0 only the order is learned, and
            beginnings without a pair are left out.
    """

    margin: float = 0.2
    scale: float = 1.0

    watch: ClassVar[str] = "pair_accuracy"
    higher: ClassVar[bool] = True

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        number("margin", self.margin, 0, 1)
        number("scale", self.scale, 0)

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """The labelled steps after each beginning.

        Raises:
            InputError: No two siblings have labels that differ by the margin.
        """
        groups = sibling_groups(data)
        paired = [group for group in groups if self._has_pair(group)]
        if not paired:
            raise InputError(
                f"srm_plus: expected steps after the same beginning with labels {self.margin:g} "
                f"or more apart, got none among {len(groups)} beginnings: label search trees "
                "(tree_values()), or take srm() or prm()"
            )
        return groups if self.scale else paired

    def _has_pair(self, group: Example) -> bool:
        labels = [one.labels[-1] or 0.0 for one in group.solutions]
        return max(labels) > min(labels) and max(labels) - min(labels) >= self.margin - 1e-6

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """Of a batch; ``step`` does not matter."""
        z = outputs[:, 0]
        ordered = bradley_terry(z, *sibling_pairs(marks, self.margin))
        return ordered + self.scale * mean_squared_error(z, marks.label)

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """``loss``, ``log_loss``, ``mse``, ``auc``, ``pair_accuracy``, ``n`` and ``pairs``."""
        z, pairs = outputs[:, 0], sibling_pairs(marks, self.margin)
        return {
            "loss": float(self.loss(outputs, marks, 0)),
            **quality(z, marks.label),
            "pair_accuracy": ranked_right(z, *pairs),
            "pairs": len(pairs[0]),
        }
