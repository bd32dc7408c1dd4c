"""AB-MCTS-A: at each node, Thompson sampling decides between one more child and a child there is.

Y. Inoue, K. Misaki, Y. Imajuku, S. Kuroki, T. Nakamura, T. Akiba (2025), "Wider or Deeper? Scaling
LLM Inference-Time Compute with Adaptive Branching Tree Search", arXiv 2503.04412: AB-MCTS with node
aggregation.

    repeat ``simulations`` times:
        node <- root
        while node has children to go on with, and gen < cont for one draw each of the beliefs
                about GEN(node) (scores of its children) and CONT(node) (of all further below):
            node <- the child with the highest draw of its belief (its score and all below)
        policy <- the one with the highest draw (its scores in the whole tree), if there are two
        child ~ policy(node), one step;  its score is told to the tree (``adaptive``)
    answer with the pick among finished paths

Differs from the paper: a node is a path after one more step, not a whole answer that is refined, so
that some nodes have nothing below them: finished ones, and steps that are lost (``adaptive``),
which count as score 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np

from specreward.checks import flag, number, part, rule, whole
from specreward.search.adaptive import Node, Tree, grow
from specreward.search.expand import conclude
from specreward.search.pick import Highest, Pick
from specreward.search.posteriors import AB_MCTS, GaussianPosterior, Posterior, Tally
from specreward.types import Candidate, Models, Problem, Result, Verifier
from specreward.verify.scored import RewardScores

__all__ = ["ABMCTS"]


@final
@dataclass(frozen=True, kw_only=True)
class ABMCTS:
    """Adaptive branching: wide where new children score well, deep where old ones do.

    Args:
        simulations: Nodes drawn, each one policy call and at most one reward call; at least 1.
        posterior: The beliefs: ``GaussianPosterior()`` or ``BetaPosterior()``.
        draft: Whether the draft policy generates as well (multi-LLM); which of the two is settled
            by Thompson sampling, too.
        temperature: Of the policies.
        verify: Judges each child.
        depth: Most steps of a path; None is the task's own limit.
        pick: Chooses the answer among all finished paths.

    Raises:
        InputError: A field is out of its range; when searching: no draft where one is asked for, or
            a score that is not finite.
    """

    simulations: int = field(default=64, kw_only=False)
    posterior: Posterior = GaussianPosterior()
    draft: bool = False
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None
    pick: Pick = Highest()

    __cite__: ClassVar[str] = AB_MCTS

    def __post_init__(self) -> None:
        whole("ab_mcts simulations", self.simulations, 1)
        part("ab_mcts posterior", self.posterior, Posterior, "gaussian_posterior()")
        flag("ab_mcts draft", self.draft)
        number("ab_mcts temperature", self.temperature, 0)
        rule("ab_mcts verify", self.verify, "scored()")
        if self.depth is not None:
            whole("ab_mcts depth", self.depth, 1)
        rule("ab_mcts pick", self.pick, "highest()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One node at a time."""
        await grow(self, "ab_mcts", problem, models)
        return conclude(self, problem, models, "done")

    def descend(self, tree: Tree, rng: np.random.Generator) -> list[Node]:
        """The way from the root to the node that gets one more child."""

        def draw(tally: Tally) -> float:
            return self.posterior.draw(tree.seen(tally), rng)

        way = [tree.root]
        while able := way[-1].able:
            if draw(way[-1].gen) >= draw(way[-1].cont):
                break
            beliefs = [draw(child.below) for child in able]
            way.append(able[beliefs.index(max(beliefs))])
        return way

    def author(self, tree: Tree, rng: np.random.Generator) -> int:
        """Which policy writes the next step, after the scores of what each has written."""
        beliefs = [self.posterior.draw(tree.seen(tally), rng) for tally in tree.written]
        return beliefs.index(max(beliefs))

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
