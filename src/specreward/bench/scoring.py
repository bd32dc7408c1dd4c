"""A reward model on the items of a benchmark, by the same machinery as a search.

    for each item, ``concurrency`` of them at once, under a ledger and a budget of its own:
        the problem      its id, question and answers
        scores           all answers of the item in one call, so that models which compare can
        per_step         the score of each step, from a ``StepScorer``; any other model is asked
                         for each beginning of a solution
        store <- what was said, one commit

An item is a problem for ``run``, and scoring it a strategy: what was stopped goes on from the run
file, and no call is paid for twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import isfinite
from pathlib import Path as File
from typing import Any, Literal, final

from specreward.abilities import Comparing, StepScorer
from specreward.assemble import wire_reward
from specreward.bench.benchmark import Benchmark, Item, Judged, OnTask, Recorded
from specreward.bench.files import Row, read_file
from specreward.errors import InputError, RewardError
from specreward.ledger import Budget
from specreward.prices import Prices
from specreward.reward.composed import Scorer
from specreward.run import run
from specreward.store import Store
from specreward.tasks.qa import QA
from specreward.types import (
    Candidate,
    Judgement,
    Models,
    Path,
    Problem,
    Result,
    RewardModel,
    Step,
    Task,
)

__all__ = ["Scoring", "dump_judged", "fingerprint", "judge", "judged_of", "read_judged", "task_of"]

ANSWERS = "answers"
"""Where a problem that stands for an item keeps the steps of its answers."""
RANGE = "put a sigmoid behind a model that gives logits"


@final
@dataclass(frozen=True, kw_only=True)
class NoPolicy:
    """The policy of a benchmark: nothing is proposed."""

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: Literal["step", "end"] = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        """Refused.

        Raises:
            InputError: Always.
        """
        raise InputError("a benchmark scores the answers that it has: it has no policy to ask")


@final
@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Scores the answers that a problem brings; a strategy that searches nothing.

    Args:
        per_step: Each step, not each answer.

    The scores of answers are the candidates of the result, in order; those of steps its expansions,
    one for each step, in order.
    """

    per_step: bool = False

    async def __call__(self, problem: Problem, models: Models) -> Result:
        """Ask the reward model.

        Raises:
            InputError: There is no reward model, or it cannot score steps.
            RewardError: It gave another number of scores than asked for, or one that is no number
                or, of a step, not in [0, 1].
        """
        if models.reward is None:
            raise InputError("expected a reward model to benchmark, got none: give one")
        steps: Sequence[Sequence[str]] = problem.meta[ANSWERS]
        paths = [Path(problem, tuple([Step(text) for text in one])) for one in steps]
        if self.per_step:
            grades = await _steps(models.reward, paths)
            for own in grades:
                if not _fractions(own):
                    raise RewardError(f"expected scores of steps in [0, 1], got {own}: {RANGE}")
            rows = [
                (Path(problem, path.steps[:at]), (Judgement(_upto(path, at + 1), score),))
                for path, own in zip(paths, grades, strict=True)
                for at, score in enumerate(own)
            ]
            return Result(problem, None, expansions=tuple(rows))
        scores = await _scores(models.reward, paths)
        found = [Candidate(path, score) for path, score in zip(paths, scores, strict=True)]
        return Result(problem, None, candidates=tuple(found))

    def select(self, candidates: Sequence[Candidate], models: Models) -> Candidate | None:
        """Nothing: no answer is looked for."""
        return None


def _fractions(scores: Sequence[float]) -> bool:
    """Whether all are numbers in [0, 1]."""
    return all(0 <= score <= 1 for score in scores)


def _upto(path: Path, depth: int) -> Path:
    return Path(path.problem, path.steps[:depth])


async def _steps(reward: RewardModel, paths: Sequence[Path]) -> list[list[float]]:
    """The score of each step of each path."""
    if isinstance(reward, Comparing):
        raise InputError(
            "expected a reward model that scores a step by itself, got one that compares whole "
            "answers: give another, or a benchmark of pairs"
        )
    if isinstance(reward, StepScorer):
        return _counted(paths, await reward.steps(paths))
    parts = [_upto(path, depth + 1) for path in paths for depth in range(path.depth)]
    different = list(dict.fromkeys(parts))
    known = dict(zip(different, await _scores(reward, different), strict=True))
    return [[known[_upto(path, depth + 1)] for depth in range(path.depth)] for path in paths]


def _counted(paths: Sequence[Path], grades: list[list[float]]) -> list[list[float]]:
    depths, counts = [path.depth for path in paths], [len(own) for own in grades]
    if counts != depths:
        raise RewardError(
            f"expected a score for each of {depths} steps, got {counts}: mend the model"
        )
    return grades


async def _scores(reward: RewardModel, paths: Sequence[Path]) -> list[float]:
    """One finite score for each path."""
    scores = await reward.score(paths)
    if len(scores) != len(paths):
        raise RewardError(f"expected {len(paths)} scores, got {len(scores)}: mend the model")
    if not all(map(isfinite, scores)):
        raise RewardError(f"expected finite scores, got {scores}: mend the model")
    return scores


# ---------------------------------------------------------------------------------- scoring


def task_of(benchmark: Benchmark) -> Task:
    """The task of a benchmark; free text where it has none of its own."""
    return benchmark.task if isinstance(benchmark, OnTask) else QA()


def judge(
    benchmark: Benchmark,
    items: Sequence[Item],
    reward: Scorer,
    *,
    store: Store | None = None,
    budget: Budget | None = None,
    prices: Prices | None = None,
    concurrency: int = 16,
    label: str | None = None,
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """What a reward model says of items: one result for each, in order; ``judged_of`` reads it.

    Args:
        benchmark: Whose items they are.
        items: With different ids.
        reward: The model.
        store: Keeps every call and every scored item.
        budget: Hard caps for each item.
        prices: The price table; by default the package's own.
        concurrency: Items in flight at once, at least 1; changes the time, never a score.
        label: Of the run in the store.
        on_result: Called with each result as it comes.

    Raises:
        InputError: Two items share an id, or ``concurrency`` is below 1.
        StoreError: The store cannot be read or written.
    """
    task = task_of(benchmark)
    models = Models(
        task=task,
        policy=NoPolicy(),
        reward=wire_reward(task, reward, store=store, prices=prices),
    )
    return run(
        Scoring(per_step=benchmark.per_step),
        [_problem(benchmark, item) for item in items],
        models,
        store=store,
        budget=budget,
        concurrency=concurrency,
        on_result=on_result,
        label=label,
    )


def _problem(benchmark: Benchmark, item: Item) -> Problem:
    own = (
        benchmark.problem(item)
        if isinstance(benchmark, OnTask)
        else Problem(item.id, item.question)
    )
    answers = [list(answer.steps) for answer in item.answers]
    return replace(own, id=item.id, meta={**own.meta, ANSWERS: answers})


def judged_of(items: Sequence[Item], results: Sequence[Result]) -> list[Judged]:
    """The items that were scored to the end, with their scores; the others are left out."""
    return [
        _judged(item, result)
        for item, result in zip(items, results, strict=True)
        if result.ended == "done"
    ]


def _judged(item: Item, result: Result) -> Judged:
    each = iter([judgement.score for _, row in result.expansions for judgement in row])
    steps = [tuple(islice(each, len(answer.steps))) for answer in item.answers]
    scores = tuple([one.score for one in result.candidates])
    return Judged(item, scores, tuple(steps) if result.expansions else ())


# ---------------------------------------------------------------------------------- files


def fingerprint(items: Sequence[Item]) -> str:
    """Tells items apart by all that is scored."""
    text = repr([(item.id, item.question, [one.steps for one in item.answers]) for item in items])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dump_judged(judged: Sequence[Judged]) -> Iterator[Mapping[str, Any]]:
    """Rows of JSON: ``id``, ``group``, ``scores`` and ``steps``."""
    for one in judged:
        yield {
            "id": one.item.id,
            "group": one.item.group,
            "scores": list(one.scores),
            "steps": [list(own) for own in one.steps],
        }


def read_judged(
    benchmark: Benchmark, items: Callable[[], Sequence[Item]], file: File
) -> list[Judged]:
    """Recorded scores in place of a model's; of the items that the file has.

    Args:
        benchmark: Whose scores they are.
        items: Its items, asked for where the file does not bring them.
        file: As ``dump_judged`` writes it; or in the published form, for benchmarks that have one
            (``Recorded``).

    Raises:
        InputError: A row lacks what the benchmark reads, its scores do not fit its item, or the
            item is not there or had scores before.
    """
    rows = list(read_file(file)) if file.is_file() else []
    if rows and not all(row.has("id", "scores", "steps") for row in rows[:1]):
        rows = []
    if not rows:
        if isinstance(benchmark, Recorded):
            return benchmark.recorded(file)
        raise InputError(
            f"{file}: expected rows with id, scores and steps, got none: take "
            "scores.jsonl of an earlier run on the same items"
        )
    known = {item.id: item for item in items()}
    return [_read(row, known, benchmark.per_step) for row in rows]


def _read(row: Row, known: dict[str, Item], per_step: bool) -> Judged:
    """A row's item, which is taken away, with the scores that the benchmark reads."""
    item = known.pop(row.text("id"), None)
    if item is None:
        raise row.refused("the id of an item, each once", row.text("id"))
    depths = [len(answer.steps) for answer in item.answers]
    if not per_step:
        scores = row.numbers("scores")
        if len(scores) != len(depths):
            raise row.refused(f"{len(depths)} scores, one for each answer", scores)
        return Judged(item, scores)
    given = row.value("steps")
    if not isinstance(given, list):
        raise row.refused("a list of lists of numbers as 'steps'", given)
    steps = [Row({"steps": own}, row.where, row.file).numbers("steps") for own in given]
    if [len(own) for own in steps] != depths:
        raise row.refused(f"scores of {depths} steps", [len(own) for own in steps])
    if not all(map(_fractions, steps)):
        raise row.refused(f"scores of steps in [0, 1]: {RANGE}", given)
    return Judged(item, (), tuple(steps))
