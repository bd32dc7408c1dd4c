"""When to stop sampling: objects to pass to ``self_consistency`` and ``best_of_n``.

    never()                draw all n in one call
    vote_decided(0.95)     stop if the leader cannot be overtaken by what is left, or
                           P(p1 > p2 | v1, v2) >= 0.95 under Beta(v1 + 1, v2 + 1),
                           v1 and v2 the votes of the two most frequent answers
    window_agrees(5)       stop if the last 5 paths gave one answer
    score_reached(0.95)    stop if a path has this score

Adaptive-Consistency (the Beta rule): P. Aggarwal, A. Madaan, Y. Yang, Mausam (2023), "Let's Sample
Step by Step", arXiv 2305.11860. Early-Stopping Self-Consistency (the window): Y. Li, P. Yuan,
S. Feng, B. Pan, X. Wang, B. Sun, H. Wang, K. Li (2024), "Escape Sky-high Cost", arXiv 2401.10480.

For integers the posterior is a binomial tail, and no integral is needed:

    P(p > 1/2), p ~ Beta(v1 + 1, v2 + 1)  =  P(Binomial(v1 + v2 + 1, 1/2) <= v1)

Differs from the papers: the sure case is ours; an answer that is empty has no vote, and a window of
such does not agree.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from math import comb
from typing import ClassVar, Protocol, final

from specreward.checks import number, whole
from specreward.errors import InputError
from specreward.search.votes import unified
from specreward.types import Models, Path, Task

__all__ = [
    "Drawn",
    "Never",
    "ScoreReached",
    "Stopping",
    "VoteDecided",
    "WindowAgrees",
    "add",
    "lead_is_sure",
    "leads_by_chance",
    "rounds",
]


@final
@dataclass(frozen=True, slots=True)
class Drawn:
    """What is known of one path.

    Args:
        answer: In canonical form; empty where the path did not finish or says nothing.
        score: Of its verifier; None where none judged it, or it was pruned.
    """

    answer: str
    score: float | None = None


def add(drawn: list[Drawn], more: Sequence[Drawn], task: Task) -> None:
    """Append what was drawn; an answer that is equal to an earlier one is written as that one."""
    answers = unified([one.answer for one in [*drawn, *more]], task)[len(drawn) :]
    pairs = zip(more, answers, strict=True)
    drawn += [one if one.answer == text else replace(one, answer=text) for one, text in pairs]


class Stopping(Protocol):
    """Says how many paths to draw next."""

    def __call__(self, drawn: Sequence[Drawn], left: int) -> int:
        """Paths to draw now, 0 to ``left``; 0 stops.

        Args:
            drawn: All paths so far, in drawing order.
            left: Paths that may still be drawn, at least 1.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Never:
    """All paths in one call."""

    def __call__(self, drawn: Sequence[Drawn], left: int) -> int:
        """All that are left."""
        return left


def _votes(drawn: Sequence[Drawn]) -> list[int]:
    """The votes of each answer, in order of first occurrence."""
    votes: dict[str, int] = {}
    for one in drawn:
        if one.answer:
            votes[one.answer] = votes.get(one.answer, 0) + 1
    return list(votes.values())


def lead_is_sure(votes: Sequence[int], left: int) -> bool:
    """Whether the most frequent answer stays it, whatever is drawn.

    Args:
        votes: Of each answer, in order of first occurrence, which settles ties.
        left: Votes to come, for these answers or new ones.
    """
    if not votes:
        return False
    leader = max(range(len(votes)), key=votes.__getitem__)
    # Who came later loses a tie: so does an answer that nobody gave yet.
    rivals = [(count, place) for place, count in enumerate(votes) if place != leader]
    return all(
        count + left < votes[leader] + (place > leader)
        for count, place in [*rivals, (0, len(votes))]
    )


def leads_by_chance(first: int, second: int) -> float:
    """Posterior probability that the first of two answers is the more frequent one.

    Args:
        first: Votes of the first, at least 0.
        second: Votes of the second, at least 0.

    Returns:
        P(p > 1/2) for p ~ Beta(first + 1, second + 1), in [0, 1] as it rounds; 1/2 at a tie.
    """
    throws = first + second + 1
    return float(sum([comb(throws, k) for k in range(first + 1)]) / 2**throws)


@final
@dataclass(frozen=True, kw_only=True)
class VoteDecided:
    """Stops when the majority is sure, or as good as.

    Args:
        confidence: Posterior probability at which the leader is believed, in [0.5, 1]; at 1 only
            the sure case stops, and the answer is always that of all n paths.
        batch: Paths drawn between two looks, at least 1.

    Raises:
        InputError: A field is out of its range.
    """

    confidence: float = field(default=0.95, kw_only=False)
    batch: int = 1

    __cite__: ClassVar[str] = """@inproceedings{aggarwal2023adaptive,
  title = {Let's Sample Step by Step: Adaptive-Consistency for Efficient Reasoning and Coding
           with {LLMs}},
  author = {Aggarwal, Pranjal and Madaan, Aman and Yang, Yiming and {Mausam}},
  booktitle = {Conference on Empirical Methods in Natural Language Processing},
  year = {2023},
  eprint = {2305.11860}
}"""

    def __post_init__(self) -> None:
        number("vote_decided confidence", self.confidence, 0.5, 1)
        whole("vote_decided batch", self.batch, 1)

    def __call__(self, drawn: Sequence[Drawn], left: int) -> int:
        """Another batch, or none."""
        votes = _votes(drawn)
        [first, second] = sorted([*votes, 0, 0], reverse=True)[:2]
        believed = self.confidence < 1 and first > second
        if believed and leads_by_chance(first, second) >= self.confidence:
            return 0
        return 0 if lead_is_sure(votes, left) else min(self.batch, left)


@final
@dataclass(frozen=True, kw_only=True)
class WindowAgrees:
    """Stops when the last paths gave one answer.

    Args:
        window: Paths that must agree, at least 1.
        batch: Paths drawn between two looks, at least 1; None is the window, so that windows do
            not overlap, as in the paper. With 1 the window slides.

    Raises:
        InputError: A field is out of its range.
    """

    window: int = field(default=5, kw_only=False)
    batch: int | None = None

    __cite__: ClassVar[str] = """@inproceedings{li2024escape,
  title = {Escape Sky-high Cost: Early-stopping Self-Consistency for Multi-step Reasoning},
  author = {Li, Yiwei and Yuan, Peiwen and Feng, Shaoxiong and Pan, Boyuan and Wang, Xinglin and
            Sun, Bin and Wang, Heda and Li, Kan},
  booktitle = {International Conference on Learning Representations},
  year = {2024},
  eprint = {2401.10480}
}"""

    def __post_init__(self) -> None:
        whole("window_agrees window", self.window, 1)
        if self.batch is not None:
            whole("window_agrees batch", self.batch, 1)

    def __call__(self, drawn: Sequence[Drawn], left: int) -> int:
        """Another batch, or none."""
        last = [one.answer for one in drawn[-self.window :]]
        if len(last) == self.window and last[0] and len(set(last)) == 1:
            return 0
        return min(self.window if self.batch is None else self.batch, left)


@final
@dataclass(frozen=True, kw_only=True)
class ScoreReached:
    """Stops when a path is good enough; for a strategy that judges paths.

    Args:
        minimum: The score that is enough; any finite number, as a verifier may give any.
        batch: Paths drawn between two looks, at least 1.

    Raises:
        InputError: A field is out of its range.
    """

    minimum: float = field(default=0.95, kw_only=False)
    batch: int = 1

    def __post_init__(self) -> None:
        number("score_reached minimum", self.minimum)
        whole("score_reached batch", self.batch, 1)

    def __call__(self, drawn: Sequence[Drawn], left: int) -> int:
        """Another batch, or none."""
        enough = any(one.score is not None and one.score >= self.minimum for one in drawn)
        return 0 if enough else min(self.batch, left)


async def rounds(
    root: Path,
    models: Models,
    *,
    n: int,
    temperature: float,
    stop: Stopping,
    drawn: Sequence[Drawn],
) -> AsyncIterator[list[Path]]:
    """Whole paths, in as many calls as a rule asks for; path i is the same in any of them.

    Args:
        root: Where they begin.
        models: The roles; ``paths not drawn`` counts what an early stop saved.
        n: Most paths, at least 1.
        temperature: Of the policy.
        stop: Says how many to draw next.
        drawn: What is known of the paths so far. The caller adds those of a round, one for each
            path, before it asks for the next.

    Raises:
        InputError: The rule asks for more than there are left.
    """
    while len(drawn) < n:
        left = n - len(drawn)
        more = stop(drawn, left)
        if not 0 <= more <= left:
            raise InputError(f"{stop!r}: expected 0 to {left} paths to draw next, got {more!r}")
        if not more:
            models.trace.count("paths not drawn", left)
            return
        [paths] = await models.policy.extend(
            [root], more, until="end", temperature=temperature, start=len(drawn)
        )
        yield paths
