"""Exact labels, and labels by a reward model."""

import asyncio
import math

import pytest

from specreward.errors import InputError, RewardError
from specreward.label.by_reward import ByReward
from specreward.label.exact_steps import ExactSteps
from specreward.reward.judges.tournament import RoundRobin
from specreward.tasks import Arithmetic, Game24
from specreward.testing import ChainPolicy, OracleReward, RunningSum, ToyPolicy, ToyTask
from specreward.types import Candidate, Completion, Models, Path, Result

TOY = ToyTask()


def found(task, policy, problem, n=6):
    [paths] = asyncio.run(policy.extend([Path(problem)], n, until="end"))
    return Result(problem, None, candidates=tuple([Candidate(p, math.nan) for p in paths]))


def written(task, problem, *texts):
    path = Path(problem)
    for text in texts:
        path = path.then(task.step(path, Completion(text, 0, None, 0)))
    return Result(problem, None, candidates=(Candidate(path, math.nan),))


def test_exact_labels_are_1_up_to_the_first_error():
    task = RunningSum(length=8)
    policy = ChainPolicy(task, slip=0.15, repair=0.3)
    mended = 0
    for problem in task.generate(30, "tune", 0):
        models = Models(task=task, policy=policy)
        for row in asyncio.run(ExactSteps()(found(task, policy, problem), models)):
            error = task.first_error(row.path())
            right = 8 if error is None else error
            assert row.labels == (1.0,) * right + (0.0,) * (8 - right)
            assert row.kind == "prefix"
            assert row.source["labeller"] == "exact_steps()"
            mended += error is not None and row.outcome == 1.0
        assert models.trace.counts == {}
    assert mended > 5  # ends that are right after an error stay 0: nothing before may be wrong


def test_exact_labels_of_real_tasks():
    game = Game24()
    result = written(
        game, game.parse("4 9 10 13"), "13 - 9 = 4 (left: 4 4 10)", "4 + 4 = 8 (left: 8 10)"
    )
    [row] = asyncio.run(ExactSteps()(result, Models(task=game, policy=None)))
    assert (row.labels, row.outcome) == ((1.0, 0.0), None)
    sums = Arithmetic()
    problem = sums.parse(
        "Ann has 5 apples. Ann finds 7 more apples. How many apples does Ann have?"
    )
    [gold] = sums.gold_steps(problem)
    [right] = asyncio.run(
        ExactSteps()(written(sums, problem, gold), Models(task=sums, policy=None))
    )
    assert (right.labels, right.outcome) == ((1.0,), 1.0)


def test_a_task_that_does_not_know_is_refused():
    models = Models(task=TOY, policy=None)
    for ask in (
        lambda: ExactSteps().check(models),
        lambda: asyncio.run(ExactSteps()(Result(TOY.parse("x"), None), models)),
    ):
        with pytest.raises(InputError, match=r"knows what can still be reached.*got 'toy'"):
            ask()


class ScoresOnly:
    """A reward model that scores paths and no steps."""

    def __init__(self, scores=None):
        self.scores = scores
        self.calls = 0

    async def score(self, paths):
        self.calls += 1
        assert len(set(paths)) == len(paths)  # equal beginnings are asked once
        return [TOY.value(path) if self.scores is None else self.scores for path in paths]


class StepsOnly(ScoresOnly):
    """One whose steps say something else than its scores."""

    def __init__(self, steps):
        super().__init__()
        self.given = steps

    async def steps(self, paths):
        self.calls += 1
        return [list(self.given) for _ in paths]


def rows(reward, labeller=None, n=6):
    models = Models(task=TOY, policy=ToyPolicy(task=TOY), reward=reward)
    result = found(TOY, models.policy, TOY.parse("judged"), n)
    return asyncio.run((labeller or ByReward())(result, models))


def test_labels_are_the_scores_of_the_steps():
    labelled = rows(OracleReward(task=TOY))
    assert len(labelled) > 2
    for row in labelled:
        path = row.path()
        parts = [Path(path.problem, path.steps[: at + 1]) for at in range(path.depth)]
        assert row.labels == tuple([TOY.value(part) for part in parts])
        assert row.kind == "step"
    plain = ScoresOnly()
    assert rows(plain) == labelled
    assert plain.calls == 1


def test_a_model_that_scores_steps_is_asked_for_those():
    steps = StepsOnly((0.1, 0.2, 0.3, 0.4))
    found_rows = rows(steps, n=1)
    assert all(row.labels == (0.1, 0.2, 0.3, 0.4) for row in found_rows)
    assert found_rows
    assert steps.calls == 1


def test_the_kind_is_what_the_scores_say():
    assert {row.kind for row in rows(ScoresOnly(), ByReward(kind="value"))} == {"value"}
    with pytest.raises(InputError, match="by_reward kind: expected one of step, prefix, value"):
        ByReward(kind="values")


def test_scores_that_cannot_be_are_errors():
    for bad in (1.5, -0.1, math.nan):
        with pytest.raises(RewardError, match="no label is made up"):
            rows(ScoresOnly(bad))
    with pytest.raises(RewardError, match="expected 4 scores"):
        rows(StepsOnly((0.5,)), n=1)


class Compares(ScoresOnly):
    tournament = RoundRobin()


def test_no_reward_model_and_one_that_only_compares_are_refused():
    for reward, words in ((None, "give one by --reward"), (Compares(), "compares the solutions")):
        models = Models(task=TOY, policy=ToyPolicy(task=TOY), reward=reward)
        with pytest.raises(InputError, match=words):
            ByReward().check(models)
        with pytest.raises(InputError, match=words):
            rows(reward)
    assert rows(ScoresOnly(), n=1)
    ByReward().check(Models(task=TOY, policy=None, reward=ScoresOnly()))
    result = Result(TOY.parse("x"), None, candidates=(Candidate(Path(TOY.parse("x")), 0.0),))
    models = Models(task=TOY, policy=None, reward=ScoresOnly())
    assert asyncio.run(ByReward()(result, models)) == []  # no step, nothing to label
