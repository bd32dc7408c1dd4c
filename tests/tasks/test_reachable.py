"""Exact truth of a prefix, against searches that look at every way on."""

import random

import pytest

from specreward.abilities import Reaching
from specreward.errors import InputError
from specreward.tasks import Arithmetic, Blocksworld, FewShot, Game24
from specreward.tasks.blocks import read_goal, read_state
from specreward.tasks.countdown import moves
from specreward.tasks.game24 import state_of
from specreward.tasks.game24_text import step as written
from specreward.types import Completion, Path, Step

TASKS = [Game24(), Blocksworld(), Arithmetic(), FewShot(Game24())]


def grown(task, path, text):
    return path.then(task.step(path, Completion(text, 0, None, 0)))


def bare(path):
    """The same texts, no flag set: as labelled solutions have them."""
    return Path(path.problem, tuple([Step(step.text) for step in path.steps]))


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_the_exact_tasks_know_it(task):
    assert isinstance(task, Reaching)
    problem = task.generate(1, "tune", 0)[0]
    assert task.reachable(Path(problem))


def some_blocks(state, goal, left):
    if state.reaches(goal):
        return True
    ways = [state.after(action) for action in state.actions()] if left > 0 else []
    return any(some_blocks(after, goal, left - 1) for after in ways if after is not None)


@pytest.mark.parametrize("slack", [0, 2])
def test_blocksworld_as_a_full_search_says(slack):
    task = Blocksworld(blocks=(4, 4), lengths=(2, 4), slack=slack)
    rng, seen = random.Random(0), []
    for problem in task.generate(6, "tune", 0):
        start, _, goal_text = problem.question.partition("->")
        goal = read_goal(goal_text)
        for _ in range(6):
            path, state = Path(problem), read_state(start)
            while path.open and not state.reaches(goal):
                action = rng.choice(state.actions())
                path, state = grown(task, path, action), state.after(action)
                left = task.max_steps(problem) - path.depth
                truth = some_blocks(state, goal, left)
                assert task.reachable(path) == task.reachable(bare(path)) == truth, path
                seen.append(truth)
    assert 0.1 < sum(seen) / len(seen) < 0.9


def test_blocksworld_ends():
    task = Blocksworld()
    problem = task.parse("a b | c -> b on c")
    path = grown(task, Path(problem), "unstack b a")
    assert task.reachable(path)
    assert task.reachable(grown(task, path, "stack b c"))
    illegal = grown(task, path, "pick-up a")
    assert illegal.dead
    assert not task.reachable(illegal)
    assert not task.reachable(bare(illegal))
    late = grown(task, path, "put-down b")  # the goal is two steps away, and none is left
    assert not task.reachable(late)
    assert not task.reachable(bare(late))
    assert Blocksworld(slack=2).reachable(bare(late))


def makes(numbers, target):
    return numbers == (target,) or any(makes(left, target) for *_, left in moves(numbers))


@pytest.mark.parametrize(
    "task", [Game24(), Game24(target=31, largest=9), FewShot(Game24())], ids=repr
)
def test_game24_as_a_full_search_says(task):
    rng, seen = random.Random(1), []
    for problem in task.generate(10, "tune", 0):
        path = Path(problem)
        while path.open:
            target, numbers = state_of(path)
            ways = list(moves(numbers))
            good = [move for move in ways if makes(move[4], target)]
            path = grown(task, path, written(*rng.choice(good * (rng.random() < 0.6) or ways)))
            truth = makes(state_of(path)[1], target)
            assert task.reachable(path) == task.reachable(bare(path)) == truth, path
            seen.append(truth)
    assert 0.1 < sum(seen) / len(seen) < 0.9


def test_game24_ends():
    task = Game24()
    problem = task.parse("4 9 10 13")
    wrong = grown(task, Path(problem), "13 - 9 = 5 (left: 4 5 10)")
    assert wrong.dead
    assert not task.reachable(wrong)
    assert not task.reachable(bare(wrong))
    right = "13 - 9 = 4 (left: 4 4 10)"
    assert task.reachable(Path(problem, (Step(right),)))
    assert not task.reachable(Path(problem, (Step(right, dead=True),)))
    after = bare(wrong).then(Step("10 - 4 = 6 (left: 5 6)"))
    assert not task.reachable(after)


def test_few_shot_with_a_bound_does_not_know():
    task = FewShot(Game24(), largest=100)
    with pytest.raises(InputError, match="without a bound on numbers"):
        task.reachable(Path(task.generate(1, "tune", 0)[0]))


def test_arithmetic_is_lost_with_the_first_wrong_step():
    task = Arithmetic(steps=(3, 3))
    for problem in task.generate(10, "tune", 0):
        gold = task.gold_steps(problem)
        path = Path(problem)
        for text in gold:
            wrong = text.replace("=", "+ 1 =")
            lost = grown(task, path, wrong)
            assert not task.reachable(bare(lost))
            if lost.open:
                assert not task.reachable(grown(task, lost, gold[1]))
            path = grown(task, path, text)
            assert task.reachable(path)
            assert task.reachable(bare(path))
        assert path.finished
        assert not task.reachable(bare(path).then(Step(gold[-1])))
        wrong_end = Path(problem, (*path.steps[:-1], Step("So it is 1.", dead=True)))
        assert not task.reachable(wrong_end)


def test_arithmetic_in_other_words_or_without_room_cannot_be_told():
    task = Arithmetic()
    with pytest.raises(InputError, match="in the wording of the task"):
        task.reachable(Path(task.parse("How much is two and two in your book?")))
    short = Arithmetic(steps=(1, 2), limit=2)
    long = next(p for p in Arithmetic(steps=(4, 4)).generate(1, "tune", 0))
    assert not short.reachable(Path(long))
    assert task.reachable(Path(long))


def test_a_finished_path_is_its_answer():
    task = Arithmetic(steps=(2, 2))
    problem = task.generate(1, "tune", 0)[0]
    gold = task.gold_steps(problem)
    lucky = grown(task, grown(task, Path(problem), gold[0].replace("=", "+ 1 =")), gold[1])
    assert lucky.finished
    assert task.reachable(lucky)
    assert not task.reachable(bare(lucky))
