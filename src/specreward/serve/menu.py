"""From the name of a model, or a strategy in a request, to a strategy.

    model = name given by the server | text of a strategy | task/either of them

A client's text may name searches and rules, never engines, reward models, files or what plug-ins
bring (whatever that does), and its numbers are bounded: whoever may ask a question may not make the
server read a file or fill its memory.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from specreward.errors import InputError, nearest
from specreward.registry import kind_of, registered
from specreward.serve.refusals import Refusal
from specreward.spec import name_of, parse
from specreward.types import Strategy

__all__ = ["Dish", "Menu"]

_OPEN = (
    *("strategy", "verifier", "proposal", "target", "ratio", "consistency"),
    *("accept", "redraw", "pick"),
)
"""Kinds of objects that a client may name."""

_LONGEST = 2_000
"""Characters of a strategy's text."""


@final
@dataclass(frozen=True)
class Dish:
    """A strategy and its text."""

    strategy: Strategy
    text: str


@final
class Menu:
    """The strategies that a server offers.

    Args:
        task: Name of the task, as it may stand before a model's name.
        served: Strategies by name.
        number: Largest number in a client's text.
    """

    def __init__(self, task: str, served: Mapping[str, Strategy], number: int) -> None:
        self._task = task
        self._served = {name: Dish(one, name_of(one)) for name, one in served.items()}
        self._number = number

    @property
    def served(self) -> Mapping[str, Dish]:
        """What the server gave a name, by name."""
        return self._served

    def find(self, model: str) -> Dish:
        """The strategy of a model's name.

        Raises:
            Refusal: 404: there is no such model.
            InputError: It is the text of a strategy, and cannot be read.
        """
        name = model.strip().removeprefix(f"{self._task}/")
        if name in self._served:
            return self._served[name]
        if name.partition("(")[0].strip() in registered("strategy"):
            return self.read(name)
        known = {*self._served, *registered("strategy")}
        error = nearest(model[:200], known, "model")
        raise Refusal(404, str(error), code="model_not_found", param="model")

    def read(self, text: str) -> Dish:
        """The strategy that a client wrote.

        Raises:
            InputError: It cannot be read, names what a client may not, or has too large a number.
        """
        if len(text) > _LONGEST:
            raise InputError(
                f"expected a strategy of at most {_LONGEST} characters, got {len(text)}"
            )
        self._check(text)
        strategy = parse(text, "strategy")
        return Dish(strategy, name_of(strategy))

    def _check(self, text: str) -> None:
        try:
            nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return  # ``parse`` says what is wrong
        for node in nodes:
            if isinstance(node, ast.Constant):
                self._check_number(node.value)
            elif isinstance(node, ast.Name) and node.id in registered():
                kind = kind_of(node.id)
                if kind not in _OPEN:
                    raise InputError(
                        f"expected searches and rules in a request's strategy, got {node.id!r}, a "
                        f"{kind}: these are chosen where the server is started"
                    )

    def _check_number(self, value: object) -> None:
        if isinstance(value, (int, float)) and not abs(value) <= self._number:
            raise InputError(
                f"expected numbers of at most {self._number} in a request's strategy, got "
                f"{value!r}: ask for fewer, or start the server with a larger --max-number"
            )
