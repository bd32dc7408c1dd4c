"""RSD under its exact law, and what the published code gets wrong."""

import asyncio
import math
from dataclasses import dataclass, replace
from itertools import product

import pytest

from specreward.errors import InputError
from specreward.report.tree import tree
from specreward.search.speculative import (
    RSD,
    CandidateGate,
    Clipped,
    Constant,
    Logistic,
    Odds,
    StepAt,
    Stepwise,
)
from specreward.search.speculative.writing import Block
from specreward.testing import check_strategy
from specreward.testing.exact import ExactPolicy, ExactReward, ExactTask
from specreward.types import Models

from .fixtures import (
    PROBLEM,
    B,
    R,
    S,
    distance,
    law_of,
    one_step,
    pool_law,
    row_of,
    step_row,
    texts,
)


def mean(row, values=R):
    return sum([p * v for p, v in zip(row, values, strict=True)])


def rsd(accept, **settings):
    return RSD(accept=accept, temperature=1.0, **settings)


TABLE = [
    (StepAt(0.7), [0.20, 0.10, 0.36, 0.34], 0.6, 0.652),
    (Constant(0.6), [0.32, 0.22, 0.24, 0.22], 0.6, 0.508),
    (Clipped(), [0.215, 0.1775, 0.2685, 0.339], 0.61, 0.6194),
    (Odds(), [0.3438, 0.2199, 0.2212, 0.2151], 0.349, 0.4923),
    (Logistic(0.7, slope=10.0), [0.2776, 0.148, 0.2331, 0.3412], 0.446, 0.5914),
]


@pytest.mark.parametrize(("accept", "law", "rate", "reward"), TABLE, ids=lambda x: str(x)[:20])
def test_the_law_the_rate_and_the_mean_reward(accept, law, rate, reward):
    found = row_of(rsd(accept), one_step())
    assert found == pytest.approx(law, abs=6e-5)
    chances = [accept(r) for r in R]
    share = mean(S, chances)
    exact = [w * s + (1 - share) * b for w, s, b in zip(chances, S, B, strict=True)]
    assert found == pytest.approx(exact, abs=1e-12)
    assert share == pytest.approx(rate, abs=6e-4)
    assert mean(found) == pytest.approx(reward, abs=6e-5)
    assert mean(found) >= share * mean(S) + (1 - share) * mean(B) - 1e-12

    def accepted(result):
        return result.counts.get("accepted steps", 0)

    assert law_of(rsd(accept), one_step(), accepted)[1] == pytest.approx(share, abs=1e-12)


def test_a_threshold_is_the_step_function_and_a_reward_equal_to_it_is_accepted():
    plain = row_of(RSD(0.7, temperature=1.0), one_step())
    assert plain == pytest.approx(row_of(rsd(StepAt(0.7)), one_step()), abs=1e-12)
    assert distance(plain, row_of(RSD(0.7 + 1e-9, temperature=1.0), one_step())) > 0.1


def test_the_best_threshold_is_the_mean_reward_of_the_target():
    means = {u: mean(row_of(RSD(u, temperature=1.0), one_step())) for u in (0.0, *R, 0.35)}
    assert mean(B) == pytest.approx(0.355)
    assert means[0.35] == max(means.values())
    assert means[0.35] == means[0.4] > means[0.7]


@pytest.mark.parametrize(
    ("least", "best"),
    [(0.3, [0, 1, 1, 1]), (0.5, [0, 1, 1, 1]), (0.6, [0, 1, 1, 1]), (0.9, [0.5, 1, 1, 1])],
)
def test_no_rule_with_a_given_rate_has_more_reward_than_a_step_function(least, best):
    grid = [
        rule
        for rule in product([i / 8 for i in range(9)], repeat=4)
        if list(rule) == sorted(rule) and mean(S, rule) >= least - 1e-12
    ]

    def reward(rule):
        rate = mean(S, rule)
        own = mean(S, [w * r for w, r in zip(rule, R, strict=True)])
        found = own + (1 - rate) * mean(B)
        assert found >= rate * mean(S) + (1 - rate) * mean(B) - 1e-12
        return found

    assert list(max(grid, key=reward)) == best


def test_a_rejected_step_is_replaced_unseen(monkeypatch):
    """The known wrong variant scores the target's step too and refuses it by the same rule."""
    asked = []

    @dataclass(frozen=True)
    class Watched:
        inner: ExactReward

        async def score(self, paths):
            asked.extend([texts(path) for path in paths])
            return await self.inner.score(paths)

    models = one_step(draft=[0.0, 1.0, 0.0, 0.0])
    found = row_of(RSD(0.7, temperature=1.0), models)
    assert found == pytest.approx(B, abs=1e-12)  # also what would not reach the threshold
    again = mean(B, [r >= 0.7 for r in R])
    wrong = [b * (r >= 0.7) + (1 - again) * b for b, r in zip(B, R, strict=True)]
    assert distance(found, wrong) > 0.1
    table = {(): {"a": 1.0}, ("a",): {"b": 1.0}}
    known = ExactReward({("a",): 0.1, ("a", "b"): 0.2})
    two = Models(
        task=ExactTask(table),
        policy=ExactPolicy(table),
        draft=ExactPolicy(table),
        reward=Watched(known),
    )
    result = asyncio.run(RSD(0.7)(PROBLEM, two))
    assert asked == [("a",), ("a", "b")]  # each drafted step once
    assert result.best.score == 0.2
    assert result.counts == {
        "drafted steps": 2,
        "rejected steps": 2,
        "steps by target": 2,
        "target steps": 2,
    }


def written(draft, target, *threshold):
    """A search where draft and target write a word of two letters each and all rewards are 0.2."""

    def law(word):
        return {(): {word[0]: 1.0}} | {(first,): {word[1]: 1.0} for first in draft[0] + target[0]}

    words = [*product(draft[0] + target[0], draft[1] + target[1])]
    models = Models(
        task=ExactTask(law(target)),
        policy=ExactPolicy(law(target)),
        draft=ExactPolicy(law(draft)),
        reward=ExactReward(dict.fromkeys([(draft[0],), (target[0],), *words], 0.2)),
    )
    return asyncio.run(RSD(*threshold)(PROBLEM, models))


def shown(result):
    return [
        (texts(parent), [(texts(item.path), item.kept, dict(item.details)) for item in judged])
        for parent, judged in result.expansions
    ]


def test_the_record_says_what_was_committed():
    """Also a step that the draft wrote in vain and the target again, and one that nobody scored."""
    refused = {"reward": 0.2, "pool_share": 1.0, "chance": 0.0, "draft": 1.0}
    scored = {"reward": 0.2, "draft": 0.0}
    same = written("ab", "ab")
    assert shown(same) == [
        ((), [(("a",), True, scored)]),
        (("a",), [(("a", "b"), True, scored)]),
    ]
    assert [item.count for _, judged in same.expansions for item in judged] == [2, 2]
    other = written("cd", "ab")
    assert shown(other) == [
        ((), [(("c",), False, refused)]),
        (("a",), []),
        (("a",), [(("a", "d"), False, refused), (("a", "b"), True, scored)]),
    ]
    first, _ = tree(other.expansions).children
    assert (first.text, first.judgement.kept) == ("c", False)
    _, second = tree(other.expansions).children
    assert (second.text, second.judgement, len(second.children)) == ("a", None, 2)
    drafted = written("cd", "cd", 0.1)
    assert [item.kept for _, judged in drafted.expansions for item in judged] == [True, True]


def test_with_more_draws_one_is_taken_by_its_reward_before_the_test():
    found = step_row(RSD(0.7, n=4, beta_inv=2.0, temperature=1.0).parts(), one_step())
    weights = [math.exp(2 * r) for r in R]
    first, second = pool_law(4, S, weights), pool_law(4, B, weights)
    rest = first[0] + first[1]
    goal = [p * (r >= 0.7) + rest * q for p, r, q in zip(first, R, second, strict=True)]
    assert found == pytest.approx(goal, abs=1e-12)


@pytest.mark.parametrize("draft_good", [True, False])
def test_a_problem_of_twelve_steps_is_finished(draft_good):
    """One problem alone; the published code stops it after five."""
    table = {("x",) * depth: {"x": 1.0} for depth in range(12)}
    rewards = {("x",) * depth: 0.9 if draft_good else 0.1 for depth in range(13)}
    models = Models(
        task=ExactTask(table),
        policy=ExactPolicy(table),
        draft=ExactPolicy(table),
        reward=ExactReward(rewards),
    )
    result = asyncio.run(RSD()(PROBLEM, models))
    assert result.best.path.depth == 12
    assert result.ended == "done"
    writer = "steps by draft" if draft_good else "steps by target"
    assert result.counts[writer] == 12


def test_greedy_unless_told_otherwise_and_warm_with_several_draws():
    assert RSD().parts().temperature == 0.0
    assert RSD(n=4).parts().temperature == 0.7
    assert RSD(n=4, temperature=1.0).parts().temperature == 1.0
    assert RSD(beta_inv=3.0, n=2).parts().draft.weight.beta_inv == 3.0
    assert RSD().parts() == Stepwise(
        draft=Block(1, weight=None),
        target=Block(1, weight=None),
        gate=RSD().parts().gate,
        temperature=0.0,
    )


def test_no_tokens_are_needed():
    models = one_step(same="other")

    class Mute:
        def __init__(self, policy):
            self.policy = policy

        async def extend(self, paths, n, **settings):
            return await self.policy.extend(paths, n, **settings)

    mute = replace(models, policy=Mute(models.policy), draft=Mute(models.draft))
    goal = row_of(RSD(temperature=1.0), models)
    assert row_of(RSD(temperature=1.0), mute) == pytest.approx(goal, abs=1e-12)


@pytest.mark.parametrize("strategy", [RSD(), RSD(n=3), rsd(Logistic())], ids=str)
def test_the_contract(strategy):
    check_strategy(strategy, problems=30)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 0}, "rsd n: expected an integer"),
        ({"threshold": 1.5}, "rsd threshold: expected a finite number in"),
        ({"threshold": 0.6, "accept": Odds()}, "rsd: expected one rule of acceptance, got thres"),
        ({"threshold": None}, "rsd threshold: expected"),
        ({"accept": "odds"}, "rsd accept: expected an object"),
        ({"temperature": -1.0}, "rsd temperature: expected"),
        ({"n": 2, "temperature": 0.0}, "expected a temperature above 0 with n=2"),
        ({"n": 2, "beta_inv": -1.0}, "beta_inv: expected"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(InputError, match=words):
        RSD(**settings)


@pytest.mark.parametrize("make", [StepAt, Constant, lambda x: Logistic(x)])
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_bad_acceptance(make, value):
    with pytest.raises(InputError, match="expected a finite number in"):
        make(value)


def test_acceptance_never_falls_and_is_a_probability():
    grid = [i / 50 for i in range(51)]
    for rule in (StepAt(), Constant(), Clipped(), Odds(), Logistic(), Logistic(slope=1e6)):
        found = [rule(r) for r in grid]
        assert found == sorted(found)
        assert 0 <= found[0] <= found[-1] <= 1
    with pytest.raises(InputError, match="slope: expected"):
        Logistic(slope=0.0)


def test_a_gate_on_the_step_taken_has_an_unweighted_step_scored():
    """Without a ratio the tilted reward is the reward: the same law as RSD's step function."""
    bare = Block(1, weight=None)
    parts = Stepwise(draft=bare, target=bare, gate=CandidateGate(0.7), temperature=1.0)
    assert row_of(parts, one_step()) == pytest.approx([0.20, 0.10, 0.36, 0.34], abs=1e-12)
