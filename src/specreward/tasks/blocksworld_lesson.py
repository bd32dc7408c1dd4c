"""Blocksworld, explained to a language model.

    Blocks: b on c, c on the table, a on d, d on the table. Hand: empty.
    Goal: c on b, b on a.               the present state, whatever the actions before

    Step 1: unstack b c

    ... Actions left: 4.

    Judgement: Shortest plan: stack b a, pick-up c, stack c b. Needed 3, left 4. sure

A verdict in an example is right by a shortest plan: ``impossible`` where it is longer than the
actions left, else ``sure`` where at most four are left, and ``likely`` where more are.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, final

from specreward.errors import InputError
from specreward.tasks.blocks import Goal, State, distance, goal_text, plan, read_goal, read_state
from specreward.tasks.blocksworld import Blocksworld
from specreward.types import Path, Problem

__all__ = ["BlocksworldLesson"]

_NEAR = 4
"""Most actions left where a goal within reach is ``sure``."""

_VERB = re.compile(r"\(?\s*(pick|put|un|)(?:[- _]?)(up|down|stack)\b", re.IGNORECASE)
_VERBS = {"pickup": "pick-up", "putdown": "put-down", "unstack": "unstack", "stack": "stack"}
_BLOCKS = {"pick-up": 1, "put-down": 1, "unstack": 2, "stack": 2}
_END = re.compile(r"[.,;:()#]|\s(?:->|\u2192|then\b|and\b)")
_FILLERS = frozenset(("the", "block", "on", "onto", "off", "from", "top", "of", "table"))


@final
@dataclass(frozen=True, kw_only=True)
class BlocksworldLesson:
    """The lesson.

    Args:
        task: Whose it is.
    """

    task: Blocksworld = field(kw_only=False)

    stops: ClassVar[tuple[str, ...]] = ("\nStep 2", "\nBlocks")
    rules: ClassVar[str] = (
        "Reach the goal in as few actions as you can. A block is clear if nothing is on it. The "
        "actions are:\n"
        "pick-up x     take x from the table; x is clear, and the hand is empty\n"
        "put-down x    lay x, which is in the hand, on the table\n"
        "unstack x y   take x off y; x is clear, and the hand is empty\n"
        "stack x y     lay x, which is in the hand, on y, which is clear\n"
        "Each action is one step on a line of its own, written just so."
    )
    judge: ClassVar[str] = (
        "Can the goal be reached in the actions left? Actions are pick-up x and put-down x (from "
        "and to the table), unstack x y and stack x y (x off and onto y); one block at a time, and "
        "only clear ones. Judge in one line that ends with one word:\n"
        f"sure        it can, and at most {_NEAR} actions are left\n"
        f"likely      it can, and more than {_NEAR} actions are left\n"
        "impossible  more actions are needed than are left"
    )
    grade: ClassVar[str] = (
        "Actions are pick-up x and put-down x (from and to the table), unstack x y and stack x y "
        "(x off and onto y); one block at a time, and only clear ones. A step is good if the goal "
        "can be reached after it in the actions that are left then, one fewer than before it, and "
        "bad if not. Reply with one word, good or bad."
    )

    def posed(self, path: Path) -> str:
        """The present state and the goal."""
        return _posed(*_where(path.problem.question, _texts(path)))

    def done(self, path: Path) -> list[str]:
        """None: the state says it all."""
        return []

    def asked(self, path: Path) -> str:
        """State, goal and actions left."""
        return _limited(self.posed(path), self._left(path))

    def proposed(self, path: Path) -> str:
        """State, goal and actions left before the last step, and the step."""
        return f"{self.asked(Path(path.problem, path.steps[:-1]))}\nStep: {path.steps[-1].text}"

    def _left(self, path: Path) -> int:
        return max(0, self.task.max_steps(path.problem) - path.depth)

    def solution(self, problem: Problem, rng: random.Random) -> list[str]:
        """A shortest plan."""
        return _walk(problem)[0]

    def judged(self, problem: Problem, verdict: str, rng: random.Random) -> tuple[str, str]:
        """A state on the way or off it, and a shortest plan from there."""
        actions, states, goal = _walk(problem)
        if verdict == "impossible":
            at, action = rng.choice(_detours(actions, states, goal))
            here, left = states[at].after(action), len(actions) - at - 1
        else:
            near = [at for at in range(1, len(states)) if len(actions) - at <= _NEAR]
            at = rng.choice(near) if verdict == "sure" else 1
            here, need = states[at], len(actions) - at
            likely = max(_NEAR + 1, need + self.task.slack)
            left = likely if verdict == "likely" else min(_NEAR, need + self.task.slack)
        assert here is not None, (problem, verdict)
        return _limited(_posed(here, goal), left), _reason(here, goal, left)

    def graded(self, problem: Problem, grade: str, rng: random.Random) -> str:
        """A state on the way, and the next action of a shortest plan or a detour."""
        actions, states, goal = _walk(problem)
        if grade == "good":
            at = rng.randrange(len(actions))
            action = actions[at]
        else:
            at, action = rng.choice(_detours(actions, states, goal))
        state = _limited(_posed(states[at], goal), len(actions) - at)
        return f"{state}\nStep: {action}"

    def read(self, path: Path, written: str) -> str | None:
        """The action, without articles and prepositions (``unstack b from the c block``)."""
        match = _VERB.match(written)
        verb = _VERBS.get((match[1] + match[2]).lower()) if match else None
        if match is None or verb is None:
            return None
        known = set(_where(path.problem.question, _texts(path))[0].blocks)
        words = [
            word if word in known or word.lower() not in {*known, *_FILLERS} else word.lower()
            for word in _END.split(written[match.end() :], maxsplit=1)[0].split()
        ]
        named = [word for word in words if word in known or word not in _FILLERS]
        return " ".join([verb, *named]) if len(named) == _BLOCKS[verb] else None


def _texts(path: Path) -> tuple[str, ...]:
    return tuple([step.text for step in path.steps])


@lru_cache(maxsize=1 << 14)
def _where(question: str, actions: tuple[str, ...]) -> tuple[State, Goal]:
    """The state after some actions, and the goal."""
    if not actions:
        start, _, goal = question.partition("->")
        return read_state(start), read_goal(goal)
    state, wanted = _where(question, actions[:-1])
    after = state.after(actions[-1])
    if after is None:
        raise InputError(f"{actions[-1]!r} is not legal in {str(state)!r}; the path ended there")
    return after, wanted


def _posed(state: State, goal: Goal) -> str:
    on = [
        f"{block} on {under}"
        for tower in state.towers
        for block, under in zip(tower[::-1], [*tower[-2::-1], "the table"], strict=True)
    ]
    hand = state.hand or "empty"
    return f"Blocks: {', '.join(on)}. Hand: {hand}.\nGoal: {goal_text(goal).replace(' ,', ',')}."


def _limited(posed: str, left: int) -> str:
    return f"{posed}\nActions left: {left}."


def _walk(problem: Problem) -> tuple[list[str], list[State], Goal]:
    """A shortest plan, the states before each of its actions and after the last, and the goal."""
    state, goal = _where(problem.question, ())
    actions = plan(state, goal)
    assert actions is not None, problem  # problems of the task's own are small
    passed = [_where(problem.question, tuple(actions[:at]))[0] for at in range(len(actions) + 1)]
    return actions, passed, goal


def _detours(actions: list[str], states: list[State], goal: Goal) -> list[tuple[int, str]]:
    """Where on the way which action leaves too few for the goal: the last but one has such a one.

    The step limit counted with is a shortest plan's.
    """
    found = []
    for at, state in enumerate(states[:-1]):
        for action in state.actions():
            after = state.after(action)
            if after is not None and distance(after, goal) > len(actions) - at - 1:
                found.append((at, action))
    return found


def _reason(state: State, goal: Goal, left: int) -> str:
    actions = plan(state, goal)
    if not actions:
        return "The goal is reached."
    need = len(actions)
    return f"Shortest plan: {', '.join(actions)}. Needed {need}, left {left}."
