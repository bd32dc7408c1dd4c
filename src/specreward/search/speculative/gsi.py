"""Guided speculative inference: drafts chosen by tilted reward, the target where they fall short.

J. Geuter, Y. Mroueh, D. Alvarez-Melis (2025), "Guided Speculative Inference for Efficient Test-Time
Alignment of LLMs", arXiv 2506.04118, algorithm 1.

    y <- ()
    until the end:
        y_1..y_n ~ S(. | x, y)                                   the draft
        r~_i <- r(x, y y_i) + (log B(y_i) - log S(y_i)) / beta_inv
        i ~ softmax(beta_inv r~)
        if r~_i >= threshold: y <- y y_i
        else: y_1..y_m ~ B(. | x, y);  j ~ softmax(beta_inv r(x, y y_j));  y <- y y_j

Without the threshold the law of a step tends to B e^(beta_inv r) / Z as n grows, the law that soft
best-of-n on the target tends to. With it, it tends to another: pi(y) (1[r~(y) >= u] + pi(r~ < u)).

Differs from the paper: n is 4 (there 1 to 256), the step is the task's, and no problem is given up
because its rewards are low. ``pool_share`` (a gate on the pool, which keeps the limit),
``n_target`` and ``log_ratio_clip`` are additions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from specreward.checks import number, part, positive, whole
from specreward.errors import InputError
from specreward.search.pick import Highest
from specreward.search.speculative.citations import GSI_PAPER
from specreward.search.speculative.gates import CandidateGate, Gate, OpenGate, PoolGate
from specreward.search.speculative.selectors import InProportion, Selector
from specreward.search.speculative.stepwise import Stepwise
from specreward.search.speculative.weights import ByReward, ByTiltedReward
from specreward.search.speculative.writing import Block
from specreward.types import Candidate, Models, Problem, Result

__all__ = ["GSI"]

THRESHOLD = 0.5
"""The published one, on the scale of tilted rewards."""


@final
@dataclass(frozen=True, kw_only=True)
class GSI:
    """A draft under a reward model, corrected towards the target. Needs token ids.

    Args:
        n: Steps drawn from the draft at a time, at least 1.
        beta_inv: Inverse temperature of the reward, at least 0; large follows the reward.
        threshold: Least tilted reward of a drafted step; None accepts all (no rejection).
        n_target: Steps drawn from the target after a rejection; None is ``n``.
        pool_share: In the threshold's place: least effective sample size over draws, in [0, 1].
        log_ratio_clip: Bound on the log-ratio in nats; makes the law wrong where it binds.
        selector: Takes a drafted step by its weight.
        temperature: Of both policies, above 0.
        depth: Most steps of a path; None is the task's own limit.

    Raises:
        InputError: A field is out of its range, or both gates are asked for.
    """

    n: int = field(default=4, kw_only=False)
    beta_inv: float = 20.0
    threshold: float | None = THRESHOLD
    n_target: int | None = None
    pool_share: float | None = None
    log_ratio_clip: float | None = None
    selector: Selector = InProportion()
    temperature: float = 0.7
    depth: int | None = None

    __cite__: ClassVar[str] = GSI_PAPER

    def __post_init__(self) -> None:
        whole("gsi n", self.n, 1)
        if self.n_target is not None:
            whole("gsi n_target", self.n_target, 1)
        positive("gsi temperature", self.temperature)
        part("gsi selector", self.selector, Selector, "in_proportion()")
        if self.pool_share is not None:
            number("gsi pool_share", self.pool_share, 0, 1)
            if self.threshold not in (THRESHOLD, None):
                raise InputError(
                    f"gsi: expected one gate, got threshold={self.threshold!r} and "
                    f"pool_share={self.pool_share!r}: give one of them"
                )
        self.parts()

    def parts(self) -> Stepwise:
        """The same as parts."""
        tilted = ByTiltedReward(self.beta_inv, log_ratio_clip=self.log_ratio_clip)
        n_target = self.n if self.n_target is None else self.n_target
        return Stepwise(
            draft=Block(self.n, weight=tilted, selector=self.selector),
            target=Block(n_target, weight=ByReward(self.beta_inv)),
            gate=self._gate(),
            temperature=self.temperature,
            depth=self.depth,
        )

    def _gate(self) -> Gate:
        if self.pool_share is not None:
            return PoolGate(self.pool_share)
        return OpenGate() if self.threshold is None else CandidateGate(self.threshold)

    @property
    def statistic(self) -> str:
        """The evidence that the gate reads; see ``calibrate``."""
        return "tilted" if self.pool_share is None else "pool_share"

    def opened(self) -> GSI:
        """The same without rejection."""
        return replace(self, threshold=None, pool_share=None)

    def calibrated(self, threshold: float) -> GSI:
        """The same with this threshold of its gate."""
        if self.pool_share is None:
            return replace(self, threshold=threshold)
        return replace(self, pool_share=threshold)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One path, step by step."""
        return await self.parts()(problem, models)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The candidate with the highest reward."""
        return Highest()(candidates, models)
