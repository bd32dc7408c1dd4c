"""The tree that the AB-MCTS searches grow: one node at a time, by one step of one policy.

    repeat ``simulations`` times:
        root = a_0, a_1, ..., a_k <- where the search wants a child;  who <- which policy writes
        child ~ policy_who(a_k), one step
        s = its score, or the lowest there is where the step is lost
        GEN(a_k) += s;  below(child) += s
        for i = 1..k:   below(a_i) += s;  CONT(a_(i-1)) += s

A step is *lost* if nothing new can come of it: it is dead, it stands at the depth limit unfinished,
or a child with the same text is there already. It costs its policy call, is not scored, and is told
to the tree as a child of score 0 that is never chosen: what drawing here brings goes down, and so
does what going on through its ancestors brings, so that a node whose steps have all been seen is
left by itself. A child that is finished, or that the verifier prunes, keeps its score and is not
chosen either. Children that the verifier itself draws are told as well, each text once.

Beliefs are about scores in [0, 1]. With a verifier on another scale they are about
(score - low) / (high - low), where low is the lowest score seen or 0, and high the highest or 1: as
``mcts`` does it. A lost step has the score low.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Protocol

import numpy as np

from specreward.errors import InputError
from specreward.search.expand import candidates, deepest, judge
from specreward.search.posteriors import Tally
from specreward.seeds import derive
from specreward.types import (
    Models,
    Path,
    Policy,
    Problem,
    Siblings,
    Verifier,
)
from specreward.verify.families import wording

__all__ = ["Adaptive", "Node", "Tree", "grow"]


class Node:
    """A path in the tree with what was seen of it.

    ``children`` are all that were drawn, lost ones included, ``able`` those that are ``open``: that
    can be chosen, to go on from.
    ``gen`` has the scores of the children, ``cont`` those of all nodes further below, ``below`` the
    node's own and all below. ``drawn`` counts the steps drawn from here by each policy.
    """

    __slots__ = ("able", "below", "children", "cont", "drawn", "gen", "open", "path", "texts")

    def __init__(self, path: Path, policies: int = 1, *, open: bool = False) -> None:
        self.path = path
        self.open = open
        self.children: list[Node] = []
        self.able: list[Node] = []
        self.gen = Tally()
        self.cont = Tally()
        self.below = Tally()
        self.drawn = [0] * policies
        self.texts: set[str] = set()


class Tree:
    """All that was seen in one search.

    ``written`` has the scores of what each policy wrote; ``low`` and ``high`` are the range of
    scores.
    """

    __slots__ = ("high", "low", "root", "written")

    def __init__(self, problem: Problem, policies: int) -> None:
        self.root = Node(Path(problem), policies, open=True)
        self.written = [Tally() for _ in range(policies)]
        self.low = 0.0
        self.high = 1.0

    def told(self, way: Sequence[Node], child: Node, score: float, who: int) -> None:
        """Hang a child below the last node of a way and count its score everywhere on it."""
        way[-1].children.append(child)
        if child.open:
            way[-1].able.append(child)
        child.below.add(score)
        way[-1].gen.add(score)
        for above, node in pairwise(way):
            node.below.add(score)
            above.cont.add(score)
        self.written[who].add(score)
        self.low = min(self.low, score)
        self.high = max(self.high, score)

    def seen(self, tally: Tally) -> Tally:
        """Scores in [0, 1]: as they are, or in units of the range."""
        if self.low == 0.0 and self.high == 1.0:
            return tally
        return tally.scaled(self.low, self.high)


class Adaptive(Protocol):
    """A search that says where the tree gets its next node and who writes it."""

    @property
    def simulations(self) -> int:
        """Nodes to draw."""
        ...

    @property
    def draft(self) -> bool:
        """Whether the draft policy writes as well."""
        ...

    @property
    def temperature(self) -> float:
        """Of the policies."""
        ...

    @property
    def verify(self) -> Verifier:
        """Judges each child."""
        ...

    @property
    def depth(self) -> int | None:
        """Most steps of a path."""
        ...

    def descend(self, tree: Tree, rng: np.random.Generator) -> list[Node]:
        """The way from the root to the node that gets one more child."""
        ...

    def author(self, tree: Tree, rng: np.random.Generator) -> int:
        """Which of several policies writes the next step."""
        ...


async def grow(search: Adaptive, name: str, problem: Problem, models: Models) -> Tree:
    """A tree of ``simulations`` draws.

    Args:
        search: What decides.
        name: Its registered name; names the draws.
        problem: What is asked.
        models: The roles; a kept and finished child joins ``models.trace.found``.

    Raises:
        InputError: No draft where one is asked for, or a score that is not finite.
    """
    limit, policies = deepest(problem, models, search.depth), _policies(models, search.draft)
    rng = np.random.Generator(np.random.PCG64(derive(models.seed, name, problem.id)))
    tree = Tree(problem, len(policies))
    for _ in range(search.simulations):
        way = search.descend(tree, rng)
        who = search.author(tree, rng) if len(policies) > 1 else 0
        parent = way[-1]
        start = parent.drawn[who]
        parent.drawn[who] += 1
        [[path]] = await policies[who].extend(
            [parent.path], 1, temperature=search.temperature, start=start
        )
        if _lost(parent, path, models, limit):
            tree.told(way, Node(path, len(policies)), tree.low, who)
        else:
            await _judged(tree, way, path, who, models, search.verify, limit)
        if who:
            models.trace.count("drafted steps")
    return tree


def _policies(models: Models, draft: bool) -> tuple[Policy, ...]:
    """Those that may write a step."""
    if not draft:
        return (models.policy,)
    if models.draft is None:
        raise InputError(
            "expected a second policy to generate with, got none: pass --draft (draft=... with "
            "the models), or leave draft=False"
        )
    return (models.policy, models.draft)


async def _judged(
    tree: Tree,
    way: Sequence[Node],
    path: Path,
    who: int,
    models: Models,
    verify: Verifier,
    limit: int,
) -> None:
    """Have a child judged and tell the tree, and so with new ones that the verifier drew."""
    parent = way[-1]
    [judged] = await judge([Siblings(parent.path, (path,))], models, verify)
    for item in judged:
        if not isfinite(item.score):
            raise InputError(
                f"expected a finite score from {verify!r}, got {item.score!r} at step "
                f"{item.path.depth} of problem {item.path.problem.id!r}"
            )
        text = wording(parent.path, item.path)
        if text in parent.texts:
            continue
        parent.texts.add(text)
        models.trace.found += candidates([item], copies=False)
        able = item.kept and item.path.open and item.path.depth < limit
        tree.told(way, Node(item.path, len(parent.drawn), open=able), item.score, who)


def _lost(parent: Node, path: Path, models: Models, limit: int) -> bool:
    """Whether nothing new can come of a step; counts why."""
    if path.dead:
        models.trace.count("dead steps")
    elif wording(parent.path, path) in parent.texts:
        models.trace.count("repeated steps")
    elif not path.finished and path.depth >= limit:
        models.trace.count("steps unfinished at the limit")
    else:
        return False
    return True
