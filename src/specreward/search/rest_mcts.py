"""MCTS*: tree search on the values of partial solutions, no walk to the end.

D. Zhang, S. Zhoubian, Z. Hu, Y. Yue, Y. Dong, J. Tang (2024), "ReST-MCTS*: LLM Self-Training via
Process Reward Guided Tree Search", arXiv 2406.03816.

    repeat ``simulations`` times, until a finished path has a value of at least ``minimum``:
        select:    from the root, argmax_c V(c) + w sqrt(2 ln N(parent) / N(c)) until a leaf;
                   a child never visited counts V(c) + ``unvisited``
        expand:    children ~ policy(leaf), n of them, V(c) = verifier's score, one call
        look:      from the best child b, ``ahead`` further steps, one sample each:
                   V(b) <- (1 - alpha) V(b) + alpha max V(those steps);  N(b) += 1
        back up:   each node s on the way:  N(s) += 1, V(s) = sum_c V(c) N(c) / sum_c N(c)
    answer with the finished path of the highest score

The defaults of the authors' program disagree: these are those of its class (w 0.7, 3 steps,
unvisited 1.0); its command line has 0.4, 2 and 0.8. Both have 3 children, alpha 0.5, minimum 0.9,
100 simulations, temperature 0.7.

Differs from that program: only a finished path ends the search (there any leaf, as its value model
gives high values to complete solutions alone), as soon as it is judged and wherever it was drawn,
also on a look ahead; of equal bounds the child judged best goes first (there a random one); a node
below which no answer can be found has value 0 and is not selected; a tree with nothing left to
expand ends the search. There is no self-critique that ends a path: the task says what is finished.
Scores are to be in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

from specreward.checks import number, rule, whole
from specreward.search.expand import conclude, deepest, expand, ranked
from specreward.search.pick import Highest
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result, Verifier
from specreward.verify.scored import RewardScores

__all__ = ["ReSTMCTS"]


class Node:
    """One path in the tree with its statistics.

    ``value`` is V: the score until children are visited, then their mean over visits. ``children``
    is None until expanded, best rank first. ``barren``: no answer can be found from here on;
    ``spent``: nothing is left to expand.
    """

    __slots__ = ("barren", "children", "path", "spent", "value", "visits")

    def __init__(self, path: Path, value: float, limit: int) -> None:
        self.path = path
        self.visits = 0
        self.children: list[Node] | None = None
        self.barren = not path.finished and path.depth >= limit
        self.spent = path.finished or self.barren
        self.value = 0.0 if self.barren else value


def uct(parent: Node, child: Node, weight: float, unvisited: float) -> float:
    """V of a child plus its exploration bonus."""
    if not child.visits:
        return child.value + unvisited
    return child.value + weight * math.sqrt(2 * math.log(parent.visits) / child.visits)


def descend(root: Node, weight: float, unvisited: float) -> list[Node]:
    """The way from the root to a leaf by UCT, around what can give no answer."""
    way = [root]
    while children := way[-1].children:
        parent = way[-1]
        able = [child for child in children if not child.barren]
        way.append(max(able, key=lambda child: uct(parent, child, weight, unvisited)))
    return way


def back_up(way: Sequence[Node]) -> None:
    """Count the visit and set each node's V to the mean of its children's over their visits."""
    for node in reversed(way):
        node.visits += 1
        if node.children is None:
            continue
        node.barren = all(child.barren for child in node.children)
        node.spent = all(child.spent for child in node.children)
        visits = sum([child.visits for child in node.children])
        if visits:
            node.value = sum([child.value * child.visits for child in node.children]) / visits
        if node.barren:
            node.value = 0.0


@final
@dataclass(frozen=True, kw_only=True)
class ReSTMCTS:
    """Tree search guided by the values of partial solutions.

    Args:
        simulations: Times that the tree is walked to a leaf, at least 1.
        exploration: w, weight of the exploration bonus, at least 0.  # exploration_constant
        unvisited: Bonus of a child not visited yet, at least 0.  # inf
        n: Children drawn for each path, at least 1.  # branch
        ahead: Steps of the look ahead from the best new child; 0 looks at none.
        alpha: Share of what the look ahead saw in the value of that child, in [0, 1].
        minimum: A finished path with this score ends the search; above 1 nothing does.  # end_gate
        temperature: Of the policy.
        verify: Judges the children of each path; a score is the value of the path, in [0, 1].
        depth: Most steps of a path; None is the task's own limit.

    Raises:
        InputError: A field is out of its range.
    """

    simulations: int = field(default=100, kw_only=False)
    exploration: float = 0.7
    unvisited: float = 1.0
    n: int = 3
    ahead: int = 3
    alpha: float = 0.5
    minimum: float = 0.9
    temperature: float = 0.7
    verify: Verifier = RewardScores()
    depth: int | None = None

    __cite__: ClassVar[str] = """@inproceedings{zhang2024rest,
  title = {{ReST-MCTS*}: {LLM} Self-Training via Process Reward Guided Tree Search},
  author = {Zhang, Dan and Zhoubian, Sining and Hu, Ziniu and Yue, Yisong and Dong, Yuxiao and
            Tang, Jie},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2024},
  note = {arXiv:2406.03816}
}"""

    def __post_init__(self) -> None:
        whole("rest_mcts simulations", self.simulations, 1)
        number("rest_mcts exploration", self.exploration, 0)
        number("rest_mcts unvisited", self.unvisited, 0)
        whole("rest_mcts n", self.n, 1)
        whole("rest_mcts ahead", self.ahead, 0)
        number("rest_mcts alpha", self.alpha, 0, 1)
        number("rest_mcts minimum", self.minimum)
        number("rest_mcts temperature", self.temperature, 0)
        rule("rest_mcts verify", self.verify, "scored()")
        if self.depth is not None:
            whole("rest_mcts depth", self.depth, 1)

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """One walk at a time."""
        limit = deepest(problem, models, self.depth)
        root = Node(Path(problem), 0.0, limit)
        for _ in range(self.simulations):
            way = descend(root, self.exploration, self.unvisited)
            if not way[-1].path.finished:
                await self._expand(way[-1], models, limit)
                if any(candidate.score >= self.minimum for candidate in models.trace.found):
                    return conclude(self, problem, models, "done")
            back_up(way)
            if root.spent:
                return conclude(self, problem, models, "exhausted")
        return conclude(self, problem, models, "done")

    async def _expand(self, leaf: Node, models: Models, limit: int) -> None:
        """Give a leaf its children, and the best of them a look ahead and a visit."""
        judged = await self._draw(leaf.path, models, self.n, 0)
        leaf.children = [Node(item.path, item.score, limit) for item in judged]
        best = max(
            [child for child in leaf.children if not child.barren],
            key=lambda child: child.value,
            default=None,
        )
        if best is None:
            return
        if self.ahead and not best.path.finished:
            seen = await self._look(best.path, models, limit)
            best.value = (1 - self.alpha) * best.value + self.alpha * seen
        best.visits += 1

    async def _look(self, path: Path, models: Models, limit: int) -> float:
        """The highest score of a few sampled steps from a path on; 0 where there is none.

        The samples are others than those of an expansion of the same paths.
        """
        highest = 0.0
        for _ in range(self.ahead):
            if not path.open or path.depth >= limit:
                break
            judged = await self._draw(path, models, 1, self.n)
            if not judged:
                break
            path = judged[0].path
            highest = max(highest, judged[0].score)
        return highest

    async def _draw(self, path: Path, models: Models, n: int, start: int) -> list[Judgement]:
        """New children of a path that are kept, best first."""
        [judged] = await expand(
            [path],
            models,
            n=n,
            verify=self.verify,
            temperature=self.temperature,
            start=start,
        )
        return ranked(judged)

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """The candidate with the highest score."""
        return Highest()(candidates, models)
