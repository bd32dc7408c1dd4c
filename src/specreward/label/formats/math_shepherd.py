r"""Math-Shepherd: a solution with a mark after each step, and the same text with + and - there.

    {"input": "question Step 1: s_1 ки\nStep 2: s_2 ки", "label": "question Step 1: s_1 +\n...",
     "task"}

P. Wang et al. (2024), "Math-Shepherd: Verify and Reinforce LLMs Step-by-step without Human
Annotations", arXiv 2312.08935. The card of the data set has the fields.

A plus says that one of some completions from there was right: the hard estimate of whether nothing
is wrong so far, which is kind ``prefix`` here. A strong completer puts errors right, so that a plus
may come after a minus. After a step that states the answer nothing is left to complete: its sign
is the outcome.

Known flaws of the published file, told from TRL's reading of it: "step 1:" for "Step 1:"; a mark
within the question, which is dropped; no "Step 1:" at all, where the question ends with its only
question mark. What is neither is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar, final

from specreward.errors import InputError
from specreward.label.formats.fields import (
    hard_label,
    optional_number,
    optional_text,
    problem_of,
    text,
)
from specreward.label.formats.format import check_held, check_kind
from specreward.label.labelled import Labelled
from specreward.label.monte_carlo import MonteCarlo

__all__ = ["MathShepherdFormat"]

_TAG = "ки"
_FIRST = re.compile(r"[Ss]tep 1\s*:")
_NUMBERED = re.compile(r"[Ss]tep \d+\s*:")
_ANSWER = re.compile(r"answer is", re.IGNORECASE)


@final
@dataclass(frozen=True, kw_only=True)
class MathShepherdFormat:
    """Labels of kind ``prefix``, each 0 or 1.

    Steps keep their "Step 3: "; on writing, steps without are given it. Writing adds the fields
    ``id``, ``answer`` and ``outcome``.
    """

    joins: ClassVar[bool] = False
    __cite__: ClassVar[str] = MonteCarlo.__cite__

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether the two texts are there."""
        return isinstance(row.get("input"), str) and isinstance(row.get("label"), str)

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """One solution.

        Raises:
            InputError: The texts do not run in parallel, or where the steps begin is not to be
                told.
        """
        parts = text(row, "input").split(_TAG)
        marks = _marks(parts, text(row, "label"))
        question, first, at = _question(parts)
        steps = [first, *parts[at + 1 :]]
        labels: list[float | None] = [float(mark == "+") for mark in marks[at:]]
        if steps[-1].strip():
            labels.append(None)
        else:
            steps.pop()
        steps = [step.strip() for step in steps]
        if not all(steps):
            raise InputError(f"input: expected a text before every mark, got {steps!r:.80}")
        outcome = optional_number(row, "outcome")
        if "outcome" not in row and labels and _ANSWER.search(steps[-1]):
            outcome = labels[-1]
        return [
            Labelled(
                problem=problem_of(
                    question, optional_text(row, "answer"), optional_text(row, "id")
                ),
                steps=tuple(steps),
                labels=tuple(labels),
                kind="prefix",
                outcome=outcome,
                source={
                    "format": "math_shepherd",
                    "place": where,
                    "task": optional_text(row, "task") or "",
                },
            )
        ]

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """One record for each solution.

        Raises:
            InputError: Labels of another kind, soft ones, one missing before the last step; a text
                with the mark in it.
        """
        return [self._row(one) for one in solutions]

    def _row(self, one: Labelled) -> dict[str, Any]:
        check_kind(one, "prefix", "math_shepherd_format")
        name = one.problem.id
        numbered = all(_NUMBERED.match(step) for step in one.steps)
        steps = [step if numbered else f"Step {at}: {step}" for at, step in enumerate(one.steps, 1)]
        whole, signed = [], []
        for at, (step, label) in enumerate(zip(steps, one.labels, strict=True)):
            if label is None:
                if at + 1 < len(steps):
                    raise InputError(
                        f"problem {name!r}: math_shepherd_format holds a sign for every step but "
                        f"the last, got none for step {at}"
                    )
                whole.append(step)
                signed.append(step)
                continue
            sign = "+" if hard_label(label, "math_shepherd_format", name) else "-"
            whole.append(f"{step} {_TAG}")
            signed.append(f"{step} {sign}")
        row = {
            "input": f"{one.problem.question} " + "\n".join(whole),
            "label": f"{one.problem.question} " + "\n".join(signed),
            "task": one.source.get("task", ""),
            "id": name,
            "answer": one.problem.answer,
            "outcome": one.outcome,
        }
        given = Labelled(
            problem=one.problem,
            steps=tuple(steps),
            labels=one.labels,
            kind=one.kind,
            outcome=one.outcome,
        )
        try:
            held = self.read(row, "")
        except InputError as error:
            raise InputError(
                f"problem {name!r}: math_shepherd_format cannot hold it: {error}; write own_format"
            ) from error
        check_held([given], held, "math_shepherd_format")
        return row


def _marks(parts: Sequence[str], label: str) -> list[str]:
    """The signs of the second text at the marks of the first.

    Args:
        parts: The first text cut at its marks.
        label: The second text.
    """
    ends = list(accumulate([len(part) + 1 for part in parts]))
    fits = len(label) == ends[-1] - 1 and len(parts) > 1
    marks = [label[end - 1] for end in ends[:-1]] if fits else []
    begun = [0, *ends[:-1]]
    same = fits and all(label.startswith(part, at) for part, at in zip(parts, begun, strict=True))
    if not same or not set(marks) <= {"+", "-"}:
        raise InputError(
            f"label: expected the text of input with + or - for each {_TAG!r}, at least one, got "
            f"{label[-80:]!r}"
        )
    return marks


def _question(parts: Sequence[str]) -> tuple[str, str, int]:
    """The question, the first step, and the number of the part that it ends."""
    for at, part in enumerate(parts[:-1]):
        begins = [match.start() for match in _FIRST.finditer(part)]
        if len(begins) == 1:
            question = "".join(parts[:at]) + part[: begins[0]]
            return question.strip(), part[begins[0] :], at
        if begins:
            raise InputError(
                f"input: expected 'Step 1:' once before the first mark, got it {len(begins)} times"
            )
    question, sign, first = parts[0].partition("?")
    if not sign or "?" in first or not first.strip():
        raise InputError(
            "input: expected 'Step 1:' or one question mark before the first step, got "
            f"{parts[0][:80]!r}"
        )
    return question.strip() + sign, first, 0
