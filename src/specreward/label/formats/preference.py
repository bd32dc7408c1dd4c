"""Preference pairs as TRL has them: a prompt, the better continuation and the other one.

    {"prompt": str, "chosen": str, "rejected": str, "margin": number}

The prompt is the question and the steps before, with an empty line between them. Written records
also hold these apart (``question``, ``prefix``, ``chosen_steps``, ``rejected_steps``, ``id``,
``answer``), so that a pair is read back as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from specreward.checks import flag, number
from specreward.label.formats import fields
from specreward.label.formats.stepwise import StepwiseFormat
from specreward.label.labelled import Labelled
from specreward.label.pairs import Pair, as_solutions, outcome_pairs, sibling_pairs

__all__ = ["PreferenceFormat", "dump_pair", "load_pair"]

_BETWEEN = "\n\n"


@final
@dataclass(frozen=True, kw_only=True)
class PreferenceFormat:
    """Reads pairs as two solutions without labels, and writes those that labelled solutions make.

    Args:
        margin: Least difference of two labels that are a pair, at least 0.
        outcomes: Pairs of whole solutions by their outcomes; else of sibling steps by their labels.
    """

    margin: float = 0.0
    outcomes: bool = False

    joins: ClassVar[bool] = True
    __cite__: ClassVar[str] = StepwiseFormat.__cite__

    def __post_init__(self) -> None:
        number("margin", self.margin, 0)
        flag("outcomes", self.outcomes)

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether there is a chosen and a rejected text."""
        return {"chosen", "rejected"} <= row.keys()

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """The better way and the other one: what is better than what is no label of either.

        Raises:
            InputError: As ``load_pair``.
        """
        return as_solutions(load_pair(row), where)

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """The pairs of solutions of one problem; none where all are equally good."""
        make = outcome_pairs if self.outcomes else sibling_pairs
        return [dump_pair(pair) for pair in make(solutions, self.margin)]


def dump_pair(pair: Pair) -> dict[str, Any]:
    """The record of a pair."""
    return {
        "prompt": _BETWEEN.join([pair.problem.question, *pair.prefix]),
        "chosen": _BETWEEN.join(pair.chosen),
        "rejected": _BETWEEN.join(pair.rejected),
        "margin": float(pair.margin),
        "id": pair.problem.id,
        "question": pair.problem.question,
        "answer": pair.problem.answer,
        "prefix": list(pair.prefix),
        "chosen_steps": list(pair.chosen),
        "rejected_steps": list(pair.rejected),
    }


def load_pair(row: Mapping[str, Any]) -> Pair:
    """The pair of a record; of others' records the prompt is the question, each text one step.

    Raises:
        InputError: A field is missing or no plain text (a conversation is not read), or as for
            ``Pair``.
    """
    ours = "chosen_steps" in row
    margin = fields.optional_number(row, "margin")
    return Pair(
        problem=fields.problem_of(
            fields.text(row, "question" if ours else "prompt"),
            fields.optional_text(row, "answer"),
            fields.optional_text(row, "id"),
        ),
        prefix=fields.texts(row, "prefix") if ours else (),
        chosen=fields.texts(row, "chosen_steps") if ours else (fields.text(row, "chosen"),),
        rejected=fields.texts(row, "rejected_steps") if ours else (fields.text(row, "rejected"),),
        margin=0.0 if margin is None else margin,
    )
