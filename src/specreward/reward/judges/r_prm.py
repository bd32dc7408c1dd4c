"""A language model that analyses each step before it judges it.

S. She, J. Liu, Y. Liu, J. Chen, X. Huang, S. Huang (2025), "R-PRM: Reasoning-Driven Process Reward
Modeling", arXiv 2503.21295.

    r_t   = mean over k analyses a_i ~ lm(question, steps before t, step t)
            of softmax(log P(" Yes"), log P(" No"))[Yes] after a_i and
            "Verification: Is the step correct (Yes/No)?"
    score = combine(r_1 .. r_T)

Differs from the paper: the prompt around the published question is our own, so that any language
model can judge; the score of a path is its worst step's unless ``combine`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from specreward.checks import rule
from specreward.engines import LanguageModel
from specreward.reward.aggregate import Aggregate, Minimum
from specreward.reward.composed import Wiring
from specreward.reward.judges.asking import numbered
from specreward.reward.judges.pointwise import PointReward
from specreward.reward.judges.verdicts import Case, Critiques, Verdict
from specreward.reward.solutions import Solution
from specreward.types import RewardModel

__all__ = ["RPRM"]

ASK = "Is the step correct (Yes/No)?"


@final
@dataclass(frozen=True, kw_only=True)
class RPRM:
    """The probability of Yes to "Is the step correct?" for each step, in [0, 1].

    A path of T steps costs T times k analyses with the default ``combine``; ``last()`` asks about
    the newest step only.

    Args:
        lm: The engine that judges.
        verdict: ``critiques(10)`` is the paper's; ``direct()`` writes no analysis, ``votes(k)`` is
            for engines without log-probabilities.
        combine: How the numbers of the steps become the score of a path.
    """

    lm: LanguageModel = field(kw_only=False)
    verdict: Verdict = Critiques()
    combine: Aggregate = Minimum()

    __cite__: ClassVar[str] = """@misc{she2025rprm,
  title = {R-PRM: Reasoning-Driven Process Reward Modeling},
  author = {She, Shuaijie and Liu, Junxiao and Liu, Yifeng and Chen, Jiajun and Huang, Xin and
            Huang, Shujian},
  year = {2025},
  note = {arXiv:2503.21295}
}"""

    def __post_init__(self) -> None:
        rule("r_prm verdict", self.verdict, "critiques(10)")
        rule("r_prm combine", self.combine, "minimum()")

    @property
    def names(self) -> list[str]:
        """The engine's."""
        return [self.lm.name]

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model: phases ``score`` (log-probabilities) and ``critique`` (analyses)."""
        reader = _Reader(
            judge=replace(self, lm=wiring.language_model(self.lm)),
            critic=wiring.language_model(self.lm, phase="critique"),
        )
        return PointReward(reader, combine=self.combine)


@final
@dataclass(frozen=True, kw_only=True)
class _Reader:
    """The judge with its engine wired."""

    judge: RPRM
    critic: LanguageModel

    async def grade(self, beginnings: Sequence[Solution]) -> list[float]:
        """As ``Pointwise``: the last step of each is judged."""
        cases = [_case(one) for one in beginnings]
        return await self.judge.verdict(cases, "r_prm", self.judge.lm, self.critic)


def _case(solution: Solution) -> Case:
    before = numbered(solution.steps[:-1]) or "(none)"
    now = f"Step {len(solution.steps)}: {solution.steps[-1]}"
    text = f"Question:\n{solution.question}\n\nPrevious steps:\n{before}\n\nNow step:\n{now}"
    about = "whether the now step is correct, given the question and the previous steps"
    return Case(text, about, ASK)
