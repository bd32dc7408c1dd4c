import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreward.errors import InputError
from specreward.records import (
    dump_problem,
    dump_result,
    dump_tree,
    load_problem,
    load_result,
    load_tree,
)
from specreward.types import Candidate, Judgement, Path, Problem, Result, Step, Usage

numbers = st.floats(allow_nan=False)
texts = st.text(st.characters(), max_size=5)
steps = st.builds(
    Step, texts, st.integers(0, 9), st.none() | numbers, final=st.booleans(), dead=st.booleans()
)
problems = st.builds(Problem, texts, texts, st.none() | texts, st.dictionaries(texts, texts))
usages = st.builds(Usage, st.integers(0), seconds=numbers, flops=numbers, failed=st.integers(0))


@st.composite
def results(draw):
    problem = draw(problems)
    paths = st.builds(Path, st.just(problem), st.lists(steps, max_size=4).map(tuple))
    judgements = st.builds(
        Judgement, paths, numbers, st.booleans(), st.integers(0, 5), st.dictionaries(texts, numbers)
    )
    candidates = tuple(draw(st.lists(st.builds(Candidate, paths, numbers), max_size=3)))
    return Result(
        problem,
        draw(st.sampled_from(candidates)) if candidates else None,
        candidates,
        draw(st.sampled_from(["done", "exhausted", "budget", "failed"])),
        draw(st.dictionaries(st.tuples(texts, texts), usages, max_size=3)),
        tuple(draw(st.lists(st.tuples(paths, st.lists(judgements).map(tuple)), max_size=3))),
        draw(st.none() | texts),
    )


@settings(max_examples=30, deadline=None)
@given(results())
def test_a_result_comes_back_as_it_was(result):
    text, tree = dump_result(result), dump_tree(result)
    back = load_result(text, tree)
    assert back == result
    # What equality does not look at.
    assert back.problem.meta == result.problem.meta
    details = [[one.details for one in judged] for _, judged in result.expansions]
    assert [[one.details for one in judged] for _, judged in back.expansions] == details
    assert (dump_result(back), dump_tree(back)) == (text, tree)
    assert load_tree(tree) == result.expansions
    assert load_result(text).expansions == ()


@settings(max_examples=30, deadline=None)
@given(problems)
def test_a_problem_comes_back_as_it_was(problem):
    back = load_problem(dump_problem(problem))
    assert (back, back.meta) == (problem, problem.meta)


def test_floats_come_back_to_the_last_bit():
    step = Step("s", 1, math.nextafter(-0.1, 0))
    path = Path(Problem("p", "q"), (step,))
    result = Result(path.problem, Candidate(path, -math.inf), (Candidate(path, 0.1 + 0.2),))
    assert load_result(dump_result(result)) == result


def test_shared_steps_are_written_once():
    problem = Problem("p", "q")
    trunk = Path(problem, tuple(Step(f"step {i}") for i in range(50)))
    leaves = [Candidate(trunk.then(Step(f"leaf {i}", final=True)), 0.5) for i in range(20)]
    document = json.loads(dump_result(Result(problem, leaves[0], tuple(leaves))))
    assert len(document["steps"]) == 50 + 20


def test_equal_texts_that_differ_otherwise_are_kept_apart():
    problem = Problem("p", "q")
    paths = [Path(problem, (Step("a", tokens),)) for tokens in (1, 2)]
    result = Result(problem, None, tuple(Candidate(path, 0.0) for path in paths))
    assert load_result(dump_result(result)) == result


def test_order_of_mappings_is_kept():
    problem = Problem("p", "q", None, {"b": 1, "a": 2})
    judged = Judgement(Path(problem), 0.0, details={"z": 1.0, "y": 2.0})
    back = load_result(dump_result(Result(problem, None)), None)
    assert list(back.problem.meta) == ["b", "a"]
    [(_, [again])] = load_tree(
        dump_tree(Result(problem, None, expansions=((Path(problem), (judged,)),)))
    )
    assert list(again.details) == ["z", "y"]


def test_meta_that_json_cannot_hold_is_refused_by_name():
    with pytest.raises(InputError, match=r"problem 'p1': expected meta"):
        dump_problem(Problem("p1", "q", None, {"set": {1, 2}}))


def test_a_path_of_another_problem_is_refused():
    stray = Candidate(Path(Problem("other", "q"), (Step("a"),)), 1.0)
    with pytest.raises(InputError, match="expected a path of problem 'p'"):
        dump_result(Result(Problem("p", "q"), stray))
