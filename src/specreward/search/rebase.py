"""REBASE: reward-balanced search; the children of a path are many where its reward is high.

Y. Wu, Z. Sun, S. Li, S. Welleck, Y. Yang (2024), "Inference Scaling Laws: An Empirical Analysis of
Compute-Optimal Inference for Problem-Solving with Language Models", arXiv 2408.00724.

    left <- n;  draw ``left`` children of the root
    until left = 0 or at the depth limit:
        judge the children;  left <- left - finished ones
        share ``left`` out among the open ones, W_j in proportion to exp(r_j / reward_temperature)
        draw W_j children of each
    answer with the pick among the finished children, each as often as it was drawn

A child drawn c times stands for c nodes: its part counts c times, and it is c candidates. Where no
child dies and the depth suffices there are ``n`` candidates.

Differs from the paper: W_j is apportioned by the largest remainder (``apportion``), which always
sums to what is left (the paper's rounding does in half of all cases); the places of children that
died or were pruned go back to the living ones of their level, and are counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, positive, rule, whole
from specreward.search.apportion import apportion
from specreward.search.expand import conclude, deepest, draw, take
from specreward.search.pick import Pick, WeightedVote
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result, Verifier
from specreward.verify.scored import RewardScores

__all__ = ["REBASE"]


@final
@dataclass(frozen=True, kw_only=True)
class REBASE:
    """A tree of about ``n`` leaves, widest where the rewards are high.

    Args:
        n: Places: children drawn at the first step and leaves in the end, at least 1.
        reward_temperature: Divides the score, above 0; large shares evenly, small gives all places
            to the best. In the units of the verifier's scores.  # T_b
        temperature: Of the policy.
        verify: Judges the children of one level in one call.
        depth: Most steps of a path; None is the task's own limit.
        pick: Chooses the answer: ``WeightedVote()`` or ``Highest()``, both of the paper.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=16, kw_only=False)
    reward_temperature: float = 0.2
    temperature: float = 1.0
    verify: Verifier = RewardScores()
    depth: int | None = None
    pick: Pick = WeightedVote()

    __cite__: ClassVar[str] = """@inproceedings{wu2025inference,
  title = {Inference Scaling Laws: An Empirical Analysis of Compute-Optimal Inference for
           Problem-Solving with Language Models},
  author = {Wu, Yangzhen and Sun, Zhiqing and Li, Shanda and Welleck, Sean and Yang, Yiming},
  booktitle = {International Conference on Learning Representations},
  year = {2025},
  eprint = {2408.00724}
}"""

    def __post_init__(self) -> None:
        whole("rebase n", self.n, 1)
        positive("rebase reward_temperature", self.reward_temperature)
        number("rebase temperature", self.temperature, 0)
        rule("rebase verify", self.verify, "scored()")
        if self.depth is not None:
            whole("rebase depth", self.depth, 1)
        rule("rebase pick", self.pick, "weighted_vote()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One level of the tree at a time."""
        paths, shares, left = [Path(problem)], [self.n], self.n
        for _ in range(deepest(problem, models, self.depth)):
            drawn = await draw(paths, models, [(share, 0) for share in shares], self.temperature)
            judged = await take(paths, drawn, models, self.verify, copies=True)
            kept = [item for family in judged for item in family if item.kept]
            lost = left - sum([item.count for item in kept])
            if lost > 0:  # a verifier that draws again may have given more
                models.trace.count("places given back", lost)
            left -= sum([item.count for item in kept if item.path.finished])
            going = [item for item in kept if not item.path.finished]
            if left <= 0:
                return conclude(self, problem, models, "done")
            if not going:
                return conclude(self, problem, models, "exhausted")
            widths = zip(going, apportion(self._weights(going), left), strict=True)
            wide = [(item.path, width) for item, width in widths if width]
            paths, shares = [path for path, _ in wide], [width for _, width in wide]
        return conclude(self, problem, models, "done")

    def _weights(self, going: Sequence[Judgement]) -> list[float]:
        """The weight of each open child, the best score's being its count."""
        top = max([item.score for item in going])
        return [
            item.count * math.exp((item.score - top) / self.reward_temperature) for item in going
        ]

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
