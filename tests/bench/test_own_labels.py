"""A user's own labels: what each number says, by hand."""

import json
from math import isnan

import pytest
from tests.bench.stepwise import scored

from specreward.bench import OnTask, OwnLabels, judge, judged_of
from specreward.embedded import EmbeddedSRM
from specreward.errors import InputError
from specreward.label import Labelled, dump_labelled
from specreward.reward.aggregate import Minimum
from specreward.tasks import Game24
from specreward.types import Problem


def labelled(name, steps, labels, kind="prefix", outcome=None, question=None):
    problem = Problem(name, question or f"Q {name}", "answer", {"k": 1})
    return Labelled(problem=problem, steps=steps, labels=labels, kind=kind, outcome=outcome)


def items(tmp_path, *rows, benchmark=OwnLabels()):  # noqa: B008
    file = tmp_path / "labels.jsonl"
    file.write_text("".join([dump_labelled(one) + "\n" for one in rows]))
    return benchmark.items(file)


ROWS = [
    labelled("1", ("a", "b"), (1.0, 1.0), outcome=1.0),
    labelled("1", ("a", "c"), (1.0, 0.0), outcome=0.0),
    labelled("1", ("d", "e"), (0.0, None), outcome=0.0),
    labelled("2", ("a",), (0.0,), outcome=0.0),
]
SCORES = {"a": 0.9, "b": 0.3, "c": 0.6, "d": 0.4, "e": 0.1}


def judged(found, scores=SCORES):
    return scored(found, lambda item, which, place: scores[item.answers[which].steps[place]])


def test_problems_are_items(tmp_path):
    found = items(tmp_path, *ROWS)
    assert [item.id for item in found] == ["1", "2"]
    assert [answer.steps for answer in found[0].answers] == [("a", "b"), ("a", "c"), ("d", "e")]
    assert OwnLabels().problem(found[0]) == Problem("1", "Q 1", "answer")
    assert OwnLabels().problem(found[0]).meta == {"k": 1}


def test_numbers_by_hand(tmp_path):
    numbers = OwnLabels().metrics(judged(items(tmp_path, *ROWS)))
    # labelled, each once: 1a good .9, 1ab good .3, 1ac bad .6, 1d bad .4, 2a bad .9
    # pairs: .9 beats .6 and .4, ties with .9; .3 beats none
    assert numbers["auc"] == pytest.approx(2.5 / 6)
    # siblings: a over d right; b over c wrong
    assert numbers["pair accuracy"] == 0.5
    assert numbers["brier"] == pytest.approx((0.01 + 0.49 + 0.36 + 0.16 + 0.81) / 5)
    # bins of .9 (1 and 0), .3, .6 and .4
    assert numbers["ece"] == pytest.approx((abs(-0.1 + 0.9) + 0.7 + 0.6 + 0.4) / 5)
    # right: ab, suspected at b. wrong: ac at 1 (none is below), de at 0 (found), a at 0 (missed)
    assert numbers["first error f1"] == 0.0
    best = OwnLabels(threshold=0.25).metrics(judged(items(tmp_path, *ROWS)))
    assert best["first error f1"] == 0.0  # all of the right, none of the wrong
    # problem 1: c is last and highest with .6, and wrong
    assert numbers["best of all"] == 0.0
    assert numbers["pass@1"] == pytest.approx(1 / 3)
    assert numbers["pass@all"] == 1.0
    assert numbers["gain"] == pytest.approx(-0.5)
    assert next(iter(numbers)) == "auc"


def test_the_first_error_needs_all_labels_where_none_is_found(tmp_path):
    rows = [
        labelled("1", ("a", "b"), (1.0, 1.0)),
        labelled("2", ("a", "d"), (1.0, None)),  # nobody knows of the second
        labelled("3", ("a", "d"), (None, 0.0)),
        labelled("4", ("d",), (0.0,)),
    ]
    scores = {"a": 0.9, "b": 0.9, "d": 0.1}
    benchmark = OwnLabels()
    numbers = benchmark.metrics(judged(items(tmp_path, *rows), scores))
    assert numbers["first error f1"] == 1.0
    assert numbers["auc"] == 1.0
    assert isnan(numbers["best of all"])


def test_values_tell_no_errors(tmp_path):
    rows = [
        labelled("1", ("a", "b"), (0.75, 0.5), "value"),
        labelled("1", ("c",), (0.25,), "value"),
    ]
    numbers = OwnLabels().metrics(judged(items(tmp_path, *rows)))
    assert isnan(numbers["first error f1"])
    assert numbers["pair accuracy"] == 1.0
    assert numbers["brier"] == pytest.approx((0.15**2 + 0.2**2 + 0.35**2) / 3)


def test_how_steps_are_put_together_decides_the_choice(tmp_path):
    rows = [
        labelled("1", ("x", "y"), (1.0, 1.0), outcome=1.0),
        labelled("1", ("v", "w"), (1.0, 1.0), outcome=0.0),
    ]
    scores = {"x": 0.5, "y": 0.5, "v": 0.1, "w": 0.9}
    found = judged(items(tmp_path, *rows), scores)
    assert OwnLabels().metrics(found)["best of all"] == 0.0
    assert OwnLabels(combine=Minimum()).metrics(found)["best of all"] == 1.0


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (labelled("1", ("a",), (0.5,), "value"), r"jsonl:2: expected labels of kind prefix"),
        (labelled("1", ("a",), (0.5,), question="?"), "the question that problem '1' had before"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, other, message):
    with pytest.raises(InputError, match=message):
        items(tmp_path, ROWS[0], other)


def test_bad_rows_are_refused(tmp_path):
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps({"question": "q", "steps": ["a"], "labels": [2]}) + "\n")
    with pytest.raises(InputError, match=r"labels\.jsonl:1: label_kind: expected str"):
        OwnLabels().items(file)
    with pytest.raises(InputError, match="specreward convert writes the good ones"):
        OwnLabels().items(file)
    file.write_text("junk\n")
    with pytest.raises(InputError, match=r"^\S+:1: expected JSON.*specreward convert writes"):
        OwnLabels().items(file)
    with pytest.raises(InputError, match="task: expected an object"):
        OwnLabels(Game24)


def test_an_embedded_reward_model_reads_the_problems_of_its_task(tmp_path):
    problem = Problem("g", "4 9 10 13", "(10 - 4) * (13 - 9)", {})
    rows = [
        Labelled(problem=problem, steps=steps, labels=labels, kind="prefix")
        for steps, labels in (
            (("13 - 9 = 4 (left: 4 4 10)", "10 - 4 = 6 (left: 4 6)"), (1.0, 1.0)),
            (("13 - 9 = 4 (left: 4 4 10)", "4 + 4 = 8 (left: 8 10)"), (1.0, 0.0)),
        )
    ]
    benchmark = OwnLabels(Game24())
    assert isinstance(benchmark, OnTask)
    found = items(tmp_path, *rows, benchmark=benchmark)
    reward = EmbeddedSRM("game24")
    [one] = judged_of(found, judge(benchmark, found, reward))
    assert one.steps[0][0] == one.steps[1][0]
    assert one.steps[0][1] > one.steps[1][1]
    [failed] = judge(OwnLabels(), found, reward)
    assert "does not know" in failed.error
