from dataclasses import replace
from itertools import product

import pytest

from specreward.errors import InputError
from specreward.search import HGS, Greedy
from specreward.seeds import uniform
from specreward.spec import name_of, parse
from specreward.testing.exact import ExactPolicy, ExactReward, ExactTask, law
from specreward.types import Models, Problem, Trace
from specreward.verify import RewardScores, Threshold

# The greedy branch a dies: both its children are bad. Behind b there is an answer.
DYING = {"a": 0.9, "b": 0.6, "aa": 0.05, "ab": 0.02, "ba": 0.7, "bb": 0.3}


def letters(seed, depth, count=3):
    """All words up to a length with random rewards; those of full length are final."""
    words = [
        "".join(word) for k in range(1, depth + 1) for word in product("abc"[:count], repeat=k)
    ]
    return {word: uniform(seed, word) for word in words}, {w for w in words if len(w) == depth}


def test_recovers_where_the_greedy_branch_dies(plant, best):
    tree = plant(DYING, final={"ba", "bb"}, depth=2)
    result = tree.run(HGS(2, tries=1))
    assert tree.extended == ["", "a", "b"]
    assert best(result) == "ba"
    assert result.ended == "done"
    assert result.counts == {"dead paths": 1, "backtracks": 1}
    # The same tree without going back, and greedy search, which has no way back.
    assert tree.run(HGS(2, tries=1, backtracks=0)).best is None
    assert tree.extended == ["", "a"]
    assert tree.run(Greedy(2)).best is None


def test_goes_back_over_several_levels(plant, best):
    rewards = {"a": 0.9, "b": 0.6, "aa": 0.8, "aaa": 0.0, "ba": 0.7, "bab": 0.9}
    tree = plant(rewards, final={"aaa", "bab"}, depth=3)
    result = tree.run(HGS(2, tries=1))
    assert tree.extended == ["", "a", "aa", "b", "ba"]
    assert best(result) == "bab"
    assert result.counts == {"dead paths": 2, "backtracks": 2}
    assert tree.run(HGS(2, tries=1, backtracks=1)).counts == {"dead paths": 2, "backtracks": 1}
    assert tree.extended == ["", "a", "aa"]


def test_a_finished_bad_step_is_no_end_but_a_candidate(plant, spelled, best):
    tree = plant({"a": 0.9, "b": 0.5, "aa": 0.05, "ba": 0.2}, final={"aa", "ba"}, depth=2)
    result = tree.run(HGS(2, tries=1))
    assert spelled(result) == ["aa", "ba"]
    assert best(result) == "ba"


def test_an_answer_passed_over_may_be_the_best(plant, best):
    tree = plant({"a": 0.9, "b": 0.8, "aa": 0.6}, final={"b", "aa"}, depth=2)
    result = tree.run(HGS(2, tries=1))
    assert tree.extended == ["", "a"]
    assert (best(result), result.ended) == ("b", "done")


def test_takes_the_best_neutral_step_where_none_is_positive(plant):
    tree = plant({"a": 0.2, "b": 0.4, "ba": 0.45, "bb": 0.3}, final={"ba", "bb"}, depth=2)
    tree.run(HGS(2, tries=1))
    assert tree.extended == ["", "b"]


def test_draws_again_until_a_step_is_positive(plant):
    # One child at a time: a is neutral, b positive, c is never drawn.
    rewards = {"a": 0.3, "b": 0.6, "c": 0.9, "aa": 0.8, "ba": 0.8}
    tree = plant(rewards, final={"aa", "ba"}, depth=2)
    tree.run(HGS(1, tries=3))
    assert [(call.paths, call.start) for call in tree.policy.calls] == [
        (((),), 0),
        (((),), 1),
        ((("b",),), 0),
    ]
    tree.run(HGS(1, tries=3, positive=0.3))
    assert tree.extended == ["", "a"]


def test_a_child_drawn_again_is_judged_once(plant):
    tree = plant({"a": 0.3, "aa": 0.8}, final={"aa"}, depth=2)
    tree.run(HGS(2, tries=3))
    asked = [path for call in tree.reward.calls for path in call]
    assert len(asked) == len(set(asked)) == 2


def test_nothing_but_bad_steps(plant):
    tree = plant({"a": 0.05, "b": 0.01}, depth=2)
    result = tree.run(HGS(2))
    assert (result.best, result.ended) == (None, "exhausted")
    assert result.counts == {"dead paths": 1}


def test_does_not_go_where_there_is_no_way_on(plant, best):
    # aa is the best step but unfinished at the limit, ax is dead, ay is pruned.
    rewards = {"a": 0.9, "aa": 0.95, "ax": 0.9, "ab": 0.6}
    tree = plant(rewards, final={"ab"}, dead={"ax"}, depth=2)
    assert best(tree.run(HGS(3))) == "ab"
    pruned = HGS(3, verify=Threshold(0.65, of=RewardScores(), keep=0))
    assert tree.run(pruned).best is None


@pytest.mark.parametrize("backtracks", range(6))
@pytest.mark.parametrize("seed", range(3))
def test_ends_within_its_budget(plant, seed, backtracks):
    rewards, final = letters(seed, 4)
    rewards = {word: 0.0 if len(word) == 4 else 0.5 for word in rewards}  # every answer is bad
    tree = plant(rewards, final=final, depth=4)
    result = tree.run(HGS(3, backtracks=backtracks, tries=1))
    assert len(tree.extended) <= 4 + backtracks
    assert result.counts.get("backtracks", 0) == backtracks
    assert result.ended == "done"


def test_the_whole_tree_is_searched_where_there_is_time(plant):
    rewards, final = letters(0, 3, 2)
    rewards = {word: 0.0 if len(word) == 3 else 0.5 for word in rewards}
    tree = plant(rewards, final=final, depth=3)
    assert tree.run(HGS(2, backtracks=99)).ended == "exhausted"
    assert len(set(tree.extended)) == 7  # each inner path


@pytest.mark.parametrize("seed", range(5))
def test_is_greedy_where_all_steps_are_positive(plant, seed):
    rewards, final = letters(seed, 4)
    tree = plant(rewards, final=final, depth=4)
    mine = tree.run(HGS(3, positive=0.0, negative=0.0))
    extended = tree.extended
    other = tree.run(Greedy(3))
    assert (extended, mine.best) == (tree.extended, other.best)


def exact(strategy):
    """Exact law of the answer on one step: x positive with .3, y neutral with .5, z bad with .2."""
    row = {"x": 0.3, "y": 0.5, "z": 0.2}
    models = Models(
        task=ExactTask({(): row}),
        policy=ExactPolicy({(): row}),
        reward=ExactReward({("x",): 0.8, ("y",): 0.4, ("z",): 0.0}),
    )

    async def program():
        result = await strategy(Problem("p", "?"), replace(models, trace=Trace()))
        return result.best.path.steps[0].text, result.ended

    return law(program)


def test_exact_law_of_one_step():
    found = exact(HGS(1, tries=3, temperature=1.0))
    # Positive within three draws; else a neutral one among them; else nothing to go to.
    assert found["x", "done"] == pytest.approx(1 - 0.7**3, abs=1e-12)
    assert found["y", "done"] == pytest.approx(0.7**3 - 0.2**3, abs=1e-12)
    assert found["z", "exhausted"] == pytest.approx(0.2**3, abs=1e-12)
    # The known wrong reading, the first step that is not bad, gives the neutral one too often.
    wrong = 0.5 * (1 + 0.2 + 0.04)
    assert found["y", "done"] == pytest.approx(0.335)
    assert wrong == pytest.approx(0.62)
    first = exact(HGS(1, tries=3, positive=0.1, temperature=1.0))
    assert first["y", "done"] == pytest.approx(wrong, abs=1e-12)


def test_text():
    strategy = HGS(2, positive=0.75, negative=0.25)
    assert name_of(strategy) == "hgs(n=2, positive=0.75, negative=0.25)"
    assert parse(name_of(strategy)) == strategy


def test_a_step_cannot_be_positive_and_negative():
    says = r"hgs negative: expected at most the value of positive \(0.5\), got 0.6"
    with pytest.raises(InputError, match=says):
        HGS(negative=0.6)
