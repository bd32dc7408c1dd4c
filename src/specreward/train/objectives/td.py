"""Values learned from later values: n-step temporal differences over the steps of a solution.

    s_1 .. s_T    where the solution stands after each step; its outcome y comes after s_T
    G_t = gamma^n V(s_{t+n})        where t + n <= T; no gradient flows through it
        = gamma^(T-t) y             beyond the end
    L   = mean over steps of cross-entropy(V(s_t), G_t)

n = T and more is Monte Carlo: each step learns the outcome. A small n leans on what was learned of
later steps, which every solution that passes there has taught: it needs more updates, and values
that follow each other differ less.

D. Zhang et al. (2025), "TDRM: Smooth Reward Models with Temporal Difference for LLM RL and
Inference", arXiv 2509.15110.

Differs from the paper: its reward is shaped by a cosine of the length, whose constants are not
known to us; here the outcome is the only reward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import number, whole
from specreward.label.labelled import Labelled
from specreward.train.examples import Example, Marks
from specreward.train.objectives.outcomes import every_step
from specreward.train.quality import auc

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TD"]


@final
@dataclass(frozen=True, kw_only=True)
class TD:
    """Cross-entropy of each step's value to its n-step return.

    Args:
        n: Steps to look ahead, at least 1; from the length of a solution on, Monte Carlo.
        gamma: Discount of each step, in [0, 1].

    Raises:
        InputError: A setting is out of range.
    """

    n: int = 1
    gamma: float = 1.0

    watch: ClassVar[str] = "log_loss"
    higher: ClassVar[bool] = False

    __cite__: ClassVar[str] = """@article{zhang2025tdrm,
  title = {TDRM: Smooth Reward Models with Temporal Difference for LLM RL and Inference},
  author = {Zhang, Dan and Cai, Min and Light, Jonathan and Hu, Ziniu and Yue, Yisong and
            Tang, Jie},
  journal = {arXiv preprint arXiv:2509.15110},
  year = {2025}
}"""

    def __post_init__(self) -> None:
        whole("td n", self.n, 1)
        number("td gamma", self.gamma, 0, 1)

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """One for each solution, read at all its steps; step labels are not looked at.

        Raises:
            InputError: An outcome is missing, or all are right, or all wrong.
        """
        return every_step("td", data)

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """As in the module.

        Args:
            outputs: ``[M, 1]`` logits of the values.
            marks: Where they stand; all steps of each solution.
            step: Not looked at.
        """
        from torch.nn import functional as F

        logits = outputs[:, 0]
        values = logits.detach().sigmoid()
        return F.binary_cross_entropy_with_logits(
            logits, _returns(values, marks, self.n, self.gamma)
        )

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """How values foretell the outcome, and how much they jump.

        ``log_loss`` is the cross-entropy to the discounted outcome, whatever ``n`` is; ``auc`` of
        all steps against the outcome, ``last_auc`` of last ones; ``jump`` the mean of
        ``|V(s_{t+1}) - V(s_t)|``.
        """
        from torch.nn import functional as F

        logits = outputs[:, 0].float()
        values, right = logits.sigmoid(), marks.outcome > 0.5
        same = marks.solution[1:] == marks.solution[:-1]
        jumps = (values[1:] - values[:-1]).abs()[same]
        target = _returns(values, marks, len(values), self.gamma)
        return {
            "log_loss": F.binary_cross_entropy_with_logits(logits, target).item(),
            "auc": auc(logits.tolist(), right.tolist()),
            "last_auc": auc(logits[marks.last].tolist(), right[marks.last].tolist()),
            "jump": jumps.mean().item() if len(jumps) else 0.0,
        }


def _returns(values: Tensor, marks: Marks, n: int, gamma: float) -> Tensor:
    """The n-step return of each mark, ``[M]``."""
    import torch

    _, count = marks.solution.unique_consecutive(return_counts=True)
    end = (count.cumsum(0) - 1).repeat_interleave(count)  # the last mark of each one's solution
    here = torch.arange(len(values), device=values.device)
    ahead = values[(here + n).clamp(max=len(values) - 1)] * gamma**n
    beyond = marks.outcome.to(values) * gamma ** (end - here)
    return torch.where(here + n <= end, ahead, beyond)
