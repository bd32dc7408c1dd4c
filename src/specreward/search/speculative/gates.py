"""Who writes a step, and whether what the draft wrote stands; an object to pass to ``stepwise``.

    OpenGate        the draft writes, and it stands
    CandidateGate   the step taken stands if its tilted reward reaches a threshold          (GSI)
    RewardGate      the step taken stands with a chance that its reward gives               (RSD)
    PrefixGate      the draft writes the next step if the last one had a good reward        (SPECS)
    PoolGate        the pool stands if its effective size reaches a share of its draws

J. Geuter, Y. Mroueh, D. Alvarez-Melis (2025), arXiv 2506.04118; B. Liao et al. (2025), arXiv
2501.19324; M. Cemri et al. (2025), arXiv 2506.15733, as we read it.

A gate that looks at the step taken changes the law for good: however many draws, GSI with a
threshold tends to pi(y) (1[r~(y) >= u] + pi(r~ < u)) and not to the tilted law pi. A gate that
looks at the prefix, or at the pool as a whole, leaves the limit as it is. The pool gate is not from
a paper.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import ClassVar, Protocol, final, runtime_checkable

from specreward.checks import flag, number, rule
from specreward.search.speculative.acceptance import Acceptance, StepAt
from specreward.search.speculative.citations import GSI_PAPER, RSD_PAPER, SPECS_PAPER
from specreward.search.speculative.pool import Pool

__all__ = ["CandidateGate", "Gate", "OpenGate", "PoolGate", "PrefixGate", "RewardGate"]


@runtime_checkable
class Gate(Protocol):
    """Two questions, because a step can be refused to the draft before or after it is written."""

    @property
    def reads_rewards(self) -> bool:
        """Whether drafted steps must be scored for it."""
        ...

    @property
    def reads_prefix(self) -> bool:
        """Whether every committed step must be scored for it."""
        ...

    def draft_writes(self, reward: float | None) -> bool:
        """Whether the draft may write the next step.

        Args:
            reward: Of the last committed step, in [0, 1]; None before the first, and where no
                step is scored.
        """
        ...

    def chance(self, pool: Pool, taken: int) -> float:
        """The probability that the drafted step taken stands."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class OpenGate:
    """No gate: the target writes only where no drafted step could be taken."""

    __cite__: ClassVar[str] = GSI_PAPER
    reads_rewards: ClassVar[bool] = False
    reads_prefix: ClassVar[bool] = False

    def draft_writes(self, reward: float | None) -> bool:
        """Always."""
        return True

    def chance(self, pool: Pool, taken: int) -> float:
        """1."""
        return 1.0


@final
@dataclass(frozen=True, kw_only=True)
class CandidateGate:
    """The step taken stands if its tilted reward reaches the threshold.

    Args:
        threshold: On the scale of tilted rewards, which has no bounds; a value equal to it is
            accepted. To be set by ``specreward threshold``.

    Raises:
        InputError: A field is out of its range.
    """

    threshold: float = field(default=0.5, kw_only=False)

    __cite__: ClassVar[str] = GSI_PAPER
    reads_rewards: ClassVar[bool] = True
    reads_prefix: ClassVar[bool] = False

    def __post_init__(self) -> None:
        number("candidate_gate threshold", self.threshold)

    def draft_writes(self, reward: float | None) -> bool:
        """Always."""
        return True

    def chance(self, pool: Pool, taken: int) -> float:
        """0 or 1."""
        return float(pool.tilted[taken] >= self.threshold)


@final
@dataclass(frozen=True, kw_only=True)
class RewardGate:
    """The step taken stands with a probability that depends on its reward.

    Args:
        accept: From the reward to the probability.

    Raises:
        InputError: A field is out of its range.
    """

    accept: Acceptance = field(default=StepAt(), kw_only=False)

    __cite__: ClassVar[str] = RSD_PAPER
    reads_rewards: ClassVar[bool] = True
    reads_prefix: ClassVar[bool] = False

    def __post_init__(self) -> None:
        rule("reward_gate accept", self.accept, "step_at(0.7)")

    def draft_writes(self, reward: float | None) -> bool:
        """Always."""
        return True

    def chance(self, pool: Pool, taken: int) -> float:
        """By ``accept``."""
        reward = pool.rewards[taken]
        assert reward is not None, "a drafted step was not scored"
        return self.accept(reward)


@final
@dataclass(frozen=True, kw_only=True)
class PrefixGate:
    """The draft writes as long as the last committed step had a good reward, whoever wrote it.

    Args:
        threshold: Least reward of the last step, in [0, 1].
        draft_first: Whether the draft writes the first step.

    Raises:
        InputError: A field is out of its range.
    """

    threshold: float = field(default=0.5, kw_only=False)
    draft_first: bool = False

    __cite__: ClassVar[str] = SPECS_PAPER
    reads_rewards: ClassVar[bool] = True
    reads_prefix: ClassVar[bool] = True

    def __post_init__(self) -> None:
        number("prefix_gate threshold", self.threshold, 0, 1)
        flag("prefix_gate draft_first", self.draft_first)

    def draft_writes(self, reward: float | None) -> bool:
        """By the reward of the last step."""
        return self.draft_first if reward is None else reward >= self.threshold

    def chance(self, pool: Pool, taken: int) -> float:
        """1."""
        return 1.0


@final
@dataclass(frozen=True, kw_only=True)
class PoolGate:
    """The pool stands if its weights are even enough, and large enough, to be believed.

    Args:
        share: Least effective sample size over draws, in [0, 1]: (sum w)^2 / (n sum w^2).
        mass: Least mean weight, at least 0, where a step of reward 1 and equal probabilities
            weighs 1; 0 asks for none.

    Raises:
        InputError: A field is out of its range.
    """

    share: float = field(default=0.5, kw_only=False)
    mass: float = 0.0

    __cite__: ClassVar[str] = GSI_PAPER
    reads_rewards: ClassVar[bool] = True
    reads_prefix: ClassVar[bool] = False

    def __post_init__(self) -> None:
        number("pool_gate share", self.share, 0, 1)
        number("pool_gate mass", self.mass, 0)

    def draft_writes(self, reward: float | None) -> bool:
        """Always."""
        return True

    def chance(self, pool: Pool, taken: int) -> float:
        """0 or 1; the same for all steps of the pool."""
        heavy = self.mass == 0 or pool.log_mass >= log(self.mass)
        return float(pool.share >= self.share and heavy)
