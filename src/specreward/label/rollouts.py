"""What labellers share: the different solutions of a problem, and rollouts from prefixes.

    beginnings(path)   its first step, its first two, ...
    outcome(path)      whether it ends in a right answer; None where nobody can tell
    Rollouts.ends      k completions of each prefix until the end, all in one call to the policy
    Rollouts.draw      what came of them, prefix by prefix, ended ones among them

A rollout is right if it ends in an answer that the task finds right. One that breaks a rule or
uses up its steps has really ended without an answer, and is wrong; one that a policy leaves in the
middle is an error: nothing stands in for what was not drawn.

Rollout i of a prefix always has the same draws, so that a larger k reuses those of a smaller one.
Solutions are drawn from index 0 on and rollouts from ``FIRST`` on: otherwise rollout i of a prefix
of sampled solution i would be that solution again, and its label the solution's own outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from specreward.abilities import Reaching
from specreward.errors import EngineError, InputError
from specreward.label.labelled import LabelKind, Labelled
from specreward.types import Path, Policy, Result, Task

__all__ = ["FIRST", "Drawn", "Rollouts", "Tally", "beginnings", "different", "outcome", "row"]

FIRST = 1 << 20
"""Index of the first rollout of a prefix."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A solution, and how often it was found."""

    path: Path
    times: int


def different(found: Result) -> list[Drawn]:
    """The solutions of a problem with at least one step, equal ones once, in the order found."""
    paths: dict[tuple[str, ...], Path] = {}
    times: dict[tuple[str, ...], int] = {}
    for one in found.candidates:
        if one.path.steps:
            paths.setdefault(one.path.key, one.path)
            times[one.path.key] = times.get(one.path.key, 0) + 1
    return [Drawn(path, times[key]) for key, path in paths.items()]


def beginnings(path: Path) -> list[Path]:
    """The path after its first step, its first two, and so on; the last is the path itself."""
    return [Path(path.problem, path.steps[:depth]) for depth in range(1, path.depth + 1)]


def outcome(path: Path, task: Task) -> float | None:
    """1 where a path ends in a right answer, 0 where it ends in none or in a wrong one.

    None where it goes on, and where there is nothing to check an answer by: no reference answer,
    and the task knows none of its own.
    """
    if path.dead:
        return 0.0
    if not path.finished:
        return None
    if task.check(path.problem, task.answer(path)):
        return 1.0
    return 0.0 if path.problem.answer is not None or isinstance(task, Reaching) else None


def row(
    drawn: Drawn,
    labels: Iterable[float | None],
    kind: LabelKind,
    task: Task,
    **source: Any,  # noqa: ANN401
) -> Labelled:
    """A labelled solution; what is given besides goes into its source."""
    return Labelled(
        problem=drawn.path.problem,
        steps=tuple([step.text for step in drawn.path.steps]),
        labels=tuple(labels),
        kind=kind,
        outcome=outcome(drawn.path, task),
        source=source | ({"times": drawn.times} if drawn.times > 1 else {}),
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a prefix.

    Args:
        right: Rollouts that ended in a right answer.
        drawn: Rollouts in all; 0 where the prefix has ended, and its outcome is known.
        unanswered: Those that ended without an answer.
        known: The outcome of a prefix that has ended.
    """

    right: int = 0
    drawn: int = 0
    unanswered: int = 0
    known: float | None = None

    @property
    def share(self) -> float:
        """The chance of a right answer from here, estimated; exact where it is known."""
        return self.right / self.drawn if self.known is None else self.known

    @property
    def any(self) -> float:
        """1 where some rollout was right, else 0."""
        return float(self.right > 0) if self.known is None else self.known

    def __add__(self, other: Tally) -> Tally:
        return replace(
            self,
            right=self.right + other.right,
            drawn=self.drawn + other.drawn,
            unanswered=self.unanswered + other.unanswered,
        )


@final
@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """Draws completions of prefixes.

    Args:
        policy: Goes on.
        task: Says where a path ends and what is right.
        temperature: Of the draws.
    """

    policy: Policy
    task: Task
    temperature: float

    async def draw(
        self, prefixes: Sequence[Path], k: int, start: int = 0
    ) -> dict[tuple[str, ...], Tally]:
        """What comes of each prefix, by its key; equal ones are asked once, all in one call.

        Args:
            prefixes: Finished and dead ones among them cost nothing.
            k: Rollouts of each, from index ``start`` on.
            start: How many of each were drawn before.

        Raises:
            InputError: A finished prefix has an answer that nobody can check.
            EngineError: The policy left a rollout in the middle.
        """
        tallies: dict[tuple[str, ...], Tally] = {}
        open_ones: dict[tuple[str, ...], Path] = {}
        for path in prefixes:
            if path.open:
                open_ones.setdefault(path.key, path)
            else:
                tallies[path.key] = Tally(known=self._checked(path))
        if open_ones:
            found = await self.ends(list(open_ones.values()), k, start)
            for key, rollouts in zip(open_ones, found, strict=True):
                right = sum([good for _, good in rollouts])
                unanswered = len([path for path, _ in rollouts if not path.finished])
                tallies[key] = Tally(right, len(rollouts), unanswered)
        return tallies

    async def ends(
        self, prefixes: Sequence[Path], k: int, start: int = 0
    ) -> list[list[tuple[Path, bool]]]:
        """The rollouts of open prefixes and whether each is right, ``[P][k]``, in one call.

        Raises:
            InputError: One has an answer that nobody can check.
            EngineError: The policy left one in the middle.
        """
        found = await self.policy.extend(
            prefixes, k, until="end", temperature=self.temperature, start=FIRST + start
        )
        return [[(path, self._right(path)) for path in rollouts] for rollouts in found]

    def _right(self, path: Path) -> bool:
        most = self.task.max_steps(path.problem)
        if path.open and path.depth < most:
            raise EngineError(
                f"problem {path.problem.id!r}: expected rollouts that end, got one left open after "
                f"{path.depth} of {most} steps: the policy must go on to the end"
            )
        return path.finished and self._checked(path) == 1.0

    def _checked(self, path: Path) -> float:
        found = outcome(path, self.task)
        if found is None:
            raise InputError(
                f"problem {path.problem.id!r}: expected a reference answer to check rollouts "
                "against, got none: give the problem an 'answer', or label by_reward()"
            )
        return found
