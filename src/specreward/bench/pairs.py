"""What benchmarks of pairs and lists have in common: items, wins and plain means.

    win(item)     1 where the better answer scores higher than every other one
                  ``tie`` where another scores as high as it, and none higher; 0 elsewhere

A tie is no win unless the benchmark says so: that is the argument, and each file says what its
paper does. A judge that compares in both orders and contradicts itself gives equal scores, a tie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from pathlib import Path

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row, files_of, read_file
from specreward.bench.groups import mean
from specreward.errors import RewardError

__all__ = [
    "accuracy",
    "conversation",
    "pair",
    "rows_of",
    "scores_of",
    "spoken",
    "win",
]


def rows_of(folder: Path, *patterns: str, prefer: str) -> Iterator[Row]:
    """The rows of a folder's files, or of a file; of those named ``prefer`` alone if there are any.

    Args:
        folder: The folder or file.
        patterns: Names of files that are read.
        prefer: Name without ending: such a file holds all that is published, others it again.
    """
    files = files_of(folder, *patterns)
    whole = [file for file in files if file.stem == prefer]
    for file in whole or files:
        yield from read_file(file)


def pair(
    row: Row,
    name: str,
    group: str,
    question: str,
    answers: tuple[str, str],
    *,
    better: int,
    models: tuple[str, str] = ("", ""),
    **gold: object,
) -> Item:
    """An item of two whole answers.

    Args:
        row: Where it comes from; refused if both answers are empty.
        name: Its id.
        group: What the metric is averaged over.
        question: What is answered.
        answers: In the order of the file.
        better: Which of them is, 0 or 1.
        models: Who wrote them.
        gold: What else the metric wants to know.
    """
    if not any(answers):
        raise row.refused("two answers", answers)
    both = tuple([Answer((text,), model) for text, model in zip(answers, models, strict=True)])
    return Item(name, group, question, both, {"better": better, **gold})


def conversation(row: Row, name: str) -> str:
    """What was said before the answer: a text, or messages of which the last one asks."""
    value = row.value(name)
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value or not all(map(_is_message, value)):
        raise row.refused(f"a text or a list of messages as {name!r}", value)
    return spoken([(one["role"], one["content"]) for one in value])


def _is_message(value: object) -> bool:
    parts = ("role", "content")
    return isinstance(value, dict) and all(isinstance(value.get(part), str) for part in parts)


def spoken(messages: Sequence[tuple[str, str]]) -> str:
    """Messages (role, text) as one text; a single one stands without its role."""
    if len(messages) == 1:
        return messages[0][1]
    return "\n\n".join([f"{role.capitalize()}: {text}" for role, text in messages])


def scores_of(judged: Judged) -> tuple[float, ...]:
    """The scores of an item's answers, ``[A]``.

    Raises:
        RewardError: One is missing or no finite number.
    """
    scores, answers = judged.scores, judged.item.answers
    if len(scores) != len(answers) or not all(map(isfinite, scores)):
        raise RewardError(
            f"{judged.item.id}: expected {len(answers)} finite scores, one for each answer, got "
            f"{scores!r}: no score is made up in place of one that is missing"
        )
    return scores


def win(judged: Judged, tie: float = 0.0) -> float:
    """Whether the better answer of an item scores higher than all others.

    Args:
        judged: Its gold says which answer is ``better``.
        tie: What equal scores count, in [0, 1].

    Raises:
        RewardError: A score is missing or no finite number.
    """
    scores = scores_of(judged)
    better = judged.item.gold["better"]
    rest = max([score for place, score in enumerate(scores) if place != better])
    return tie if scores[better] == rest else float(scores[better] > rest)


def accuracy(judged: Iterable[Judged], tie: float = 0.0) -> float:
    """The share of items that are won; NaN of none."""
    return mean([win(one, tie) for one in judged])
