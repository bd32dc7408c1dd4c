"""ORM: the outcome of a solution, read at its last step.

    loss = mean over solutions of -y log sigmoid(z_T) - (1 - y) log(1 - sigmoid(z_T))

K. Cobbe et al. (2021), "Training Verifiers to Solve Math Word Problems", arXiv 2110.14168. Differs
from the paper, whose verifier learns the outcome at every token, beside a language model's loss: it
is read where the solution ends, where alone it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.train.examples import Example
from specreward.train.objectives.soft_labels import binary_cross_entropy, quality

if TYPE_CHECKING:
    from torch import Tensor

    from specreward.train.examples import Marks

__all__ = ["ORM"]


@final
@dataclass(frozen=True, kw_only=True)
class ORM:
    """Soft binary cross-entropy of the outcome at the last step; step labels are not read."""

    watch: ClassVar[str] = "log_loss"
    higher: ClassVar[bool] = False

    __cite__: ClassVar[str] = """@article{cobbe2021training,
  title = {Training Verifiers to Solve Math Word Problems},
  author = {Cobbe, Karl and Kosaraju, Vineet and Bavarian, Mohammad and Chen, Mark and Jun, Heewoo
            and Kaiser, Lukasz and Plappert, Matthias and Tworek, Jerry and Hilton, Jacob and
            Nakano, Reiichiro and Hesse, Christopher and Schulman, John},
  journal = {arXiv preprint arXiv:2110.14168},
  year = {2021}
}"""

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """An example for each solution whose outcome is known.

        Raises:
            InputError: There is none.
        """
        found = [
            Example((one,), ((len(one.steps) - 1,),)) for one in data if one.outcome is not None
        ]
        if not found:
            raise InputError(
                "orm: expected solutions with an outcome, got none: label them with a task that "
                "checks answers, or train on steps: prm()"
            )
        return found

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """Of a batch; ``step`` does not matter."""
        return binary_cross_entropy(outputs[:, 0], marks.outcome)

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """``loss``, ``log_loss``, ``mse``, ``auc`` and ``n``."""
        return {
            "loss": float(self.loss(outputs, marks, 0)),
            **quality(outputs[:, 0], marks.outcome),
        }
