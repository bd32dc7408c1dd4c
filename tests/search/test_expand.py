import asyncio
from dataclasses import replace

import pytest

from specreward.errors import BudgetExhausted
from specreward.search.expand import deepest, draw, expand, ranked, take
from specreward.types import Candidate, Judgement, Path, Problem, Trace
from specreward.verify import RewardScores, Threshold

PATH = Path(Problem("p", "q"))


def test_one_call_for_all_paths_and_dead_children_are_not_judged(plant):
    tree = plant({"a": 0.5, "b": 0.6, "aa": 0.1, "ab": 0.9, "ba": 0.2, "bb": 0.3}, dead={"ba"})
    first = asyncio.run(expand([PATH], tree.models, n=2, verify=RewardScores(), temperature=0.3))
    paths = [item.path for item in first[0]]
    judged = asyncio.run(expand(paths, tree.models, n=2, verify=RewardScores(), temperature=0.3))
    assert tree.levels == [[""], ["a", "b"]]
    assert [call.temperature for call in tree.policy.calls] == [0.3, 0.3]
    assert tree.reward.calls[1] == [("a", "a"), ("a", "b"), ("b", "b")]
    assert [[item.score for item in family] for family in judged] == [[0.1, 0.9], [0.3]]
    assert [parent for parent, _ in tree.models.trace.expansions] == [PATH, *paths]
    assert tree.models.trace.found == []


def test_kept_and_finished_children_are_found_once_whatever_their_count(plant):
    tree = plant({"a": 0.4, "b": 0.6, "c": 0.7}, final={"a", "b"})
    verify = Threshold(0.5, of=RewardScores())
    [judged] = asyncio.run(expand([PATH], tree.models, n=6, verify=verify, temperature=0.8))
    assert [item.count for item in judged] == [2, 2, 2]
    assert tree.models.trace.found == [Candidate(judged[1].path, 0.6)]
    assert len(judged) == 3  # what the verifier pruned is returned too


def test_parents_with_dead_children_only_are_recorded_and_not_shown_to_the_verifier(plant):
    tree = plant({"a": 0.4}, dead={"a"})

    async def verify(families, models):
        raise AssertionError("nothing is there to judge")

    assert asyncio.run(expand([PATH], tree.models, n=2, verify=verify, temperature=1)) == [[]]
    assert tree.models.trace.expansions == [(PATH, ())]


def test_a_finished_path_is_refused(plant):
    tree = plant({"a": 0.4, "aa": 0.4}, final={"a"})
    [[item]] = asyncio.run(expand([PATH], tree.models, n=1, verify=RewardScores(), temperature=1))
    with pytest.raises(AssertionError, match="was to be extended"):
        asyncio.run(expand([item.path], tree.models, n=1, verify=RewardScores(), temperature=1))


def test_ranked_orders_by_score_q_count_then_drawing():
    judged = [
        Judgement(PATH, 0.5, count=1, details={"q": 0.1, "id": 0}),
        Judgement(PATH, 0.5, count=1, details={"q": 0.2, "id": 1}),
        Judgement(PATH, 0.9, kept=False, details={"id": 2}),
        Judgement(PATH, 0.5, count=3, details={"q": 0.1, "id": 3}),
        Judgement(PATH, 0.6, details={"id": 4}),
        Judgement(PATH, 0.5, count=1, details={"q": 0.1, "id": 5}),
    ]
    assert [item.details["id"] for item in ranked(judged)] == [4, 1, 3, 0, 5]


def test_depth_is_the_lower_limit(plant):
    tree = plant({"a": 1.0}, depth=3)
    assert [deepest(tree.problem, tree.models, d) for d in (None, 2, 9)] == [3, 2, 3]


# ------------------------------------------------------------------------------ in two halves


def test_draw_asks_once_for_all_that_ask_the_same(plant):
    tree = plant({"a": 0.5, "b": 0.5, "aa": 0.5, "ab": 0.5, "ba": 0.5}, dead={"ab"})
    root = Path(tree.problem)
    [[a, b]] = asyncio.run(draw([root], tree.models, [(2, 0)], 0.3))
    tree.policy.calls.clear()
    drawn = asyncio.run(draw([a, b, a, root], tree.models, [(1, 0), (2, 0), (1, 1), (1, 0)], 0.3))
    assert [["".join(s.text for s in p.steps) for p in group] for group in drawn] == [
        ["aa"],
        ["ba", "ba"],
        ["ab"],  # dead ones included: it is the second half that leaves them out
        ["a"],
    ]
    calls = [(call.paths, call.n, call.start, call.temperature) for call in tree.policy.calls]
    assert calls == [
        ((("a",), ()), 1, 0, 0.3),
        ((("b",),), 2, 0, 0.3),
        ((("a",),), 1, 1, 0.3),
    ]
    judged = asyncio.run(take([a, a], [drawn[0], drawn[2]], tree.models, RewardScores()))
    assert [len(family) for family in judged] == [1, 0]


def test_draw_refuses_what_has_ended(plant):
    tree = plant({"a": 0.5}, final={"a"})
    [[a]] = asyncio.run(draw([Path(tree.problem)], tree.models, [(1, 0)], 0.8))
    with pytest.raises(AssertionError, match="finished or dead"):
        asyncio.run(draw([a], tree.models, [(1, 0)], 0.8))


def test_an_error_goes_up_when_all_calls_have_ended(plant):
    ended = []

    class Slow:
        async def extend(self, paths, n, *, temperature=0.8, start=0, until="step"):
            await asyncio.sleep(0.001 * n)
            ended.append(n)
            if n == 1:
                raise BudgetExhausted("spent")
            return [[] for _ in paths]

    tree = plant({"a": 0.5})
    models = replace(tree.models, policy=Slow())
    root = Path(tree.problem)
    with pytest.raises(BudgetExhausted, match="spent"):
        asyncio.run(draw([root] * 3, models, [(3, 0), (1, 0), (2, 0)], 0.8))
    assert sorted(ended) == [1, 2, 3]


def test_copies_are_as_many_candidates_as_draws(plant):
    tree = plant({"a": 0.5, "b": 0.4}, final={"a"})
    root = Path(tree.problem)
    for copies, many in ((False, 1), (True, 3)):
        models = replace(tree.models, trace=Trace())
        drawn = asyncio.run(draw([root], models, [(6, 0)], 0.8))
        asyncio.run(take([root], drawn, models, RewardScores(), copies=copies))
        assert len(models.trace.found) == many
