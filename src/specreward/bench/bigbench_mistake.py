"""BIG-Bench Mistake: find the first mistake in chains of thought that are no school maths.

    prediction = first step with score < threshold, else none
    accuracy of a task = share of chains whose predicted place is exactly the labelled one, where
                         "no mistake" is a place too
    headline = plain mean over tasks: word sorting, shuffled objects, logical deduction, multistep
               arithmetic, Dyck languages

G. Tyen, H. Mansoor, V. Carbune, P. Chen, T. Mak (2023), "LLMs cannot find reasoning errors, but can
correct them given the error location", arXiv 2311.08516.

Differs from the paper: it asks language models for the place; here a reward model's step scores say
it. The mean over tasks is ours, as is the first-error F1 beside it: most chains hold a mistake, so
that the accuracy of a model that always says the same is no small one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, files_of, read_file
from specreward.bench.first_error import FIRST, found
from specreward.bench.groups import grouped, mean
from specreward.checks import number

__all__ = ["BIGBenchMistake"]


@final
@dataclass(frozen=True, kw_only=True)
class BIGBenchMistake:
    """BIG-Bench Mistake; rows input, steps, mistake_index, a file for each task.

    Args:
        threshold: A step below it is predicted to be the mistake, in [0, 1].
    """

    threshold: float = 0.5
    per_step: ClassVar[bool] = True
    folder: ClassVar[str] = "bigbench_mistake"
    __cite__: ClassVar[str] = """@article{tyen2023llms,
  title = {LLMs cannot find reasoning errors, but can correct them given the error location},
  author = {Tyen, Gladys and Mansoor, Hassan and C{\\u{a}}rbune, Victor and Chen, Peter and
            Mak, Tony},
  journal = {arXiv preprint arXiv:2311.08516},
  year = {2023}
}"""

    def __post_init__(self) -> None:
        number("threshold", self.threshold, 0.0, 1.0)

    def items(self, folder: Path) -> list[Item]:
        """One for each chain; the task is the name of its file."""
        return [
            _item(row, place)
            for file in files_of(folder, "*.jsonl")
            for place, row in enumerate(read_file(file), 1)
        ]

    def metrics(self, judged: Sequence[Judged]) -> dict[str, float]:
        """``accuracy`` over tasks; then each task, with its accuracy with and without mistakes."""
        tasks = sorted(grouped(judged).items())
        tallies = {task: found(own, self.threshold) for task, own in tasks}
        numbers = {
            "accuracy": mean([tally.accuracy for tally in tallies.values()]),
            "f1": mean([tally.f1 for tally in tallies.values()]),
        }
        for task, tally in tallies.items():
            numbers[f"{task} accuracy"] = tally.accuracy
            numbers[f"{task} with a mistake"] = tally.on_wrong
            numbers[f"{task} without one"] = tally.on_right
        return numbers


def _item(row: Row, place: int) -> Item:
    steps = row.texts("steps")
    first = (
        None
        if row.value("mistake_index") is None
        else row.whole("mistake_index", 0, len(steps) - 1)
    )
    return Item(
        id=f"{row.file.stem}-{place}",
        group=row.file.stem,
        question=row.text("input"),
        answers=(Answer(steps),),
        gold={FIRST: first},
    )
