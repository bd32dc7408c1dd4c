"""Each labelled step with its own score, whatever is beside it."""

import pytest

from specreward.errors import InputError
from specreward.label.labelled import Labelled
from specreward.tasks.qa import QA
from specreward.train.scored_steps import piled, score_steps
from specreward.types import Problem


class ByText:
    """The score of a step is the number in its text; it keeps what it was asked."""

    def __init__(self):
        self.asked = []

    async def score(self, paths):
        return [scores[-1] for scores in await self.steps(paths)]

    async def steps(self, paths):
        self.asked += [tuple(step.text for step in path.steps) for path in paths]
        if any("bad" in text for steps in self.asked for text in steps):
            raise InputError("a bad text")
        return [[float(step.text) for step in path.steps] for path in paths]


def labelled(question, steps, labels):
    return Labelled(problem=Problem(question, question), steps=steps, labels=labels, kind="prefix")


DATA = [
    labelled("q", (".1", ".2", ".3"), (1.0, 0.0, None)),
    labelled("r", (".4",), (0.25,)),
    labelled("q", (".1", ".5"), (None, 1.0)),
    labelled("q", (".1", ".2"), (None, 1.0)),
    labelled("none", ("bad",), (None,)),
]


def test_scores_and_labels_stand_side_by_side():
    reward = ByText()
    found = score_steps(piled(DATA), reward, QA())
    assert found.scores == (0.1, 0.2, 0.5, 0.2, 0.4)
    assert found.labels == (1.0, 0.0, 1.0, 1.0, 0.25)
    assert found.places == (0, 0, 0, 0, 1)
    assert (found.problems, found.failed) == (2, 0)
    # Nothing after the last label is read, equal beginnings once, and what has no label not at all.
    assert sorted(reward.asked) == [(".1", ".2"), (".1", ".5"), (".4",)]


def test_a_problem_that_cannot_be_scored_is_left_out():
    bad = labelled("s", ("bad",), (1.0,))
    found = score_steps(piled([DATA[1], bad]), ByText(), QA(), concurrency=1)
    assert (found.problems, found.failed, found.labels) == (1, 1, (0.25,))
    assert "a bad text" in found.reason
    with pytest.raises(InputError, match=r"no problem could be scored; the first: .*a bad text"):
        score_steps(piled([bad]), ByText(), QA())
    with pytest.raises(InputError, match="got 1 solutions without any"):
        piled(DATA[-1:])
