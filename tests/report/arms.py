"""Outcomes whose numbers are known, for tests of what is made of them."""

from specreward.report.record import Arm, Outcome
from specreward.types import Candidate, Judgement, Path, Problem, Result, Step, Usage

ONE = ("policy", "propose")
TWO = ("policy", "evaluate")
SRM = ("reward", "score")


def outcome(number, correct, usage, *, kept=(True,), details=True, ended="done"):
    """One problem with one expansion, whose children are kept or not as said."""
    problem = Problem(f"p{number}", f"question {number}", "a", {"length": 2})
    root = Path(problem)
    judged = tuple(
        Judgement(
            root.then(Step(f"s{i}", 1, final=True)),
            0.5,
            keep,
            details={"sr": 1.5, "rc": 0.66, "p": 0.4, "q": 0.6} if details else {},
        )
        for i, keep in enumerate(kept)
    )
    best = Candidate(judged[0].path, 0.5)
    result = Result(problem, best, (best,), ended, usage, ((root, judged),))
    return Outcome(result, "a" if correct else "b", correct)


def arm(spec, corrects, usage, **settings):
    """One arm: one problem for each of ``corrects``, all with the same usage."""
    return Arm(spec, tuple(outcome(i, c, usage, **settings) for i, c in enumerate(corrects)))


def spent(prompt, completion=0, *, cached=0, calls=1, flops=0.0, seconds=0.0, dollars=0.0):
    return Usage(calls, prompt, cached, completion, seconds, flops, dollars)
