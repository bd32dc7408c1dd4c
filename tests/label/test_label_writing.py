"""Files that are there whole or not at all, kinds turned, and pairs."""

import json
import math
import re

import pytest

from specreward.errors import InputError, StoreError
from specreward.label.formats import OmegaFormat, OwnFormat, ProcessBenchFormat, StepwiseFormat
from specreward.label.kinds import as_kind
from specreward.label.labelled import Labelled
from specreward.label.pairs import Pair, outcome_pairs, sibling_pairs
from specreward.label.reading import Rejected, read_labelled
from specreward.label.writing import rejected_name, rows_of, set_aside, write_labelled
from specreward.types import Problem


def labelled(steps, labels, kind="prefix", name="p", outcome=None, **source):
    return Labelled(
        problem=Problem(name, f"{name}?"),
        steps=tuple(steps),
        labels=tuple(labels),
        kind=kind,
        outcome=outcome,
        source=source,
    )


DATA = [labelled("ab", (1, 0), name=str(at)) for at in range(3)]


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.jsonl.gz", "x.json.gz"])
def test_what_is_written_is_read(tmp_path, name):
    assert write_labelled(tmp_path / name, DATA) == 3
    assert list(read_labelled(tmp_path / name)) == DATA
    first = (tmp_path / name).read_bytes()
    write_labelled(tmp_path / name, DATA)
    assert (tmp_path / name).read_bytes() == first
    if name == "x.json":
        assert len(json.loads((tmp_path / name).read_text())) == 3
        write_labelled(tmp_path / name, [])
        assert json.loads((tmp_path / name).read_text()) == []


def interrupted():
    yield DATA[0]
    raise KeyboardInterrupt


def test_a_file_is_whole_or_as_it_was(tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text("before")
    bad = [*DATA, labelled("ab", (None, 1))]
    with pytest.raises(InputError, match="got none for step 0"):
        write_labelled(file, bad, ProcessBenchFormat())
    with pytest.raises(InputError, match="labels of kind prefix as of problem '0', got step"):
        write_labelled(file, [*DATA, labelled("a", (1,), "step")])
    with pytest.raises(KeyboardInterrupt):
        write_labelled(file, interrupted())
    assert [one.name for one in tmp_path.iterdir()] == ["x.jsonl"]
    assert file.read_text() == "before"
    with pytest.raises(StoreError, match="expected a file that can be written"):
        write_labelled(tmp_path / "none" / "x.jsonl", DATA)


def test_half_a_character_is_kept(tmp_path):
    one = labelled(["\ud800"], (1,))
    write_labelled(tmp_path / "x.jsonl", [one])
    assert list(read_labelled(tmp_path / "x.jsonl")) == [one]


def test_what_a_format_cannot_hold_is_handed_over(tmp_path):
    refused = []
    soft = labelled("ab", (0.5, 1), place="in.jsonl:12")
    rows = list(rows_of([DATA[0], soft, labelled("a", (0.5,))], StepwiseFormat(), refused.append))
    assert len(rows) == 1
    assert [(bad.file, bad.line) for bad in refused] == [("in.jsonl", 12), ("p", 0)]
    assert json.loads(refused[0].raw)["labels"] == [0.5, 1]


def test_solutions_that_stand_together_are_joined():
    data = [labelled(one, (1,), "value", name) for one, name in ("ax", "bx", "cy", "dx")]
    rows = list(rows_of(data, OmegaFormat()))
    assert [row["question_id"] for row in rows] == ["x", "y", "x"]
    assert [len(row["reasoning_steps"]["children"]) for row in rows] == [2, 1, 1]


def fail_after(bad, place):
    with set_aside(place) as keep:
        keep(bad)
        raise ZeroDivisionError


def test_bad_records_are_kept_also_when_the_work_fails(tmp_path):
    place = rejected_name(tmp_path / "out.jsonl.gz")
    assert place == tmp_path / "out.rejected.jsonl"
    with pytest.raises(ZeroDivisionError):
        fail_after(Rejected("in", 3, "expected x", "raw \ud800"), place)
    assert json.loads(place.read_text()) == {
        "file": "in", "line": 3, "reason": "expected x", "raw": "raw \ud800",
    }  # fmt: skip
    with set_aside(place):
        pass
    assert not place.exists()


@pytest.mark.parametrize(
    ("kind", "labels", "to", "turned"),
    [
        ("step", (1, 0, 1), "prefix", (1, 0, 0)),
        ("step", (1, 0.5, 0.75), "prefix", (1, 0.5, 0.5)),
        ("step", (1, None, 1), "prefix", (1, None, None)),
        ("step", (1, None, 0, 1), "prefix", (1, None, 0, 0)),
        ("step", (0, None), "prefix", (0, 0)),
        ("prefix", (1, 0, 0), "step", (1, 0, None)),
        ("prefix", (1, 1), "step", (1, 1)),
        ("prefix", (None, 0, 0), "step", (None, None, None)),  # it may have been the first
        ("prefix", (None, 1, 0), "step", (None, 1, 0)),
        ("prefix", (1, 0, 1), "prefix", (1, 0, 1)),
        ("value", (0.2,), "value", (0.2,)),
    ],
)
def test_kinds_are_turned_where_the_one_tells_the_other(kind, labels, to, turned):
    found = as_kind(labelled("abcd"[: len(labels)], labels, kind), to)
    assert (found.labels, found.kind) == (turned, to)


def test_what_not_even_json_holds_is_set_aside_and_the_others_go_on():
    refused = []
    odd = Labelled(
        problem=Problem("odd", "?", meta={"x": math.nan}), steps=("a",), labels=(1,), kind="prefix"
    )
    found = list(rows_of([DATA[0], odd, DATA[1]], OwnFormat(), refused.append))
    assert [row["id"] for row in found] == ["0", "1"]
    [bad] = refused
    assert "expected meta and source of numbers" in bad.reason
    assert "steps=('a',)" in bad.raw


@pytest.mark.parametrize(("kind", "to"), [("value", "step"), ("prefix", "value")])
def test_values_are_neither(kind, to):
    with pytest.raises(InputError, match="values do not become labels of steps"):
        as_kind(labelled("a", (1,), kind), to)
    with pytest.raises(InputError, match="expected one of step, prefix, value, got 'x'"):
        as_kind(labelled("a", (1,)), "x")


def pairs(found):
    return [(one.prefix, one.chosen, one.rejected, round(one.margin, 6)) for one in found]


def test_siblings_are_compared_after_the_same_beginning_only():
    data = [
        labelled("ab", (0.5, 0.9), "value"),
        labelled("ac", (None, 0.3), "value"),
        labelled("ac", (None, 0.5), "value"),  # again: the mean, 0.4
        labelled("db", (0.75, 0.1), "value"),  # b after d is no sibling of b after a
        labelled("ab", (0.1, 0.2), "value", "other"),
    ]
    expected = [((), ("d",), ("a",), 0.25), (("a",), ("b",), ("c",), 0.5)]
    assert pairs(sibling_pairs(data)) == expected
    assert pairs(sibling_pairs(data, 0.25)) == expected
    assert pairs(sibling_pairs(data, 0.3)) == expected[1:]
    assert pairs(sibling_pairs([labelled("a", (1,)), labelled("b", (1,))])) == []
    with pytest.raises(InputError, match="prefix and value"):
        list(sibling_pairs([data[0], labelled("a", (1,))]))
    with pytest.raises(InputError, match="margin"):
        list(sibling_pairs(data, -1))


def test_solutions_are_compared_by_their_outcomes():
    data = [
        labelled("ab", (1, 1), outcome=1.0),
        labelled("c", (0,), outcome=0.25),
        labelled("d", (0,)),
        labelled("e", (0,), outcome=0.0, name="other"),
    ]
    assert pairs(outcome_pairs(data, 0.5)) == [((), ("a", "b"), ("c",), 0.75)]
    assert pairs(outcome_pairs(data, 0.8)) == []


@pytest.mark.parametrize(
    ("chosen", "rejected", "margin", "why"),
    [
        ((), ("a",), 0, "two ways"),
        (("a",), ("a",), 0, "two ways"),
        (("a",), ("b",), -1, "margin: expected a finite number of at least 0, got -1"),
        (("a",), ("b",), float("nan"), "margin"),
    ],
)
def test_what_is_no_pair(chosen, rejected, margin, why):
    with pytest.raises(InputError, match=re.escape(why)):
        Pair(problem=Problem("p", "q"), prefix=(), chosen=chosen, rejected=rejected, margin=margin)
