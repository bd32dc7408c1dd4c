"""OmegaPRM: its scores, the error that it finds, and what it costs."""

import asyncio
import math
from dataclasses import dataclass, field

import pytest

from specreward.errors import EngineError, InputError
from specreward.label import OmegaPRM
from specreward.label.omega_prm import State, Tree, bonus, quality
from specreward.label.rollouts import FIRST
from specreward.testing import ChainPolicy, RunningSum, ToyPolicy, ToyTask
from specreward.types import Candidate, Models, Path, Problem, Result, Step

PROBLEM = Problem("p", "?")


@dataclass(frozen=True)
class Counting:
    """A policy that remembers which prefixes it went on from, and how often."""

    policy: ChainPolicy
    calls: list
    asked: list = field(default_factory=list)

    async def extend(self, paths, n, **how):
        self.calls.append(([path.depth for path in paths], n, how["until"], how["start"]))
        self.asked.append((paths[0].key, how["temperature"]))
        return await self.policy.extend(paths, n, **how)


def path(*texts):
    return Path(PROBLEM, tuple([Step(text) for text in texts]))


def label(labeller, solutions=(), *, problem=None, task=None, slip=0.02):
    task = task or RunningSum(length=16)
    problem = problem or task.generate(1, "train", 0)[0]
    policy = Counting(ChainPolicy(task, slip=slip), [])
    models = Models(task=task, policy=policy)
    found = Result(problem, None, tuple([Candidate(one, 0.0) for one in solutions]))
    return asyncio.run(labeller(found, models)), policy.calls, models.trace


def wrong_solutions(task, n, slip):
    """Wrong solutions of different problems."""
    writer = ChainPolicy(task, slip=slip, seed=7)
    problems = task.generate(4 * n, "train", 1)
    ends = asyncio.run(writer.extend([Path(one) for one in problems], 1, until="end"))
    wrong = [end for [end] in ends if not task.check(end.problem, task.answer(end))]
    assert len(wrong) >= n
    return wrong[:n]


# ---------------------------------------------------------------------------------- scores


@pytest.mark.parametrize(
    ("mc", "words", "expected"),
    [
        (1.0, 0, 1.0),
        (0.5, 0, math.sqrt(0.5)),
        (0.25, 500, 0.5**0.75 * 0.9),
        (0.25, 250, 0.5**0.75 * math.sqrt(0.9)),
    ],
)
def test_quality_is_alpha_to_the_misses_times_beta_to_the_length(mc, words, expected):
    state = State(path("one step"), mc, None)
    rollout = path("one step", " ".join(["word"] * words))
    assert quality(state, rollout, 0.5, 0.9, 500) == pytest.approx(expected)


def test_bonus_falls_with_own_visits_and_grows_with_those_of_the_pool():
    state = State(path(), 0.5, None)
    assert bonus(state, 0, 0.125) == 0
    assert bonus(state, 16, 0.125) == 0.5
    state.visits = 3
    assert bonus(state, 16, 0.125) == 0.125


def pool_of(*rows):
    tree = Tree()
    for state, *rollouts in rows:
        tree.offer(state, rollouts)
    return tree


def test_the_best_of_the_pool_is_taken_by_quality_then_by_the_bonus():
    poor, good = State(path("a"), 0.25, None), State(path("b"), 0.75, None)
    tree = pool_of((poor, path("a", "x")), (good, path("b", "x"), path("b", "y"), path("b", "z")))
    labeller = OmegaPRM(exploration=0.5)
    assert labeller._select(tree) == (good, path("b", "x"))
    good.visits = 1  # now U is 0.5 for the other and 0.25 for it: 1.09 against 1.09 and more
    sums = {one: quality(one, path("a", "x"), 0.5, 0.9, 500) for one in (poor, good)}
    assert sums[good] + 0.25 < sums[poor] + 0.5
    assert labeller._select(tree) == (poor, path("a", "x"))
    assert labeller._select(tree) == (good, path("b", "y"))


def test_visits_of_prefixes_that_left_the_pool_count_no_more():
    left, poor, good = (
        State(path(name), mc, None) for name, mc in (("l", 0.5), ("p", 0.6), ("g", 0.7))
    )
    left.visits, good.visits = 10_000, 1
    tree = pool_of((poor, path("p", "x")), (good, path("g", "x")))
    assert OmegaPRM(exploration=0.05)._select(tree)[0] is good  # over the tree U would be 5 and 2.5


def test_short_rollouts_come_first():
    state = State(path("a"), 0.5, None)
    tree = pool_of((state, path("a", "x " * 40), path("a", "x")))
    assert OmegaPRM(length=10)._select(tree)[1] == path("a", "x")
    assert OmegaPRM(beta=1.0)._select(tree)[1] == path("a", "x " * 40)


def test_a_rollout_from_a_hopeless_prefix_or_seen_before_is_not_in_the_pool():
    state, none = State(path("a"), 0.5, None), State(path("b"), 0.0, None)
    tree = pool_of((state, path("a", "x")), (none, path("b", "x")))
    assert len(tree.pool) == 1
    OmegaPRM()._select(tree)
    tree.offer(state, [path("a", "x")])
    assert not tree.pool


# ---------------------------------------------------------------------------------- the search


@pytest.mark.parametrize("length", [5, 8, 16, 32])
def test_the_first_error_is_found_in_log2_of_the_steps(length):
    task = RunningSum(length=length)
    labeller = OmegaPRM(searches=1, screen=1)
    hits, tried = 0, 0
    for solution in wrong_solutions(task, 40, 1.5 / length):
        rows, calls, trace = label(
            labeller, [solution], problem=solution.problem, task=task, slip=0.005
        )
        if not rows:
            continue  # the only rollout of the question was wrong
        tried += 1
        assert len(calls) <= 1 + math.ceil(math.log2(length))
        assert calls[1:] == [([depth], 8, "end", FIRST) for [depth], *_ in calls[1:]]
        assert trace.counts["rollouts"] == 1 + 8 * (len(calls) - 1)
        hits += rows[0].source["first_error"] == task.first_error(solution)
        known = {at for at, one in enumerate(rows[0].labels) if one is not None}
        assert known == {depth - 1 for [depth], *_ in calls[1:]} | {length - 1}
    assert tried >= 30
    assert hits >= 0.95 * tried


def test_labels_are_the_shares_of_right_rollouts_and_the_outcomes_of_ends():
    task = RunningSum(length=8)
    [problem] = task.generate(1, "train", 0)
    rows, _, _ = label(OmegaPRM(k=64, screen=64), problem=problem, task=task, slip=0.1)
    values = {}
    exact = ChainPolicy(task, slip=0.1)
    for row in rows:
        assert row.kind == "value"
        assert row.labels[-1] == row.outcome
        for depth, one in enumerate(row.labels, 1):
            if one is None:
                continue
            key = row.steps[:depth]
            assert key not in values  # each label stands in one of them
            values[key] = one
            steps = tuple([Step(text, final=at == 7) for at, text in enumerate(key)])
            assert one == pytest.approx(exact.value(Path(problem, steps)), abs=0.25)
    assert {0.0, 1.0} <= set(values.values())
    assert len([key for key in values if len(key) < 8]) >= 6


def test_each_prefix_is_probed_once_and_searches_go_on_in_the_tree():
    rows, calls, trace = label(OmegaPRM(searches=12), slip=0.1)
    searched = [row for row in rows if row.outcome == 0]
    assert len(searched) == 12
    assert all("first_error" in row.source for row in searched)
    assert trace.counts["rollouts"] == sum(n for _, n, *_ in calls)
    starts = {row.steps[:1] for row in searched}
    assert len(starts) < 12  # some go on from prefixes probed before
    for row in searched:
        texts = tuple([Step(text) for text in row.steps])
        error = row.source["first_error"]
        task, [problem] = RunningSum(length=16), RunningSum(length=16).generate(1, "train", 0)
        assert abs(task.first_error(Path(problem, texts)) - error) <= 8


def test_the_searches_and_the_rollouts_are_capped():
    few, calls, _ = label(OmegaPRM(searches=2), slip=0.1)
    assert len([row for row in few if row.outcome == 0]) == 2
    cut, calls, trace = label(OmegaPRM(rollouts=32 + 8 + 8 + 7), slip=0.1)
    assert trace.counts["rollouts"] == 48
    assert [n for _, n, *_ in calls] == [32, 8, 8]
    [stopped] = [row for row in cut if row.outcome == 0]
    assert "first_error" not in stopped.source


def test_a_question_with_none_or_all_right_gives_nothing():
    assert label(OmegaPRM(), slip=0.0)[0] == []
    rows, calls, _ = label(OmegaPRM(), slip=1.0)
    assert rows == []
    assert [n for _, n, *_ in calls] == [32]


def test_a_wrong_solution_that_is_given_is_searched_though_all_rollouts_are_right():
    task = RunningSum(length=16)
    [wrong] = wrong_solutions(task, 1, 0.1)
    rows, calls, _ = label(OmegaPRM(screen=4), [wrong], problem=wrong.problem, task=task, slip=0.0)
    assert [n for _, n, *_ in calls] == [4, 8, 8, 8, 8]
    assert rows[0].source["first_error"] == task.first_error(wrong)
    assert rows[0].steps == tuple([step.text for step in wrong.steps])


def test_right_solutions_that_are_given_are_labelled_beside_wrong_ones():
    task = RunningSum(length=8)
    [problem] = task.generate(1, "train", 0)
    right = asyncio.run(ChainPolicy(task, slip=0.0).extend([Path(problem)], 1, until="end"))[0][0]
    rows, _, _ = label(OmegaPRM(), [right], problem=problem, task=task, slip=0.1)
    own = [row for row in rows if row.steps == tuple([step.text for step in right.steps])]
    assert len(own) == 1
    assert own[0].labels[-1] == own[0].outcome == 1.0


def test_solutions_that_begin_alike_share_their_probes():
    task = RunningSum(length=8)
    [problem] = task.generate(1, "train", 0)
    sums = [str(one) for one in task.sums(problem)[1:]]
    endings = [[*sums[:7], "x"], [*sums[:7], "y"]]
    wrong = [
        Path(problem, (*[Step(text) for text in texts[:7]], Step(texts[7], dead=True)))
        for texts in endings
    ]
    policy = Counting(ChainPolicy(task, slip=0.0), [])
    found = Result(problem, None, tuple([Candidate(one, 0.0) for one in wrong]))
    labeller = OmegaPRM(temperature=0.3)
    rows = asyncio.run(labeller(found, Models(task=task, policy=policy)))
    assert [row.source.get("first_error") for row in rows[:2]] == [7, 7]
    assert [depth for [depth], *_ in policy.calls] == [0, 4, 6, 7]
    assert {temperature for _, temperature in policy.asked} == {0.3}


def test_each_search_is_a_visit_of_the_prefix_that_it_goes_on_from():
    task = RunningSum(length=2)
    [problem] = task.generate(1, "train", 0)
    state, tree = State(Path(problem), 0.5, None), Tree()
    ends = [Path(problem, (Step(one, dead=True),)) for one in "xyz"]
    tree.offer(state, ends)
    models = Models(task=task, policy=ChainPolicy(task))
    for visits in (1, 2, 3):
        asyncio.run(OmegaPRM()._search(tree, models))
        assert state.visits == visits
    assert [path for path, _ in tree.found] == ends


def test_the_same_seed_gives_the_same_labels():
    assert label(OmegaPRM(), slip=0.1)[0] == label(OmegaPRM(), slip=0.1)[0]


@dataclass(frozen=True)
class Unfinished:
    """Gives every path back as it came."""

    async def extend(self, paths, n, **how):
        return [[one] * n for one in paths]


def test_a_policy_that_stops_in_the_middle_and_an_answer_nobody_knows_are_errors():
    task = RunningSum()
    [problem] = task.generate(1, "train", 0)
    models = Models(task=task, policy=Unfinished())
    with pytest.raises(EngineError, match="go on to the end"):
        asyncio.run(OmegaPRM()(Result(problem, None), models))
    toy = Models(task=ToyTask(), policy=ToyPolicy(task=ToyTask()))
    with pytest.raises(InputError, match="expected a reference answer"):
        asyncio.run(OmegaPRM()(Result(Problem("p", "p"), None), toy))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k", 0),
        ("searches", 0),
        ("rollouts", 31),  # less than the screen
        ("screen", 0),
        ("alpha", 0),
        ("alpha", 1.1),
        ("beta", 0),
        ("length", 0),
        ("exploration", -1),
        ("temperature", 0),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"omega_prm {name}"):
        OmegaPRM(**{name: value})
