"""Thresholds from a rate of acceptance."""

import asyncio
from dataclasses import replace

import pytest

from specreward.errors import InputError
from specreward.run import run
from specreward.search import Greedy
from specreward.search.speculative import (
    GSI,
    RSD,
    SPECS,
    Constant,
    Gated,
    Logistic,
    SRMSteps,
    Stepwise,
    calibrate,
    quantile,
    statistics,
)
from specreward.testing import toy_models
from specreward.types import Trace

from .fixtures import PROBLEM, one_step, toy_b


def test_the_largest_threshold_that_the_share_reaches():
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    found = calibrate(values, 0.8)
    assert (found.threshold, found.rate, found.n, found.asked) == (0.3, 0.8, 10, 0.8)
    assert calibrate(values, 0.75).threshold == 0.3
    assert calibrate(values, 1.0).threshold == 0.1
    assert calibrate(values, 0.01).threshold == 1.0
    assert calibrate(values[::-1], 0.8) == found


def test_ties_may_let_more_through():
    found = calibrate([0.5] * 9 + [0.1], 0.5)
    assert (found.threshold, found.rate) == (0.5, 0.9)


@pytest.mark.parametrize("value", [0.123456, -0.123456, 0.000123456, 12345.678, -3.0, 0.0, 0.7])
def test_rounding_never_refuses_more(value):
    found = calibrate([value], 1.0)
    assert found.rate == 1.0
    assert value - abs(value) * 1e-3 <= found.threshold <= value


def test_bad_input():
    for accept in (0.0, -0.5, 1.5, float("nan")):
        with pytest.raises(InputError, match="accept: expected a share above 0"):
            calibrate([0.5], accept)
    with pytest.raises(InputError, match="expected steps to calibrate on, got none"):
        calibrate([], 0.5)


def test_quantiles():
    values = [4.0, 1.0, 3.0, 2.0]
    assert [quantile(values, share) for share in (0, 0.25, 0.5, 0.51, 1)] == [1, 1, 2, 3, 4]


def test_what_the_gate_reads_is_taken_of_committed_steps_alone():
    models = one_step()
    result = asyncio.run(GSI(8, threshold=None, temperature=1.0)(PROBLEM, models))
    [(_, judged)] = result.expansions
    [kept] = [item for item in judged if item.kept]
    assert len(judged) > 1
    assert statistics([result], GSI()) == [kept.details["tilted"]]
    assert statistics([result], GSI(threshold=None, pool_share=0.1)) == [kept.details["pool_share"]]
    assert statistics([result], SPECS()) == []  # nobody writes after the last step
    two = asyncio.run(SPECS(2).opened()(PROBLEM, toy_b()))
    first, last = [i for _, judged in two.expansions for i in judged if i.kept]
    assert statistics([two], SPECS()) == [first.details["reward"]]
    assert statistics([two], RSD()) == [first.details["reward"], last.details["reward"]]
    target = asyncio.run(RSD(1.0, n=2)(PROBLEM, replace(toy_b(), trace=Trace())))
    assert statistics([target], RSD()) == []  # no drafted step stood


def test_which_strategies_have_a_threshold():
    gated = (GSI(), RSD(), SPECS())
    assert all(isinstance(strategy, Gated) for strategy in gated)
    assert not any(isinstance(s, Gated) for s in (Greedy(), Stepwise(), SRMSteps()))
    assert [strategy.statistic for strategy in gated] == ["tilted", "reward", "reward"]
    assert GSI(threshold=None, pool_share=0.3).statistic == "pool_share"


def test_opened_and_calibrated():
    assert GSI(3).opened() == GSI(3, threshold=None)
    assert GSI(3).opened().calibrated(0.2) == GSI(3, threshold=0.2)
    pool = GSI(pool_share=0.3)
    assert (pool.opened(), pool.calibrated(0.4)) == (
        GSI(threshold=None),
        GSI(pool_share=0.4),
    )
    assert RSD(0.2).opened() == RSD(accept=Constant(1.0))
    with pytest.raises(InputError, match="rsd: expected a threshold to set, got accept=Logistic"):
        RSD(accept=Logistic()).opened()
    assert RSD(0.2).opened().calibrated(0.4) == RSD(0.4)
    assert SPECS(threshold=0.9).opened() == SPECS(threshold=0.0, draft_first=True)
    assert SPECS().calibrated(0.25) == SPECS(threshold=0.25)


@pytest.mark.parametrize(
    "strategy",
    [GSI(2, beta_inv=5.0), RSD(), RSD(n=2), GSI(8, threshold=None, pool_share=0.3)],
    ids=str,
)
def test_the_rate_is_kept_where_prefixes_do_not_change(strategy):
    """One step: what the gate accepts is what was counted on."""
    toys = toy_models(noise=0.45)
    problems = toys.task.generate(60, "rate", 0)

    def first_step(one):
        return replace(one, depth=1)

    done = run(first_step(strategy).opened(), problems, toys)
    found = calibrate(statistics(done, strategy), 0.7)
    gated = run(first_step(strategy).calibrated(found.threshold), problems, toys)
    accepted = sum([result.counts.get("accepted steps", 0) for result in gated])
    rejected = sum([result.counts.get("rejected steps", 0) for result in gated])
    assert accepted / (accepted + rejected) == pytest.approx(found.rate)
    assert 0.7 <= found.rate < 0.8


def test_the_open_gate_lets_the_draft_write_all():
    for strategy in (GSI(2), RSD(), SPECS(2)):
        mine = replace(toy_b(), trace=Trace())
        result = asyncio.run(strategy.opened()(PROBLEM, mine))
        assert result.counts["steps by draft"] == 2
        assert "target steps" not in result.counts
