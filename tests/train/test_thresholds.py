"""Thresholds by acceptance, by error and by loss, on data made by hand."""

import pytest

from specreward.errors import InputError
from specreward.reward.calibrated import KnotMap, TemperatureMap
from specreward.stats import wilson
from specreward.train.thresholds import by_acceptance, by_error, by_loss, raw_of, tried

# 100 steps, ten at each score: at 0.1 none is good, at 0.2 one, ... at 1.0 nine.
SCORES = [level / 10 for level in range(1, 11) for _ in range(10)]
LABELS = [float(at < level - 1) for level in range(1, 11) for at in range(10)]


def test_by_acceptance():
    found = by_acceptance(SCORES, 0.3)
    assert (found.threshold, found.reached, found.n) == (0.8, 0.3, 100)
    assert by_acceptance(SCORES, 0.31).threshold == 0.7
    with pytest.raises(InputError, match="accept"):
        by_acceptance(SCORES, 0)


def test_by_error_accepts_as_much_as_the_share_allows():
    # From 0.9 on 3 of 20 are bad, from 0.8 on 6 of 30, from 0.7 on 10 of 40.
    assert by_error(SCORES, LABELS, 0.15).threshold == 0.9
    assert by_error(SCORES, LABELS, 0.199).threshold == 0.9
    found = by_error(SCORES, LABELS, 0.2)
    assert (found.rule, found.threshold, found.reached) == ("error", 0.8, 0.2)
    assert by_error(SCORES, LABELS, 1).threshold == 0.1


def test_by_loss_rejects_as_much_as_the_share_allows():
    # Below 0.3 lie 20 with 1 good, below 0.4 30 with 3, below 0.5 40 with 6.
    assert by_loss(SCORES, LABELS, 0.05).threshold == 0.3
    found = by_loss(SCORES, LABELS, 0.12)
    assert (found.rule, found.threshold, found.reached) == ("loss", 0.4, 0.1)
    assert by_loss(SCORES, LABELS, 1).threshold == 1.0


def test_what_cannot_be_met_is_refused_with_what_can():
    with pytest.raises(InputError, match=r"at most 10.0% bad .* got none: the least is 15.0%"):
        by_error(SCORES, LABELS, 0.1)  # ten at 1.0 have one in ten, but ten are too few to say so
    with pytest.raises(InputError, match=r"at most 2.0% good .* got none: the least is 5.0%"):
        by_loss(SCORES, LABELS, 0.02)
    with pytest.raises(InputError, match="there are 5 steps"):
        by_error(SCORES[:5], LABELS[:5], 0.5)
    with pytest.raises(InputError, match="error: expected"):
        by_error(SCORES, LABELS, 2)


def test_what_a_threshold_gives_elsewhere():
    found = tried(SCORES, LABELS, range(100), 0.75)
    assert (found.n, found.accepted.estimate) == (100, 0.3)
    assert found.error.estimate == pytest.approx(0.2)
    assert found.loss.estimate == pytest.approx(21 / 70)
    assert found.error.low < 0.2 < found.error.high
    assert tried(SCORES, LABELS, range(100), 2).error is None
    assert tried(SCORES, LABELS, range(100), 0).loss is None
    with pytest.raises(InputError):
        tried([], [], [], 0.5)


def test_steps_of_one_problem_are_no_many_problems():
    def wide(problems):
        accepted = tried(SCORES, LABELS, problems, 0.75).accepted
        return accepted.high - accepted.low

    alone, ten = wide(range(100)), wide([at // 10 for at in range(100)])
    assert alone == pytest.approx(wilson(30, 100).high - wilson(30, 100).low, rel=0.1)
    assert ten > 2.5 * alone
    # All are accepted: the bootstrap knows no doubt, Wilson's interval does.
    assert tried(SCORES, LABELS, range(100), 0).accepted.low == wilson(100, 100).low


def test_a_threshold_on_the_raw_scale():
    warm = TemperatureMap(2.0)
    raw = raw_of(0.7, warm)
    assert warm(raw) >= 0.7 > warm(raw - 1e-12)
    steps = KnotMap(((0.2, 0.1), (0.4, 0.1), (0.6, 0.9)))
    assert raw_of(0.1, steps) == 0.0
    assert raw_of(0.5, steps) == pytest.approx(0.5)
    assert raw_of(0.95, steps) is None
