"""What a format is: records of one published file layout, to labelled solutions and back.

    read(record)     -> solutions     more than one where a record holds alternatives
    write(solutions) -> records       refused where the format cannot hold what they say

A format carries labels of one kind or says which; it never turns one kind into another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from specreward.errors import InputError
from specreward.label.labelled import LabelKind, Labelled

__all__ = ["Format", "check_held", "check_kind"]


class Format(Protocol):
    """A layout of records; a frozen dataclass, one file each."""

    @property
    def joins(self) -> bool:
        """Whether one record holds several solutions of one problem."""
        ...

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a record has the fields that tell this format from the others."""
        ...

    def read(self, row: Mapping[str, Any], where: str) -> list[Labelled]:
        """The solutions of one record, each with where it was read in its ``source``.

        Args:
            row: A JSON object.
            where: File and line, kept as provenance.

        Raises:
            InputError: The record is not as published; the message does not name the place.
        """
        ...

    def write(self, solutions: Sequence[Labelled]) -> list[dict[str, Any]]:
        """The records of solutions.

        Args:
            solutions: Of one problem, in order; one alone where the format joins none.

        Raises:
            InputError: The format cannot hold them: their kind, soft or missing labels, ...
        """
        ...


def check_kind(one: Labelled, kind: LabelKind, name: str) -> None:
    """Refuse a solution whose labels are of another kind than the format's."""
    if one.kind != kind:
        raise InputError(
            f"problem {one.problem.id!r}: {name} holds labels of kind {kind}, got {one.kind}: the "
            "kinds are different quantities; see --kind"
        )


def check_held(given: Sequence[Labelled], held: Sequence[Labelled], name: str) -> None:
    """Refuse where what would be read again is not what was given.

    For layouts in which texts are told apart by signs that a text may hold itself.
    """
    parts = [(one.problem.question, one.steps, one.labels, one.outcome) for one in given]
    if parts != [(one.problem.question, one.steps, one.labels, one.outcome) for one in held]:
        raise InputError(
            f"problem {given[0].problem.id!r}: {name} cannot hold it: read again it would be "
            "another solution, since a text has the signs that divide texts there, or labels do "
            "not fit the order; write own_format"
        )
