import asyncio
from dataclasses import replace

import pytest
from two_steps import PROBLEM, TABLE, ends, models

from specreward.errors import InputError
from specreward.search import GRACE, Greedy, Highest
from specreward.testing import ScriptedPolicy, law, total_variation, toy_models
from specreward.testing.contract import search
from specreward.types import Step, Trace
from specreward.verify import RewardScores

REWARDS = {"a": 0.2, "b": 0.9, "c": 0.5, "ax": 0.5, "bx": 0.5, "cx": 0.5}
LIKELY = {"a": -0.1, "b": -2.0, "c": -1.0}


def walked(plant, strategy):
    """The first step of the walk, where a is likely, b is good, and c neither."""
    tree = plant(REWARDS, final={"ax", "bx", "cx"})
    steps = {(): [Step(x, 1, LIKELY[x]) for x in "abc"]}
    steps |= {(x,): [Step("x", 1, -1.0, final=True)] for x in "abc"}
    tree.policy = ScriptedPolicy(steps)
    tree.models = replace(tree.models, policy=tree.policy)
    return tree.run(strategy)


def test_0_follows_the_likelihood_and_needs_no_reward_model(plant, spelled):
    assert spelled(walked(plant, GRACE(3, reward_share=0.0))) == ["ax"]
    blind = replace(toy_models(), reward=None)
    [problem] = blind.task.generate(1, "grace", 0)
    assert asyncio.run(search(GRACE(reward_share=0.0), problem, blind)).candidates


def test_1_follows_the_reward(plant, spelled):
    assert spelled(walked(plant, GRACE(3, reward_share=1.0))) == ["bx"]


def test_the_weight_in_between_turns_where_the_sums_are_equal(plant, spelled):
    # lm: .904837, .135335; odds: .25, 9, 1, so that the shares are .024390, .878049.
    turn = (0.904837 - 0.135335) / (0.904837 - 0.135335 + 0.878049 - 0.024390)
    assert spelled(walked(plant, GRACE(3, reward_share=turn - 0.001))) == ["ax"]
    assert spelled(walked(plant, GRACE(3, reward_share=turn + 0.001))) == ["bx"]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_1_is_greedy_in_law(n):
    def law_of(strategy):
        async def program():
            return ends(await strategy(PROBLEM, replace(models(), trace=Trace())))

        return law(program)

    ours = law_of(GRACE(n, reward_share=1.0, temperature=1.0))
    theirs = law_of(Greedy(n, verify=RewardScores(), temperature=1.0))
    assert total_variation(ours, theirs) < 1e-12


@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_law_of_the_likelihood_alone(n):
    """The likelier step is taken if it is drawn at all."""

    async def program():
        found = await GRACE(n, reward_share=0.0, temperature=1.0)(
            PROBLEM, replace(models(), trace=Trace())
        )
        return " ".join(step.text for step in found.best.path.steps)

    def likelier(row):
        low, high = sorted(row, key=row.__getitem__)
        return {high: 1 - row[low] ** n, low: row[low] ** n}

    first = likelier(TABLE[()])
    expected = {f"{x} {y}": first[x] * p for x in "ab" for y, p in likelier(TABLE[x,]).items()}
    assert total_variation(law(program), expected) < 1e-12


def test_the_end_of_the_walk_is_the_answer_not_the_highest_score(plant, best):
    rewards = {"a": 0.6, "b": 0.5, "ax": 0.1, "ay": 0.1, "az": 0.1}
    tree = plant(rewards, final={"b", "ax", "ay", "az"})
    result = tree.run(GRACE(3, reward_share=1.0))  # shares: b .4, each of the last .333
    assert best(result) == "ax"
    assert Highest()(result.candidates, tree.models).path.steps[-1].text == "b"


def test_of_equal_ends_the_one_walked_to_is_the_answer(plant, best):
    tree = plant({"a": 0.5, "b": 0.5}, final={"a", "b"})
    steps = [Step(x, 1, -1.0, final=True) for x in "abb"]  # b is drawn more often
    tree.policy = ScriptedPolicy({(): steps})
    tree.models = replace(tree.models, policy=tree.policy)
    assert best(tree.run(GRACE(3, reward_share=1.0))) == "b"


def test_what_it_passed_is_the_answer_where_the_walk_has_no_end(plant, best):
    tree = plant({"a": 0.6, "b": 0.5, "ax": 0.1}, final={"b"}, dead={"ax"})
    result = tree.run(GRACE(2, reward_share=1.0))
    assert (best(result), result.ended) == ("b", "exhausted")


def test_depth_and_temperature_are_used(plant):
    tree = plant(REWARDS, final={"ax", "bx", "cx"})
    assert tree.run(GRACE(3, depth=1, temperature=0.3)).best is None
    assert [(call.n, call.temperature) for call in tree.policy.calls] == [(3, 0.3)]


@pytest.mark.parametrize(
    "bad", [{"n": 0}, {"reward_share": 1.1}, {"reward_share": -0.1}, {"temperature": -1.0}]
)
def test_bad_settings(bad):
    with pytest.raises(InputError, match=f"grace {next(iter(bad))}: expected"):
        GRACE(**bad)
