"""PRM800K as published: people's ratings of steps, several alternatives at a step.

    {"question": {"problem", "ground_truth_answer"},
     "label": {"steps": [{"completions": [{"text", "rating": -1 | 0 | 1 | null}],
                          "human_completion": {"text"} | null, "chosen_completion": int | null}],
               "finish_reason": "solution" | "found_error" | "give_up" | "bad_problem"}}

H. Lightman et al. (2023), "Let's Verify Step by Step", arXiv 2305.20050.

The chosen completions make one solution, which ends where none was chosen; every other rated
completion makes one more, a last step after the chosen ones before it. A rating is of the step
itself: kind ``step``; 1 is right, -1 wrong, 0 ("neutral") what the reader makes of it. A person's
own completion goes on without a label: nobody rated it.

    solution -> outcome 1       found_error -> outcome 0       anything else -> nobody knows
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from specreward import checks
from specreward.checks import flag
from specreward.errors import InputError
from specreward.label.formats.fields import items, mapping, optional_text, problem_of, text
from specreward.label.formats.format import check_held, check_kind
from specreward.label.labelled import Labelled
from specreward.types import Problem
from specreward.verify.citations import LETS_VERIFY

__all__ = ["PRM800KFormat"]

_OUTCOMES = {"solution": 1.0, "found_error": 0.0}


@final
@dataclass(frozen=True, kw_only=True)
class PRM800KFormat:
    """Labels of kind ``step``.

    Args:
        neutral: Label of a step that was rated 0, in [0, 1]; None leaves it without one.
        repeat: Also label the chosen steps before an alternative, not in the chosen solution alone.
    """

    neutral: float | None = 0.5
    repeat: bool = False

    joins: ClassVar[bool] = True
    __cite__: ClassVar[str] = LETS_VERIFY

    def __post_init__(self) -> None:
        if self.neutral is not None:
            checks.number("neutral", self.neutral, 0, 1)
        flag("repeat", self.repeat)

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether steps stand under ``label`` and a problem under ``question``."""
        label, question = row.get("label"), row.get("question")
        steps = isinstance(label, dict) and "steps" in label
        return steps and isinstance(question, dict) and "problem" in question

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """The chosen solution, then the alternatives; those without any label are left out.

        Raises:
            InputError: A field is missing, a rating is unknown, a choice is no completion.
        """
        asked, label = mapping(row, "question"), mapping(row, "label")
        finish = optional_text(label, "finish_reason") or ""
        problem = problem_of(
            text(asked, "problem"),
            optional_text(asked, "ground_truth_answer"),
            optional_text(asked, "unique_id"),
        )
        source = {
            "format": "prm800k",
            "place": where,
            "labeler": optional_text(row, "labeler") or "",
            "generation": row.get("generation"),
            "quality_control": row.get("is_quality_control_question"),
            "screening": row.get("is_initial_screening_question"),
            "finish_reason": finish,
        }
        chosen, others = self._ways(items(label, "steps"))
        found = [(chosen, _OUTCOMES.get(finish))] if chosen else []
        found += [(other, None) for other in others]
        return [
            Labelled(
                problem=problem,
                steps=tuple([step for step, _ in way]),
                labels=tuple([one for _, one in way]),
                kind="step",
                outcome=outcome,
                source=source,
            )
            for way, outcome in found
            if any(one is not None for _, one in way)
        ]

    def _ways(
        self, steps: Sequence[Any]
    ) -> tuple[list[tuple[str, float | None]], list[list[tuple[str, float | None]]]]:
        """Steps with labels: of the chosen solution, and of each alternative."""
        way: list[tuple[str, float | None]] = []
        others: list[list[tuple[str, float | None]]] = []
        for step in steps:
            rated = [
                (text(one, "text"), self._label(one.get("rating"))) for one in _completions(step)
            ]
            taken, goes_on = _taken(step, len(rated))
            before = way if self.repeat else [(one, None) for one, _ in way]
            others += [
                [*before, one] for at, one in enumerate(rated) if at != taken and one[1] is not None
            ]
            if taken is not None and (goes_on or rated[taken][1] is not None):
                way = [*way, rated[taken]]
            elif goes_on:  # a person's own words
                way = [*way, (text(mapping(step, "human_completion"), "text"), None)]
            if not goes_on:
                break
        return way, others

    def _label(self, rating: object) -> float | None:
        if rating is None:
            return None
        if isinstance(rating, bool) or rating not in (-1, 0, 1):
            raise InputError(f"rating: expected -1, 0, 1 or null, got {rating!r}")
        return self.neutral if rating == 0 else float(rating == 1)

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """One record for each chosen solution with the alternatives that follow it.

        Raises:
            InputError: Labels of another kind, or others than 0, 1 and that of neutral; a soft
                outcome.
        """
        for one in solutions:
            check_kind(one, "step", "prm800k_format")
        rows = [self._row(group) for group in _groups(solutions)]
        check_held(
            solutions,
            [one for row in rows for one in self.read(row, "")],
            "prm800k_format",
        )
        return rows

    def _row(self, group: Sequence[Labelled]) -> dict[str, Any]:
        chosen, others = group[0], group[1:]
        name = chosen.problem.id
        steps: list[dict[str, Any]] = []
        for at, (step, label) in enumerate(zip(chosen.steps, chosen.labels, strict=True)):
            ends = at + 1 == len(chosen.steps) and chosen.outcome != 1.0
            beside = [one for one in others if len(one.steps) == at + 1]
            rated: list[tuple[str, float | None]] = [] if label is None else [(step, label)]
            rated += [(one.steps[-1], one.labels[-1]) for one in beside]
            steps.append(
                {
                    "completions": [
                        {"text": words, "rating": self._rating(one, name), "flagged": False}
                        for words, one in rated
                    ],
                    "human_completion": {"text": step, "rating": None, "source": "human"}
                    if label is None
                    else None,
                    "chosen_completion": None if ends or label is None else 0,
                }
            )
        return {
            "labeler": chosen.source.get("labeler", ""),
            "generation": chosen.source.get("generation"),
            "is_quality_control_question": chosen.source.get("quality_control"),
            "is_initial_screening_question": chosen.source.get("screening"),
            "question": _asked(chosen.problem),
            "label": {"steps": steps, "finish_reason": _finish(chosen)},
        }

    def _rating(self, label: float | None, problem: str) -> int | None:
        ratings = {1.0: 1, 0.0: -1}
        if self.neutral is not None:
            ratings = {self.neutral: 0} | ratings
        if label not in ratings:
            raise InputError(
                f"problem {problem!r}: prm800k_format holds labels 0, 1 and "
                f"{self.neutral if self.neutral is not None else 'none between'}, got {label!r}"
            )
        return ratings[label]


def _completions(step: object) -> list[Mapping[str, Any]]:
    if not isinstance(step, dict):
        raise InputError(f"steps: expected objects, got {step!r:.80}")
    found = [] if step.get("completions") is None else items(step, "completions")
    if not all(isinstance(one, dict) for one in found):
        raise InputError(f"completions: expected objects, got {found!r:.80}")
    return found


def _taken(step: Mapping[str, Any], n: int) -> tuple[int | None, bool]:
    """Which completion belongs to the solution, and whether the solution goes on after it.

    Where none was chosen and nobody wrote one, the solution ends with the first: that is the step
    which was rated before alternatives were drawn.
    """
    place = step.get("chosen_completion")
    if place is not None:
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < n:
            raise InputError(
                f"chosen_completion: expected the place of one of {n} completions, from 0, or "
                f"null, got {place!r}"
            )
        return place, True
    if step.get("human_completion") is not None:
        return None, True
    return (0 if n else None), False


def _groups(solutions: Sequence[Labelled]) -> Iterator[list[Labelled]]:
    """Each chosen solution with its alternatives: those that leave it and take one step."""
    group: list[Labelled] = []
    for one in solutions:
        at = len(one.steps) - 1
        beside = group and at < len(group[0].steps) and one.steps[:-1] == group[0].steps[:at]
        if beside and one.source.get("place") == group[0].source.get("place"):
            group.append(one)
            continue
        if group:
            yield group
        group = [one]
    yield group


def _asked(problem: Problem) -> dict[str, Any]:
    return {
        "problem": problem.question,
        "ground_truth_answer": problem.answer,
        "unique_id": problem.id,
    }


def _finish(one: Labelled) -> str:
    if one.outcome in (0.0, 1.0):
        return "solution" if one.outcome else "found_error"
    if one.outcome is not None:
        raise InputError(
            f"problem {one.problem.id!r}: prm800k_format holds outcomes 0, 1 or none, got "
            f"{one.outcome!r}"
        )
    named = one.source.get("finish_reason", "")
    return named if named and named not in _OUTCOMES else "give_up"
