import asyncio
import math
from dataclasses import replace
from itertools import pairwise, product

import pytest
from one_step import PROBLEM, P, R, answer, answers, mean, outcomes, toy

import specreward.search.pessimism as module
from specreward.errors import BudgetExhausted, InputError
from specreward.search import BestOfN, Pessimism
from specreward.search.chances import pessimistic, water_level
from specreward.search.pessimism import acceptance
from specreward.testing import CappedPolicy
from specreward.testing.exact import total_variation
from specreward.types import Trace

THREE = {"a": 0.6, "b": 0.3, "d": 0.1}


def itp(n, b, **more):
    return Pessimism(n, reward_temperature=b, **{"batch": 1, "temperature": 1.0, **more})


def level_of(b, chances=P):
    return water_level([R[x] for x in chances], b, list(chances.values()))


def given_level(n, level, chances=P, rewards=R, bound=1.0):
    """The law of at most n draws at a level, else one more draw."""
    a = {x: acceptance(rewards[x], level, bound) for x in chances}
    total = sum(p * a[x] for x, p in chances.items())
    q = (1 - total) ** n
    return {x: (1 - q) * p * a[x] / total + q * p for x, p in chances.items()}


def test_the_law_at_the_level_of_the_policy(monkeypatch):
    # The level of infinitely many draws: (1 - (1 - 1/M)^n) c + (1 - 1/M)^n p.
    monkeypatch.setattr(module, "water_level", lambda rewards, b: level_of(0.2))
    for n in (1, 2):
        found = answers(itp(n, 0.2), toy())
        q = (1 - 1 / 3.95) ** n
        chosen = pessimistic(list(R.values()), 0.2, list(P.values()))
        for (symbol, p), c in zip(P.items(), chosen, strict=True):
            assert found[symbol] == pytest.approx((1 - q) * c + q * p, abs=1e-12)
        assert found == pytest.approx(given_level(n, level_of(0.2)), abs=1e-12)


@pytest.mark.parametrize(
    ("n", "expected"),
    [(4, [0.1555, 0.2414, 0.2998, 0.3032]), (16, [0.0047, 0.2376, 0.3655, 0.3922])],
)
def test_the_law_of_more_draws(n, expected):
    found = given_level(n, level_of(0.2))
    assert list(found.values()) == pytest.approx(expected, abs=5.1e-5)


@pytest.mark.parametrize(("n", "chances"), [(1, P), (2, P), (3, THREE)])
def test_the_law_with_a_fresh_batch(n, chances):
    expected = dict.fromkeys(chances, 0.0)
    for first in product(chances, repeat=n):
        likely = math.prod(chances[x] for x in first)
        law = given_level(n, water_level([R[x] for x in first], 0.2), chances)
        for x, p in law.items():
            expected[x] += likely * p
    assert answers(itp(n, 0.2), toy(chances)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("batch", [2, 5])
def test_the_size_of_the_batches_does_not_change_the_law(batch):
    models = toy({"a": 0.7, "d": 0.3}, in_order=True)
    one = answers(itp(3, 0.5), models)
    assert answers(itp(3, 0.5, batch=batch), models) == pytest.approx(one, abs=1e-12)


def same_batch(n, b, chances):
    law = dict.fromkeys(chances, 0.0)
    for first in product(chances, repeat=n):
        left = math.prod(chances[x] for x in first)
        level = water_level([R[x] for x in first], b)
        for x in first:
            law[x] += left * acceptance(R[x], level, 1.0)
            left *= 1 - acceptance(R[x], level, 1.0)
        for x, p in chances.items():
            law[x] += left * p
    return law


@pytest.mark.parametrize(("n", "chances"), [(1, P), (2, P), (3, THREE)])
def test_the_law_with_the_same_batch(n, chances):
    expected = same_batch(n, 0.2, chances)
    found = answers(itp(n, 0.2, fresh=False), toy(chances, in_order=True))
    assert found == pytest.approx(expected, abs=1e-12)
    fresh = answers(itp(n, 0.2), toy(chances))
    assert total_variation(found, fresh) > 0.005  # the cheap mode is another law


def test_the_bound_of_rewards_counts():
    # At bound = .7 more is accepted; with M of the highest reward drawn the mixture is another.
    assert acceptance(0.5, 0.3, 0.7) == pytest.approx(0.5)
    assert acceptance(0.3, 0.3, 0.7) == acceptance(0.1, 0.3, 0.7) == 0.0
    assert acceptance(0.9, 0.3, 0.7) == acceptance(0.9, 0.8, 0.7) == 1.0
    assert acceptance(0.5, 0.8, 0.7) == acceptance(0.75, 0.8, 0.7) == 0.0
    assert acceptance(1.0, 1.0, 1.0) == 1.0  # b was lost in rounding: M is 1
    expected = dict.fromkeys(P, 0.0)
    for first, p in P.items():
        for x, share in given_level(1, R[first] - 0.2, bound=0.7).items():
            expected[x] += p * share
    assert answers(itp(1, 0.2, bound=0.7), toy()) == pytest.approx(expected, abs=1e-12)
    law = outcomes(
        itp(1, 0.2, bound=0.7),
        toy(),
        lambda r: (r.counts["rewards above the bound"] > 0, r.counts["draws"], answer(r)),
    )
    assert law[True, 2, "d"] == pytest.approx(0.1)  # drawn second, accepted for certain
    assert (False, 2, "d") not in law
    wrong = dict.fromkeys(P, 0.0)  # the known slip: M from the highest reward drawn
    for first, p in P.items():
        for x, share in given_level(1, R[first] - 0.2, bound=R[first]).items():
            wrong[x] += p * share
    assert total_variation(wrong, answers(itp(1, 0.2), toy())) > 0.04


def test_limits():
    assert answers(itp(2, 1e9), toy()) == pytest.approx(P, abs=1e-8)
    strict = given_level(400, water_level(list(R.values()), 1e-3, list(P.values())))
    assert strict["d"] > 0.3  # d alone can be accepted, at 1 in M
    assert pessimistic(list(R.values()), 1e-3, list(P.values()))[3] == pytest.approx(1.0)


# ------------------------------------------------------------------------ a reward to be hacked


def hackable():
    """999 honest items and a rare one whose reward is three times too high, its worth 0."""
    honest = [i / 998 for i in range(999)]
    chances = dict.fromkeys(range(999), 0.998 / 999) | {999: 0.002}
    true = dict(enumerate([*honest, 0.0]))
    proxy = dict(enumerate([r / 3 for r in [*honest, 3.0]]))  # in [0, 1]
    return chances, true, proxy


def test_more_draws_hack_best_of_n_but_not_pessimism():
    chances, true, proxy = hackable()
    assert mean(chances, true) == pytest.approx(0.499, abs=5e-5)
    draws = (4, 64, 1024, 16384)
    best = []
    for n in draws:
        below, value = 0.0, 0.0
        for i in sorted(chances, key=proxy.__getitem__):
            value += ((below + chances[i]) ** n - below**n) * true[i]
            below += chances[i]
        best.append(value)
    assert best == pytest.approx([0.794, 0.867, 0.129, 0.000], abs=5.1e-4)
    level = water_level(list(proxy.values()), 1 / 3, list(chances.values()))
    itp = [mean(given_level(n, level, chances, proxy), true) for n in draws]
    assert itp == pytest.approx([0.559, 0.580, 0.580, 0.580], abs=5.1e-4)
    assert all(a <= b + 1e-12 for a, b in pairwise(itp))
    assert best[-1] < best[0]  # not monotone


def test_the_strategies_themselves_are_hacked_or_not():
    chances, proxy = {"a": 0.45, "b": 0.45, "hack": 0.1}, {"a": 0.1, "b": 0.5, "hack": 1.0}
    true = {"a": 0.1, "b": 0.5, "hack": 0.0}
    models = toy(chances, proxy)
    best = [mean(answers(BestOfN(n, temperature=1.0), models), true) for n in (1, 2, 8)]
    careful = [mean(answers(itp(n, 0.5), models), true) for n in (1, 2, 3)]
    assert best[-1] < best[0]
    assert careful == sorted(careful)


# ------------------------------------------------------------------------------ the search


def test_what_it_draws(plant, best):
    tree = plant({"a": 0.0, "b": 0.0, "c": 1.0}, final={"a", "b", "c"})
    strategy = Pessimism(4, reward_temperature=0.01, bound=1.0)
    result = tree.run(strategy)
    # The level is 1 - .04, so that c alone is accepted, 1 in 4 times, else the ninth path comes.
    assert [(c.start, c.n) for c in tree.policy.calls][:2] == [(0, 4), (4, 4)]
    assert tree.reward.calls == [[("a",), ("b",), ("c",)]]  # nothing is rewarded twice
    taken = result.counts["accepted draws"]
    assert result.counts["draws"] == (8 if taken else 9)
    cheap = tree.run(replace(strategy, fresh=False))
    assert (tree.policy.calls[0].start, tree.policy.calls[0].n) == (0, 4)
    assert cheap.counts["draws"] == (4 if cheap.counts["accepted draws"] else 5)
    tree.run(Pessimism())
    call = tree.policy.calls[0]
    assert (call.n, call.until, call.temperature) == (16, "end", 0.8)


def test_where_nothing_is_accepted_the_next_path_is_the_answer(plant, spelled):
    tree = plant({"a": 0.0, "b": 0.0}, final={"a", "b"})
    for fresh, calls in ((True, [(0, 3), (3, 3), (6, 1)]), (False, [(0, 3), (3, 1)])):
        seen = []
        for seed in range(20):
            tree.policy.calls.clear()
            mine = replace(tree.models, seed=seed, trace=Trace())
            strategy = Pessimism(3, reward_temperature=0.01, fresh=fresh)
            result = asyncio.run(strategy(tree.problem, mine))
            if result.counts["fallback draws"]:
                assert [(call.start, call.n) for call in tree.policy.calls] == calls
                assert result.best.path == result.candidates[-1].path
            seen.append(result.counts["fallback draws"])
        assert sum(seen) > 10  # accepted is 1 in 101


def test_paths_that_do_not_finish_count_for_nothing():
    # c is cut off: the level is taken over those that finished, c is never accepted.
    chances = {"a": 0.5, "c": 0.3, "d": 0.2}
    expected = {"a": 0.0, "d": 0.0, "": 0.0}
    rest = {"a": 0.5, "d": 0.2}
    for first in chances:
        if first == "c":  # no level: one more path as it comes, or no answer
            for x in chances:
                expected["" if x == "c" else x] += 0.3 * chances[x]
            continue
        level = water_level([R[first]], 0.5)
        a = {x: acceptance(R[x], level, 1.0) for x in rest}
        for second, p in chances.items():
            hit = a.get(second, 0.0)
            if hit:
                expected[second] += chances[first] * p * hit
            for x, r in chances.items():
                left = chances[first] * p * (1 - hit) * r
                if x != "c":
                    expected[x] += left
                    continue
                seen = [first, *([second] if second != "c" else [])]
                shares = pessimistic([R[s] for s in seen], 0.5)
                for s, share in zip(seen, shares, strict=True):
                    expected[s] += left * share
    found = answers(itp(1, 0.5), toy(chances, cut="c"))
    assert found == pytest.approx(expected, abs=1e-12)
    events = outcomes(
        itp(1, 0.5),
        toy(chances, cut="c"),
        lambda r: r.counts.get("levels without an answer", 0),
    )
    assert events == pytest.approx({0: 0.7, 1: 0.3})


def test_a_budget_that_ends_leaves_a_careful_choice(plant):
    tree = plant({"a": 0.2, "b": 0.9}, final={"a", "b"})
    strategy = itp(3, 0.05)
    capped = CappedPolicy(policy=tree.policy, most=3, samples=3)
    mine = replace(tree.models, policy=capped, trace=Trace())
    with pytest.raises(BudgetExhausted):
        asyncio.run(strategy(tree.problem, mine))
    assert strategy.select(mine.trace.found, mine).score == 0.9
    assert strategy.select([], mine) is None
    soft = [itp(3, 5.0).select(mine.trace.found, replace(mine, seed=s)).score for s in range(300)]
    level = water_level([0.2, 0.9, 0.2], 5.0)
    assert soft.count(0.9) / 300 == pytest.approx((0.9 - level) / 15, abs=0.09)

    def other(i):
        found = [
            replace(c, path=replace(c.path, problem=replace(tree.problem, id=f"p{i}")))
            for c in mine.trace.found
        ]
        return itp(3, 5.0).select(found, mine).score

    assert len({other(i) for i in range(20)}) == 2  # each problem has a draw of its own


def test_without_a_reward_model():
    with pytest.raises(InputError, match="expected a reward model"):
        asyncio.run(Pessimism(2)(PROBLEM, replace(toy(), reward=None, trace=Trace())))


@pytest.mark.parametrize(
    "bad",
    [
        {"n": 0},
        {"reward_temperature": 0.0},
        {"reward_temperature": math.inf},
        {"bound": 0.0},
        {"bound": 1.1},
        {"fresh": 1},
        {"batch": 0},
        {"temperature": -1.0},
    ],
)
def test_bad_settings(bad):
    [name] = bad
    with pytest.raises(InputError, match=f"pessimism {name}: expected"):
        Pessimism(**bad)
