"""Answers that are equal in other words count as one in every vote."""

from dataclasses import dataclass, field, replace

import pytest

from specreward.search import BestOfN, MajorityVote, SelfConsistency, VoteDecided, WeightedVote
from specreward.search.votes import unified, votes
from specreward.tasks import QA, Math
from specreward.tasks.checkers import Maths
from specreward.testing import ExactPolicy, ExactReward, ExactTask, law
from specreward.types import Candidate, Models, Path, Problem, Step, Trace

LAW = {"2": 0.4, "x+1": 0.3, "1+x": 0.3}


@dataclass(frozen=True)
class Folding(ExactTask):
    """x+1 is 1+x; what is asked is kept."""

    asked: list[tuple[str, str]] = field(default_factory=list, compare=False)

    def same(self, one, other):
        self.asked.append((one, other))
        return {one, other} == {"x+1", "1+x"}


def models(task):
    return Models(
        task=task,
        policy=ExactPolicy({(): LAW}),
        reward=ExactReward({("x+1",): 0.3, ("1+x",): 0.3, ("2",): 0.4}),
    )


def chosen(strategy, task):
    async def program():
        roles = replace(models(task), trace=Trace())
        result = await strategy(Problem("p", "?"), roles)
        return task.answer(result.best.path)

    return law(program)


def test_an_answer_is_written_as_the_first_that_it_equals():
    task = Folding({(): LAW})
    assert unified(["", "1+x", "2", "x+1", "x+1"], task) == ["", "1+x", "2", "1+x", "1+x"]
    assert task.asked == [("2", "1+x"), ("x+1", "1+x")]  # nothing twice, nothing empty
    assert unified(["1+x", "x+1"], ExactTask({(): LAW})) == ["1+x", "x+1"]


def test_an_unfinished_path_has_no_vote():
    problem = Problem("p", "?")
    paths = [Path(problem), Path(problem, (Step("2", final=True),))]
    assert votes(paths, ExactTask({(): LAW})) == ["", "2"]


@pytest.mark.parametrize(
    "strategy",
    [
        SelfConsistency(3, temperature=1.0),
        BestOfN(3, temperature=1.0, pick=WeightedVote()),
        BestOfN(3, temperature=1.0, pick=MajorityVote(), stop=VoteDecided()),
        SelfConsistency(3, temperature=1.0, stop=VoteDecided(1.0)),
    ],
    ids=["vote", "weighted", "stopped best-of-n", "stopped vote"],
)
def test_every_vote_folds(strategy):
    """P(2 wins) = P(two or three of three draws are it): the other two texts are one answer."""
    folded, apart = chosen(strategy, Folding({(): LAW})), chosen(strategy, ExactTask({(): LAW}))
    assert folded["2"] == pytest.approx(3 * 0.4**2 * 0.6 + 0.4**3)
    assert apart["2"] > folded["2"] + 0.01


@pytest.mark.parametrize("task", [Math(), QA(checker=Maths())], ids=["math", "qa"])
def test_mathematical_answers_are_equal_as_mathematics(task):
    pytest.importorskip("math_verify", reason="needs the math extra")
    problem = Problem("p", "?")
    answers = [r"\frac{x+1}{2}", r"\frac{1+x}{2}", r"\frac{x}{2}"]
    found = [
        Candidate(Path(problem, (Step(rf"So \boxed{{{answer}}}.", final=True),)), 1.0)
        for answer in answers
    ]
    first = task.answer(found[0].path)
    assert votes([one.path for one in found], task) == [first, first, task.answer(found[2].path)]
    roles = Models(task=task, policy=ExactPolicy({(): LAW}))
    assert MajorityVote()([found[2], *found[:2]], roles) in found[:2]


def test_other_checkers_know_equal_texts_only():
    assert not QA().same("a", "b")


def test_without_math_verify_equal_texts_are_equal(monkeypatch):
    from specreward.tasks import checkers, latex

    checkers._same_expression.cache_clear()
    monkeypatch.setattr(latex, "installed", lambda: False)
    assert not Maths().same("x+1", "1+x")
    assert Maths().same("x+1", "x+1")
    checkers._same_expression.cache_clear()
