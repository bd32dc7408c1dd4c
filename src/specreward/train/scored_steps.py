"""What a reward model says of labelled steps: the pairs that calibration works on.

for each problem: its different solutions, each up to its last labelled step -> step scores
score and label of each labelled step, in the order of the data
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from specreward.assemble import wire_reward
from specreward.bench.scoring import ANSWERS, NoPolicy, Scoring
from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.reward.composed import Scorer
from specreward.run import run
from specreward.store import Store
from specreward.types import Models, Problem, Result, Task

__all__ = ["Scores", "piled", "score_steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores and labels of the same steps.

    Args:
        scores: ``[N]``, in [0, 1].
        labels: ``[N]``, in [0, 1].
        places: ``[N]``, which problem a step is of.
        problems: How many problems they are of.
        failed: Problems that could not be scored and are left out.
        reason: Why the first of them could not, or an empty text.
    """

    scores: tuple[float, ...]
    labels: tuple[float, ...]
    places: tuple[int, ...]
    problems: int
    failed: int = 0
    reason: str = ""


def piled(data: Sequence[Labelled]) -> list[list[Labelled]]:
    """Solutions with a label, by problem; problems in the order found.

    Raises:
        InputError: No step has a label.
    """
    piles: dict[Problem, list[Labelled]] = {}
    for one in data:
        if any(label is not None for label in one.labels):
            piles.setdefault(one.problem, []).append(one)
    if not piles:
        raise InputError(
            f"expected labelled steps, got {len(data)} solutions without any: label them first"
        )
    return list(piles.values())


def score_steps(
    piles: Sequence[Sequence[Labelled]],
    reward: Scorer,
    task: Task,
    *,
    store: Store | None = None,
    concurrency: int = 16,
    on_result: Callable[[Result], None] | None = None,
) -> Scores:
    """Score the labelled steps of problems.

    Args:
        piles: Of each problem the solutions, see ``piled``.
        reward: The model. One that gives a number for a whole solution is asked for each beginning.
        task: Says what a value model reads.
        store: Keeps every call.
        concurrency: Problems in flight at once; changes the time, never a score.
        on_result: Called with each result as it comes.

    Raises:
        InputError: No problem could be scored.
    """
    models = Models(task=task, policy=NoPolicy(), reward=wire_reward(task, reward, store=store))
    results = run(
        Scoring(per_step=True),
        [_problem(pile) for pile in piles],
        models,
        store=store,
        concurrency=concurrency,
        on_result=on_result,
        label="calibrate",
    )
    return _gathered(piles, results)


def _read(one: Labelled) -> tuple[str, ...]:
    """The steps up to the last labelled one."""
    known = [at for at, label in enumerate(one.labels) if label is not None]
    return one.steps[: known[-1] + 1]


def _problem(pile: Sequence[Labelled]) -> Problem:
    """A problem with its solutions, named by them: others are another problem to the store."""
    asked = pile[0].problem
    answers = [list(steps) for steps in dict.fromkeys([_read(one) for one in pile])]
    named = blake2b(repr((asked.question, answers)).encode("utf-8", "replace"), digest_size=8)
    meta: dict[str, Any] = {**asked.meta, ANSWERS: answers}
    return Problem(f"{asked.id}@{named.hexdigest()}", asked.question, asked.answer, meta)


def _matched(pile: Sequence[Labelled], result: Result) -> list[tuple[float, float]]:
    """Score and label of each labelled step."""
    each = [judgement.score for _, row in result.expansions for judgement in row]
    known: dict[tuple[str, ...], list[float]] = {}
    at = 0
    for steps in dict.fromkeys([_read(one) for one in pile]):
        known[steps] = each[at : at + len(steps)]
        at += len(steps)
    return [
        (score, label)
        for one in pile
        for score, label in zip(known[_read(one)], one.labels, strict=False)
        if label is not None
    ]


def _gathered(piles: Sequence[Sequence[Labelled]], results: Sequence[Result]) -> Scores:
    scores: list[float] = []
    labels: list[float] = []
    places: list[int] = []
    failed = [one for one in results if one.ended != "done"]
    if len(failed) == len(results):
        raise InputError(f"no problem could be scored; the first: {failed[0].error}")
    for place, (pile, result) in enumerate(zip(piles, results, strict=True)):
        if result.ended == "done":
            for score, label in _matched(pile, result):
                scores.append(score)
                labels.append(label)
                places.append(place)
    return Scores(
        scores=tuple(scores),
        labels=tuple(labels),
        places=tuple(places),
        problems=len(results) - len(failed),
        failed=len(failed),
        reason=str(failed[0].error) if failed else "",
    )
