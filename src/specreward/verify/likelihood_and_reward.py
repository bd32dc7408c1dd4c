"""Likelihood and reward in one score: how likely the step was, and how good it is next to others.

M. Khalifa, L. Logeswaran, M. Lee, H. Lee, L. Wang (2023), "GRACE: Discriminator-Guided
Chain-of-Thought Reasoning", arXiv 2305.14934.

    for each distinct child c of the parent:
        lm(c)    = exp(mean log-probability of its tokens)
        share(c) = exp(logit r(c)) / sum of these over the siblings
        score(c) = (1 - reward_share) lm(c) + reward_share share(c);  kept

What has no weight is not asked for: at 0 no reward model is needed, at 1 no log-probability.

Differs from the paper: the discriminator there is trained with a margin and gives any real number,
of which the softmax over siblings is taken; here the logit of a reward in [0, 1] stands in its
place. The reference code's weight of the discriminator is 0.1 in its README, and 0.85 as a default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import ClassVar, final

from specreward.checks import number
from specreward.types import Judgement, Models, Siblings
from specreward.verify.citations import GRACE
from specreward.verify.families import Drawn, distinct
from specreward.verify.proposal import log_likelihood
from specreward.verify.rewards import rewards
from specreward.verify.target import Luce

__all__ = ["LikelihoodAndReward"]


@final
@dataclass(frozen=True)
class LikelihoodAndReward:
    """A weighted sum of a child's likelihood and of its part of the siblings' rewards.

    Scores are in [0, 1], higher is better. The part is of one family: scores compare siblings, and
    children of different parents only roughly.

    Args:
        reward_share: Weight of the reward, in [0, 1]; the likelihood has the rest.  # beta
    """

    reward_share: float = 0.1

    __cite__: ClassVar[str] = GRACE

    def __post_init__(self) -> None:
        number("likelihood_and_reward reward_share", self.reward_share, 0, 1)

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements of the distinct children, details ``likelihood``, ``reward``, ``share``.

        Raises:
            InputError: There is no reward model or no log-probability where it has a weight.
            RewardError: A reward is missing, NaN or outside [0, 1].
        """
        drawn = [distinct(family) for family in families]
        evidence: list[list[dict[str, float]]] = [[{} for _ in family] for family in drawn]
        if self.reward_share < 1:
            for family, children, known in zip(families, drawn, evidence, strict=True):
                for (path, _), facts in zip(children, known, strict=True):
                    facts["likelihood"] = exp(log_likelihood(family.parent, path, 1.0))
        if self.reward_share > 0:
            for values, known in zip(await rewards(drawn, models), evidence, strict=True):
                shares = Luce()(values, values) if values else []
                for value, share, facts in zip(values, shares, known, strict=True):
                    facts.update(reward=value, share=exp(share))
        return [self._judged(*family) for family in zip(drawn, evidence, strict=True)]

    def _judged(self, children: Drawn, evidence: Sequence[dict[str, float]]) -> list[Judgement]:
        part = self.reward_share
        return [
            Judgement(
                path,
                (1 - part) * facts.get("likelihood", 0.0) + part * facts.get("share", 0.0),
                True,
                count,
                facts,
            )
            for (path, count), facts in zip(children, evidence, strict=True)
        ]
