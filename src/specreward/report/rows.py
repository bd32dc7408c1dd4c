"""One row per strategy: accuracy, cost, and both against the first on the same problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from specreward.report.record import Arm, Outcome
from specreward.stats import (
    Interval,
    McNemar,
    accuracy_difference,
    mcnemar,
    paired_ratio,
    wilson,
)
from specreward.types import Judgement, Usage

__all__ = ["LLM_ROLES", "Ratios", "Row", "acceptance", "rows", "spent", "total"]

LLM_ROLES = ("policy", "judge", "draft")
"""Roles that a language model plays; the reward model's role is ``reward``."""

Spending = Mapping[tuple[str, str], Usage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """A strategy against the first one; below 1 it is cheaper. 95 % intervals over problems.

    Args:
        tokens: Of language-model tokens; None where the first spent none.
        flops: Of FLOPs of all roles; None as for ``tokens``.
        accuracy: Difference of the accuracies.
        test: McNemar's exact test of that difference.
    """

    tokens: Interval | None
    flops: Interval | None
    accuracy: Interval
    test: McNemar


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one strategy did on all problems.

    Args:
        spec: The strategy as text.
        n: Problems.
        accuracy: Share answered right, with Wilson's 95 % interval.
        usage: Sums over all problems, by role and phase.
        acceptance: Kept children over distinct children, over all that a verifier judged; None
            where none did.
        ended: How many searches ended in each way.
        counts: What else was counted, summed over all problems: a cascade's paths, for one.
        ratios: Against the first row; the first has ratios of 1.
    """

    spec: str
    n: int
    accuracy: Interval
    usage: Spending
    acceptance: float | None
    ended: Mapping[str, int]
    counts: Mapping[str, int]
    ratios: Ratios

    @property
    def llm(self) -> Usage:
        """Spent by language models, all problems together."""
        return total(self.usage, LLM_ROLES)

    @property
    def reward(self) -> Usage:
        """Spent by the reward model, all problems together."""
        return total(self.usage, ("reward",))

    @property
    def all(self) -> Usage:
        """Spent by all roles, all problems together."""
        return total(self.usage, None)

    def phases(self) -> dict[str, float]:
        """Language-model tokens per problem by phase."""
        found: dict[str, float] = {}
        for (role, phase), usage in sorted(self.usage.items()):
            if role in LLM_ROLES:
                found[phase] = found.get(phase, 0.0) + usage.tokens / self.n
        return found


def total(usage: Spending, roles: Sequence[str] | None) -> Usage:
    """The sum over some roles, or over all."""
    return sum(
        [own for (role, _), own in sorted(usage.items()) if roles is None or role in roles], Usage()
    )


def spent(usages: Iterable[Spending]) -> dict[tuple[str, str], Usage]:
    """Sums over problems by role and phase, in alphabetic order."""
    sums: dict[tuple[str, str], Usage] = {}
    for one in usages:
        for key, usage in one.items():
            sums[key] = sums.get(key, Usage()) + usage
    return {key: sums[key] for key in sorted(sums)}


def acceptance(outcomes: Iterable[Outcome]) -> float | None:
    """Kept over distinct children; only what a verifier judged counts, so that it left evidence."""
    judged: list[Judgement] = [
        item
        for one in outcomes
        for _, family in one.result.expansions
        for item in family
        if item.details
    ]
    return sum([item.kept for item in judged]) / len(judged) if judged else None


def rows(arms: Sequence[Arm], seed: int) -> list[Row]:
    """One row per arm, in order; each is compared with the first.

    Args:
        arms: On the same problems in the same order, at least one of each.
        seed: Of the bootstrap.
    """
    first = arms[0].outcomes
    return [
        Row(
            spec=arm.spec,
            n=len(arm.outcomes),
            accuracy=wilson(sum([one.correct for one in arm.outcomes]), len(arm.outcomes)),
            usage=spent([one.result.usage for one in arm.outcomes]),
            acceptance=acceptance(arm.outcomes),
            ended=_ends(arm.outcomes),
            counts=_counts(arm.outcomes),
            ratios=_against(first, arm.outcomes, seed),
        )
        for arm in arms
    ]


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in outcomes:
        for name, times in one.result.counts.items():
            counts[name] = counts.get(name, 0) + times
    return {name: counts[name] for name in sorted(counts)}


def _ends(outcomes: Sequence[Outcome]) -> dict[str, int]:
    ends = [one.result.ended for one in outcomes]
    return {end: ends.count(end) for end in dict.fromkeys(sorted(ends))}


def _against(first: Sequence[Outcome], second: Sequence[Outcome], seed: int) -> Ratios:
    a, b = [one.correct for one in first], [one.correct for one in second]
    return Ratios(
        tokens=_ratio(_tokens(first), _tokens(second), seed),
        flops=_ratio(_flops(first), _flops(second), seed),
        accuracy=accuracy_difference(a, b),
        test=mcnemar(a, b),
    )


def _ratio(first: list[float], second: list[float], seed: int) -> Interval | None:
    return paired_ratio(first, second, seed=seed) if any(first) else None


def _tokens(outcomes: Sequence[Outcome]) -> list[float]:
    return [float(total(one.result.usage, LLM_ROLES).tokens) for one in outcomes]


def _flops(outcomes: Sequence[Outcome]) -> list[float]:
    return [total(one.result.usage, None).flops for one in outcomes]
