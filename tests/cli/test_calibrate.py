"""``specreward calibrate``: what it fits, measures, writes and refuses."""

import json
import math
import random

import pytest

from specreward.label.labelled import Labelled
from specreward.label.writing import write_labelled
from specreward.reward.calibrated import map_of, read_map

REWARD = "embedded_srm('game24')"
KEYS = {"method", "temperature", "n", "auc", "ece_before", "ece_after", "data", "thresholds"}


def first_step(numbers, rng):
    """A first step of the game: two of the numbers are added."""
    left = sorted(numbers)
    a, b = (left.pop(rng.randrange(len(left))) for _ in range(2))
    rest = " ".join(map(str, sorted([*left, a + b])))
    return f"{a} + {b} = {a + b} (left: {rest})"


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """Exact labels of first steps, by the task."""
    from specreward.tasks.game24 import Game24

    task = Game24()
    rng = random.Random(0)
    found = []
    for problem in task.generate(60, "tune", 0):
        drawn = {first_step(map(int, problem.question.split()), rng) for _ in range(4)}
        for text in sorted(drawn):
            one = Labelled(problem=problem, steps=(text,), labels=(None,), kind="prefix")
            label = float(task.reachable(one.path()))
            found.append(Labelled(problem=problem, steps=(text,), labels=(label,), kind="prefix"))
    assert 0.05 < sum(one.labels[0] for one in found) / len(found) < 0.95
    file = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    write_labelled(file, found)
    return file


def run(call, labels, out, *words):
    return call("calibrate", REWARD, labels, "--task", "game24", "-o", out, *words)


def test_a_model_is_calibrated_and_thresholds_are_tried(call, tmp_path, labels):
    done = run(call, labels, tmp_path, "--accept", 0.5, "--error", 0.6, "--loss", 0.3)
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "calibration.json").read_text())
    assert found.keys() >= KEYS
    assert found["data"]["steps_fitted"] + found["data"]["steps_measured"] == len(
        labels.read_text().splitlines()
    )
    assert found["n"] == found["data"]["steps_measured"]
    assert found["auc"] > 0.55
    accept, error, loss = found["thresholds"]
    assert (accept["rule"], accept["asked"]) == ("accept", 0.5)
    assert 0.2 < accept["accepted"]["estimate"] < 0.8
    assert accept["accepted"]["low"] < accept["accepted"]["estimate"] < accept["accepted"]["high"]
    assert error["fitted"] <= 0.6
    assert loss["fitted"] <= 0.3
    calibrated = read_map(tmp_path)
    assert calibrated(error["raw"]) >= error["threshold"]
    assert "calibrated" in done.stdout
    page = (tmp_path / "reliability.html").read_text()
    assert page.count("<svg") == 2
    assert "http" not in page


def test_the_same_again_is_the_same_and_asks_nothing(call, tmp_path, labels, monkeypatch):
    assert run(call, labels, tmp_path).exit_code == 0
    first = (tmp_path / "calibration.json").read_bytes()
    from specreward.reward.embedded import EmbeddedValueModel

    async def refuse(self, texts):
        raise AssertionError("asked again")

    monkeypatch.setattr(EmbeddedValueModel, "values", refuse)
    done = run(call, labels, tmp_path)
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "calibration.json").read_bytes() == first


def test_seed_bins_and_method_matter(call, tmp_path, labels):
    pytest.importorskip("scipy", reason="needs the train extra")
    found = []
    for words in ([], ["--seed", 1], ["--bins", 3], ["--method", "isotonic()"]):
        assert run(call, labels, tmp_path, *words).exit_code == 0
        found.append(json.loads((tmp_path / "calibration.json").read_text()))
    plain, seeded, binned, isotonic = found
    assert seeded["temperature"] != plain["temperature"]
    assert binned["temperature"] == plain["temperature"]
    assert (binned["bins"], plain["bins"]) == (3, 15)
    assert binned["ece_before"] != plain["ece_before"]
    assert isotonic["method"] == "isotonic"
    assert map_of(isotonic)(0.99) >= map_of(isotonic)(0.01)


def test_a_trained_model_is_calibrated_anew_from_raw_scores(call, tmp_path, labels, monkeypatch):
    """Its folder is where the calibration goes, and what was there does not count."""
    from dataclasses import fields

    from specreward.reward.trained import Trained

    assert "calibrated" in {one.name for one in fields(Trained)}
    asked = []

    def scorer(self):
        from specreward.spec import parse

        asked.append(self.calibrated)
        return parse(REWARD)

    monkeypatch.setattr(Trained, "scorer", property(scorer))
    monkeypatch.setattr(Trained, "wired", lambda self, wiring: wiring.reward(self.scorer))
    (tmp_path / "model.json").write_text(
        json.dumps({"format": 1, "kind": "embedded", "task": "game24"})
    )
    for _ in range(2):
        done = call("calibrate", tmp_path, labels)
        assert done.exit_code == 0, done.stderr
        assert read_map(tmp_path) is not None
    assert set(asked) == {False}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--accept", 0], "--accept: expected a share in [0, 1], above 0 to accept, got 0.0"),
        (["--error", 1.5], "--error: expected a share in [0, 1]"),
        (["--error", 0], "expected a threshold with at most 0.0% bad steps"),
        (["--method", "platt()"], "unknown calibration 'platt'"),
        (["--format", "omega_format()"], "expected labelled solutions, got none"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, tmp_path, labels, words, why):
    done = run(call, labels, tmp_path, *words)
    assert done.exit_code == 2
    assert why in done.stderr
    assert not (tmp_path / "calibration.json").exists()


def test_a_model_that_is_no_folder_needs_an_output(call, labels):
    done = call("calibrate", REWARD, labels, "--task", "game24")
    assert done.exit_code == 2
    assert "expected --output for embedded_srm" in done.stderr


@pytest.mark.parametrize(
    ("label", "why"),
    [(None, "without any: label them first"), (1.0, "that are all good")],
)
def test_labels_that_say_nothing(call, tmp_path, labels, label, why):
    rows = [json.loads(line) | {"labels": [label]} for line in labels.read_text().splitlines()]
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join([json.dumps(row) for row in rows]))
    done = run(call, file, tmp_path / "out")
    assert done.exit_code == 2
    assert why in done.stderr


def test_too_few_labels(call, tmp_path, labels):
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(labels.read_text().splitlines()[:12]))
    done = run(call, file, tmp_path / "out")
    assert done.exit_code == 2
    assert "at least 20 to calibrate on" in done.stderr


def test_one_problem_cannot_be_parted(call, tmp_path, labels):
    file = tmp_path / "in.jsonl"
    file.write_text(labels.read_text().splitlines()[0])
    done = run(call, file, tmp_path / "out")
    assert done.exit_code == 2
    assert "got all 1 solutions on one side: label more problems" in done.stderr


def test_bad_records_are_set_aside(call, tmp_path, labels):
    file = tmp_path / "in.jsonl"
    file.write_text(labels.read_text() + "{broken")
    done = run(call, file, tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "1 set aside with their reasons in" in done.stderr
    assert (tmp_path / "out/calibration.rejected.jsonl").exists()
    assert math.isfinite(json.loads((tmp_path / "out/calibration.json").read_text())["ece_after"])
