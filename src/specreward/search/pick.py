"""How a search chooses its answer among the finished candidates: objects to pass to a strategy.

    Highest            argmax over candidates of the last score
    MajorityVote       argmax over answers of the number of their candidates
    WeightedVote       argmax over answers of the sum of their candidates' scores
    SoftmaxVote        argmax over answers of the sum of exp(score / T) of their candidates
    MaxReward          argmax over candidates of the mean score of the edges from the root
    AnswerAggregation  argmax over answers of the sum of the scores of all edges that lead to it

The votes answer with the highest-scored candidate of the winning answer. Edges are the judged
steps in ``models.trace``. Ties go to the candidate found first.

MaxReward and AnswerAggregation: S. Hao et al. (2023), "Reasoning with Language Model is Planning
with World Model", arXiv 2305.14992. Weighted vote: Y. Li et al. (2022), "Making Large Language
Models Better Reasoners with Step-Aware Verifier", arXiv 2206.02336. Softmax vote: the weighted
baseline of QAlign, G. Faria, N. A. Smith (2025), "Sample, Don't Search", arXiv 2504.03790.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, final

from specreward.checks import positive
from specreward.errors import InputError, RewardError
from specreward.search.votes import votes
from specreward.types import Candidate, Models
from specreward.verify.citations import RAP
from specreward.voting import best, weighted_majority

__all__ = [
    "AnswerAggregation",
    "Highest",
    "MajorityVote",
    "MaxReward",
    "Pick",
    "SoftmaxVote",
    "WeightedVote",
]

Key = tuple[str, ...]


class Pick(Protocol):
    """Chooses among finished candidates."""

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        ...


def _highest(candidates: Sequence[Candidate]) -> Candidate | None:
    if not candidates:
        return None
    return candidates[best([candidate.score for candidate in candidates])]


def _elect(
    candidates: Sequence[Candidate], answers: Sequence[str], weights: Sequence[float]
) -> Candidate | None:
    """The highest-scored candidate with the answer of the largest summed weight."""
    winner = weighted_majority(answers, weights)
    return _highest([c for c, answer in zip(candidates, answers, strict=True) if answer == winner])


Edge = tuple[Key, float]
"""A judged step: the key of the path that it ends, and its score."""


def ways(models: Models) -> dict[Key, tuple[Edge, ...]]:
    """The edges from the root to every judged path in the trace, by the path's key.

    A search that draws whole paths has one edge for each: the path itself.
    """
    known: dict[Key, tuple[Edge, ...]] = {}
    for parent, judgements in models.trace.expansions:
        key, depth = parent.key, len(parent.steps)
        way = known.get(key, ())
        for item in judgements:
            end = (*key, *[step.text for step in item.path.steps[depth:]])
            known[end] = (*way, (end, item.score))
    return known


def way_to(candidate: Candidate, known: Mapping[Key, tuple[Edge, ...]]) -> tuple[Edge, ...]:
    """The edges from the root to a candidate.

    Raises:
        InputError: The candidate is not in the trace.
    """
    way = known.get(candidate.path.key)
    if way is None:
        raise InputError(
            f"expected a candidate from this search's trace, got the path {candidate.path.key!r}: "
            "select with the models (and their trace) of the search that found it"
        )
    return way


@final
@dataclass(frozen=True, kw_only=True)
class Highest:
    """The candidate with the highest score."""

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        return _highest(candidates)


@final
@dataclass(frozen=True, kw_only=True)
class MajorityVote:
    """The most frequent answer, whatever the scores."""

    __cite__: ClassVar[str] = """@inproceedings{wang2023selfconsistency,
  title = {Self-Consistency Improves Chain of Thought Reasoning in Language Models},
  author = {Wang, Xuezhi and Wei, Jason and Schuurmans, Dale and Le, Quoc and Chi, Ed and
            Narang, Sharan and Chowdhery, Aakanksha and Zhou, Denny},
  booktitle = {International Conference on Learning Representations},
  year = {2023},
  eprint = {2203.11171}
}"""

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        answers = votes([candidate.path for candidate in candidates], models.task)
        return _elect(candidates, answers, [1.0] * len(candidates))


@final
@dataclass(frozen=True, kw_only=True)
class WeightedVote:
    """The answer with the largest sum of scores; needs scores of at least 0."""

    __cite__: ClassVar[str] = """@misc{li2022making,
  title = {Making Large Language Models Better Reasoners with Step-Aware Verifier},
  author = {Li, Yifei and Lin, Zeqi and Zhang, Shizhuo and Fu, Qiang and Chen, Bei and
            Lou, Jian-Guang and Chen, Weizhu},
  year = {2022},
  note = {arXiv:2206.02336}
}"""

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        answers = votes([candidate.path for candidate in candidates], models.task)
        return _elect(candidates, answers, [candidate.score for candidate in candidates])


@final
@dataclass(frozen=True, kw_only=True)
class SoftmaxVote:
    """The answer with the largest share of a softmax over the scores, which may be negative.

    Towards 0 it is the vote of the highest scores alone, towards infinity the plain majority.

    Args:
        reward_temperature: Divides the scores, above 0.  # b in the paper

    Raises:
        InputError: The temperature is no finite number above 0.
    """

    reward_temperature: float = field(default=0.5, kw_only=False)

    __cite__: ClassVar[str] = """@misc{faria2025sample,
  title = {Sample, Don't Search: Rethinking Test-Time Alignment for Language Models},
  author = {Faria, Gon{\\c{c}}alo and Smith, Noah A.},
  year = {2025},
  note = {arXiv:2504.03790}
}"""

    def __post_init__(self) -> None:
        positive("softmax_vote reward_temperature", self.reward_temperature)

    def weights(self, scores: Sequence[float]) -> list[float]:
        """The weight of each vote, ``[n]``, in [0, 1]; the highest score weighs 1.

        Raises:
            RewardError: A score is infinite or NaN.
        """
        if not all(map(math.isfinite, scores)):
            raise RewardError(f"expected finite scores to vote with, got {list(scores)!r}")
        most = max(scores, default=0.0)
        return [math.exp((score - most) / self.reward_temperature) for score in scores]

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        answers = votes([candidate.path for candidate in candidates], models.task)
        weights = self.weights([candidate.score for candidate in candidates])
        return _elect(candidates, answers, weights)


@final
@dataclass(frozen=True, kw_only=True)
class MaxReward:
    """The candidate with the highest mean score of its steps (the output rule of RAP)."""

    __cite__: ClassVar[str] = RAP

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        if not candidates:
            return None
        known = ways(models)
        found = [way_to(candidate, known) for candidate in candidates]
        return candidates[best([sum([score for _, score in way]) / len(way) for way in found])]


@final
@dataclass(frozen=True, kw_only=True)
class AnswerAggregation:
    """The answer with the largest sum over the edges below which it stands (RAP-Aggregation).

    An edge counts once for each answer that it leads to; needs scores of at least 0.
    """

    __cite__: ClassVar[str] = RAP

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        known = ways(models)
        answers = votes([candidate.path for candidate in candidates], models.task)
        counted: set[tuple[str, Key]] = set()
        weights = []
        for candidate, answer in zip(candidates, answers, strict=True):
            way = way_to(candidate, known)
            weights.append(sum([score for key, score in way if (answer, key) not in counted]))
            counted |= {(answer, key) for key, _ in way}
        return _elect(candidates, answers, weights)
