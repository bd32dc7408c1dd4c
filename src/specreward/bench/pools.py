"""Pools of solutions that were sampled once: what a choice among n of them would be worth.

    for each question: N solutions with final answer and whether they are right, and their scores
    for a rule: the chance that the answer it takes from n random ones of the N is right
                exact, ties shared (``specreward.report.subsets``)
    gain of a rule = (its accuracy - pass@1) / (pass@n - pass@1): 0 is a blind choice, 1 the best

Files, an object for each question: ``question``; ``solutions`` (or ``code``, ``response``), a list
of texts or of lists of steps; ``right`` (or ``score``), a list of true and false. At will: ``id``
(or ``idx``); ``answers`` (or ``pred``), the final answers; ``scores`` (or ``pred_score``), those of
a reward model.

Ties share: where two answers have four votes each and one is right, the vote is worth a half. A
search that takes what it found first is worth 0 or 1 there; over all orders that is the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import nan

from specreward.bench.benchmark import Answer, Item, Judged
from specreward.bench.files import Row
from specreward.bench.groups import mean
from specreward.report.subsets import highest_at, pass_at, vote_at
from specreward.search.pick import SoftmaxVote

__all__ = ["Chances", "chances", "cut", "gain", "numbers", "pool_item", "pool_scores", "top"]

_BLANK = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Chances:
    """Of a right answer to one question, by the rule that takes it from n solutions.

    Args:
        one: A random one: pass@1.
        any: A choice that is never wrong: pass@n.
        best: The highest-scored.
        majority: The most frequent answer; NaN where answers are not known, as the next two.
        weighted: The answer with the largest sum of scores; NaN where one is below 0.
        softmax: The answer with the largest sum of ``softmax_vote()``'s weights.
    """

    one: float
    any: float
    best: float
    majority: float
    weighted: float
    softmax: float


@lru_cache(maxsize=1 << 15)
def chances(judged: Judged, n: int) -> Chances:
    """What n of the solutions of one question are worth, 1 to all of them."""
    scores, right, answers = judged.scores, judged.item.gold["right"], judged.item.gold["answers"]
    drawn = len(right)
    one, every = pass_at(sum(right), drawn, 1), pass_at(sum(right), drawn, n)
    best = highest_at(scores, right, drawn, n)
    if not answers:
        return Chances(one, every, best, nan, nan, nan)
    vote = partial(vote_at, answers, right=right, drawn=drawn, n=n, seed=0)
    return Chances(
        one,
        every,
        best,
        majority=vote([1.0] * drawn),
        weighted=vote(scores) if min(scores) >= 0 else nan,
        softmax=vote(SoftmaxVote().weights(scores)),
    )


def top(scores: Sequence[float], worth: Sequence[float]) -> float:
    """What the highest-scored one is worth, the mean where several are."""
    most = max(scores)
    return mean([value for score, value in zip(scores, worth, strict=True) if score == most])


def gain(reached: float, one: float, every: float) -> float:
    """The part of what could be gained over a blind choice; NaN where there is nothing to gain."""
    return (reached - one) / (every - one) if every > one else nan


def numbers(judged: Sequence[Judged], n: int) -> dict[str, float]:
    """All rules with n solutions, means over questions."""
    each = [chances(one, n) for one in judged]
    one, every = mean([c.one for c in each]), mean([c.any for c in each])
    best = mean([c.best for c in each])
    rules = {
        f"majority@{n}": mean([c.majority for c in each]),
        f"weighted majority@{n}": mean([c.weighted for c in each]),
        f"softmax votes@{n}": mean([c.softmax for c in each]),
    }
    voted = {name: value for name, value in rules.items() if value == value}
    return {
        f"best of {n}": best,
        **voted,
        "pass@1": one,
        f"pass@{n}": every,
        f"gain@{n}": gain(best, one, every),
    }


def cut(text: str) -> tuple[str, ...]:
    """The steps of a solution given as one text: its paragraphs."""
    parts = [part.strip() for part in _BLANK.split(text)]
    return tuple([part for part in parts if part]) or (text,)


# ---------------------------------------------------------------------------------- rows


def pool_item(row: Row, name: str, group: str) -> Item:
    """An item of a pool from a row as in the module's docstring.

    Args:
        row: The record.
        name: Its id, where it has none.
        group: Of the item.
    """
    given = row.value(_named(row, "solutions", "code", "response"))
    if not isinstance(given, list) or not given:
        raise row.refused("a list of solutions", given)
    key = _named(row, "right", "score")
    right = row.value(key)
    sound = isinstance(right, list) and all(isinstance(one, bool) for one in right)
    if not sound or len(right) != len(given):
        raise row.refused(f"{len(given)} of true and false as {key!r}", right)
    own = [field for field in ("id", "idx") if row.has(field)]
    return Item(
        id=row.text(own[0]) if own else name,
        group=group,
        question=row.text("question"),
        answers=tuple([_answer(row, one) for one in given]),
        gold={"right": right, "answers": _answers(row, len(given))},
    )


def pool_scores(row: Row, item: Item) -> Judged:
    """The item with the scores that the row holds."""
    key = _named(row, "scores", "pred_score")
    given = row.value(key)
    if isinstance(given, list) and given and all(isinstance(one, list) for one in given):
        given = [one[-1] if one else None for one in given]
    scores = Row({key: given}, row.where, row.file).numbers(key)
    if len(scores) != len(item.answers):
        raise row.refused(f"{len(item.answers)} numbers as {key!r}", given)
    return Judged(item, scores)


def _named(row: Row, *names: str) -> str:
    """The first of some names that the row has."""
    known = [name for name in names if row.has(name)]
    if not known:
        raise row.refused(f"a field {' or '.join(map(repr, names))}", list(row.fields))
    return known[0]


def _answer(row: Row, given: object) -> Answer:
    if isinstance(given, str) and given.strip():
        return Answer(cut(given))
    return Answer(Row({"solutions": given}, row.where, row.file).texts("solutions"))


def _answers(row: Row, count: int) -> list[str]:
    """The final answers; none where they are not given."""
    known = [name for name in ("answers", "pred") if row.has(name)]
    if not known:
        return []
    given = row.value(known[0])
    if not isinstance(given, list) or len(given) != count:
        raise row.refused(f"{count} answers as {known[0]!r}", given)
    return ["" if one is None else str(one) for one in given]
