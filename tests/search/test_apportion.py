import math
import random
from itertools import pairwise

import pytest

from specreward.errors import InputError
from specreward.search.apportion import apportion


def softmax(rewards, temperature):
    return [math.exp((r - max(rewards)) / temperature) for r in rewards]


def rounded(weights, total):
    """The paper's rule."""
    return [round(total * weight / sum(weights)) for weight in weights]


def cases(n=20_000):
    dice = random.Random(0)
    for _ in range(n):
        rewards = [dice.random() for _ in range(dice.randint(1, 16))]
        yield rewards, softmax(rewards, dice.choice([0.05, 0.2, 1.0])), dice.randint(1, 32)


def test_the_numbers_of_the_reference():
    assert apportion(softmax([0.9, 0.8, 0.2, 0.1], 0.2), 16) == [10, 6, 0, 0]
    assert apportion([1.0] * 5, 2) == [1, 1, 0, 0, 0]


def test_sums_monotony_and_quota_in_20000_cases():
    wrong = 0
    for rewards, weights, total in cases():
        shares = apportion(weights, total)
        assert sum(shares) == total
        ordered = sorted(zip(rewards, shares, strict=True))
        assert all(a[1] <= b[1] for a, b in pairwise(ordered))
        quotas = [total * weight / math.fsum(weights) for weight in weights]
        assert all(abs(s - q) < 1 for s, q in zip(shares, quotas, strict=True))
        wrong += sum(rounded(weights, total)) != total
    assert 0.25 < wrong / 20_000 < 0.75  # what rounding each by itself would have broken


def test_rounding_gives_all_of_five_equal_ones_nothing():
    assert rounded([1.0] * 5, 2) == [0] * 5


def test_equal_weights_get_equal_shares_but_for_the_first():
    assert apportion([2.0] * 4, 16) == [4] * 4
    assert apportion([0.1] * 3, 5) == [2, 2, 1]
    assert apportion([1.0, 1.0, 2.0], 1) == [0, 0, 1]  # equal remainders .25, .25 and .5


def test_a_tie_of_remainders_goes_to_the_larger_weight():
    assert apportion([1.0, 3.0], 2) == [0, 2]  # quotas .5 and 1.5


def test_limits_of_the_temperature():
    rewards = [0.3, 0.9, 0.5, 0.1]
    assert apportion(softmax(rewards, 1e9), 16) == [4, 4, 4, 4]
    assert apportion(softmax(rewards, 1e-4), 16) == [0, 16, 0, 0]


def test_nothing_large_and_small():
    assert apportion([0.5, 0.0], 0) == [0, 0]
    assert apportion([0.0, 1e-300], 7) == [0, 7]
    assert apportion([1e308, 1e308], 4) == [2, 2]


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [-1.0, 2.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_weights_that_cannot_be_shared_by(weights):
    with pytest.raises(InputError, match="finite weights of at least 0"):
        apportion(weights, 3)


@pytest.mark.parametrize("total", [-1, 1.5, True])
def test_totals_that_are_none(total):
    with pytest.raises(InputError, match="apportion total: expected an integer"):
        apportion([1.0], total)
