"""The exact law of best-of-n, hard and weighted, on the one-step toy."""

import math
from dataclasses import dataclass, replace

import pytest
from one_step import P, R, answers, divergence, multisets, toy

from specreward.search import BestOfN, WeightedVote
from specreward.testing.exact import ExactTask
from specreward.voting import best

CLASSES = dict(zip("abcd", "0120", strict=True))


def order_law(n):
    """F(y)^n - F(y-)^n; rewards rise from a to d."""
    below, law = 0.0, {}
    for symbol, p in P.items():
        law[symbol] = (below + p) ** n - below**n
        below += p
    return law


def bound(n):
    return math.log(n) - (n - 1) / n


@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_the_law_is_that_of_the_highest_of_n(n):
    found = answers(BestOfN(n, temperature=1.0), toy())
    assert found == pytest.approx(order_law(n), abs=1e-12)
    if n == 4:
        expected = [0.0625, 0.253906, 0.339694, 0.343900]
        assert list(found.values()) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    ("n", "value", "most"),
    [
        (2, 0.14234, 0.19315),
        (4, 0.576419, 0.636294),
        (8, 1.14078, 1.20444),
        (64, 2.2930, 3.1745),
    ],
)
def test_the_divergence_from_the_policy_is_below_its_bound(n, value, most):
    assert divergence(order_law(n), P) == pytest.approx(value, abs=5e-5 if n == 64 else 5e-6)
    assert bound(n) == pytest.approx(most, abs=5e-5 if n == 64 else 5e-6)
    assert divergence(order_law(n), P) <= bound(n)
    # An upper bound, no equality: who takes it for the divergence is off by a third at 64.
    assert divergence(order_law(n), P) < bound(n) - 0.04


def test_sixty_four_draws_by_the_rule_that_picks():
    law = dict.fromkeys(P, 0.0)
    for counts, chance in multisets(64):
        drawn = [symbol for symbol, count in zip(P, counts, strict=True) if count]
        law[drawn[best([R[symbol] for symbol in drawn])]] += chance
    assert law == pytest.approx(order_law(64), abs=1e-12)


def test_n_fewer_finished_paths_are_as_many_fewer_draws():
    # c never finishes: among n draws a binomial number does, and the best of them is taken.
    found = answers(BestOfN(3, temperature=1.0), toy(cut="c"))
    assert found[""] == pytest.approx(0.15**3, abs=1e-12)
    rest = {"a": 0.5, "b": 0.25, "d": 0.1}
    below = 0.15
    for symbol, p in rest.items():
        assert found[symbol] == pytest.approx((below + p) ** 3 - below**3, abs=1e-12)
        below += p


# ------------------------------------------------------------------------------ weighted vote


@dataclass(frozen=True)
class Classes:
    """Four symbols, three answers."""

    of: ExactTask

    def answer(self, path):
        return CLASSES[path.steps[-1].text]


def weighted_law(n):
    """The class with the largest summed reward; no ties on this toy up to n = 4 but those below."""
    law = dict.fromkeys("012", 0.0)
    for counts, chance in multisets(n):
        sums = dict.fromkeys("012", 0.0)
        for symbol, count in zip(P, counts, strict=True):
            sums[CLASSES[symbol]] += count * R[symbol]
        law[max(sums, key=sums.__getitem__)] += chance
    return law


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_the_weighted_vote_counts_draws_and_rewards(n):
    models = toy()
    models = replace(models, task=Classes(models.task))
    found = dict.fromkeys("012", 0.0)
    for symbol, chance in answers(BestOfN(n, temperature=1.0, pick=WeightedVote()), models).items():
        found[CLASSES[symbol]] += chance
    assert found == pytest.approx(weighted_law(n), abs=1e-9)


def test_the_weighted_vote_tends_to_the_largest_rewarded_mass():
    # Masses .6, .25, .15; rewarded .15, .10, .105: the limit is answer 0.
    masses = {a: sum(P[s] * R[s] for s in P if CLASSES[s] == a) for a in "012"}
    assert list(masses.values()) == pytest.approx([0.15, 0.10, 0.105])
    laws = [weighted_law(n)["0"] for n in (3, 9, 33)]
    assert laws == pytest.approx([0.38925, 0.51325, 0.63631], abs=5e-6)
    assert weighted_law(1)["0"] == pytest.approx(0.6)
