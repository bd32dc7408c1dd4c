"""``specreward tree --html``."""

import json
import re

import pytest

HOST, OURS = "bfs(verify=self_evaluation())", "bfs(verify=speculative())"


@pytest.fixture
def run(call, tmp_path):
    done = call(
        *("compare", "toy", "--models", "toy", "-s", HOST, "-s", OURS, "--limit", 2),
        *("-o", tmp_path / "run"),
    )
    assert done.exit_code == 0, done.stderr
    return tmp_path / "run"


def data_of(page):
    found = re.search(r'id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    return json.loads(found[1])


def test_all_problems_of_all_strategies_are_in_one_file(call, run, tmp_path):
    page = tmp_path / "out.html"
    done = call("tree", run, "--html", page)
    assert done.exit_code == 0, done.stderr
    assert re.search(r"written to .*out.html: 0.\d+ MB", done.stderr.replace("\n", ""))
    data = data_of(page)
    [file] = data["files"]
    assert (file["name"], file["task"]) == ("run", "toy")
    assert [one["strategy"] for one in file["runs"]] == [HOST, OURS]
    assert len(data["trees"]) == 4
    verdicts = {one["verdict"] for own in data["problems"].values() for one in own}
    assert verdicts <= {"right", "wrong", "none"}


def test_one_problem_and_one_strategy(call, run, tmp_path):
    page = tmp_path / "out.html"
    assert call("tree", run, "test-0-1", "-s", OURS, "--html", page).exit_code == 0
    data = data_of(page)
    assert [one["strategy"] for one in data["files"][0]["runs"]] == [OURS]
    assert [one["name"] for own in data["problems"].values() for one in own] == ["test-0-1"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give the id of a problem, or --html FILE"),
        (["test-0-9", "--html", "x.html"], "unknown problem (of 2 in this run) 'test-0-9'"),
        (
            ["--html", "no/such/folder/x.html"],
            "error: expected a file that can be written, got no/such/folder/x.html: No",
        ),
    ],
)
def test_refusals(call, run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = call("tree", run, *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "x.html").exists()
