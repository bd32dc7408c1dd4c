import asyncio
import math

import pytest

from specreward.abilities import StepScorer
from specreward.errors import InputError, RewardError
from specreward.reward.aggregate import Minimum, Product
from specreward.reward.task_reward import TaskReward
from specreward.testing import ToyTask
from specreward.types import Path, RewardModel, Scored, Step

TASK = ToyTask(depth=4)


class Table:
    """Values by the word at the end of the text."""

    name = "table"
    parameters = 1

    def __init__(self, values):
        self.known = values
        self.calls = []

    async def values(self, texts):
        self.calls.append(list(texts))
        return [Scored(self.known[text.rpartition("|")[2]], 1) for text in texts]


def path(word, name="q"):
    return Path(TASK.parse(name), tuple(Step(letter) for letter in word))


VALUES = {"a": 0.5, "ab": 0.25, "abc": 0.75, "b": 1.0}


def score(paths, values=VALUES, **settings):
    table = Table(values)
    return asyncio.run(TaskReward(table, task=TASK, **settings).score(paths)), table.calls


def test_a_paths_score_is_that_of_where_it_stands():
    scores, calls = score([path("abc"), path("b"), path("ab")])
    assert scores == [0.75, 1.0, 0.25]
    assert calls == [["reward q|abc", "reward q|b", "reward q|ab"]]


@pytest.mark.parametrize(("combine", "expected"), [(Minimum(), 0.25), (Product(), 0.09375)])
def test_combine_says_what_becomes_of_the_steps(combine, expected):
    scores, calls = score([path("abc"), path("b")], combine=combine)
    assert scores == [expected, 1.0]
    assert len(calls) == 1


def test_each_step_has_a_score():
    table = Table(VALUES)
    rows = asyncio.run(TaskReward(table, task=TASK).steps([path("abc"), path("ab"), path("b")]))
    assert rows == [[0.5, 0.25, 0.75], [0.5, 0.25], [1.0]]
    assert table.calls == [[f"reward q|{word}" for word in ("a", "ab", "abc", "b")]]


def test_equal_texts_are_read_once():
    scores, calls = score([path("ab"), path("ab"), path("ab", "other")])
    assert scores == [0.25] * 3
    assert calls == [["reward q|ab", "reward other|ab"]]


@pytest.mark.parametrize("bad", [math.nan, -0.01, 1.01, math.inf])
def test_no_number_outside_the_unit_interval_passes(bad):
    with pytest.raises(RewardError, match=r"table: expected a value in \[0, 1\], got"):
        score([path("b"), path("a")], VALUES | {"a": bad})
    reward = TaskReward(Table(VALUES | {"ab": bad}), task=TASK)
    with pytest.raises(RewardError):
        asyncio.run(reward.steps([path("abc")]))


def test_the_ends_of_the_interval_pass():
    assert score([path("a"), path("b")], {"a": 0.0, "b": 1.0})[0] == [0.0, 1.0]


def test_a_missing_value_is_no_default():
    class Forgetful(Table):
        async def values(self, texts):
            return (await super().values(texts))[1:]

    with pytest.raises(RewardError, match="expected 2 values, got 1"):
        asyncio.run(TaskReward(Forgetful(VALUES), task=TASK).score([path("a"), path("b")]))


def test_a_bare_problem_has_no_score():
    with pytest.raises(InputError, match="got bare problem 'q'"):
        score([path("a"), path("")])


def test_no_paths_are_no_call():
    assert score([]) == ([], [])


def test_it_is_both_kinds_of_reward_model():
    reward = TaskReward(Table(VALUES), task=TASK)
    assert isinstance(reward, RewardModel)
    assert isinstance(reward, StepScorer)
