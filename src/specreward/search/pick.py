"""How a search chooses its answer among the finished candidates: objects to pass to a strategy.

    Highest            argmax over candidates of the last score
    WeightedVote       argmax over answers of the sum of their candidates' scores
    MaxReward          argmax over candidates of the mean score of the edges from the root
    AnswerAggregation  argmax over answers of the sum of the scores of all edges that lead to it

The votes answer with the highest-scored candidate of the winning answer. Edges are the judged
steps in ``models.trace``. Ties go to the candidate found first.

MaxReward and AnswerAggregation: S. Hao et al. (2023), "Reasoning with Language Model is Planning
with World Model", arXiv 2305.14992. Weighted vote: Y. Li et al. (2022), "Making Large Language
Models Better Reasoners with Step-Aware Verifier", arXiv 2206.02336.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, final

from specreward.errors import InputError
from specreward.types import Candidate, Models, Path
from specreward.voting import best, weighted_majority

__all__ = ["AnswerAggregation", "Highest", "MaxReward", "Pick", "WeightedVote"]

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


def edges(models: Models) -> dict[Key, float]:
    """The score of every judged step in the trace, by the key of the path that it ends."""
    return {
        item.path.key: item.score
        for _, judgements in models.trace.expansions
        for item in judgements
    }


def edge_keys(path: Path, scores: Mapping[Key, float]) -> list[Key]:
    """The keys of the judged edges on the way to a path, from the root on.

    A search that draws whole paths has one edge: the path itself.

    Raises:
        InputError: The path is not in the trace.
    """
    key = path.key
    if key not in scores:
        raise InputError(
            f"expected a candidate from this search's trace, got the path {key!r}: "
            "select with the models (and their trace) of the search that found it"
        )
    return [key[:end] for end in range(2, len(key) + 1) if key[:end] in scores]


@final
@dataclass(frozen=True, kw_only=True)
class Highest:
    """The candidate with the highest score."""

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        return _highest(candidates)


@final
@dataclass(frozen=True, kw_only=True)
class WeightedVote:
    """The answer with the largest sum of scores; needs scores of at least 0."""

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        answers = [models.task.answer(candidate.path) for candidate in candidates]
        return _elect(candidates, answers, [candidate.score for candidate in candidates])


@final
@dataclass(frozen=True, kw_only=True)
class MaxReward:
    """The candidate with the highest mean score of its steps (the output rule of RAP)."""

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        if not candidates:
            return None
        scores = edges(models)
        means = []
        for candidate in candidates:
            rewards = [scores[key] for key in edge_keys(candidate.path, scores)]
            means.append(sum(rewards) / len(rewards))
        return candidates[best(means)]


@final
@dataclass(frozen=True, kw_only=True)
class AnswerAggregation:
    """The answer with the largest sum over the edges below which it stands (RAP-Aggregation).

    An edge counts once for each answer that it leads to; needs scores of at least 0.
    """

    def __call__(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """One of ``candidates``, or None where there is none."""
        scores = edges(models)
        answers = [models.task.answer(candidate.path) for candidate in candidates]
        counted: set[tuple[str, Key]] = set()
        weights = []
        for candidate, answer in zip(candidates, answers, strict=True):
            new = {(answer, key) for key in edge_keys(candidate.path, scores)} - counted
            counted |= new
            weights.append(sum(scores[key] for _, key in sorted(new)))
        return _elect(candidates, answers, weights)
