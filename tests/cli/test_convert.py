"""``specreward convert``: what it writes, what it sets aside, and how it fails."""

import json

import pytest

from specreward.label.reading import read_labelled

ROW = {
    "id": "x",
    "generator": "g",
    "problem": "q?",
    "steps": ["a", "b"],
    "final_answer_correct": False,
    "label": 1,
}


@pytest.fixture
def source(tmp_path):
    rows = [ROW | {"id": str(at)} for at in range(3)]
    bad = [ROW | {"label": 5}, {"id": "no"}]
    file = tmp_path / "in.jsonl"
    file.write_text("".join([json.dumps(row) + "\n" for row in (*rows, *bad, ROW)]) + "{broken\n")
    return file


def test_a_file_is_converted_and_bad_records_are_kept(call, tmp_path, source):
    done = call("convert", source, tmp_path / "out.jsonl")
    assert done.exit_code == 0, done.stderr
    assert "reading processbench_format(), by its first record" in done.stderr
    found = list(read_labelled(tmp_path / "out.jsonl"))
    assert [one.problem.id for one in found] == ["0", "1", "2", "x"]
    cells = [cell.strip() for cell in done.stdout.splitlines()[3].split("│")[1:-1]]
    assert cells == ["prefix", "4", "8", "8", "50.0%", "0.500", "4", "4", "3"]
    lines = (tmp_path / "out.rejected.jsonl").read_text().splitlines()
    refused = [json.loads(line) for line in lines]
    assert [row["line"] for row in refused] == [4, 5, 7]
    assert json.loads(refused[0]["raw"])["label"] == 5
    assert f"set aside {source}:4: label: expected -1 or the place" in done.stderr
    assert "3 set aside with their reasons in" in done.stderr


def test_formats_and_kinds_are_chosen(call, tmp_path, source):
    done = call(
        *("convert", source, tmp_path / "out.jsonl", "--from", "processbench_format()"),
        *("--to", "stepwise_format(floats=True)", "--kind", "step"),
    )
    assert done.exit_code == 0, done.stderr
    row = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert (row["labels"], row["label_kind"]) == ([1.0, 0.0], "step")
    assert json.loads(row["source"])["from_kind"] == "prefix"


def test_what_the_target_cannot_hold_is_kept_too(call, tmp_path):
    source = tmp_path / "in.jsonl"
    rows = [{"prompt": "q", "completions": ["a"], "labels": [label]} for label in (True, 0.5)]
    source.write_text("\n".join([json.dumps(row) for row in rows]))
    done = call("convert", source, tmp_path / "out.jsonl", "--to", "stepwise_format")
    assert done.exit_code == 0, done.stderr
    (refused,) = (tmp_path / "out.rejected.jsonl").read_text().splitlines()
    assert "without floats=True" in json.loads(refused)["reason"]
    assert json.loads(refused)["line"] == 2


def test_what_the_target_refuses_of_own_records_names_the_file(call, tmp_path):
    source = tmp_path / "in.jsonl"
    row = {"id": "x", "question": "q", "steps": ["a"], "labels": [1], "label_kind": "step"}
    source.write_text(json.dumps(row))
    done = call("convert", source, tmp_path / "out.jsonl", "--to", "processbench_format()")
    assert done.exit_code == 2
    assert f"set aside {source}: problem 'x': processbench_format holds" in done.stderr
    (refused,) = (tmp_path / "out.rejected.jsonl").read_text().splitlines()
    assert json.loads(refused)["file"] == str(source)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--to", "omega_format()"], "omega_format holds labels of kind value, got prefix"),
        (["--to", "omega"], "unknown format 'omega': did you mean"),
        (["--kind", "value"], "values do not become labels of steps"),
        (["--kind", "soft"], "expected one of step, prefix, value"),
        (["--from", "own_format()"], "got none; the first bad record"),
        (["--to", "preference_format()"], "the solutions make none"),
    ],
)
def test_errors_are_one_line_and_leave_what_was_there(call, tmp_path, source, words, why):
    source.write_text(json.dumps(ROW))
    target = tmp_path / "out.jsonl"
    target.write_text("before")
    done = call("convert", source, target, *words)
    assert done.exit_code == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert why in line
    assert target.read_text() == "before"
    assert not list(tmp_path.glob(".*"))


def test_a_file_is_not_written_over_itself(call, source):
    kept = source.rename(source.with_name("in.rejected.jsonl"))
    before = kept.read_bytes()
    for target in (kept, source):  # what is set aside from in.jsonl goes to in.rejected.jsonl
        done = call("convert", kept, target)
        assert done.exit_code == 2
        assert "expected another file to write than to read" in done.stderr
        assert kept.read_bytes() == before
