import json
from dataclasses import replace

from specreward.report.record import line, outcome
from specreward.testing import ToyTask
from specreward.types import Candidate, Completion, Path, Result

from . import arms


def test_an_answer_is_read_and_checked():
    task = ToyTask()
    problem = task.parse("x")
    path = Path(problem)
    for letter in task.target("x"):
        path = path.then(task.step(path, Completion(letter, 1, None, 1)))
    right = outcome(Result(problem, Candidate(path, 0.5)), task)
    assert right.answer == task.target("x")
    assert right.correct
    none = outcome(Result(problem, None), task)
    assert none.answer is None
    assert not none.correct


def test_a_line_holds_what_the_seed_settles_and_nothing_else():
    usage = {arms.SRM: arms.spent(3), arms.ONE: arms.spent(7, 2, cached=5, seconds=0.5, flops=9.0)}
    one = arms.outcome(1, True, usage)
    kept = line("bfs()", one)
    assert kept == {
        "problem": "p1",
        "strategy": "bfs()",
        "answer": "a",
        "correct": True,
        "score": 0.5,
        "depth": 1,
        "reference_length": 2,
        "ended": "done",
        "error": None,
        "candidates": 1,
        "usage": {
            "policy": {"propose": {"calls": 1, "prompt_tokens": 7, "completion_tokens": 2}},
            "reward": {"score": {"calls": 1, "prompt_tokens": 3, "completion_tokens": 0}},
        },
    }
    other = {arms.ONE: arms.spent(7, 2, seconds=9.9), arms.SRM: arms.spent(3, flops=1.0)}
    again = replace(one, result=replace(one.result, usage=other))
    assert json.dumps(line("bfs()", again)) == json.dumps(kept)


def test_a_failed_search_has_a_line_with_its_error():
    one = arms.outcome(1, False, {})
    failed = replace(
        one.result, best=None, candidates=(), ended="failed", error="the engine is out"
    )
    kept = line("bfs()", replace(one, result=failed, answer=None))
    assert (kept["score"], kept["depth"], kept["answer"]) == (None, None, None)
    assert (kept["ended"], kept["error"]) == ("failed", "the engine is out")
