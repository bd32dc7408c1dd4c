"""A language model as verifier of whole solutions: how likely is its Yes?

L. Zhang, A. Hosseini, H. Bansal, M. Kazemi, A. Kumar, R. Agarwal (2024), "Generative Verifiers:
Reward Modeling as Next-Token Prediction", arXiv 2408.15240.

    GenRM       score = P("Yes" | question, solution, "Is the answer correct (Yes/No)?")
    GenRM-CoT   score = mean over k critiques v_i of P("Yes" | ..., v_i, the same question)

Differs from the paper: any language model can judge, trained for it or not, and the prompt around
the published question is our own; a solution may be unfinished, and is judged as far as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from specreward.checks import rule
from specreward.engines import LanguageModel
from specreward.reward.composed import Wiring
from specreward.reward.judges.asking import question_and_steps
from specreward.reward.judges.pointwise import PointReward
from specreward.reward.judges.verdicts import GENRM, Case, Direct, Verdict
from specreward.reward.solutions import Solution
from specreward.types import RewardModel

__all__ = ["GenRM"]

ASK = "Is the answer correct (Yes/No)?"


@final
@dataclass(frozen=True, kw_only=True)
class GenRM:
    """The probability of Yes to "Is the answer correct?", in [0, 1].

    Args:
        lm: The engine that judges.
        verdict: ``direct()`` is GenRM, ``critiques(k)`` is GenRM-CoT, and ``votes(k)`` is for
            engines without log-probabilities.
    """

    lm: LanguageModel = field(kw_only=False)
    verdict: Verdict = Direct()

    __cite__: ClassVar[str] = GENRM

    def __post_init__(self) -> None:
        rule("genrm verdict", self.verdict, "direct()")

    @property
    def names(self) -> list[str]:
        """The engine's."""
        return [self.lm.name]

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model: phases ``score`` (log-probabilities) and ``critique`` (writing)."""
        return PointReward(
            _Reader(
                judge=replace(self, lm=wiring.language_model(self.lm)),
                critic=wiring.language_model(self.lm, phase="critique"),
            )
        )


@final
@dataclass(frozen=True, kw_only=True)
class _Reader:
    """The judge with its engine wired."""

    judge: GenRM
    critic: LanguageModel

    async def grade(self, beginnings: Sequence[Solution]) -> list[float]:
        """As ``Pointwise``."""
        cases = [_case(one) for one in beginnings]
        return await self.judge.verdict(cases, "genrm", self.judge.lm, self.critic)


def _case(solution: Solution) -> Case:
    about = (
        "whether this solution is correct; where it is unfinished, whether all of it is right so "
        "far and leads to the answer"
    )
    return Case(question_and_steps(solution), about, ASK)
