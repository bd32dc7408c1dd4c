"""Self-consistency: many sampled paths, the most frequent answer.

X. Wang, J. Wei, D. Schuurmans, Q. Le, E. Chi, S. Narang, A. Chowdhery, D. Zhou (2022),
"Self-Consistency Improves Chain of Thought Reasoning in Language Models", arXiv 2203.11171.

    path_1..path_n ~ policy(root), sampled, until their ends
    votes(a) = |{i : answer(path_i) = a}|         over finished paths
    answer argmax_a votes(a)

Differs from the paper: ties go to the answer drawn first. The paper draws 40 paths; the default of
10 is that of the baseline in RAP (Hao et al. 2023, arXiv 2305.14992). ``stop`` may end the drawing
before: see ``stopping.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.errors import InputError
from specreward.search.expand import conclude
from specreward.search.pick import MajorityVote
from specreward.search.stopping import Drawn, Never, ScoreReached, Stopping, add, rounds
from specreward.search.votes import votes
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result
from specreward.voting import shares

__all__ = ["SelfConsistency"]

_ALL = Never()


async def sample(
    problem: Problem, models: Models, n: int, temperature: float, stop: Stopping = _ALL
) -> None:
    """Draw at most ``n`` whole paths into the trace.

    A path's score is the share of votes for its answer among the paths drawn up to its call, all of
    them where one call draws them. A path that did not finish has score 0 and is not kept; repeats
    are candidates of their own.
    """
    root, drawn = Path(problem), list[Drawn]()
    async for paths in rounds(root, models, n=n, temperature=temperature, stop=stop, drawn=drawn):
        add(drawn, [Drawn(answer) for answer in votes(paths, models.task)], models.task)
        answers = [one.answer for one in drawn[-len(paths) :]]
        share = shares([one.answer for one in drawn])
        scores = [share.get(answer, 0.0) for answer in answers]
        models.trace.record(
            root, [Judgement(p, s, kept=p.finished) for p, s in zip(paths, scores, strict=True)]
        )
        models.trace.found += [
            Candidate(p, s) for p, s in zip(paths, scores, strict=True) if p.finished
        ]
        empty = sum([p.finished and not a for p, a in zip(paths, answers, strict=True)])
        if empty:
            models.trace.count("empty answers", empty)


@final
@dataclass(frozen=True, kw_only=True)
class SelfConsistency:
    """Majority vote over sampled paths, no verifier.

    Args:
        n: Most paths drawn, at least 1.
        temperature: Of the policy; at 0 all paths are the same.
        stop: When to stop before: ``vote_decided()`` or ``window_agrees()``. By default all paths
            are drawn, in one call.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=10, kw_only=False)
    temperature: float = 0.7
    stop: Stopping = Never()

    __cite__: ClassVar[str] = MajorityVote.__cite__

    def __post_init__(self) -> None:
        whole("self_consistency n", self.n, 1)
        number("self_consistency temperature", self.temperature, 0)
        rule("self_consistency stop", self.stop, "vote_decided()")
        if isinstance(self.stop, ScoreReached):
            raise InputError(
                f"self_consistency stop: expected a rule over votes, got {self.stop!r}: no path "
                "has a score here; use vote_decided() or window_agrees(), or best_of_n"
            )

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Draw the paths and vote."""
        await sample(problem, models, self.n, self.temperature, self.stop)
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """A candidate with the most frequent answer; None where nobody answered."""
        return MajorityVote()(candidates, models)
