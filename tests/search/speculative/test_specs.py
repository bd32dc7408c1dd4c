"""SPECS as reconstructed: the gate on the prefix keeps the limit, rejection has its exact law."""

import math
from dataclasses import replace
from itertools import product

import pytest

from specreward.errors import InputError
from specreward.search.speculative import SPECS, PoissonRejection, PrefixGate
from specreward.search.speculative.selectors import first_kept, poisson
from specreward.testing import check_strategy
from specreward.testing.exact import total_variation

from .fixtures import (
    B1,
    B2,
    R2,
    S1,
    S2,
    V1,
    chain_law,
    law_of,
    normal,
    pool_law,
    tilt,
    tilted_b,
    toy_b,
)

MEDIAN = 0.64667


def specs(n, threshold=MEDIAN, **settings):
    return SPECS(n, beta_inv=3.0, threshold=threshold, temperature=1.0, **settings)


# ---------------------------------------------------------------------- SUBSAMPLE-A and CASCADE


def test_the_distance_to_the_tilted_law_of_two_steps():
    models, goal = toy_b(), tilted_b()
    known = {0.0: (0.5911, 0.3807), MEDIAN: (0.5704, 0.3776), 1.0: (0.2431, 0.0434)}
    for threshold, gaps in known.items():
        for n, gap in zip((1, 4), gaps, strict=True):
            found = total_variation(chain_law(specs(n, threshold).parts(), models), goal)
            assert found == pytest.approx(gap, abs=1e-4), (threshold, n)


def by_formula(n, threshold):
    """Two steps of toy B: the target first, then who the first reward names."""
    first = pool_law(n, B1, [math.exp(3 * v) for v in V1])
    found = {}
    for i, p in enumerate(first):
        b, s = normal(B2[i]), normal(S2[i])
        tilts = [math.exp(3 * r) for r in R2[i]]
        ratios = [x / y * w for x, y, w in zip(b, s, tilts, strict=True)]
        drafted = V1[i] >= threshold
        row = pool_law(n, s, ratios) if drafted else pool_law(n, b, tilts)
        found |= {(str(i), str(j)): p * q for j, q in enumerate(row)}
    return found


@pytest.mark.parametrize(
    ("threshold", "gaps"),
    [(0.0, (0.1446, 0.0382)), (MEDIAN, (0.1454, 0.0385)), (1.0, (0.0101, 0.0040))],
)
def test_every_threshold_has_the_tilted_law_as_its_limit(threshold, gaps):
    for n, gap in zip((16, 40), gaps, strict=True):
        found = total_variation(by_formula(n, threshold), tilted_b())
        assert found == pytest.approx(gap, abs=1e-4)
    played = chain_law(specs(4, threshold).parts(), toy_b())
    assert total_variation(played, by_formula(4, threshold)) < 1e-12


def test_a_whole_search_has_the_law_of_its_steps():
    found = law_of(specs(2), toy_b())
    assert total_variation(found, by_formula(2, MEDIAN)) < 1e-12


def test_who_writes_depends_on_the_last_reward():
    gate = PrefixGate(0.5)
    assert [gate.draft_writes(r) for r in (None, 0.4, 0.5, 0.6)] == [False, False, True, True]
    assert PrefixGate(0.5, draft_first=True).draft_writes(None)

    def counts(result):
        names = ("steps by target", "steps by draft")
        return tuple([result.counts.get(name, 0) for name in names])

    assert set(law_of(specs(1, 0.0), toy_b(), counts)) == {(1, 1)}
    assert set(law_of(specs(1, 0.0, draft_first=True), toy_b(), counts)) == {(0, 2)}
    assert set(law_of(specs(1, 1.0), toy_b(), counts)) == {(2, 0)}


# --------------------------------------------------------------------------------- SUBSAMPLE-B

W = [math.exp(3 * v) * b / s for v, b, s in zip(V1, B1, S1, strict=True)]
GOAL = tilt(B1, V1, 3.0)


def rejection(n, bound):
    """The law with a perfect fallback, and the chance that it comes to it."""
    keep = [min(1.0, w / bound) for w in W]
    rate = sum([s * a for s, a in zip(S1, keep, strict=True)])
    miss = math.exp(-n * rate)
    clipped = normal([s * a for s, a in zip(S1, keep, strict=True)])
    return [(1 - miss) * c + miss * g for c, g in zip(clipped, GOAL, strict=True)], miss


def test_the_numbers_of_rejection():
    assert pytest.approx([17.397068, 3.242194, 3.621228], abs=2e-4) == W
    assert pytest.approx([0.5556, 0.1553, 0.2891], abs=6e-5) == GOAL
    for n, miss in ((2, 0.4868), (8, 0.0561), (32, 0.0000)):
        law, missed = rejection(n, max(W))
        assert law == pytest.approx(GOAL, abs=1e-12)
        assert missed == pytest.approx(miss, abs=6e-5)
    known = {
        2: ([0.2568, 0.2597, 0.4835], 0.1441),
        8: ([0.2066, 0.2773, 0.5161], 0.0004),
        32: ([0.2065, 0.2773, 0.5162], 0.0000),
    }
    for n, (law, miss) in known.items():
        found, missed = rejection(n, sorted(W)[1])
        assert found == pytest.approx(law, abs=6e-5)
        assert missed == pytest.approx(miss, abs=6e-5)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("place", [1, 2])
def test_poisson_rejection_plays_by_its_law(n, place):
    bound = sorted(W)[place]
    # Weights are told against that of reward 1, so is their bound.
    strategy = specs(n, selector=PoissonRejection(bound / math.exp(3.0)), draft_first=True)

    def outcome(result):
        drafted = result.counts.get("nothing taken", 0) == 0
        return result.best.path.steps[0].text if drafted else None

    # Toy B cut off after its first step; who wrote is asked for, so that one target draw will do.
    parts = strategy.parts()
    short = replace(parts, target=replace(parts.target, n=1), depth=1)
    models = toy_b()
    roles = {"policy": models.policy, "draft": models.draft}
    cut = {name: replace(role, table={(): role.table[()]}) for name, role in roles.items()}
    found = law_of(short, replace(models, **cut), outcome)
    goal, miss = rejection(n, bound)
    assert found[None] == pytest.approx(miss, abs=1e-9)
    law = [found[str(i)] + found[None] * g for i, g in enumerate(GOAL)]
    assert law == pytest.approx(goal, abs=1e-9)


def test_the_first_kept_of_a_poisson_number_of_draws():
    """The kept draws of each kind are independent Poisson counts: by the rule of choice alone."""
    n, keep = 3, [min(1.0, w / sorted(W)[1]) for w in W]
    found = [0.0] * 3
    for counts in product(range(22), repeat=3):
        chance = 1.0
        for count, s in zip(counts, S1, strict=True):
            chance *= math.exp(-n * s) * (n * s) ** count / math.factorial(count)
        seen = [i for i in range(3) if counts[i]]
        if chance > 1e-12 and seen:
            law = first_kept([counts[i] for i in seen], [keep[i] for i in seen])
            for i, p in zip(seen, law, strict=True):
                found[i] += chance * p
    _, miss = rejection(n, sorted(W)[1])
    clipped = normal([s * a for s, a in zip(S1, keep, strict=True)])
    assert found == pytest.approx([(1 - miss) * c for c in clipped], abs=1e-8)


def test_a_poisson_number_may_be_none():
    chances = poisson(2.0)
    assert sum(chances) == pytest.approx(1.0, abs=1e-11)
    assert chances[:3] == pytest.approx([math.exp(-2), 2 * math.exp(-2), 2 * math.exp(-2)])
    assert len(poisson(64.0)) < 200
    assert sum(poisson(64.0)) == pytest.approx(1.0, abs=1e-11)
    assert len(poisson(4096)) < 5000  # the largest block
    assert sum(poisson(4096)) == pytest.approx(1.0, abs=1e-10)
    rule = PoissonRejection(1.0)
    drawn = [rule.draws(1, 0, str(i)) for i in range(400)]
    assert min(drawn) == 0
    assert sum(drawn) / 400 == pytest.approx(1.0, abs=0.15)


# ------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "strategy",
    [SPECS(), SPECS(draft_first=True), SPECS(selector=PoissonRejection(2.0), draft_first=True)],
    ids=str,
)
def test_the_contract(strategy):
    check_strategy(strategy, problems=30)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 0}, "specs n: expected"),
        ({"threshold": 1.2}, "threshold: expected"),
        ({"beta_inv": -1.0}, "beta_inv: expected"),
        ({"temperature": 0.0}, "specs temperature: expected"),
        ({"depth": 0}, "depth: expected"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(InputError, match=words):
        SPECS(**settings)


@pytest.mark.parametrize("bound", [0.0, -1.0, math.inf])
def test_a_bound_is_above_zero(bound):
    with pytest.raises(InputError, match="bound: expected a finite number above 0"):
        PoissonRejection(bound)
