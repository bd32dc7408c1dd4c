"""Solutions of files, runs and samples, and how texts are cut."""

import asyncio
import gzip
import json
import math

import pytest

from specreward.assemble import Engines, wire
from specreward.errors import InputError
from specreward.label.solutions import (
    Samples,
    followed,
    from_run,
    leaves_of,
    piled,
    read_solutions,
)
from specreward.label.splitting import AsGiven, ByDelimiter, Splitter, Written
from specreward.run import run
from specreward.search import BFS, SelfConsistency
from specreward.store import Store
from specreward.tasks import QA, Game24
from specreward.testing import OracleReward, RunningSum, ToyLanguageModel, ToyTask
from specreward.types import Problem
from specreward.verify import RewardScores

TASK = RunningSum()
ROW = {"question": "1 + 2 + 3", "steps": ["3", "6"]}


def file_of(folder, *rows, name="solutions.jsonl"):
    file = folder / name
    file.write_text("".join([r if isinstance(r, str) else json.dumps(r) + "\n" for r in rows]))
    return file


def cut(splitter, *solutions):
    return asyncio.run(splitter(solutions, None))


# ---------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("more", "steps", "whole"),
    [
        ({"steps": ["3", "6"]}, ("3", "6"), False),
        ({"completions": ["3", "6"], "labels": [True, False]}, ("3", "6"), False),
        ({"solution": "3\n\n6"}, ("3\n\n6",), True),
        ({"completion": "3\n\n6"}, ("3\n\n6",), True),
    ],
)
@pytest.mark.parametrize("asked", ["question", "problem", "prompt"])
def test_fields_of_a_row(tmp_path, asked, more, steps, whole):
    read = read_solutions(TASK, file_of(tmp_path, {asked: "1 + 2 + 3", **more}))
    [one] = read.solutions
    assert (one.steps, one.whole, one.outcome) == (steps, whole, None)
    assert one.problem.question == "1 + 2 + 3"
    assert one.where.endswith("solutions.jsonl:1")


def test_id_answer_outcome_and_meta_are_kept(tmp_path):
    row = ROW | {"id": 7, "answer": 6, "outcome": True, "meta": {"level": 3}}
    [one] = read_solutions(TASK, file_of(tmp_path, row)).solutions
    assert (one.problem.id, one.problem.answer, one.outcome) == ("7", "6", 1.0)
    assert one.problem.meta["level"] == 3


def test_a_list_and_a_packed_file_are_read_too(tmp_path):
    listed = tmp_path / "listed.json"
    listed.write_text(json.dumps([ROW, ROW], indent=1))
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress((json.dumps(ROW) + "\n").encode() * 2))
    for file in (listed, packed):
        assert [one.steps for one in read_solutions(TASK, file).solutions] == [("3", "6")] * 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{not json\n", "expected a JSON object"),
        ("[1]\n", "expected a JSON object"),
        ({"steps": ["3"]}, "expected one of the fields question, problem, prompt"),
        ({"question": "1 + 2"}, "expected one of the fields steps, completions, solution"),
        (ROW | {"steps": []}, "expected a list of texts that are not empty as 'steps'"),
        (ROW | {"steps": ["3", " "]}, "as 'steps'"),
        (ROW | {"steps": "3"}, "as 'steps'"),
        ({"question": "1 + 2", "solution": " "}, "expected a text, not empty as 'solution'"),
        (ROW | {"outcome": 2}, "from 0 to 1 as 'outcome', got '2'"),
        (ROW | {"outcome": "yes"}, "as 'outcome'"),
        (ROW | {"question": "one and two"}, "expected a sum such as"),
        (ROW | {"answer": "7"}, "expected a right answer like '6', got '7'"),
        (ROW | {"question": ["1 + 2"]}, "expected text as 'question'"),
        (ROW | {"question": "1 + 5", "id": "a"}, "that id 'a' had before"),
        (ROW | {"meta": [1]}, "expected an object as 'meta'"),
        (json.dumps(ROW | {"meta": {"x": math.nan}}) + "\n", "expected JSON as 'meta'"),
    ],
)
def test_bad_rows_are_set_aside_with_line_and_reason(tmp_path, bad, reason):
    good = ROW | {"id": "a"}
    read = read_solutions(TASK, file_of(tmp_path, good, "\n", bad, good))
    assert len(read.solutions) == 2
    [one] = read.rejected
    assert (one.line, one.file) == (3, str(tmp_path / "solutions.jsonl"))
    assert reason in one.reason
    assert not one.reason.startswith(one.file)
    assert one.raw == (bad.strip() if isinstance(bad, str) else json.dumps(bad))


def test_files_without_a_solution_are_refused(tmp_path):
    with pytest.raises(InputError, match="got nothing there"):
        read_solutions(TASK, tmp_path / "none.jsonl")
    with pytest.raises(InputError, match=r"expected at least one solution, got none: .*:1: "):
        read_solutions(TASK, file_of(tmp_path, {"question": "1 + 2"}))


# ---------------------------------------------------------------------------------- splitting


def test_texts_are_cut_and_steps_are_kept():
    text = Written(problem=Problem("q", "?"), steps=(" a \n\n\n\nb\nc\n\n ",), whole=True)
    steps = Written(problem=Problem("q", "?"), steps=("a\n\nb", "c"))
    assert cut(ByDelimiter(), text, steps) == [("a", "b\nc"), ("a\n\nb", "c")]
    assert cut(ByDelimiter("\n"), text) == [("a", "b", "c")]
    assert cut(AsGiven(), text, steps) == [text.steps, steps.steps]
    assert isinstance(AsGiven(), Splitter)
    assert isinstance(ByDelimiter(), Splitter)


def test_a_delimiter_must_be_one_and_leave_something():
    for wrong in ("", 3):
        with pytest.raises(InputError, match="delimiter: expected a text"):
            ByDelimiter(wrong)
    blank = Written(problem=Problem("q", "?"), steps=(";;",), whole=True, where="f:3")
    with pytest.raises(InputError, match="f:3: expected a solution with some text in it"):
        cut(ByDelimiter(";"), blank)


# ---------------------------------------------------------------------------------- paths


def test_steps_are_read_as_the_task_reads_them():
    task = QA()
    problem = task.parse("What is 1 + 2?")
    path = followed(task, problem, ["Step 1: add them", "So it is 3.\n#### 3", "And more."])
    assert path.steps[0].text == "add them"
    assert path.finished
    assert path.depth == 2
    game = Game24()
    dead = followed(game, game.parse("4 9 10 13"), ["13 - 9 = 5 (left: 4 5 10)", "no"])
    assert dead.dead
    assert dead.depth == 1


def test_a_pile_is_by_problem_in_order_with_what_the_file_says(tmp_path):
    rows = (
        ROW | {"id": "a", "steps": ["3"], "outcome": 1},  # goes on: only the file knows
        ROW | {"id": "b"},
        ROW | {"id": "a", "steps": ["3", "7"], "outcome": 0},
        ROW | {"id": "a", "steps": ["3", "6"], "outcome": 0},  # the task says right
        ROW | {"id": "a", "steps": ["3", "6", "9"]},  # steps behind the answer
        ROW | {"id": "b", "steps": ["x", "6"], "outcome": 1},  # dead
    )
    read = read_solutions(TASK, file_of(tmp_path, *rows))
    steps = cut(AsGiven(), *read.solutions)
    pile, rejected, longer = piled(TASK, read.solutions, steps, "here")
    assert [one.problem.id for one in pile.found] == ["a", "b"]
    a, b = ([tuple(s.text for s in c.path.steps) for c in one.candidates] for one in pile.found)
    assert a == [("3",), ("3", "7"), ("3", "6")]
    assert b == [("3", "6")]
    assert (pile.origin, longer) == ("here", 1)
    assert pile.outcomes == {("a", "3"): 1.0, ("a", "3", "7"): 0.0}
    assert pile.places["a", "3"].endswith(":1")
    assert [one.line for one in rejected] == [4, 6]
    assert "as the task finds it, 1, got 0: for the task step 2 of 2 is the answer" in (
        rejected[0].reason
    )
    assert "step 1 of 2 breaks a rule" in rejected[1].reason
    assert json.loads(rejected[1].raw)["steps"] == ["x", "6"]


# ---------------------------------------------------------------------------------- runs

TOY = ToyTask()


@pytest.fixture
def run_file(tmp_path):
    file = tmp_path / "run.db"
    with Store(file) as store:
        engines = Engines(policy=ToyLanguageModel(task=TOY), reward=OracleReward(task=TOY))
        models = wire(TOY, engines, store=store)
        for strategy in (BFS(verify=RewardScores()), SelfConsistency(n=3)):
            run(strategy, TOY.generate(4, "tune", 0), models, store=store)
    return file


def test_a_run_is_a_pile_for_each_strategy_with_its_trees(run_file):
    piles = from_run(run_file, None, False, None)
    assert len(piles) == 2
    assert [len(pile.found) for pile in piles] == [4, 4]
    assert piles[0].origin.startswith("run.db: bfs(")
    assert all(one.expansions for one in piles[0].found)
    [only] = from_run(run_file, "self_consistency(n=3)", False, 2)
    assert only.origin == "run.db: self_consistency(n=3)"
    assert len(only.found) == 2
    assert from_run(run_file, "self_consistency(3)", False, 2) == [only]  # as it was typed
    with pytest.raises(InputError, match=r"expected one of its strategies, bfs\(.*, got 'cot\(\)'"):
        from_run(run_file, "cot()", False, None)


def test_searches_on_another_domain_are_taken_only_where_asked_for(run_file):
    with Store(run_file) as store:
        models = wire(TOY, Engines(policy=ToyLanguageModel(task=TOY)), store=store)
        other = TOY.generate(2, "test", 0)
        name = "self_consistency(n=3) on other()"
        run(SelfConsistency(n=3), other, models, store=store, label=name)
    assert len(from_run(run_file, None, False, None)) == 2
    [only] = from_run(run_file, "self_consistency(3) on other()", False, None)
    assert (only.origin, len(only.found)) == (f"run.db: {name}", 2)


def test_leaves_are_what_no_search_went_on_from(run_file):
    [pile, _] = from_run(run_file, None, False, None)
    [full, _] = from_run(run_file, None, True, None)
    more = 0
    for without, with_leaves in zip(pile.found, full.found, strict=True):
        assert leaves_of(without) == with_leaves
        own, ends = without.candidates, with_leaves.candidates
        assert ends[: len(own)] == own
        parents = {path.key for path, _ in without.expansions}
        judged = {one.path.key for _, all_of in without.expansions for one in all_of}
        added = [one.path.key for one in ends[len(own) :]]
        assert len(set(added)) == len(added)
        assert set(added) == judged - parents - {one.path.key for one in own}
        more += len(added)
    assert more > 10


def test_an_empty_run_is_refused(tmp_path):
    with Store(tmp_path / "run.db"):
        pass
    with pytest.raises(InputError, match="expected searches that ended, got none"):
        from_run(tmp_path / "run.db", None, False, None)


# ---------------------------------------------------------------------------------- samples


def test_samples_are_kept_however_they_end():
    models = wire(TOY, Engines(policy=ToyLanguageModel(task=TOY)))
    ends = []
    for problem in TOY.generate(30, "tune", 0):
        found = asyncio.run(Samples(n=4, temperature=0.8)(problem, models))
        assert len(found.candidates) == 4
        assert all(math.isnan(one.score) for one in found.candidates)
        ends += [(one.path.finished, one.path.dead) for one in found.candidates]
    assert {(True, False), (False, True)} <= set(ends)
    greedy = asyncio.run(Samples(n=3, temperature=0.0)(problem, models))
    assert len({one.path.key for one in greedy.candidates}) == 1
