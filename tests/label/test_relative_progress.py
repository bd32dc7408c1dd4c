"""Relative progress: golden values, the number of rollouts, what is discarded."""

import asyncio
from dataclasses import dataclass, field

import pytest

from specreward.errors import InputError
from specreward.label.relative_progress import RelativeProgress, progress_labels
from specreward.label.rollouts import FIRST
from specreward.testing import RunningSum
from specreward.types import Candidate, Models, Path, Result, Step

TASK = RunningSum(length=4)
PROBLEM = TASK.generate(1, "tune", 0)[0]
RIGHT = [str(one) for one in TASK.sums(PROBLEM)[1:]]


@dataclass
class Quota:
    """Of each ten rollouts of a prefix of depth t the first ``tenths[t]`` are right."""

    tenths: tuple[int, ...]
    calls: list = field(default_factory=list)
    temperatures: set = field(default_factory=set)

    async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
        self.temperatures.add(temperature)
        self.calls.append((sorted({path.depth for path in paths}), n, start - FIRST))
        return [
            [self._end(path, (start - FIRST + i) % 10 < self.tenths[path.depth]) for i in range(n)]
            for path in paths
        ]

    def _end(self, path, right):
        texts = [*RIGHT[path.depth : -1], RIGHT[-1] if right else "0"]
        more = [Step(text) for text in texts[:-1]]
        return Path(path.problem, (*path.steps, *more, Step(texts[-1], final=True)))


def labels(tenths, labeller, end=RIGHT[-1]):
    steps = (*[Step(text) for text in RIGHT[:-1]], Step(end, final=True))
    result = Result(PROBLEM, None, candidates=(Candidate(Path(PROBLEM, steps), 0.0),))
    policy = Quota(tenths)
    models = Models(task=TASK, policy=policy)
    rows = asyncio.run(labeller(result, models))
    return rows, policy.calls, models.trace.counts


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, 0.5, 0.4, 0.2, 1.0], [1, 1, 0, 1]),  # 0.4 / 0.5 is the threshold itself
        ([0.5, 0.45, 0.3, 0.3, 1.0], [1, 0, 1, 1]),  # compared with the step before, not the start
        ([0.5, 0.0, 0.9, 0.9, 1.0], [0, 0, 0, 0]),  # after a zero all are 0
        ([0.5, 0.6, 0.0, 0.0, 1.0], [1, 0, 0, 0]),
        ([0.0, 1.0], [0]),
        ([0.9, 0.9, 0.9, 0.9, 0.0], [1, 1, 1, 0]),  # a wrong end
    ],
)
def test_golden_labels(values, expected):
    assert progress_labels(values, 0.8) == [float(one) for one in expected]


def test_the_threshold_is_the_setting():
    values = [0.5, 0.4, 0.4, 0.3]
    assert progress_labels(values, 1.0) == [0.0, 1.0, 0.0]
    assert progress_labels(values, 0.8) == [1.0, 1.0, 0.0]
    assert progress_labels(values, 0.0) == [1.0, 1.0, 1.0]


def test_labels_of_a_solution():
    labeller = RelativeProgress(k=(40, 20, 10), threshold=0.8)
    [row], calls, counts = labels((5, 5, 3, 3), labeller)
    assert row.labels == (1.0, 0.0, 1.0, 1.0)
    assert row.kind == "step"
    assert (row.source["k"], row.source["pass_at_1"], row.outcome) == (20, 0.5, 1.0)
    assert calls == [([0], 10, 0), ([0], 10, 10), ([1, 2, 3], 20, 0)]
    assert counts["rollouts"] == 20 + 3 * 20
    [row], _, _ = labels((5, 5, 3, 3), labeller, end="0")
    assert row.labels == (1.0, 0.0, 1.0, 0.0)
    [row], _, _ = labels((5, 5, 3, 3), RelativeProgress(k=(40, 20, 10), threshold=0.5))
    assert row.labels == (1.0, 1.0, 1.0, 1.0)


def test_a_harder_problem_gets_more_rollouts():
    """pass@1 of 9 in 10 is easy, of 1 in 10 middling, of none hard until more are drawn."""
    labeller = RelativeProgress(k=(40, 20, 10))
    assert labels((9, 5, 5, 5), labeller)[0][0].source["k"] == 10
    assert labels((8, 5, 5, 5), labeller)[0][0].source["k"] == 20
    assert labels((1, 5, 5, 5), labeller)[0][0].source["k"] == 20
    rows, calls, counts = labels((0, 5, 5, 5), labeller)
    assert (rows, calls) == ([], [([0], 10, 0), ([0], 30, 10)])
    assert counts == {"rollouts": 40, "discarded": 1}


def test_problems_always_right_are_discarded():
    rows, calls, counts = labels((10, 5, 5, 5), RelativeProgress(k=(40, 20, 10)))
    assert (rows, calls, counts) == ([], [([0], 10, 0)], {"rollouts": 10, "discarded": 1})


def test_the_temperature_is_that_of_all_rollouts():
    policy = Quota((5, 5, 5, 5))
    steps = (*[Step(text) for text in RIGHT[:-1]], Step(RIGHT[-1], final=True))
    found = Result(PROBLEM, None, candidates=(Candidate(Path(PROBLEM, steps), 0.0),))
    asyncio.run(RelativeProgress(temperature=0.3)(found, Models(task=TASK, policy=policy)))
    assert policy.temperatures == {0.3}


def test_no_solution_costs_nothing():
    models = Models(task=TASK, policy=Quota((5, 5, 5, 5)))
    assert asyncio.run(RelativeProgress()(Result(PROBLEM, None), models)) == []
    assert models.policy.calls == []


@pytest.mark.parametrize(
    "settings",
    [
        {"k": (8, 8)},
        {"k": 8},
        {"k": (8, 16, 32)},
        {"k": (8, 4, 0)},
        {"threshold": -0.1},
        {"temperature": 0.0},
    ],
)
def test_settings_out_of_range(settings):
    with pytest.raises(InputError, match="relative_progress"):
        RelativeProgress(**settings)
