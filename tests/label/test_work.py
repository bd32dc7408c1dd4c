"""Many problems under one labeller: order, failures, budgets, concurrency, the journal."""

import asyncio
import json
import math
from dataclasses import replace

import pytest

from specreward.assemble import Engines, wire
from specreward.errors import InputError
from specreward.label.labelled import dump_labelled
from specreward.label.monte_carlo import MonteCarlo
from specreward.label.solutions import Pile, Samples
from specreward.label.summary import different_rows, label_summary
from specreward.label.work import label_piles
from specreward.ledger import Budget
from specreward.store import Store
from specreward.testing import ToyLanguageModel, ToyTask
from specreward.types import Candidate, Path, Problem, Result, Step, Usage

TASK = ToyTask()
PROBLEMS = TASK.generate(9, "tune", seed=0)


def drawn(problems=PROBLEMS, n=3):
    found = tuple([Result(problem, None) for problem in problems])
    return Pile(origin="drawn", found=found, samples=Samples(n=n, temperature=0.9))


class Counting:
    """The toy language model, counted."""

    def __init__(self):
        self.lm = ToyLanguageModel(task=TASK)
        self.prompts = 0
        self.refuse = None

    name = "toy"
    parameters = 7

    async def complete(self, prompts, seeds, sampling):
        await asyncio.sleep(0)
        if self.refuse and any(self.refuse in prompt for prompt in prompts):
            raise RuntimeError("the server is down")
        self.prompts += len(prompts)
        return await self.lm.complete(prompts, seeds, sampling)


def labels(done):
    return [dump_labelled(row) for one in done for row in one.rows]


def work(store=None, engine=None, piles=None, **more):
    models = wire(TASK, Engines(policy=engine or Counting()), store=store)
    return label_piles(MonteCarlo(k=3), piles or [drawn()], models, **more)


def test_half_a_character_stops_nothing(tmp_path):
    path = Path(PROBLEMS[0], (Step("a"), Step("\ud800", final=True)))
    found = Result(PROBLEMS[0], None, candidates=(Candidate(path, math.nan),))
    journal = tmp_path / "journal.jsonl"
    [done] = work(piles=[Pile(origin="file", found=(found,))], journal=journal)
    assert done.rows[0].steps == ("a", "\ud800")
    [again] = work(piles=[Pile(origin="file", found=(found,))], journal=journal)
    assert again.rows == done.rows


def test_the_order_is_that_of_the_problems_at_any_concurrency():
    one, many = work(concurrency=1), work(concurrency=50)
    assert [item.problem for item in one] == PROBLEMS
    assert labels(one) == labels(many)
    assert [item.counts for item in one] == [item.counts for item in many]
    for item in one:
        usage = item.usage["policy", "propose"]
        assert item.ended == "done"
        assert usage.calls > item.counts["rollouts"]
        assert 0 < item.solutions == len(item.rows) <= 3


def test_sources_say_where_labels_come_from():
    [first, *_] = work(about={"seed": 4, "models": ["toy"]})[0].rows
    assert first.source["solutions"] == "drawn"
    assert first.source["seed"] == 4
    assert first.source["models"] == ["toy"]
    assert first.source["labeller"] == "monte_carlo(k=3)"


def test_a_problem_that_fails_is_set_aside_and_the_others_go_on():
    engine = Counting()
    engine.refuse = PROBLEMS[2].question
    done = work(engine=engine)
    assert [one.ended for one in done] == ["done"] * 2 + ["failed"] + ["done"] * 6
    assert "the server is down" in done[2].reason
    assert PROBLEMS[2].id in done[2].reason
    assert done[2].rows == ()
    assert labels([one for one in done if one.reason is None]) == labels(
        [one for one in work() if one.problem != PROBLEMS[2]]
    )


def test_a_budget_is_for_each_problem_and_never_passed():
    full = work()
    cap = sorted([sum(one.usage.values(), Usage()).calls for one in full])[4]
    done = work(budget=Budget(calls=cap))
    assert {one.ended for one in done} == {"done", "budget"}
    for one, without in zip(done, full, strict=True):
        assert sum(one.usage.values(), Usage()).calls <= cap
        if one.ended == "done":
            assert labels([one]) == labels([without])
        else:
            assert one.rows == ()
            assert "give a larger --budget" in one.reason


def test_what_was_paid_for_is_not_paid_again(tmp_path):
    engine = Counting()
    with Store(tmp_path / "run.db") as store:
        first = work(store, engine)
        asked = engine.prompts
        again = work(store, engine)
        assert engine.prompts == asked
        assert all(calls == paid for calls, paid in store.paid().values())
    assert labels(again) == labels(first)
    assert [one.usage for one in again] == [one.usage for one in first]


def test_the_journal_keeps_what_is_done(tmp_path):
    journal, engine = tmp_path / "journal.jsonl", Counting()
    engine.refuse = PROBLEMS[2].question
    first = work(engine=engine, journal=journal)
    assert len(journal.read_text().splitlines()) == 8
    asked, engine.refuse = engine.prompts, None
    second = work(engine=engine, journal=journal)
    alone = Counting()
    [mended] = work(engine=alone, piles=[drawn([PROBLEMS[2]])])
    assert engine.prompts - asked == alone.prompts  # no store here: the rows come from the journal
    assert second[2] == mended
    assert [replace(one) for one in second if one.problem != PROBLEMS[2]] == [
        one for one in first if one.problem != PROBLEMS[2]
    ]
    assert labels(second) == labels(work())


def test_a_line_cut_short_is_done_again(tmp_path):
    journal = tmp_path / "journal.jsonl"
    whole = work(journal=journal)
    text = journal.read_text()
    journal.write_text(text[: len(text) - 40])
    engine = Counting()
    assert labels(work(engine=engine, journal=journal)) == labels(whole)
    assert engine.prompts > 0
    engine.prompts = 0
    assert labels(work(engine=engine, journal=journal)) == labels(whole)
    assert engine.prompts == 0


def test_another_file_as_journal_is_refused(tmp_path):
    journal = tmp_path / "journal.jsonl"
    journal.write_text(json.dumps({"question": "?"}) + "\n")
    with pytest.raises(InputError, match=r"journal\.jsonl:1: expected a line of this journal"):
        work(journal=journal)


def test_piles_of_several_places_keep_their_problems_apart():
    path = Path(PROBLEMS[0], (Step("a"), Step("b")))
    one = Pile(origin="one", found=(Result(PROBLEMS[0], None, candidates=(Candidate(path, 0.0),)),))
    other = replace(one, origin="other", outcomes={path.key: 1.0})
    done = work(piles=[one, other])
    assert [item.origin for item in done] == ["one", "other"]
    assert [row.outcome for item in done for row in item.rows] == [None, 1.0]
    assert done[0].rows[0].labels == done[1].rows[0].labels


class Busy:
    """A labeller that knows how many of it are at work."""

    def __init__(self):
        self.now, self.most = 0, 0

    async def __call__(self, found, models):
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1
        return []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_more_problems_than_asked_for_are_at_work(concurrency):
    busy = Busy()
    models = wire(TASK, Engines(policy=Counting()))
    seen = []
    label_piles(busy, [drawn()], models, concurrency=concurrency, on_done=seen.append)
    assert busy.most == concurrency
    assert {one.problem.id for one in seen} == {problem.id for problem in PROBLEMS}


class Fixed:
    """A labeller with a need."""

    def __init__(self, rows=(), missing=False):
        self.rows = rows
        self.missing = missing

    def check(self, models):
        if self.missing:
            raise InputError("expected something else")

    async def __call__(self, found, models):
        return [row for row in self.rows if row.problem == found.problem]


def test_what_a_labeller_misses_is_said_before_anything_is_drawn():
    engine = Counting()
    models = wire(TASK, Engines(policy=engine))
    with pytest.raises(InputError, match="expected something else"):
        label_piles(Fixed(missing=True), [drawn()], models)
    assert engine.prompts == 0


def test_the_summary_counts():
    done = work()
    rows = different_rows(done)
    found = label_summary(done, rows, {("policy", "verify"): Usage(calls=1, prompt_tokens=10)})
    every = [label for row in rows for label in row.labels]
    assert found["labels"] == len(every) == found["steps"]
    assert found["mean"] == pytest.approx(math.fsum(every) / len(every))
    assert found["share_good"] == sum(label >= 0.5 for label in every) / len(every)
    assert sum(found["histogram"]) == len(every)
    assert found["histogram"][-1] == sum(label >= 0.9 for label in every)
    rollouts = sum(one.counts["rollouts"] for one in done)
    assert found["rollouts_per_label"] == rollouts / len(every)
    assert set(found["usage"]["policy"]) == {"propose", "verify"}
    spent = sum([sum(one.usage.values(), Usage()).tokens for one in done])
    assert found["tokens"] == spent + 10
    assert found["solutions_given"] == len(rows)
    assert found["kind"] == "value"
    assert sum(found["outcomes"].values()) == found["solutions"] == len(rows)
    empty = label_summary([], [], {})
    assert (empty["share_good"], empty["rollouts_per_label"], empty["kind"]) == (None, None, None)


def test_equal_rows_are_one_and_kinds_are_never_mixed():
    done = work()
    assert different_rows([*done, *done]) == different_rows(done)
    row = done[0].rows[0]
    mixed = [*done, replace(done[0], rows=(replace(row, kind="step"),))]
    with pytest.raises(InputError, match="labels of one kind from a labeller, got step and value"):
        different_rows(mixed)


def test_problems_with_one_id_are_refused():
    with pytest.raises(InputError, match="different ids"):
        work(piles=[drawn([Problem("a", "x"), Problem("a", "y")])])
