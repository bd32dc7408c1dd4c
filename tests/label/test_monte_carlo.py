"""Math-Shepherd labels against exact laws: chains whose chance of a right answer is known."""

import asyncio
import math

import pytest

from specreward.assemble import Engines, wire
from specreward.errors import EngineError, InputError
from specreward.label.monte_carlo import MonteCarlo
from specreward.label.rollouts import FIRST, Rollouts, beginnings, outcome
from specreward.store import Store
from specreward.testing import ChainPolicy, RunningSum, ToyLanguageModel, ToyTask
from specreward.types import Candidate, Models, Path, Problem, Result, Step

TASK = RunningSum(length=6)
WRITER = ChainPolicy(TASK, slip=0.15, seed=7)
GOES_ON = ChainPolicy(TASK, slip=0.1, repair=0.1, seed=8)


def found(problem, policy=WRITER, n=1):
    [paths] = asyncio.run(policy.extend([Path(problem)], n, until="end"))
    return Result(problem, None, candidates=tuple([Candidate(p, math.nan) for p in paths]))


def labelled(labeller, result, policy=GOES_ON, task=TASK):
    models = Models(task=task, policy=policy)
    return asyncio.run(labeller(result, models)), models.trace.counts


class Recorded:
    """A policy that says what it was asked for."""

    def __init__(self, policy):
        self.policy = policy
        self.calls = []

    async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
        self.calls.append(([path.key for path in paths], n, until, temperature, start))
        return await self.policy.extend(paths, n, until=until, temperature=temperature, start=start)


def deviation(labeller, law, shift=0):
    """How many standard errors the labels are off their law; ``shift`` labels another prefix's."""
    off, variance = 0.0, 0.0
    for problem in TASK.generate(150, "tune", seed=0):
        [row], _ = labelled(labeller, found(problem))
        values = [
            law(GOES_ON.value(part)) for part in beginnings(found(problem).candidates[0].path)
        ]
        for at in range(shift, TASK.length - 1):  # the last label is the outcome, not drawn
            p = values[at]
            off += row.labels[at - shift] - p
            variance += p * (1 - p) / (labeller.k if not labeller.hard else 1)
    return off / math.sqrt(variance)


def test_soft_labels_are_unbiased():
    assert abs(deviation(MonteCarlo(k=4), lambda p: p)) < 3


def test_hard_labels_follow_their_law():
    assert abs(deviation(MonteCarlo(k=4, hard=True), lambda p: 1 - (1 - p) ** 4)) < 3


def test_labels_of_the_parent_would_not_pass():
    """The negative control: a step that got the label of the prefix before it."""
    assert abs(deviation(MonteCarlo(k=4), lambda p: p, shift=1)) > 5
    assert abs(deviation(MonteCarlo(k=4, hard=True), lambda p: 1 - (1 - p) ** 2)) > 5


def test_each_open_prefix_costs_k_rollouts_and_the_end_none():
    [row], counts = labelled(MonteCarlo(k=5), found(TASK.generate(1, "tune", 0)[0]))
    assert counts == {"rollouts": 5 * (TASK.length - 1)}
    assert (row.source["rollouts"], row.source["unanswered"]) == (25, 0)
    assert row.labels[-1] == row.outcome in (0.0, 1.0)
    assert row.source["labeller"] == "monte_carlo(k=5)"


def test_an_unfinished_solution_has_rollouts_from_its_end_too():
    problem = TASK.generate(1, "tune", 0)[0]
    path = Path(problem, (Step(str(TASK.sums(problem)[1])),))
    [row], counts = labelled(
        MonteCarlo(k=9), Result(problem, None, candidates=(Candidate(path, 0.0),))
    )
    assert counts == {"rollouts": 9}
    assert row.outcome is None
    assert 0 < row.labels[0] < 1


def test_all_prefixes_go_in_one_call_and_equal_ones_once():
    problem = TASK.generate(1, "tune", 0)[0]
    policy = Recorded(GOES_ON)
    result = found(problem, n=12)
    rows, counts = labelled(MonteCarlo(k=3, temperature=0.7), result, policy)
    [(keys, n, until, temperature, start)] = policy.calls
    assert len(set(keys)) == len(keys)
    assert (n, until, temperature, start) == (3, "end", 0.7, FIRST)
    different = {path.key for c in result.candidates for path in beginnings(c.path) if path.open}
    assert set(keys) == different
    assert counts["rollouts"] == 3 * len(different) == sum(row.source["rollouts"] for row in rows)
    assert len({row.steps for row in rows}) == len(rows) < 12  # equal solutions are one row
    assert sum(row.source.get("times", 1) for row in rows) == 12
    by_prefix = {}
    for row in rows:
        for depth in range(1, TASK.length + 1):
            by_prefix.setdefault(row.steps[:depth], set()).add(row.labels[depth - 1])
    assert all(len(labels) == 1 for labels in by_prefix.values())


def test_a_larger_k_has_the_rollouts_of_a_smaller_one():
    paths = [Path(p) for p in TASK.generate(20, "tune", 0)]
    rollouts = Rollouts(policy=GOES_ON, task=TASK, temperature=0.8)
    four = asyncio.run(rollouts.draw(paths, 4))
    rest = asyncio.run(rollouts.draw(paths, 4, start=4))
    eight = asyncio.run(rollouts.draw(paths, 8))
    assert {key: four[key] + rest[key] for key in four} == eight
    assert four != rest


def test_a_larger_k_pays_for_the_new_ones_only(tmp_path):
    task = ToyTask()
    problem = task.parse("grow")
    engines = Engines(policy=ToyLanguageModel(task=task))

    def paid(k, folder):
        with Store(folder / "run.db") as store:
            models = wire(task, engines, store=store)
            [paths] = asyncio.run(models.policy.extend([Path(problem)], 2, until="end"))
            result = Result(problem, None, candidates=tuple([Candidate(p, 0.0) for p in paths]))
            asyncio.run(MonteCarlo(k=k)(result, models))
            [(calls, answers)] = store.paid().values()
        assert calls == answers
        return calls

    first = paid(2, tmp_path)
    assert first < paid(6, tmp_path)
    (tmp_path / "other").mkdir()
    assert paid(6, tmp_path / "other") == paid(6, tmp_path) == paid(2, tmp_path)


def test_no_rollout_is_the_sampled_solution_itself():
    """With the index of its own draw the first rollout would always repeat the solution."""
    task = ToyTask()
    models = wire(task, Engines(policy=ToyLanguageModel(task=task)))
    differing = 0
    for problem in task.generate(100, "tune", seed=0):
        result = found(problem, models.policy)
        [row] = asyncio.run(MonteCarlo(k=1)(result, models))
        differing += row.labels[0] != row.outcome
    assert differing > 5


def test_a_rollout_that_breaks_a_rule_or_uses_up_its_steps_is_wrong_and_counted():
    problem = TASK.generate(1, "tune", 0)[0]
    right = [str(one) for one in TASK.sums(problem)[1:]]

    class Stuck:
        async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
            whole = Path(problem, tuple([Step(one, final=one is right[-1]) for one in right]))
            used_up = Path(problem, tuple([Step(one) for one in right]))
            dead = Path(problem, (Step("x", dead=True),))
            return [[whole, used_up, dead, whole] for _ in paths]

    path = Path(problem, (Step(right[0]),))
    [row], _ = labelled(
        MonteCarlo(k=4), Result(problem, None, candidates=(Candidate(path, 0.0),)), Stuck()
    )
    assert row.labels == (0.5,)
    assert row.source["unanswered"] == 2


def test_a_rollout_left_in_the_middle_is_an_error():
    problem = TASK.generate(1, "tune", 0)[0]

    class Lazy:
        async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
            return [[path] * n for path in paths]

    path = Path(problem, (Step("1"),))
    result = Result(problem, None, candidates=(Candidate(path, 0.0),))
    with pytest.raises(EngineError, match="expected rollouts that end, got one left open after 1"):
        labelled(MonteCarlo(), result, Lazy())


class Unsure:
    """A task without answers of its own."""

    name = "unsure"

    def max_steps(self, problem):
        return 2

    def answer(self, path):
        return path.steps[-1].text

    def check(self, problem, answer):
        return problem.answer is not None and answer == problem.answer


def test_without_a_reference_answer_nothing_is_called_wrong():
    path = Path(Problem("q", "?"), (Step("a"), Step("b", final=True)))
    known = Path(Problem("q", "?", "c"), (Step("a"), Step("b", final=True)))
    assert outcome(path, Unsure()) is None
    assert outcome(known, Unsure()) == 0.0
    assert outcome(Path(path.problem, (Step("a", dead=True),)), Unsure()) == 0.0
    assert outcome(Path(path.problem, (Step("a"),)), Unsure()) is None
    result = Result(path.problem, None, candidates=(Candidate(path, 0.0),))
    with pytest.raises(InputError, match="expected a reference answer to check rollouts against"):
        labelled(MonteCarlo(), result, task=Unsure())


def test_kinds_and_settings():
    problem = TASK.generate(1, "tune", 0)[0]
    [soft], _ = labelled(MonteCarlo(k=2), found(problem))
    [hard], _ = labelled(MonteCarlo(k=2, hard=True), found(problem))
    assert (soft.kind, hard.kind) == ("value", "prefix")
    assert set(hard.labels) <= {0.0, 1.0}
    assert labelled(MonteCarlo(), Result(problem, None))[0] == []
    for wrong in ({"k": 0}, {"k": 1.5}, {"hard": 1}, {"temperature": 0.0}):
        with pytest.raises(InputError, match="expected"):
            MonteCarlo(**wrong)
