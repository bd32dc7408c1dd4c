import asyncio
import math
from dataclasses import replace
from itertools import pairwise

import pytest
from one_step import PROBLEM, P, R, answers, divergence, mean, multisets, tilt, toy

from specreward.errors import InputError, RewardError
from specreward.search import BestOfN, SoftBestOfN
from specreward.search.chances import tilted
from specreward.testing.exact import ExactReward, total_variation
from specreward.types import Trace


def soft(n, beta):
    return SoftBestOfN(n, beta_inv=beta, temperature=1.0)


def exact(n, beta):
    """The law for larger n, by the rule that the strategy draws with."""
    law = dict.fromkeys(P, 0.0)
    for counts, chance in multisets(n):
        for symbol, share in zip(P, tilted(list(R.values()), beta, counts), strict=True):
            law[symbol] += chance * share
    return law


def moments(beta):
    first = sum(p * math.exp(beta * R[x]) for x, p in P.items())
    return first, sum(p * math.exp(2 * beta * R[x]) for x, p in P.items()) - first**2


def test_published_defaults(plant):
    tree = plant({"a": 0.9}, final={"a"})
    tree.run(SoftBestOfN())
    [call] = tree.policy.calls
    assert (call.n, call.until, call.temperature) == (16, "end", 0.8)
    assert SoftBestOfN().beta_inv == 20.0
    assert tree.reward.calls == [[("a",)]]  # equal paths are rewarded once


def test_the_law_of_four():
    found = answers(soft(4, 2.0), toy())
    assert list(found.values()) == pytest.approx([0.316135, 0.251949, 0.225250, 0.206666], abs=5e-7)
    assert found == pytest.approx(exact(4, 2.0), abs=1e-12)


def test_the_law_of_sixteen():
    assert answers(soft(16, 2.0), toy()) == pytest.approx(exact(16, 2.0), abs=1e-12)


def test_limits():
    assert answers(soft(1, 7.0), toy()) == pytest.approx(P, abs=1e-12)
    assert answers(soft(5, 0.0), toy()) == pytest.approx(P, abs=1e-12)
    hard = answers(soft(6, 1e6), toy())
    assert list(hard.values()) == pytest.approx([0.015625, 0.162354, 0.353462, 0.468559], abs=5e-7)
    assert hard == pytest.approx(answers(BestOfN(6, temperature=1.0), toy()), abs=1e-12)
    assert total_variation(exact(40, 2.0), tilt(2.0)) < 0.02


@pytest.mark.parametrize(
    ("beta", "n", "value", "most"),
    [
        (1, 1, 0.05356, 0.11181),
        (1, 4, 0.00457, 0.02915),
        (1, 16, 0.00030, 0.00737),
        (2, 1, 0.23010, 0.44965),
        (2, 4, 0.02803, 0.13273),
        (2, 16, 0.00188, 0.03487),
        (4, 1, 0.83691, 1.25894),
        (4, 4, 0.18544, 0.48884),
        (4, 16, 0.01346, 0.14635),
    ],
)
def test_the_divergence_is_below_its_bound(beta, n, value, most):
    first, variance = moments(beta)
    bound = math.log1p(variance / (n * first**2))
    law = exact(n, beta)
    assert bound == pytest.approx(most, abs=6e-6)
    assert divergence(tilt(beta), law) == pytest.approx(value, abs=6e-6)
    assert divergence(tilt(beta), law) <= bound
    for symbol, p in P.items():  # Lemma 1, pointwise
        weight = math.exp(beta * R[symbol])
        assert law[symbol] >= p * weight / (weight / n + (n - 1) / n * first) - 1e-12


def test_it_converges_at_least_as_fast_as_one_over_n():
    laws = {n: exact(n, 2.0) for n in (8, 16, 32)}
    gaps = [mean(tilt(2.0)) - mean(law) for law in laws.values()]
    assert gaps == pytest.approx([0.04100, 0.02051, 0.01021], abs=6e-6)
    assert all(math.log2(a / b) > 0.99 for a, b in pairwise(gaps))
    divergences = [divergence(tilt(2.0), law) for law in laws.values()]
    slopes = [math.log2(a / b) for a, b in pairwise(divergences)]
    assert all(slope >= 1.0 for slope in slopes)
    assert slopes == pytest.approx([2.0, 2.0], abs=0.1)


def test_drawing_among_distinct_paths_is_the_wrong_law():
    # The known slip: repeats merged, their count lost.
    wrong = dict.fromkeys(P, 0.0)
    for counts, chance in multisets(4):
        seen = [float(count > 0) for count in counts]
        for symbol, share in zip(P, tilted(list(R.values()), 2.0, seen), strict=True):
            wrong[symbol] += chance * share
    assert total_variation(wrong, exact(4, 2.0)) > 0.05
    assert total_variation(answers(soft(4, 2.0), toy()), wrong) > 0.05


def test_the_law_is_that_of_paths_that_finish():
    # c is cut off: of 4 draws a binomial number finishes, and the law is soft best of so many.
    found = answers(soft(4, 2.0), toy(cut="c"))
    rest = {x: p / 0.85 for x, p in P.items() if x != "c"}
    expected = {"": 0.15**4} | dict.fromkeys(rest, 0.0)
    for k in range(1, 5):
        finished = math.comb(4, k) * 0.85**k * 0.15 ** (4 - k)
        for counts, chance in multisets(k, list(rest.values())):
            for x, share in zip(rest, tilted([R[x] for x in rest], 2.0, counts), strict=True):
                expected[x] += finished * chance * share
    assert found == pytest.approx(expected, abs=1e-12)


def test_each_problem_and_seed_has_a_draw_of_its_own(plant, best):
    tree = plant({"a": 0.5, "b": 0.5}, final={"a", "b"})
    others = [replace(tree.problem, id=f"p{i}") for i in range(20)]
    mine = [asyncio.run(soft(2, 1.0)(p, replace(tree.models, trace=Trace()))) for p in others]
    assert {best(result) for result in mine} == {"a", "b"}
    seeds = [replace(tree.models, seed=i, trace=Trace()) for i in range(20)]
    assert {best(asyncio.run(soft(2, 1.0)(tree.problem, m))) for m in seeds} == {"a", "b"}


def test_dead_paths_are_neither_rewarded_nor_chosen(plant, best, spelled):
    tree = plant({"a": 0.1, "b": 0.9}, final={"a"}, dead={"b"})
    result = tree.run(SoftBestOfN(3))
    assert (best(result), spelled(result)) == ("a", ["a", "a"])
    assert tree.reward.calls == [[("a",)]]
    [(_, judged)] = result.expansions
    assert [item.kept for item in judged] == [True, False, True]
    none = plant({"b": 0.9}, dead={"b"}).run(SoftBestOfN(3))
    assert (none.best, none.candidates) == (None, ())


def test_bad_input(plant):
    for bad in ({"n": 0}, {"beta_inv": -1.0}, {"beta_inv": math.inf}, {"temperature": -0.1}):
        with pytest.raises(InputError, match="soft_best_of_n"):
            SoftBestOfN(**bad)
    tree = plant({"a": 0.5}, final={"a"})
    with pytest.raises(InputError, match=r"expected a reward model.*--reward"):
        asyncio.run(SoftBestOfN(2)(PROBLEM, replace(tree.models, reward=None, trace=Trace())))
    assert tree.policy.calls == []  # before anything is spent
    models = replace(toy(), trace=Trace())
    for wrong in (math.nan, 1.5, -0.1):
        reward = ExactReward({(x,): wrong for x in P})
        with pytest.raises(RewardError, match=r"in \[0, 1\]"):
            asyncio.run(SoftBestOfN(2)(PROBLEM, replace(models, reward=reward)))
