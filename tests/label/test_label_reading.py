"""Files of records: lines and lists, good and bad, in memory that does not grow."""

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreward.errors import InputError
from specreward.label import reading
from specreward.label.formats import OwnFormat, ProcessBenchFormat, StepwiseFormat
from specreward.label.labelled import Labelled, dump_labelled
from specreward.label.reading import format_of, read_labelled, read_records
from specreward.types import Problem


def labelled(name, kind="step"):
    return Labelled(
        problem=Problem(name, f"{name}?"), steps=("a", "b"), labels=(1.0, 0.0), kind=kind
    )


def line(name, kind="step"):
    return dump_labelled(labelled(name, kind))


def written(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


GOOD = [line("one"), line("two"), line("three")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lines.jsonl", "\n".join(GOOD) + "\n"),
        ("no_end.jsonl", "\n\n".join(GOOD)),
        ("windows.jsonl", "\ufeff" + "\r\n".join(GOOD)),
        ("list.json", "[\n" + ",\n".join(GOOD) + "\n]\n"),
        ("tight.json", "[" + ",".join(GOOD) + "]"),
        ("pretty.json", "\n " + json.dumps([json.loads(one) for one in GOOD], indent=4)),
        ("packed.bin", gzip.compress("\n".join(GOOD).encode())),
        ("packed.json.gz", gzip.compress(("[" + ",".join(GOOD) + "]").encode())),
    ],
)
def test_lines_and_lists_plain_and_packed(tmp_path, name, text):
    found = list(read_labelled(written(tmp_path / name, text)))
    assert [one.problem.id for one in found] == ["one", "two", "three"]


def test_a_bad_record_is_set_aside_with_line_and_reason(tmp_path):
    lines = [
        GOOD[0],
        "{not json",
        b"\xff\xfe".decode("latin-1"),
        "[1]",
        "",
        json.dumps(json.loads(GOOD[1]) | {"labels": [2.0, 1.0]}),
        json.dumps(json.loads(GOOD[1]) | {"labels": [1.0]}),
        json.dumps(json.loads(GOOD[1]) | {"steps": [], "labels": []}),
        "[" * 100_000,
        GOOD[2],
    ]
    file = written(tmp_path / "in.jsonl", "\n".join(lines).encode("latin-1"))
    refused = []
    found = list(read_labelled(file, OwnFormat(), refused.append))
    assert [one.problem.id for one in found] == ["one", "three"]
    assert [bad.line for bad in refused] == [2, 3, 4, 6, 7, 8, 9]
    assert refused[0].raw == "{not json"
    assert str(refused[0]).startswith(f"{file}:2: expected a JSON object, got no JSON:")
    assert "expected UTF-8, got byte 0xff" in refused[1].reason
    assert "expected a label from 0 to 1" in refused[3].reason
    assert "expected a label or null for each of 2 steps, got 1" in refused[4].reason
    assert "at least one step" in refused[5].reason
    with pytest.raises(InputError, match=r"in\.jsonl:2: expected a JSON object"):
        list(read_labelled(file, OwnFormat()))


def test_a_bad_element_of_a_list_is_set_aside_and_the_next_are_found(tmp_path):
    text = '[\n{"a": ]},\n' + GOOD[0] + ',\n\n{"b": "x, ] } \\" [ {" "c"},,7,\n' + GOOD[1] + "]"
    refused = []
    found = list(read_labelled(written(tmp_path / "in.json", text), OwnFormat(), refused.append))
    assert [one.problem.id for one in found] == ["one", "two"]
    assert [bad.line for bad in refused] == [2, 5, 5, 5]
    assert refused[1].raw == '{"b": "x, ] } \\" [ {" "c"}'
    assert "nothing before a comma" in refused[2].reason


@pytest.mark.parametrize("end", ["", ', {"a": "', ', {"a": [1'])
def test_a_list_without_an_end_is_an_error_after_what_was_good(tmp_path, end):
    file = written(tmp_path / "in.json", "[" + ",".join(GOOD) + end)
    rows = read_records(file)
    assert [next(rows).line for _ in range(2)] == [1, 1]
    with pytest.raises(InputError, match="expected the end of the list, got that of"):
        list(rows)


@pytest.mark.parametrize("window", [1, 1 << 18])
def test_what_stands_behind_a_list_is_not_left_out_in_silence(tmp_path, monkeypatch, window):
    monkeypatch.setattr(reading, "_WINDOW", window)
    one = "[" + ",".join(GOOD) + "]"
    assert len(list(read_records(written(tmp_path / "one.json", one + " \n\n ")))) == 3
    rows = read_records(written(tmp_path / "two.json", f"{one}\n\n{one}"))
    assert len([next(rows) for _ in range(3)]) == 3
    with pytest.raises(
        InputError, match=r"two\.json:3: expected nothing after the end of the list"
    ):
        next(rows)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("meta", [1], "meta: expected an object"),
        ("source", "x", "source: expected an object"),
        ("id", ["a"], "id: expected a text"),
        ("answer", {"a": 1}, "answer: expected a text"),
        ("labels", [10**400, 1], "labels: expected numbers or null"),
        ("outcome", True, "outcome: expected numbers or null"),
    ],
)
def test_a_field_of_another_type_is_refused(tmp_path, field, value, why):
    row = json.dumps(json.loads(GOOD[0]) | {field: value})
    refused = []
    file = written(tmp_path / "in.jsonl", f"{row}\n{GOOD[1]}\n")
    assert len(list(read_labelled(file, OwnFormat(), refused.append))) == 1
    assert refused[0].reason.startswith(why)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


ROWS = st.dictionaries(st.text(), VALUES, max_size=3)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=6), ascii=st.booleans()
)
def test_elements_are_found_whatever_the_window(tmp_path_factory, rows, ascii):
    file = tmp_path_factory.mktemp("w") / "in.json"
    file.write_text(json.dumps(rows, ensure_ascii=ascii, indent=1), "utf-8")
    saved = reading._WINDOW
    try:
        for window in (1, 7, 1 << 18):
            reading._WINDOW = window
            assert [record.row for record in read_records(file)] == rows
    finally:
        reading._WINDOW = saved


def test_kinds_are_not_mixed(tmp_path):
    file = written(tmp_path / "in.jsonl", "\n".join([GOOD[0], GOOD[1], line("x", "value")]))
    with pytest.raises(InputError, match=r":3: expected labels of kind step as in line 1, got val"):
        list(read_labelled(file))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected records, got an empty file"),
        (" \n", "expected records, got an empty file"),
        ("[]", "expected records, got none"),
        ("nothing", "in:1: expected a JSON object"),
        ('{"text": 1}', "in:1: expected a record of one of the formats math_shepherd_format, "),
        (gzip.compress(GOOD[0].encode())[:-9], "cannot be read: Compressed file ended before"),
        (b"\x1f\x8b" + b"x" * 40, "expected a file of JSON lines or a JSON list"),
    ],
)
def test_what_is_no_such_file(tmp_path, text, why):
    with pytest.raises(InputError) as caught:
        list(read_labelled(written(tmp_path / "in", text)))
    assert why in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl: expected a file of .*, got no such file$"):
        format_of(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match=r"got a folder: name a file in it$"):
        format_of(tmp_path)
    file = written(tmp_path / "in.jsonl", '{"a": 1}')
    with pytest.raises(InputError, match="expected labelled solutions, got none; the first bad"):
        list(read_labelled(file, ProcessBenchFormat(), lambda bad: None))


def test_the_format_is_told_from_the_first_record(tmp_path):
    trl = {"prompt": "q", "completions": ["a"], "labels": [True]}
    file = written(tmp_path / "in.jsonl", "broken\n" + json.dumps(trl))
    assert format_of(file) == StepwiseFormat()
    both = trl | {"problem": "q", "steps": ["a"], "label": -1}
    with pytest.raises(InputError, match="got one of processbench_format and stepwise_format"):
        format_of(written(tmp_path / "in.jsonl", json.dumps(both)))


def test_stray_objects_are_passed_over_and_set_aside(tmp_path):
    file = written(tmp_path / "in.jsonl", '{"foo": 1}\n' + GOOD[0])
    refused = []
    assert [one.problem.id for one in read_labelled(file, None, refused.append)] == ["one"]
    assert [bad.line for bad in refused] == [1]
    with pytest.raises(InputError, match=r"in\.jsonl:1: expected a record of one of the formats"):
        format_of(written(tmp_path / "in.jsonl", '{"foo": 1}\n' * 100 + GOOD[0]))


@pytest.mark.parametrize("layout", [None, OwnFormat()])
def test_steps_without_labels_are_to_be_labelled_first(tmp_path, layout):
    row = json.loads(GOOD[0])
    del row["labels"]
    file = written(tmp_path / "in.jsonl", json.dumps(row))
    with pytest.raises(InputError, match=r"in\.jsonl:1: expected labels .*: specreward label$"):
        list(read_labelled(file, layout))


def test_a_record_without_end_is_refused_before_memory_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST", 1 << 20)
    for begin in ('{"a": "', '[{"a": "', '[{"a": ['):
        file = written(tmp_path / "in", begin + "x " * (1 << 20))
        with pytest.raises(InputError, match=r"in:1: expected a record of at most"):
            list(read_records(file))


@pytest.mark.parametrize("listed", [False, True])
def test_memory_does_not_grow_with_the_file(tmp_path, listed):
    """50 MB in less than 4 MB of memory."""
    one = json.dumps(json.loads(GOOD[0]) | {"meta": {"filler": "f" * 50_000}})
    file = tmp_path / "in"
    with file.open("w") as out:
        out.write("[" if listed else "")
        for at in range(1000):
            out.write((",\n" if listed else "\n") * (at > 0) + one)
        out.write("]" if listed else "")
    assert file.stat().st_size > 50e6
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_labelled(file)) == 1000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4e6
