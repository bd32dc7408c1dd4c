import pytest

from specreward.report.rows import rows

from . import arms


def pair():
    host = {arms.ONE: arms.spent(60, 20, flops=80.0), arms.TWO: arms.spent(700, 20, flops=720.0)}
    ours = {arms.ONE: arms.spent(60, 20, flops=80.0), arms.SRM: arms.spent(100, flops=10.0)}
    return [
        arms.arm("host", [True, False, False, False], host, kept=(True, True)),
        arms.arm("ours", [True, True, False, False], ours, kept=(True, False, False, True)),
    ]


def test_accuracy_tokens_and_acceptance():
    first, second = rows(pair(), seed=0)
    assert first.accuracy.estimate == 0.25
    assert 0 < first.accuracy.low < 0.25 < first.accuracy.high < 1
    assert (first.llm.tokens, first.reward.tokens) == (3200, 0)
    assert (second.llm.tokens, second.reward.tokens) == (320, 400)
    assert second.all.flops == 360
    assert first.phases() == {"evaluate": 720, "propose": 80}
    assert first.acceptance == 1
    assert second.acceptance == 0.5


def test_ratios_are_of_this_to_the_first_and_count_the_reward_model_in_flops_only():
    first, second = rows(pair(), seed=0)
    assert second.ratios.tokens.estimate == pytest.approx(0.1)
    assert second.ratios.flops.estimate == pytest.approx(90 / 800)
    assert second.ratios.accuracy.estimate == 0.25
    assert second.ratios.accuracy.low < 0.25 < second.ratios.accuracy.high
    assert (second.ratios.test.only_first, second.ratios.test.only_second) == (0, 1)
    assert first.ratios.tokens.estimate == 1
    assert first.ratios.accuracy.estimate == 0


def test_the_seed_is_that_of_the_bootstrap():
    costs = [{arms.ONE: arms.spent(10 * n * n)} for n in range(1, 40)]
    outcomes = [arms.outcome(i, True, usage) for i, usage in enumerate(costs)]
    uneven = [arms.Arm("a", tuple(outcomes)), arms.Arm("b", tuple(outcomes[::-1]))]
    same = [rows(uneven, seed=s)[1].ratios.tokens for s in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_what_no_verifier_judged_does_not_count_as_accepted():
    [row] = rows([arms.arm("cot()", [True], {}, kept=(True, False), details=False)], seed=0)
    assert row.acceptance is None
    assert row.ratios.tokens is None
    assert row.ratios.flops is None


def test_ends_are_counted():
    made = arms.arm("a", [True, True], {}, ended="budget")
    [row] = rows([arms.Arm("a", (*made.outcomes, arms.outcome(3, True, {})))], seed=0)
    assert row.ended == {"budget": 2, "done": 1}
