"""Maps from scores to probabilities and their quality, against cases that are known."""

import json
import math
import random

import numpy as np
import pytest

from specreward.errors import InputError
from specreward.reward.calibrated import KnotMap, TemperatureMap, read_map
from specreward.train.calibration import (
    FEWEST,
    Isotonic,
    Temperature,
    fit_temperature,
    write_calibration,
)
from specreward.train.quality import auc, bins_of, ece, log_loss, logit, measure, sigmoid


def data(temperature, n=4000):
    """Logits that are too sure by a factor, and labels drawn from the true probabilities."""
    rng = random.Random(0)
    true = [rng.gauss(0, 2) for _ in range(n)]
    labels = [float(rng.random() < 1 / (1 + math.exp(-x))) for x in true]
    return [temperature * x for x in true], labels


def scored(temperature, n=4000):
    logits, labels = data(temperature, n)
    return sigmoid(logits).tolist(), labels


# ---------------------------------------------------------------------------------- temperature


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.0, 3.0])
def test_the_temperature_is_recovered(temperature):
    assert fit_temperature(*data(temperature)) == pytest.approx(temperature, rel=0.08)
    found = Temperature().fit(*scored(temperature))
    # Scores near 0 or 1 are not told apart, which costs the largest of these a little.
    assert found.temperature == pytest.approx(temperature, rel=0.08)
    assert Temperature().entries(found) == {
        "method": "temperature",
        "temperature": found.temperature,
    }


def test_the_fitted_temperature_has_the_least_loss():
    logits, labels = data(2.5)
    best = fit_temperature(logits, labels)
    y = np.asarray(labels)
    losses = [log_loss(np.asarray(logits) / (best * x), y) for x in (0.97, 1.0, 1.03)]
    assert losses[1] == min(losses) < log_loss(np.asarray(logits), y)


def test_soft_labels_are_fitted_too():
    logits = [-3.0, 0.0, 1.0, 6.0]
    soft = sigmoid(np.asarray(logits) / 2).tolist()
    assert fit_temperature(logits, soft) == pytest.approx(2, rel=1e-3)


# ------------------------------------------------------------------------------------- isotonic


def test_isotonic_finds_a_step_function():
    pytest.importorskip("scipy", reason="needs the train extra")
    scores = [0.1] * 10 + [0.2] * 10 + [0.6] * 10 + [0.7] * 10 + [0.9] * 10
    labels = [0.0] * 8 + [1.0] * 2 + [0.0] * 9 + [1.0] + [1.0, 0.0] * 5
    labels += [1.0] * 4 + [0.0] * 6 + [1.0] * 10
    found = Isotonic().fit(scores, labels)
    # 0.2 and 0.1 are out of order, and so are 0.5 and 0.4: each two are one level.
    levels = [(0.1, 0.15), (0.2, 0.15), (0.6, 0.45), (0.7, 0.45), (0.9, 1.0)]
    assert [x for x, _ in found.knots] == [x for x, _ in levels]
    assert [y for _, y in found.knots] == pytest.approx([y for _, y in levels])
    assert found(0.4) == pytest.approx((0.15 + 0.45) / 2)
    assert (found(0.0), found(1.0)) == (pytest.approx(0.15), 1.0)
    assert Isotonic().entries(found)["knots"] == [list(knot) for knot in found.knots]


def test_isotonic_weighs_a_score_by_its_steps():
    pytest.importorskip("scipy", reason="needs the train extra")
    found = Isotonic().fit([0.2] * 10 + [0.6] * 30, [1.0] * 8 + [0.0] * 2 + [1.0] * 6 + [0.0] * 24)
    assert found(0.4) == pytest.approx(14 / 40)


def test_isotonic_makes_the_order_of_ties_and_data_no_matter():
    pytest.importorskip("scipy", reason="needs the train extra")
    rng = random.Random(3)
    pairs = [(rng.randint(0, 9) / 9, float(rng.random() < 0.5)) for _ in range(200)]
    one = Isotonic().fit(*zip(*pairs, strict=True))
    rng.shuffle(pairs)
    assert Isotonic().fit(*zip(*pairs, strict=True)) == one
    assert all(a[1] <= b[1] for a, b in zip(one.knots, one.knots[1:], strict=False))


@pytest.mark.parametrize("family", [Temperature(), Isotonic()])
def test_what_is_calibrated_stays_and_what_is_too_sure_gets_better(family):
    if isinstance(family, Isotonic):
        pytest.importorskip("scipy", reason="needs the train extra")
    scores, labels = scored(1.0, 8000)
    found = family.fit(scores[::2], labels[::2])
    assert max(abs(found(x / 50) - x / 50) for x in range(51)) < 0.1
    sure, labels = scored(3.0, 8000)
    found = family.fit(sure[::2], labels[::2])
    raw = measure(sure[1::2], labels[1::2])
    better = measure([found(x) for x in sure[1::2]], labels[1::2])
    assert better.ece < 0.3 * raw.ece
    assert better.loss < raw.loss
    assert better.brier < raw.brier
    assert better.auc == pytest.approx(raw.auc, abs=2e-3)


@pytest.mark.parametrize("family", [Temperature(), Isotonic()])
@pytest.mark.parametrize(
    ("scores", "labels", "why"),
    [
        ([0.5] * 19, [0.0, 1.0] * 9 + [1.0], f"at least {FEWEST}"),
        ([0.5] * 30, [0.0] * 29, "30 scores and 29 labels"),
        ([0.5] * 30, [1.0] * 30, "30 that are all good"),
        ([0.5] * 30, [0.2] * 30, "30 that are all bad"),
        ([1.5] + [0.5] * 29, [0.0, 1.0] * 15, "in [0, 1], got 1.5"),
    ],
)
def test_what_no_map_can_be_fitted_on(family, scores, labels, why):
    if isinstance(family, Isotonic):
        pytest.importorskip("scipy", reason="needs the train extra")
    with pytest.raises(InputError) as caught:
        family.fit(scores, labels)
    assert why in str(caught.value)


# -------------------------------------------------------------------------------------- quality


def test_auc_counts_pairs_and_ties_half():
    rng = random.Random(1)
    scores = [rng.randint(0, 6) for _ in range(60)]
    labels = [rng.randint(0, 1) for _ in range(60)]
    pairs = [
        (a > b) + 0.5 * (a == b)
        for a, good in zip(scores, labels, strict=True)
        for b, bad in zip(scores, labels, strict=True)
        if good and not bad
    ]
    assert auc(scores, labels) == pytest.approx(sum(pairs) / len(pairs))
    assert auc([1, 2, 3], [0, 0, 1]) == 1.0
    assert auc([1, 2, 3], [1, 0, 0]) == 0.0
    assert auc([1, 2], [0.4, 0.5]) == 1.0
    assert math.isnan(auc([1, 2], [1, 1]))


def test_a_case_by_hand():
    # Scores 0.25, 0.25, 0.75, 0.75: gaps of 0.25 (0 of 2 good) and 0.25 (1 of 2 good).
    found = measure([0.25, 0.25, 0.75, 0.75], [0, 0, 1, 0])
    assert (found.n, found.positive) == (4, 0.25)
    assert found.ece == pytest.approx(0.25)
    assert found.ece_mass == pytest.approx(0.25)
    assert found.brier == pytest.approx((2 * 0.25**2 + 0.25**2 + 0.75**2) / 4)
    assert found.loss == pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4)
    assert found.auc == pytest.approx((1 + 1 + 0.5) / 3)


def test_bins_are_closed_above_and_many_as_asked():
    scores, labels = [0.0, 0.1, 0.2, 0.2000001, 1.0], [0, 0, 1, 1, 1]
    found = bins_of(scores, labels, 5)
    assert [(one.low, one.n) for one in found] == [(0, 3), (0.2, 1), (0.4, 0), (0.6, 0), (0.8, 1)]
    assert found[0].score == pytest.approx(0.1)
    assert found[0].label == pytest.approx(1 / 3)
    assert math.isnan(found[2].score)
    assert len(bins_of(scores, labels)) == 15
    tenths = bins_of([at / 10 for at in range(1, 11)], [0] * 10, 10)
    assert [one.n for one in tenths] == [1] * 10
    # Two bins: gaps |1/2 - 0.15| of two steps and |1 - 0.9| of one.
    assert ece([0.1, 0.2, 0.9], [0, 1, 1], 2) == pytest.approx((2 * 0.35 + 0.1) / 3)
    with pytest.raises(InputError, match="bins"):
        bins_of(scores, labels, 0)


def test_bins_of_equal_mass_hold_equal_numbers_and_keep_ties_together():
    scores, labels = [0.1, 0.11, 0.12, 0.9], [1, 0, 0, 1]
    # Halves: mean score 0.105 with label 0.5, and 0.51 with 0.5.
    assert ece(scores, labels, 2, mass=True) == pytest.approx((0.395 + 0.01) / 2)
    assert ece(scores, labels, 2) == pytest.approx((3 * abs(1 / 3 - 0.11) + 0.1) / 4)
    tied = [0.3, 0.3, 0.3, 0.7]
    assert ece(tied, [0, 1, 0, 1], 2, mass=True) == pytest.approx((3 * (1 / 3 - 0.3) + 0.3) / 4)
    assert ece(tied, [1, 0, 0, 1], 2, mass=True) == ece(tied, [0, 0, 1, 1], 2, mass=True)


def test_extreme_scores_have_finite_quality():
    assert math.isfinite(measure([1.0, 0.0], [0, 1]).loss)
    assert logit([1.0, 0.0]).tolist() == pytest.approx([16.118, -16.118], abs=1e-3)
    with pytest.raises(InputError, match="expected labels"):
        measure([], [])


# --------------------------------------------------------------------------------------- a file


def test_what_a_recipe_writes_is_what_was_found(tmp_path):
    logits, labels = data(2.0, 300)
    temperature = write_calibration(logits, labels, tmp_path)
    written = json.loads((tmp_path / "calibration.json").read_text())
    after = measure(sigmoid(np.asarray(logits) / temperature).tolist(), labels)
    assert temperature == fit_temperature(logits, labels) == written["temperature"]
    assert (written["n"], written["auc"]) == (300, after.auc)
    assert (written["ece_after"], written["log_loss_after"]) == (after.ece, after.loss)
    assert written["log_loss_before"] == measure(sigmoid(logits).tolist(), labels).loss
    assert read_map(tmp_path) == TemperatureMap(temperature)


def test_the_maps_of_the_families_are_those_that_are_read(tmp_path):
    pytest.importorskip("scipy", reason="needs the train extra")
    scores, labels = scored(2.0, 400)
    for family in (Temperature(), Isotonic()):
        found = family.fit(scores, labels)
        (tmp_path / "calibration.json").write_text(json.dumps(family.entries(found)))
        assert read_map(tmp_path) == found
        assert isinstance(found, TemperatureMap | KnotMap)
