"""AB-MCTS-M: at each node, one prediction of a mixed model for a new child and for each there is.

Y. Inoue, K. Misaki, Y. Imajuku, S. Kuroki, T. Nakamura, T. Akiba (2025), "Wider or Deeper? Scaling
LLM Inference-Time Compute with Adaptive Branching Tree Search", arXiv 2503.04412: AB-MCTS with
mixed models.

    repeat ``simulations`` times:
        node <- root
        while node has children to go on with:
            a group for each child: its score and all below it
            (y_1, ..., y_J, y_new) ~ predictions of the mixed model after the groups' scores
            if y_new is at least all y_j of children to go on with: stop here
            node <- the child with the highest y_j
        policy <- the same over groups of what each policy wrote, if there are two
        child ~ policy(node), one step;  its score is told to the tree (``adaptive``)
    answer with the pick among finished paths

Differs from the paper: as ``ab_mcts`` does (steps, lost steps); the posterior is computed on a grid
(``mixed_model``), not sampled by NUTS; all predictions of a choice are drawn from one world, where
the reference code takes each from another posterior sample; a group's scores have a least spread of
0.01. Nothing is pruned: the reference code leaves subtrees in which three of four scores are equal,
but along a good path of steps equal scores near 1 are what is hoped for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import ClassVar, final

import numpy as np

from specreward.checks import flag, number, rule, whole
from specreward.search.adaptive import Node, Tree, grow
from specreward.search.expand import conclude
from specreward.search.mixed_model import MixedPrior, fit
from specreward.search.pick import Highest, Pick
from specreward.search.posteriors import AB_MCTS
from specreward.types import Candidate, Models, Problem, Result, Verifier
from specreward.verify.scored import RewardScores

__all__ = ["ABMCTSM"]


@final
@dataclass(frozen=True, kw_only=True)
class ABMCTSM:
    """Adaptive branching by a model in which siblings tell something of each other.

    Args:
        simulations: Nodes drawn, each one policy call and at most one reward call; at least 1.
        mean: Expected mean of scores before any is seen, in [-1e6, 1e6].
        mean_scale: Its standard deviation, in [1e-6, 1e6].
        between_scale: Scale of the spread between the subtrees of siblings, in [1e-6, 1e6].
        within_scale: Scale of the spread inside of a subtree, in [1e-6, 1e6].
        draft: Whether the draft policy generates as well (multi-LLM); which of the two is settled
            by the same model.
        temperature: Of the policies.
        verify: Judges each child.
        depth: Most steps of a path; None is the task's own limit.
        pick: Chooses the answer among all finished paths.

    Raises:
        InputError: A field is out of its range; when searching: no draft where one is asked for, or
            a score that is not finite.
    """

    simulations: int = field(default=64, kw_only=False)
    mean: float = 0.5
    mean_scale: float = 0.2
    between_scale: float = 0.2
    within_scale: float = 0.3
    draft: bool = False
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None
    pick: Pick = Highest()

    __cite__: ClassVar[str] = AB_MCTS

    def __post_init__(self) -> None:
        whole("ab_mcts_m simulations", self.simulations, 1)
        number("ab_mcts_m mean", self.mean, -1e6, 1e6)
        number("ab_mcts_m mean_scale", self.mean_scale, 1e-6, 1e6)
        number("ab_mcts_m between_scale", self.between_scale, 1e-6, 1e6)
        number("ab_mcts_m within_scale", self.within_scale, 1e-6, 1e6)
        flag("ab_mcts_m draft", self.draft)
        number("ab_mcts_m temperature", self.temperature, 0)
        rule("ab_mcts_m verify", self.verify, "scored()")
        if self.depth is not None:
            whole("ab_mcts_m depth", self.depth, 1)
        rule("ab_mcts_m pick", self.pick, "highest()")

    @property
    def prior(self) -> MixedPrior:
        """What is believed before any score."""
        return MixedPrior(
            mean=self.mean,
            mean_scale=self.mean_scale,
            between_scale=self.between_scale,
            within_scale=self.within_scale,
        )

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One node at a time."""
        await grow(self, "ab_mcts_m", problem, models)
        return conclude(self, problem, models, "done")

    def descend(self, tree: Tree, rng: np.random.Generator) -> list[Node]:
        """The way from the root to the node that gets one more child."""
        way = [tree.root]
        while way[-1].able:
            children = way[-1].children
            groups = [tree.seen(child.below) for child in children]
            further, new = fit(self.prior, groups).draw(rng)
            predicted = [
                (y, child) for y, child in zip(further, children, strict=True) if child.open
            ]
            highest, child = max(predicted, key=itemgetter(0))
            if new >= highest:
                break
            way.append(child)
        return way

    def author(self, tree: Tree, rng: np.random.Generator) -> int:
        """Which policy writes the next step; one that has written nothing is a new group."""
        known = [tree.seen(tally) for tally in tree.written if tally.n]
        further, new = fit(self.prior, known).draw(rng)
        values = iter(further)
        beliefs = [next(values) if tally.n else new for tally in tree.written]
        return beliefs.index(max(beliefs))

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
