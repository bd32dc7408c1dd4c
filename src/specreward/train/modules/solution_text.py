"""Labelled solutions as rows of tokens, and rows as a batch: what networks on transformers read.

    StepTokenText   one row for a solution, marks at the tokens behind its steps
    PairText        one row for each mark: what came before, and the step
    batch_of        rows side by side, padded, with their marks

The text itself is made by ``reward/published/solution_text.py``, for training and for reading
alike. What is longer than ``longest`` is refused, or, with ``cut``, read as far as whole steps go;
marks behind that are left out and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

import torch

from specreward.errors import InputError, RewardError
from specreward.label.labelled import Labelled
from specreward.reward.published.solution_text import encode_pair, encode_solution
from specreward.train.examples import Batch, Example, marks_at

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

__all__ = [
    "PairText",
    "SolutionText",
    "StepTokenText",
    "TextRow",
    "batch_of",
    "rows_of",
]


@final
@dataclass(frozen=True, slots=True)
class TextRow:
    """What is read at once.

    Args:
        ids: Tokens.
        at: Places in ``ids`` where outputs are read.
        steps: Of which steps, as many.
    """

    ids: tuple[int, ...]
    at: tuple[int, ...]
    steps: tuple[int, ...]


class SolutionText(Protocol):
    """How a solution becomes rows."""

    def __call__(self, solution: Labelled, places: Sequence[int]) -> list[TextRow]:
        """Rows with the marks at ``places``, in order.

        Raises:
            InputError: The text cannot be read, or it is too long.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class StepTokenText:
    """One row for a solution, read at the step tokens.

    Args:
        tokenizer: Has the step token.
        name: The model's, for messages.
        step_token: The text of the token behind each step.
        whole: As an encoder reads it: all of the solution, in its frame. Else nothing is read
            behind the last mark.
        longest: Most tokens of a row; None for no bound.
        cut: Leave out what is too long, from the first step that does not fit, in place of
            refusing it.
    """

    tokenizer: Tokenizer
    name: str
    step_token: str
    whole: bool = False
    longest: int | None = None
    cut: bool = False

    def __call__(self, solution: Labelled, places: Sequence[int]) -> list[TextRow]:
        """The row; none where no mark fits."""
        every = range(len(solution.steps))
        try:
            found = encode_solution(
                self.tokenizer,
                solution.problem.question,
                solution.steps,
                every,
                self.step_token,
                self.name,
                whole=self.whole,
            )
        except RewardError as error:
            raise InputError(f"problem {solution.problem.id!r}: {error}") from error
        ends = [at + 1 for at in found.at]  # of each step, with its token
        after = found.ids[ends[-1] :]
        steps = len(ends) if self.whole else places[-1] + 1
        if self.longest is not None:
            fits = sum(end + len(after) <= self.longest for end in ends)
            if fits < steps and not self.cut:
                raise _too_long(solution, ends[steps - 1] + len(after), self.longest)
            steps = min(steps, fits)
        kept = tuple([place for place in places if place < steps])
        if not kept:
            return []
        row = (*found.ids[: ends[steps - 1]], *after)
        return [TextRow(row, tuple([found.at[place] for place in kept]), kept)]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class PairText:
    """One row for each mark: question and earlier steps, and the step; read at the first place.

    Args:
        tokenizer: An encoder's, with the tokens of the pair.
        name: The model's, for messages.
        longest: Most tokens of a row; None for no bound.
        cut: Leave out marks whose row is longer, in place of refusing them.
    """

    tokenizer: Tokenizer
    name: str
    longest: int | None = None
    cut: bool = False

    def __call__(self, solution: Labelled, places: Sequence[int]) -> list[TextRow]:
        """The rows; none where no mark fits."""
        rows = []
        for place in places:
            steps = solution.steps[: place + 1]
            try:
                found = encode_pair(self.tokenizer, solution.problem.question, steps, self.name)
            except RewardError as error:
                raise InputError(f"problem {solution.problem.id!r}: {error}") from error
            if self.longest is None or len(found.ids) <= self.longest:
                rows.append(TextRow(found.ids, found.at, (place,)))
            elif not self.cut:
                raise _too_long(solution, len(found.ids), self.longest)
        return rows


def _too_long(solution: Labelled, tokens: int, longest: int) -> InputError:
    return InputError(
        f"problem {solution.problem.id!r}: expected at most {longest} tokens of question and "
        f"steps, got {tokens}: raise longest (as far as the model reads), leave the solution out, "
        "or set cut=True, which leaves out the steps that do not fit"
    )


# ------------------------------------------------------------------------------ rows to a batch


def rows_of(examples: Sequence[Example], text: SolutionText) -> list[list[list[TextRow]]]:
    """Rows by example and solution."""
    return [
        [text(solution, places) for solution, places in zip(one.solutions, one.places, strict=True)]
        for one in examples
    ]


def batch_of(
    examples: Sequence[Example], rows: Sequence[Sequence[Sequence[TextRow]]], padding: int
) -> Batch:
    """Rows side by side, filled up to the longest.

    The inputs are ``input_ids`` and ``attention_mask`` ``[R, T]``, and of the marks ``rows`` and
    ``places`` ``[M]``.

    Args:
        examples: Of the batch.
        rows: Of each example and solution, as ``rows_of`` gives them.
        padding: The id that fills rows up; it is masked.

    Raises:
        InputError: No mark is left.
    """
    flat: list[TextRow] = []
    marks: list[tuple[int, int, int, Labelled]] = []
    where: list[tuple[int, int]] = []
    number = 0
    for index, (example, parts) in enumerate(zip(examples, rows, strict=True)):
        for solution, own in zip(example.solutions, parts, strict=True):
            for row in own:
                where += [(len(flat), at) for at in row.at]
                marks += [(index, number, step, solution) for step in row.steps]
                flat.append(row)
            number += 1
    if not marks:
        raise InputError(
            f"none of the {len(examples)} examples of a batch has a step that fits: raise longest, "
            "or leave out solutions that are too long"
        )
    ids = torch.full((len(flat), max(len(row.ids) for row in flat)), padding, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for line, row in enumerate(flat):
        ids[line, : len(row.ids)] = torch.tensor(row.ids)
        mask[line, : len(row.ids)] = 1
    inputs = {
        "input_ids": ids,
        "attention_mask": mask,
        "rows": torch.tensor([line for line, _ in where]),
        "places": torch.tensor([place for _, place in where]),
    }
    return Batch(inputs, marks_at(marks), sum(len(row.ids) for row in flat))
