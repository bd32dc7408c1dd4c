"""PRMBench: are the steps of a solution with planted errors told apart from the sound ones?

    a step is predicted sound where its score is at least the threshold
    F1, F1_neg    over all steps of a class, the sound ones or the wrong ones as the positive class
    PRMScore      (F1 + F1_neg) / 2; of multi_solutions, whose steps are all sound, F1 alone
    headline      PRMScore of the steps of all classes pooled
    similarity    mean over rows of |share predicted sound - the same for the original solution|

    simplicity    redundency (NR), circular (NCL)
    soundness     counterfactual (ES), step_contradiction (SC), domain_inconsistency (DC),
                  confidence (CI)
    sensitivity   missing_condition (PS), deception (DR), multi_solutions (MS)

M. Song, Z. Su, X. Qu, J. Zhou, Y. Cheng (2025), "PRMBench: A Fine-grained and Challenging Benchmark
for Process-Level Reward Models", arXiv 2501.03124; counting as in its released code.

As there, each redundency row adds its original solution, sound throughout, which counts for the
similarity only; rows that repeat a class and id are taken once. Differs: rows whose wrong steps lie
beyond the last step (51 of those at hand) are set aside with a warning, where the released code
overlooks such steps; an F1 of nothing found and nothing right is 0, there -1. Models that say
redundancy beside validity, whose redundancy labels the released code negates for NR and NCL, do not
fit one score a step: validity is used for all classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.groups import mean
from specreward.checks import number
from specreward.errors import InputError
from specreward.label.formats import PRMBenchFormat

__all__ = ["Counted", "PRMBench", "Steps"]

ORIGINAL = "correct"
SOUND_ONLY = "multi_solutions"
GROUPS = {
    "simplicity": ("redundency", "circular"),
    "soundness": ("counterfactual", "step_contradiction", "domain_inconsistency", "confidence"),
    "sensitivity": ("missing_condition", "deception", SOUND_ONLY),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The steps of one row.

    Args:
        sound_kept: Sound, and predicted so.
        sound_lost: Sound, predicted wrong.
        wrong_kept: Wrong, predicted sound.
        wrong_found: Wrong, and predicted so.
        first: 1 where the first wrong step is found, else 0; None where none is wrong.
        share: Of steps predicted sound.
    """

    sound_kept: int
    sound_lost: int
    wrong_kept: int
    wrong_found: int
    first: float | None
    share: float


@dataclass(slots=True)
class Steps:
    """The steps of many rows, added up; fields as of ``Counted``."""

    sound_kept: int = 0
    sound_lost: int = 0
    wrong_kept: int = 0
    wrong_found: int = 0

    def add(self, row: Counted) -> None:
        """Count the steps of one row."""
        self.sound_kept += row.sound_kept
        self.sound_lost += row.sound_lost
        self.wrong_kept += row.wrong_kept
        self.wrong_found += row.wrong_found

    @property
    def f1(self) -> float:
        """Of the sound steps."""
        return _f1(self.sound_kept, self.wrong_kept, self.sound_lost)

    @property
    def f1_neg(self) -> float:
        """Of the wrong steps."""
        return _f1(self.wrong_found, self.sound_lost, self.wrong_kept)

    @property
    def accuracy(self) -> float:
        """Share of steps predicted as they are."""
        every = self.sound_kept + self.sound_lost + self.wrong_kept + self.wrong_found
        return (self.sound_kept + self.wrong_found) / every if every else nan

    @property
    def score(self) -> float:
        """PRMScore where both kinds of steps are there."""
        return (self.f1 + self.f1_neg) / 2


def _f1(hits: int, false: int, missed: int) -> float:
    every = 2 * hits + false + missed
    return 2 * hits / every if every else nan


@final
@dataclass(frozen=True, kw_only=True)
class PRMBench:
    """PRMBench; rows classification, idx, modified_process, error_steps, original_process.

    Args:
        threshold: A step below it is predicted to be wrong, in [0, 1].
    """

    threshold: float = 0.5
    per_step: ClassVar[bool] = True
    folder: ClassVar[str] = "prmbench"
    __cite__: ClassVar[str] = PRMBenchFormat.__cite__

    def __post_init__(self) -> None:
        number("threshold", self.threshold, 0.0, 1.0)

    def items(self, folder: Path) -> list[Item]:
        """One for each row, and one for the original solution of each redundency row."""
        found: dict[str, Item] = {}
        aside: list[str] = []
        for row in read_files(folder, "*.jsonl"):
            kind = row.text("classification")
            if kind == GROUPS["simplicity"][0]:
                original = _item(row, ORIGINAL, "original_question", "original_process", ())
                found.setdefault(original.id, original)
            beyond = _beyond(row)
            if beyond:
                aside.append(beyond)
                continue
            errors = tuple([place - 1 for place in row.value("error_steps")])
            item = _item(row, kind, "modified_question", "modified_process", errors)
            found.setdefault(item.id, item)
        if aside:
            warnings.warn(
                f"{folder}: {len(aside)} row(s) set aside, whose wrong steps lie beyond the last "
                f"step; the first: {aside[0]}",
                stacklevel=2,
            )
        if not found:
            raise InputError(f"{folder}: expected rows whose error_steps are steps, got none")
        return list(found.values())

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``prmscore`` over all, its parts, the three groups, and each class."""
        classes: dict[str, Steps] = {}
        pooled, first, apart = Steps(), [], []
        originals = {
            one.item.gold["idx"]: self._row(one).share
            for one in judged
            if one.item.group == ORIGINAL
        }
        for one in judged:
            if one.item.group == ORIGINAL:
                continue
            row = self._row(one)
            for steps in (classes.setdefault(one.item.group, Steps()), pooled):
                steps.add(row)
            if row.first is not None:
                first.append(row.first)
            before = originals.get(one.item.gold["idx"])
            if before:  # as released: an original of which nothing is kept is passed over
                apart.append(abs(row.share - before))
        scores = {
            name: steps.f1 if name == SOUND_ONLY else steps.score
            for name, steps in sorted(classes.items())
        }
        return {
            "prmscore": pooled.score,
            "f1": pooled.f1,
            "f1_neg": pooled.f1_neg,
            "step accuracy": pooled.accuracy,
            "first error accuracy": mean(first),
            "similarity": mean(apart),
            **{
                group: mean([scores[name] for name in names if name in scores])
                for group, names in GROUPS.items()
            },
            **scores,
        }

    def _row(self, one: Judged) -> Counted:
        return _counted(one, self.threshold)


@lru_cache(maxsize=1 << 15)
def _counted(one: Judged, threshold: float) -> Counted:
    errors = one.item.gold["errors"]
    kept = [score >= threshold for score in one.steps[0]]
    wrong = [kept[place] for place in errors]
    return Counted(
        sound_kept=sum(kept) - sum(wrong),
        sound_lost=len(kept) - len(wrong) - sum(kept) + sum(wrong),
        wrong_kept=sum(wrong),
        wrong_found=len(wrong) - sum(wrong),
        first=float(not kept[min(errors)]) if errors else None,
        share=mean(kept),
    )


def _beyond(row: Row) -> str:
    """Why a row is set aside, or nothing."""
    steps, errors = row.texts("modified_process"), row.value("error_steps")
    whole = isinstance(errors, list) and all(type(place) is int for place in errors)
    if not whole:
        raise row.refused("a list of step numbers as 'error_steps'", errors)
    if all(1 <= place <= len(steps) for place in errors):
        return ""
    return f"{row.where}: expected error_steps from 1 to {len(steps)}, got {errors}"


def _item(row: Row, kind: str, question: str, steps: str, errors: Sequence[int]) -> Item:
    name = row.text("idx")
    return Item(
        id=f"{kind}_{name}",
        group=kind,
        question=row.text(question),
        answers=(Answer(row.texts(steps)),),
        gold={"errors": list(errors), "idx": name},
    )
