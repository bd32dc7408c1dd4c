"""Outcome-only process rewards: each step learns the outcome, where it agrees already.

    paper      L = mean over solutions of (1/T) sum_t w_t * BCE(r_t, y)
               w_t = 1 where [r_t > 0.5] = y, else 0
    released   keep t where x_t > 0 and y = 1, or x_t < 0 and y = 0      x_t the logit of r_t
               P, Q = kept steps of right and of wrong solutions, each + 1
               w_t = 1.5 Q / (P + Q) of right ones, P / (P + Q) of wrong ones
               L = sum of w_t * BCE(r_t, y) / (sum of w_t + 1e-5)
               a reward of 0.1 (could not be graded) teaches nothing
    warm-up    L = mean over solutions of (1/T) sum_t BCE(r_t, y), all steps

The outcome is copied to each step. A right step of a wrong solution gets a wrong label; the gate
drops it as soon as the head scores such steps above 0.5 because right solutions have them too.

Z. Wang et al. (2025), "Test-Time Scaling with Reflective Generative Model" (MetaStone-S1), arXiv
2507.01951. The released form is that of the public code, whose loss is not the paper's.

A head that tells nothing yet has all its scores on one side of 0.5. Then the solutions of the other
outcome are dropped whole, and the rest push it further: it collapses for good, in either form
(benchmarks/sprm.py). ``warmup`` comes before; ``trouble`` says when it has happened. Where right
solutions keep many more of their steps than wrong ones, a high learning rate can push all scores
to one side even after it, the paper's form more easily than the released one, which weighs them.

Differs from the paper: the paper has no warm-up, it starts from a strong reasoner; 0 steps are the
default. An outcome counts as right above 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from specreward.checks import flag, whole
from specreward.label.labelled import Labelled
from specreward.reward.aggregate import Geometric
from specreward.train.examples import Example, Marks
from specreward.train.objectives.outcomes import by_solution, every_step
from specreward.train.quality import auc

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SPR"]

UNGRADED = 0.1
"""The released code's reward of an answer that could not be graded."""

FILTERED = 0.02
"""A class of which no larger share of steps is kept is filtered out."""


@final
@dataclass(frozen=True, kw_only=True)
class SPR:
    """The self-supervised process reward loss of MetaStone-S1.

    Args:
        released: The loss of the released code; otherwise that of the paper.
        warmup: Optimiser steps of plain cross-entropy on the copied outcome before, at least 0.
        patience: Collapsed held-out measurements in a row, after the warm-up, that stop the
            training, at least 1.

    Raises:
        InputError: A setting is out of range.
    """

    released: bool = False
    warmup: int = 0
    patience: int = 3

    watch: ClassVar[str] = "auc"
    higher: ClassVar[bool] = True

    __cite__: ClassVar[str] = Geometric.__cite__

    def __post_init__(self) -> None:
        flag("spr released", self.released)
        whole("spr warmup", self.warmup, 0)
        whole("spr patience", self.patience, 1)

    @property
    def counts_from(self) -> int:
        """The end of the warm-up: before, it is another loss that moves the held-out numbers."""
        return self.warmup

    def examples(self, data: Sequence[Labelled]) -> list[Example]:
        """One for each solution, read at all its steps; step labels are not looked at.

        Raises:
            InputError: An outcome is missing, or all are right, or all wrong.
        """
        return every_step("spr", data)

    def loss(self, outputs: Tensor, marks: Marks, step: int) -> Tensor:
        """As in the module; plain cross-entropy before step ``warmup``.

        Args:
            outputs: ``[M, 1]`` logits.
            marks: Where they stand.
            step: Of the optimiser, from 0.
        """
        from torch.nn import functional as F

        logits, right = outputs[:, 0], marks.outcome > 0.5
        valid = (marks.outcome - UNGRADED).abs() > 1e-6 if self.released else right == right
        losses = F.binary_cross_entropy_with_logits(logits, right.to(logits), reduction="none")
        if step < self.warmup:
            return by_solution(losses * valid, marks.solution).mean()
        if not self.released:
            return by_solution(losses * ((logits > 0) == right), marks.solution).mean()
        kept_right, kept_wrong = valid & right & (logits > 0), valid & ~right & (logits < 0)
        p, q = kept_right.sum() + 1, kept_wrong.sum() + 1
        weights = (1.5 * q * kept_right + p * kept_wrong) / (p + q)
        return (losses * weights).sum() / (weights.sum() + 1e-5)

    def measure(self, outputs: Tensor, marks: Marks) -> dict[str, float]:
        """How right and wrong solutions stand apart, and what the gate lets through.

        ``auc`` is of whole solutions by the geometric mean of their steps, ``step_auc`` of steps
        where labels are known, ``above`` the share of steps above 0.5, ``kept_right`` and
        ``kept_wrong`` the shares of steps of right and of wrong solutions that agree with the
        outcome; ``collapsed`` is 1 where one of these two has vanished.
        """
        from torch.nn import functional as F

        logits, right = outputs[:, 0].float(), marks.outcome > 0.5
        scores = by_solution(F.logsigmoid(logits), marks.solution)
        whole_right = by_solution(right.float(), marks.solution) > 0.5
        above = (logits > 0).float()
        found = {
            "auc": auc(scores.tolist(), whole_right.tolist()),
            "log_loss": F.binary_cross_entropy_with_logits(logits, right.float()).item(),
            "above": above.mean().item(),
            "kept_right": above[right].mean().item(),
            "kept_wrong": 1 - above[~right].mean().item(),
        }
        found["collapsed"] = float(min(found["kept_right"], found["kept_wrong"]) <= FILTERED)
        known = marks.label.isfinite()
        if known.any():
            found["step_auc"] = auc(logits[known].tolist(), marks.label[known].tolist())
        return found

    def trouble(self, history: Sequence[Mapping[str, float | None]]) -> str | None:
        """Why to stop, or None: the last measurements after the warm-up have all collapsed.

        Args:
            history: ``step`` and the numbers of ``measure``, oldest first.
        """
        after = [row for row in history if (row["step"] or 0) > self.warmup]
        last = after[-self.patience :]
        if len(last) < self.patience or not all(row["collapsed"] for row in last):
            return None
        steps = ", ".join([f"{row['step']:g}" for row in last])
        lost = "right" if (last[-1]["kept_right"] or 0.0) <= FILTERED else "wrong"
        remedy = "a warm-up such as spr(warmup=700)"
        if self.warmup:
            remedy = "a longer warm-up or a lower learning rate"
        return (
            f"spr has collapsed: at steps {steps} {last[-1]['above']:.1%} of held-out steps score "
            f"above 0.5, so that {lost} solutions are filtered out whole and teach nothing; begin "
            f"again with {remedy}, or from a model that tells right from wrong"
        )
