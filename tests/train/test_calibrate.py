"""Temperature and quality of scores, against cases that are known."""

import json
import math
import random
from dataclasses import asdict

import pytest

from specreward.train.calibrate import auc, fit_temperature, measure, write_calibration


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def data(temperature, n=4000):
    """Logits that are too sure by a factor, and labels drawn from the true probabilities."""
    rng = random.Random(0)
    true = [rng.gauss(0, 2) for _ in range(n)]
    return [temperature * x for x in true], [float(rng.random() < sigmoid(x)) for x in true]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_recovered(temperature):
    assert fit_temperature(*data(temperature)) == pytest.approx(temperature, rel=0.08)


def test_the_fitted_temperature_has_the_least_loss():
    logits, labels = data(2.5)
    best = fit_temperature(logits, labels)
    losses = [measure(logits, labels, best * x).loss for x in (0.97, 1.0, 1.03)]
    assert losses[1] == min(losses) < measure(logits, labels, 1.0).loss


def test_soft_labels_are_fitted_too():
    logits = [-3.0, 0.0, 1.0, 6.0]
    assert fit_temperature(logits, [sigmoid(x / 2) for x in logits]) == pytest.approx(2, rel=1e-3)


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
    assert math.isnan(auc([1, 2], [1, 1]))


def test_a_case_by_hand():
    # Scores 0.25, 0.25, 0.75, 0.75 in two bins: gaps of 0.25 (0 of 2 good) and 0.25 (1 of 2 good).
    logit = math.log(3)
    found = measure([-logit, -logit, logit, logit], [0, 0, 1, 0], temperature=1.0)
    assert found.n == 4
    assert found.positive == 0.25
    assert found.ece == pytest.approx(0.25)
    assert found.loss == pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4)
    assert found.auc == pytest.approx((1 + 1 + 0.5) / 3)


def test_temperature_moves_scores_but_not_their_order():
    logits, labels = data(3.0, 500)
    raw, cool = measure(logits, labels, 1.0), measure(logits, labels, 3.0)
    assert raw.auc == cool.auc
    assert cool.ece < raw.ece


def test_extreme_logits_have_finite_quality():
    assert math.isfinite(measure([1e4, -1e4], [0, 1], 1.0).loss)


def test_what_is_written_is_what_was_found(tmp_path):
    logits, labels = data(2.0, 300)
    temperature = write_calibration(logits, labels, tmp_path)
    written = json.loads((tmp_path / "calibration.json").read_text())
    assert written == {"temperature": temperature} | asdict(measure(logits, labels, temperature))
    assert temperature == fit_temperature(logits, labels)
