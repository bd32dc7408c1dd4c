"""HGS-PRM: greedy on the labels of a process reward model, and back where all children are bad.

Q. Ma, H. Zhou, T. Liu, J. Yuan, P. Liu, Y. You, H. Yang (2023), "Let's reward step by step:
Step-Level reward model as the Navigators for Reasoning", arXiv 2310.10080.

    label(child) = positive if score >= ``positive``, negative if score < ``negative``, else neutral
    visit(path):
        up to ``tries`` times, until a child is positive:  children += n more ~ policy(path)
        go to the best positive child, without one to the best neutral one; the first that is
        finished ends the search
        no such child is left: path is dead; go back to its parent's next best child, which
        may happen ``backtracks`` times
    answer with the finished child of the highest score

Differs from the paper, which gives no pseudo-code (the rule for neutral steps is our reading): its
reward model has three classes, here two thresholds cut a score into them; a further draw where no
child is positive is ours, and so is the bound on going back; the temperature is 0.8 (there 0.1, at
which there is hardly a sibling to go back to). A finished child that was passed over, or is
negative, stays a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.errors import InputError
from specreward.search.expand import conclude, deepest, ranked, take
from specreward.search.pick import Highest
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result, Verifier
from specreward.verify.scored import RewardScores

__all__ = ["HGS"]


@final
@dataclass(frozen=True, kw_only=True)
class HGS:
    """Greedy search that goes back: one path at a time, bad steps are left.

    Args:
        n: Children drawn at a time, at least 1.
        tries: Draws at one path until a child is positive, at least 1.
        positive: Lowest score of a positive step, in the units of ``verify``.
        negative: Lowest score of a neutral step, at most ``positive``; what scores less is not
            gone to.
        backtracks: Most times of going back from a dead path to its parent; 0 never goes back.
        temperature: Of the policy.
        verify: Judges the children of each path; what it prunes is negative.
        depth: Most steps of a path; None is the task's own limit.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=4, kw_only=False)
    tries: int = 2
    positive: float = 0.5
    negative: float = 0.1
    backtracks: int = 10
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None

    __cite__: ClassVar[str] = """@misc{ma2023lets,
  title = {Let's reward step by step: Step-Level reward model as the Navigators for Reasoning},
  author = {Ma, Qianli and Zhou, Haotian and Liu, Tingkai and Yuan, Jianbo and Liu, Pengfei and
            You, Yang and Yang, Hongxia},
  year = {2023},
  note = {arXiv:2310.10080}
}"""

    def __post_init__(self) -> None:
        whole("hgs n", self.n, 1)
        whole("hgs tries", self.tries, 1)
        number("hgs positive", self.positive)
        number("hgs negative", self.negative)
        if self.negative > self.positive:
            raise InputError(
                f"hgs negative: expected at most the value of positive ({self.positive!r}), got "
                f"{self.negative!r}: a step cannot be positive and negative"
            )
        whole("hgs backtracks", self.backtracks, 0)
        number("hgs temperature", self.temperature, 0)
        rule("hgs verify", self.verify, "scored()")
        if self.depth is not None:
            whole("hgs depth", self.depth, 1)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Walk down from the root; ``levels`` has what is left to go to at each path of the way."""
        limit, back = deepest(problem, models, self.depth), 0
        levels = [await self._children(Path(problem), models, limit)]
        while levels:
            if levels[-1]:
                path = levels[-1].pop(0)
                if path.finished:
                    return conclude(self, problem, models, "done")
                levels.append(await self._children(path, models, limit))
                continue
            levels.pop()
            models.trace.count("dead paths")
            if levels and back == self.backtracks:
                return conclude(self, problem, models, "done")
            if levels:
                back += 1
                models.trace.count("backtracks")
        return conclude(self, problem, models, "exhausted")

    async def _children(self, path: Path, models: Models, limit: int) -> list[Path]:
        """Where to go from a path, best first: its children that are not negative."""
        judged: list[Judgement] = []
        seen: set[tuple[str, ...]] = set()
        for turn in range(self.tries):
            [drawn] = await models.policy.extend(
                [path], self.n, temperature=self.temperature, start=turn * self.n
            )
            new = [item for item in drawn if item.key not in seen]
            seen |= {item.key for item in new}
            [more] = await take([path], [new], models, self.verify)
            judged += more
            if any(item.kept and item.score >= self.positive for item in more):
                break
        return [
            item.path
            for item in ranked(judged)
            if item.score >= self.negative and (item.path.finished or item.path.depth < limit)
        ]

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The candidate with the highest score."""
        return Highest()(candidates, models)
