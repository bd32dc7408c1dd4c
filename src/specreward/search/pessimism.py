"""Inference-time pessimism: rejection sampling that trusts no reward far from the policy.

A. Huang, A. Block, Q. Liu, N. Jiang, A. Krishnamurthy, D. J. Foster (2025), "Is Best-of-N the Best
of Them? Coverage, Scaling, and Optimality in Inference-Time Alignment", arXiv 2503.21878.

    path_1..path_n ~ policy(root), sampled, until their ends;  r_i = reward(path_i)
    lam with (1/n) sum_i max(0, (r_i - lam) / b) = 1                      exactly
    M = (bound - lam) / b
    for n fresh paths (or the same ones again):
        with probability min(1, max(0, (r - lam) / b) / M): answer with the path
    answer with one more path ~ policy(root)

With lam of the policy itself the law is (1 - (1 - 1/M)^n) c + (1 - 1/M)^n p, where
c = p max(0, (r - lam) / b) maximizes E[r] - (b/2) chi2(. || p): what is rare under the policy gains
little by a high reward, so that more draws do not lead to a reward model's mistakes, as they do for
``BestOfN``. With lam of n draws it is the mean of such laws over what was drawn.

Differs from the paper: whether its second batch is fresh could not be looked up, so that both are
here, the fresh one by default, as its draws do not hang on lam. b, which has no published value,
is 0.2. Paths that did not finish are no draws of the policy here: lam is taken over those that did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, final

from specreward.checks import flag, number, positive, whole
from specreward.search.chances import pessimistic, water_level
from specreward.search.expand import conclude
from specreward.search.rejection import Rejection
from specreward.search.whole_paths import Draw, keep, taken
from specreward.seeds import choose
from specreward.types import Candidate, Models, Path, Problem, Result

__all__ = ["Pessimism", "acceptance"]


def acceptance(reward: float, level: float, bound: float) -> float:
    """Probability min(1, max(0, reward - level) / (bound - level)) of acceptance, in [0, 1].

    Args:
        reward: Of a path.
        level: lam; what is below it is never accepted.
        bound: No reward is above it; what reaches it and the level is accepted for certain.
    """
    if reward >= max(level, bound):
        return 1.0
    return (reward - level) / (bound - level) if reward > level else 0.0


@final
@dataclass(frozen=True, kw_only=True)
class Pessimism:
    """Whole paths, accepted by how far their reward stands above the water level lam.

    Counted: ``draws``, ``accepted draws``, ``rewards above the bound``, ``fallback draws`` (none
    was accepted), ``fallback draws without an answer``, ``levels without an answer`` (no path of
    the first batch finished: nothing can be accepted).

    Args:
        n: Paths drawn for lam, and most paths drawn again, at least 1.
        reward_temperature: b above 0, divides rewards, which are in [0, 1]: large leaves the
            policy's law, small trusts the highest rewards alone.
        bound: No reward is above it, in (0, 1].
        fresh: Whether new paths are accepted or rejected (draws up to 2n + 1; the law above), or
            those that gave lam (up to n + 1, cheaper, a law that leans on its own lam).
        batch: Fresh draws of one call, at least 1: 1 spends the fewest tokens, n the least time.
        temperature: Of the policy.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=16, kw_only=False)
    reward_temperature: float = 0.2
    bound: float = 1.0
    fresh: bool = True
    batch: int = 4
    temperature: float = 0.8

    __cite__: ClassVar[str] = """@misc{huang2025best,
  title = {Is Best-of-N the Best of Them? Coverage, Scaling, and Optimality in Inference-Time
           Alignment},
  author = {Huang, Audrey and Block, Adam and Liu, Qinghua and Jiang, Nan and
            Krishnamurthy, Akshay and Foster, Dylan J.},
  year = {2025},
  note = {arXiv:2503.21878}
}"""

    def __post_init__(self) -> None:
        whole("pessimism n", self.n, 1)
        positive("pessimism reward_temperature", self.reward_temperature)
        positive("pessimism bound", self.bound)
        number("pessimism bound", self.bound, 0, 1)
        flag("pessimism fresh", self.fresh)
        whole("pessimism batch", self.batch, 1)
        number("pessimism temperature", self.temperature, 0)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One batch for lam, then draws until one is accepted.

        Raises:
            InputError: There is no reward model.
            RewardError: A reward is missing, NaN or outside [0, 1].
        """
        sampling = Rejection(
            root=Path(problem),
            models=models,
            known={},
            name="pessimism",
            bound=self.bound,
            temperature=self.temperature,
        )
        drawn = await sampling.draw(0, self.n)
        drawn_so_far = 2 * self.n if self.fresh else self.n
        if not await self._accepted(drawn, sampling):
            await sampling.fall_back(drawn_so_far)
        return conclude(self, problem, models, "done")

    async def _accepted(self, drawn: Sequence[Draw], sampling: Rejection) -> bool:
        """Whether a path was accepted at the level of those drawn."""
        rewards = [one.reward for one in drawn if one.reward is not None]
        if not rewards:
            keep(sampling.root, drawn, sampling.models, None)
            sampling.models.trace.count("levels without an answer")
            return False
        level = water_level(rewards, self.reward_temperature)
        chance = partial(acceptance, level=level, bound=self.bound)
        if not self.fresh:
            return sampling.judge(drawn, 0, chance)
        keep(sampling.root, drawn, sampling.models, None)
        return await sampling.until_accepted(range(self.n, 2 * self.n), self.batch, chance)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The draw that was accepted, or the last one.

        Where there is neither (a budget ended the search, or the last path has no answer), one of
        the candidates, drawn by max(0, r - lam) with the level of these.
        """
        found = taken(candidates, models)
        if found is not None or not candidates:
            return found
        counts = Counter(candidates)
        scores = [candidate.score for candidate in counts]
        chances = pessimistic(scores, self.reward_temperature, list(counts.values()))
        problem = candidates[0].path.problem
        return list(counts)[choose(chances, models.seed, "pessimism", problem.id, "pick")]
