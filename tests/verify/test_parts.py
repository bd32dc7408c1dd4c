"""Proposal, target, ratio and consistency: each against its formula."""

from math import exp, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreward.errors import InputError
from specreward.types import Siblings, Step
from specreward.verify import (
    GeometricMean,
    LlmOverSrm,
    LogProbability,
    Luce,
    RawReward,
    Reciprocal,
    RewardShare,
    RewardTilt,
    SampleFrequency,
    SrmOverLlm,
    Symmetric,
    distinct,
)

from .toys import ROOT, children

# SR and RC as printed in the method figure of the paper.
PRINTED = [
    (0.183, 0.551),
    (0.005, 0.501),
    (2.399, 0.417),
    (0.166, 0.545),
    (2.772, 0.361),
    (0.042, 0.511),
    (0.071, 0.518),
    (0.048, 0.512),
    (0.572, 0.700),
    (1.000, 1.000),
    (0.978, 0.978),
    (1.017, 0.983),
]

LOGPROBS, TOKENS = [-2.0, -6.0, -3.0], [2, 3, 1]


def probabilities(proposal, texts="abc", logprobs=LOGPROBS, tokens=TOKENS):
    family = children(texts, logprobs, tokens)
    return [exp(v) for v in proposal(ROOT, distinct(family))]


def softmax(values):
    weights = [exp(v) for v in values]
    return [w / sum(weights) for w in weights]


def test_log_probability_divides_by_length_and_temperature():
    assert probabilities(LogProbability()) == pytest.approx(softmax([-1, -2, -3]))
    assert probabilities(LogProbability(length_exponent=0)) == pytest.approx(softmax([-2, -6, -3]))
    assert probabilities(LogProbability(length_exponent=0.5)) == pytest.approx(
        softmax([-2 / 2**0.5, -6 / 3**0.5, -3])
    )
    assert probabilities(LogProbability(temperature=2)) == pytest.approx(softmax([-0.5, -1, -1.5]))


def test_duplicates_neither_sharpen_nor_flatten_the_log_probability():
    merged = probabilities(LogProbability(), "aab", [-1.0, -1.0, -2.0], [1, 1, 1])
    assert merged == pytest.approx(softmax([-1, -2]))


def test_log_probability_of_several_steps_is_that_of_all():
    path = ROOT.then(Step("x", 1, -1.0)).then(Step("y", 3, -5.0))
    drawn = distinct(Siblings(ROOT, (path, ROOT.then(Step("z", 1, -2.5)))))
    assert [exp(v) for v in LogProbability()(ROOT, drawn)] == pytest.approx(softmax([-1.5, -2.5]))


@pytest.mark.parametrize("proposal", [LogProbability(), GeometricMean()])
def test_steps_without_log_probability_are_refused_with_the_way_out(proposal):
    with pytest.raises(InputError, match=r"'b'.*proposal=sample_frequency\(\)"):
        probabilities(proposal, "ab", [-1.0, None], [1, 1])


def test_sample_frequency_counts_and_smooths():
    counted = children("aabc")
    frequencies = SampleFrequency()(ROOT, distinct(counted))
    assert [exp(v) for v in frequencies] == pytest.approx([0.5, 0.25, 0.25])
    smoothed = SampleFrequency(epsilon=2.0)(ROOT, distinct(counted))
    assert [exp(v) for v in smoothed] == pytest.approx([0.4, 0.3, 0.3])


def test_geometric_mean_is_not_normalized():
    assert probabilities(GeometricMean()) == pytest.approx([exp(-1), exp(-2), exp(-3)])


LOG_P = [log(0.5), log(0.3), log(0.2)]


def law(target, rewards):
    return [exp(v) for v in target(rewards, LOG_P)]


def test_luce_gives_normalized_odds_and_sharpens_with_its_temperature():
    rewards = [0.5, 0.8, 0.2]
    odds = [1.0, 4.0, 0.25]
    assert law(Luce(), rewards) == pytest.approx([o / 5.25 for o in odds])
    cold = [o**2 for o in odds]
    assert law(Luce(temperature=0.5), rewards) == pytest.approx([o / sum(cold) for o in cold])


def test_luce_is_finite_at_certain_rewards():
    assert law(Luce(), [0.0, 1.0, 1.0]) == pytest.approx([0.0, 0.5, 0.5], abs=1e-9)


def test_reward_share_and_its_even_split_of_nothing():
    assert law(RewardShare(), [0.1, 0.3, 0.0]) == pytest.approx([0.25, 0.75, 0.0])
    assert law(RewardShare(), [0.0, 0.0, 0.0]) == pytest.approx([1 / 3] * 3)


def test_reward_tilt_weighs_the_policy_by_the_reward():
    assert law(RewardTilt(), [0.2, 1.0, 0.0]) == pytest.approx([0.25, 0.75, 0.0])
    assert law(RewardTilt(exponent=2), [0.2, 1.0, 0.0]) == pytest.approx([1 / 16, 15 / 16, 0.0])
    assert law(RewardTilt(), [0.0, 0.0, 0.0]) == pytest.approx([0.5, 0.3, 0.2])


def test_raw_reward_is_not_normalized():
    assert law(RawReward(), [0.2, 1.0, 0.0]) == pytest.approx([0.2, 1.0, 0.0])


def test_the_two_ratios_are_each_other_s_inverse():
    assert SrmOverLlm()(log(0.5), log(0.9)) == pytest.approx(log(1.8))
    assert LlmOverSrm()(log(0.5), log(0.9)) == pytest.approx(-log(1.8))


@pytest.mark.parametrize(("sr", "rc"), PRINTED)
def test_reciprocal_consistency_agrees_with_the_paper_s_figure(sr, rc):
    assert exp(Reciprocal()(log(sr))) == pytest.approx(rc, abs=1.1e-3)


@given(st.floats(-20, 20))
def test_consistency_follows_its_formula_everywhere(log_sr):
    sr = exp(log_sr)
    assert exp(Reciprocal()(log_sr)) == pytest.approx(1 / (1 + abs(sr - 1)), rel=1e-9)
    assert exp(Symmetric()(log_sr)) == pytest.approx(min(sr, 1 / sr), rel=1e-9)


def test_the_forms_differ_below_one_only():
    assert Reciprocal()(log(2)) == Symmetric()(log(2))
    assert exp(Reciprocal()(-20.0)) == pytest.approx(0.5)
    assert exp(Symmetric()(-20.0)) < 1e-8


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (LogProbability, {"length_exponent": -1}),
        (LogProbability, {"temperature": 0}),
        (SampleFrequency, {"epsilon": -0.5}),
        (Luce, {"temperature": 0.0}),
        (Luce, {"temperature": nan}),
        (RewardTilt, {"exponent": 0}),
    ],
)
def test_bad_settings_are_refused_by_name(make, fields):
    with pytest.raises(InputError, match=f"{next(iter(fields))}: expected a finite number"):
        make(**fields)
