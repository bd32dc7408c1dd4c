"""The one schema of labelled steps: a solution, and what is known of some of its steps.

    {"id", "question", "answer", "meta", "steps": [str], "labels": [number or null],
     "label_kind": "step" | "prefix" | "value", "outcome": number or null, "source": {...}}

    step      the step itself is right, whatever came before
    prefix    nothing up to and with the step is wrong: what a first error tells
    value     the chance of a right answer from here, under the policy that went on

The three are different quantities (a step can be right after a wrong one; a right prefix can have
a small value) and one file, one training set, holds one of them. ``null`` is a step that nobody
labelled. Siblings, other steps after the same beginning, are solutions that begin alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from specreward.checks import is_number
from specreward.errors import InputError
from specreward.types import Path, Problem, Step

__all__ = ["LabelKind", "Labelled", "check_labels", "dump_labelled", "load_labelled"]

LabelKind = Literal["step", "prefix", "value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A solution, finished or not, with labels of some of its steps.

    Args:
        problem: What is solved.
        steps: Texts without delimiters, at least one.
        labels: For each step a number in [0, 1], higher is better, or None.
        kind: What the labels say; see the module.
        outcome: Whether the final answer is right, in [0, 1]; None where nobody knows.
        source: Where it comes from: labeller, models, seed, file; not compared.

    Raises:
        InputError: No steps, another number of labels, one outside [0, 1] or not a number, an
            unknown kind.
    """

    problem: Problem
    steps: tuple[str, ...]
    labels: tuple[float | None, ...]
    kind: LabelKind
    outcome: float | None = None
    source: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)

    def __post_init__(self) -> None:
        where = f"problem {self.problem.id!r}"
        if not self.steps:
            raise InputError(f"{where}: expected at least one step, got none")
        if len(self.labels) != len(self.steps):
            raise InputError(
                f"{where}: expected a label or null for each of {len(self.steps)} steps, got "
                f"{len(self.labels)}"
            )
        if self.kind not in get_args(LabelKind):
            raise InputError(
                f"{where}: label_kind: expected one of {', '.join(get_args(LabelKind))}, got "
                f"{self.kind!r}"
            )
        for name, value in (*(("label", one) for one in self.labels), ("outcome", self.outcome)):
            if value is not None and not 0.0 <= value <= 1.0:
                raise InputError(f"{where}: expected a {name} from 0 to 1 or null, got {value!r}")

    @property
    def first_error(self) -> int | None:
        """Place of the first step below 0.5, or None; of ``step`` and ``prefix`` labels.

        Raises:
            InputError: The labels are values: a small one is no error.
        """
        if self.kind == "value":
            raise InputError(
                f"problem {self.problem.id!r}: expected labels of kind step or prefix to find an "
                "error in, got values"
            )
        wrong = (at for at, one in enumerate(self.labels) if one is not None and one < 0.5)
        return next(wrong, None)

    def path(self, depth: int | None = None) -> Path:
        """The path of the first ``depth`` steps, by default of all; nothing is final or dead."""
        return Path(self.problem, tuple([Step(text) for text in self.steps[:depth]]))


def dump_labelled(one: Labelled) -> str:
    """One line of JSON.

    Raises:
        InputError: ``source`` or the problem's ``meta`` holds what JSON cannot.
    """
    row = {
        "id": one.problem.id,
        "question": one.problem.question,
        "answer": one.problem.answer,
        "meta": dict(one.problem.meta),
        "steps": one.steps,
        "labels": one.labels,
        "label_kind": one.kind,
        "outcome": one.outcome,
        "source": dict(one.source),
    }
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"problem {one.problem.id!r}: expected meta and source of numbers, strings, lists and "
            f"mappings, got {error}"
        ) from error


def check_labels(row: Mapping[str, Any]) -> None:
    """Refuse a record of steps that nobody labelled.

    Raises:
        InputError: There are no labels.
    """
    if row.get("labels") is None:
        raise InputError(
            f"expected labels of the steps, got a record with the fields {', '.join(row)[:200]} "
            "and no labels: label them first: specreward label"
        )


def load_labelled(row: Mapping[str, Any]) -> Labelled:
    """The solution of a row as ``dump_labelled`` writes it.

    Raises:
        InputError: A field is missing or of another type, or as for ``Labelled``.
    """
    for name, kinds in (("question", str), ("steps", list), ("labels", list), ("label_kind", str)):
        if name == "labels":
            check_labels(row)
        if not isinstance(row.get(name), kinds):
            raise InputError(f"{name}: expected {kinds.__name__}, got {str(row.get(name))[:80]!r}")
    for name in ("meta", "source"):
        if not isinstance(row.get(name), dict | None):
            raise InputError(f"{name}: expected an object, got {str(row[name])[:80]!r}")
    for name in ("id", "answer"):
        if not isinstance(row.get(name), str | int | float | None):
            raise InputError(f"{name}: expected a text, got {str(row[name])[:80]!r}")
    if not all(isinstance(step, str) for step in row["steps"]):
        raise InputError("steps: expected texts, got something else among them")
    answer = row.get("answer")
    problem = Problem(
        str(row.get("id", row["question"])),
        row["question"],
        None if answer is None else str(answer),
        row.get("meta") or {},
    )
    return Labelled(
        problem=problem,
        steps=tuple(row["steps"]),
        labels=tuple([_number(one, "labels") for one in row["labels"]]),
        kind=row["label_kind"],
        outcome=_number(row.get("outcome"), "outcome"),
        source=row.get("source") or {},
    )


def _number(value: object, name: str) -> float | None:
    if value is None:
        return None
    if not is_number(value):
        raise InputError(f"{name}: expected numbers or null, got {str(value)[:80]!r}")
    return float(value)
