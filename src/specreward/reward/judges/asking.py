"""How a judge is asked: the solution as text, and verdicts that must be readable.

    for each draw (prompt, index):
        text_1 ~ lm(prompt) at temperature T
        while no verdict can be read off the text and fewer than ``tries`` were drawn:
            text ~ lm(prompt), another seed, at a temperature of 0.7 at least
    a text that was cut off before its end has no verdict: what it would come to is not known
    a verdict for each draw, or RewardError: none is made up

A seed comes from the prompt and the index, so that the same question has the same verdict whoever
else is judged in the call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, final

from specreward.checks import number, whole
from specreward.engines import ChatPrompt, Completion, LanguageModel, Message, Sampling
from specreward.errors import EngineError, RewardError
from specreward.reward.solutions import Solution
from specreward.seeds import derive

__all__ = ["Asker", "check_drawing", "numbered", "prompt", "question_and_steps"]

T = TypeVar("T")

WARM = 0.7
"""Least temperature of a repeat: at 0 the same text would come again."""


def question_and_steps(solution: Solution, title: str = "Solution") -> str:
    """A solution as a judge reads it, its steps numbered from 1."""
    return f"Question:\n{solution.question}\n\n{title}:\n{numbered(solution.steps)}"


def numbered(steps: Sequence[str]) -> str:
    """Steps one below the other, numbered from 1."""
    return "\n".join([f"Step {i}: {text}" for i, text in enumerate(steps, 1)])


def prompt(user: str, begun: str | None = None) -> ChatPrompt:
    """A request of the user, with an answer that has begun where there is one."""
    messages = [Message("user", user)]
    if begun is not None:
        messages.append(Message("assistant", begun))
    return ChatPrompt(messages)


def check_drawing(name: str, temperature: float, max_tokens: int, tries: int) -> None:
    """Refuse settings of drawing that are out of their ranges."""
    number(f"{name} temperature", temperature, 0)
    whole(f"{name} max_tokens", max_tokens, 1)
    whole(f"{name} tries", tries, 1)


@final
@dataclass(frozen=True, kw_only=True)
class Asker:
    """Draws texts from a language model until each says what was asked.

    Args:
        lm: The engine.
        name: The judge's, for messages.
        temperature: Of the first draw.
        max_tokens: Cap on one text.
        tries: Most texts for one draw, at least 1.
        seed: Root of the draws.
        stop: Texts that end a completion.
    """

    lm: LanguageModel = field(kw_only=False)
    name: str
    temperature: float
    max_tokens: int
    tries: int
    seed: int = 0
    stop: tuple[str, ...] = ()

    async def __call__(
        self,
        draws: Sequence[tuple[str, int]],
        read: Callable[[str], T | None],
        expected: str,
    ) -> list[T]:
        """What is read off the text of each draw (prompt, index), ``[D]``, in order.

        Args:
            draws: Prompts; the index tells equal ones apart.
            read: Takes the verdict off a whole text; None where there is none.
            expected: What a text must hold, for the message.

        Raises:
            RewardError: A draw has no verdict after ``tries`` texts.
        """
        found: dict[int, T] = {}
        last = ""
        for attempt in range(self.tries):
            left = [place for place in range(len(draws)) if place not in found]
            if not left:
                break
            completions = await self._draw([draws[place] for place in left], attempt)
            for place, completion in zip(left, completions, strict=True):
                verdict = None if completion.finish == "length" else read(completion.text)
                if verdict is None:
                    last = f"{completion.text[-200:]!r} ({completion.finish})"
                else:
                    found[place] = verdict
        if len(found) < len(draws):
            raise RewardError(
                f"{self.name}: expected {expected}, got {last} as the last of {self.tries} texts "
                f"of {self.lm.name}: take a stronger judge, or allow more max_tokens or tries"
            )
        return [found[place] for place in range(len(draws))]

    async def _draw(self, draws: Sequence[tuple[str, int]], attempt: int) -> list[Completion]:
        warm = self.temperature if attempt == 0 else max(self.temperature, WARM)
        completions = await self.lm.complete(
            [text for text, _ in draws],
            [derive(self.seed, "judge", text, index, attempt) for text, index in draws],
            Sampling(temperature=warm, max_tokens=self.max_tokens, stop=self.stop),
        )
        if len(completions) != len(draws):
            raise EngineError(
                f"{self.lm.name}: expected {len(draws)} completions, got {len(completions)}: an "
                "engine must give one for each prompt, in order"
            )
        return completions
