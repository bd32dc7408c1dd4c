"""ProcessBench: find the first wrong step of solutions to competition maths.

    prediction = first step with score < threshold, else none
    F1 of a split = harmonic mean of the accuracy on wrong and on right solutions
    headline = plain mean of the F1 of the splits: gsm8k, math, olympiadbench, omnimath

C. Zheng, Z. Zhang, B. Zhang, R. Lin, K. Lu, B. Yu, D. Liu, J. Zhou, J. Lin (2024), "ProcessBench:
Identifying Process Errors in Mathematical Reasoning", arXiv 2412.06559.

The paper takes the threshold that is best on the GSM8K split and uses it on all four: the field set
to None. The F1 of that split then says nothing, so that the mean of the others stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, read_files
from specreward.bench.first_error import FIRST, best_threshold, found
from specreward.bench.groups import grouped, mean
from specreward.checks import number
from specreward.errors import InputError
from specreward.label.formats import ProcessBenchFormat

__all__ = ["ProcessBench"]

TUNED_ON = "gsm8k"


@final
@dataclass(frozen=True, kw_only=True)
class ProcessBench:
    """ProcessBench; rows id, problem, steps, label (-1 or the first wrong step).

    Args:
        threshold: A step below it is predicted to be wrong, in [0, 1]; None finds the best one on
            the GSM8K split, as the paper does.
    """

    threshold: float | None = 0.5
    per_step: ClassVar[bool] = True
    folder: ClassVar[str] = "processbench"
    __cite__: ClassVar[str] = ProcessBenchFormat.__cite__

    def __post_init__(self) -> None:
        if self.threshold is not None:
            number("threshold", self.threshold, 0.0, 1.0)

    def items(self, folder: Path) -> list[Item]:
        """One for each solution; the split is what its id begins with."""
        return [_item(row) for row in read_files(folder, "*.json", "*.jsonl")]

    def settled(self, judged: Sequence[Judged]) -> Self:
        """With the threshold found.

        Raises:
            InputError: It is to be found, and there is no item of the GSM8K split.
        """
        if self.threshold is not None:
            return self
        tuning = [one for one in judged if one.item.group == TUNED_ON]
        if not tuning:
            raise InputError(
                f"expected items of the split {TUNED_ON}, on which the threshold is found, got "
                "none: give a threshold, such as processbench(threshold=0.5)"
            )
        best = best_threshold(tuning)
        return replace(self, threshold=min(1.0, max(0.0, best)))

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``f1`` over splits, the same without GSM8K, and each split with its two accuracies."""
        if self.threshold is None:
            return self.settled(judged).metrics(judged)
        splits = sorted(grouped(judged).items())
        tallies = {split: found(own, self.threshold) for split, own in splits}
        numbers = {
            "f1": mean([tally.f1 for tally in tallies.values()]),
            f"f1 without {TUNED_ON}": mean(
                [tally.f1 for split, tally in tallies.items() if split != TUNED_ON]
            ),
        }
        for split, tally in tallies.items():
            numbers[f"{split} f1"] = tally.f1
            numbers[f"{split} error accuracy"] = tally.on_wrong
            numbers[f"{split} correct accuracy"] = tally.on_right
        return numbers | {"threshold": self.threshold}


def _item(row: Row) -> Item:
    name, steps = row.text("id"), row.texts("steps")
    label = row.whole("label", -1, len(steps) - 1)
    return Item(
        id=name,
        group=name.rpartition("-")[0] or row.file.stem,
        question=row.text("problem"),
        answers=(Answer(steps, row.text("generator") if row.has("generator") else ""),),
        gold={FIRST: None if label < 0 else label},
    )
