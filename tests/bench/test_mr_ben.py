"""MR-Ben: correlation, first errors and their weights."""

import json
from math import sqrt

import pytest
from tests.bench.stepwise import constant, one, scored

from specreward.bench import MRBen
from specreward.bench.first_error import FIRST
from specreward.bench.mr_ben import matthews, mr_score
from specreward.errors import InputError


def test_the_score_by_hand():
    judged = [
        one("1", "math", [0.9], first_error=None),  # right, said right
        one("2", "math", [0.9], first_error=None),
        one("3", "math", [0.1], first_error=None),  # right, said wrong
        one("4", "math", [0.9, 0.1], first_error=1),  # wrong, said wrong, there
        one("5", "math", [0.1, 0.1], first_error=1),  # wrong, said wrong, elsewhere
        one("6", "math", [0.9, 0.9], first_error=0),  # wrong, said right
        one("7", "physics", [0.1], first_error=0),
        one("8", "physics", [0.9], first_error=None),
    ]
    mcc = (2 * 2 - 1 * 1) / sqrt(3 * 3 * 3 * 3)
    numbers = MRBen().metrics(judged)
    assert numbers["math mcc"] == pytest.approx(mcc)
    assert numbers["math step accuracy"] == pytest.approx(1 / 3)
    assert (numbers["physics mcc"], numbers["physics step accuracy"]) == (1.0, 1.0)
    math, physics = 0.2 * mcc + 0.3 / 3, 0.5
    assert numbers["mr_score"] == pytest.approx((math + physics) / 2)
    assert numbers["without reasons"] == pytest.approx(math + physics)
    assert next(iter(numbers)) == "mr_score"


def test_a_step_is_wrong_below_the_threshold():
    judged = [
        one("1", "math", [0.9, 0.4], first_error=1),
        one("2", "math", [0.4, 0.4], first_error=None),
    ]
    assert MRBen(threshold=0.4).metrics(judged)["math step accuracy"] == 0.0
    assert MRBen(threshold=0.5).metrics(judged)["math step accuracy"] == 1.0


def test_the_formula_as_released():
    assert matthews(3, 4, 0, 0) == 1.0
    assert matthews(0, 0, 4, 3) == -1.0
    assert matthews(5, 0, 3, 0) == 0.0  # one word for all
    assert mr_score(0.5, 0.4, 0.3) == pytest.approx(0.1 + 0.12 + 0.15)
    assert mr_score(-0.5, 0.4, 0.0) == pytest.approx(0.12)


def row(**other):
    return {
        "Question_UUID": "u",
        "Question": "q",
        "Options": "A: 1",
        "Sampled_Model": "m",
        "Model_Solution_Steps": ["a", "b"],
        "Model_Solution_Correctness": "incorrect",
        "Model_Solution_First_Error_Step": "2",
        **other,
    }


def items(tmp_path, rows, name="math.json"):
    (tmp_path / name).write_text(json.dumps(rows))
    return MRBen().items(tmp_path)


def test_rows(tmp_path):
    right = row(Model_Solution_Correctness="correct", Model_Solution_First_Error_Step="N/A")
    found = items(tmp_path, {"u": [row(), right]})  # as published: by question
    assert [item.id for item in found] == ["u-1", "u-2"]
    assert [item.gold[FIRST] for item in found] == [1, None]
    assert {item.group for item in found} == {"math"}
    assert found[0].question == "q\nA: 1"


def test_the_first_wrong_line_of_a_program_is_its_text(tmp_path):
    code = "def f():\n    x = 1\n    return x\n"
    rows = [
        row(Model_Solution_Steps=code, Model_Solution_First_Error_Step=line, Options="")
        for line in ("x = 1", "y = 2", "   ")
    ]
    found = items(tmp_path, rows, "coding.json")
    assert found[0].answers[0].steps == ("def f():", "    x = 1", "    return x")
    assert [item.gold[FIRST] for item in found] == [1, -1, -1]
    blind = scored(found, constant(0.0))
    assert MRBen().metrics(blind)["coding step accuracy"] == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Model_Solution_First_Error_Step": "3"}, "entry 1: expected an integer from 1 to 2"),
        ({"Model_Solution_Correctness": "maybe"}, "expected one of 'correct', 'incorrect'"),
        ({"Model_Solution_Steps": ""}, "expected a solution of at least one line"),
    ],
)
def test_bad_rows_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        items(tmp_path, [row(**change)])


def test_files_at_hand(data):
    found = MRBen().items(data / "mr_ben")
    assert {item.group for item in found} < {
        *("biology", "chemistry", "coding", "math", "medicine", "physics", "logic")
    }
    assert len({item.id for item in found}) == len(found) > 2000
    assert MRBen().metrics(scored(found, constant(1.0)))["mr_score"] == 0.0
    perfect = MRBen().metrics(
        scored(found, lambda item, _, place: 0.0 if place == item.gold[FIRST] else 1.0)
    )
    assert perfect["math step accuracy"] == perfect["math mcc"] == 1.0
    assert perfect["coding step accuracy"] < 1.0  # labels that are no line of the program
    assert perfect["mr_score"] < 0.5
