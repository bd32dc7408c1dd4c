"""Monte Carlo tree search as in RAP: UCT down, the best child on to an end, the best mean back.

S. Hao, Y. Gu, H. Ma, J. J. Hong, Z. Wang, D. Z. Wang, Z. Hu (2023), "Reasoning with Language Model
is Planning with World Model", arXiv 2305.14992; L. Kocsis, C. Szepesvari (2006), UCT.

    repeat ``simulations`` times:
        select:    from the root, argmax_c Q(c) + w sqrt(ln N(parent) / max(1, N(c))) until a leaf
        expand:    children ~ policy(leaf), n of them, r(c) = verifier's score, one call
        simulate:  go to the child of highest r and expand it, until finished or at the limit
        back up:   each node s on the way: N(s) += 1, Q(s) = max(Q(s), mean of r from s to the end)
    Q of an unvisited child is its r;  answer with the pick (highest mean r from root to end)

Differs from the paper: the exploration weight w is in units of the range of rewards, taken as
[min(0, lowest seen), max(1, highest seen)], so that it means the same with verdict values of up to
60 as with rewards in [0, 1], where it is the paper's exactly. A path that ends without an answer
(no child kept, or unfinished at the limit) is backed up with one more reward, the lowest of that
range, and not chosen again. A finished child is a candidate as soon as it is judged. A simulation
that ends in a finished path seen before costs no call; a tree with nothing left to expand ends the
search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, deepest, expand, ranked
from specreward.search.pick import MaxReward, Pick
from specreward.types import Candidate, Models, Path, Problem, Result, Verifier
from specreward.verify.citations import RAP
from specreward.verify.scored import RewardScores

__all__ = ["MCTS"]


class Node:
    """One path in the tree with its statistics.

    ``value`` is Q: the reward until the first visit, then the highest mean. ``children`` is None
    until expanded, best rank first. ``barren``: no answer can be found from here on; ``spent``:
    nothing is left to expand.
    """

    __slots__ = ("barren", "children", "path", "reward", "spent", "value", "visits")

    def __init__(self, path: Path, reward: float, limit: int) -> None:
        self.path = path
        self.reward = reward
        self.value = reward
        self.visits = 0
        self.children: list[Node] | None = None
        finished = path.finished
        self.barren = not finished and path.depth >= limit
        self.spent = finished or self.barren


def uct(parent: Node, child: Node, weight: float) -> float:
    """Q of a child plus its exploration bonus; ``parent`` was visited before."""
    return child.value + weight * math.sqrt(math.log(parent.visits) / max(1, child.visits))


def descend(root: Node, weight: float) -> list[Node]:
    """The way from the root to a leaf by UCT, around what can give no answer."""
    way = [root]
    while children := way[-1].children:
        parent = way[-1]
        able = [child for child in children if not child.barren]
        way.append(max(able, key=lambda child: uct(parent, child, weight)))
    return way


def back_up(way: Sequence[Node], low: float) -> None:
    """Count the visit and raise each node's Q to the mean reward from it to the end of the way.

    Args:
        way: From the root to the end of a simulation.
        low: The further reward of a way that ended without an answer.
    """
    total, count = (0.0, 0) if way[-1].path.finished else (low, 1)
    closing = True  # the end of a way is spent; its parent is if all its children are, and so on
    for node in reversed(way):
        total, count = total + node.reward, count + 1
        mean = total / count
        node.value = max(node.value, mean) if node.visits else mean
        node.visits += 1
        if closing and node.children is not None:
            node.barren = all(child.barren for child in node.children)
            closing = node.spent = all(child.spent for child in node.children)


@final
@dataclass(frozen=True, kw_only=True)
class MCTS:
    """Monte Carlo tree search over steps.

    Args:
        simulations: Times that the tree is walked from the root to an end, at least 1.
        exploration: w, weight of the exploration bonus, at least 0; 0 always takes the best.
        n: Children drawn for each path, at least 1.  # n_actions
        temperature: Of the policy.
        verify: Judges the children of each path; a score is the reward of the step.
        depth: Most steps of a path; None is the task's own limit.
        solutions: Stop after the simulation in which this many finished paths were found; 0 makes
            all simulations.
        pick: Chooses the answer: ``MaxReward()`` or ``AnswerAggregation()`` (both RAP).

    Raises:
        InputError: A field is out of its range.
    """

    simulations: int = field(default=10, kw_only=False)
    exploration: float = 1.0
    n: int = 4
    temperature: float = 0.8
    verify: Verifier = RewardScores()
    depth: int | None = None
    solutions: int = 0
    pick: Pick = MaxReward()

    __cite__: ClassVar[str] = RAP

    def __post_init__(self) -> None:
        whole("mcts simulations", self.simulations, 1)
        number("mcts exploration", self.exploration, 0)
        whole("mcts n", self.n, 1)
        number("mcts temperature", self.temperature, 0)
        if self.depth is not None:
            whole("mcts depth", self.depth, 1)
        whole("mcts solutions", self.solutions, 0)
        rule("mcts verify", self.verify, "scored()")
        rule("mcts pick", self.pick, "max_reward()")

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One simulation at a time."""
        limit = deepest(problem, models, self.depth)
        root, low, high = Node(Path(problem), 0.0, limit), 0.0, 1.0
        for _ in range(self.simulations):
            way = descend(root, self.exploration * (high - low))
            while not way[-1].spent:
                [judged] = await expand(
                    [way[-1].path],
                    models,
                    n=self.n,
                    verify=self.verify,
                    temperature=self.temperature,
                )
                children = [Node(item.path, item.score, limit) for item in ranked(judged)]
                way[-1].children = children
                if not children:
                    break
                rewards = [child.reward for child in children]
                low, high = min(low, *rewards), max(high, *rewards)
                way.append(next((child for child in children if not child.barren), children[0]))
            back_up(way, low)
            if 0 < self.solutions <= len(models.trace.found):
                break
            if root.spent:
                return conclude(self, problem, models, "exhausted")
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """By ``pick``."""
        return self.pick(candidates, models)
