"""Word problems as data: who has how many of what, the exact solution, the text, canonical forms.

Ann has 5 apples. Ann finds 7 more apples. Ben has 3 times as many apples as Ann.
How many apples do Ann and Ben have together?

    now Ann      5 + 7 = 12
    have Ben     12 * 3 = 36
    together     12 + 36 = 48
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from specreward.errors import InputError
from specreward.tasks.arithmetic_text import (
    FACTS,
    GAIN_VERBS,
    LOSE_VERBS,
    NAMES,
    NOUNS,
    QUESTIONS,
    tidy,
)

__all__ = ["Fact", "Operation", "Story", "canonical", "random_story", "read_story", "solve"]

_SIGNS = {
    "gain": "+",
    "lose": "-",
    "more": "+",
    "fewer": "-",
    "times": "*",
    "half": "/",
    "both": "+",
    "together": "+",
    "difference": "-",
    "share": "/",
    "price": "*",
}
_FIELDS = {
    "who": r"(?P<who>[A-Z][a-z]+)",
    "first": r"(?P<first>[A-Z][a-z]+)",
    "second": r"(?P<second>[A-Z][a-z]+)",
    "number": r"(?P<number>\d{1,9})",
    "noun": r"(?P<noun>[a-z]+)",
}
_VERBS = {"gain": GAIN_VERBS, "lose": LOSE_VERBS}


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence of a story, or its question.

    Args:
        kind: One of ``FACTS`` or ``QUESTIONS``.
        who: Whom it is about.
        first: A person that it refers to.
        second: Another.
        number: A number in it; 0 where its kind has none.
        verb: How a number is gained or lost.
    """

    kind: str
    who: str = ""
    first: str = ""
    second: str = ""
    number: int = 0
    verb: str = ""

    def text(self, noun: str) -> str:
        """The sentence."""
        return (FACTS | QUESTIONS)[self.kind].format(noun=noun, **asdict(self))


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a solution: a question and its arithmetic, in whole numbers."""

    question: Fact
    left: int
    sign: str
    right: int

    @property
    def result(self) -> int:
        """Exact."""
        match self.sign:
            case "+":
                return self.left + self.right
            case "-":
                return self.left - self.right
            case "*":
                return self.left * self.right
        return self.left // self.right


@dataclass(frozen=True, slots=True)
class Story:
    """Sentences about one kind of thing, and a question."""

    noun: str
    facts: tuple[Fact, ...]
    question: Fact

    def __str__(self) -> str:
        return " ".join(fact.text(self.noun) for fact in (*self.facts, self.question))


def read_story(text: str) -> Story | None:
    """The story that a text tells in the wording of this module, or None where it does not."""
    sentences = re.findall(r"[^.?]+[.?]?", tidy(text))
    read = [_read(sentence.strip()) for sentence in sentences if sentence.strip()]
    facts = [pair for pair in read if pair]
    nouns = {noun for noun, _ in facts}
    if len(facts) != len(read) or len(nouns) != 1 or len(facts) < 2:
        return None
    *rest, question = [fact for _, fact in facts]
    if question.kind not in QUESTIONS or any(fact.kind in QUESTIONS for fact in rest):
        return None
    return Story(nouns.pop(), tuple(rest), question)


def _read(sentence: str) -> tuple[str, Fact] | None:
    for kind, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(sentence):
            words = match.groupdict()
            noun = words.pop("noun")
            number = int(words.pop("number", 0))
            return noun, Fact(kind, number=number, **words)
    return None


def _pattern(kind: str, template: str) -> re.Pattern[str]:
    """The sentence of a kind as a pattern; a field that comes twice must be the same twice."""
    fields = _FIELDS | {"verb": f"(?P<verb>{'|'.join(_VERBS.get(kind, ()))})"}
    seen: set[str] = set()
    pattern = ""
    for plain, name in re.findall(r"([^{]*)(?:\{(\w+)\})?", template):
        pattern += re.escape(plain)
        if name:
            pattern += f"(?P={name})" if name in seen else fields[name]
            seen.add(name)
    return re.compile(pattern)


_PATTERNS = {kind: _pattern(kind, template) for kind, template in (FACTS | QUESTIONS).items()}


# ------------------------------------------------------------------ solution


@dataclass(frozen=True, slots=True)
class _Amount:
    """A number of the story and the operation that makes it; None for a given one."""

    value: int
    operation: Operation | None = None
    needs: tuple[_Amount, ...] = ()


def solve(story: Story) -> list[Operation]:
    """The operations that the question needs, in the order of the story, its own last.

    Raises:
        InputError: The story speaks of somebody before it says what they have, or makes an amount
            that is negative or not whole.
    """
    amounts: dict[str, _Amount] = {}
    made: list[_Amount] = []
    for fact in story.facts:
        if fact.kind == "has":
            amounts[fact.who] = _Amount(fact.number)
        else:
            asked = Fact("now" if fact.kind in _VERBS else "have", who=fact.who)
            amounts[fact.who] = _amount(fact, asked, amounts)
            made.append(amounts[fact.who])
    if story.question.kind in ("have", "now"):
        wanted = _look_up(story.question.who, amounts)
    else:
        wanted = _amount(story.question, story.question, amounts)
        made.append(wanted)
    needed = _needed(wanted)
    return [amount.operation for amount in made if amount.operation and id(amount) in needed]


def _needed(wanted: _Amount) -> set[int]:
    """The identities of an amount and all amounts behind it."""
    found: set[int] = set()
    waiting = [wanted]
    while waiting:
        amount = waiting.pop()
        if id(amount) not in found:
            found.add(id(amount))
            waiting += amount.needs
    return found


def _look_up(name: str, amounts: Mapping[str, _Amount]) -> _Amount:
    if name not in amounts:
        raise InputError(f"expected a sentence that says first what {name} has, got none")
    return amounts[name]


def _amount(fact: Fact, asked: Fact, amounts: Mapping[str, _Amount]) -> _Amount:
    """The amount that a fact makes of earlier ones."""
    left = _look_up(fact.first or fact.who, amounts)
    needs = [left]
    number = 2 if fact.kind == "half" else fact.number
    if fact.second:
        right = _look_up(fact.second, amounts)
        needs.append(right)
        number = right.value
    operation = Operation(asked, left.value, _SIGNS[fact.kind], number)
    if operation.sign == "/" and (number == 0 or left.value % number):
        raise InputError(f"expected amounts in whole numbers, got {left.value} / {number}")
    if operation.result < 0:
        raise InputError(f"expected amounts of 0 or more, got {left.value} - {number}")
    return _Amount(operation.result, operation, tuple(needs))


def canonical(story: Story) -> str:
    """A text that two stories share when they differ in names, verbs and the thing only."""
    number: dict[str, int] = {"": -1}
    parts = []
    for fact in (*story.facts, story.question):
        people = [fact.who, *([fact.first, fact.second] if fact.first else [])]
        for name in people:
            number.setdefault(name, len(number))
        who, *others = [number[name] for name in people]
        if _SIGNS.get(fact.kind) == "+":
            others.sort()
        parts.append(f"{fact.kind} {who} {others} {fact.number}")
    return " ; ".join(parts)


# ------------------------------------------------------------------ random stories


_DRAWN = ("gain", "gain", "lose", "lose", "more", "fewer", "times", "half", "both")


class _Writer:
    """A story under way: a chain in which each sentence uses the amount of the one before."""

    def __init__(self, rng: random.Random, largest: int) -> None:
        self.rng, self.largest = rng, largest
        self.names = rng.sample(NAMES, len(NAMES))
        self.facts: list[Fact] = []
        self.has: dict[str, int] = {}
        self.now = self.introduce()

    def introduce(self) -> str:
        """A new person with a given amount."""
        name, number = self.names.pop(), self.rng.randint(2, min(20, self.largest))
        self.facts.append(Fact("has", who=name, number=number))
        self.has[name] = number
        return name

    def other(self) -> str:
        """Somebody else: of the story, or new."""
        known = [name for name in self.has if name != self.now]
        return self.rng.choice(known) if known and self.rng.random() < 0.5 else self.introduce()

    def draw(self, kind: str) -> Fact:
        """A sentence or question of a kind about the present amount."""
        number = {"times": 5, "share": 5, "price": 9}.get(kind, 20)
        drawn = self.rng.randint(2, number)
        match kind:
            case "gain" | "lose":
                return Fact(kind, self.now, number=drawn, verb=self.rng.choice(_VERBS[kind]))
            case "more" | "fewer" | "times":
                return Fact(kind, self.names.pop(), self.now, number=drawn)
            case "half":
                return Fact(kind, self.names.pop(), self.now)
            case "both":
                return Fact(kind, self.names.pop(), self.now, self.other())
            case "together":
                return Fact(kind, first=self.now, second=self.other())
            case "difference":
                pair = sorted([self.now, self.other()], key=lambda name: -self.has[name])
                return Fact(kind, first=pair[0], second=pair[1])
        return Fact(kind, self.now, number=drawn)

    def result(self, fact: Fact) -> int | None:
        """The amount that a sentence makes; None where it is not a number from 1 to the largest."""
        amounts = {name: _Amount(value) for name, value in self.has.items()}
        try:
            result = _amount(fact, fact, amounts).value
        except InputError:
            return None
        return result if 1 <= result <= self.largest else None

    def add(self, fact: Fact) -> bool:
        """Append a sentence if its amount is in range."""
        result = self.result(fact)
        if result is not None:
            self.facts.append(fact)
            self.has[fact.who] = result
            self.now = fact.who
        return result is not None


def random_story(
    steps: int, rng: random.Random, largest: int, distractors: int = 0
) -> Story | None:
    """A story whose every sentence is needed for its question; None where a draw failed.

    Args:
        steps: Operations of its solution, 1 to 8.
        rng: Drawn from.
        largest: The largest amount in it.
        distractors: Sentences put in that the question does not need, at most 3.
    """
    writer = _Writer(rng, largest)
    end = rng.choice(["plain", "together", "difference", "share", "price"])
    for _ in range(steps - (end != "plain")):
        if not writer.add(writer.draw(rng.choice(_DRAWN))):
            return None
    if end == "plain":
        kind = "now" if writer.facts[-1].kind in _VERBS else "have"
        question = Fact(kind, writer.now)
    else:
        question = writer.draw(end)
        if writer.result(question) is None:
            return None
    for _ in range(distractors):
        idle = Fact("has", writer.names.pop(), number=rng.randint(2, min(20, largest)))
        writer.facts.insert(rng.randint(1, len(writer.facts)), idle)
    return Story(rng.choice(NOUNS), tuple(writer.facts), question)
