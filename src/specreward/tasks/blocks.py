"""The four-operator Blocksworld: states, actions, goals, shortest plans, canonical forms.

A state is written as its towers from the table up, and what the hand holds:

    a b | c d          b on a on the table, d on c on the table, hand empty
    a | c d / b        the hand holds b
    a / b              ...

A goal is a set of facts ``x on y``. Actions carry their PDDL names.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from specreward.errors import InputError

__all__ = [
    "LIMIT",
    "Goal",
    "State",
    "canonical",
    "distance",
    "goal_text",
    "plan",
    "read_goal",
    "read_state",
]

LIMIT = 10_000
"""States that a search for a shortest plan looks at before it gives up, in one or two seconds."""

Goal = frozenset[tuple[str, str]]
"""Facts (upper, lower) that must hold."""


@dataclass(frozen=True, slots=True)
class State:
    """A configuration of blocks.

    Args:
        towers: Each from the table up; sorted, so that equal states are equal objects.
        hand: The block that the hand holds, or None.
    """

    towers: tuple[tuple[str, ...], ...]
    hand: str | None = None

    @property
    def blocks(self) -> list[str]:
        """All blocks, sorted."""
        held = [self.hand] if self.hand else []
        return sorted([*held, *[block for tower in self.towers for block in tower]])

    def __str__(self) -> str:
        towers = " | ".join(" ".join(tower) for tower in self.towers)
        return f"{towers} / {self.hand}".strip() if self.hand else towers

    def reaches(self, goal: Goal) -> bool:
        """Whether every fact of the goal holds."""
        return goal <= self.facts()

    def facts(self) -> set[tuple[str, str]]:
        """All pairs (upper, lower) of blocks that rest on one another."""
        return {(up, low) for tower in self.towers for low, up in pairwise(tower)}

    def actions(self) -> list[str]:
        """All legal actions, in a fixed order."""
        if self.hand:
            return [f"put-down {self.hand}", *[f"stack {self.hand} {t[-1]}" for t in self.towers]]
        return [
            f"pick-up {t[0]}" if len(t) == 1 else f"unstack {t[-1]} {t[-2]}" for t in self.towers
        ]

    def after(self, action: str) -> State | None:
        """The state that an action leads to, or None where it is not legal."""
        match action.split():
            case ["pick-up", x] if not self.hand and (x,) in self.towers:
                return self._make([t for t in self.towers if t != (x,)], x)
            case ["unstack", x, y] if not self.hand:
                for tower in self.towers:
                    if len(tower) > 1 and tower[-1] == x and tower[-2] == y:
                        return self._make([t if t != tower else t[:-1] for t in self.towers], x)
            case ["put-down", x] if self.hand == x:
                return self._make([*self.towers, (x,)], None)
            case ["stack", x, y] if self.hand == x and any(t[-1] == y for t in self.towers):
                return self._make([(*t, x) if t[-1] == y else t for t in self.towers], None)
        return None

    @staticmethod
    def _make(towers: Iterable[tuple[str, ...]], hand: str | None) -> State:
        return State(tuple(sorted(towers)), hand)


def read_state(text: str) -> State:
    """A state from its text; InputError where it is not one."""
    towers_text, _, hand = text.partition("/")
    towers = [tuple(part.split()) for part in towers_text.split("|") if part.strip()]
    names = [*hand.split(), *[block for tower in towers for block in tower]]
    if not names or len(set(names)) != len(names) or len(hand.split()) > 1:
        raise InputError(
            f"expected towers of different blocks from the table up, as in 'a b | c', got {text!r}"
        )
    return State(tuple(sorted(towers)), hand.strip() or None)


def read_goal(text: str) -> Goal:
    """A goal from ``x on y , y on z``; InputError where it is not one."""
    facts = set()
    for part in text.split(","):
        match part.split():
            case [up, "on", low] if up != low:
                facts.add((up, low))
            case _:
                raise InputError(f"expected facts like 'a on b, b on c', got {text!r}")
    uppers, lowers = [u for u, _ in facts], [w for _, w in facts]
    if len(set(uppers)) != len(uppers) or len(set(lowers)) != len(lowers) or _has_cycle(facts):
        raise InputError(f"no state of blocks can satisfy all of {text!r}")
    return frozenset(facts)


def _has_cycle(facts: set[tuple[str, str]]) -> bool:
    below = dict(facts)
    for start in below:
        block = below[start]
        while block in below and block != start:
            block = below[block]
        if block == start:
            return True
    return False


def goal_text(goal: Goal) -> str:
    """The goal with its facts in a fixed order: tower by tower, from the top down."""
    below = dict(goal)
    tops = sorted(set(below) - set(below.values()))
    facts = []
    for block in tops:
        while block in below:
            facts.append(f"{block} on {below[block]}")
            block = below[block]
    return " , ".join(facts)


def distance(state: State, goal: Goal) -> int:
    """Length of a shortest plan; InputError where ``plan`` gives up."""
    actions = plan(state, goal)
    if actions is None:
        raise InputError(f"no shortest plan from {str(state)!r} found within {LIMIT} states")
    return len(actions)


def plan(state: State, goal: Goal, limit: int = LIMIT) -> list[str] | None:
    """A shortest plan, by A*; None where it takes more than ``limit`` states to find one.

    Actions go in pairs, lift and lay. Some shortest plan moves only blocks out of place, lays each
    where the goal wants it as soon as that place is ready, and otherwise on the table: the search
    looks at these moves alone (see Slaney and Thiébaux, 2001, "Blocks World revisited").
    """
    strangers = {block for fact in goal for block in fact} - set(state.blocks)
    if strangers:
        raise InputError(f"the goal names {sorted(strangers)}, which are not in {str(state)!r}")
    frontier: list[tuple[int, int, State]] = [(2 * len(_misplaced(state, goal)), 0, state)]
    came: dict[State, tuple[State, tuple[str, ...]] | None] = {state: None}
    cost = {state: 0}
    pushed = 0
    while frontier and limit:
        limit -= 1
        _, _, here = heapq.heappop(frontier)
        if here.reaches(goal):
            return _unwind(came, here)
        for actions, there in _useful(here, goal):
            paid = cost[here] + len(actions)
            if paid < cost.get(there, 1 << 30):
                cost[there] = paid
                came[there] = (here, actions)
                pushed += 1
                left = 2 * len(_misplaced(there, goal))
                heapq.heappush(frontier, (paid + left, pushed, there))
    return None


def _unwind(came: dict[State, tuple[State, tuple[str, ...]] | None], state: State) -> list[str]:
    actions: list[str] = []
    while (step := came[state]) is not None:
        state, pair = step
        actions += reversed(pair)
    return actions[::-1]


def _misplaced(state: State, goal: Goal) -> set[str]:
    """Resting blocks that every plan must lift: each costs two actions at least."""
    below = dict(goal)
    above = {low: up for up, low in goal}
    found: set[str] = set()
    for tower in state.towers:
        under = None
        for height, block in enumerate(tower):
            wrong = block in below and below[block] != under
            wrong = wrong or (under is not None and above.get(under, block) != block)
            if wrong:
                found.update(tower[height:])
                break
            under = block
    return found


def _useful(state: State, goal: Goal) -> Iterator[tuple[tuple[str, ...], State]]:
    """The moves that a shortest plan needs: one that lays a block for good, or all to the table."""
    below = dict(goal)
    misplaced = _misplaced(state, goal)
    ready = {tower[-1] for tower in state.towers} - misplaced
    movable = [tower for tower in state.towers if tower[-1] in misplaced]
    lifts = [
        ("pick-up " + t[0] if len(t) == 1 else f"unstack {t[-1]} {t[-2]}", t[-1]) for t in movable
    ]
    options = [((), state.hand)] if state.hand else [((lift,), block) for lift, block in lifts]
    for lift, block in options:
        if below.get(block) in ready:
            yield _moved(state, (*lift, f"stack {block} {below[block]}"))
            return
    for lift, block in options:
        if not lift or lift[0].startswith("unstack"):
            yield _moved(state, (*lift, f"put-down {block}"))


def _moved(state: State, actions: tuple[str, ...]) -> tuple[tuple[str, ...], State]:
    here: State | None = state
    for action in actions:
        here = here.after(action) if here else None
    assert here is not None, (state, actions)
    return actions, here


def canonical(state: State, goal: Goal) -> str:
    """A text that two problems share exactly when renaming blocks turns one into the other.

    Blocks are nodes; what lies under and over each, now and in the goal, are its edges. Every kind
    of edge leaves a node at most once, so a walk from a first block numbers its connected part in
    one way only; the least text over all first blocks is the part's, and the parts are sorted.
    """
    facts = state.facts()
    edges = [dict(facts), {w: u for u, w in facts}, dict(goal), {w: u for u, w in goal}]
    texts = []
    rest = set(state.blocks)
    while rest:
        part = _walk(min(rest), edges)
        rest -= set(part)
        texts.append(min(_numbered(_walk(first, edges), edges, state.hand) for first in part))
    return "|".join(sorted(texts))


def _walk(first: str, edges: list[dict[str, str]]) -> list[str]:
    """The blocks connected with the first, breadth first, edges in order."""
    order = [first]
    known = {first}
    for block in order:  # grows while we read it
        for kind in edges:
            there = kind.get(block)
            if there is not None and there not in known:
                known.add(there)
                order.append(there)
    return order


def _numbered(order: list[str], edges: list[dict[str, str]], hand: str | None) -> str:
    """What lies under each block now and in the goal, blocks by number."""
    number = {block: str(index) for index, block in enumerate(order)}
    now, _, wanted, _ = edges
    under = ["h" if b == hand else number.get(now.get(b, ""), "") for b in order]
    goal = [number.get(wanted.get(b, ""), "") for b in order]
    return ",".join(f"{low}.{target}" for low, target in zip(under, goal, strict=True))
