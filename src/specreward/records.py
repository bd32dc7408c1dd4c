"""Problems, results and search trees as JSON text and back, without loss.

    result   {"problem", "steps", "best", "candidates", "ended", "usage", "error", "counts"}
    tree     {"problem", "steps", "expansions"}

The paths of one search share their beginnings: ``steps`` holds each step once, as [number of the
step before, text, tokens, logprob, final, dead], and a path is the number of its last step, from 1
on; 0 is the bare problem. Mappings keep their order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from specreward.errors import InputError
from specreward.types import Candidate, Judgement, Path, Problem, Result, Step, Usage

__all__ = ["dump_problem", "dump_result", "dump_tree", "load_problem", "load_result", "load_tree"]

Expansions = tuple[tuple[Path, tuple[Judgement, ...]], ...]


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


# ---------------------------------------------------------------------------------- problems


def dump_problem(problem: Problem) -> str:
    """A problem as text.

    Raises:
        InputError: Its ``meta`` holds what JSON cannot.
    """
    try:
        return _text(_problem(problem))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"problem {problem.id!r}: expected meta of numbers, strings, lists and mappings with "
            f"string keys, got {problem.meta!r}: {error}"
        ) from error


def load_problem(text: str) -> Problem:
    """The problem of a text that ``dump_problem`` wrote."""
    return _read_problem(json.loads(text))


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "id": problem.id,
        "question": problem.question,
        "answer": problem.answer,
        "meta": dict(problem.meta),
    }


def _read_problem(row: Mapping[str, Any]) -> Problem:
    return Problem(row["id"], row["question"], row["answer"], row["meta"])


# ---------------------------------------------------------------------------------- paths


class _Writer:
    """Gives each path its number and keeps the steps."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.rows: list[list[Any]] = []
        self._numbers: dict[tuple[int, Step], int] = {}

    def number(self, path: Path) -> int:
        """The number of a path."""
        if path.problem is not self.problem and path.problem != self.problem:
            raise InputError(
                f"expected a path of problem {self.problem.id!r}, got one of {path.problem.id!r}: "
                "a strategy must return paths of the problem it was given"
            )
        at = 0
        for step in path.steps:
            known = self._numbers.get((at, step))
            if known is None:
                fields = [step.text, step.tokens, step.logprob, step.final, step.dead]
                self.rows.append([at, *fields])
                known = self._numbers[at, step] = len(self.rows)
            at = known
        return at


def _paths(problem: Problem, rows: Sequence[Sequence[Any]]) -> list[Path]:
    """All paths by their numbers."""
    paths = [Path(problem)]
    for before, *fields in rows:
        paths.append(paths[before].then(Step(*fields)))
    return paths


# ---------------------------------------------------------------------------------- results


def dump_result(result: Result) -> str:
    """A result as text, without its expansions.

    Raises:
        InputError: A path is of another problem.
    """
    steps = _Writer(result.problem)
    best = result.best
    document = {
        "problem": _problem(result.problem),
        "best": None if best is None else [steps.number(best.path), best.score],
        "candidates": [[steps.number(one.path), one.score] for one in result.candidates],
        "ended": result.ended,
        "usage": [[*key, *astuple(result.usage[key])] for key in result.usage],
        "error": result.error,
        **({"counts": dict(result.counts)} if result.counts else {}),
    }
    return _text(document | {"steps": steps.rows})


def load_result(text: str, tree: str | None = None) -> Result:
    """The result of a text that ``dump_result`` wrote.

    Args:
        text: The result.
        tree: What ``dump_tree`` wrote of it; without, the result has no expansions.
    """
    row = json.loads(text)
    problem = _read_problem(row["problem"])
    paths = _paths(problem, row["steps"])
    best = row["best"]
    return Result(
        problem,
        None if best is None else Candidate(paths[best[0]], best[1]),
        candidates=tuple([Candidate(paths[at], score) for at, score in row["candidates"]]),
        ended=row["ended"],
        usage={(role, phase): Usage(*numbers) for role, phase, *numbers in row["usage"]},
        expansions=() if tree is None else load_tree(tree),
        error=row["error"],
        counts=row.get("counts", {}),
    )


def dump_tree(result: Result) -> str:
    """The expansions of a result as text.

    Raises:
        InputError: A path is of another problem.
    """
    steps = _Writer(result.problem)
    expansions = [
        [
            steps.number(parent),
            [
                [steps.number(one.path), one.score, one.kept, one.count, dict(one.details)]
                for one in judgements
            ],
        ]
        for parent, judgements in result.expansions
    ]
    document = {"problem": _problem(result.problem), "expansions": expansions}
    return _text(document | {"steps": steps.rows})


def load_tree(text: str) -> Expansions:
    """The expansions of a text that ``dump_tree`` wrote."""
    row = json.loads(text)
    paths = _paths(_read_problem(row["problem"]), row["steps"])
    return tuple(
        [
            (
                paths[parent],
                tuple(
                    [
                        Judgement(paths[at], score, kept, count, details)
                        for at, score, kept, count, details in judgements
                    ]
                ),
            )
            for parent, judgements in row["expansions"]
        ]
    )
