"""SPECS: draft and target take turns by the reward of the prefix. Experimental: a reconstruction.

M. Cemri, N. Rajaraman, R. Tiwari et al. (2025), "SPECS: Faster Test-Time Scaling through
Speculative Drafts", arXiv 2506.15733. Neither the full text nor code was at hand. Known from the
abstract, reviews and a paper that compares with it: blocks are scored by reward plus log-ratio, a
rule (SUBSAMPLE) takes one or rejects all, another (CASCADE) names the writer of the next block by
the reward of this one, the target writes first, and the theorem assumes a Poisson number of drafts.
The rest is ours.

    writer <- TARGET
    until the end:
        TARGET:  y_1..y_n ~ B(. | x, y);  S_i <- beta_inv r_i
        DRAFT:   y_1..y_n ~ S(. | x, y);  S_i <- beta_inv r_i + log B(y_i) - log S(y_i)
        i <- SUBSAMPLE(S);  none: writer <- TARGET, this block again
        y <- y y_i;  writer <- DRAFT if r_i >= threshold else TARGET                       (CASCADE)

    SUBSAMPLE-A   i ~ softmax(S)                                            in_proportion()
    SUBSAMPLE-B   N ~ Poisson(n) draws; the first kept with chance min(1, e^S / M)
                                                                            poisson_rejection(M)

Since the writer depends on the committed prefix alone, the law of every step tends to the tilted
law whatever the threshold, which a gate on the drawn step (``gsi``) does not leave so.

Differs from the paper: see above. The target always takes in proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from specreward.checks import part, positive, whole
from specreward.search.pick import Highest
from specreward.search.speculative.citations import SPECS_PAPER
from specreward.search.speculative.gates import PrefixGate
from specreward.search.speculative.selectors import InProportion, Selector
from specreward.search.speculative.stepwise import Stepwise
from specreward.search.speculative.weights import ByReward, ByTiltedReward
from specreward.search.speculative.writing import Block
from specreward.types import Candidate, Models, Problem, Result

__all__ = ["SPECS"]


@final
@dataclass(frozen=True, kw_only=True)
class SPECS:
    """The draft writes while the reward is good, corrected towards the target. Needs token ids.

    Args:
        n: Steps drawn at a time, at least 1; the mean of it with ``poisson_rejection``.
        beta_inv: Inverse temperature of the reward, at least 0.
        threshold: Least reward of the last step for the draft to write the next, in [0, 1].
        draft_first: Whether the draft writes the first step.
        selector: Takes a drafted step by its weight, or none.
        temperature: Of both policies, above 0.
        depth: Most steps of a path; None is the task's own limit.

    Raises:
        InputError: A field is out of its range.
    """

    n: int = field(default=4, kw_only=False)
    beta_inv: float = 20.0
    threshold: float = 0.5
    draft_first: bool = False
    selector: Selector = InProportion()
    temperature: float = 0.7
    depth: int | None = None

    __cite__: ClassVar[str] = SPECS_PAPER

    def __post_init__(self) -> None:
        whole("specs n", self.n, 1)
        part("specs selector", self.selector, Selector, "in_proportion()")
        positive("specs temperature", self.temperature)
        self.parts()

    def parts(self) -> Stepwise:
        """The same as parts."""
        tilted = ByTiltedReward(self.beta_inv)
        return Stepwise(
            draft=Block(self.n, weight=tilted, selector=self.selector),
            target=Block(self.n, weight=ByReward(self.beta_inv)),
            gate=PrefixGate(self.threshold, draft_first=self.draft_first),
            temperature=self.temperature,
            depth=self.depth,
        )

    @property
    def statistic(self) -> str:
        """The evidence that the gate reads; see ``calibrate``."""
        return "reward"

    def opened(self) -> SPECS:
        """The same with the draft writing every step."""
        return replace(self, threshold=0.0, draft_first=True)

    def calibrated(self, threshold: float) -> SPECS:
        """The same with this threshold."""
        return replace(self, threshold=threshold)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One path, step by step."""
        return await self.parts()(problem, models)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The candidate with the highest reward."""
        return Highest()(candidates, models)
