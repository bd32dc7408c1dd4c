"""PRMBench: solutions into which errors of eight classes were put, and the steps that have them.

    {"original_question", "modified_question", "original_process": [str],
     "modified_process": [str], "modified_steps": [int], "error_steps": [int], "reason", "idx",
     "question", "classification"}
    error_steps  from 1

M. Song et al. (2025), "PRMBench: A Fine-grained and Challenging Benchmark for Process-Level Reward
Models", arXiv 2501.03124.

Every step is labelled by itself: kind ``step``. 51 of the 3,108 records of the open half name a
step beyond the last; they are refused, because nobody knows which step was meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from specreward.checks import flag
from specreward.errors import InputError
from specreward.label.formats.fields import (
    hard_label,
    items,
    optional_text,
    problem_of,
    text,
    texts,
)
from specreward.label.formats.format import check_kind
from specreward.label.labelled import Labelled

__all__ = ["PRMBenchFormat"]


@final
@dataclass(frozen=True, kw_only=True)
class PRMBenchFormat:
    """Labels of kind ``step``.

    Writing keeps steps, labels, class and reason; the process before the change is not known then,
    and its list is empty.

    Args:
        originals: Also the solution before the change, all of its steps right. Records of
            different classes often share it.
    """

    originals: bool = True

    joins: ClassVar[bool] = False
    __cite__: ClassVar[str] = """@article{song2025prmbench,
  title = {PRMBench: A Fine-grained and Challenging Benchmark for Process-Level Reward Models},
  author = {Song, Mingyang and Su, Zhaochen and Qu, Xiaoye and Zhou, Jiawei and Cheng, Yu},
  journal = {arXiv preprint arXiv:2501.03124},
  year = {2025}
}"""

    def __post_init__(self) -> None:
        flag("originals", self.originals)

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether there is a modified process with its errors."""
        return {"modified_process", "error_steps"} <= row.keys()

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """The modified solution, and the original one where it is asked for and there.

        Raises:
            InputError: A field is missing, or an error lies at no step.
        """
        steps, wrong = texts(row, "modified_process"), items(row, "error_steps")
        for place in wrong:
            known = isinstance(place, int) and not isinstance(place, bool)
            if not known or not 1 <= place <= len(steps):
                raise InputError(
                    f"error_steps: expected numbers from 1 to {len(steps)}, the number of steps, "
                    f"got {place!r}"
                )
        idx, group = optional_text(row, "idx"), optional_text(row, "classification") or ""
        source = {"format": "prmbench", "place": where, "classification": group}
        answer = optional_text(row, "ground_truth")
        name = None if idx is None else f"{idx}/{group}" if group else idx
        found = [
            Labelled(
                problem=problem_of(text(row, "modified_question"), answer, name),
                steps=steps,
                labels=tuple([float(at + 1 not in wrong) for at in range(len(steps))]),
                kind="step",
                source=source | {"reason": optional_text(row, "reason") or ""},
            )
        ]
        before = texts(row, "original_process") if self.originals else ()
        if before:
            found.append(
                Labelled(
                    problem=problem_of(text(row, "original_question"), answer, idx),
                    steps=before,
                    labels=(1.0,) * len(before),
                    kind="step",
                    source=source | {"classification": "", "original_of": group},
                )
            )
        return found

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """One record for each solution.

        Raises:
            InputError: Labels of another kind, soft or missing ones, an outcome.
        """
        return [_row(one) for one in solutions]


def _row(one: Labelled) -> dict[str, Any]:
    check_kind(one, "step", "prmbench_format")
    name, question = one.problem.id, one.problem.question
    if one.outcome is not None or None in one.labels:
        what = "no outcome" if one.outcome is not None else "a label of every step"
        raise InputError(f"problem {name!r}: prmbench_format: expected {what}, got {one!r:.200}")
    wrong = [
        at
        for at, label in enumerate(one.labels, 1)
        if label is not None and not hard_label(label, "prmbench_format", name)
    ]
    group = str(one.source.get("classification", ""))
    row = {
        "original_question": question,
        "modified_question": question,
        "original_process": [],
        "modified_process": list(one.steps),
        "modified_steps": wrong,
        "error_steps": wrong,
        "reason": one.source.get("reason", ""),
        "idx": name.removesuffix(f"/{group}") if group else name,
        "question": question,
        "classification": group,
    }
    return row | ({} if one.problem.answer is None else {"ground_truth": one.problem.answer})
