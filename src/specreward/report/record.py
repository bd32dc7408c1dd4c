"""One problem under one strategy: what came out, and the line that is kept of it.

A line holds what the seed settles and nothing else: no seconds and no cached tokens, which depend
on the machine and on what ran beside. A run that was killed and went on has the same lines, byte
for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specreward.types import Result, Task, Usage

__all__ = ["Arm", "Outcome", "line", "outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result, its answer and whether the answer is right.

    Args:
        result: What the search returned.
        answer: In canonical form; None where nothing finished.
        correct: By the task's check; False without an answer.
    """

    result: Result
    answer: str | None
    correct: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """One strategy of a comparison with its outcomes, one per problem, in their order."""

    spec: str
    outcomes: tuple[Outcome, ...]


def outcome(result: Result, task: Task) -> Outcome:
    """Read the answer off a result and check it."""
    if result.best is None:
        return Outcome(result, None, False)
    answer = task.answer(result.best.path)
    return Outcome(result, answer, task.check(result.problem, answer))


def line(spec: str, one: Outcome) -> dict[str, object]:
    """The record of one problem under one strategy, ready for JSON.

    Keys: ``problem``, ``strategy``, ``answer``, ``correct``, ``score``, ``depth``,
    ``reference_length`` (where the task knows one), ``ended``, ``error``, ``candidates`` (how many
    finished), ``usage`` by role and phase: ``calls``, ``prompt_tokens``, ``completion_tokens``, and
    ``counts`` where something else was counted, such as the paths of a cascade.
    """
    result = one.result
    best = result.best
    return {
        "problem": result.problem.id,
        "strategy": spec,
        "answer": one.answer,
        "correct": one.correct,
        "score": best.score if best else None,
        "depth": best.path.depth if best else None,
        "reference_length": result.problem.meta.get("length"),
        "ended": result.ended,
        "error": result.error,
        "candidates": len(result.candidates),
        "usage": _counts(result.usage),
        **({"counts": dict(sorted(result.counts.items()))} if result.counts else {}),
    }


def _counts(usage: Mapping[tuple[str, str], Usage]) -> dict[str, dict[str, dict[str, int]]]:
    """The part of a usage that the seed settles, by role and phase in alphabetic order."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for role, phase in sorted(usage):
        spent = usage[role, phase]
        counts.setdefault(role, {})[phase] = {
            "calls": spent.calls,
            "prompt_tokens": spent.prompt_tokens,
            "completion_tokens": spent.completion_tokens,
        }
    return counts
