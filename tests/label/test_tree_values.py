"""Values of a search tree: what its ends say of its nodes, in golden numbers and against truth."""

import asyncio
from dataclasses import replace
from itertools import combinations

import pytest

from specreward.errors import InputError
from specreward.label import ReSTValues, TreeValues
from specreward.label.search_tree import read_tree
from specreward.search import MCTS
from specreward.testing import NoisyReward, OracleReward, RunningSum, ToyPolicy, ToyTask
from specreward.types import Candidate, Judgement, Models, Path, Problem, Result, Step, Trace

TASK = RunningSum(modulus=100, length=3)
PROBLEM = Problem("p", "1 + 1 + 1 + 1", "4")
MODELS = Models(task=TASK, policy=None)


def path(*sums):
    steps = [Step(str(one), final=at == 3) for at, one in enumerate(sums, 1)]
    return Path(PROBLEM, tuple(steps))


def judged(*rows, kept=True):
    return tuple([Judgement(path(*sums), score, kept) for sums, score in rows])


def tree(*expansions, candidates=()):
    """A result with (parent, judged children) of each expansion."""
    return Result(
        PROBLEM,
        None,
        candidates,
        expansions=tuple([(path(*parent), children) for parent, children in expansions]),
    )


#            root
#      2 .8       3 .6       9 .5        2 is right, 3 and 9 are not
#    3 .9  5 .1   4 .7       pruned      3 and 4 lead on, 5 was never gone on from
#  4 1. 8 .2      5 .4                   4 is the answer
GROWN = tree(
    ((), (*judged(((2,), 0.8), ((3,), 0.6)), *judged(((9,), 0.5), kept=False))),
    ((2,), judged(((2, 3), 0.9), ((2, 5), 0.1))),
    ((2, 3), judged(((2, 3, 4), 1.0), ((2, 3, 8), 0.2))),
    ((3,), judged(((3, 4), 0.7))),
    ((3, 4), judged(((3, 4, 5), 0.4))),
)


def label(labeller, found=GROWN, models=MODELS):
    return asyncio.run(labeller(found, models))


def values(rows):
    """Labels by the texts up to the step; each must stand once."""
    known = {}
    for row in rows:
        for depth, one in enumerate(row.labels, 1):
            if one is not None:
                key = tuple([int(text) for text in row.steps[:depth]])
                assert key not in known
                known[key] = one
    return known


def test_values_are_the_blend_of_the_best_mean_and_the_share_of_right_ends():
    rows = label(TreeValues(blend=0.5))
    best, wrong = (0.8 + 0.9 + 1.0) / 3, (0.6 + 0.7 + 0.4) / 3
    assert values(rows) == pytest.approx(
        {
            (2,): (best + 0.5) / 2,
            (2, 3): ((0.9 + 1.0) / 2 + 0.5) / 2,
            (2, 3, 4): 1.0,
            (2, 3, 8): 0.1,
            (3,): wrong / 2,
            (3, 4): (0.7 + 0.4) / 2 / 2,
            (3, 4, 5): 0.2,
        }
    )
    assert {row.kind for row in rows} == {"value"}
    assert [row.outcome for row in rows] == [1.0, 0.0, 0.0]
    assert rows[0].source["labeller"] == "tree_values(blend=0.5)"


def test_siblings_come_out_as_solutions_that_begin_alike():
    rows = label(TreeValues(blend=0.0))
    assert [(row.steps, row.labels) for row in rows] == [
        (("2", "3", "4"), (0.5, 0.5, 1.0)),
        (("2", "3", "8"), (None, None, 0.0)),
        (("3", "4", "5"), (0.0, 0.0, 0.0)),
    ]


def test_blend_weighs_the_two():
    one, zero = values(label(TreeValues(1.0))), values(label(TreeValues(0.0)))
    mixed = values(label(TreeValues()))
    assert mixed == pytest.approx({key: 0.25 * one[key] + 0.75 * zero[key] for key in one})


def test_a_child_without_an_end_has_the_score_alone_where_that_is_asked_for():
    assert {(9,), (2, 5)}.isdisjoint(values(label(TreeValues())))
    known = values(label(TreeValues(least=0)))
    assert known[(9,)] == 0.5
    assert known[(2, 5)] == 0.1
    assert values(label(TreeValues(least=2))).keys() == {(2,), (2, 3)}


def test_a_way_without_an_answer_is_an_end_with_one_more_score_of_zero():
    found = tree(
        ((), judged(((2,), 0.8), ((3,), 0.6))),
        ((2,), ()),  # all its children broke the rules
        ((3,), judged(((3, 4), 0.7))),
        ((3, 4), judged(((3, 4, 4), 0.9))),
    )
    known = values(label(TreeValues(blend=0.5), found))
    assert known[(2,)] == pytest.approx(0.8 / 2 / 2)
    assert known[(3,)] == pytest.approx(((0.6 + 0.7 + 0.9) / 3 + 1) / 2)


def test_a_path_at_the_limit_that_gives_no_answer_is_an_end():
    open_end = Judgement(Path(PROBLEM, tuple([Step(text) for text in "234"])), 0.9)
    found = replace(GROWN, expansions=(*GROWN.expansions, (path(2, 5), (open_end,))))
    assert read_tree(found, MODELS, "x").ended is None
    root = read_tree(tree(((2, 3), (open_end,))), MODELS, "x")
    assert [node.ended for node in root.walk()] == [None, None, False]


def test_expansions_of_one_parent_are_one_family_and_the_first_score_counts():
    found = tree(
        ((), judged(((2,), 0.8))),
        ((), judged(((2,), 0.1), ((3,), 0.6))),
    )
    root = read_tree(found, MODELS, "x")
    assert [(node.path, node.score) for node in root.children] == [
        (path(2), 0.8),
        (path(3), 0.6),
    ]


def test_steps_between_a_path_and_its_parent_are_not_labelled():
    found = tree(((), judged(((2, 3, 4), 0.9), ((3, 4, 5), 0.4))))
    assert [row.labels for row in label(TreeValues(0.0), found)] == [
        (None, None, 1.0),
        (None, None, 0.0),
    ]


def test_scores_outside_0_to_1_are_scaled_by_the_range_of_the_tree():
    found = tree(
        ((), judged(((2,), 60.0), ((3,), -20.0))),
        ((2,), judged(((2, 3), 20.0))),
    )
    scores = [node.score for node in read_tree(found, MODELS, "x").walk()]
    assert scores == [0.0, 1.0, 0.5, 0.0]


def test_solutions_without_a_tree_are_refused_and_nothing_found_is_no_label():
    found = tree(candidates=(Candidate(path(2, 3, 4), 1.0),))
    with pytest.raises(InputError, match="expected a search tree"):
        label(TreeValues(), found)
    with pytest.raises(InputError, match="rest_values"):
        label(ReSTValues(), found)
    assert label(TreeValues(), tree()) == []
    assert label(ReSTValues(), tree()) == []


def test_an_answer_that_nobody_can_check_is_refused():
    problem = Problem("p", "p")
    end = Path(problem, (Step("b", final=True),))
    found = Result(problem, None, expansions=((Path(problem), (Judgement(end, 0.5),)),))
    with pytest.raises(InputError, match="reference answer"):
        label(TreeValues(), found, Models(task=ToyTask(depth=1), policy=None))


@pytest.mark.parametrize(("name", "value"), [("blend", -0.1), ("blend", 1.1), ("least", -1)])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"tree_values {name}"):
        TreeValues(**{name: value})


def test_on_real_trees_values_rank_siblings_better_than_the_scores_they_come_from():
    task = ToyTask(depth=4)
    reward = NoisyReward(reward=OracleReward(task=task), noise=0.7)
    models = Models(task=task, policy=ToyPolicy(task=task), reward=reward)
    right, before, pairs = 0, 0, 0
    for problem in task.generate(60, "tune", 0):
        own = replace(models, trace=Trace())
        found = asyncio.run(MCTS(16)(problem, own))
        known = {}
        for row in label(TreeValues(), found, own):
            for depth, one in enumerate(row.labels, 1):
                if one is not None:
                    known[row.steps[:depth]] = one
        families = {}
        for parent, children in found.expansions:
            families.setdefault(parent.key, []).extend(children)
        for children in families.values():
            for one, two in combinations(children, 2):
                y = [known.get(item.path.key[1:]) for item in (one, two)]
                good = [task.value(item.path) == 1.0 for item in (one, two)]
                if None not in y and good[0] != good[1]:
                    pairs += 1
                    right += (y[0] > y[1]) == good[0]
                    before += (one.score > two.score) == good[0]
    assert pairs >= 50
    assert right / pairs >= 0.97
    assert before / pairs <= 0.93
