"""What the models read and write on Blocksworld; one place for training and for search."""

from __future__ import annotations

from specreward.tasks.blocks import Goal, State, goal_text

__all__ = ["VOCABULARY", "good", "prompt", "reward", "value"]

VOCABULARY = [
    *("<pad>", "goal", "state", "on", ",", ";", "|", "/", ":", "left", "value", "good", "bad"),
    *("sure", "likely", "impossible", "pick-up", "put-down", "stack", "unstack"),
    *"abcdefgh",
    *map(str, range(41)),
]
"""Words of the embedded models: at most eight blocks, named a to h, and 40 steps left."""


def prompt(goal: Goal, state: State) -> str:
    """Asks for the next action."""
    return f"goal {goal_text(goal)} ; state {state} ;"


def value(goal: Goal, state: State, left: int) -> str:
    """Asks whether the goal can be reached in the steps left: sure, likely or impossible."""
    return f"{prompt(goal, state)} left {left} ; value :"


def reward(goal: Goal, state: State, left: int, action: str) -> str:
    """An action in its state, with the steps left before it."""
    return f"{prompt(goal, state)} left {left} ; {action} ;"


def good(goal: Goal, state: State, left: int, action: str) -> str:
    """Asks whether an action is good or bad."""
    return f"{reward(goal, state, left, action)} good :"
