r"""Solutions as somebody wrote them, and how a text becomes steps.

    as_given()              a text is one step; what comes in steps stays as it is
    by_delimiter("\n\n")    a text is cut wherever the delimiter stands

What a step is decides what can be labelled: a solution in one piece has one label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, final, runtime_checkable

from specreward.errors import InputError
from specreward.types import Models, Problem

__all__ = ["AsGiven", "ByDelimiter", "Splitter", "Written"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A solution as it was written down.

    Args:
        problem: What is solved.
        steps: Texts in order, at least one; a text in one piece is one step.
        whole: Whether it is a text in one piece, still to be cut.
        outcome: Whether its answer is right, in [0, 1], where whoever wrote it down says so.
        where: The place that it comes from, such as ``file:line``.
    """

    problem: Problem
    steps: tuple[str, ...]
    whole: bool = False
    outcome: float | None = None
    where: str = ""


@runtime_checkable
class Splitter(Protocol):
    """Cuts solutions into steps; a frozen dataclass whose fields are its settings."""

    async def __call__(self, solutions: Sequence[Written], models: Models) -> list[tuple[str, ...]]:
        """The steps of each solution, ``[S]``, at least one each, without delimiters.

        Args:
            solutions: All that there are, of all problems: a splitter may look at them together.
            models: For splitters that ask how likely the policy is to write a text.

        Raises:
            InputError: What the splitter needs is not there; the message says what.
        """
        ...


@final
@dataclass(frozen=True, kw_only=True)
class AsGiven:
    """Cuts nothing: what comes in steps has those, and a text in one piece is one step."""

    async def __call__(self, solutions: Sequence[Written], models: Models) -> list[tuple[str, ...]]:
        """The steps of each solution, ``[S]``."""
        return [one.steps for one in solutions]


@final
@dataclass(frozen=True, kw_only=True)
class ByDelimiter:
    """Cuts a text in one piece wherever a delimiter stands; empty pieces are left out.

    Solutions that come in steps keep them.

    Args:
        delimiter: Stands between two steps, and in none of them; not empty. By default an empty
            line.

    Raises:
        InputError: The delimiter is no text, or empty.
    """

    delimiter: str = field(default="\n\n", kw_only=False)

    def __post_init__(self) -> None:
        if not isinstance(self.delimiter, str) or not self.delimiter:
            raise InputError(
                f"delimiter: expected a text of a letter at least, got {self.delimiter!r}"
            )

    async def __call__(self, solutions: Sequence[Written], models: Models) -> list[tuple[str, ...]]:
        """The steps of each solution, ``[S]``.

        Raises:
            InputError: A text holds nothing but delimiters and space.
        """
        return [self._cut(one) if one.whole else one.steps for one in solutions]

    def _cut(self, one: Written) -> tuple[str, ...]:
        pieces = [piece.strip() for text in one.steps for piece in text.split(self.delimiter)]
        found = tuple([piece for piece in pieces if piece])
        if not found:
            raise InputError(
                f"{one.where or one.problem.id}: expected a solution with some text in it, got "
                f"{one.steps!r}"
            )
        return found
