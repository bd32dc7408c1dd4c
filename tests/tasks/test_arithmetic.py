"""The task arithmetic: problems, steps, labels, answers, texts for the models."""

import re
from collections import Counter

import pytest

from specreward.errors import InputError
from specreward.generate.vocabulary import Vocabulary
from specreward.tasks import Arithmetic
from specreward.tasks import arithmetic_text as text
from specreward.types import Completion, Path, Problem, Step

TASK = Arithmetic()
QUESTION = (
    "Ann has 5 apples. Ann finds 7 more apples. Ben has 3 times as many apples as Ann. "
    "How many apples do Ann and Ben have together?"
)
STEPS = [
    "How many apples does Ann have now? 5 + 7 = 12. The answer is 12.",
    "How many apples does Ben have? 12 * 3 = 36. The answer is 36.",
    "Now we can answer the question: How many apples do Ann and Ben have together? "
    "12 + 36 = 48. The answer is 48.",
]
OTHER = (
    "Natalia sold clips to 48 of her friends in April, and half as many in May. How many in all?"
)


def walked(task, problem, steps):
    path = Path(problem)
    for written in steps:
        path = path.then(task.step(path, Completion(written, 9, -1.0, 10)))
    return path


def test_validate():
    TASK.validate()
    Arithmetic(steps=(1, 2), distractors=3, largest=999).validate()


@pytest.mark.parametrize("split", ["train", "tune", "test"])
def test_generated_problems_are_spread_over_the_numbers_of_steps(split):
    problems = TASK.generate(35, split, seed=1)
    assert Counter(p.meta["steps"] for p in problems) == dict.fromkeys(range(2, 9), 5)
    assert len({p.id for p in problems}) == len({TASK.canonical(p) for p in problems}) == 35
    assert [TASK.parse(p.question).answer for p in problems] == [p.answer for p in problems]
    assert TASK.generate(35, split, seed=1) == problems
    assert TASK.generate(35, split, seed=2) != problems


def test_fields_of_the_generator():
    few = Arithmetic(steps=(3, 3), largest=30).generate(20, "train", 0)
    assert {p.meta["steps"] for p in few} == {3}
    assert max(int(n) for p in few for n in re.findall(r"\d+", " ".join(TASK.gold_steps(p)))) <= 30
    idle = Arithmetic(steps=(3, 3), distractors=2).generate(20, "train", 0)
    assert {p.meta["steps"] for p in idle} == {3}
    lengths = [sum(p.question.count(".") for p in problems) for problems in (few, idle)]
    assert lengths[1] > lengths[0] + 20
    assert TASK.max_steps(few[0]) == 10
    assert Arithmetic(limit=12).max_steps(few[0]) == 12


def test_splits_share_no_problem_not_even_in_other_words():
    task = Arithmetic(steps=(1, 2), largest=60)
    forms = [
        {task.canonical(p) for p in task.generate(300, s, 0)} for s in ("train", "tune", "test")
    ]
    assert [len(f) for f in forms] == [300, 300, 300]
    assert not forms[0] & forms[1]
    assert not forms[0] & forms[2]
    assert not forms[1] & forms[2]


def test_excluded_forms_are_left_out():
    task = Arithmetic(steps=(1, 1), largest=20)
    excluded = frozenset(task.canonical(p) for p in task.generate(200, "train", 0))
    assert not excluded & {task.canonical(p) for p in task.generate(50, "train", 0, excluded)}


def test_too_many_problems_are_refused(monkeypatch):
    monkeypatch.setattr("specreward.tasks.arithmetic._PATIENCE", 500)
    with pytest.raises(InputError, match=r"found only \d+ of 9000 different problems"):
        Arithmetic(steps=(1, 1), largest=20).generate(9000, "test", 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": (0, 3)},
        {"steps": (4, 3)},
        {"steps": (2, 9)},
        {"largest": 19},
        {"largest": 1000},
        {"distractors": -1},
        {"distractors": 4},
        {"limit": 7},
    ],
)
def test_bad_fields_are_refused(fields):
    with pytest.raises(InputError, match=f"{next(iter(fields))}: expected"):
        Arithmetic(**fields)


def test_an_unknown_split_is_refused():
    with pytest.raises(InputError, match="split: expected one of train, tune, test, got 'dev'"):
        TASK.generate(1, "dev", 0)


def test_parsing_its_own_wording():
    problem = TASK.parse(f"  {QUESTION.replace('.', ' .')} \n")
    assert problem.question == QUESTION
    assert problem.answer == "48"
    assert problem.meta == {"steps": 3}
    assert TASK.gold_steps(problem) == STEPS


def test_parsing_other_wording():
    problem = TASK.parse(OTHER)
    assert problem == Problem(problem.id, OTHER)
    assert TASK.canonical(problem) == TASK.canonical(Problem("p", OTHER.upper()))
    assert TASK.canonical(problem) != TASK.canonical(Problem("p", OTHER.replace("48", "46")))
    for ask in (TASK.gold_steps, lambda p: TASK.is_right_step(Path(p, (Step(STEPS[0]),)))):
        with pytest.raises(InputError, match="expected a problem in the wording of the task"):
            ask(problem)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "expected a word problem"),
        ("5 + 7", "expected a word problem"),
        ("how many?", "expected a word problem"),
        ("Ann has 5 pens. How many pens does Ann have?", "a question that takes at least one step"),
        ("Ann has 5 pens. Ann loses 6 pens. How many pens does Ann have now?", "0 or more"),
    ],
)
def test_malformed_lines(line, message):
    with pytest.raises(InputError, match=message):
        TASK.parse(line)


def test_the_right_path():
    problem = TASK.parse(QUESTION)
    path = walked(TASK, problem, STEPS)
    assert [s.final for s in path.steps] == [False, False, True]
    assert not any(s.dead for s in path.steps)
    assert all(TASK.is_right_step(Path(problem, path.steps[:i])) for i in (1, 2, 3))
    assert TASK.answer(path) == "48"
    assert TASK.check(problem, "48")


@pytest.mark.parametrize(
    ("written", "right"),
    [
        (STEPS[0], True),
        ("How many apples does Ann have now ? 7 + 5 = 12 . The answer is 12", True),
        ("how many apples does Ann have now? 5 + 7 = 12. The answer is 12.", True),
        (STEPS[0].replace("12", "13"), False),
        (STEPS[0].replace("is 12", "is 13"), False),
        (STEPS[0].replace("= 12", "= 13"), False),
        (STEPS[0].replace("5 + 7", "6 + 6"), False),
        (STEPS[0].replace("5 + 7", "5 + 3 + 4"), False),
        (STEPS[0].replace("Ann", "Ben"), False),
        (STEPS[0].replace(" now", ""), False),
        (f"{text.LAST} {STEPS[0]}", False),
        (STEPS[1], False),
        (STEPS[2], False),
    ],
)
def test_labels_of_a_first_step(written, right):
    problem = TASK.parse(QUESTION)
    step = TASK.step(Path(problem), Completion(written, 9, None, 10))
    assert not step.dead  # a wrong step is wrong, not dead
    assert TASK.is_right_step(Path(problem, (step,))) is right


def test_labels_of_steps_where_order_counts():
    problem = TASK.parse("Ann has 9 pens. Ann loses 3 pens. How many pens does Ann have now?")
    gold = f"{text.LAST} How many pens does Ann have now? 9 - 3 = 6. The answer is 6."
    assert TASK.gold_steps(problem) == [gold]
    assert TASK.is_right_step(walked(TASK, problem, [gold]))
    assert not TASK.is_right_step(walked(TASK, problem, [gold.replace("9 - 3", "3 - 9")]))
    assert not TASK.is_right_step(walked(TASK, problem, [gold.removeprefix(f"{text.LAST} ")]))
    assert not TASK.is_right_step(walked(TASK, problem, [gold, gold]))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "How many apples does Ann have now? The answer is 12.",
        "How many apples does Ann have now? 5 + 7 = 12.",
        "How many apples does Ann have now? 5 plus 7 = 12. The answer is 12.",
        "How many apples does Ann have now? 12 = 12. The answer is 12.",
        "5 + 7 = 12. The answer is 12.",
        "Now we can answer the question: 12 + 36 = 48. The answer is 48.",
        f"{STEPS[0]} {STEPS[1]}",
    ],
)
def test_a_step_of_another_form_is_dead(written):
    problem = TASK.parse(QUESTION)
    step = TASK.step(Path(problem), Completion(written, 9, None, 10))
    assert step.dead
    assert not step.final
    assert not TASK.is_right_step(Path(problem, (step,)))


def test_a_wrong_end_is_final():
    wrong = walked(TASK, TASK.parse(QUESTION), [STEPS[0], STEPS[2].replace("36", "30")])
    assert wrong.finished
    assert not wrong.dead
    assert TASK.answer(wrong) == "48"
    early = walked(TASK, TASK.parse(QUESTION), [f"{text.LAST} {STEPS[0]}"])
    assert early.finished
    assert not TASK.check(early.problem, TASK.answer(early))


def test_the_step_limit():
    task = Arithmetic(steps=(2, 2), limit=2)
    problem = task.parse(QUESTION)
    assert [s.dead for s in walked(task, problem, STEPS[:2]).steps] == [False, True]
    assert not walked(task, problem, [STEPS[0], STEPS[2]]).dead
    assert not walked(TASK, problem, STEPS[:2]).dead


@pytest.mark.parametrize(
    ("written", "answer"),
    [("12", "12"), ("012", "12"), ("12.50", "25/2"), ("6/4", "3/2"), ("-3", "-3")],
)
def test_answers_have_one_form(written, answer):
    step = f"{text.LAST} How many? 5 + 7 = {written}. The answer is {written}."
    path = walked(TASK, TASK.parse(QUESTION), [step])
    assert TASK.answer(path) == answer


def test_a_bare_path_has_no_answer():
    assert TASK.answer(Path(TASK.parse(QUESTION))) == ""


@pytest.mark.parametrize(
    ("reference", "answer", "right"),
    [
        ("48", "48", True),
        ("48", " 48.0 ", True),
        ("1200", "$1,200", True),
        ("Half of it.\n#### 72", "72", True),
        ("72", "48/2 = 24, so #### 72", True),
        ("48", "49", False),
        ("48", "", False),
        ("48", "many", False),
        (None, "48", False),
        ("many", "many", False),
    ],
)
def test_answers_are_compared_as_numbers(reference, answer, right):
    assert TASK.check(Problem("p", OTHER, reference), answer) is right


def test_texts_for_the_models():
    path = walked(TASK, TASK.parse(QUESTION), STEPS[:2])
    start = f"{QUESTION} ; {STEPS[0]} ; {STEPS[1]} ;"
    assert TASK.prompt(path) == TASK.reward_text(path) == start
    assert TASK.value_prompt(path) == f"{start} value :"
    assert TASK.good_prompt(path) == f"{start} good :"
    for ask in (TASK.good_prompt, TASK.reward_text, TASK.is_right_step):
        with pytest.raises(InputError, match="at least one step"):
            ask(Path(path.problem))


def test_texts_are_in_the_vocabulary():
    words = Vocabulary(text.VOCABULARY)
    for problem in Arithmetic(largest=999, distractors=1).generate(70, "test", 0):
        path = walked(TASK, problem, TASK.gold_steps(problem))
        for written in (TASK.prompt(path), TASK.value_prompt(path), TASK.good_prompt(path)):
            again = words.decode(words.encode(written))
            assert text.tidy(again) == text.tidy(written)
        for step in path.steps:
            ids = words.encode(f"{step.text} ;")
            assert len(ids) <= TASK.sampling.max_tokens
            assert (
                TASK.step(Path(problem), Completion(words.decode(ids[:-1]), 9, None, 1)).text
                == step.text
            )


def test_the_models_know_numbers_up_to_the_largest():
    words = Vocabulary(text.VOCABULARY)
    assert len(words.encode(" ".join(map(str, range(text.LARGEST + 1))))) == text.LARGEST + 1
    with pytest.raises(InputError, match=f"does not know '{text.LARGEST + 1}'"):
        words.encode(str(text.LARGEST + 1))
