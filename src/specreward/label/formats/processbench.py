"""ProcessBench: the place of the first wrong step, found by people.

    {"id", "generator", "problem", "steps": [str], "final_answer_correct": bool, "label": int}
    label  from 0; -1: no step is wrong

C. Zheng et al. (2024), "ProcessBench: Identifying Process Errors in Mathematical Reasoning", arXiv
2412.06559.

A place of a first error is a label of kind ``prefix``: 1 before it, 0 at it. What comes after it
nobody looked at, so that those steps have no label here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from specreward.errors import InputError
from specreward.label.formats.fields import (
    hard_label,
    optional_number,
    optional_text,
    problem_of,
    text,
    texts,
)
from specreward.label.formats.format import check_kind
from specreward.label.labelled import Labelled

__all__ = ["ProcessBenchFormat"]


@final
@dataclass(frozen=True, kw_only=True)
class ProcessBenchFormat:
    """Labels of kind ``prefix`` up to the first error.

    Writing adds the field ``answer`` where there is one, and ``final_answer_correct`` is null where
    nobody knows; published files have neither.
    """

    joins: ClassVar[bool] = False
    __cite__: ClassVar[str] = """@article{zheng2024processbench,
  title = {ProcessBench: Identifying Process Errors in Mathematical Reasoning},
  author = {Zheng, Chujie and Zhang, Zhenru and Zhang, Beichen and Lin, Runji and Lu, Keming and
            Yu, Bowen and Liu, Dayiheng and Zhou, Jingren and Lin, Junyang},
  journal = {arXiv preprint arXiv:2412.06559},
  year = {2024}
}"""

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether there are steps of a problem and one label."""
        return {"problem", "steps", "label"} <= row.keys()

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """One solution.

        Raises:
            InputError: A field is missing, or the label is no place of a step and not -1.
        """
        steps, label = texts(row, "steps"), row.get("label")
        if isinstance(label, bool) or not isinstance(label, int) or not -1 <= label < len(steps):
            raise InputError(
                f"label: expected -1 or the place of one of {len(steps)} steps, from 0, got "
                f"{label!r}"
            )
        good = len(steps) if label < 0 else label
        labels = [1.0] * good + ([0.0] + [None] * (len(steps) - good - 1) if label >= 0 else [])
        return [
            Labelled(
                problem=problem_of(
                    text(row, "problem"), optional_text(row, "answer"), optional_text(row, "id")
                ),
                steps=steps,
                labels=tuple(labels),
                kind="prefix",
                outcome=optional_number(row, "final_answer_correct"),
                source={
                    "format": "processbench",
                    "place": where,
                    "generator": optional_text(row, "generator") or "",
                },
            )
        ]

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """One record for each solution.

        Raises:
            InputError: Labels of another kind, soft ones, one missing before the first error, a
                right prefix after a wrong one.
        """
        return [_row(one) for one in solutions]


def _row(one: Labelled) -> dict[str, Any]:
    check_kind(one, "prefix", "processbench_format")
    name, at = one.problem.id, one.first_error
    known = one.labels if at is None else one.labels[: at + 1]
    if None in known:
        raise InputError(
            f"problem {name!r}: processbench_format holds the first error: expected a label of "
            f"every step up to it, got none for step {known.index(None)}"
        )
    for label in one.labels:
        if label is not None:
            hard_label(label, "processbench_format", name)
    if at is not None and 1.0 in one.labels[at:]:
        raise InputError(
            f"problem {name!r}: processbench_format holds the first error: expected no right "
            f"prefix after the wrong one at step {at}, got labels {one.labels!r}"
        )
    correct = None if one.outcome is None else hard_label(one.outcome, "processbench_format", name)
    return {
        "id": name,
        "generator": one.source.get("generator", ""),
        "problem": one.problem.question,
        "steps": list(one.steps),
        "final_answer_correct": correct,
        "label": -1 if at is None else at,
    } | ({} if one.problem.answer is None else {"answer": one.problem.answer})
