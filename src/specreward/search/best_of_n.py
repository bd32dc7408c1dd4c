"""Best-of-n: many sampled paths, the one that the verifier scores highest.

K. Cobbe, V. Kosaraju, M. Bavarian, M. Chen, H. Jun, L. Kaiser, M. Plappert, J. Tworek, J. Hilton,
R. Nakano, C. Hesse, J. Schulman (2021), "Training Verifiers to Solve Math Word Problems",
arXiv 2110.14168. Weighted vote: Li et al. 2022, arXiv 2206.02336.

    path_1..path_n ~ policy(root), sampled, until their ends
    score_i = verifier(path_i)                    over finished paths
    hard:      answer(path_i) of argmax_i score_i
    weighted:  argmax_a sum_i score_i [answer(path_i) = a]

Differs from the paper: n is 16 (there 100); any verifier may judge, and what it prunes is no
candidate. Equal paths are judged once and vote as often as they were drawn. ``stop`` may end the
drawing before (``stopping.py``); paths are then judged call by call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from specreward.abilities import Comparing
from specreward.checks import number, rule, whole
from specreward.errors import InputError
from specreward.search.expand import candidates, conclude, judge
from specreward.search.pick import Highest, Pick
from specreward.search.stopping import Drawn, Never, Stopping, add, rounds
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result, Siblings, Verifier
from specreward.verify.families import wording
from specreward.verify.scored import RewardScores

__all__ = ["BestOfN"]


@final
@dataclass(frozen=True, kw_only=True)
class BestOfN:
    """Whole paths, judged once at the end.

    Args:
        n: Most paths drawn, at least 1.
        temperature: Of the policy.
        verify: Judges the distinct finished paths as children of the root. With ``stop``, those of
            one call at a time: its scores must not hang on what is judged beside.
        pick: Chooses the answer: ``Highest()`` (hard), or a vote such as ``WeightedVote()``.
        stop: When to stop before: ``score_reached()``, or a rule over votes. By default all paths
            are drawn, in one call.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=16, kw_only=False)
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    pick: Pick = Highest()
    stop: Stopping = Never()

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
        rule("best_of_n stop", self.stop, "score_reached()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Draw and judge the paths, in one call each unless ``stop`` looks in between.

        Raises:
            InputError: ``stop`` is set and the reward model compares the paths of a call.
        """
        if not isinstance(self.stop, Never) and isinstance(models.reward, Comparing):
            raise InputError(
                f"best_of_n stop: expected a reward that holds from call to call, got "
                f"{type(models.reward).__name__}, which compares the paths of one: leave stop= "
                "out, or let a judge grade each path"
            )
        root, drawn = Path(problem), list[Drawn]()
        known: dict[str, Judgement] = {}
        async for paths in rounds(
            root, models, n=self.n, temperature=self.temperature, stop=self.stop, drawn=drawn
        ):
            named = [(wording(root, path) if path.finished else "", path) for path in paths]
            await self._judge(root, [one for one in named if one[1].finished], known, models)
            add(drawn, [_drawn(path, known.get(text), models) for text, path in named], models.task)
        return conclude(self, problem, models, "done")

    async def _judge(
        self,
        root: Path,
        named: Sequence[tuple[str, Path]],
        known: dict[str, Judgement],
        models: Models,
    ) -> None:
        """Judge what is new, take the rest from memory; candidates as often as they were drawn."""
        again = Counter([text for text, _ in named if text in known])
        new = [path for text, path in named if text not in known]
        repeated = [replace(known[text], count=count) for text, count in again.items()]
        if repeated:
            models.trace.record(root, repeated)
        judged: list[Judgement] = []
        if new or not repeated:
            [judged] = await judge([Siblings(root, tuple(new))], models, self.verify)
        known |= {wording(root, item.path): item for item in judged}
        models.trace.found += candidates([*repeated, *judged], copies=True)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)


def _drawn(path: Path, item: Judgement | None, models: Models) -> Drawn:
    """What is known of a path and its judgement; nothing where it is no candidate."""
    if item is None or not path.finished or not item.kept:
        return Drawn("")
    answer = models.task.answer(path)
    if not answer:
        models.trace.count("empty answers")
    return Drawn(answer, item.score)
