"""ReST-MCTS*'s values: golden numbers on small trees."""

import asyncio

import pytest

from specreward.label import ReSTValues
from specreward.testing import RunningSum
from specreward.types import Judgement, Models, Path, Problem, Result, Step

PROBLEM = Problem("p", "1 + 1 + 1 + 1", "4")
MODELS = Models(task=RunningSum(modulus=100, length=3), policy=None)


def path(sums):
    return Path(PROBLEM, tuple([Step(one, final=at == 3) for at, one in enumerate(sums, 1)]))


def values(*families):
    """Values by the steps' texts, from the families of a tree, each a parent and its children."""
    expansions = [
        (path(parent), tuple([Judgement(path(child), 0.5) for child in children]))
        for parent, children in families
    ]
    rows = asyncio.run(ReSTValues()(Result(PROBLEM, None, expansions=tuple(expansions)), MODELS))
    known = {}
    for row in rows:
        assert row.kind == "value"
        for depth, one in enumerate(row.labels, 1):
            if one is not None:
                assert row.steps[:depth] not in known
                known[row.steps[:depth]] = one
    return {"".join(key): one for key, one in known.items()}


def test_on_the_way_to_a_right_answer_the_value_rises_in_equal_steps_to_1():
    known = values(("", ["2"]), ("2", ["23"]), ("23", ["234"]))
    assert known == pytest.approx({"2": 1 / 3, "23": 2 / 3, "234": 1.0})


def test_after_a_wrong_step_it_falls_by_what_is_missing_over_the_distance():
    known = values(
        ("", ["2", "3"]),
        ("2", ["23", "25"]),
        ("23", ["234", "239"]),
        ("25", ["256"]),
        ("3", ["34"]),
        ("34", ["345"]),
    )
    assert known == pytest.approx(
        {
            "2": 1 / 3,
            "23": 2 / 3,
            "234": 1.0,
            "239": 2 / 3 - (1 / 3) / 2,  # m is that of 23: 2
            "25": 1 / 3 - (2 / 3) / 3,  # m is that of 2: 3
            "256": 0.0,  # the same m: 1 / 9 - (8 / 9) / 3 is below 0
            "3": 0.0,  # m is the root's: 4
            "34": 0.0,
            "345": 0.0,
        }
    )


def test_the_nearest_right_end_counts():
    """A shorter way, as where one step does the work of two."""
    short = Path(PROBLEM, (Step("2"), Step("4", final=True)))
    families = [
        (path(""), (path("2"),)),
        (path("2"), (path("23"), short)),
        (path("23"), (path("234"),)),
    ]
    expansions = tuple(
        [(parent, tuple([Judgement(one, 0.5) for one in below])) for parent, below in families]
    )
    rows = asyncio.run(ReSTValues()(Result(PROBLEM, None, expansions=expansions), MODELS))
    known = {row.steps[:at]: one for row in rows for at, one in enumerate(row.labels, 1) if one}
    assert known[("2",)] == 1 / 2  # two steps to the answer, not three
    assert known[("2", "4")] == 1.0
    assert known[("2", "3")] == pytest.approx(1 / 2 + (1 / 2) / 2)


def test_a_tree_without_a_right_answer_says_nothing():
    assert values(("", ["2", "3"]), ("2", ["23"]), ("23", ["235"])) == {}


def test_what_was_never_gone_on_from_says_nothing():
    known = values(("", ["2", "7"]), ("2", ["23", "29"]), ("23", ["234"]))
    assert known.keys() == {"2", "23", "234"}


def test_a_path_whose_children_all_break_the_rules_is_a_wrong_end():
    known = values(("", ["2", "7"]), ("7", []), ("2", ["23"]), ("23", ["234"]))
    assert known["7"] == 0.0


def test_the_source_names_the_labeller():
    found = Result(
        PROBLEM,
        None,
        expansions=tuple(
            [
                (path(one), (Judgement(path(two), 0.5),))
                for one, two in (("", "2"), ("2", "23"), ("23", "234"))
            ]
        ),
    )
    [row] = asyncio.run(ReSTValues()(found, MODELS))
    assert row.source == {"labeller": "rest_values()"}
    assert row.outcome == 1.0
