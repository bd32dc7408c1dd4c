"""PRM: every labelled step of a solution by itself, labels not rounded.

    loss = mean over labelled steps of -y log sigmoid(z_t) - (1 - y) log(1 - sigmoid(z_t))

H. Lightman et al. (2023), "Let's Verify Step by Step", arXiv 2305.20050; soft labels from rollouts:
P. Wang et al. (2024), Math-Shepherd, arXiv 2312.08935. More of the solutions with a wrong step:
Athena-PRM, arXiv 2506.09532, whose text does not say how many times; here a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import whole
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.train.examples import Example
from specreward.train.objectives.counted_once import counted_once
from specreward.train.objectives.soft_labels import binary_cross_entropy, quality
from specreward.verify.citations import LETS_VERIFY

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.train.examples import Marks

__all__ = ["PRM"]


@final
@dataclass(frozen=True, kw_only=True)
class PRM:
    """Soft binary cross-entropy on the labelled steps of whole solutions.

    Args:
        upsample: How often a solution with a label below 0.5 is seen where one without is seen
            once, at least 1; held-out solutions count once.
    """

    upsample: int = 1

    watch: ClassVar[str] = "log_loss"
    higher: ClassVar[bool] = False

    __cite__: ClassVar[str] = LETS_VERIFY

    def __post_init__(self) -> None:
        whole("upsample", self.upsample, 1)

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """An example for each solution with a label, or ``upsample`` equal ones.

        The label of a beginning that solutions share stands in the first of them.

        Raises:
            InputError: No step has a label.
        """
        found: list[Example] = []
        for one in counted_once(data):
            known = [(at, label) for at, label in enumerate(one.labels) if label is not None]
            bad = any(label < 0.5 for _, label in known)
            example = Example((one,), (tuple([at for at, _ in known]),))
            found += [example] * (self.upsample if bad else 1)
        if not found:
            raise InputError(
                "prm: expected solutions with labelled steps, got none: label them first "
                "(specreward label), or train on outcomes: orm()"
            )
        return found

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """Of a batch; ``step`` does not matter."""
        return binary_cross_entropy(outputs[:, 0], marks.label)

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """``loss``, ``log_loss``, ``mse``, ``auc`` and ``n``."""
        return {
            "loss": float(self.loss(outputs, marks, 0)),
            **quality(outputs[:, 0], marks.label),
        }
