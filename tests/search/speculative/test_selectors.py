"""Rules of choice as pure functions, weights and pools."""

import math
from itertools import permutations, product

import pytest

from specreward.errors import InputError
from specreward.search.speculative import (
    Block,
    ByMargin,
    ByPower,
    ByRejection,
    ByReward,
    ByTiltedReward,
    InProportion,
    PoissonRejection,
    Pool,
    SRMSteps,
    Stepwise,
    TheBest,
)
from specreward.search.speculative.pool import log_sum
from specreward.search.speculative.selectors import first_kept
from specreward.testing import check_strategy
from specreward.types import Path, Step

from .fixtures import (
    PROBLEM,
    B,
    R,
    S,
    distance,
    kl,
    law_of,
    normal,
    one_step,
    pool_law,
    row_of,
    step_row,
    tilt,
)

INF = math.inf


def pool(counts, rewards, log_weights, log_ratios=None, drawn=None):
    ratios = [0.0] * len(counts) if log_ratios is None else log_ratios
    return Pool(
        paths=tuple([Path(PROBLEM, (Step(str(i)),)) for i in range(len(counts))]),
        counts=tuple(counts),
        rewards=tuple(rewards),
        log_ratios=tuple(ratios),
        tilted=tuple(rewards),
        log_weights=tuple(log_weights),
        drawn=sum(counts) if drawn is None else drawn,
        by_draft=True,
    )


def soft(n, beta, selector=None, weight=None):
    block = Block(n, weight=weight or ByReward(beta), selector=selector or InProportion())
    return Stepwise(draft=None, target=block, temperature=1.0)


# ------------------------------------------------------------------------ soft and hard best-of-n


SOFT = [
    (1, 1, 0.05356, 0.11181),
    (1, 4, 0.00457, 0.02915),
    (1, 16, 0.00030, 0.00737),
    (2, 1, 0.23010, 0.44965),
    (2, 4, 0.02803, 0.13273),
    (2, 16, 0.00188, 0.03487),
    (4, 1, 0.83691, 1.25894),
    (4, 4, 0.18544, 0.48884),
    (4, 16, 0.01346, 0.14635),
]


@pytest.mark.parametrize(("beta", "n", "gap", "bound"), SOFT)
def test_soft_best_of_n_step_by_step(beta, n, gap, bound):
    weights = [math.exp(beta * r) for r in R]
    found = pool_law(n, B, weights)
    if n <= 4:
        assert row_of(soft(n, beta), one_step()) == pytest.approx(found, abs=1e-12)
    goal = tilt(B, R, beta)
    mean = sum([b * w for b, w in zip(B, weights, strict=True)])
    second = sum([b * w * w for b, w in zip(B, weights, strict=True)])
    assert kl(goal, found) == pytest.approx(gap, abs=6e-6)
    assert math.log1p((second - mean**2) / (n * mean**2)) == pytest.approx(bound, abs=6e-6)
    least = [b * w / (w / n + (n - 1) / n * mean) for b, w in zip(B, weights, strict=True)]
    assert all(p >= low - 1e-12 for p, low in zip(found, least, strict=True))


def test_the_rounding_of_a_sum_of_chances_is_no_chance_to_take_none():
    def nothing(result):
        return result.counts.get("nothing taken", 0)

    for beta in (0.7, 2.0, 3.1):
        assert set(law_of(soft(4, beta), one_step(), nothing)) == {0}


def test_the_limits_of_soft_best_of_n():
    assert row_of(soft(1, 2.0), one_step()) == pytest.approx(B, abs=1e-12)
    assert row_of(soft(3, 0.0), one_step()) == pytest.approx(B, abs=1e-12)
    hard = [0.0625, 0.253906, 0.339694, 0.343900]
    assert row_of(soft(4, 1e5), one_step()) == pytest.approx(hard, abs=1e-6)
    best = soft(4, 1.0, selector=TheBest())
    assert row_of(best, one_step()) == pytest.approx(hard, abs=1e-6)
    six = [0.015625, 0.162354, 0.353462, 0.468559]
    assert row_of(soft(6, 1e5), one_step()) == pytest.approx(six, abs=1e-6)


def test_the_first_of_equals_is_the_best():
    assert TheBest().chances(pool([1, 5, 2], [0.3, 0.5, 0.5], [0.0, 1.0, 1.0])) == [0, 1, 0]


# -------------------------------------------------------------------------------------- rejection


def kept_first(counts, keep):
    """In words: all orders of the draws, all ways to keep them, the first kept one."""
    draws = [i for i, count in enumerate(counts) for _ in range(count)]
    found = [0.0] * len(counts)
    orders = list(permutations(range(len(draws))))
    for ways in product((True, False), repeat=len(draws)):
        kept = dict(enumerate(ways))
        chance = math.prod([keep[d] if ways[i] else 1 - keep[d] for i, d in enumerate(draws)])
        for order in orders:
            first = next((i for i in order if kept[i]), None)
            if first is not None:
                found[draws[first]] += chance / len(orders)
    return found


@pytest.mark.parametrize(
    ("counts", "keep"),
    [([1], [0.3]), ([2, 1], [0.5, 1.0]), ([1, 2, 2], [0.9, 0.2, 0.0]), ([3, 1, 1], [0.1, 1, 1])],
)
def test_the_first_that_is_kept(counts, keep):
    assert first_kept(counts, keep) == pytest.approx(kept_first(counts, keep), abs=1e-12)


def test_many_draws():
    found = first_kept([1] * 300, [0.01] * 300)
    assert sum(found) == pytest.approx(1 - 0.99**300, abs=1e-12)
    assert max(found) == pytest.approx(min(found))


@pytest.mark.parametrize(("n", "gap"), [(4, 0.2467), (16, 0.0223)])
def test_truncated_rejection_is_a_mixture_exactly(n, gap):
    accept = [math.exp(4 * (r - 1)) for r in R]
    rate = sum([b * a for b, a in zip(B, accept, strict=True)])
    goal, miss = tilt(B, R, 4.0), (1 - rate) ** n
    law = [(1 - miss) * t + miss * b for t, b in zip(goal, B, strict=True)]
    assert distance(law, goal) == pytest.approx(gap, abs=6e-5)
    if n == 4:
        found = row_of(soft(n, 4.0, selector=ByRejection()), one_step())
        assert found == pytest.approx(law, abs=1e-12)


def test_a_bound_that_is_too_small_clips():
    found = row_of(soft(3, 4.0, selector=ByRejection(0.1)), one_step())
    accept = [min(1.0, math.exp(4 * (r - 1)) / 0.1) for r in R]
    miss = (1 - sum([b * a for b, a in zip(B, accept, strict=True)])) ** 3
    clipped = normal([b * a for b, a in zip(B, accept, strict=True)])
    law = [(1 - miss) * c + miss * b for c, b in zip(clipped, B, strict=True)]
    assert found == pytest.approx(law, abs=1e-12)
    assert distance(clipped, tilt(B, R, 4.0)) > 0.1


def test_draws_above_the_bound_are_counted():
    def above(result):
        return result.counts.get("weights above the bound", 0)

    large = [b for b, r in zip(B, R, strict=True) if math.exp(4 * (r - 1)) > 0.1]
    found = law_of(soft(2, 4.0, selector=ByRejection(0.1)), one_step(), above)
    assert found[2] == pytest.approx(sum(large) ** 2)
    assert set(law_of(soft(2, 4.0, selector=ByRejection(1.0)), one_step(), above)) == {0}
    rounded = pool([1], [1.0], [math.log(2.5) + 1e-12])
    assert ByRejection(2.5).clipped(rounded) == 0
    pools = pool([2, 1], [0.1, 1.0], [-3.0, 0.5])
    assert [rule.clipped(pools) for rule in (ByRejection(), PoissonRejection(2.0))] == [1, 0]
    assert [rule.clipped(pools) for rule in (InProportion(), TheBest(), ByMargin())] == [0, 0, 0]


@pytest.mark.parametrize("exponent", [0.0, 1.0, 3.0])
def test_srm_steps_nears_the_tilted_target_of_the_speculative_rule(exponent):
    accept = [r**exponent for r in R]
    rate = sum([b * a for b, a in zip(B, accept, strict=True)])
    miss = (1 - rate) ** 4
    goal = normal([b * a for b, a in zip(B, accept, strict=True)])
    law = [(1 - miss) * q + miss * b for q, b in zip(goal, B, strict=True)]
    found = row_of(SRMSteps(4, exponent=exponent, temperature=1.0), one_step())
    assert found == pytest.approx(law, abs=1e-12)


def test_the_contract_of_srm_steps():
    check_strategy(SRMSteps(), problems=30)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 0}, "srm_steps n: expected"),
        ({"exponent": -1.0}, "exponent: expected"),
        ({"temperature": -1.0}, "srm_steps temperature: expected"),
        ({"depth": 0}, "depth: expected"),
    ],
)
def test_bad_settings_of_srm_steps(settings, words):
    with pytest.raises(InputError, match=words):
        SRMSteps(**settings)


# ----------------------------------------------------------------------------------------- margin


def test_the_margin_takes_few_or_all():
    one = pool([2, 1, 1], [0.2, 0.6, 1.0], [0.0, 0.0, 0.0])
    assert ByMargin(1e-3).chances(one) == pytest.approx([0, 0, 1])
    assert ByMargin(1e3).chances(one) == pytest.approx([0.5, 0.25, 0.25], abs=1e-3)
    # lam with mean of max(0, r - lam) / b = 1: ((1 - lam) + (.6 - lam)) / 4 = .2, lam = .4
    assert ByMargin(0.2).chances(one) == pytest.approx([0, 0.25, 0.75])


def test_the_margin_is_corrected_for_the_writer():
    """Steps of a draft count as often as the target would have drawn them."""
    logs = [math.log(b / s) for b, s in zip(B, S, strict=True)]
    found = ByMargin(0.5).chances(pool([2, 2, 3, 3], R, [0.0] * 4, logs))
    goal = ByMargin(0.5).chances(pool([10, 5, 3, 2], R, [0.0] * 4))
    assert found == pytest.approx(goal)
    gsi = Stepwise(draft=Block(4, weight=ByTiltedReward(), selector=ByMargin(0.5)), temperature=1.0)
    plain = Stepwise(draft=Block(4, weight=ByReward(), selector=ByMargin(0.5)), temperature=1.0)
    limit = normal(
        [
            b * max(0, r - (sum(x * y for x, y in zip(B, R, strict=True)) - 0.5))
            for b, r in zip(B, R, strict=True)
        ]
    )
    near = distance(step_row(gsi, one_step()), limit)
    assert near < distance(step_row(plain, one_step()), limit)


# -------------------------------------------------------------------------------- weights, pools


def test_a_step_of_reward_1_and_equal_probabilities_weighs_1():
    for rule in (ByReward(3.0), ByTiltedReward(3.0), ByPower(2.0)):
        assert rule(1.0, 0.0) == 0.0
        assert rule(0.5, 0.0) < 0.0
    assert ByReward(3.0)(0.5, 9.0) == pytest.approx(-1.5)
    assert ByTiltedReward(3.0)(0.5, 0.7) == pytest.approx(-1.5 + 0.7)
    assert ByTiltedReward(3.0).tilted(0.5, 0.6) == pytest.approx(0.7)
    assert ByTiltedReward(3.0, log_ratio_clip=0.3).tilted(0.5, 0.6) == pytest.approx(0.6)
    assert ByTiltedReward(3.0)(0.5, -INF) == -INF
    assert ByTiltedReward(0.0).tilted(0.5, -0.1) == -INF
    assert ByPower(2.0)(0.5, 0.0) == pytest.approx(2 * math.log(0.5))
    assert ByPower(2.0)(0.0, 0.0) == -INF
    assert ByPower(0.0)(0.0, 0.0) == 0.0


@pytest.mark.parametrize("make", [ByReward, ByTiltedReward, ByPower, ByRejection, ByMargin])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_bad_numbers(make, value):
    with pytest.raises(InputError, match="expected a finite number"):
        make(value)


def test_pools():
    one = pool([3, 1], [0.2, 0.4], [0.0, math.log(3.0)], drawn=8)  # four draws were dead
    assert one.log_mass == pytest.approx(math.log(6 / 8))
    assert one.share == pytest.approx(36 / (3 + 9) / 8)
    assert not one.empty
    gone = pool([2], [0.5], [-INF])
    assert gone.empty
    assert gone.share == 0.0
    assert pool([], [], [], drawn=3).empty
    assert log_sum([]) == -INF
    assert log_sum([-INF, 0.0, 0.0]) == pytest.approx(math.log(2))
    assert log_sum([-1000.0, -1000.0]) == pytest.approx(-1000 + math.log(2))


def test_weights_beyond_all_floats():
    one = pool([1, 1], [0.0, 1.0], [-5000.0, -4999.0])
    assert InProportion().chances(one) == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 0}, "block n: expected"),
        ({"n": 5000}, "block n: expected an integer from 1 to 4096"),
        ({"n": 2, "weight": None}, "expected a weight to choose among 2 draws"),
        ({"n": 1, "weight": None, "selector": TheBest()}, "expected a weight"),
        ({"weight": "by_reward"}, "block weight: expected an object"),
    ],
)
def test_bad_blocks(settings, words):
    with pytest.raises(InputError, match=words):
        Block(**settings)
