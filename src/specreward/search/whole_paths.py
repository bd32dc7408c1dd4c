"""Whole paths, drawn to their ends and rewarded: what the selection laws are made of.

    draw(prefix, n)        path_1..path_n ~ policy(prefix) until their ends; reward of the finished
    accept(drawn, chance)  the first one that is accepted with probability chance(reward)
    keep(drawn, taken)     the record: judgements, candidates, and which one is the answer
    taken(candidates)      that answer
    soft_pick(candidates)  one of them, drawn in proportion to exp(beta_inv score)

A path that did not finish (dead, or out of steps) has no answer and no reward: its weight is 0 in
every law. So the laws are those of the policy given that a path finishes, and the number of
finished paths among n draws is binomial.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from specreward.search.chances import tilted
from specreward.seeds import choose
from specreward.types import Candidate, Judgement, Models, Path
from specreward.verify.rewards import reward_model, rewards

__all__ = ["Draw", "Known", "accept", "draw", "keep", "soft_pick", "taken"]

Known = dict[tuple[str, ...], float]
"""Rewards found out before in one search, by the keys of the paths."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A path that has ended, and its reward in [0, 1]; None where it has no answer."""

    path: Path
    reward: float | None


async def draw(
    prefix: Path, n: int, models: Models, known: Known, *, start: int, temperature: float
) -> list[Draw]:
    """``n`` ends of one path with their rewards, ``[n]``, in the order drawn.

    Args:
        prefix: An open path.
        n: Samples, at least 1.
        models: The roles.
        known: What was rewarded before is not asked again; grows.
        start: Index of the first sample.
        temperature: Of the policy.

    Raises:
        InputError: There is no reward model.
        RewardError: A reward is missing, NaN or outside [0, 1].
    """
    reward_model(models)  # or it is an error, before anything is spent
    [paths] = await models.policy.extend(
        [prefix], n, until="end", temperature=temperature, start=start
    )
    new = {path.key: path for path in paths if path.finished and path.key not in known}
    [found] = await rewards([[(path, 1) for path in new.values()]], models)
    known.update(zip(new, found, strict=True))
    return [Draw(path, known[path.key] if path.finished else None) for path in paths]


def accept(
    drawn: Sequence[Draw], chance: Callable[[float], float], models: Models, name: str, start: int
) -> int | None:
    """The place of the first one accepted, or None; those without an answer never are.

    Args:
        drawn: In the order drawn.
        chance: Probability of acceptance by the reward.
        models: Have the seed.
        name: Of the strategy; part of the names of the draws, as is the problem.
        start: Index of the first one.
    """
    for place, one in enumerate(drawn):
        if one.reward is not None:
            p = chance(one.reward)
            if choose([p, 1.0 - p], models.seed, name, one.path.problem.id, start + place) == 0:
                return place
    return None


def keep(root: Path, drawn: Sequence[Draw], models: Models, answer: int | None) -> None:
    """Record the draws: details ``reward``, and ``taken`` for the one to answer with alone."""
    models.trace.record(
        root,
        [
            Judgement(one.path, 0.0, kept=False)
            if one.reward is None
            else Judgement(
                one.path,
                one.reward,
                details={"reward": one.reward} | ({"taken": 1.0} if place == answer else {}),
            )
            for place, one in enumerate(drawn)
        ],
    )
    models.trace.found += [
        Candidate(one.path, one.reward) for one in drawn if one.reward is not None
    ]


def taken(candidates: Sequence[Candidate], models: Models) -> Candidate | None:
    """The candidate that the trace says was taken; None where none was."""
    answers = {
        item.path
        for _, judgements in models.trace.expansions
        for item in judgements
        if "taken" in item.details
    }
    return next((candidate for candidate in candidates if candidate.path in answers), None)


def soft_pick(
    candidates: Sequence[Candidate], beta_inv: float, models: Models, name: str
) -> Candidate | None:
    """One of the candidates, drawn in proportion to exp(beta_inv score); None where there is none.

    Args:
        candidates: Repeats count as often as they come.
        beta_inv: Inverse temperature, multiplies the scores.
        models: Have the seed.
        name: Of the strategy; part of the name of the draw, as is the problem.
    """
    if not candidates:
        return None
    counts = Counter(candidates)
    chances = tilted([each.score for each in counts], beta_inv, list(counts.values()))
    problem = candidates[0].path.problem
    return list(counts)[choose(chances, models.seed, name, problem.id, "pick")]
