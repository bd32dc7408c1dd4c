import asyncio
from dataclasses import replace

import pytest

import specreward.verify.lookahead as module
from specreward.errors import InputError
from specreward.search import BFS, DVTS, Beam, Greedy, MaxReward
from specreward.testing import ScriptedPolicy, ScriptedReward, ToyTask, toy_models
from specreward.testing.contract import search
from specreward.types import Models, Problem, Siblings, Step, Trace
from specreward.verify import (
    LikelihoodAndReward,
    Lookahead,
    RewardScores,
    SelfEvaluation,
    Speculative,
    Threshold,
)

from .toys import ToyRewards, ask, children, roles

TRAP = {
    "a": 0.9,  # looks good
    "b": 0.3,
    "ax": 0.8,
    "bx": 0.4,
    "axx": 0.1,  # and is not
    "bxx": 0.95,
}


def trap(dead=(), depth=3):
    """The trap with its policy: paths of three letters."""
    steps = {}
    for word in TRAP:
        step = Step(word[-1], 1, -1.0, final=len(word) == 3, dead=word in dead)
        steps.setdefault(tuple(word[:-1]), []).append(step)
    return Models(
        task=ToyTask(depth=depth, branch=26),
        policy=ScriptedPolicy(steps),
        reward=ScriptedReward({tuple(word): score for word, score in TRAP.items()}),
    )


def run(strategy, models):
    models = replace(models, trace=Trace())
    return asyncio.run(strategy(Problem("p", "q"), models))


def word(path):
    return "".join(step.text for step in path.steps)


@pytest.mark.parametrize(
    "strategy", [Greedy(2), Beam(1, n=2), DVTS(1, n=2), BFS(1, n=2)], ids=lambda s: type(s).__name__
)
def test_who_looks_far_enough_ahead_walks_around_the_trap(strategy):
    def end(k):
        return word(run(replace(strategy, verify=Lookahead(k)), trap()).best.path)

    assert end(0) == end(1) == "axx"
    assert end(2) == end(7) == "bxx"


def test_rolling_without_scoring_the_roll_falls_into_it(monkeypatch):
    """Negative control: the reference code's beam scores the children, not the rolls."""
    rolled = module._rolled

    async def inert(paths, k, models):
        await rolled(paths, k, models)
        return list(paths)

    monkeypatch.setattr(module, "_rolled", inert)
    result = run(Greedy(2, verify=Lookahead(2)), trap())
    assert (word(result.best.path), result.counts) == ("axx", {"steps looked ahead": 5})


def test_the_roll_is_greedy_and_stops_at_the_end_and_at_the_limit():
    models = trap()
    result = run(Greedy(2, verify=Lookahead(9)), models)
    rolls = [call for call in models.policy.calls if call.temperature == 0]
    assert [call.paths for call in rolls] == [
        (("a",), ("b",)),
        (("a", "x"), ("b", "x")),
        (("b", "x"),),
    ]
    assert all((call.n, call.until) == (1, "step") for call in rolls)
    assert result.counts == {"steps looked ahead": 5}
    short = trap(depth=2)
    run(Greedy(2, verify=Lookahead(9)), short)
    assert max(len(path) for call in short.policy.calls for path in call.paths) == 1


def test_only_the_child_enters_the_tree_with_the_score_of_its_roll():
    result = run(Greedy(2, verify=Lookahead(2)), trap())
    assert [
        [(word(item.path), item.score, item.details["ahead"]) for item in judged]
        for _, judged in result.expansions
    ] == [[("a", 0.1, 2.0), ("b", 0.95, 2.0)], [("bx", 0.95, 1.0)], [("bxx", 0.95, 0.0)]]
    assert [word(found.path) for found in result.candidates] == ["bxx"]  # no roll among them
    assert run(Beam(2, n=2, verify=Lookahead(2), pick=MaxReward()), trap()).best is not None


def test_a_roll_that_breaks_a_rule_is_judged_before_it():
    result = run(Greedy(2, verify=Lookahead(2)), trap(dead={"bx"}))
    [_, first] = result.expansions[0]
    assert {word(item.path): item.score for item in first} == {"a": 0.1, "b": 0.3}
    assert result.counts == {
        "steps looked ahead": 3,
        "looks ahead that broke a rule": 1,
    }


@pytest.mark.parametrize(
    "inner",
    [RewardScores(), SelfEvaluation(), Speculative(), Threshold(0.6)],
    ids=lambda v: type(v).__name__,
)
@pytest.mark.parametrize("seed", range(3))
def test_0_is_the_inner_verifier_exactly(inner, seed):
    models = toy_models(seed)
    [problem] = models.task.generate(1, "ahead", seed)
    ours = asyncio.run(search(Beam(verify=Lookahead(0, verify=inner)), problem, models))
    plain = asyncio.run(search(Beam(verify=inner), problem, models))
    assert ours.expansions == plain.expansions
    assert [[item.details for item in judged] for _, judged in ours.expansions] == [
        [item.details for item in judged] for _, judged in plain.expansions
    ]


def test_counts_order_and_pruning_are_those_of_the_inner_verifier():
    policy = ScriptedPolicy({(x,): [Step(x.upper(), 1, -1.0, final=True)] for x in "abc"})
    models = roles(reward=ToyRewards({"A": 0.2, "B": 0.9, "C": 0.7}), policy=policy)
    models = replace(models, task=ToyTask(depth=2, branch=26))
    [judged] = ask(Lookahead(1, verify=Threshold(0.6)), models, children("abbac"))
    assert [(j.path.steps[-1].text, j.score, j.kept, j.count) for j in judged] == [
        ("a", 0.2, False, 2),
        ("b", 0.9, True, 2),
        ("c", 0.7, True, 1),
    ]
    assert len(policy.calls) == 1
    assert [path for call in policy.calls for path in call.paths] == [("a",), ("b",), ("c",)]


def test_families_at_several_depths_do_not_mix():
    """The roll of one family's child may be another family's child."""
    policy = ScriptedPolicy({("a",): [Step("b")], ("a", "b"): [Step("c")]})
    models = roles(reward=ToyRewards({"b": 0.5, "c": 0.6}), policy=policy)
    models = replace(models, task=ToyTask(depth=3, branch=26))
    shallow = children("a", tokens=[0])
    deep = Siblings(shallow.children[0], (shallow.children[0].then(Step("b")),))
    judged = ask(Lookahead(1), models, shallow, deep)
    assert [[(word(j.path), j.score) for j in family] for family in judged] == [
        [("a", 0.5)],
        [("ab", 0.6)],
    ]


def test_children_that_the_inner_verifier_draws_are_left_where_they_stand():
    async def inner(families, models):
        judged = await RewardScores()(families, models)
        fresh = await RewardScores()([children("z")], models)
        return [[*family, *fresh[0]] for family in judged]

    policy = ScriptedPolicy({("a",): [Step("A", final=True)]})
    models = roles(reward=ToyRewards({"A": 0.2, "z": 0.4}), policy=policy)
    [judged] = ask(
        Lookahead(1, verify=inner), replace(models, task=ToyTask(depth=2)), children("a")
    )
    assert [(word(item.path), item.score) for item in judged] == [("a", 0.2), ("z", 0.4)]


@pytest.mark.parametrize("kept", [False, True])
def test_a_child_that_is_drawn_again_is_judged_once(kept):
    async def inner(families, models):
        [judged] = await Threshold(0.5, keep=0)(families, models)
        [again] = await RewardScores()([children("a")], models)
        return [[*judged, replace(again[0], kept=kept)]]

    policy = ScriptedPolicy({("a",): [Step("A", final=True)]})
    models = roles(reward=ToyRewards({"A": 0.2, "a": 0.7}), policy=policy)
    models = replace(models, task=ToyTask(depth=2))
    [[item]] = ask(Lookahead(1, verify=inner), models, children("a"))
    assert (word(item.path), item.score, item.kept) == ("a", 0.7 if kept else 0.2, kept)


def test_the_steps_ahead_are_certain():
    """A likelihood is that of the child alone: its roll is no part of the law it was drawn from."""
    steps = {(x,): [Step(x.upper(), 5, -9.0, final=True)] for x in "ab"}
    models = roles(reward=None, policy=ScriptedPolicy(steps))
    models = replace(models, task=ToyTask(depth=2, branch=26))
    family, verify = children("ab", [-1.0, -2.0]), LikelihoodAndReward(0.0)
    [plain], [ahead] = ask(verify, models, family), ask(Lookahead(1, verify=verify), models, family)
    assert [item.score for item in ahead] == [item.score for item in plain]


@pytest.mark.parametrize(
    "fields", [{"ahead": -1}, {"ahead": 1.5}, {"verify": 3}, {"verify": RewardScores}]
)
def test_bad_settings(fields):
    with pytest.raises(InputError, match=f"lookahead {next(iter(fields))}: expected"):
        Lookahead(**fields)
