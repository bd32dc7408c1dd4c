"""Reward models on items: one call an item, steps, resume, budgets, and recorded scores."""

import asyncio
import json

import pytest

from specreward.bench import Answer, Item, Judged, ProcessBench, RecordedPool
from specreward.bench.scoring import (
    NoPolicy,
    Scoring,
    dump_judged,
    fingerprint,
    judge,
    judged_of,
    read_judged,
)
from specreward.errors import InputError
from specreward.ledger import Budget
from specreward.reward.aggregate import Minimum
from specreward.reward.solutions import Graded
from specreward.store import Store

ITEMS = [
    Item("a", "g", "Which?", (Answer(("one", "two")), Answer(("three",)))),
    Item("b", "g", "What?", (Answer(("one",)), Answer(("one",)), Answer(("four", "five")))),
]


class Grader:
    """A process reward model: a step is as good as its length is odd; asks are written down."""

    name = "grader"
    parameters = 10
    per_step = True
    combine = Minimum()
    most_tokens = 0

    def __init__(self):
        self.asked = []

    async def grade(self, solutions):
        self.asked += solutions
        return [Graded(tuple([len(s) / 10 for s in one.steps]), 3) for one in solutions]


class Plain:
    """Scores whole paths and no more: a tenth for each step, up to 1."""

    def __init__(self):
        self.calls = []

    async def score(self, paths):
        self.calls.append([path.depth for path in paths])
        return [path.depth / 10 for path in paths]


class Tournament(Plain):
    """Compares the answers of a call."""

    tournament = None


def test_all_answers_of_an_item_are_scored_in_one_call():
    model = Plain()
    found = judged_of(ITEMS, judge(RecordedPool(), ITEMS, model))
    assert [one.scores for one in found] == [(0.2, 0.1), (0.1, 0.1, 0.2)]
    assert [one.steps for one in found] == [(), ()]
    assert [one.item for one in found] == ITEMS
    assert sorted(model.calls) == [[1, 1, 2], [2, 1]]


def test_steps_are_scored_by_a_step_scorer_at_one_reading():
    model = Grader()
    found = judged_of(ITEMS, judge(ProcessBench(), ITEMS, model))
    assert [one.steps for one in found] == [((0.3, 0.3), (0.5,)), ((0.3,), (0.3,), (0.4, 0.4))]
    assert [one.scores for one in found] == [(), ()]
    assert len(model.asked) == 4  # equal answers of an item are read once, no beginnings


def test_a_model_of_whole_paths_is_asked_for_each_beginning():
    model = Plain()
    found = judged_of(ITEMS, judge(ProcessBench(), ITEMS, model))
    assert found[0].steps == ((0.1, 0.2), (0.1,))
    assert sorted(model.calls) == [[1, 1, 2], [1, 2, 1]]


def test_a_model_that_compares_has_no_score_for_a_step():
    done = judge(ProcessBench(), ITEMS, Tournament())
    assert {one.ended for one in done} == {"failed"}
    assert "compares whole answers" in done[0].error
    assert judged_of(ITEMS, done) == []
    scored = judged_of(ITEMS, judge(RecordedPool(), ITEMS, Tournament()))
    assert scored[0].scores == (0.2, 0.1)


def test_usage_is_counted_and_a_budget_leaves_items_out():
    done = judge(ProcessBench(), ITEMS, Grader())
    assert {key for one in done for key in one.usage} == {("reward", "score")}
    assert sum(one.usage["reward", "score"].calls for one in done) == 4
    short = judge(ProcessBench(), ITEMS, Grader(), budget=Budget(calls=2))
    assert [one.ended for one in short] == ["done", "done"]
    short = judge(ProcessBench(), ITEMS, Grader(), budget=Budget(calls=1))
    assert [one.ended for one in short] == ["budget", "budget"]


def test_what_was_scored_is_not_asked_again(tmp_path):
    with Store(tmp_path / "run.db") as store:
        first = Grader()
        judge(ProcessBench(), ITEMS[:1], first, store=store)
        second = Grader()
        done = judge(ProcessBench(), ITEMS, second, store=store)
        assert [one.question for one in second.asked] == ["What?", "What?"]
        assert judged_of(ITEMS, done)[0].steps == ((0.3, 0.3), (0.5,))
        longer = [Item("a", "g", "Which?", (Answer(("one", "two", "six")),))]
        third = Grader()  # another answer under the same id is another item
        judge(ProcessBench(), longer, third, store=store)
        assert len(third.asked) == 1


def test_a_wrong_number_of_scores_is_an_error():
    class Short(Plain):
        async def score(self, paths):
            return [0.5]

    class ShortSteps(Plain):
        async def steps(self, paths):
            return [[0.5] for _ in paths]

    assert "expected 2 scores, got 1" in judge(RecordedPool(), ITEMS, Short())[0].error
    assert "expected 3 scores, got 1" in judge(ProcessBench(), ITEMS, Short())[0].error
    assert (
        r"each of [2, 1] steps, got [1, 1]" in judge(ProcessBench(), ITEMS, ShortSteps())[0].error
    )


def test_a_score_that_is_none_is_an_error():
    class Lost(Plain):
        async def score(self, paths):
            return [float("nan")] * len(paths)

    class Logits(Plain):
        async def steps(self, paths):
            return [[2.5] * path.depth for path in paths]

    assert "expected finite scores, got [nan" in judge(RecordedPool(), ITEMS, Lost())[0].error
    assert "expected finite scores, got [nan" in judge(ProcessBench(), ITEMS, Lost())[0].error
    error = judge(ProcessBench(), ITEMS, Logits())[0].error
    assert "expected scores of steps in [0, 1], got [2.5, 2.5]: put a sigmoid" in error


def test_a_benchmark_proposes_nothing():
    with pytest.raises(InputError, match="no policy to ask"):
        asyncio.run(NoPolicy().extend([], 1))
    assert Scoring().select([], None) is None


def test_equal_items_have_equal_fingerprints():
    assert fingerprint(ITEMS) == fingerprint(list(ITEMS))
    assert fingerprint(ITEMS) != fingerprint(ITEMS[:1])
    other = Item("a", "g", "Which?", (Answer(("one", "too")), Answer(("three",))))
    assert fingerprint([other, ITEMS[1]]) != fingerprint(ITEMS)


# ------------------------------------------------------------------------------ recorded


def write(path, rows):
    path.write_text("".join([json.dumps(row) + "\n" for row in rows]), "utf-8")
    return path


def test_recorded_scores_are_read_back(tmp_path):
    judged = judged_of(ITEMS, judge(ProcessBench(), ITEMS, Grader()))
    file = write(tmp_path / "scores.jsonl", dump_judged(judged))
    assert read_judged(ProcessBench(), lambda: ITEMS, file) == judged
    judged = [Judged(item, tuple([0.5 for _ in item.answers])) for item in ITEMS]
    file = write(tmp_path / "scores.jsonl", dump_judged(judged))
    assert read_judged(RecordedPool(), lambda: ITEMS, file) == judged
    with pytest.raises(InputError, match=r"expected scores of \[2, 1\] steps, got \[\]"):
        read_judged(ProcessBench(), lambda: ITEMS, file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "z"}, r"scores\.jsonl:1: expected the id of an item, each once, got 'z'"),
        ({"id": "b", "scores": [0.5] * 3}, r"scores\.jsonl:2: expected the id of .*, got 'b'"),
        ({"scores": [0.5]}, "expected 2 scores, one for each answer"),
        ({"scores": [0.5, "x"]}, "expected a list of numbers as 'scores'"),
        ({"scores": []}, "expected a list of numbers as 'scores'"),
    ],
)
def test_recorded_scores_that_do_not_fit_are_refused(tmp_path, change, message):
    rows = [
        {"id": "a", "scores": [0.5, 0.5], "steps": []} | change,
        {"id": "b", "scores": [0.5, 0.5, 0.5], "steps": []},
    ]
    with pytest.raises(InputError, match=message):
        read_judged(RecordedPool(), lambda: ITEMS, write(tmp_path / "scores.jsonl", rows))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([[0.5], [0.5]], r"expected scores of \[2, 1\] steps"),
        ([[0.5, 0.5], [2.5]], r"expected scores of steps in \[0, 1\]: put a sigmoid"),
        (3, "expected a list of lists"),
    ],
)
def test_recorded_scores_of_steps_that_do_not_fit_are_refused(tmp_path, steps, message):
    file = write(tmp_path / "s.jsonl", [{"id": "a", "scores": [0.5, 0.5], "steps": steps}])
    with pytest.raises(InputError, match=message):
        read_judged(ProcessBench(), lambda: ITEMS, file)


def test_a_file_need_not_have_all_items_but_rows_of_the_form(tmp_path):
    file = write(tmp_path / "s.jsonl", [{"id": "a", "scores": [0.5, 0.5], "steps": []}])
    [one] = read_judged(RecordedPool(), lambda: ITEMS, file)
    assert (one.item, one.scores, one.steps) == (ITEMS[0], (0.5, 0.5), ())
    with pytest.raises(InputError, match="expected rows with id, scores and steps"):
        read_judged(ProcessBench(), lambda: ITEMS, write(tmp_path / "t.jsonl", [{"x": 1}]))
