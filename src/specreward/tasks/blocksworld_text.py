"""What the models read and write on Blocksworld; one place for training and for search.

A state is its towers from the table up; each block is followed by the block that the goal wants
under it, or ``-`` where the goal does not say. What the hand holds comes after a slash:

    state a - b c | d - / c d ;        b is on a and is to be on c; the hand holds c, wanted on d
"""

from __future__ import annotations

from specreward.tasks.blocks import Goal, State

__all__ = ["VOCABULARY", "good", "prompt", "reward", "value"]

VOCABULARY = [
    *("<pad>", "state", "-", ";", "|", "/", ":", "left", "value", "good", "bad"),
    *("sure", "likely", "impossible", "pick-up", "put-down", "stack", "unstack"),
    *"abcdefgh",
    *map(str, range(41)),
]
"""Words of the embedded models: at most eight blocks, named a to h, and 40 steps left."""


def prompt(goal: Goal, state: State) -> str:
    """Asks for the next action."""
    under = dict(goal)
    towers = (" ".join(f"{b} {under.get(b, '-')}" for b in tower) for tower in state.towers)
    hand = f" / {state.hand} {under.get(state.hand, '-')}" if state.hand else ""
    return f"state {' | '.join(towers)}{hand} ;"


def value(goal: Goal, state: State, left: int) -> str:
    """Asks whether the goal can be reached in the steps left: sure, likely or impossible."""
    return f"{prompt(goal, state)} left {left} ; value :"


def reward(goal: Goal, state: State, action: str) -> str:
    """An action in its state."""
    return f"{prompt(goal, state)} {action} ;"


def good(goal: Goal, state: State, left: int, action: str) -> str:
    """Asks whether an action is good or bad with the steps left before it."""
    return f"{prompt(goal, state)} left {left} ; {action} ; good :"
