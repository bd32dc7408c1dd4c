"""Programs of FinQA: the ten operations, what they refuse, and tables as text."""

import pytest

from specreward.errors import InputError
from specreward.tasks import FinQA, Program, StepByStep
from specreward.tasks.finqa_program import (
    OPERATIONS,
    execute,
    number_of,
    read_table,
    rounded,
    split,
    table_lines,
)
from specreward.types import Completion, Path, Problem

TABLE = (
    ("", "2019", "2018"),
    ("net sales", "$ 1200", "1,000"),
    ("change", "-20 ( 20 )", "5%"),
    ("taxes , other", "3", "4"),
    ("notes", "n/a", "1"),
    ("net sales", "$ 1300", "$ 1100"),
)


@pytest.mark.parametrize(
    ("program", "result"),
    [
        ("add(2, 3.5)", "5.5"),
        ("subtract(1,000, 1)", "999"),
        ("multiply(12.5%, 200)", "25"),
        ("divide(1, 3)", "0.33333"),
        ("divide(2, 3), multiply(#0, 3)", "2"),
        ("exp(2, const_10)", "1024"),
        ("greater(2, 2)", "no"),
        ("greater(3, const_m1)", "yes"),
        ("table_max(net sales, none)", "1300"),
        ("table_min(net sales, none)", "1100"),
        ("table_sum(net sales, none)", "2400"),
        ("table_average(net sales)", "1200"),
        ("table_sum(change, none)", "-19.95"),
        ("table_max(taxes , other, none)", "4"),
        ("add($ 5, const_1000000), subtract(#0, #0)", "0"),
        ("subtract(10, 4), divide(#0, 4), EOF", "1.5"),
        ("exp(3, 2)", "9"),
    ],
)
def test_results(program, result):
    assert rounded(execute(split(program), TABLE)[-1]) == result


def test_all_ten_are_there():
    assert len(OPERATIONS) == 10


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("power(2, 3)", "expected an operation such as add"),
        ("add(2, 3", "expected an operation"),
        ("add(2)", "expected two arguments for add"),
        ("add(2, 3, 4)", "expected two arguments for add"),
        ("add(2, x)", "expected a number, const_... or #k"),
        ("add(2, #0)", "expected the result of an operation before, got #0"),
        ("add(1, 1), add(#1, 1)", "operation before, got #1"),
        ("greater(1, 2), add(#0, 1)", "expected a number as #0, got 'no'"),
        ("divide(1, 0)", "has no result"),
        ("exp(-8, 0.5)", "has no result"),
        ("exp(10, 400)", "has no result"),
        ("multiply(1e300, 1e300)", "has no finite result"),
        ("table_sum(profit, none)", "expected the name of a row"),
        ("table_sum(notes, none)", "expected numbers only in the row 'notes'"),
        ("table_sum(#0, none)", "expected the name of a row"),
        ("add(__import__('os'), 1)", "expected a number"),
        ("", "expected an operation"),
    ],
)
def test_refused(program, message):
    with pytest.raises(InputError, match=message):
        execute(split(program), TABLE)


def test_numbers():
    assert number_of("(5)") is None
    assert number_of("1,234.5 %") == pytest.approx(12.345)
    assert number_of("- 3") == -3
    assert rounded(-0.000001) == "0"
    assert rounded(122604300.0) == "122604300"


def test_tables_survive_as_text():
    lines = table_lines(TABLE)
    assert lines[0] == "|  | 2019 | 2018 |"
    assert read_table("\n".join(["Sales.", *lines, "Asked: | what |?"])) == TABLE
    assert read_table("\n".join(table_lines((("a|b", ""), (" x ", "1"))))) == (
        ("a/b", ""),
        ("x", "1"),
    )
    assert read_table("no table") == ()


def walked(task, problem, *texts):
    path = Path(problem)
    for text in texts:
        path = path.then(task.step(path, Completion(text, 1, None, 1)))
    return path


def test_steps_show_results_that_are_worked_out_here():
    task = FinQA()
    question = "\n".join([*table_lines(TABLE), "Asked: what is the growth in net sales?"])
    problem = Problem("p", question, "0.18182")
    path = walked(task, problem, " subtract(1300, 1100) -> #0 = 7", "`answer = divide(#0, 1100)`.")
    assert [step.text for step in path.steps] == [
        "subtract(1300, 1100)",
        "answer = divide(#0, 1100)",
    ]
    assert "Step 1: subtract(1300, 1100) -> #0 = 200\n\nStep 2:" in task.prompt(
        Path(problem, path.steps[:1])
    )
    assert (path.finished, task.answer(path)) == (True, "0.18182")
    assert task.check(problem, "0.18182")
    assert not task.check(problem, "0.1818")
    assert walked(task, problem, "answer = divide(1, 0)").dead
    assert walked(task, problem, "answer: greater(1, 2)").finished
    assert walked(task, problem, "It is 0.18182.").dead
    named = walked(task, problem, "divide(200, 1100)", "**answer = #0**")
    assert (named.finished, task.answer(named)) == (True, "0.18182")
    assert "Step 2: answer = #0 -> #1 = 0.18182" in task.reward_text(named)
    assert task.answer(walked(task, problem, "greater(1, 2)", "answer = #0")) == "no"
    assert walked(task, problem, "divide(200, 1100)", "answer = #1").dead
    assert walked(task, problem, "divide(200, 1100)", "#0").dead


def test_answers_in_words_have_a_tolerance():
    problem = Problem("p", "Asked: what is it?", "0.14464")
    task = FinQA(form=StepByStep())
    assert task.read("The answer is 14.5%.") == "0.145"
    assert task.check(problem, task.read("The answer is 14.5%."))
    assert not task.check(problem, "0.142")
    assert not FinQA(form=StepByStep(), tolerance=0.001).check(problem, "0.145")
    assert not FinQA(form=Program(), tolerance=1.0).check(problem, "0.145")
    assert task.check(Problem("p", "Asked: is it?", "yes"), "yes")
    assert not task.check(Problem("p", "Asked: is it?", "yes"), "no")
    assert task.read("The answer is " + "9" * 299) is not None
    assert FinQA().read("The answer is 2e290 and 1e299.") is not None
