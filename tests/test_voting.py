import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreward.errors import InputError, RewardError
from specreward.voting import best, majority, shares, totals, weighted_majority

ANSWERS = st.lists(st.sampled_from(["x", "y", "z", ""]), max_size=12)


def test_majority_and_weighted_differ():
    answers, weights = ["x", "y", "y", "x", "z"], [0.9, 0.5, 0.5, 0.2, 1.05]
    assert majority([*answers, "y"]) == "y"
    assert weighted_majority(answers, weights) == "x"  # 1.1, 1.0, 1.05


def test_ties_go_to_the_first():
    assert majority(["y", "x", "x", "y"]) == "y"
    assert weighted_majority(["z", "x"], [0.0, 0.0]) == "z"
    assert best([0.1, 0.7, 0.7]) == 1


def test_a_sum_does_not_depend_on_its_order():
    # 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in the last place when added one by one.
    assert weighted_majority(["x"] * 3 + ["y"] * 3, [0.1, 0.2, 0.3, 0.3, 0.2, 0.1]) == "x"
    assert weighted_majority(["y"] * 3 + ["x"] * 3, [0.3, 0.2, 0.1, 0.1, 0.2, 0.3]) == "y"


def test_an_empty_answer_has_no_vote():
    assert majority(["", "", "x"]) == "x"
    assert majority(["", ""]) is None
    assert majority([]) is None
    assert shares(["", "x", "y", "x", "x"]) == {"x": 0.75, "y": 0.25}
    assert shares([]) == {}


@given(ANSWERS)
def test_shares_are_a_distribution_over_the_answers_given(answers):
    got = shares(answers)
    assert set(got) == set(answers) - {""}
    assert not got or math.isclose(sum(got.values()), 1.0)
    assert list(got) == list(dict.fromkeys(a for a in answers if a))


@given(ANSWERS)
def test_equal_weights_are_a_majority(answers):
    assert weighted_majority(answers, [0.5] * len(answers)) == majority(answers)


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_weights_that_are_none_are_refused(weight):
    with pytest.raises(RewardError, match="finite vote weight of at least 0"):
        totals(["x"], [weight])


def test_wrong_lengths_and_nothing_are_refused():
    with pytest.raises(InputError, match="1 for 2"):
        totals(["x", "y"], [1.0])
    with pytest.raises(InputError, match="at least one"):
        best([])
    with pytest.raises(RewardError, match="NaN"):
        best([0.1, math.nan])
