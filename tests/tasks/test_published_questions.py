"""The public files of question tasks: read whole, gold accepted, gold steps right."""

import json

import pytest

from specreward.errors import InputError
from specreward.tasks import (
    GSM8K,
    AQuA,
    FinQA,
    Math,
    ProntoQA,
    StepByStep,
    StrategyQA,
    Subquestions,
)
from specreward.tasks.files import read_problems
from specreward.types import Completion, Path


def walk(task, problem):
    path = Path(problem)
    for text in task.gold_steps(problem):
        assert path.open, path.steps[-1]
        path = path.then(task.step(path, Completion(text, 0, None, 0)))
    return path


@pytest.mark.parametrize(
    ("task", "file", "count", "bad"),
    [
        (GSM8K(), "gsm8k/public/test.jsonl", 660, 0),
        (GSM8K(), "svamp/public/SVAMP.json", 500, 0),
        (GSM8K(), "asdiv_NC/public/test.jsonl", 1042, 66),  # names, times of day, ratios
        (GSM8K(), "gsm_plus_testmini/public/gsmplus_testmini.jsonl", 1057, 151),  # no answer
        (StrategyQA(), "strategyqa/public/train.json", 1031, 0),
        (StrategyQA(), "strategyqa/dev.json", 229, 0),
    ],
)
def test_files_are_read_whole(data, task, file, count, bad):
    reading = read_problems(task, data / file)
    assert (len(reading.problems), len(reading.complaints)) == (count, bad)
    for problem in reading.problems:
        assert task.check(problem, problem.answer)
        assert not task.check(problem, task.wrong(problem))


def test_templates_of_gsm_symbolic(data):
    files = sorted((data / "gsm_symbolic_templates/public").rglob("*.json"))
    assert len(files) == 109
    read = [
        GSM8K().record(json.loads(file.read_text()), f"{file}:1").answer is not None
        for file in files
    ]
    assert all(read)


@pytest.mark.parametrize(
    ("task", "file", "count", "none"),
    [
        (GSM8K(form=StepByStep()), "gsm8k/public/test.jsonl", 660, 0),
        (GSM8K(form=StepByStep()), "gsm8k/public/test_socratic.jsonl", 660, 0),
        (GSM8K(), "gsm8k/public/test_socratic.jsonl", 660, 2),  # two have a line without question
        (AQuA(), "aqua/dev.jsonl", 254, 0),
        (AQuA(), "aqua/test.jsonl", 254, 0),
        (ProntoQA(), "prontoqa/public/345hop_random_true.json", 250, 0),
        (FinQA(), "finqa/public/test_500_simplified.json", 250, 0),
        (FinQA(), "finqa/public/test_100_official_format.json", 50, 0),
        (FinQA(), "finqa/train_100_official_format.json", 100, 0),
        (FinQA(), "finqa/dev_200_official_format.json", 200, 0),
    ],
)
def test_gold_steps_lead_to_the_gold_answer(data, task, file, count, none):
    reading = read_problems(task, data / file)
    assert (len(reading.problems), len(reading.complaints)) == (count, 0)
    without = 0
    for problem in reading.problems:
        try:
            path = walk(task, problem)
        except InputError:
            without += 1
            continue
        assert path.finished
        assert task.check(problem, task.answer(path))
        assert not task.check(problem, task.wrong(problem))
    assert without == none


@pytest.mark.parametrize(
    ("file", "count"),
    [("math500/public/test.jsonl", 250), ("olympiadbench_math/public/test.jsonl", 338)],
)
def test_mathematics(data, file, count):
    pytest.importorskip("math_verify", reason="needs the math extra")
    task = Math()
    reading = read_problems(task, data / file)
    assert (len(reading.problems), len(reading.complaints)) == (count, 0)
    for problem in reading.problems[::5]:
        assert task.check(problem, rf"\boxed{{{problem.answer}}}")
        assert not task.check(problem, task.wrong(problem))
        if file.startswith("math500"):
            path = walk(task, problem)
            assert task.check(problem, task.answer(path))


def test_training_answers_of_math(data):
    pytest.importorskip("math_verify", reason="needs the math extra")
    reading = read_problems(Math(), data / "math_train_answers/train.json")
    assert len(reading.problems) > 7200


@pytest.mark.parametrize(
    ("task", "file"),
    [
        (GSM8K(form=Subquestions()), "gsm8k/public/test.jsonl"),
        (AQuA(form=Subquestions()), "aqua/dev.jsonl"),
        (Math(form=Subquestions()), "math500/public/test.jsonl"),
        (FinQA(form=StepByStep()), "finqa/public/test_500_simplified.json"),
        (ProntoQA(form=Subquestions()), "prontoqa/public/345hop_random_true.json"),
        (StrategyQA(), "strategyqa/dev.json"),
    ],
)
def test_no_gold_steps_are_made_up(data, task, file):
    if isinstance(task, Math):
        pytest.importorskip("math_verify", reason="needs the math extra")
    problem = read_problems(task, data / file).problems[0]
    with pytest.raises(InputError, match="expected a problem whose data has steps in the form"):
        task.gold_steps(problem)


def test_splits_of_public_files(data):
    task = GSM8K(str(data / "gsm8k/public/test.jsonl"))
    drawn = [
        {p.question for p in task.generate(90, split, 0)} for split in ("train", "tune", "test")
    ]
    assert len(set.union(*drawn)) == 270
