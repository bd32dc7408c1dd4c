import asyncio
import math
from dataclasses import replace

import pytest
from one_step import P, R, answer, answers, multisets, outcomes, tilt, toy

from specreward.errors import BudgetExhausted, InputError
from specreward.search import SoftBestOfN, TruncatedRejection
from specreward.search.chances import tilted
from specreward.testing import CappedPolicy
from specreward.testing.exact import total_variation
from specreward.types import Trace

THREE = {"a": 0.6, "b": 0.3, "d": 0.1}


def rejection(n, beta, batch=1, bound=1.0):
    return TruncatedRejection(n, beta_inv=beta, bound=bound, batch=batch, temperature=1.0)


def accepted(beta, chances=P, bound=1.0):
    return sum(p * math.exp(beta * (R[x] - bound)) for x, p in chances.items())


def formula(n, beta, chances=P, bound=1.0):
    q = (1 - accepted(beta, chances, bound)) ** n
    target = tilt(beta, chances)
    return {x: (1 - q) * target[x] + q * p for x, p in chances.items()}


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_law_is_the_mixture(n):
    found = answers(rejection(n, 4.0), toy())
    assert found == pytest.approx(formula(n, 4.0), abs=1e-12)
    # The same code one draw further: reject the first, then as before.  (n = 16 follows.)
    missed = {x: P[x] * (1 - math.exp(4.0 * (R[x] - 1))) for x in P}
    again = {x: P[x] - missed[x] + sum(missed.values()) * found[x] for x in P}
    assert again == pytest.approx(formula(n + 1, 4.0), abs=1e-12)


def test_it_comes_closer_than_soft_best_of_n():
    target = tilt(4.0)
    assert total_variation(answers(rejection(4, 4.0), toy()), target) == pytest.approx(
        0.2467, abs=5e-5
    )
    assert total_variation(formula(16, 4.0), target) == pytest.approx(0.0223, abs=5e-5)
    soft = answers(SoftBestOfN(4, beta_inv=4.0, temperature=1.0), toy())
    assert total_variation(soft, target) == pytest.approx(0.2695, abs=5e-5)
    law = dict.fromkeys(P, 0.0)
    for counts, chance in multisets(16):
        for symbol, share in zip(P, tilted(list(R.values()), 4.0, counts), strict=True):
            law[symbol] += chance * share
    assert total_variation(law, target) == pytest.approx(0.0796, abs=5e-5)


def test_the_draws_it_takes():
    def draws(result):
        return result.counts["draws"] - result.counts.get("fallback draws", 0)

    law = outcomes(rejection(4, 4.0), toy(), draws)
    assert sum(k * p for k, p in law.items()) == pytest.approx(3.04, abs=5e-3)
    z = accepted(4.0)
    assert sum(k * p for k, p in law.items()) == pytest.approx((1 - (1 - z) ** 4) / z)
    assert (1 - (1 - z) ** 16) / z == pytest.approx(5.29, abs=5e-3)  # of at most 16


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_the_size_of_the_batches_does_not_change_the_law(batch):
    found = answers(rejection(3, 4.0, batch), toy(THREE, in_order=True))
    assert found == pytest.approx(formula(3, 4.0, THREE), abs=1e-12)


def test_the_highest_reward_drawn_is_no_bound():
    # The known slip: accept against the best of the batch. Then the law is no such mixture.
    wrong = dict.fromkeys(P, 0.0)
    for first, p in P.items():
        for second, q in P.items():
            top = max(R[first], R[second])
            take = [math.exp(4.0 * (R[x] - top)) for x in (first, second)]
            wrong[first] += p * q * take[0]
            wrong[second] += p * q * (1 - take[0]) * take[1]
            for other, r in P.items():
                wrong[other] += p * q * (1 - take[0]) * (1 - take[1]) * r
    assert sum(wrong.values()) == pytest.approx(1.0)
    assert total_variation(wrong, formula(2, 4.0)) > 0.05
    assert total_variation(answers(rejection(2, 4.0), toy()), wrong) > 0.05


def test_limits():
    assert answers(rejection(3, 0.0), toy()) == pytest.approx(P, abs=1e-12)
    assert outcomes(rejection(3, 0.0), toy(), lambda r: r.counts["draws"]) == {1: pytest.approx(1)}
    strict = answers(rejection(3, 1e6), toy())  # d alone is accepted, else p
    missed = 0.9**3
    expected = {x: missed * p + (1 - missed) * (x == "d") for x, p in P.items()}
    assert strict == pytest.approx(expected, abs=1e-12)


def test_a_lower_bound_accepts_more_and_a_wrong_one_is_counted():
    low = {x: r for x, r in R.items() if x != "d"}
    chances = {"a": 0.5, "b": 0.3, "c": 0.2}
    fits = answers(rejection(2, 4.0, bound=0.7), toy(chances, low))
    assert fits == pytest.approx(formula(2, 4.0, chances, bound=0.7), abs=1e-12)

    def above(result):
        return result.counts["draws"], result.counts["rewards above the bound"], answer(result)

    law = outcomes(rejection(1, 4.0, bound=0.7), toy(), above)
    assert law[1, 1, "d"] == pytest.approx(0.1)  # accepted for certain
    assert law[1, 0, "c"] == pytest.approx(0.15)
    assert law[2, 1, "d"] > 0  # the path that is taken as it comes


def test_paths_that_do_not_finish_are_rejected():
    # c is cut off: p still has it, the tilt has not; where the last path is c, a rejected one
    # is drawn by its weight, and where there is none there is no answer.
    n, beta = 2, 4.0
    found = answers(rejection(n, beta), toy(cut="c"))
    rest = {x: p for x, p in P.items() if x != "c"}
    a = {x: math.exp(beta * (R[x] - 1)) for x in rest}
    z = sum(rest[x] * a[x] for x in rest)
    q = (1 - z) ** n
    expected = {x: (1 - q) * rest[x] * a[x] / z + q * rest[x] for x in rest} | {"": 0.0}
    missed = {x: p * (1 - a[x]) for x, p in rest.items()}
    for one, p in [*missed.items(), ("", P["c"])]:
        for two, r in [*missed.items(), ("", P["c"])]:
            seen = [x for x in (one, two) if x]
            shares = tilted([R[x] for x in seen], beta) if seen else [1.0]
            for x, share in zip(seen or [""], shares, strict=True):
                expected[x] += p * r * P["c"] * share
    assert found == pytest.approx(expected, abs=1e-12)
    events = outcomes(
        rejection(n, beta),
        toy(cut="c"),
        lambda result: result.counts.get("fallback draws without an answer", 0),
    )
    assert events[1] == pytest.approx(q * P["c"])


def test_nothing_is_drawn_after_the_first_accepted(plant, best, spelled):
    tree = plant({"a": 0.0, "b": 1.0}, final={"a", "b"})
    result = tree.run(rejection(9, 1e6))
    assert [call.start for call in tree.policy.calls] == [0, 1]
    assert (best(result), spelled(result)) == ("b", ["a", "b"])
    assert result.counts["accepted draws"] == 1
    result = tree.run(rejection(9, 1e6, batch=4))
    assert [(call.start, call.n) for call in tree.policy.calls] == [(0, 4)]
    assert (best(result), spelled(result)) == ("b", ["a", "b", "a", "b"])
    tree.run(TruncatedRejection())
    assert [(call.n, call.until, call.temperature) for call in tree.policy.calls] == [
        (4, "end", 0.8)
    ]


def test_each_draw_is_accepted_on_its_own(plant):
    # Every chance is one half: over seeds and problems the number of draws is geometric.
    tree = plant({"a": 0.5}, final={"a"})
    for others in (
        [(tree.problem, seed) for seed in range(400)],
        [(replace(tree.problem, id=f"p{i}"), 0) for i in range(400)],
    ):
        counts = []
        for problem, seed in others:
            mine = replace(tree.models, seed=seed, trace=Trace())
            result = asyncio.run(rejection(20, 2 * math.log(2))(problem, mine))
            counts.append(result.counts["draws"])
        for k in (1, 2, 3):
            assert counts.count(k) / 400 == pytest.approx(0.5**k, abs=0.08)


def test_after_n_rejections_the_next_path_is_the_answer(plant, best):
    tree = plant({"a": 0.0, "b": 0.1, "c": 0.2}, final={"a", "b", "c"})
    result = tree.run(rejection(5, 1e6, batch=4))
    assert [(call.start, call.n) for call in tree.policy.calls] == [(0, 4), (4, 1), (5, 1)]
    assert best(result) == "c"  # the sixth
    assert (result.counts["draws"], result.counts["fallback draws"]) == (6, 1)


def test_a_budget_that_ends_leaves_a_soft_choice_among_the_rejected(plant):
    tree = plant({"a": 0.2, "b": 0.3}, final={"a", "b"})
    strategy = rejection(5, 1e3)
    mine = replace(
        tree.models, policy=CappedPolicy(policy=tree.policy, most=3, samples=3), trace=Trace()
    )
    with pytest.raises(BudgetExhausted):
        asyncio.run(strategy(tree.problem, mine))
    assert [candidate.score for candidate in mine.trace.found] == [0.2, 0.3, 0.2]
    assert strategy.select(mine.trace.found, mine).score == 0.3  # at 1000 the best for certain
    assert strategy.select([], mine) is None
    chosen = [
        rejection(5, 3.0).select(mine.trace.found, replace(mine, seed=seed)).score
        for seed in range(200)
    ]
    share = math.exp(0.3) / (math.exp(0.3) + 2)  # 3 x .1 above, against two of the other
    assert chosen.count(0.3) / 200 == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize(
    "bad",
    [
        {"n": 0},
        {"beta_inv": -1.0},
        {"beta_inv": math.inf},
        {"bound": 0.0},
        {"bound": 1.1},
        {"batch": 0},
        {"temperature": math.nan},
    ],
)
def test_bad_settings(bad):
    [name] = bad
    with pytest.raises(InputError, match=f"truncated_rejection {name}: expected"):
        TruncatedRejection(**bad)
