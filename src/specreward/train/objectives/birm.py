"""Two heads: is the step right, and will the solution be?

    p_t, v_t    process and value of where step t leads, each a sigmoid of its output
    L = mean over steps of (p_t - c_t)^2 + (v_t - y)^2      c_t the step's label, y the outcome
    r_t = (v_t + beta * mean of p_1 .. p_t) / (1 + beta)    the score of the first t steps

W. Chen et al. (2025), "Better Process Supervision with Bi-directional Rewarding Signals" (BiRM),
arXiv 2503.04618.

Differs from the paper: its heads give bare numbers, here a sigmoid keeps them in [0, 1], and the
sum is divided by 1 + beta, which keeps the order. Its value target may be a Monte-Carlo estimate;
here it is the outcome, which has the same mean and needs no rollouts. No language-model loss is
added, and no gain in front of the heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import number
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.train.examples import Example, Marks
from specreward.train.objectives.outcomes import every_step
from specreward.train.quality import auc

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BiRM"]


@final
@dataclass(frozen=True, kw_only=True)
class BiRM:
    """Squared errors of a process and a value head, which make one score.

    The network must have two outputs: first the process, then the value.

    Args:
        beta: Weight of the process in the score, at least 0.

    Raises:
        InputError: A setting is out of range.
    """

    beta: float = 1.0

    watch: ClassVar[str] = "auc"
    higher: ClassVar[bool] = True

    __cite__: ClassVar[str] = """@article{chen2025birm,
  title = {Better Process Supervision with Bi-directional Rewarding Signals},
  author = {Chen, Wenxiang and He, Wei and Xi, Zhiheng and Guo, Honglin and Hong, Boyang and
            Zhang, Jiazheng and Li, Nijun and Gui, Tao and Li, Yun and Zhang, Qi and
            Huang, Xuanjing},
  journal = {arXiv preprint arXiv:2503.04618},
  year = {2025}
}"""

    def __post_init__(self) -> None:
        number("birm beta", self.beta, 0)

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """One for each solution, read at all its steps.

        Raises:
            InputError: Labels are values, a step has none, an outcome is missing, or all are
                right, or all wrong.
        """
        for one in data:
            if one.kind == "value":
                raise InputError(
                    f"birm: expected labels of kind step or prefix, got values for problem "
                    f"{one.problem.id!r}: its value head learns the outcome; td() and prm() take "
                    "values"
                )
            if None in one.labels:
                raise InputError(
                    f"birm: expected a label for each step, got {one.labels.count(None)} steps "
                    f"without one for problem {one.problem.id!r}; label them, or leave it out"
                )
        return every_step("birm", data)

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """As in the module.

        Args:
            outputs: ``[M, 2]`` logits: process, value.
            marks: Where they stand; all steps of each solution.
            step: Not looked at.
        """
        process, value = _heads(outputs)
        errors = (process - marks.label).square() + (value - marks.outcome).square()
        return errors.mean()

    def scores(self, outputs: Tensor, marks: Marks) -> Tensor:
        """The score of each beginning, ``[M]``, in [0, 1], higher is better."""
        import torch

        process, value = _heads(outputs)
        total = process.double().cumsum(0)  # over all solutions: singles would lose digits
        first = marks.step == 0
        before = (total - process)[first].repeat_interleave(
            marks.solution.unique_consecutive(return_counts=True)[1]
        )
        mean = (total - before) / (marks.step + 1)
        return torch.clamp((value + self.beta * mean) / (1 + self.beta), 0.0, 1.0).float()

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """How each head, and both together, tell right from wrong.

        ``auc`` is of whole solutions by their score, ``value_auc`` by the value of the last step,
        ``process_auc`` of steps by the process head; ``mse`` is the loss of the training.
        """
        process, value = _heads(outputs)
        right = (marks.outcome > 0.5)[marks.last].tolist()
        return {
            "auc": auc(self.scores(outputs, marks)[marks.last].tolist(), right),
            "value_auc": auc(value[marks.last].tolist(), right),
            "process_auc": auc(process.tolist(), marks.label.tolist()),
            "mse": self.loss(outputs, marks, 0).item(),
        }


def _heads(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Process and value.

    Raises:
        InputError: The network has another number of outputs.
    """
    if outputs.shape[1] != 2:
        raise InputError(
            f"birm: expected a network with two outputs, process and value, got "
            f"{outputs.shape[1]}: train a network that can have two, such as "
            "causal('folder', outputs=2)"
        )
    scores = outputs.float().sigmoid()
    return scores[:, 0], scores[:, 1]
