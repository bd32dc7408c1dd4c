"""What a labeller is: from what a search found on one problem to labelled steps.

    solutions of a file, finished paths of a search, or freshly drawn ones  ->  Result.candidates
    a search tree                                                           ->  Result.expansions

A labeller asks the models that it is given, under the ledger and the budget of the problem, and
every call goes into the store: what was stopped goes on and pays for nothing twice.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from specreward.label.labelled import Labelled
from specreward.types import Models, Result

__all__ = ["Demanding", "Labeller"]


class Labeller(Protocol):
    """Labels steps; a frozen dataclass whose fields are its settings, one file each."""

    async def __call__(self, found: Result, models: Models) -> list[Labelled]:
        """Labelled solutions of one problem, all of one kind; none where nothing can be said.

        Args:
            found: The problem, its solutions (``candidates``) and its tree (``expansions``).
            models: The policy goes on from prefixes; a weaker one is the draft.

        Raises:
            InputError: What the labeller needs is not there; the message says what.
        """
        ...


@runtime_checkable
class Demanding(Protocol):
    """A labeller that says before any work whether all is there that it needs."""

    def check(self, models: Models) -> None:
        """Nothing where it can work.

        Raises:
            InputError: A role is missing, or cannot do what it must; the message says what to give.
        """
        ...
