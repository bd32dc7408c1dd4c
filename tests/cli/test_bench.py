"""``specreward bench``."""

import json

import pytest

from specreward.label import Labelled, dump_labelled
from specreward.tasks import Game24
from specreward.types import Problem

OWN = ("bench", "own_labels(game24())")
REWARD = ("--reward", "embedded_srm('game24')")


@pytest.fixture
def labels(tmp_path):
    """A file of labels of three problems."""
    rows = []
    for question, good, bad in (
        ("4 9 10 13", "13 - 9 = 4 (left: 4 4 10)", "13 * 9 = 117 (left: 4 10 117)"),
        ("1 2 3 4", "1 * 2 = 2 (left: 2 3 4)", "4 - 1 = 3 (left: 2 3 3)"),
        ("2 3 4 6", "2 * 3 = 6 (left: 4 6 6)", "6 - 3 = 3 (left: 2 3 4)"),
    ):
        problem = Problem(question, question, Game24().parse(question).answer)
        for step, label in ((good, 1.0), (bad, 0.0)):
            one = Labelled(
                problem=problem, steps=(step,), labels=(label,), kind="prefix", outcome=label
            )
            rows.append(dump_labelled(one) + "\n")
    file = tmp_path / "labels.jsonl"
    file.write_text("".join(rows))
    return file


def pool(path, n=3, scores=True):
    rows = [
        {
            "question": f"q{i}",
            "solutions": ["a", "b"],
            "right": [True, False],
            **({"scores": [0.9, 0.1 + i]} if scores else {}),
        }
        for i in range(n)
    ]
    path.write_text("".join([json.dumps(row) + "\n" for row in rows]))
    return path


def test_it_measures_a_reward_model_and_writes_whole_files(call, labels, tmp_path):
    out = tmp_path / "out"
    done = call(*OWN, labels, *REWARD, "-o", out, "--resamples", 20)
    assert done.exit_code == 0, done.stderr
    for words in ("auc", "pair accuracy", "3 items", "own 3", "reward score: "):
        assert words in done.stdout
    found = json.loads((out / "result.json").read_text())
    assert found["benchmark"] == found["settled"] == "own_labels(task=game24())"
    assert found["reward"] == "embedded_srm(task='game24')"
    assert found["models"][0].startswith("game24-srm@")
    assert (found["items"], found["left_out"], found["groups"]) == (3, 0, {"own": 3})
    auc = found["numbers"]["auc"]
    assert auc["low"] <= auc["estimate"] <= auc["high"]
    assert found["usage"]["reward score"]["calls"] > 0
    lines = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["4 9 10 13", "1 2 3 4", "2 3 4 6"]
    assert [len(line["steps"]) for line in lines] == [2, 2, 2]


def test_the_same_command_goes_on_and_another_is_refused(call, labels, tmp_path):
    out = tmp_path / "out"
    first = call(*OWN, labels, *REWARD, "-o", out, "--resamples", 20)
    before = (out / "result.json").read_text()
    again = call(*OWN, labels, *REWARD, "-o", out, "--resamples", 20, "--concurrency", 1)
    assert again.stdout == first.stdout
    assert (out / "result.json").read_text() == before
    other = call(*OWN, labels, *REWARD, "-o", out, "--resamples", 20, "--limit", 2)
    assert other.exit_code == 2
    assert "holds the results of another command" in other.stderr


def test_recorded_scores_take_the_place_of_a_model(call, labels, tmp_path):
    out, again = tmp_path / "out", tmp_path / "again"
    first = call(*OWN, labels, *REWARD, "-o", out, "--resamples", 20)
    second = call(*OWN, labels, "--scores", out / "scores.jsonl", "--resamples", 20, "-o", again)
    assert second.exit_code == 0, second.stderr
    table = first.stdout.partition("cost")[0]
    assert second.stdout == table
    files = [folder / "scores.jsonl" for folder in (out, again)]
    assert files[0].read_text() == files[1].read_text()
    files[0].write_text("".join(files[0].read_text().splitlines(keepends=True)[:2]))
    third = call(*OWN, labels, "--scores", files[0], "--resamples", 20)
    assert third.exit_code == 0
    assert "scores of 2 of 3 items" in third.stderr
    fourth = call(*OWN, labels, "--scores", files[0], "--resamples", 20, "--limit", 2)
    assert "scores of" not in fourth.stderr


def test_scores_that_stand_in_a_published_file(call, tmp_path):
    done = call("bench", "recorded_pool", "--scores", pool(tmp_path / "p.jsonl"), "--limit", 2)
    assert done.exit_code == 0, done.stderr
    assert "2 items" in done.stdout
    assert "best of 2" in done.stdout
    assert "cost" not in done.stdout


def test_data_are_found_in_the_public_folder(call, tmp_path):
    (tmp_path / "math_cot_100_bon").mkdir()
    pool(tmp_path / "math_cot_100_bon/p.jsonl")
    done = call("bench", "recorded_pool", "--data", tmp_path, *REWARD)
    assert done.exit_code == 2  # an embedded model reads no free text
    assert "no item could be scored; the first: problem p-0: InputError" in done.stderr
    assert "own_labels" in done.stderr
    listed = call("bench", "--data", tmp_path)
    assert listed.exit_code == 0
    lines = {
        line.split()[0]: line.split()[1] for line in listed.stdout.splitlines() if line.strip()
    }
    assert lines["recorded_pool"] == "here"
    assert lines["processbench"] == "–"


def test_a_threshold_that_is_found_is_said(call, tmp_path):
    rows = [
        {"id": f"gsm8k-{i}", "problem": "p", "steps": ["a", "b"], "label": i - 1} for i in range(3)
    ]
    file = tmp_path / "gsm8k.json"
    file.write_text(json.dumps(rows))
    scores = [[0.9, 0.9], [0.3, 0.9], [0.9, 0.3]]
    recorded = tmp_path / "scores.jsonl"
    recorded.write_text(
        "".join(
            [
                json.dumps({"id": f"gsm8k-{i}", "scores": [], "steps": [own]}) + "\n"
                for i, own in enumerate(scores)
            ]
        )
    )
    words = ("bench", "processbench(threshold=None)", file, "--scores", recorded)
    done = call(*words, "--resamples", 20)
    assert done.exit_code == 0, done.stderr
    assert "settled processbench(threshold=0.6)" in done.stdout
    assert "f1 without gsm8k" in done.stdout


def test_scores_are_kept_whatever_becomes_of_the_numbers(call, tmp_path):
    row = {"id": "math-1", "problem": "p", "steps": ["a"], "label": -1}
    (tmp_path / "math.json").write_text(json.dumps([row]))
    scores = tmp_path / "scores.jsonl"
    scores.write_text(json.dumps({"id": "math-1", "scores": [], "steps": [[0.5]]}) + "\n")
    words = ("bench", "processbench(threshold=None)", tmp_path / "math.json", "--scores", scores)
    done = call(*words, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "expected items of the split gsm8k" in done.stderr
    assert "math-1" in (tmp_path / "out/scores.jsonl").read_text()


def test_a_pool_is_settled_on_the_fewest_solutions(call, tmp_path):
    first, *others = pool(tmp_path / "p.jsonl").read_text().splitlines()
    longer = json.loads(first) | {"solutions": ["a", "b", "c"], "right": [True] * 3}
    lines = [json.dumps(longer | {"scores": [0.1, 0.2, 0.3]}), *others]
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    done = call("bench", "recorded_pool", "--scores", tmp_path / "p.jsonl", "--resamples", 20)
    assert done.exit_code == 0, done.stderr
    assert "settled recorded_pool(n=2)" in done.stdout


def test_files_without_an_item_are_named(call, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    done = call(*OWN, empty, *REWARD)
    assert done.exit_code == 2
    assert " ".join(done.stderr.split()).startswith(f"error: {empty}: expected items")


def test_items_left_out_are_reported(call, labels):
    done = call(*OWN, labels, *REWARD, "--budget", "calls=1", "--resamples", 20)
    assert done.exit_code == 2
    assert "no item could be scored; the first: the budget ended" in done.stderr
    text = labels.read_text().splitlines()
    labels.write_text("\n".join(text[:5]))  # the last problem has one step
    done = call(*OWN, labels, *REWARD, "--budget", "calls=1", "--resamples", 20)
    assert done.exit_code == 1
    assert "2 of 3 items are left out; the first, 4 9 10 13: the budget ended" in done.stderr


def test_a_model_of_one_task_is_told_to_name_it(call, labels):
    done = call("bench", "own_labels", labels, *REWARD, "--resamples", 20)
    assert done.exit_code == 2
    assert "name it, such as own_labels(game24())" in done.stderr
    done = call(*OWN, labels, *REWARD, "--budget", "calls=1", "--resamples", 20)
    assert "such as own_labels" not in done.stderr


def test_runs_are_compared(call, labels, tmp_path):
    folders = []
    for place, text in enumerate(("own_labels(game24())", "own_labels(game24(), threshold=0.3)")):
        out = tmp_path / str(place)
        call("bench", text, labels, *REWARD, "-o", out, "--resamples", 20)
        folders += ["--compare", out]
    words = ("compare", "game24", "-s", "cot", "-s", "beam", "--limit", 2, *REWARD)
    assert call(*words, "-o", tmp_path / "search").exit_code == 0
    done = call("bench", *folders, "--compare", tmp_path / "search")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "[1] embedded_srm(task='game24')"
    numbers = [line.partition(": ")[2].split(" ")[0] for line in lines[2:7]]
    assert numbers == ["auc", "gain", "auc", "gain", "beam()"]
    assert "rank correlation – over 1 models, too few models to tell" in done.stdout


def test_what_files_are_warned_of_is_reported(call, tmp_path):
    row = {
        "classification": "deception",
        "modified_question": "q",
        "modified_process": ["a"],
        "original_question": "q",
        "original_process": ["a"],
    }
    rows = [row | {"idx": "1", "error_steps": [1]}, row | {"idx": "2", "error_steps": [2]}]
    (tmp_path / "p.jsonl").write_text("".join([json.dumps(one) + "\n" for one in rows]))
    scores = tmp_path / "scores.jsonl"
    scores.write_text(json.dumps({"id": "deception_1", "scores": [], "steps": [[0.1]]}) + "\n")
    done = call("bench", "prmbench", tmp_path / "p.jsonl", "--scores", scores)
    assert done.exit_code == 0, done.stderr
    assert "warning: " in done.stderr
    assert "1 row(s) set aside" in done.stderr
    assert "first error accuracy  1.0000" in done.stdout


def test_ctrl_c_says_how_to_go_on(call, labels, tmp_path, monkeypatch):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("specreward.cli.bench.judge", stopped)
    done = call(*OWN, labels, *REWARD, "-o", tmp_path / "out")
    assert done.exit_code == 130
    assert "interrupted, state saved in" in done.stderr
    done = call(*OWN, labels, *REWARD)
    assert done.exit_code == 130


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["processbench"], "expected --reward with a reward model or --scores"),
        (["processbench", "--reward", "x", "--scores", "y"], "got both"),
        (["procesbench", *REWARD], "did you mean 'processbench'"),
        (["processbench", *REWARD], "give a file, a folder or a name on the hub"),
        (["processbench", "none.json", *REWARD], "nothing is there"),
        (
            ["processbench", "--scores", "none.jsonl"],
            "expected a file of scores, got no none.jsonl",
        ),
        (["--compare", "none"], "got no such folder"),
        (["foo"], "unknown benchmark 'foo'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(call, words, message, monkeypatch):
    monkeypatch.delenv("SPECREWARD_DATA", raising=False)
    done = call("bench", *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
