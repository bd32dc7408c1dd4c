"""SRM, stage 1: each step's label by itself, and steps after the same beginning by their order.

    loss = mean of BCE(sigmoid(z), y)  +  pairs * mean over siblings of -log sigmoid(z_+ - z_-)

J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396.

Differs from the paper, whose text does not state the loss: its code has the squared error of the
sigmoid in one place and the pairs alone in another. Here labels keep their scale by the
cross-entropy, which soft labels need no rounding for, and the pairs teach the order that a search
needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import number
from specreward.label.labelled import Labelled
from specreward.train.examples import Example
from specreward.train.objectives.pairs import (
    bradley_terry,
    ranked_right,
    sibling_groups,
    sibling_pairs,
)
from specreward.train.objectives.soft_labels import binary_cross_entropy, quality
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.train.examples import Marks

__all__ = ["SRM"]


@final
@dataclass(frozen=True, kw_only=True)
class SRM:
    """Soft binary cross-entropy and Bradley-Terry on siblings with different labels.

    Args:
        pairs: Weight of the pairs against the labels, at least 0.
    """

    pairs: float = 1.0

    watch: ClassVar[str] = "log_loss"
    higher: ClassVar[bool] = False

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        number("pairs", self.pairs, 0)

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """The labelled steps after each beginning.

        Raises:
            InputError: No step has a label.
        """
        return sibling_groups(data)

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """Of a batch; ``step`` does not matter."""
        z = outputs[:, 0]
        ordered = bradley_terry(z, *sibling_pairs(marks))
        return binary_cross_entropy(z, marks.label) + self.pairs * ordered

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """``loss``, ``log_loss``, ``mse``, ``auc``, ``pair_accuracy``, ``n`` and ``pairs``."""
        z, pairs = outputs[:, 0], sibling_pairs(marks)
        return {
            "loss": float(self.loss(outputs, marks, 0)),
            **quality(z, marks.label),
            "pair_accuracy": ranked_right(z, *pairs),
            "pairs": len(pairs[0]),
        }
