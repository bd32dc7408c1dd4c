"""Rows of benchmark files, where they are found, and what is refused."""

import json

import pytest

from specreward.bench.files import Row, files_of, located, read_file, read_files
from specreward.errors import InputError
from specreward.tasks import hub


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_json_lines_say_their_line(tmp_path):
    file = write(tmp_path / "a.jsonl", '{"x": 1}\n\n{"x": "a\u2028b"}\n')
    rows = list(read_file(file))
    assert [row.where for row in rows] == [f"{file}:1", f"{file}:3"]
    assert [row.text("x") for row in rows] == ["1", "a\u2028b"]


@pytest.mark.parametrize(
    "value", [[{"x": 1}, {"x": 2}], {"a": {"x": 1}, "b": {"x": 2}}, {"a": [{"x": 1}, {"x": 2}]}]
)
def test_a_json_document_is_a_list_or_objects_by_name(tmp_path, value):
    file = write(tmp_path / "a.json", json.dumps(value))
    assert [row.whole("x", 0, 9) for row in read_file(file)] == [1, 2]


def test_a_table(tmp_path):
    file = write(tmp_path / "a.csv", 'x,y\n1,"two\nlines"\n2,z\n')
    rows = list(read_file(file))
    assert [row.text("y") for row in rows] == ["two\nlines", "z"]
    assert rows[1].where == f"{file}:4"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"x": 1}\n{"x": ', r"a\.jsonl:2: expected JSON"),
        ("a.jsonl", "[1]", r"a\.jsonl:1: expected an object, got \[1\]"),
        ("a.json", "[1]", r"a\.json:entry 1: expected an object"),
        ("a.json", "3", r"a\.json: expected a list of objects"),
        ("a.csv", "x,y\n1\n", r"a\.csv:2: expected 2 cells"),
        ("a.csv", 'x\n"1\n', r"a\.csv:1: expected CSV"),
        ("a.parquet", "x", r"expected a file of \.jsonl, \.json, \.csv"),
    ],
)
def test_what_is_no_row_is_refused_with_its_place(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        list(read_file(write(tmp_path / name, text)))


def test_text_that_is_no_utf8_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="expected text in UTF-8"):
        list(read_file(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda row: row.text("no"), "expected a field 'no'"),
        (lambda row: row.text("list"), "expected text as 'list'"),
        (lambda row: row.text("flag"), "expected text as 'flag'"),
        (lambda row: row.texts("text"), "expected a list of texts"),
        (lambda row: row.texts("none"), "expected a list of texts"),
        (lambda row: row.texts("list"), "expected texts in 'list'"),
        (lambda row: row.whole("number", 0, 9), "expected an integer from 0 to 9"),
        (lambda row: row.whole("seven", 0, 6), "expected an integer from 0 to 6"),
        (lambda row: row.whole("flag", 0, 6), "expected an integer"),
        (lambda row: row.number("text"), "expected a number"),
        (lambda row: row.number("flag"), "expected a number"),
        (lambda row: row.number("nan"), "expected a number"),
        (lambda row: row.number("huge"), "expected a number"),
        (lambda row: row.numbers("none"), "expected a list of numbers"),
        (lambda row: row.numbers("number"), "expected a list of numbers"),
        (lambda row: row.flag("seven"), "expected true or false"),
        (lambda row: row.choice("flag", 1, 2), "expected one of 1, 2"),
    ],
)
def test_a_field_of_another_type_is_refused(tmp_path, ask, message):
    fields = {
        "text": "a",
        "seven": 7,
        "number": 0.5,
        "flag": True,
        "none": [],
        "list": ["a", 1],
        "nan": float("nan"),
        "huge": 10**400,
    }
    with pytest.raises(InputError, match=f"^here:1: {message}"):
        ask(Row(fields, "here:1", tmp_path))


def test_fields(tmp_path):
    row = Row({"a": "7", "b": ["x"], "c": 2, "d": [1, 0.5], "e": False}, "here:1", tmp_path)
    assert row.whole("a", 0, 9) == 7
    assert row.texts("b") == ("x",)
    assert (row.number("c"), row.numbers("d")) == (2.0, (1.0, 0.5))
    assert row.flag("e") is False
    assert row.choice("c", 1, 2) == 2
    assert row.has("a", "e")
    assert not row.has("a", "z")


def test_files_are_found_at_any_depth_in_order(tmp_path):
    b, a = write(tmp_path / "y/b.json", "[]"), write(tmp_path / "x/y/a.json", "[]")
    write(tmp_path / "LICENSE.txt", "")
    assert files_of(tmp_path) == [a, b]
    assert files_of(tmp_path, "b.*") == [b]
    assert files_of(tmp_path / "LICENSE.txt") == [tmp_path / "LICENSE.txt"]
    assert list(read_files(tmp_path)) == []
    with pytest.raises(InputError, match=r"expected \*\.csv in the folder, got none"):
        files_of(tmp_path, "*.csv")
    with pytest.raises(InputError, match="nothing is there"):
        files_of(tmp_path / "none")


def test_where_a_benchmark_lies(tmp_path):
    file = write(tmp_path / "data/mine/a.jsonl", '{"x": 1}\n')
    with located(str(file), "mine", None) as place:
        assert place == file
    with located(None, "mine", tmp_path / "data") as place:
        assert place == file.parent
    for data in (None, tmp_path):
        wanted = "give a file, a folder or a name on the hub"
        with pytest.raises(InputError, match=wanted), located(None, "mine", data):
            pass
    with pytest.raises(InputError, match="nothing is there"), located("no.jsonl", "mine", None):
        pass


def test_a_name_on_the_hub_becomes_files_for_as_long_as_they_are_read(monkeypatch):
    asked = []

    def rows(name):
        asked.append(name)
        return {"test": [{"x": "ä"}], "extra": [{"x": "b"}]}

    monkeypatch.setattr(hub, "rows", rows)
    with located("owner/set:main", "mine", None) as place:
        assert [row.text("x") for row in read_files(place)] == ["b", "ä"]
        assert sorted(file.name for file in place.iterdir()) == ["extra.jsonl", "test.jsonl"]
    assert asked == ["owner/set:main"]
    assert not place.exists()


def test_a_cell_may_hold_any_sign_that_ends_lines_elsewhere(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\none\u2028two,3\n", "utf-8")
    [row] = read_file(tmp_path / "a.csv")
    assert row.fields == {"a": "one\u2028two", "b": "3"}
