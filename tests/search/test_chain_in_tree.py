import asyncio
import math
from dataclasses import replace
from itertools import combinations_with_replacement, product

import pytest

from specreward.errors import InputError
from specreward.search import BFS, ChainInTree, Highest, JudgeAgrees, SamplesAgree
from specreward.seeds import uniform
from specreward.spec import name_of, parse
from specreward.testing import ScriptedLanguageModel, check_strategy, toy_models
from specreward.testing.contract import search
from specreward.testing.exact import ExactPolicy, ExactReward, ExactTask, law, total_variation
from specreward.types import Models, Problem, Step, Trace

TWO_OF_THREE = SamplesAgree(0.49)
"""The second setting of the authors' program."""


def full_tree(seed, depth):
    """All words up to a length with random rewards; those of full length are final."""
    words = ["".join(word) for k in range(1, depth + 1) for word in product("abc", repeat=k)]
    return {word: uniform(seed, word) for word in words}, {w for w in words if len(w) == depth}


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_is_breadth_first_search_where_samples_never_agree(plant, seed, width):
    rewards, final = full_tree(seed, 4)  # three different children each
    tree = plant(rewards, final=final, depth=4)
    mine = tree.run(ChainInTree(width))
    calls, scored = list(tree.policy.calls), list(tree.reward.calls)
    other = tree.run(BFS(width, n=3, temperature=0.7))
    assert calls == tree.policy.calls
    assert scored == tree.reward.calls
    assert (mine.candidates, mine.best) == (other.candidates, other.best)
    assert mine.counts["forks"] == len(tree.extended)
    assert "chained steps" not in mine.counts


def agreeing(plant, **fields):
    """At the root and at aa all samples agree, at a they do not."""
    steps = {"a": 0.1, "aa": 0.7, "ab": 0.6, "ac": 0.5, "aaa": 0.8, "aba": 0.4, "aca": 0.3}
    return plant(steps, final={"aaa", "aba", "aca"}, depth=3, **fields)


def test_a_chain_is_not_judged(plant, best):
    tree = agreeing(plant)
    result = tree.run(ChainInTree(1))
    assert tree.extended == ["", "a", "aa"]
    # The fork's three children, then the end of the chain: neither a nor the way there.
    assert tree.reward.calls == [[("a", "a"), ("a", "b"), ("a", "c")], [("a", "a", "a")]]
    assert best(result) == "aaa"
    assert result.counts == {"chained steps": 2, "forks": 1}
    assert [item.count for item in result.expansions[-1][1]] == [3]  # the end was drawn thrice
    tree.run(BFS(1, n=3))
    assert sum(len(call) for call in tree.reward.calls) == 5


def test_chains_of_a_frontier_are_drawn_in_one_call(plant, spelled):
    tree = agreeing(plant)
    result = tree.run(ChainInTree(3, solutions=0))
    assert tree.levels == [[""], ["a"], ["aa", "ab", "ac"]]
    assert spelled(result) == ["aaa", "aba", "aca"]
    assert result.ended == "exhausted"


def test_the_tree_shows_the_chain(plant):
    result = agreeing(plant).run(ChainInTree(1))
    parent, [step] = result.expansions[0]
    assert (parent.depth, step.score, step.details) == (0, 1.0, {"agreement": 1.0})
    assert step.count == 3


def test_a_fork_is_filled_up(plant):
    tree = plant({"a": 0.1, "b": 0.2, "c": 0.9, "ca": 0.5}, final={"ca"}, depth=2)
    tree.run(ChainInTree(1, n=3, branching=SamplesAgree(0.6, probes=2)))
    assert [(call.n, call.start) for call in tree.policy.calls] == [(2, 0), (1, 2), (2, 0)]
    assert tree.extended == ["", "", "c"]


def test_by_default_all_samples_must_agree(plant):
    tree = plant({"a": 0.1, "aa": 0.5, "b": 0.9, "ba": 0.5}, final={"aa", "ba"}, depth=2)
    tree.policy.steps[()][:] = [Step("a", 1), Step("a", 1), Step("b", 1)]
    assert tree.run(ChainInTree(1)).counts == {"chained steps": 1, "forks": 1}
    assert tree.extended == ["", "b"]
    tree.run(ChainInTree(1, branching=TWO_OF_THREE))
    assert tree.extended == ["", "a"]


def test_the_share_must_reach_the_agreement(plant):
    policy_steps = {"a": 0.1, "aa": 0.5, "b": 0.9, "ba": 0.5}
    tree = plant(policy_steps, final={"aa", "ba"}, depth=2)
    tree.policy.steps[()][:] = [Step("a", 1), Step("a", 1), Step("b", 1)]
    tree.run(ChainInTree(1, branching=SamplesAgree(2 / 3)))
    assert tree.extended == ["", "a"]
    tree.run(ChainInTree(1, branching=SamplesAgree(0.67)))
    assert tree.extended == ["", "b"]


def test_a_step_that_breaks_the_rules_is_no_chain(plant, best):
    tree = plant({"x": 0.0, "a": 0.5, "aa": 0.6}, final={"aa"}, dead={"x"}, depth=2)
    broken, good = tree.policy.steps[()]
    tree.policy.steps[()][:] = [broken, broken, good]
    result = tree.run(ChainInTree(1, branching=TWO_OF_THREE))
    assert tree.extended == ["", "a"]
    assert best(result) == "aa"


def test_a_chain_that_is_not_finished_at_the_limit_gives_nothing(plant):
    tree = plant({"a": 0.5, "aa": 0.5, "aaa": 0.5}, depth=3)
    result = tree.run(ChainInTree(2, depth=2))
    assert tree.extended == ["", "a"]
    assert (result.best, result.ended) == (None, "exhausted")


@pytest.mark.parametrize("branching", [SamplesAgree(0.0), SamplesAgree(1.0, probes=1)])
def test_without_a_fork_one_path_and_one_score(plant, branching):
    rewards, final = full_tree(0, 4)
    tree = plant(rewards, final=final, depth=4)
    result = tree.run(ChainInTree(5, branching=branching))
    assert tree.extended == ["", "a", "aa", "aaa"]
    assert tree.reward.calls == [[tuple("aaaa")]]
    assert len(result.candidates) == 1


ROW = {"x": 0.5, "y": 0.3, "z": 0.2}
REWARDS = {("x",): 0.2, ("y",): 0.9, ("z",): 0.5}


def exact(strategy):
    """Exact law of the answer on one step."""
    models = Models(
        task=ExactTask({(): ROW}), policy=ExactPolicy({(): ROW}), reward=ExactReward(REWARDS)
    )

    async def program():
        result = await strategy(Problem("p", "?"), replace(models, trace=Trace()))
        return result.best.path.steps[0].text

    return law(program)


def formula(k, agreement):
    """The most frequent of k samples (the first in the table of equal ones) where it is frequent
    enough, else the best of them; by enumeration of the counts."""
    found = dict.fromkeys(ROW, 0.0)
    for draw in combinations_with_replacement(ROW, k):
        counts = {x: draw.count(x) for x in ROW}
        chance = math.factorial(k)
        for x, count in counts.items():
            chance *= ROW[x] ** count / math.factorial(count)
        top = max(counts, key=counts.__getitem__)
        best = max(set(draw), key=lambda x: REWARDS[(x,)])
        found[top if counts[top] / k >= agreement else best] += chance
    return found


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("agreement", [0.0, 0.49, 0.66, 1.0])
def test_exact_law_of_one_step(k, agreement):
    found = exact(ChainInTree(n=k, branching=SamplesAgree(agreement, probes=k), temperature=1.0))
    assert total_variation(found, formula(k, agreement)) < 1e-12


def test_the_law_in_numbers_and_a_wrong_variant():
    found = exact(ChainInTree(branching=TWO_OF_THREE, temperature=1.0))
    # Two of three agree on x: 3 * .25 * .5 + .125; all differ, y is the best: 6 * .03.
    assert found["x"] == pytest.approx(0.5)
    assert found["y"] == pytest.approx(3 * 0.09 * 0.7 + 0.027 + 6 * 0.5 * 0.3 * 0.2)
    # Going on with the first sample instead of the most frequent one is another law.
    first = {x: p - p * math.prod(q for y, q in ROW.items() if y != x) * 2 for x, p in ROW.items()}
    first["y"] += 0.18
    assert sum(first.values()) == pytest.approx(1)
    assert total_variation(found, first) == pytest.approx(0.06, abs=1e-9)


def test_saves_scores_on_the_toy_task():
    models = toy_models()

    async def scored(strategy):
        found = 0
        for problem in models.task.generate(40, "saves", 0):
            result = await search(strategy, problem, models)
            found += sum("reward" in i.details for _, judged in result.expansions for i in judged)
        return found

    base = asyncio.run(scored(BFS(5, n=3, temperature=0.7)))
    assert asyncio.run(scored(ChainInTree())) < 0.85 * base
    assert asyncio.run(scored(ChainInTree(branching=TWO_OF_THREE))) < 0.5 * base


def test_text():
    strategy = ChainInTree(3, n=5, branching=SamplesAgree(0.79, probes=5), pick=Highest())
    text = "chain_in_tree(width=3, n=5, branching=samples_agree(minimum=0.79, probes=5))"
    assert name_of(strategy) == text
    assert parse(name_of(strategy)) == strategy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),  # fewer than the samples of the branching test
        ("branching", SamplesAgree),
    ],
)
def test_bad_input(name, value):
    with pytest.raises(InputError, match=f"chain_in_tree {name}: expected .*, got"):
        ChainInTree(**{name: value})


@pytest.mark.parametrize(
    ("part", "fields", "says"),
    [
        (SamplesAgree, {"minimum": 1.1}, "samples_agree minimum: expected .*, got 1.1"),
        (SamplesAgree, {"minimum": -0.1}, "samples_agree minimum: expected .*, got -0.1"),
        (SamplesAgree, {"probes": 0}, "samples_agree probes: expected .*, got 0"),
        (JudgeAgrees, {"minimum": 2}, "judge_agrees minimum: expected .*, got 2"),
    ],
)
def test_bad_parts(part, fields, says):
    with pytest.raises(InputError, match=says):
        part(**fields)


def with_judge(tree, good):
    """A judge that gives P(good) for words; it is asked after a plain prompt."""
    known = {}
    for text, p in good.items():
        prompt = f"good q|{text}"
        known |= {(prompt, " good"): math.log(p), (prompt, " bad"): math.log(1 - p)}
    judge = ScriptedLanguageModel({}, known=known)
    tree.models = replace(tree.models, judge=judge)
    return judge


def test_a_step_that_the_judge_calls_good_needs_no_branching(plant, best):
    rewards = {"a": 0.1, "b": 0.5, "ab": 0.3, "ac": 0.6, "acd": 0.7}
    tree = plant(rewards, final={"acd"}, depth=3)
    judge = with_judge(tree, {"a": 0.8, "ab": 0.6, "acd": 0.9})
    result = tree.run(ChainInTree(1, n=2, branching=JudgeAgrees()))
    # One sample each; ab is not good enough: a fork, filled up by one more sample.
    assert [(call.n, call.start) for call in tree.policy.calls] == [(1, 0), (1, 0), (1, 1), (1, 0)]
    assert tree.extended == ["", "a", "a", "ac"]
    assert best(result) == "acd"
    assert len(judge.scored) == 3
    assert result.counts == {"chained steps": 2, "forks": 1}
    assert result.expansions[0][1][0].details == {"good": pytest.approx(0.8)}
    with_judge(tree, {"a": 0.8, "ab": 0.6})
    tree.run(ChainInTree(1, n=2, branching=JudgeAgrees(0.6), depth=2))
    assert tree.extended == ["", "a"]


def test_a_judge_is_needed(plant):
    tree = plant({"a": 0.5}, final={"a"})
    with pytest.raises(InputError, match=r"expected a judge for judge_agrees\(\), got none"):
        tree.run(ChainInTree(branching=JudgeAgrees()))


def test_a_dead_sample_is_not_shown_to_the_judge(plant, best):
    tree = plant({"x": 0.0, "a": 0.5}, final={"a"}, dead={"x"}, depth=1)
    judge = with_judge(tree, {})
    assert best(tree.run(ChainInTree(n=2, branching=JudgeAgrees()))) == "a"
    assert judge.scored == []


def test_the_contract_with_a_judge():
    check_strategy(ChainInTree(branching=JudgeAgrees()))


@pytest.mark.parametrize("part", ["samples_agree()", "judge_agrees()"])
def test_parts_are_cited(part):
    assert "2509.25835" in parse(part).__cite__
    with pytest.raises(InputError, match="expected a branching"):
        parse("chain_in_tree(branching=scored())")
