"""All states of n blocks with their moves as one table: exact distances to any goal, fast.

distance = 0 where the goal holds ; then level by level over the moves (all are reversible)
"""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from specreward.tasks.blocks import Goal, State

__all__ = ["BlocksGraph", "renamed"]


class BlocksGraph:
    """The state graph of blocks a, b, c, ...

    Args:
        blocks: How many, 2 to 7 (7,057 states at 6).
    """

    def __init__(self, blocks: int) -> None:
        self.names = [chr(ord("a") + i) for i in range(blocks)]
        start = State(tuple((name,) for name in self.names))
        self.states, self.index = [start], {start: 0}
        moves: list[dict[str, int]] = []
        for state in self.states:  # grows while we read it
            row = {}
            for action in state.actions():
                there = state.after(action)
                assert there is not None
                if there not in self.index:
                    self.index[there] = len(self.states)
                    self.states.append(there)
                row[action] = self.index[there]
            moves.append(row)
        self.moves = moves
        wide = max(map(len, moves))
        self.table = np.array([[*r.values(), *[-1] * (wide - len(r))] for r in moves], np.int64)
        self.facts = [frozenset(state.facts()) for state in self.states]
        self.rest = [i for i, state in enumerate(self.states) if state.hand is None]

    def distances(self, goal: Goal) -> NDArray[np.int64]:
        """Length of a shortest plan from every state, ``[S]``."""
        far = np.full(len(self.states) + 1, 1 << 20)
        frontier = np.array([i for i, facts in enumerate(self.facts) if goal <= facts])
        far[frontier] = 0
        level = 0
        while frontier.size:
            level += 1
            reached = np.unique(self.table[frontier])
            frontier = reached[(far[reached] > level) & (reached >= 0)]
            far[frontier] = level
        return far[:-1]

    def random_goal(self, rng: random.Random, drop: float = 0.15) -> Goal:
        """The facts of a random resting state, some left out; never empty."""
        while True:
            facts = self.facts[rng.choice(self.rest)]
            goal = frozenset(f for f in sorted(facts) if rng.random() >= drop)
            if goal:
                return goal

    def renaming(self, rng: random.Random, letters: str) -> dict[str, str]:
        """Random letters for the graph's names."""
        return dict(zip(self.names, rng.sample(letters, len(self.names)), strict=True))


def renamed(text: str, names: dict[str, str]) -> str:
    """A text with its block names replaced, word by word."""
    return " ".join(names.get(word, word) for word in text.split())
