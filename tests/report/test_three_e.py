import pytest

from specreward.errors import InputError
from specreward.report.rows import rows
from specreward.report.three_e import on_front, three_e

from . import arms


def criteria(**settings):
    def use(flops):
        return {arms.ONE: arms.spent(10, 2, cached=4, flops=flops, seconds=2.0, dollars=0.5)}

    made = [
        arms.arm("dear", [True, True, True, False], use(1000.0)),
        arms.arm("cot()", [True, False, False, False], use(100.0)),
        arms.arm("cheap", [True, True, True, False], use(300.0)),
        arms.arm("same cost", [False, False, False, False], use(100.0)),
    ]
    return three_e(rows(made, seed=0), "cot()", **settings)


def test_effectiveness_and_efficiency_against_chain_of_thought():
    dear, cot, cheap, same = criteria()
    assert (dear.accuracy, dear.gain) == (0.75, 0.5)
    assert dear.relative_cost == pytest.approx(10)
    assert dear.marginal_gain == pytest.approx(0.5 / 9)
    assert cheap.marginal_gain == pytest.approx(0.5 / 2)
    assert (cot.gain, cot.relative_cost, cot.marginal_gain) == (0, 1, None)
    assert same.gain == -0.25
    assert same.marginal_gain is None
    assert (dear.llm_tokens, dear.reward_tokens, dear.computed_tokens) == (12, 0, 8)
    assert (dear.flops, dear.seconds, dear.dollars) == (1000, 2, 0.5)


def test_the_front_holds_what_nobody_beats():
    assert [item.pareto for item in criteria()] == [False, True, True, False]
    assert on_front(0, [0.5, 0.5], [1, 1])
    assert on_front(1, [0.5, 0.5], [1, 1])
    assert not on_front(0, [0.5, 0.5], [2, 1])
    assert not on_front(1, [0.5, 0.4], [1, 1])


def test_without_flops_tokens_are_the_cost():
    made = [
        arms.arm("cot()", [True], {arms.ONE: arms.spent(10)}),
        arms.arm("other", [True], {arms.ONE: arms.spent(30), arms.SRM: arms.spent(20)}),
    ]
    assert three_e(rows(made, seed=0), "cot()")[1].relative_cost == 5


def test_extensibility_is_against_home_and_against_chain_of_thought_there():
    other = [
        arms.arm("dear", [True, False], {}),
        arms.arm("cot()", [False, False], {}),
        arms.arm("cheap", [True, True], {}),
        arms.arm("same cost", [False, False], {}),
    ]
    dear, _, cheap, _ = criteria(domain="elsewhere", extended=other)
    assert dear.extensibility.domain == "elsewhere"
    assert (dear.extensibility.n, dear.extensibility.accuracy) == (2, 0.5)
    assert (dear.extensibility.difference, dear.extensibility.gain) == (-0.25, 0.5)
    assert (cheap.extensibility.difference, cheap.extensibility.gain) == (0.25, 1)
    assert criteria()[0].extensibility is None
    assert dear.extensibility.tuning is None


def test_tuning_is_against_the_same_strategy_with_the_reward_model_of_home():
    specs = ("dear", "cot()", "cheap", "same cost")
    plain = [arms.arm(spec, [True, False, False, False], {}) for spec in specs]
    tuned = [arms.arm(spec, [True] * i + [False] * (4 - i), {}) for i, spec in enumerate(specs)]
    found = criteria(domain="elsewhere", extended=plain, tuned=tuned)
    assert [one.extensibility.tuned for one in found] == [0, 0.25, 0.5, 0.75]
    assert [one.extensibility.tuning for one in found] == [-0.25, 0, 0.25, 0.5]


def test_the_base_must_be_among_the_strategies():
    made = rows([arms.arm("bfs()", [True], {})], seed=0)
    with pytest.raises(InputError, match="add it"):
        three_e(made, "cot()")
