"""A solution as a server of reward models takes it: objects to pass to a remote reward model.

Messages    {"messages": [user: question, assistant: steps]}    in the model's own chat template
PlainText   {"input": question and steps}                       for models without one
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

from specreward.generate.dialects import Fields
from specreward.reward.solutions import Solution

__all__ = ["Conversation", "Messages", "PlainText"]


class Conversation(Protocol):
    """Puts a solution into a request."""

    def fields(self, solution: Solution) -> Fields:
        """The fields of a request that hold the solution."""
        ...


def _apart(text: str, marker: str) -> str:
    """A text that does not spell out a marker, which would be read as one: a space breaks it."""
    if len(marker) < 2 or any(letter.isspace() for letter in marker):
        return text
    return text.replace(marker, f"{marker[0]} {marker[1:]}")


@final
@dataclass(frozen=True, kw_only=True)
class Messages:
    """The question as the user's message, the steps as the assistant's.

    Args:
        system: A message before them; empty for none.
        between: Stands between two steps.
        after: Stands after each step, the last one too: where the model gives its number, such as
            ``<extra_0>``. A question or a step that spells it out has a space put into it.
    """

    system: str = ""
    between: str = "\n\n"
    after: str = ""

    def fields(self, solution: Solution) -> Fields:
        """``messages``, the last one whole."""
        question = _apart(solution.question, self.after)
        steps = [_apart(text, self.after) + self.after for text in solution.steps]
        turns = [("user", question), ("assistant", self.between.join(steps))]
        if self.system:
            turns.insert(0, ("system", self.system))
        messages = [{"role": role, "content": text} for role, text in turns]
        return {"messages": messages, "add_generation_prompt": False}


@final
@dataclass(frozen=True, kw_only=True)
class PlainText:
    """Question and steps as one text.

    Args:
        before: Stands before the question.
        between: Stands between the question and the first step, and between two steps.
        after: Stands after each step, as for ``Messages``.
    """

    before: str = ""
    between: str = "\n"
    after: str = ""

    def fields(self, solution: Solution) -> Fields:
        """``input``."""
        question = self.before + _apart(solution.question, self.after)
        steps = [_apart(text, self.after) + self.after for text in solution.steps]
        return {"input": self.between.join([question, *steps])}
