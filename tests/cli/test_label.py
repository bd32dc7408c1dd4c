"""``specreward label``: what comes out, how it goes on, what it refuses."""

import json
import os
import signal
import subprocess
import sys

import pytest

from specreward.label import load_labelled
from specreward.store import Store

from .conftest import PLUGIN

FILES = ["command.json", "labels.jsonl", "run.db", "summary.json"]


def words(folder, *more, limit=6):
    base = ["label", "toy", "--models", "toy", "--labeller", "monte_carlo(k=3)", "--seed", 3]
    return [*base, "--limit", limit, "-o", folder, *more]


def files(folder):
    return sorted(p.name for p in folder.iterdir() if p.suffix not in (".db-shm", ".db-wal"))


def lines(folder, name="labels.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_the_folder_and_its_numbers(call, tmp_path):
    done = call(*words(tmp_path / "new" / "out"))
    assert done.exit_code == 0, done.stderr
    out = tmp_path / "new" / "out"
    assert files(out) == FILES
    rows = [load_labelled(row) for row in lines(out)]
    assert list(dict.fromkeys(row.problem.id for row in rows)) == [f"train-3-{i}" for i in range(6)]
    assert {row.kind for row in rows} == {"value"}
    found = summary(out)
    labels = [label for row in rows for label in row.labels]
    assert (found["problems"], found["solutions"], found["labels"]) == (6, len(rows), len(labels))
    rollouts = sum(row.source["rollouts"] for row in rows)
    assert found["counts"]["rollouts"] == rollouts
    assert found["rollouts_per_label"] == pytest.approx(rollouts / len(labels))
    assert found["labeller"] == "monte_carlo(k=3)"
    assert found["seconds_on_clock"] > 0
    assert set(found["usage"]) == {"policy"}
    assert rows[0].source["seed"] == 3
    assert "toy-lm" in rows[0].source["models"]
    for text in ("problems", "solutions", "steps labelled", "share good", "tokens", "rollouts per"):
        assert text in done.stdout
    assert f"{found['share_good']:.1%}" in done.stdout
    assert "\x1b" not in done.stdout


def test_concurrency_changes_nothing_and_a_seed_does(call, tmp_path):
    for name, more in (("one", ["--concurrency", 1]), ("many", ["--concurrency", 9])):
        assert call(*words(tmp_path / name, *more)).exit_code == 0
    call(*words(tmp_path / "other", "--seed", 4))
    one, many, other = (
        (tmp_path / name / "labels.jsonl").read_bytes() for name in ("one", "many", "other")
    )
    assert one == many != other


def test_samples_and_temperature_are_those_of_the_solutions(call, tmp_path):
    call(*words(tmp_path / "a", "--samples", 1, "--temperature", 0))
    greedy = lines(tmp_path / "a")
    assert len(greedy) == 6
    call(*words(tmp_path / "b", "--samples", 3, "--temperature", 0))
    assert [row["steps"] for row in lines(tmp_path / "b")] == [row["steps"] for row in greedy]
    assert {row["source"]["times"] for row in lines(tmp_path / "b")} == {3}


def test_the_same_command_again_asks_no_model(call, tmp_path, toy_plugin):
    call(*words(tmp_path))
    before = (tmp_path / "labels.jsonl").read_bytes()
    toy_plugin.FUSE["calls"] = 0
    assert call(*words(tmp_path)).exit_code == 0
    assert toy_plugin.FUSE["calls"] == 0
    assert (tmp_path / "labels.jsonl").read_bytes() == before


@pytest.mark.parametrize("after", [1, 4, 9])
def test_interrupted_it_goes_on_to_the_same_bytes(call, tmp_path, toy_plugin, after):
    call(*words(tmp_path / "whole", "--concurrency", 2))
    toy_plugin.FUSE.update(calls=0, interrupt=after)
    stopped = call(*words(tmp_path / "cut", "--concurrency", 2))
    assert stopped.exit_code == 130
    assert "state saved" in stopped.stderr
    assert "go on: specreward" in stopped.stderr
    assert "labels.jsonl" not in files(tmp_path / "cut")
    toy_plugin.FUSE["interrupt"] = None
    assert call(*words(tmp_path / "cut", "--concurrency", 5)).exit_code == 0
    whole, cut = ((tmp_path / name / "labels.jsonl").read_bytes() for name in ("whole", "cut"))
    assert whole == cut
    assert files(tmp_path / "cut") == FILES
    assert summary(tmp_path / "cut")["usage"] == summary(tmp_path / "whole")["usage"]
    with Store(tmp_path / "cut" / "run.db", write=False) as store:
        assert all(calls == paid for calls, paid in store.paid().values())


def test_rows_that_are_done_are_kept_until_all_are(call, tmp_path, toy_plugin):
    toy_plugin.FUSE.update(calls=0, interrupt=20)
    assert call(*words(tmp_path, "--concurrency", 1)).exit_code == 130
    kept = lines(tmp_path, "journal.jsonl")
    assert 0 < len(kept) < 6
    assert [one["problem"] for one in kept] == [f"train-3-{i}" for i in range(len(kept))]
    toy_plugin.FUSE["interrupt"] = None
    assert call(*words(tmp_path)).exit_code == 0
    assert files(tmp_path) == FILES


def test_killed_it_goes_on_to_the_same_bytes(call, tmp_path):
    call(*words(tmp_path / "whole", "--concurrency", 2))
    code = "from specreward.cli import main; main()"
    path = os.pathsep.join([str(PLUGIN), *filter(None, sys.path)])
    killed = subprocess.run(
        [sys.executable, "-c", code, *map(str, words(tmp_path / "cut", "--concurrency", 2))],
        env={**os.environ, "PYTHONPATH": path, "TOY_KILL_AFTER": "9"},
        capture_output=True,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    assert call(*words(tmp_path / "cut")).exit_code == 0
    whole, cut = ((tmp_path / name / "labels.jsonl").read_bytes() for name in ("whole", "cut"))
    assert whole == cut
    with Store(tmp_path / "cut" / "run.db", write=False) as store:
        assert all(calls == paid for calls, paid in store.paid().values())


def test_another_command_into_the_same_folder_is_refused(call, tmp_path):
    call(*words(tmp_path))
    for more, where in ((["--seed", 4], "seed"), (["--samples", 2], "solutions.drawn")):
        refused = call(*words(tmp_path, *more))
        assert refused.exit_code == 2
        assert f"another command ({where}" in refused.stderr


def test_a_budget_sets_problems_aside(call, tmp_path):
    done = call(*words(tmp_path, "--budget", "calls=60"))
    assert done.exit_code == 0, done.stderr
    found = summary(tmp_path)
    assert 0 < found["set_aside"] < 6
    rejected = lines(tmp_path, "labels.rejected.jsonl")
    assert len(rejected) == found["set_aside"] == found["rejected"]
    assert "give a larger --budget" in rejected[0]["reason"]
    assert json.loads(rejected[0]["raw"])["id"] not in {row["id"] for row in lines(tmp_path)}
    assert "set aside in labels.rejected.jsonl" in done.stderr
    nothing = call(*words(tmp_path / "none", "--budget", "calls=1"))
    assert nothing.exit_code == 1
    assert lines(tmp_path / "none") == []


# ---------------------------------------------------------------------------------- sources


def test_a_run_of_compare(call, tmp_path):
    search = "bfs(verify=speculative())"
    compared = ("compare", "toy", "--models", "toy", "-s", search, "-s", "self_consistency(n=4)")
    assert call(*compared, "--limit", 5, "-o", tmp_path / "run").exit_code == 0
    base = ("label", "toy", "--models", "toy", "--labeller", "monte_carlo(k=2)")
    done = call(*base, tmp_path / "run", "-s", search, "-o", tmp_path / "a")
    assert done.exit_code == 0, done.stderr
    rows = lines(tmp_path / "a")
    assert {row["source"]["solutions"] for row in rows} == {f"run.db: {search}"}
    leaves = call(
        *base, tmp_path / "run" / "run.db", "-s", search, "--leaves", "-o", tmp_path / "b"
    )
    assert leaves.exit_code == 0, leaves.stderr
    assert len(lines(tmp_path / "b")) > len(rows)
    both = call(*base, tmp_path / "run", "-n", 3, "-o", tmp_path / "c")
    assert both.exit_code == 0, both.stderr
    assert len({row["source"]["solutions"] for row in lines(tmp_path / "c")}) == 2
    assert len({row["id"] for row in lines(tmp_path / "c")}) == 3
    other = call(*base, tmp_path / "run", "-s", "dfs()", "-o", tmp_path / "d")
    assert other.exit_code == 2
    assert "expected one of its strategies" in other.stderr


def solutions(folder):
    rows = [
        {"question": "one", "solution": "a\n\nb"},
        {"question": "one", "steps": ["a", "c"], "outcome": 1},
        {"question": "two"},
        {"question": "three", "steps": ["b"]},
    ]
    file = folder / "solutions.jsonl"
    file.write_text("".join([json.dumps(row) + "\n" for row in rows]))
    return file


def test_a_file_of_solutions(call, tmp_path):
    file = solutions(tmp_path)
    base = ("label", "toy", file, "--models", "toy", "--labeller", "monte_carlo(k=2)")
    done = call(*base, "-o", tmp_path / "a")
    assert done.exit_code == 0, done.stderr
    rows = lines(tmp_path / "a")
    assert [row["steps"] for row in rows] == [["a", "b"], ["a", "c"], ["b"]]
    assert [row["outcome"] for row in rows][1] in (0, 1)
    assert rows[0]["source"]["place"] == f"{file}:1"
    assert rows[0]["source"]["solutions"].endswith("by_delimiter()")
    [bad] = lines(tmp_path / "a", "labels.rejected.jsonl")
    assert (bad["file"], bad["line"]) == (str(file), 3)
    assert f"{file}:3: expected one of the fields" in done.stderr
    few = call(*base, "--limit", 1, "--splitter", "as_given()", "-o", tmp_path / "b")
    assert few.exit_code in (0, 1), few.stderr
    assert {row["id"] for row in lines(tmp_path / "b")} == {"one"}
    assert "a\n\nb" in lines(tmp_path / "b")[0]["steps"]


def test_solutions_are_not_written_over(call, tmp_path):
    file = solutions(tmp_path).rename(tmp_path / "labels.jsonl")
    done = call("label", "toy", file, "--models", "toy", "-o", tmp_path)
    assert done.exit_code == 2
    assert "expected solutions that are not written over" in done.stderr
    assert files(tmp_path) == ["labels.jsonl"]


def test_a_run_of_another_task_is_refused(call, tmp_path):
    compared = ("compare", "toy", "--models", "toy", "-s", "cot()", "--limit", 2)
    assert call(*compared, "-o", tmp_path / "run").exit_code == 0
    done = call("label", "game24", tmp_path / "run", "-o", tmp_path / "a")
    assert done.exit_code == 2
    assert "expected problems of the task game24(), got one that it cannot read" in done.stderr


def test_without_samples_a_labeller_draws_its_own(call, tmp_path):
    done = call(*words(tmp_path / "a", "--samples", 0, "--labeller", "omega_prm(k=4)"))
    assert done.exit_code == 0, done.stderr
    found = summary(tmp_path / "a")
    assert found["solutions_given"] == 0 < found["solutions"]
    none = call(*words(tmp_path / "b", "--samples", 0))
    assert none.exit_code == 1
    assert "6 problems got no label" in none.stderr


def test_other_labellers(call, tmp_path):
    base = ("label", "game24", "--limit", 3, "--samples", 2)
    exact = call(*base, "--labeller", "exact_steps()", "-o", tmp_path / "a")
    assert exact.exit_code == 0, exact.stderr
    assert {row["label_kind"] for row in lines(tmp_path / "a")} == {"prefix"}
    agreed = call(*base, "--labeller", "athena(k=2)", "-o", tmp_path / "b")
    assert agreed.exit_code == 0, agreed.stderr
    assert {"policy", "draft"} == set(summary(tmp_path / "b")["usage"])
    judged = call(*base, "--labeller", "by_reward(kind='value')", "-o", tmp_path / "c")
    assert judged.exit_code == 0, judged.stderr
    assert set(summary(tmp_path / "c")["usage"]) == {"policy", "reward"}
    assert summary(tmp_path / "c")["rollouts_per_label"] is None
    progress = call(*base, "--labeller", "relative_progress(k=(6,4,2))", "-o", tmp_path / "d")
    assert progress.exit_code in (0, 1), progress.stderr
    assert "problems got no label" in progress.stderr


@pytest.mark.parametrize(
    ("more", "words_of_it"),
    [
        (["--labeller", "monte_carlo(k=0)"], "monte_carlo k: expected an integer of at least 1"),
        (["--labeller", "bfs()"], "labeller"),
        (["--labeller", "monte_karlo()"], "did you mean 'monte_carlo'"),
        (["--labeller", "exact_steps()"], "knows what can still be reached"),
        (["--labeller", "athena()"], "--draft"),
        (["--models", "blind", "--labeller", "by_reward()"], "--reward"),
        (["--samples", -1], "samples: expected an integer of at least 0"),
        (["--temperature", -1], "temperature: expected a finite number of at least 0"),
        (["--limit", 0], "limit: expected an integer of at least 1"),
        (["--strategy", "cot()"], "--strategy is of use only where the SOURCE is a run"),
        (["--leaves"], "--leaves is of use only where the SOURCE is a run"),
        (["--splitter", "as_given()"], "--splitter is of use only where the SOURCE is a file"),
        (["nowhere.jsonl"], "nowhere.jsonl: expected a file of solutions or a run"),
        (["nowhere.db"], "nothing is there"),
        (["nowhere.jsonl", "--samples", 2], "--samples is of use only where solutions are drawn"),
        (["nowhere.jsonl", "--split", "tune"], "--split is of use only where"),
        (["--problems", "x.jsonl", "--split", "tune"], "--split is of no use with --problems"),
    ],
)
def test_what_it_refuses_before_any_work(call, tmp_path, toy_plugin, more, words_of_it):
    done = call(*words(tmp_path / "out", *more))
    assert done.exit_code == 2
    assert words_of_it in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert toy_plugin.FUSE["calls"] == 0


def test_a_folder_that_holds_no_run(call, tmp_path):
    done = call(*words(tmp_path / "out", tmp_path))
    assert done.exit_code == 2
    assert f"got {tmp_path}: the folder holds no run" in done.stderr


def test_problems_of_a_file(call, tmp_path):
    file = tmp_path / "problems.txt"
    file.write_text("one\ntwo\nthree\n")
    done = call(*words(tmp_path / "a", "--problems", file, limit=2))
    assert done.exit_code == 0, done.stderr
    assert {row["id"] for row in lines(tmp_path / "a")} == {"one", "two"}


def test_labels_that_are_all_the_same_are_warned_of(call, tmp_path):
    file = tmp_path / "solutions.jsonl"
    file.write_text(json.dumps({"question": "4 9 10 13", "steps": ["13 - 9 = 4 (left: 4 4 10)"]}))
    done = call("label", "game24", file, "--labeller", "exact_steps()", "-o", tmp_path / "a")
    assert done.exit_code == 0, done.stderr
    assert "all labels are the same" in done.stderr
