"""Running sums: the policy keeps to its law, and the law's chances are exact."""

import asyncio
import math
from collections import Counter

import pytest

from specreward.abilities import Reaching
from specreward.errors import InputError
from specreward.stats import wilson
from specreward.testing import ChainPolicy, RunningSum
from specreward.types import Completion, Path, Problem, Step


def extend(policy, path, n, until="end", **how):
    return asyncio.run(policy.extend([path], n, until=until, **how))[0]


def written(problem, *sums):
    return Path(problem, tuple([Step(str(one)) for one in sums]))


def share(policy, path, n=4000):
    """How often the right answer is reached, with its interval."""
    task = policy.task
    right = sum(task.check(path.problem, task.answer(end)) for end in extend(policy, path, n))
    return bounds(right, n)


def bounds(count, n):
    found = wilson(count, n, confidence=0.9999)
    return found.low, found.high


def test_the_sum_is_carried_along_modulo_p():
    task = RunningSum(modulus=10)
    problem = task.parse("7+ 5 +9")
    assert problem == Problem("7 + 5 + 9", "7 + 5 + 9", "1")
    assert task.sums(problem) == (7, 2, 1)
    assert task.max_steps(problem) == 2
    assert task.first_error(written(problem, 2, 1)) is None
    assert task.first_error(written(problem, 3, 1)) == 0
    assert task.first_error(written(problem, 2, 4)) == 1
    assert task.check(problem, "1")
    assert not task.check(problem, "4")
    task.validate()


@pytest.mark.parametrize("line", ["", "7", "7 + x", "7 + -1"])
def test_what_is_no_sum_is_refused(line):
    with pytest.raises(InputError, match="expected a sum such as"):
        RunningSum().parse(line)


def test_a_step_that_is_no_number_is_dead():
    task = RunningSum(modulus=10)
    path = Path(task.parse("7+5+9"))
    assert task.step(path, Completion("x", 1, None, 1)).dead
    assert task.step(path, Completion("10", 1, None, 1)).dead
    first = task.step(path, Completion(" 2 ", 1, None, 1))
    assert first.text == "2"
    assert not first.final
    assert task.step(path.then(first), Completion("1", 1, None, 1)).final


def test_what_is_reachable_is_what_adding_rightly_reaches():
    task = RunningSum(modulus=10)
    problem = task.parse("7+5+9")
    assert isinstance(task, Reaching)
    assert task.reachable(Path(problem))
    assert task.reachable(written(problem, 2))
    assert not task.reachable(written(problem, 3))
    assert task.reachable(written(problem, 3, 1))  # put right


def test_generated_problems_differ_by_split_and_repeat_by_seed():
    task = RunningSum()
    assert task.generate(3, "train", 1) == task.generate(5, "train", 1)[:3]
    questions = [p.question for s in ("train", "test") for p in task.generate(20, s, 0)]
    assert len(set(questions)) == 40
    assert all(task.max_steps(p) == 8 for p in task.generate(3, "tune", 0))


@pytest.mark.parametrize(
    ("modulus", "slip", "repair"),
    [(1009, 0.05, 0.0), (1009, 0.2, 0.25), (10, 0.25, 0.0), (2, 0.3, 0.4)],
)
def test_the_value_is_the_chance_of_a_right_answer(modulus, slip, repair):
    task = RunningSum(modulus=modulus, length=5)
    policy = ChainPolicy(task, slip=slip, repair=repair)
    [problem] = task.generate(1, "test", 0)
    sums = task.sums(problem)
    for wrong in (0, 1):
        for depth in (0, 1, 4):
            path = written(problem, *[(one + wrong) % modulus for one in sums[1 : depth + 1]])
            low, high = share(policy, path)
            assert low <= policy.value(path) <= high
    assert policy.value(written(problem, *sums[1:])) == 1
    assert policy.value(written(problem, *sums[1:-1], (sums[-1] + 1) % modulus)) == 0


def test_without_repair_and_luck_a_right_prefix_survives_each_step():
    task = RunningSum(modulus=10**9)
    [problem] = task.generate(1, "test", 0)
    policy = ChainPolicy(task, slip=0.1)
    assert math.isclose(policy.value(Path(problem)), 0.9**8, rel_tol=1e-6)
    assert policy.value(written(problem, (task.sums(problem)[1] + 1) % 10**9)) < 1e-7
    assert policy.value(Path(problem, (Step("x", dead=True),))) == 0


def test_a_slip_is_uniform_over_the_wrong_sums_and_says_its_chance():
    task = RunningSum(modulus=5, length=1)
    [problem] = task.generate(1, "test", 0)
    policy = ChainPolicy(task, slip=0.4)
    ends = [path.steps[0] for path in extend(policy, Path(problem), 5000)]
    right = str(task.sums(problem)[1])
    counts = Counter([step.text for step in ends])
    for text, count in counts.items():
        low, high = bounds(count, 5000)
        assert low <= (0.6 if text == right else 0.1) <= high
    assert len(counts) == 5
    chances = {step.text: math.exp(step.logprob) for step in ends}
    assert chances == pytest.approx({text: 0.6 if text == right else 0.1 for text in counts})


def test_a_sample_depends_on_its_path_index_and_seed_alone():
    task = RunningSum()
    one, two = task.generate(2, "test", 0)
    policy = ChainPolicy(task, slip=0.5)
    both = asyncio.run(policy.extend([Path(one), Path(two)], 6, until="end"))
    assert extend(policy, Path(two), 3, start=2) == both[1][2:5]
    assert [end.steps[:1] for end in both[0]] == [
        step.steps for step in extend(policy, Path(one), 6, "step")
    ]
    assert extend(ChainPolicy(task, slip=0.5, seed=1), Path(one), 6) != both[0]


def test_policies_with_other_settings_slip_independently():
    task = RunningSum(length=1)
    problems = task.generate(2000, "test", 0)
    wrong = [
        {p.id for p in problems if task.first_error(extend(policy, Path(p), 1)[0]) == 0}
        for policy in (ChainPolicy(task, slip=0.5), ChainPolicy(task, slip=0.5, repair=0.1))
    ]
    low, high = bounds(len(wrong[0] & wrong[1]), 2000)
    assert low <= 0.25 <= high


def test_greedy_adds_rightly_and_repairs_where_that_is_likelier():
    task = RunningSum()
    [problem] = task.generate(1, "test", 0)
    sums = task.sums(problem)
    wrong = written(problem, (sums[1] + 1) % 1009)
    [end] = extend(ChainPolicy(task, slip=0.9), Path(problem), 1, temperature=0)
    assert task.check(problem, task.answer(end))
    [carried] = extend(ChainPolicy(task, slip=0.1, repair=0.4), wrong, 1, temperature=0)
    assert task.answer(carried) == str((sums[-1] + 1) % 1009)
    [put_right] = extend(ChainPolicy(task, slip=0.1, repair=0.6), wrong, 1, temperature=0)
    assert task.check(problem, task.answer(put_right))


def test_an_ended_path_and_a_bad_setting_are_refused():
    task = RunningSum()
    [problem] = task.generate(1, "test", 0)
    [end] = extend(ChainPolicy(task), Path(problem), 1)
    assert end.finished
    with pytest.raises(InputError, match="open paths"):
        extend(ChainPolicy(task), end, 1)
    with pytest.raises(InputError, match="n: expected"):
        extend(ChainPolicy(task), Path(problem), 0)
    with pytest.raises(InputError, match="slip"):
        ChainPolicy(task, slip=1.5)
    with pytest.raises(InputError, match="repair"):
        ChainPolicy(task, repair=-1)
    with pytest.raises(InputError, match="modulus"):
        RunningSum(modulus=1)
    with pytest.raises(InputError, match="length"):
        RunningSum(length=0)
