"""How good a reward model is on labelled steps of one's own, held out from its training.

    auc              chance that a good step (label of at least 0.5) is scored above a bad one,
                     a tie half
    pair accuracy    of two steps after the same beginning with different labels: the better one is
                     scored higher, a tie is lost
    ece              mean |score - label| of ten bins of scores of equal width, by their size
    brier            mean (score - label) squared
    first error f1   as in ProcessBench; of labels that tell errors
    best of all      share of problems whose highest-scored solution is right, beside a blind choice
                     and the best one; where outcomes are known

A step that several solutions share is counted once. The first four say whether the model can tell
steps apart, the last one whether a search gains by it; the two need not go together.

First errors: C. Zheng et al. (2024), "ProcessBench", arXiv 2412.06559.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from math import nan
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.first_error import Found, first_below, mean
from specreward.bench.pools import gain
from specreward.bench.processbench import ProcessBench
from specreward.checks import number, part
from specreward.errors import InputError
from specreward.label.labelled import Labelled, load_labelled
from specreward.report.subsets import highest_at
from specreward.reward.aggregate import Aggregate, Last
from specreward.tasks.qa import QA
from specreward.types import Problem, Task

__all__ = ["OwnLabels", "area", "calibration_error"]

BINS = 10
Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, kw_only=True)
class OwnLabels:
    """Own labels; rows as specreward label writes them.

    Args:
        task: Whose problems the labels are of: what embedded and trained models read; free text by
            default.
        threshold: A step below it is predicted to be wrong, in [0, 1].
        combine: The score of a solution from those of its steps, for the choice among solutions.
    """

    task: Task = field(default=QA(), kw_only=False)
    threshold: float = 0.5
    combine: Aggregate = Last()
    per_step: ClassVar[bool] = True
    folder: ClassVar[str] = "own_labels"
    __cite__: ClassVar[str] = ProcessBench.__cite__

    def __post_init__(self) -> None:
        part("task", self.task, object, "blocksworld()")
        number("threshold", self.threshold, 0.0, 1.0)

    def problem(self, item: Item) -> Problem:
        """The problem as the labels have it."""
        return Problem(item.id, item.question, item.gold["answer"], item.gold["meta"])

    def items(self, folder: Path) -> list[Item]:
        """One for each problem, with all of its labelled solutions.

        Raises:
            InputError: As for every benchmark; labels of different kinds; one id with two
                questions.
        """
        problems: dict[str, list[Labelled]] = {}
        kind: str | None = None
        for row in read_files(folder, "*.jsonl"):
            one = _labelled(row)
            known = problems.setdefault(one.problem.id, [])
            if kind not in (None, one.kind):
                raise row.refused(f"labels of kind {kind}, as those before", one.kind)
            if known and known[0].problem.question != one.problem.question:
                raise row.refused(
                    f"the question that problem {one.problem.id!r} had before",
                    one.problem.question,
                )
            kind = one.kind
            known.append(one)
        return [_item(own) for own in problems.values()]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """The numbers above, ``auc`` first; NaN where the labels do not say."""
        own = [_steps(one) for one in judged]
        scores = np.concatenate([steps.scores for steps in own])
        labels = np.concatenate([steps.labels for steps in own])
        numbers = {
            "auc": area(scores, labels >= 0.5),
            "pair accuracy": mean([hit for steps in own for hit in steps.pairs]),
            "ece": calibration_error(scores, labels),
            "brier": float(((scores - labels) ** 2).mean()) if len(scores) else nan,
            "first error f1": self._first_errors(judged).f1,
        }
        return numbers | self._choices(judged)

    def _first_errors(self, judged: Sequence[Judged]) -> Found:
        tally = [0, 0, 0, 0]
        for one in judged:
            if one.item.gold["kind"] == "value":
                continue
            for labels, scores in zip(one.item.gold["labels"], one.steps, strict=True):
                truth = next((i for i, y in enumerate(labels) if y is not None and y < 0.5), None)
                if truth is None and None in labels:
                    continue  # nobody looked at all steps
                hit = first_below(scores, self.threshold) == truth
                at = 2 if truth is None else 0
                tally[at] += 1
                tally[at + 1] += hit
        return Found(*tally)

    def _choices(self, judged: Sequence[Judged]) -> dict[str, float]:
        """The choice of a whole solution; of problems with two or more of known outcome."""
        reached, blind, best = [], [], []
        for one in judged:
            known = [
                (self._whole(steps), outcome >= 0.5)
                for steps, outcome in zip(one.steps, one.item.gold["outcomes"], strict=True)
                if outcome is not None
            ]
            if len(known) > 1:
                right = [ok for _, ok in known]
                reached.append(highest_at([s for s, _ in known], right, len(known), len(known)))
                blind.append(mean(right))
                best.append(float(any(right)))
        first, one_of, every = mean(reached), mean(blind), mean(best)
        return {
            "best of all": first,
            "pass@1": one_of,
            "pass@all": every,
            "gain": gain(first, one_of, every),
        }

    def _whole(self, steps: Sequence[float]) -> float:
        return self.combine([steps[place] for place in self.combine.needed(len(steps))])


def area(scores: Floats, good: NDArray[np.bool_]) -> float:
    """The area under the curve of true against false positives; NaN without both kinds."""
    positives, negatives = int(good.sum()), int((~good).sum())
    if not positives or not negatives:
        return nan
    _, place, size = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(size) - (size - 1) / 2)[place]
    above = ranks[good].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def calibration_error(scores: Floats, labels: Floats) -> float:
    """The expected calibration error in [0, 1], lower is better; NaN of nothing."""
    if not len(scores):
        return nan
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    apart = np.bincount(bins, weights=scores - labels, minlength=BINS)
    return float(np.abs(apart).sum() / len(scores))


def _labelled(row: Row) -> Labelled:
    try:
        return load_labelled(row.fields)
    except InputError as error:
        raise InputError(f"{row.where}: {error}") from None


def _item(own: Sequence[Labelled]) -> Item:
    problem = own[0].problem
    return Item(
        id=problem.id,
        group="own",
        question=problem.question,
        answers=tuple([Answer(one.steps) for one in own]),
        gold={
            "labels": tuple([one.labels for one in own]),
            "kind": own[0].kind,
            "outcomes": [one.outcome for one in own],
            "answer": problem.answer,
            "meta": dict(problem.meta),
        },
    )


Rows = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The labelled steps of one problem, each once.

    Args:
        scores: ``[S]``.
        labels: ``[S]``.
        pairs: Of each two siblings with different labels: 1 where the better is scored higher.
    """

    scores: Floats
    labels: Floats
    pairs: tuple[float, ...]


def _steps(one: Judged) -> Steps:
    return _counted(tuple([a.steps for a in one.item.answers]), one.item.gold["labels"], one.steps)


@lru_cache(maxsize=1 << 15)
def _counted(answers: tuple[tuple[str, ...], ...], labels: Rows, scores: Rows) -> Steps:
    found: dict[tuple[str, ...], tuple[float, float]] = {}
    for steps, known, said in zip(answers, labels, scores, strict=True):
        for place, (label, score) in enumerate(zip(known, said, strict=True)):
            if label is not None and score is not None:
                found.setdefault(steps[: place + 1], (score, label))
    both = np.array(list(found.values()), dtype=np.float64).reshape(-1, 2)
    return Steps(both[:, 0], both[:, 1], tuple(_pairs(found)))


def _pairs(steps: Mapping[tuple[str, ...], tuple[float, float]]) -> Iterator[float]:
    families: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for key, value in steps.items():
        families.setdefault(key[:-1], []).append(value)
    for family in families.values():
        for (a, label_a), (b, label_b) in combinations(family, 2):
            if label_a != label_b:
                yield float((a > b) if label_a > label_b else (b > a))
