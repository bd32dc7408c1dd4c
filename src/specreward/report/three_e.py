"""The 3E criteria: effectiveness, efficiency, extensibility.

J. Gu and S. Liang (2025), "Speculative Reward Model Boosts Decision Making Ability of LLMs
Cost-Effectively", arXiv 2506.00396, names the criteria; it prints no formulas. Taken here:

    effectiveness    Acc = correct / N;  gain = Acc - Acc_CoT
    efficiency       C = FLOPs per problem, all roles
                     relative cost = C / C_CoT
                     marginal gain MG = gain / (C / C_CoT - 1)
                     Pareto front: nobody is at least as accurate and cheaper, or more accurate at
                     no more cost
    extensibility    difference = Acc on another domain, models not tuned for it, - Acc at home
                     gain = Acc on that domain - Acc_CoT on that domain
                     tuning = Acc there with a reward model tuned for it (SRM+) - Acc there

Chain of thought by the same policy is the base. Where an engine does not know its size, so that
nothing has FLOPs, tokens of all roles are the cost. A marginal gain has no meaning at the cost
of the base and is None there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specreward.errors import InputError
from specreward.report.record import Arm
from specreward.report.rows import Row

__all__ = ["Criteria", "Extended", "three_e"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """Extensibility of one strategy.

    Args:
        domain: Name of the other domain.
        n: Its problems.
        accuracy: Share answered right there.
        difference: ``accuracy`` minus the accuracy at home.
        gain: ``accuracy`` minus that of chain of thought there.
        tuned: Share answered right with a reward model tuned for the domain; None without one.
    """

    domain: str
    n: int
    accuracy: float
    difference: float
    gain: float
    tuned: float | None = None

    @property
    def tuning(self) -> float | None:
        """What the tuned reward model adds to the accuracy there."""
        return None if self.tuned is None else self.tuned - self.accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """The criteria of one strategy; tokens, FLOPs, seconds and dollars are means per problem.

    Args:
        spec: The strategy as text.
        accuracy: Share answered right.
        gain: ``accuracy`` minus that of chain of thought.
        llm_tokens: Of language models, every sample's prompt counted in full.
        reward_tokens: Of the reward model, counted likewise.
        computed_tokens: Of all roles, without those found in a prefix cache.
        flops: Of all roles.
        seconds: Of the engines.
        dollars: By the price table.
        relative_cost: C / C_CoT; None where chain of thought cost nothing.
        marginal_gain: MG; None at the cost of the base.
        pareto: Whether it is on the front of accuracy against cost.
        extensibility: On another domain, where one was given.
    """

    spec: str
    accuracy: float
    gain: float
    llm_tokens: float
    reward_tokens: float
    computed_tokens: float
    flops: float
    seconds: float
    dollars: float
    relative_cost: float | None
    marginal_gain: float | None
    pareto: bool
    extensibility: Extended | None


def three_e(
    found: Sequence[Row],
    base: str,
    *,
    domain: str = "",
    extended: Sequence[Arm] = (),
    tuned: Sequence[Arm] = (),
) -> list[Criteria]:
    """The criteria of each row, in order.

    Args:
        found: Rows of one comparison.
        base: Spec of the row that is chain of thought.
        domain: Name of the other domain, where there is one.
        extended: The same strategies in the same order on the other domain.
        tuned: The same there with a reward model tuned for it.

    Raises:
        InputError: No row is the base.
    """
    if base not in [row.spec for row in found]:
        raise InputError(f"expected {base} among the strategies as the base, got none: add it")
    at = next(i for i, row in enumerate(found) if row.spec == base)
    costs = _costs(found)
    scores = [row.accuracy.estimate for row in found]
    return [
        Criteria(
            spec=row.spec,
            accuracy=scores[i],
            gain=scores[i] - scores[at],
            llm_tokens=row.llm.tokens / row.n,
            reward_tokens=row.reward.tokens / row.n,
            computed_tokens=(row.all.tokens - row.all.cached_tokens) / row.n,
            flops=row.all.flops / row.n,
            seconds=row.all.seconds / row.n,
            dollars=row.all.dollars / row.n,
            relative_cost=costs[i] / costs[at] if costs[at] else None,
            marginal_gain=_marginal(scores[i] - scores[at], costs[i], costs[at]),
            pareto=on_front(i, scores, costs),
            extensibility=_extended(domain, extended, tuned, i, at, scores[i])
            if extended
            else None,
        )
        for i, row in enumerate(found)
    ]


def _costs(found: Sequence[Row]) -> list[float]:
    """FLOPs per problem, or tokens where no engine knows its size."""
    flops = [row.all.flops / row.n for row in found]
    return flops if all(flops) else [row.all.tokens / row.n for row in found]


def _marginal(gain: float, cost: float, base: float) -> float | None:
    return gain / (cost / base - 1) if base and cost != base else None


def on_front(i: int, scores: Sequence[float], costs: Sequence[float]) -> bool:
    """Whether no other point is at least as good in both and better in one."""
    return not any(
        score >= scores[i] and cost <= costs[i] and (score > scores[i] or cost < costs[i])
        for score, cost in zip(scores, costs, strict=True)
    )


def _extended(
    domain: str, arms: Sequence[Arm], tuned: Sequence[Arm], i: int, base: int, home: float
) -> Extended:
    shares = [_share(arm) for arm in arms]
    return Extended(
        domain=domain,
        n=len(arms[i].outcomes),
        accuracy=shares[i],
        difference=shares[i] - home,
        gain=shares[i] - shares[base],
        tuned=_share(tuned[i]) if tuned else None,
    )


def _share(arm: Arm) -> float:
    return sum([one.correct for one in arm.outcomes]) / len(arm.outcomes)
