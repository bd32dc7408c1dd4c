from math import exp, inf, log, nan

import pytest

from specreward.errors import EngineError
from specreward.verify.softmax import log_softmax


def test_it_normalizes_and_keeps_ratios():
    values = log_softmax([log(1), log(3), log(6)])
    assert [exp(v) for v in values] == pytest.approx([0.1, 0.3, 0.6])


def test_far_apart_weights_do_not_overflow():
    assert log_softmax([-2000.0, 1000.0]) == [-3000.0, 0.0]


def test_a_single_weight_is_certain_and_equal_weights_are_exactly_equal():
    assert log_softmax([-7.3]) == [0.0]
    assert log_softmax([-5.0] * 3) == log_softmax([0.3] * 3)


@pytest.mark.parametrize("weights", [[nan, 1.0], [1.0, nan], [-inf, -inf], [nan]])
def test_what_cannot_be_normalized_is_refused(weights):
    with pytest.raises(EngineError, match="finite maximum"):
        log_softmax(weights)
