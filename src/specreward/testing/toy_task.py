"""A seeded tree of letters with one right path, whose law is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from specreward.errors import InputError
from specreward.seeds import derive, uniform
from specreward.types import Completion, Path, Problem, Sampling, Step

__all__ = ["ToyTask"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@final
@dataclass(frozen=True, kw_only=True)
class ToyTask:
    """Find the hidden word: each step is a letter, one word is right.

    From a node on the right path the next right letter has probability ``skill``, or ``trap`` at
    one node in eight, where a wrong letter has more; off the path all letters are drawn at random.
    Off the path a letter may end the word early (one in sixteen) or break it (one in eight).

    Args:
        depth: Letters of the right word, at least 1.
        branch: Letters to choose from at each step, 2 to 26.
        skill: Probability of the right letter, in (0, 1).
        trap: The same at a trap, in (0, 1).
    """

    depth: int = 4
    branch: int = 4
    skill: float = 0.55
    trap: float = 0.25

    def __post_init__(self) -> None:
        if self.depth < 1 or not 2 <= self.branch <= len(LETTERS):
            raise InputError(
                f"expected a depth of at least 1 and 2 to 26 branches, got {self.depth!r} and "
                f"{self.branch!r}"
            )
        if not (0 < self.skill < 1 and 0 < self.trap < 1):
            raise InputError(
                f"expected probabilities in (0, 1), got skill={self.skill!r}, trap={self.trap!r}"
            )

    @property
    def name(self) -> str:
        """``toy``."""
        return "toy"

    @property
    def sampling(self) -> Sampling:
        """One letter."""
        return Sampling(max_tokens=1, stop=("\n",))

    @property
    def value_sampling(self) -> Sampling:
        """One word."""
        return Sampling(temperature=0.7, max_tokens=1, stop=("\n",))

    def target(self, question: str) -> str:
        """The right word."""
        return "".join(
            LETTERS[derive(0, "toy", question, i) % self.branch] for i in range(self.depth)
        )

    def law(self, question: str, word: str) -> dict[str, float]:
        """Probability of each next letter after ``word`` at temperature 1."""
        target = self.target(question)
        weights = {
            letter: 0.5 + uniform(0, "weight", question, word + letter)
            for letter in LETTERS[: self.branch]
        }
        if not target.startswith(word):
            total = sum(weights.values())
            return {letter: weight / total for letter, weight in weights.items()}
        right = target[len(word)]
        trapped = uniform(0, "trap", question, word) < 0.125
        mass = self.trap if trapped else self.skill
        rest = sum(weights.values()) - weights[right]
        law = {letter: (1 - mass) * weight / rest for letter, weight in weights.items()}
        return law | {right: mass}

    def end(self, question: str, word: str) -> Literal["open", "final", "dead"]:
        """Where a word stands."""
        if len(word) >= self.depth:
            return "final"
        if not word or self.target(question).startswith(word):
            return "open"
        draw = uniform(0, "end", question, word)
        return "final" if draw < 0.0625 else "dead" if draw < 0.1875 else "open"

    def word(self, path: Path) -> str:
        """The letters of a path."""
        return "".join([step.text for step in path.steps])

    def generate(self, n: int, split: str, seed: int) -> list[Problem]:
        """``n`` problems with their right words."""
        return [self.parse(f"{split}-{seed}-{i}") for i in range(n)]

    def parse(self, line: str) -> Problem:
        """A problem from any non-empty text.

        Raises:
            InputError: The text is empty.
        """
        question = line.strip()
        if not question:
            raise InputError("expected a name for the toy problem, got an empty line")
        return Problem(question, question, self.target(question))

    def prompt(self, path: Path) -> str:
        """Question and letters so far; ``ToyLanguageModel`` reads it."""
        return f"spell {path.problem.question}|{self.word(path)}"

    def value_prompt(self, path: Path) -> str:
        """Asks for sure, likely or impossible."""
        return f"value {path.problem.question}|{self.word(path)}"

    def good_prompt(self, path: Path) -> str:
        """Asks for good or bad."""
        return f"good {path.problem.question}|{self.word(path)}"

    def reward_text(self, path: Path) -> str:
        """Question and letters."""
        return f"reward {path.problem.question}|{self.word(path)}"

    def step(self, path: Path, completion: Completion) -> Step:
        """A letter; anything else is dead."""
        letter, question = completion.text, path.problem.question
        if len(letter) != 1 or letter not in LETTERS[: self.branch]:
            return Step(letter, completion.tokens, completion.logprob, dead=True)
        end = self.end(question, self.word(path) + letter)
        return Step(
            letter, completion.tokens, completion.logprob, final=end == "final", dead=end == "dead"
        )

    def max_steps(self, problem: Problem) -> int:
        """The length of the right word."""
        return self.depth

    def answer(self, path: Path) -> str:
        """The word."""
        return self.word(path)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether the word is right."""
        return answer == self.target(problem.question)

    def value(self, path: Path) -> float:
        """1 if the right word can still be reached, else half the part of it spelled right."""
        target = self.target(path.problem.question)
        word = self.word(path)
        if target.startswith(word):
            return 1.0
        right = next(i for i, letter in enumerate(word) if letter != target[i])
        return 0.5 * right / self.depth

    def validate(self) -> None:
        """The right word passes, a wrong one does not."""
        problem = self.parse("validate")
        target = self.target(problem.question)
        wrong = LETTERS[(LETTERS.index(target[0]) + 1) % self.branch] + target[1:]
        assert self.check(problem, target), "the right word was refused"
        assert not self.check(problem, wrong), "a wrong word was accepted"
