"""The task Blocksworld: problems, rules, answers, texts for the models."""

import re
import time
from collections import Counter
from dataclasses import replace

import pytest

from specreward.errors import InputError
from specreward.generate.vocabulary import Vocabulary
from specreward.tasks import Blocksworld
from specreward.tasks import blocksworld_text as text
from specreward.types import Completion, Path, Problem

TASK = Blocksworld()
QUESTION = "c b | d a -> c on b , b on a"
GOLD = ["unstack b c", "stack b a", "pick-up c", "stack c b"]


def said(words):
    return Completion(words, 3, -0.5, 10)


def walked(task, problem, actions):
    path = Path(problem)
    for action in actions:
        path = path.then(task.step(path, said(action)))
    return path


def test_validate():
    TASK.validate()


@pytest.mark.parametrize("split", ["train", "tune", "test"])
def test_generated_problems_are_spread_over_even_lengths(split):
    task = Blocksworld(blocks=(4, 5), lengths=(4, 9))
    problems = task.generate(30, split, seed=3)
    assert Counter(p.meta["length"] for p in problems) == {4: 10, 6: 10, 8: 10}
    assert {p.meta["blocks"] for p in problems} == {4, 5}
    assert len({p.id for p in problems}) == 30
    assert all(task.check(p, p.answer) for p in problems)
    assert all(len(p.answer.split(";")) == p.meta["length"] for p in problems)
    assert task.generate(30, split, seed=3) == problems
    assert task.generate(30, split, seed=4) != problems


def test_fields_of_the_generator():
    few = Blocksworld(blocks=(4, 4), lengths=(6, 6)).generate(5, "train", 0)
    assert {p.meta["blocks"] for p in few} == {4}
    assert {p.meta["length"] for p in few} == {6}
    assert TASK.max_steps(few[0]) == 6
    assert Blocksworld(slack=2).max_steps(few[0]) == 8


def test_splits_share_no_problem_not_even_renamed():
    task = Blocksworld(blocks=(4, 5), lengths=(4, 10))
    forms = [
        {task.canonical(p) for p in task.generate(80, split, seed)}
        for seed, split in enumerate(("train", "tune", "test"))
    ]
    assert [len(f) for f in forms] == [80, 80, 80]
    assert not forms[0] & forms[1]
    assert not forms[0] & forms[2]
    assert not forms[1] & forms[2]


def test_excluded_forms_are_left_out():
    task = Blocksworld(blocks=(3, 3), lengths=(2, 4))
    some = task.generate(3, "train", 0)
    excluded = frozenset(map(task.canonical, some))
    others = task.generate(3, "train", 0, exclude=excluded)
    assert not excluded & set(map(task.canonical, others))


def test_rare_lengths_are_made_up_by_others():
    problems = Blocksworld(blocks=(2, 3), lengths=(2, 8)).generate(10, "train", 0)
    assert len({TASK.canonical(p) for p in problems}) == 10


def test_too_many_problems_are_refused():
    with pytest.raises(InputError, match=r"found only \d+ of 50 different problems"):
        Blocksworld(blocks=(2, 2)).generate(50, "train", 0)


def test_three_hundred_problems_take_under_three_seconds():
    start = time.process_time()
    assert len(TASK.generate(300, "train", 0)) == 300
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    "fields",
    [
        {"blocks": (1, 4)},
        {"blocks": (5, 4)},
        {"blocks": (4, 9)},
        {"lengths": (0, 4)},
        {"lengths": (6, 4)},
        {"lengths": (5, 5)},
        {"slack": -1},
    ],
)
def test_bad_fields_are_refused(fields):
    with pytest.raises(InputError, match=f"{next(iter(fields))}: expected"):
        Blocksworld(**fields)


def test_an_unknown_split_is_refused():
    with pytest.raises(InputError, match="split: expected one of train, tune, test, got 'dev'"):
        TASK.generate(1, "dev", 0)


def test_parsing():
    problem = TASK.parse(QUESTION)
    assert problem.question == QUESTION
    assert problem.answer == " ; ".join(GOLD)
    assert problem.meta == {"length": 4, "blocks": 4}
    assert TASK.parse("d a|c b ->  b on a,c on b\n").id == problem.id


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "expected 'towers -> goal'"),
        ("a b | c", "expected 'towers -> goal'"),
        ("a a -> a on b", "expected towers"),
        ("a b -> a over b", "expected facts"),
        ("a b -> a on b , b on a", "no state"),
        ("a | b -> a on c", "expected a goal of blocks that are there, got c"),
        ("a b -> b on a", "expected a goal that is still to be reached"),
    ],
)
def test_malformed_lines(line, message):
    with pytest.raises(InputError, match=re.escape(message)):
        TASK.parse(line)


def test_a_path_is_final_at_the_goal_and_not_before():
    path = walked(TASK, TASK.parse(QUESTION), GOLD)
    assert [s.final for s in path.steps] == [False, False, False, True]
    assert not any(s.dead for s in path.steps)
    assert TASK.answer(path) == " ; ".join(GOLD)
    assert path.steps[0].tokens == 3
    assert path.steps[0].logprob == -0.5


@pytest.mark.parametrize("action", ["pick-up d", "unstack b", "", "nonsense", "stack b a"])
def test_an_illegal_action_is_dead(action):
    step = TASK.step(Path(TASK.parse(QUESTION)), said(action))
    assert step.dead
    assert not step.final


def test_the_step_limit():
    problem = TASK.parse(QUESTION)
    detour = ["unstack b c", "put-down b", "pick-up b", "stack b a"]
    assert [s.dead for s in walked(TASK, problem, detour).steps] == [False, False, False, True]
    loose = Blocksworld(slack=2)
    path = walked(loose, problem, [*detour, "pick-up c", "stack c b"])
    assert path.finished
    assert not path.dead
    assert TASK.max_steps(problem) == 4


def test_the_step_limit_of_problems_without_a_known_length(monkeypatch):
    bare = Problem("p", QUESTION)
    assert TASK.max_steps(bare) == 4
    monkeypatch.setattr("specreward.tasks.blocksworld._shortest", lambda question: None)
    assert TASK.max_steps(bare) == 4 * 4
    longer = ["unstack b c", "put-down b", "pick-up b", *GOLD[1:]]
    assert TASK.max_steps(replace(bare, answer=";".join(longer))) == 6
    assert TASK.max_steps(replace(bare, meta={"length": 8})) == 8


def test_a_problem_too_big_to_plan_is_parsed_all_the_same(monkeypatch):
    monkeypatch.setattr("specreward.tasks.blocksworld.plan", lambda state, goal: None)
    problem = TASK.parse(QUESTION)
    assert problem.answer is None
    assert "length" not in problem.meta
    assert TASK.check(problem, ";".join(GOLD))


def test_more_than_eight_blocks():
    towers = " | ".join("abcdefghijklmnop")
    goal = " , ".join(
        f"{up} on {low}" for up, low in zip("bcdefghijklmnop", "abcdefghijklmno", strict=True)
    )
    problem = TASK.parse(f"{towers} -> {goal}")
    assert problem.meta == {"length": 30, "blocks": 16}
    assert TASK.check(problem, problem.answer)
    assert walked(TASK, problem, problem.answer.split(" ; ")).finished


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (";".join(GOLD), True),
        ("\n".join(f"({action})" for action in GOLD), True),
        ("(unstack b c)\r\n(stack b a)\r\n(pick-up c)\r\n(stack c b)\r\n", True),
        ("unstack b c ; put-down b ; pick-up b ; stack b a ; pick-up c ; stack c b", True),
        (";".join(GOLD[:-1]), False),
        (";".join(GOLD[1:]), False),
        (";".join([*GOLD, "unstack c b"]), False),
        (";".join([*GOLD, "pick-up b"]), False),
        ("", False),
        ("no plan", False),
    ],
)
def test_answers_are_checked_by_simulation(answer, right):
    assert TASK.check(TASK.parse(QUESTION), answer) is right


def test_texts_for_the_models():
    problem = TASK.parse(QUESTION)
    path = walked(TASK, problem, GOLD[:2])
    now, before = "state c b | d - a - b a ;", "state c b | d - a - / b a ;"
    assert TASK.prompt(path) == now
    assert TASK.value_prompt(path) == f"{now} left 2 ; value :"
    assert TASK.reward_text(path) == f"{before} stack b a ;"
    assert TASK.good_prompt(path) == f"{before} left 3 ; stack b a ; good :"
    for ask in (TASK.good_prompt, TASK.reward_text):
        with pytest.raises(InputError, match="at least one step"):
            ask(Path(problem))


def test_texts_are_in_the_vocabulary():
    words = Vocabulary(text.VOCABULARY)
    task = Blocksworld(blocks=(8, 8), lengths=(16, 20))
    for problem in task.generate(6, "test", 0):
        path = walked(task, problem, problem.answer.split(" ; "))
        cut = Path(problem, path.steps[:-1])
        texts = [task.prompt(cut), task.value_prompt(cut), task.good_prompt(cut)]
        for written in [*texts, task.reward_text(path), *[s.text for s in path.steps]]:
            assert words.decode(words.encode(written)) == written
        longest = max(len(words.encode(f"{s.text} ;")) for s in path.steps)
        assert longest <= task.sampling.max_tokens


def test_the_models_know_every_number_of_steps_left():
    most = 4 * 7  # every block but one lifted and laid twice
    assert {str(left) for left in range(most + 1)} <= set(text.VOCABULARY)
