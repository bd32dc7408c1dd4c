"""Particle filtering: paths that go on side by side, resampled by their rewards at each step.

I. Puri, S. Sudalairaj, G. Xu, K. Xu, A. Srivastava (2025), "Rollout Roulette: A Probabilistic
Inference Approach to Inference-Time Scaling of LLMs using Particle-Based Monte Carlo Methods",
arXiv 2502.01618.

    n particles <- root
    until all are finished, or at the depth limit:
        each open particle x <- one step of the policy;  r(x) <- reward
        w(x) <- potential(r before, r after);  0 if the step is dead
        n particles <- resampler(w), unless this was the last step
    answer with the pick among the finished particles

Weights are those of one step: resampling has used up the ones before. A finished particle competes
in each later resampling with potential(r, r): its odds once more by default, as in the paper's
code. The mean of w over the n particles, multiplied over the steps, is an unbiased estimate of what
the weights' products come to under the policy, if all paths are equally long or waiting weighs 1
(``RewardGrowth``); log w is in the tree (``log_weight``), so that it can be had from there.

Differs from the paper's code: a dead step weighs nothing and is counted; particles at the depth
limit are not resampled; a finished particle that a resampling dropped stays a candidate, and one
that it copied is still one candidate.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, deepest, draw, take
from specreward.search.pick import Highest, Pick
from specreward.search.potentials import PARTICLES, Potential, RewardOdds
from specreward.search.resampling import Multinomial, Resampler
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result, Siblings
from specreward.verify.scored import RewardScores

__all__ = ["Particle", "Particles"]


@final
@dataclass(frozen=True, slots=True)
class Particle:
    """Equal particles: where they stand, how many, their reward and the log weight of each.

    Args:
        path: Where they stand.
        count: How many, at least 1.
        reward: Of the path, in [0, 1]; None at the root.
        log_weight: Of the last step.
    """

    path: Path
    count: int
    reward: float | None = None
    log_weight: float = 0.0


@final
@dataclass(frozen=True, kw_only=True)
class Particles:
    """A particle filter over steps: it samples good paths, where a beam keeps the best.

    Args:
        n: Particles, at least 1; 1 is one sampled path.
        temperature: Of the policy.
        potential: What a particle weighs: ``RewardOdds()``, or ``RewardGrowth()`` to sample the
            policy tilted by the reward.
        resampler: ``Multinomial()``, or ``Systematic()`` for less noise.
        depth: Most steps of a path; None is the task's own limit.
        pick: Chooses the answer among all particles that finished, each one candidate.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=8, kw_only=False)
    temperature: float = 0.8
    potential: Potential = RewardOdds()
    resampler: Resampler = Multinomial()
    depth: int | None = None
    pick: Pick = Highest()

    __cite__: ClassVar[str] = PARTICLES

    def __post_init__(self) -> None:
        whole("particles n", self.n, 1)
        number("particles temperature", self.temperature, 0)
        rule("particles potential", self.potential, "reward_odds()")
        rule("particles resampler", self.resampler, "multinomial()")
        if self.depth is not None:
            whole("particles depth", self.depth, 1)
        rule("particles pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One step of all particles at a time."""
        living = True
        async for swarm in self.swarms(problem, models):
            living = bool(swarm)
        return conclude(self, problem, models, "done" if living else "exhausted")

    async def swarms(self, problem: Problem, models: Models) -> AsyncIterator[list[Particle]]:
        """The weighted particles after each step, before they are resampled.

        Empty where every particle died; then, and where all have finished, it is the last. Counts
        sum to ``n`` less the dead.
        """
        swarm = [Particle(Path(problem), self.n)]
        limit = deepest(problem, models, self.depth)
        for depth in range(1, limit + 1):
            swarm = await self._step(swarm, models)
            yield swarm
            if depth == limit or all(one.path.finished for one in swarm):
                return
            top = max([one.log_weight for one in swarm])
            weights = [one.count * math.exp(one.log_weight - top) for one in swarm]
            counts = self.resampler(weights, self.n, models.seed, problem.id, "particles", depth)
            swarm = [
                replace(one, count=count) for one, count in zip(swarm, counts, strict=True) if count
            ]

    async def _step(self, swarm: Sequence[Particle], models: Models) -> list[Particle]:
        """Every open particle one step further, all with their weights."""
        waiting = [
            replace(one, log_weight=self.potential(one.reward, one.reward))
            for one in swarm
            if one.path.finished and one.reward is not None
        ]
        going = {one.path: one for one in swarm if one.path.open}
        paths = list(going)
        asked = [(one.count, 0) for one in going.values()]
        drawn = await draw(paths, models, asked, self.temperature)
        verify = _Weighing(self.potential, {path: one.reward for path, one in going.items()})
        judged = await take(paths, drawn, models, verify, copies=True)
        grown = [
            Particle(item.path, item.count, item.score, item.details["log_weight"])
            for family in judged
            for item in family
        ]
        dead = sum([one.count for one in going.values()]) - sum([one.count for one in grown])
        if dead:
            models.trace.count("dead particles", dead)
        return [*waiting, *grown]

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)


@final
@dataclass(frozen=True)
class _Weighing:
    """Plain rewards, with the weight of each child.

    Args:
        potential: Of the filter.
        before: Rewards of the parents.
    """

    potential: Potential
    before: Mapping[Path, float | None]

    async def __call__(self, families: Sequence[Siblings], models: Models) -> list[list[Judgement]]:
        """Judgements with details ``reward`` and ``log_weight``."""
        judged = await RewardScores()(families, models)
        return [
            [self._weighed(item, self.before[family.parent]) for item in judgements]
            for family, judgements in zip(families, judged, strict=True)
        ]

    def _weighed(self, item: Judgement, before: float | None) -> Judgement:
        log_weight = self.potential(before, item.score)
        return replace(item, details={**item.details, "log_weight": log_weight})
