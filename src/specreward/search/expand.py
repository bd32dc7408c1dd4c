"""What every search shares: draw children, judge them, keep the record, state the result.

    expand(paths):  drawn  = policy.extend(paths, n)              one call for all paths
                    judged = verify(drawn without dead children)  one call for all paths
                    trace <- judged;  found <- judged that are kept and finished

A search that draws another number for each path does it in two halves: ``draw``, then ``take``.

A search never extends a finished path nor one at its depth limit; a budget that ends in the middle
raises ``BudgetExhausted`` through the search to its caller, who finds all there is in the trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from operator import attrgetter
from typing import Literal

from specreward.types import (
    Candidate,
    Judgement,
    Models,
    Path,
    Problem,
    Result,
    Siblings,
    Strategy,
    Verifier,
)

__all__ = ["candidates", "conclude", "deepest", "draw", "expand", "judge", "ranked", "take"]

_rank = attrgetter("rank")


def deepest(problem: Problem, models: Models, depth: int | None) -> int:
    """The most steps a path may have: the task's limit, or ``depth`` where that is lower."""
    most = models.task.max_steps(problem)
    return most if depth is None else min(depth, most)


async def judge(
    families: Sequence[Siblings], models: Models, verify: Verifier
) -> list[list[Judgement]]:
    """Have families judged and keep the record: one list per family, in order.

    Parents without children are not shown to the verifier.
    """
    asked = [family for family in families if family.children]
    judged = await verify(asked, models) if asked else []
    if len(asked) < len(families):
        answers = iter(judged)
        judged = [next(answers) if family.children else [] for family in families]
    for family, judgements in zip(families, judged, strict=True):
        models.trace.record(family.parent, judgements)
    return judged


async def expand(
    paths: Sequence[Path],
    models: Models,
    *,
    n: int,
    verify: Verifier,
    temperature: float,
    start: int = 0,
) -> list[list[Judgement]]:
    """Draw ``n`` children of each path and judge them: judgements per path, pruned ones included.

    Args:
        paths: Open paths, ``[P]``.
        models: The roles; every kept and finished child joins ``models.trace.found``.
        n: Children drawn for each path; equal ones are merged by the verifier.
        verify: Judges all families in one call.
        temperature: Of the policy.
        start: Index of the first sample, as for ``Policy.extend``.
    """
    drawn = await draw(paths, models, [(n, start)] * len(paths), temperature)
    return await take(paths, drawn, models, verify)


async def draw(
    paths: Sequence[Path],
    models: Models,
    asked: Sequence[tuple[int, int]],
    temperature: float,
) -> list[list[Path]]:
    """Children of each path, ``[P]``, dead ones included; nothing is judged yet.

    Paths that ask for the same are asked for in one call, and all calls in one turn.

    Args:
        paths: Open paths, ``[P]``; one may stand in several places.
        models: The roles.
        asked: How many children, at least 1, and the index of the first sample, ``[P]``.
        temperature: Of the policy.
    """
    assert all(path.open for path in paths), "a finished or dead path was to be extended"
    places: dict[tuple[int, int], list[int]] = {}
    for place, ask in enumerate(asked):
        places.setdefault(ask, []).append(place)
    if len(places) == 1:  # without the tasks of the event loop, which cost more than all else here
        [(n, start)] = places
        return await models.policy.extend(paths, n, temperature=temperature, start=start)
    answers = await asyncio.gather(
        *[
            models.policy.extend(
                [paths[place] for place in same], n, temperature=temperature, start=start
            )
            for (n, start), same in places.items()
        ],
        return_exceptions=True,  # every call has ended before an error goes up
    )
    drawn: dict[int, list[Path]] = {}
    for same, answer in zip(places.values(), answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        drawn.update(zip(same, answer, strict=True))
    return [drawn[place] for place in range(len(paths))]


async def take(
    paths: Sequence[Path],
    drawn: Sequence[Sequence[Path]],
    models: Models,
    verify: Verifier,
    *,
    copies: bool = False,
) -> list[list[Judgement]]:
    """Judge drawn children: judgements per path, pruned ones included, without dead children.

    Args:
        paths: Their parents, ``[P]``.
        drawn: The children of each, ``[P]``.
        models: The roles; every kept and finished child joins ``models.trace.found``.
        verify: Judges all families in one call.
        copies: Whether a child is as many candidates as it was drawn times, or one.
    """
    families = [
        Siblings(path, tuple([child for child in children if not child.dead]))
        for path, children in zip(paths, drawn, strict=True)
    ]
    judged = await judge(families, models, verify)
    for judgements in judged:
        models.trace.found += candidates(judgements, copies=copies)
    return judged


def candidates(judgements: Sequence[Judgement], *, copies: bool) -> list[Candidate]:
    """The kept and finished ones, each once or as often as it was drawn."""
    return [
        candidate
        for item in judgements
        if item.kept and item.path.finished
        for candidate in [Candidate(item.path, item.score)] * (item.count if copies else 1)
    ]


def ranked(judgements: Sequence[Judgement]) -> list[Judgement]:
    """The kept ones, best first; equal ranks stay in drawing order."""
    return sorted([item for item in judgements if item.kept], key=_rank, reverse=True)


def conclude(
    strategy: Strategy, problem: Problem, models: Models, ended: Literal["done", "exhausted"]
) -> Result:
    """The result of a search from its trace."""
    found = tuple(models.trace.found)
    return Result(
        problem,
        strategy.select(found, models),
        candidates=found,
        ended=ended,
        expansions=tuple(models.trace.expansions),
        counts=dict(models.trace.counts),
    )
