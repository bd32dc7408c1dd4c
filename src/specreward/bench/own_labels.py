"""How good a reward model is on labelled steps of one's own, held out from its training.

    auc              chance that a good step (label of at least 0.5) is scored above a bad one,
                     a tie half
    pair accuracy    of two steps after the same beginning with different labels: the better one is
                     scored higher, a tie is lost
    ece              mean |score - label| of fifteen bins of equal width, by their size
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
from specreward.bench.files import Row, files_of, read_file
from specreward.bench.first_error import Found, first_below
from specreward.bench.groups import mean
from specreward.bench.pools import gain, top
from specreward.bench.processbench import ProcessBench
from specreward.checks import number, part
from specreward.errors import InputError
from specreward.label.labelled import Labelled, load_labelled
from specreward.reward.aggregate import Aggregate, Last
from specreward.tasks.qa import QA
from specreward.train.quality import auc, ece
from specreward.types import Problem, Task

__all__ = ["OwnLabels"]

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
        for one, row in _labelled(folder):
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
        own = [_counted(one, self) for one in judged]
        scores = np.concatenate([one.scores for one in own])
        labels = np.concatenate([one.labels for one in own])
        found = [one.found for one in own]
        choices = [one.choice for one in own if one.choice is not None]
        best, first, every = (mean([choice[at] for choice in choices]) for at in range(3))
        return {
            "auc": auc(scores, labels),
            "pair accuracy": mean([hit for one in own for hit in one.pairs]),
            "ece": ece(scores, labels) if len(scores) else nan,
            "brier": float(((scores - labels) ** 2).mean()) if len(scores) else nan,
            "first error f1": Found(*[sum(column) for column in zip(*found, strict=True)]).f1,
            "best of all": best,
            "pass@1": first,
            "pass@all": every,
            "gain": gain(best, first, every),
        }


def _labelled(folder: Path) -> Iterator[tuple[Labelled, Row]]:
    for file in files_of(folder, "*.jsonl"):
        where = ""
        try:
            for row in read_file(file):
                where = f"{row.where}: "
                one = load_labelled(row.fields)
                where = ""  # what is refused from here on names its own place
                yield one, row
        except InputError as error:
            raise InputError(
                f"{where}{error}; a benchmark takes no bad record: specreward convert writes the "
                "good ones to another file and sets the bad ones aside"
            ) from None


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


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """What one problem adds to the numbers; its labelled steps each once.

    Args:
        scores: ``[S]``.
        labels: ``[S]``.
        pairs: Of each two siblings with different labels: 1 where the better is scored higher.
        found: First errors, the fields of ``Found``.
        choice: Chance that the highest-scored solution is right, a random one, one of them; None
            where fewer than two outcomes are known.
    """

    scores: Floats
    labels: Floats
    pairs: tuple[float, ...]
    found: tuple[int, int, int, int]
    choice: tuple[float, float, float] | None


@lru_cache(maxsize=1 << 15)
def _counted(one: Judged, benchmark: OwnLabels) -> _Counted:
    """Kept, as intervals ask for the same problems again and again."""
    steps: dict[tuple[str, ...], tuple[float, float]] = {}
    for answer, known, said in zip(
        one.item.answers, one.item.gold["labels"], one.steps, strict=True
    ):
        for place, (label, score) in enumerate(zip(known, said, strict=True)):
            if label is not None:
                steps.setdefault(answer.steps[: place + 1], (score, label))
    both = np.array(list(steps.values()), dtype=np.float64).reshape(-1, 2)
    return _Counted(
        scores=both[:, 0],
        labels=both[:, 1],
        pairs=tuple(_pairs(steps)),
        found=_first_errors(one, benchmark.threshold),
        choice=_choice(one, benchmark.combine),
    )


def _first_errors(one: Judged, threshold: float) -> tuple[int, int, int, int]:
    wrong = located = right = cleared = 0
    if one.item.gold["kind"] != "value":
        for labels, scores in zip(one.item.gold["labels"], one.steps, strict=True):
            truth = next((i for i, y in enumerate(labels) if y is not None and y < 0.5), None)
            hit = first_below(scores, threshold) == truth
            if truth is not None:
                wrong, located = wrong + 1, located + hit
            elif None not in labels:  # else nobody looked at all steps
                right, cleared = right + 1, cleared + hit
    return wrong, located, right, cleared


def _choice(one: Judged, combine: Aggregate) -> tuple[float, float, float] | None:
    known = [
        (combine([steps[place] for place in combine.needed(len(steps))]), outcome >= 0.5)
        for steps, outcome in zip(one.steps, one.item.gold["outcomes"], strict=True)
        if outcome is not None
    ]
    if len(known) < 2:
        return None
    right = [ok for _, ok in known]
    return top([score for score, _ in known], right), mean(right), float(any(right))


def _pairs(steps: Mapping[tuple[str, ...], tuple[float, float]]) -> Iterator[float]:
    families: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for key, value in steps.items():
        families.setdefault(key[:-1], []).append(value)
    for family in families.values():
        for (a, label_a), (b, label_b) in combinations(family, 2):
            if label_a != label_b:
                yield float((a > b) if label_a > label_b else (b > a))
