"""Reward-guided speculative decoding: a drafted step stands if its reward is good enough.

B. Liao et al. (2025), "Reward-Guided Speculative Decoding for Efficient LLM Reasoning", arXiv
2501.19324.

    until the end:
        y^ ~ m(. | z)                                   one step of the draft
        with probability w(r(z y^)): z <- z y^          w(r) = 1 if r >= threshold, else 0
        else: y ~ M(. | z);  z <- z y                   not scored: it stands whatever it is

The law of a step is w(r) m + nu M with nu = 1 - E_m[w(r)]. It is nobody's tilted law, and no law of
the target: what is promised is the reward, E[r] >= a E_m[r] + (1 - a) E_M[r] with a = E_m[w(r)].
The best threshold without regard to cost is the target's mean reward E_M[r].

Differs from the paper: with ``n`` above 1 one of n steps is drawn by its reward before the test, as
J. Geuter et al. (2025), arXiv 2506.04118, do for their comparison; the temperature is then 0.7. A
path is finished however long it takes. A finished path that the target ended is scored, since a
candidate has a score; no step is refused for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.errors import InputError
from specreward.search.pick import Highest
from specreward.search.speculative.acceptance import Acceptance, Constant, StepAt
from specreward.search.speculative.citations import RSD_PAPER
from specreward.search.speculative.gates import RewardGate
from specreward.search.speculative.stepwise import Stepwise
from specreward.search.speculative.weights import ByReward
from specreward.search.speculative.writing import Block
from specreward.types import Candidate, Models, Problem, Result

__all__ = ["RSD"]

THRESHOLD = 0.7
"""The published one, for one reward model."""


@final
@dataclass(frozen=True, kw_only=True)
class RSD:
    """Draft and target take turns by reward; needs no log-probabilities and no common tokens.

    Args:
        threshold: Least reward of a drafted step, in [0, 1].
        n: Steps drawn at a time, at least 1; above 1 one of them is drawn by its reward.
        accept: In the threshold's place: from the reward to the probability of acceptance.
        beta_inv: Inverse temperature of the reward, at least 0, where ``n`` is above 1.
        temperature: Of both policies; None is 0 (greedy, as published), 0.7 where ``n`` is above 1.
        depth: Most steps of a path; None is the task's own limit.

    Raises:
        InputError: A field is out of its range, or two rules of acceptance are given.
    """

    threshold: float = field(default=THRESHOLD, kw_only=False)
    n: int = 1
    accept: Acceptance | None = None
    beta_inv: float = 20.0
    temperature: float | None = None
    depth: int | None = None

    __cite__: ClassVar[str] = RSD_PAPER

    def __post_init__(self) -> None:
        whole("rsd n", self.n, 1)
        number("rsd beta_inv", self.beta_inv, 0)
        if self.accept is not None:
            rule("rsd accept", self.accept, "step_at(0.7)")
        number("rsd threshold", self.threshold, 0, 1)
        if self.accept is not None and self.threshold != THRESHOLD:
            raise InputError(
                f"rsd: expected one rule of acceptance, got threshold={self.threshold!r} and "
                f"accept={self.accept!r}: give one of them"
            )
        if self.temperature is not None:
            number("rsd temperature", self.temperature, 0)
            if self.n > 1 and self.temperature == 0:
                raise InputError(
                    f"rsd: expected a temperature above 0 with n={self.n}, got 0: all draws would "
                    "be the same step; give n=1"
                )
        self.parts()

    def parts(self) -> Stepwise:
        """The same as parts."""
        weight = ByReward(self.beta_inv) if self.n > 1 else None
        warm = 0.7 if self.n > 1 else 0.0
        accept = StepAt(self.threshold) if self.accept is None else self.accept
        return Stepwise(
            draft=Block(self.n, weight=weight),
            target=Block(self.n, weight=weight),
            gate=RewardGate(accept),
            temperature=warm if self.temperature is None else self.temperature,
            depth=self.depth,
        )

    @property
    def statistic(self) -> str:
        """The evidence that the gate reads; see ``calibrate``."""
        return "reward"

    def opened(self) -> RSD:
        """The same with every drafted step accepted.

        Raises:
            InputError: Another rule than a threshold accepts.
        """
        if self.accept is not None:
            raise InputError(
                f"rsd: expected a threshold to set, got accept={self.accept!r}: leave accept= out"
            )
        return replace(self, threshold=THRESHOLD, accept=Constant(1.0))

    def calibrated(self, threshold: float) -> RSD:
        """The same with a step function at this threshold."""
        return replace(self, threshold=threshold, accept=None)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One path, step by step."""
        return await self.parts()(problem, models)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The candidate with the highest reward."""
        return Highest()(candidates, models)
