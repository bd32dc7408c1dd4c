"""Diverse verifier tree search: small trees side by side that never compete with each other.

E. Beeching, L. Tunstall, S. Rush (2024), "Scaling Test-Time Compute with Open Models", Hugging Face
(search-and-learn); step-level beam search in G. Chen, M. Liao, C. Li, K. Fan (2024), "AlphaMath
Almost Zero: Process Supervision without Process", arXiv 2405.03553, is very similar.

    trees, each on its own:
        path <- root
        until path is finished or at the depth limit:
            children ~ policy(path), n of them, judged
            path <- the kept child that the verifier ranks highest; the tree ends if there is none
    answer with the pick among the finished children of all trees

Tree i draws the samples i n to i n + n - 1 of each path that it comes to, so that trees at the same
path stay independent. One tree is ``greedy``; n = 1 is independent paths.

Differs from the reference code: a finished sibling is a candidate wherever it is drawn (there on
the last level only), and an unfinished one never is (there the text up to the cut is answered
with); equal siblings are one candidate; a tree ends by the task's rules, not at the word "boxed".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, deepest, draw, ranked, take
from specreward.search.pick import Highest, Pick
from specreward.types import Candidate, Models, Path, Problem, Result, Verifier
from specreward.verify.scored import RewardScores

__all__ = ["DVTS"]


@final
@dataclass(frozen=True, kw_only=True)
class DVTS:
    """Independent greedy trees; more kinds of answers than one beam of the same cost.

    Args:
        trees: How many, from 1 to 4096.  # N / M in search-and-learn
        n: Children drawn for each path, at least 1.  # M, beam_width
        temperature: Of the policy.
        verify: Judges the children of all trees in one call, each family by itself.
        depth: Most steps of a path; None is the task's own limit.
        pick: Chooses the answer among all finished children; equal ones of several trees are
            several candidates.

    Raises:
        InputError: A field is out of its range.
    """

    trees: int = field(default=4, kw_only=False)
    n: int = 4
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None
    pick: Pick = Highest()

    __cite__: ClassVar[str] = """@misc{beeching2024scaling,
  title = {Scaling Test-Time Compute with Open Models},
  author = {Beeching, Edward and Tunstall, Lewis and Rush, Sasha},
  howpublished = {Hugging Face, search-and-learn},
  year = {2024}
}
@misc{chen2024alphamath,
  title = {{AlphaMath} Almost Zero: Process Supervision without Process},
  author = {Chen, Guoxin and Liao, Minpeng and Li, Chengxi and Fan, Kai},
  year = {2024},
  note = {arXiv:2405.03553}
}"""

    def __post_init__(self) -> None:
        whole("dvts trees", self.trees, 1, 4096)
        whole("dvts n", self.n, 1)
        number("dvts temperature", self.temperature, 0)
        rule("dvts verify", self.verify, "scored()")
        if self.depth is not None:
            whole("dvts depth", self.depth, 1)
        rule("dvts pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One step of all trees at a time."""
        trees = {i: Path(problem) for i in range(self.trees)}
        lost = False
        for _ in range(deepest(problem, models, self.depth)):
            paths = list(trees.values())
            drawn = await draw(
                paths, models, [(self.n, i * self.n) for i in trees], self.temperature
            )
            judged = await take(paths, drawn, models, self.verify)
            best = {i: ranked(family)[:1] for i, family in zip(trees, judged, strict=True)}
            lost = lost or not all(best.values())
            trees = {
                i: item.path for i, kept in best.items() for item in kept if not item.path.finished
            }
            if not trees:
                return conclude(self, problem, models, "exhausted" if lost else "done")
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
