"""Blocksworld: stack blocks as the goal says, in the fewest actions.

    question   c b | d a -> c on b , b on a        towers from the table up -> facts that must hold
    steps      unstack b c ; stack b a ; pick-up c ; stack c b
    answer     the plan; right when simulating it reaches the goal

A path is finished when its state reaches the goal, and dead after an action that is not legal. The
step limit is the length of a shortest plan, as in RAP (Hao et al., 2023, arXiv 2305.14992) and
LLM-reasoners (arXiv 2404.05221); ``slack`` loosens it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import ClassVar, final

from specreward.checks import span, whole
from specreward.errors import InputError
from specreward.seeds import derive
from specreward.tasks import blocksworld_text as text
from specreward.tasks.blocks import (
    Goal,
    State,
    canonical,
    distance,
    goal_text,
    plan,
    read_goal,
    read_state,
)
from specreward.types import Completion, Path, Problem, Sampling, Step

__all__ = ["Blocksworld"]

_SHARES = {"train": range(60), "tune": range(60, 80), "test": range(80, 100)}
_PATIENCE = 10_000
"""Draws without a new problem before the plan lengths wanted, and then the search, are given up."""


@final
@dataclass(frozen=True, kw_only=True)
class Blocksworld:
    """The task.

    Args:
        blocks: Fewest and most blocks of generated problems, each from 2 to 8; problems that are
            read from a file may have more.
        lengths: Shortest and longest plan of generated problems, in actions; all are even.
        slack: Steps allowed beyond a shortest plan, at least 0.
    """

    blocks: tuple[int, int] = (4, 5)
    lengths: tuple[int, int] = (2, 12)
    slack: int = 0
    name: ClassVar[str] = "blocksworld"
    sampling: ClassVar[Sampling] = Sampling(max_tokens=6, stop=(";",))
    value_sampling: ClassVar[Sampling] = Sampling(max_tokens=4, stop=(";",))
    __cite__: ClassVar[str] = """@inproceedings{valmeekam2023planbench,
  title={PlanBench: An Extensible Benchmark for Evaluating Large Language Models on Planning and
    Reasoning about Change},
  author={Valmeekam, Karthik and Marquez, Matthew and Olmo, Alberto and Sreedharan, Sarath and
    Kambhampati, Subbarao},
  booktitle={NeurIPS Datasets and Benchmarks}, year={2023}}"""

    def __post_init__(self) -> None:
        span("blocks", self.blocks, 2, 8)
        span("lengths", self.lengths, 1)
        whole("slack", self.slack, 0)
        if not self._even_lengths():
            raise InputError(
                f"lengths: expected an even one among them, as plans between states at rest have, "
                f"got {self.lengths!r}"
            )

    # ------------------------------------------------------------------ problems

    def generate(
        self, n: int, split: str, seed: int, exclude: frozenset[str] = frozenset()
    ) -> list[Problem]:
        """``n`` different solvable problems, spread evenly over plan lengths; blocks at random.

        The split of a problem is fixed by a hash of its canonical form, so two splits never share a
        problem, not even with blocks renamed; ``exclude`` holds canonical forms to leave out (those
        of an evaluation file).
        """
        if split not in _SHARES:
            raise InputError(f"split: expected one of {', '.join(_SHARES)}, got {split!r}")
        rng = random.Random(derive(seed, self.name, split))
        seen = set(exclude)
        room = dict.fromkeys(self._even_lengths(), -(-n // len(self._even_lengths())))
        problems: list[Problem] = []
        misses = 0
        while len(problems) < n:
            if misses == _PATIENCE:  # the rarest lengths are used up: others fill their places
                room = dict.fromkeys(room, n)
            if misses == 2 * _PATIENCE:
                raise InputError(
                    f"found only {len(problems)} of {n} different problems with "
                    f"blocks={self.blocks}, lengths={self.lengths}: ask for fewer, or widen these"
                )
            misses += 1
            state = _random_state("abcdefgh"[: rng.randint(*self.blocks)], rng)
            goal = frozenset(_random_state(state.blocks, rng).facts())
            form = canonical(state, goal)
            if not goal or form in seen or _bucket(form) not in _SHARES[split]:
                continue
            length = distance(state, goal)
            if room.get(length):
                room[length] -= 1
                seen.add(form)
                problems.append(self._problem(state, goal, f"{split}-{seed}-{len(problems)}"))
                misses = 0
        return problems

    def _even_lengths(self) -> list[int]:
        """Plan lengths to generate: between two states at rest, every plan's length is even."""
        return [length for length in range(self.lengths[0], self.lengths[1] + 1) if length % 2 == 0]

    def _problem(self, state: State, goal: Goal, name: str) -> Problem:
        meta = {"blocks": len(state.blocks)}
        actions = plan(state, goal)
        return Problem(
            id=f"{self.name}-{name}",
            question=f"{state} -> {goal_text(goal)}",
            answer=None if actions is None else " ; ".join(actions),
            meta=meta if actions is None else {"length": len(actions), **meta},
        )

    def parse(self, line: str) -> Problem:
        """A problem from ``towers -> goal`` with any number of blocks.

        A shortest plan is searched for; where it is out of reach (``blocks.LIMIT``), as may be the
        case from about 30 blocks on, the problem comes without ``answer`` and ``meta["length"]``.
        """
        start, arrow, goal_part = line.partition("->")
        if not arrow:
            raise InputError(
                f"expected 'towers -> goal' as in 'a b | c -> b on c', got {line.strip()[:200]!r}"
            )
        state, goal = read_state(start), read_goal(goal_part)
        strangers = {block for fact in goal for block in fact} - set(state.blocks)
        if strangers:
            raise InputError(
                f"expected a goal of blocks that are there, got {' '.join(sorted(strangers))} in "
                f"{line.strip()[:200]!r}"
            )
        if state.reaches(goal):
            raise InputError(
                f"expected a goal that is still to be reached, got {line.strip()[:200]!r}"
            )
        form = blake2b(f"{state}->{goal_text(goal)}".encode(), digest_size=4).hexdigest()
        return self._problem(state, goal, form)

    def canonical(self, problem: Problem) -> str:
        """The form that a problem shares with its renamings only."""
        return canonical(*_read(problem.question))

    # ------------------------------------------------------------------ steps

    def prompt(self, path: Path) -> str:
        """The goal and the present state."""
        goal, state, _ = self._where(path)
        return text.prompt(goal, state)

    def step(self, path: Path, completion: Completion) -> Step:
        """An action; ``final`` where it reaches the goal, ``dead`` where it is not legal."""
        goal, state, left = self._where(path)
        action = " ".join(completion.text.split())
        after = state.after(action)
        final = after is not None and after.reaches(goal)
        dead = after is None or (not final and left <= 1)
        return Step(action, completion.tokens, completion.logprob, final, dead)

    def max_steps(self, problem: Problem) -> int:
        """Length of a shortest plan, plus ``slack``.

        That length is ``meta["length"]``, or is searched for. Where it cannot be found, the length
        of the reference plan stands in for it; failing that, four actions a block, which always
        suffice: each block is laid on the table once and stacked once at most.
        """
        length = problem.meta.get("length") or _shortest(problem.question)
        if length is None and problem.answer:
            length = len(_actions(problem.answer))
        if length is None:
            length = 4 * len(_read(problem.question)[0].blocks)
        return int(length) + self.slack

    def answer(self, path: Path) -> str:
        """The plan."""
        return " ; ".join(step.text for step in path.steps)

    def check(self, problem: Problem, answer: str) -> bool:
        """Whether simulating the plan reaches the goal; a plan of any length counts.

        Actions stand between ``;`` or on lines of their own, in brackets or without.
        """
        state, goal = _read(problem.question)
        here: State | None = state
        for action in _actions(answer):
            here = here.after(action) if here else None
        return here is not None and here.reaches(goal)

    def reachable(self, path: Path) -> bool:
        """Whether the steps left suffice for a shortest plan from where the path stands: exact.

        Raises:
            InputError: No shortest plan is found within ``blocks.LIMIT`` states.
        """
        if path.dead or path.finished:
            return path.finished and self.check(path.problem, self.answer(path))
        try:
            state, goal = _walk(path.problem.question, tuple(step.text for step in path.steps))
        except InputError:  # an action is not legal
            return False
        return distance(state, goal) <= self.max_steps(path.problem) - path.depth

    # ------------------------------------------------------------------ evaluation

    def value_prompt(self, path: Path) -> str:
        """Asks whether the goal can be reached in the steps left."""
        goal, state, left = self._where(path)
        return text.value(goal, state, left)

    def good_prompt(self, path: Path) -> str:
        """Asks whether the last action is good in the state before it."""
        goal, state, left = self._where(_parent(path))
        return text.good(goal, state, left, path.steps[-1].text)

    def reward_text(self, path: Path) -> str:
        """The last action in the state before it."""
        goal, state, _ = self._where(_parent(path))
        return text.reward(goal, state, path.steps[-1].text)

    def _where(self, path: Path) -> tuple[Goal, State, int]:
        """Goal, present state and steps left."""
        state, goal = _walk(path.problem.question, tuple(step.text for step in path.steps))
        return goal, state, max(0, self.max_steps(path.problem) - path.depth)

    def validate(self) -> None:
        """Shortest plans are right, plans cut short are wrong, illegal ones are wrong."""
        for problem in self.generate(20, "tune", seed=0):
            gold = problem.answer
            assert gold is not None
            assert self.check(problem, gold), problem
            assert len(gold.split(";")) == problem.meta["length"], problem
            assert not self.check(problem, ";".join(gold.split(";")[:-1])), problem
            assert not self.check(problem, "put-down a ; " + gold), problem


def _parent(path: Path) -> Path:
    if not path.steps:
        raise InputError("expected a path with at least one step to evaluate, got the bare problem")
    return Path(path.problem, path.steps[:-1])


def _actions(plan_text: str) -> list[str]:
    """The actions of a plan, each with single spaces and without brackets."""
    parts = [" ".join(part.strip(" ()\r\t").split()) for part in re.split(r"[;\n]", plan_text)]
    return [part for part in parts if part]


@lru_cache(maxsize=1 << 14)
def _read(question: str) -> tuple[State, Goal]:
    start, _, goal = question.partition("->")
    return read_state(start), read_goal(goal)


@lru_cache(maxsize=1 << 14)
def _shortest(question: str) -> int | None:
    actions = plan(*_read(question))
    return None if actions is None else len(actions)


@lru_cache(maxsize=1 << 16)
def _walk(question: str, actions: tuple[str, ...]) -> tuple[State, Goal]:
    if not actions:
        return _read(question)
    state, goal = _walk(question, actions[:-1])
    after = state.after(actions[-1])
    if after is None:
        raise InputError(f"{actions[-1]!r} is not legal in {str(state)!r}; the path ended there")
    return after, goal


def _bucket(form: str) -> int:
    return int.from_bytes(blake2b(form.encode(), digest_size=4).digest(), "big") % 100


def _random_state(names: Sequence[str], rng: random.Random) -> State:
    order = rng.sample(names, len(names))
    towers: list[list[str]] = []
    for block in order:
        place = rng.randint(0, len(towers))
        if place == len(towers):
            towers.append([block])
        else:
            towers[place].append(block)
    return State(tuple(sorted(map(tuple, towers))))
