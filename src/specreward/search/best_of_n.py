"""Best-of-n: many sampled paths, the one that the verifier scores highest.

K. Cobbe, V. Kosaraju, M. Bavarian, M. Chen, H. Jun, L. Kaiser, M. Plappert, J. Tworek, J. Hilton,
R. Nakano, C. Hesse, J. Schulman (2021), "Training Verifiers to Solve Math Word Problems",
arXiv 2110.14168. Weighted vote: Li et al. 2022, arXiv 2206.02336.

    path_1..path_n ~ policy(root), sampled, until their ends
    score_i = verifier(path_i)                    over finished paths
    hard:      answer(path_i) of argmax_i score_i
    weighted:  argmax_a sum_i score_i [answer(path_i) = a]

Differs from the paper: n is 16 (there 100); any verifier may judge, and what it prunes is no
candidate. Equal paths are judged once and vote as often as they were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, judge
from specreward.search.pick import Highest, Pick
from specreward.types import Candidate, Models, Path, Problem, Result, Siblings, Verifier
from specreward.verify.scored import RewardScores

__all__ = ["BestOfN"]


@final
@dataclass(frozen=True, kw_only=True)
class BestOfN:
    """Whole paths, judged once at the end.

    Args:
        n: Paths drawn, at least 1.
        temperature: Of the policy.
        verify: Judges the distinct finished paths as children of the root.
        pick: Chooses the answer: ``Highest()`` (hard) or ``WeightedVote()``.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=16, kw_only=False)
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    pick: Pick = Highest()

    __cite__: ClassVar[str] = """@article{cobbe2021training,
  title = {Training Verifiers to Solve Math Word Problems},
  author = {Cobbe, Karl and Kosaraju, Vineet and Bavarian, Mohammad and Chen, Mark and
            Jun, Heewoo and Kaiser, Lukasz and Plappert, Matthias and Tworek, Jerry and
            Hilton, Jacob and Nakano, Reiichiro and Hesse, Christopher and Schulman, John},
  journal = {arXiv preprint arXiv:2110.14168},
  year = {2021}
}"""

    def __post_init__(self) -> None:
        whole("best_of_n n", self.n, 1)
        number("best_of_n temperature", self.temperature, 0)
        rule("best_of_n verify", self.verify, "scored()")
        rule("best_of_n pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Draw all paths in one call, judge them in another."""
        root = Path(problem)
        [paths] = await models.policy.extend(
            [root], self.n, until="end", temperature=self.temperature
        )
        family = Siblings(root, tuple([path for path in paths if path.finished]))
        [judged] = await judge([family], models, self.verify)
        models.trace.found += [
            candidate
            for item in judged
            if item.kept
            for candidate in [Candidate(item.path, item.score)] * item.count
        ]
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
