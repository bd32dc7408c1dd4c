"""Game of 24 and Countdown: exact arithmetic, sets, splits, rules, texts for the models."""

import re
from fractions import Fraction
from itertools import permutations, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specreward.errors import InputError
from specreward.generate.vocabulary import Vocabulary
from specreward.tasks import Game24
from specreward.tasks import game24_text as text
from specreward.tasks.countdown import canonical_numbers, moves, solvable
from specreward.types import Completion, Path, Problem

CALM = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TASK = Game24()
STEPS = ["13 - 9 = 4 (left: 4 4 10)", "10 - 4 = 6 (left: 4 6)", "6 * 4 = 24 (left: 24)"]


def walked(task, problem, steps):
    path = Path(problem)
    for written in steps:
        path = path.then(task.step(path, Completion(written, 9, -1.0, 10)))
    return path


def results(numbers):
    """Everything that the numbers can make, by trying every expression."""
    if len(numbers) == 1:
        return {numbers[0]}
    found = set()
    for order in set(permutations(numbers)):
        for cut in range(1, len(order)):
            for a, b in product(results(order[:cut]), results(order[cut:])):
                found |= {a + b, a - b, a * b}
                found |= {a / b} if b else set()
    return found


def test_validate():
    TASK.validate()
    Game24(target=10, count=3, largest=9).validate()


def test_the_solvable_sets_of_the_game():
    sets = TASK.sets()
    assert len(sets) == len(set(sets)) == 1362
    assert len(Game24(count=3).sets()) < 1362
    assert len(Game24(largest=9).sets()) < 1362
    assert len(Game24(target=25, largest=9).sets()) != len(Game24(largest=9).sets())
    assert (1, 1, 1, 1) not in sets
    assert (3, 3, 8, 8) in sets


@CALM
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(-3, 40))
def test_solvable_agrees_with_trying_every_expression(numbers, target):
    exact = canonical_numbers(numbers)
    assert solvable(exact, Fraction(target)) == (Fraction(target) in results(exact))


@CALM
@given(st.lists(st.integers(0, 9), min_size=2, max_size=4))
def test_moves_are_exact_and_keep_the_other_numbers(numbers):
    exact = canonical_numbers(numbers)
    for a, operator, b, result, left in moves(exact):
        assert operator != "/" or b
        assert result == {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}[operator]
        assert sorted([*left, a, b]) == sorted([*exact, result])


@pytest.mark.parametrize(
    ("numbers", "answer", "right"),
    [
        ("3 3 8 8", "8 / (3 - 8 / 3)", True),
        ("1 5 5 5", "5 * (5 - 1 / 5)", True),
        ("4 9 10 13", "(10 - (13 - 9)) * 4", True),
        ("4 9 10 13", "((10-(13-9))*4)", True),
        ("4 9 10 13", "4 * 10 - 13 - 9", False),  # 18
        ("4 9 10 13", "24", False),
        ("4 9 10 13", "(10 - 4) * 4", False),  # other numbers
        ("4 9 10 13", "(10 - (13 - 9)) * 4 + 0", False),
        ("4 9 10 13", "(10 - (13 - 9)) * 4 * 4 / 4", False),  # one of them three times
        ("3 3 8 8", "8 // (3 - 8 / 3)", False),
        ("3 3 8 8", "23.999999999", False),
        ("1 1 11 11", "11 + 11 + 1 + True", False),
        ("1 1 11 11", "2 ** 3 * 3", False),
        ("1 1 11 11", "(11 + 1) * (1 + 11 / 11", False),
        ("1 1 11 11", "1 / (11 - 11) + 1", False),
        ("1 1 11 11", "__import__('os')", False),
        ("1 1 11 11", "", False),
        ("1 1 11 11", "(" * 500 + "1" + ")" * 500, False),
        ("1 1 11 11", "1" + " + 1" * 5000, False),
    ],
)
def test_answers_are_checked_exactly(numbers, answer, right):
    assert TASK.check(TASK.parse(numbers), answer) is right


def test_nearly_right_is_wrong():
    near = "8 / (3 - 8 / 3)"
    assert abs(eval(near) - 24) > 0  # in floating point, even the right answer is off
    assert TASK.check(TASK.parse("3 3 8 8"), near)


@pytest.mark.parametrize("split", ["train", "tune", "test"])
def test_generated_problems(split):
    problems = TASK.generate(40, split, seed=1)
    assert len({p.question for p in problems}) == len({p.id for p in problems}) == 40
    assert all(TASK.check(p, p.answer) for p in problems)
    assert TASK.generate(40, split, seed=1) == problems
    assert TASK.generate(40, split, seed=2) != problems


def test_tune_and_test_share_out_all_sets():
    tune = {p.question for p in TASK.generate(500, "tune", 0)}
    test = {p.question for p in TASK.generate(800, "test", 0)}
    assert not tune & test
    with pytest.raises(InputError, match=r"expected at most 5\d\d problems"):
        TASK.generate(1000, "tune", 0)


@pytest.mark.parametrize(
    "task",
    [
        TASK,
        Game24(target=25, largest=8),
        Game24(largest=5),
        Game24(target=30, largest=6),
        Game24(count=3),
    ],
    ids=repr,
)
def test_training_problems_are_neither_the_tasks_own_nor_of_the_game(task):
    own = {(s, Fraction(task.target)) for s in task.sets()}
    game = {(s, Fraction(24)) for s in TASK.sets()}
    for problem in task.generate(60, "train", 0):
        question = problem.question.partition(" -> ")
        numbers = canonical_numbers([int(word) for word in question[0].split()])
        assert (numbers, Fraction(question[2] or 24)) not in own | game
        assert len(numbers) == task.count


def test_excluded_forms_are_left_out():
    some = frozenset(TASK.canonical(p) for p in TASK.generate(300, "tune", 0))
    assert not some & {TASK.canonical(p) for p in TASK.generate(100, "tune", 0, exclude=some)}
    few = Game24(count=2, largest=3)
    first = few.generate(3, "train", 0)
    others = few.generate(3, "train", 0, exclude=frozenset(map(few.canonical, first)))
    assert not {p.question for p in first} & {p.question for p in others}


def test_too_many_training_problems_are_refused():
    with pytest.raises(InputError, match=r"found only \d+ of 5000 different problems"):
        Game24(count=2, largest=1).generate(5000, "train", 0)


def test_equal_problems_have_equal_forms():
    forms = {TASK.canonical(Problem("p", q)) for q in ("4 9 10 13", "13 10 9 4", "9 4 13 10 -> 24")}
    assert len(forms) == 1
    assert TASK.canonical(Problem("p", "4 9 10 13 -> 25")) not in forms
    assert TASK.canonical(Problem("p", "4 9 10 12")) not in forms


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "expected two to six numbers"),
        ("24", "expected two to six numbers"),
        ("1 2 3 4 5 6 7", "expected two to six numbers"),
        ("4 9 ten 13", "expected two to six numbers"),
        ("4 9 10 13 -> x", "expected two to six numbers"),
        ("1/0 2 3 4", "expected two to six numbers"),
        ("1 1 1 1", "expected numbers that can make 24, got 1 1 1 1"),
        ("1 2 -> 9", "expected numbers that can make 9, got 1 2"),
    ],
)
def test_malformed_lines(line, message):
    with pytest.raises(InputError, match=re.escape(message)):
        TASK.parse(line)


def test_parsing():
    assert TASK.parse(" 13 10  9 4\n") == TASK.parse("4 9 10 13")
    assert TASK.parse("4 9 10 13 -> 26").question == "4 9 10 13 -> 26"
    assert Game24(target=26).parse("4 9 10 13").question == "4 9 10 13 -> 26"


@pytest.mark.parametrize(
    "fields", [{"count": 1}, {"count": 6}, {"largest": 0}], ids=lambda fields: next(iter(fields))
)
def test_bad_fields_are_refused(fields):
    with pytest.raises(InputError, match=f"{next(iter(fields))}: expected"):
        Game24(**fields)


def test_an_unknown_split_is_refused():
    with pytest.raises(InputError, match="split: expected one of train, tune, test, got 'dev'"):
        TASK.generate(1, "dev", 0)


def test_a_path_to_the_target():
    problem = TASK.parse("4 9 10 13")
    path = walked(TASK, problem, STEPS)
    assert [s.final for s in path.steps] == [False, False, True]
    assert not path.dead
    assert TASK.check(problem, TASK.answer(path))
    assert TASK.max_steps(problem) == 3


@pytest.mark.parametrize(
    "written",
    [
        "13 - 9 = 5 (left: 4 5 10)",  # wrong arithmetic
        "13 - 9 = 4 (left: 4 9 10)",  # wrong numbers left
        "13 - 9 = 4 (left: 4 10)",
        "13 - 8 = 5 (left: 4 9 10)",  # a number that is not there
        "13 - 13 = 0 (left: 0 4 9 10)",  # used twice
        "13 - 9 = 4",
        "13 ^ 9 = 4 (left: 4 4 10)",
        "13 - x = 4 (left: 4 4 10)",
        "13 / 0 = 4 (left: 4 4 10)",
        "",
    ],
)
def test_a_wrong_step_is_dead(written):
    step = TASK.step(Path(TASK.parse("4 9 10 13")), Completion(written, 9, None, 10))
    assert step.dead
    assert not step.final


def test_another_last_number_is_dead():
    wrong = [*STEPS[:2], "6 + 4 = 10 (left: 10)"]
    assert walked(TASK, TASK.parse("4 9 10 13"), wrong).dead


def test_steps_may_be_written_in_other_order():
    path = walked(TASK, TASK.parse("4 9 10 13"), ["4 + 9 = 13 (left: 10 13 13)"])
    assert path.open


def test_fractions_on_the_way():
    steps = [
        "8 / 3 = 8/3 (left: 8/3 3 8)",
        "3 - 8/3 = 1/3 (left: 1/3 8)",
        "8 / 1/3 = 24 (left: 24)",
    ]
    path = walked(TASK, TASK.parse("3 3 8 8"), steps)
    assert path.finished
    assert TASK.check(path.problem, TASK.answer(path))


def test_countdown_ends_at_its_own_target():
    problem = TASK.parse("4 9 -> 13")
    assert walked(TASK, problem, ["9 + 4 = 13 (left: 13)"]).finished
    assert walked(TASK, problem, ["9 - 4 = 5 (left: 5)"]).dead


def test_texts_for_the_models():
    path = walked(TASK, TASK.parse("4 9 10 13"), STEPS[:2])
    assert TASK.prompt(path) == "target 24 ; 4 6 ;"
    assert TASK.value_prompt(path) == "target 24 ; 4 6 ; value :"
    assert TASK.reward_text(path) == f"target 24 ; 4 4 10 ; {STEPS[1]} ;"
    assert TASK.good_prompt(path) == f"target 24 ; 4 4 10 ; {STEPS[1]} ; good :"
    for ask in (TASK.good_prompt, TASK.reward_text):
        with pytest.raises(InputError, match="at least one step"):
            ask(Path(path.problem))


def test_texts_are_in_the_vocabulary():
    words = Vocabulary(text.VOCABULARY)
    for split in ("train", "test"):
        for problem in TASK.generate(20, split, 0):
            texts = [TASK.prompt(Path(problem)), TASK.value_prompt(Path(problem))]
            for written in texts:
                assert words.decode(words.encode(written)) == written
    path = walked(TASK, TASK.parse("4 9 10 13"), STEPS)
    for written in [*STEPS, TASK.good_prompt(path), TASK.reward_text(path)]:
        assert words.decode(words.encode(written)) == written
        assert len(words.encode(f"{STEPS[0]} ;")) <= TASK.sampling.max_tokens


def test_the_models_know_numbers_up_to_the_largest():
    words = Vocabulary(text.VOCABULARY)
    assert words.encode(f"0 {text.LARGEST}")
    with pytest.raises(InputError, match=f"does not know '{text.LARGEST + 1}'"):
        words.encode(str(text.LARGEST + 1))
    with pytest.raises(InputError, match="does not know '8/3'"):
        words.encode("8/3")
