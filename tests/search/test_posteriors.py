"""Conjugate beliefs: the published updates, and draws that have the law they should."""

import math

import numpy as np
import pytest

from specreward.errors import InputError
from specreward.search import BetaPosterior, GaussianPosterior
from specreward.search.posteriors import Tally

DRAWS = 40_000


def below(posterior, seen, x, seed=0):
    """Share of draws up to x."""
    rng = np.random.default_rng(seed)
    return sum(posterior.draw(seen, rng) <= x for _ in range(DRAWS)) / DRAWS


def error(p):
    """Five standard deviations of a share."""
    return 5 * math.sqrt(p * (1 - p) / DRAWS)


def normal_cdf(z):
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def by_way_of_the_variance(m, kappa, nu, tau2, x):
    """P(mu <= x) with s2 ~ InvGamma(nu/2, nu tau2/2), mu ~ N(m, s2/kappa), summed over log s2."""
    a, b = nu / 2, nu * tau2 / 2
    logs = np.linspace(math.log(tau2) - 12, math.log(tau2) + 60, 20_001)
    density = np.exp(a * math.log(b) - math.lgamma(a) - a * logs - b * np.exp(-logs))
    inner = np.array([normal_cdf((x - m) / math.sqrt(math.exp(s) / kappa)) for s in logs])
    return float((density * inner).sum() * (logs[1] - logs[0]))


def test_a_tally_keeps_number_mean_and_spread():
    scores = [0.3, 0.9, 0.9, 0.05, 0.4]
    tally = Tally(*scores)
    assert tally.n == 5
    assert tally.mean == pytest.approx(np.mean(scores))
    assert tally.spread == pytest.approx(5 * np.var(scores))
    assert (Tally().n, Tally().mean, Tally().spread) == (0, 0.0, 0.0)


def test_a_tally_on_another_scale():
    scores = [-3.0, 1.0, 2.0]
    scaled, plain = Tally(*scores).scaled(-3.0, 5.0), Tally(*[(s + 3) / 8 for s in scores])
    assert scaled.n == plain.n
    assert (scaled.mean, scaled.spread) == pytest.approx((plain.mean, plain.spread))


def test_published_updates():
    m, kappa, nu, tau2 = GaussianPosterior().after(Tally(0.5, 0.9))
    assert m == pytest.approx(0.466667, abs=1e-6)
    assert (kappa, nu) == (3.0, 3.0)
    assert tau2 == pytest.approx(0.168889, abs=1e-6)
    assert BetaPosterior().after(Tally(0.5, 0.9)) == pytest.approx((1.9, 1.1))


def test_nothing_seen_is_the_prior():
    assert GaussianPosterior(m=0.2, kappa=2, nu=3, tau2=0.4).after(Tally()) == pytest.approx(
        (0.2, 2, 3, 0.4)
    )
    assert BetaPosterior(a=2, b=3).after(Tally()) == (2, 3)


def test_one_by_one_is_all_at_once():
    """Each posterior is the prior of the next score."""
    known = GaussianPosterior(m=0.3, kappa=0.5, nu=2, tau2=0.2)
    for score in (0.1, 0.8, 0.7):
        m, kappa, nu, tau2 = known.after(Tally(score))
        known = GaussianPosterior(m=m, kappa=kappa, nu=nu, tau2=tau2)
    at_once = GaussianPosterior(m=0.3, kappa=0.5, nu=2, tau2=0.2).after(Tally(0.1, 0.8, 0.7))
    assert (known.m, known.kappa, known.nu, known.tau2) == pytest.approx(at_once)


def test_many_scores_outweigh_the_prior():
    tally = Tally(*([0.2, 0.6] * 5000))
    m, kappa, _, tau2 = GaussianPosterior().after(tally)
    assert m == pytest.approx(0.4, abs=1e-4)
    assert tau2 == pytest.approx(0.04, abs=1e-4)
    assert math.sqrt(tau2 / kappa) < 0.0021
    a, b = BetaPosterior().after(tally)
    assert a / (a + b) == pytest.approx(0.4, abs=1e-4)


@pytest.mark.parametrize("x", [-0.2, 0.3, 0.6])
@pytest.mark.parametrize("scores", [(), (0.5, 0.9)])
def test_a_gaussian_draw_has_the_law_by_way_of_the_variance(scores, x):
    posterior, seen = GaussianPosterior(), Tally(*scores)
    exact = by_way_of_the_variance(*posterior.after(seen), x)
    assert below(posterior, seen, x) == pytest.approx(exact, abs=error(exact))


def test_a_gaussian_that_forgets_the_unknown_variance_fails_it():
    posterior, seen = GaussianPosterior(), Tally(0.5, 0.9)
    m, kappa, nu, tau2 = posterior.after(seen)
    wrong = normal_cdf((-0.2 - m) / math.sqrt(tau2 / kappa))
    exact = by_way_of_the_variance(m, kappa, nu, tau2, -0.2)
    t = (-0.2 - m) / math.sqrt(tau2 / kappa) / math.sqrt(3)  # Student's law with 3 degrees, closed
    assert exact == pytest.approx(0.5 + (t / (1 + t * t) + math.atan(t)) / math.pi, abs=1e-9)
    assert (exact, wrong) == pytest.approx((0.033653, 0.002479), abs=1e-6)


def test_a_beta_draw_has_its_law():
    posterior, seen = BetaPosterior(), Tally(0.5, 0.9)
    grid = (np.arange(200_000) + 0.5) / 200_000
    density = grid**0.9 * (1 - grid) ** 0.1  # Beta(1.9, 1.1)
    exact = float(density[grid <= 0.5].sum() / density.sum())
    assert below(posterior, seen, 0.5) == pytest.approx(exact, abs=error(exact))


@pytest.mark.parametrize("scores", [(1.0,) * 30, (0.0,) * 30, (0.1,) * 30])
def test_scores_at_the_ends_are_no_trouble(scores):
    rng = np.random.default_rng(0)
    assert 0 <= BetaPosterior().draw(Tally(*scores), rng) <= 1
    assert math.isfinite(GaussianPosterior().draw(Tally(*scores), rng))


def test_a_mean_rounded_above_1_leaves_a_belief():
    tally = Tally(1.0, 1.0)
    tally.mean = math.nextafter(1.0, 2.0)
    assert BetaPosterior(b=1e-20).after(tally)[1] > 0


@pytest.mark.parametrize(
    "bad",
    [
        lambda: GaussianPosterior(kappa=0),
        lambda: GaussianPosterior(nu=-1),
        lambda: GaussianPosterior(tau2=0),
        lambda: GaussianPosterior(m=math.nan),
        lambda: GaussianPosterior(m=1e300),
        lambda: BetaPosterior(a=0),
        lambda: BetaPosterior(b=math.inf),
    ],
)
def test_priors_that_cannot_be_are_refused(bad):
    with pytest.raises(InputError, match=r"_posterior \w+: expected a finite number"):
        bad()
