"""Truncated rejection: the tilted policy drawn exactly, or given up after n draws.

The law of ExpBoN (Liu, Wan, Gunduz, "ExpBoN", arXiv 2609.21899): p tilted, but for a part of the
chance that falls off exponentially in n. The program is ours, for rewards with a known bound.

    for i in 1..n:
        path_i ~ policy(root), sampled, until its end
        with probability exp(beta_inv (reward(path_i) - bound)): answer with path_i
    answer with one more path ~ policy(root)

    law = (1 - q) tilt + q p,  q = (1 - Z)^n,  Z = E_p exp(beta_inv (r - bound))

The tilt is p(y) exp(beta_inv r(y)) / E_p exp(beta_inv r), as n grows for ``SoftBestOfN``, whose
distance from it falls off like 1/n only; and here the draws end with the first one accepted. A path
that did not finish is never accepted: p above is the policy with such paths in it, the tilt has
none. Where the last path did not finish either, one of those rejected is drawn by
exp(beta_inv r).

Differs from the paper: no weight is clipped, as a reward has a bound that is known (``bound``); one
above it is accepted and counted. Draws come in batches, of which those behind the accepted one are
not looked at: the law does not depend on their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp
from typing import ClassVar, final

from specreward.checks import number, positive, whole
from specreward.search.expand import conclude
from specreward.search.rejection import Rejection
from specreward.search.whole_paths import soft_pick, taken
from specreward.types import Candidate, Models, Path, Problem, Result

__all__ = ["TruncatedRejection"]


@final
@dataclass(frozen=True, kw_only=True)
class TruncatedRejection:
    """Draws until one is accepted, at most ``n``, then one more that is taken as it comes.

    Counted: ``draws``, ``accepted draws``, ``fallback draws`` (after n rejections), ``fallback
    draws without an answer``, ``rewards above the bound``.

    Args:
        n: Most draws before the policy's own law is taken, at least 1.
        beta_inv: Inverse temperature, at least 0; multiplies rewards, which are in [0, 1].
        bound: No reward is above it, in (0, 1]; a lower bound that holds accepts more.
        batch: Draws of one call, at least 1: 1 spends the fewest tokens, n the least time.
        temperature: Of the policy.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=16, kw_only=False)
    beta_inv: float = 4.0
    bound: float = 1.0
    batch: int = 4
    temperature: float = 0.8

    __cite__: ClassVar[str] = """@misc{liu2026expbon,
  title = {{ExpBoN}},
  author = {Liu and Wan and G{\\"u}nd{\\"u}z},
  year = {2026},
  note = {arXiv:2609.21899}
}"""

    def __post_init__(self) -> None:
        whole("truncated_rejection n", self.n, 1)
        number("truncated_rejection beta_inv", self.beta_inv, 0)
        positive("truncated_rejection bound", self.bound)
        number("truncated_rejection bound", self.bound, 0, 1)
        whole("truncated_rejection batch", self.batch, 1)
        number("truncated_rejection temperature", self.temperature, 0)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """A batch at a time.

        Raises:
            InputError: There is no reward model.
            RewardError: A reward is missing, NaN or outside [0, 1].
        """
        sampling = Rejection(
            root=Path(problem),
            models=models,
            known={},
            name="truncated_rejection",
            bound=self.bound,
            temperature=self.temperature,
        )
        if not await sampling.until_accepted(range(self.n), self.batch, self.chance):
            await sampling.fall_back(self.n)
        return conclude(self, problem, models, "done")

    def chance(self, reward: float) -> float:
        """Probability of acceptance by the reward, in [0, 1]."""
        return exp(min(0.0, self.beta_inv * (reward - self.bound)))

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The draw that was accepted, or the last one.

        Where there is neither (a budget ended the search, or the last path has no answer), one of
        the candidates by the softmax of ``beta_inv`` times the reward.
        """
        found = taken(candidates, models)
        return found or soft_pick(candidates, self.beta_inv, models, "truncated_rejection")
