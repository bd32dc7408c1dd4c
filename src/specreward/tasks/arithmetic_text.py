"""What the models read and write on word problems; one place for training and for search."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "FACTS",
    "GAIN_VERBS",
    "LARGEST",
    "LAST",
    "LOSE_VERBS",
    "NAMES",
    "NOUNS",
    "QUESTIONS",
    "VOCABULARY",
    "good",
    "prompt",
    "reward",
    "step",
    "tidy",
    "value",
]

LARGEST = 999
"""The largest number that the embedded models know as a word."""

NAMES = (
    *("Ann", "Ben", "Cal", "Dan", "Eva", "Fay", "Gus", "Ian", "Jill", "Kim"),
    *("Leo", "Mia", "Ned", "Ola", "Pam", "Ray", "Sue", "Tom", "Una", "Zoe"),
)
NOUNS = ("apples", "balls", "books", "cards", "coins", "cups", "eggs", "nuts", "pens", "shells")
GAIN_VERBS = ("buys", "finds", "gets", "wins")
LOSE_VERBS = ("drops", "loses", "returns", "sells")

FACTS = {
    "has": "{who} has {number} {noun}.",
    "gain": "{who} {verb} {number} more {noun}.",
    "lose": "{who} {verb} {number} {noun}.",
    "more": "{who} has {number} more {noun} than {first}.",
    "fewer": "{who} has {number} fewer {noun} than {first}.",
    "times": "{who} has {number} times as many {noun} as {first}.",
    "half": "{who} has half as many {noun} as {first}.",
    "both": "{who} has as many {noun} as {first} and {second} together.",
}
"""Sentences of a story, by kind."""

QUESTIONS = {
    "have": "How many {noun} does {who} have?",
    "now": "How many {noun} does {who} have now?",
    "together": "How many {noun} do {first} and {second} have together?",
    "difference": "How many more {noun} does {first} have than {second}?",
    "share": "How many {noun} does each get if {who} shares all {noun} among {number} friends?",
    "price": "How many dollars does {who} get if {who} sells all {noun} for {number} dollars each?",
}
"""Questions of a problem and of a step, by kind."""

LAST = "Now we can answer the question:"
"""What the last step opens with."""

_ANSWER = "The answer is"
_WORD = re.compile(r"[A-Za-z]+|[^\sA-Za-z]")
_TEMPLATES = " ".join([*FACTS.values(), *QUESTIONS.values(), LAST, _ANSWER])

VOCABULARY = list(
    dict.fromkeys(
        [
            *("<pad>", ";", "value", "good", "bad", "sure", "likely", "impossible"),
            *("+", "-", "*", "/", "="),
            *_WORD.findall(re.sub(r"\{\w+\}", " ", _TEMPLATES)),
            *NAMES,
            *NOUNS,
            *GAIN_VERBS,
            *LOSE_VERBS,
            *map(str, range(LARGEST + 1)),
        ]
    )
)
"""Words of the embedded models."""


def tidy(text: str) -> str:
    """The text with single spaces, none before a mark of punctuation."""
    return re.sub(r"\s+([.,:?!])", r"\1", " ".join(text.split()))


def step(question: str, expression: str, answer: str, last: bool) -> str:
    """A sub-question with its answer: ``How many ...? 5 + 7 = 12. The answer is 12.``."""
    opening = f"{LAST} " if last else ""
    return f"{opening}{question} {expression} = {answer}. {_ANSWER} {answer}."


def prompt(question: str, steps: Sequence[str]) -> str:
    """Asks for the next step."""
    return " ".join(f"{part} ;" for part in [question, *steps])


def value(question: str, steps: Sequence[str]) -> str:
    """Asks whether the steps so far lead to the right answer: sure, likely or impossible."""
    return f"{prompt(question, steps)} value :"


def reward(question: str, steps: Sequence[str]) -> str:
    """A problem with the steps to judge."""
    return prompt(question, steps)


def good(question: str, steps: Sequence[str]) -> str:
    """Asks whether the last step is good or bad."""
    return f"{prompt(question, steps)} good :"
