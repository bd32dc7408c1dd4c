"""How verification went at each depth: how much it pruned, and how far p and q agreed.

    for each depth, over the expansions of paths of that depth:
        acceptance = kept children / distinct children
        beta       = mean over choices of sum min(p, q)          1 - total variation
        kl         = mean over choices of sum q log(q / p)       nats
        mean_kept  = mean over choices of kept children

A choice is an expansion with two distinct children or more: a single child is kept and agreed on
whatever the models are worth. Where beta is low and one child survives each choice, p and q are
disjoint, and the search has become greedy: the reward model is not calibrated for this task, or
sees steps unlike those it was trained on (J. Gu and S. Liang (2025), arXiv 2506.00396, on failure
by divergence).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

from specreward.types import Judgement, Path

__all__ = ["DepthReport", "by_depth"]

DISJOINT = 0.2
"""beta below this: the laws share next to nothing."""
LONE = 1.25
"""Mean number kept up to this: the search follows one child."""
WIDEST = 20.0
"""Bound on log(q / p), as in the ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthReport:
    """What verification did at one depth.

    Args:
        depth: Of the parents; 0 is the problem itself.
        nodes: Expanded parents.
        candidates: Distinct children.
        kept: Those of ``candidates`` that were kept.
        choices: Those of ``nodes`` with two distinct children or more.
        mean_kept: Kept children per choice; None without a choice.
        beta: Mean over choices of sum min(p, q), in [0, 1]; None where the verifier has no p and q.
        kl: Mean over choices of KL(q || p), nats; None as for ``beta``.
    """

    depth: int
    nodes: int
    candidates: int
    kept: int
    choices: int
    mean_kept: float | None
    beta: float | None
    kl: float | None

    @property
    def acceptance(self) -> float:
        """Share of the distinct children that was kept, in [0, 1]; 1 without children."""
        return self.kept / self.candidates if self.candidates else 1.0

    @property
    def degenerate(self) -> bool:
        """Whether p and q are so far apart that the search has become greedy."""
        return (
            self.beta is not None
            and self.mean_kept is not None
            and self.beta < DISJOINT
            and self.mean_kept <= LONE
        )


def agreement(judgements: Sequence[Judgement]) -> tuple[float, float] | None:
    """Sum of min(p, q) and KL(q || p) of one family, both normalized; None without p and q."""
    pairs = [
        (item.details["p"], item.details["q"])
        for item in judgements
        if "p" in item.details and "q" in item.details
    ]
    total_p = sum([p for p, _ in pairs])
    total_q = sum([q for _, q in pairs])
    if total_p <= 0 or total_q <= 0:
        return None
    beta = kl = 0.0
    for p, q in pairs:
        p, q = p / total_p, q / total_q
        beta += min(p, q)
        if q > 0:
            kl += q * (min(log(q / p), WIDEST) if p > 0 else WIDEST)
    return beta, max(kl, 0.0)


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None of nothing."""
    return sum(values) / len(values) if values else None


def report(depth: int, families: Sequence[Sequence[Judgement]]) -> DepthReport:
    """What verification did with the families at one depth."""
    choices = [family for family in families if len(family) > 1]
    agreed = [pair for pair in map(agreement, choices) if pair is not None]
    kept = [sum([item.kept for item in family]) for family in choices]
    return DepthReport(
        depth=depth,
        nodes=len(families),
        candidates=sum([len(family) for family in families]),
        kept=sum([item.kept for family in families for item in family]),
        choices=len(choices),
        mean_kept=mean(kept),
        beta=mean([beta for beta, _ in agreed]),
        kl=mean([kl for _, kl in agreed]),
    )


def by_depth(expansions: Iterable[tuple[Path, Sequence[Judgement]]]) -> list[DepthReport]:
    """One report for each depth at which anything was expanded, shallow ones first.

    Args:
        expansions: Of one trace or result, or of many, one after another.
    """
    families: dict[int, list[Sequence[Judgement]]] = {}
    for parent, judgements in expansions:
        families.setdefault(parent.depth, []).append(judgements)
    return [report(depth, families[depth]) for depth in sorted(families)]
