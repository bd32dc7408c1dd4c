"""Which candidates survive; an object to pass to ``speculative``.

    Thin        keep each candidate independently with probability min(1, SR)
    AtLeast     keep each candidate with SR >= threshold
    Everything  keep all

(``select_one`` and ``tilted`` have files of their own.) Part of J. Gu and S. Liang (2025),
"Speculative Reward Model Boosts Decision Making Ability of LLMs Cost-Effectively", arXiv
2506.00396. Where p and q are both normalized, sum p SR = 1, so that some SR >= 1 and Thin never
leaves a node empty.

Differs from the paper: its rule is stochastic and keeps several siblings; the exact form is not
known, and Thin is the one that its worked example and speculative sampling agree on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, final

from specreward.checks import number
from specreward.seeds import uniform
from specreward.types import Path
from specreward.verify.citations import SPECULATIVE_REWARD_MODEL

__all__ = ["Accept", "AtLeast", "Decision", "Everything", "Thin", "Weighed"]


class Weighed(NamedTuple):
    """One distinct candidate and what is known of it.

    Args:
        path: The candidate.
        draws: How often it was drawn.
        reward: In [0, 1].
        p: Of the policy.
        q: Of the reward model.
        sr: The speculative ratio.
        rc: The reward consistency, in (0, 1].
        s: SR^alpha RC^(1 - alpha), not capped.
    """

    path: Path
    draws: int
    reward: float
    p: float
    q: float
    sr: float
    rc: float
    s: float


class Decision(NamedTuple):
    """Whether a candidate is kept, and how probable that was."""

    probability: float
    kept: bool


class Accept(Protocol):
    """The acceptance rule; keeping none asks for further draws."""

    def __call__(self, family: Sequence[Weighed], seed: int) -> list[Decision]:
        """One decision for each of the candidates of one parent, ``[C]``, C at least 1."""
        ...


def draw(seed: int, path: Path, probability: float) -> Decision:
    """A decision that depends on seed, path and probability alone."""
    kept = probability >= 1 or uniform(seed, "accept", *path.key) < probability
    return Decision(probability, kept)


@final
@dataclass(frozen=True, kw_only=True)
class Thin:
    """Independent thinning, for trees: several siblings may survive."""

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, family: Sequence[Weighed], seed: int) -> list[Decision]:
        """Each kept with probability min(1, SR)."""
        return [draw(seed, item.path, min(1.0, item.sr)) for item in family]


@final
@dataclass(frozen=True)
class AtLeast:
    """No chance: what the reward model thinks at least as much of as the policy survives.

    Args:
        threshold: Lowest SR that is kept; above 1 all may be rejected.
    """

    threshold: float = 1.0

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __post_init__(self) -> None:
        number("at_least threshold", self.threshold, 0)

    def __call__(self, family: Sequence[Weighed], seed: int) -> list[Decision]:
        """Each kept or not by its SR."""
        return [
            Decision(float(item.sr >= self.threshold), item.sr >= self.threshold) for item in family
        ]


@final
@dataclass(frozen=True, kw_only=True)
class Everything:
    """No pruning: SR and RC only order the candidates."""

    __cite__: ClassVar[str] = SPECULATIVE_REWARD_MODEL

    def __call__(self, family: Sequence[Weighed], seed: int) -> list[Decision]:
        """All kept."""
        return [Decision(1.0, True) for _ in family]
