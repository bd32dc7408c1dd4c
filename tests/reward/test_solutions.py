"""Reward models that read question and steps: what becomes of their numbers, and the wrappers."""

import asyncio
import math

import pytest

from specreward.abilities import StepScorer
from specreward.batching import CoalesceSolutions
from specreward.engines import Usage
from specreward.errors import BudgetExhausted, EngineError, InputError, RewardError
from specreward.ledger import Budget, Ledger
from specreward.metering import MeteredSolutions
from specreward.prices import Price, Prices
from specreward.replay import StoredSolutions
from specreward.reward.aggregate import Last, Mean, Minimum, Product
from specreward.reward.solutions import Graded, Solution, SolutionModel, SolutionReward
from specreward.store import Store
from specreward.types import Path, Problem, RewardModel, Step

VALUES = {"a": 0.5, "b": 0.25, "c": 0.75}
LAST = Last()
WASTED = Usage(calls=2, failed=2, prompt_tokens=7)


class Grader:
    """Grades each step by its letter, or the solution by its last one."""

    name = "grader"
    parameters = 10
    most_tokens = 4

    def __init__(self, per_step=True, combine=LAST, values=VALUES):
        self.per_step = per_step
        self.combine = combine
        self.known = values
        self.calls = []

    async def grade(self, solutions):
        self.calls.append([(one.question, "".join(one.steps)) for one in solutions])
        return [self._answer(one.steps) for one in solutions]

    def _answer(self, steps):
        values = tuple(self.known[step] for step in (steps if self.per_step else steps[-1:]))
        return Graded(values, 5, 2, 3, 0.5)


def path(word, name="q"):
    return Path(Problem(name, f"question {name}"), tuple(Step(letter) for letter in word))


def test_it_is_a_reward_model_of_paths_and_steps():
    reward = SolutionReward(Grader())
    assert isinstance(reward, RewardModel)
    assert isinstance(reward, StepScorer)
    assert isinstance(Grader(), SolutionModel)


@pytest.mark.parametrize(
    ("combine", "expected"),
    [(Last(), 0.75), (Minimum(), 0.25), (Product(), 0.09375), (Mean(), 0.5)],
)
def test_the_model_says_how_its_numbers_are_combined(combine, expected):
    grader = Grader(combine=combine)
    assert asyncio.run(SolutionReward(grader).score([path("abc")])) == [expected]
    assert grader.calls == [[("question q", "abc")]]


def test_the_text_under_which_results_are_kept_tells_how_scores_are_combined():
    texts = [repr(SolutionReward(MeteredSolutions(Grader(combine=c)))) for c in (Last(), Mean())]
    assert "combine=Last()" in texts[0]
    assert texts[0].replace("Last()", "Mean()") == texts[1]


def test_steps_of_a_process_model_cost_one_reading():
    grader = Grader()
    assert asyncio.run(SolutionReward(grader).steps([path("abc"), path("b")])) == [
        [0.5, 0.25, 0.75],
        [0.25],
    ]
    assert grader.calls == [[("question q", "abc"), ("question q", "b")]]


def test_steps_of_an_outcome_model_are_those_of_its_beginnings():
    grader = Grader(per_step=False)
    rows = asyncio.run(SolutionReward(grader).steps([path("abc"), path("ab")]))
    assert rows == [[0.5, 0.25, 0.75], [0.5, 0.25]]
    assert grader.calls == [[("question q", word) for word in ("a", "ab", "abc")]]
    assert asyncio.run(SolutionReward(grader).score([path("abc"), path("ab")])) == [0.75, 0.25]


def test_equal_solutions_are_read_once_and_others_are_not_confused():
    grader = Grader()
    asyncio.run(SolutionReward(grader).score([path("a"), path("a"), path("a", "other")]))
    assert grader.calls == [[("question q", "a"), ("question other", "a")]]


@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.1])
def test_a_number_out_of_range_is_an_error_that_names_model_and_value(wrong):
    reward = SolutionReward(Grader(values={"a": wrong}))
    with pytest.raises(RewardError, match=rf"grader: expected numbers in \[0, 1\], got {wrong!r}"):
        asyncio.run(reward.score([path("a")]))


def test_too_few_numbers_or_answers_are_errors():
    class Short(Grader):
        async def grade(self, solutions):
            return [Graded((0.5,), 1) for _ in solutions]

    class Fewer(Grader):
        async def grade(self, solutions):
            return []

    with pytest.raises(RewardError, match=r"expected 2 number\(s\) for 2 step\(s\), got 1"):
        asyncio.run(SolutionReward(Short()).score([path("ab")]))
    with pytest.raises(RewardError, match="expected 1 answers, got 0"):
        asyncio.run(SolutionReward(Fewer()).score([path("ab")]))
    with pytest.raises(InputError, match="bare problem 'q'"):
        asyncio.run(SolutionReward(Grader()).score([path("")]))


# ------------------------------------------------------------------------------- wrappers

PRICES = Prices({"grader": Price(prompt=1.0, cached=0.5, completion=2.0)})


def test_what_it_reads_and_writes_is_metered():
    reward = SolutionReward(MeteredSolutions(Grader(), prices=PRICES))
    with Ledger().active() as ledger:
        asyncio.run(reward.score([path("ab"), path("c")]))
    assert ledger.usage == {
        ("reward", "score"): Usage(
            calls=2,
            prompt_tokens=10,
            cached_tokens=4,
            completion_tokens=6,
            seconds=1.0,
            flops=2 * 10 * (10 - 4 + 6),
            dollars=(6 * 1.0 + 4 * 0.5 + 6 * 2.0) / 1e6,
        )
    }


def test_a_budget_holds_what_it_may_write():
    reward = SolutionReward(MeteredSolutions(Grader(), prices=PRICES))
    with Ledger(Budget(tokens=40)).active(), pytest.raises(BudgetExhausted):
        asyncio.run(reward.score([path("a")]))  # 3 texts of 32 tokens and their bytes


def test_a_failure_costs_what_its_attempts_and_answers_cost():
    class Failing(Grader):
        async def grade(self, solutions):
            answer = Graded((0.5,), 5, 2, 3)
            raise EngineError("down", wasted=WASTED, done={1: answer})

    reward = SolutionReward(MeteredSolutions(Failing(), prices=PRICES))
    with Ledger().active() as ledger, pytest.raises(EngineError, match="down"):
        asyncio.run(reward.score([path("a"), path("b")]))
    [usage] = ledger.usage.values()
    assert (usage.calls, usage.failed) == (3, 2)
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (12, 2, 3)


def test_calls_that_wait_are_merged():
    grader = Grader()
    reward = SolutionReward(CoalesceSolutions(grader))

    async def both():
        return await asyncio.gather(reward.score([path("a")]), reward.score([path("b")]))

    assert asyncio.run(both()) == [[0.5], [0.25]]
    assert len(grader.calls) == 1
    assert (reward.model.per_step, reward.model.most_tokens) == (True, 4)


def test_a_kept_answer_is_not_asked_again_and_carries_all_its_numbers(tmp_path):
    class Wasteful(Grader):
        def _answer(self, steps):
            return Graded((0.5,) * len(steps), 5, 2, 3, 0.5, WASTED)

    for kind in (Grader, Wasteful):
        with Store(tmp_path / f"{kind.__name__}.db") as store:
            first = kind()
            [paid] = asyncio.run(StoredSolutions(first, store).grade([Solution("q", ("a",))]))
            second = kind()
            kept = StoredSolutions(second, store)
            [known] = asyncio.run(kept.grade([Solution("q", ("a",))]))
            assert known == paid
            assert not second.calls
            asyncio.run(kept.grade([Solution("q", ("a", "b")), Solution("qa", ("b",))]))
            assert len(second.calls[0]) == 2  # nor is another solution taken for it


def test_what_came_in_before_a_failure_is_kept(tmp_path):
    class Flaky(Grader):
        async def grade(self, solutions):
            if len(solutions) > 1:
                raise EngineError("down", wasted=WASTED, done={1: self._answer(("b",))})
            return await super().grade(solutions)

    with Store(tmp_path / "run.db") as store:
        grader = Flaky()
        kept = StoredSolutions(grader, store)
        asked = [Solution("q", ("a",)), Solution("q", ("b",))]
        with pytest.raises(EngineError):
            asyncio.run(kept.grade(asked))
        answers = asyncio.run(kept.grade(asked))
        assert [one.values for one in answers] == [(0.5,), (0.25,)]
        assert grader.calls == [[("q", "a")]]
