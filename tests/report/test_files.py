import json
import os

import pytest

from specreward.report import files
from specreward.report.files import as_json, as_lines, write_whole


def test_a_file_is_replaced_whole_and_nothing_is_left_over(tmp_path):
    file = tmp_path / "a.txt"
    write_whole(file, "one\n")
    write_whole(file, "two\n")
    assert file.read_text() == "two\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    write_whole(file, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, "new")
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_json_has_no_nan():
    assert json.loads(as_json({"a": [1, "ü"]})) == {"a": [1, "ü"]}
    assert as_lines([{"a": 1}, {"a": 2}]) == '{"a": 1}\n{"a": 2}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"a": float("nan")})
