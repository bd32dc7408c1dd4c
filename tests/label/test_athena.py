"""Athena: a label only where a weak and a strong completer agree."""

import asyncio
import math

import pytest

from specreward.errors import InputError
from specreward.label.athena import Athena
from specreward.label.monte_carlo import MonteCarlo
from specreward.testing import ChainPolicy, RunningSum
from specreward.types import Candidate, Models, Path, Result

TASK = RunningSum(length=8)
WRITER = ChainPolicy(TASK, slip=0.12, seed=1)
WEAK = ChainPolicy(TASK, slip=0.25, seed=2)
STRONG = ChainPolicy(TASK, slip=0.05, repair=0.25, seed=3)


def found(problem):
    [paths] = asyncio.run(WRITER.extend([Path(problem)], 1, until="end"))
    return Result(problem, None, candidates=tuple([Candidate(p, math.nan) for p in paths]))


def accuracy(pairs):
    return sum(label == truth for label, truth in pairs) / len(pairs)


def test_labels_are_the_agreed_ones_and_purer_than_either():
    kept, weak, strong, dropped = [], [], [], 0
    for problem in TASK.generate(80, "tune", 0):
        result = found(problem)
        models = Models(task=TASK, policy=STRONG, draft=WEAK)
        [row] = asyncio.run(Athena(k=8)(result, models))
        [by_weak] = asyncio.run(MonteCarlo(k=8, hard=True)(result, Models(task=TASK, policy=WEAK)))
        [by_strong] = asyncio.run(
            MonteCarlo(k=8, hard=True)(result, Models(task=TASK, policy=STRONG))
        )
        for at, label in enumerate(row.labels):
            one, other = by_weak.labels[at], by_strong.labels[at]
            assert label == (one if one == other else None)
            truth = float((TASK.first_error(row.path()) or 99) > at)
            truth = 0.0 if TASK.first_error(row.path()) == 0 else truth
            weak.append((one, truth))
            strong.append((other, truth))
            if label is None:
                dropped += 1
            else:
                kept.append((label, truth))
        assert row.kind == "prefix"
        assert row.labels[-1] == row.outcome
        assert models.trace.counts["rollouts"] == 2 * 8 * 7 == row.source["rollouts"]
        agreed = models.trace.counts["agreed"]
        assert agreed + models.trace.counts["disagreed"] == 8
        assert agreed == sum(label is not None for label in row.labels)
    assert dropped > 50
    assert accuracy(kept) >= 0.98 > accuracy(weak) > accuracy(strong)


def test_without_a_draft_it_says_how_to_give_one():
    problem = TASK.generate(1, "tune", 0)[0]
    models = Models(task=TASK, policy=STRONG)
    with pytest.raises(InputError, match="got no draft: give one by --draft"):
        Athena().check(models)
    with pytest.raises(InputError, match="--draft"):
        asyncio.run(Athena()(found(problem), models))
    Athena().check(Models(task=TASK, policy=STRONG, draft=WEAK))


def test_the_temperature_is_that_of_both():
    class Asked:
        def __init__(self):
            self.temperatures = []

        async def extend(self, paths, n, *, until="step", temperature=0.8, start=0):
            self.temperatures.append(temperature)
            return await WEAK.extend(paths, n, until=until, temperature=temperature, start=start)

    one, other = Asked(), Asked()
    models = Models(task=TASK, policy=one, draft=other)
    asyncio.run(Athena(k=1, temperature=0.3)(found(TASK.generate(1, "tune", 0)[0]), models))
    assert one.temperatures == other.temperatures == [0.3]
    for wrong in ({"k": 0}, {"temperature": 0}):
        with pytest.raises(InputError, match="athena"):
            Athena(**wrong)
