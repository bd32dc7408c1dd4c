"""The public evaluation files: read whole, planned as published, kept out of training."""

import json

import pytest

from specreward.tasks import Arithmetic, Blocksworld, Game24
from specreward.tasks.blocks import read_goal, read_state
from specreward.tasks.files import forms, ranks, read_problems

BLOCKS, GAME = Blocksworld(), Game24()


@pytest.mark.parametrize(
    ("folder", "info", "count"),
    [
        ("public/planbench/generated_basic", "public/planbench/info_optimal_plans.json", 251),
        ("planbench/blocksworld_hard", "planbench/blocksworld_hard/info.json", 110),
    ],
)
def test_planbench_is_planned_as_optimally_as_published(data, folder, info, count):
    reading = read_problems(BLOCKS, data / "blocksworld" / folder)
    published = json.loads((data / "blocksworld" / info).read_text())
    assert len(reading.problems) == count
    assert not reading.complaints
    for problem in reading.problems:
        known = published[f"{problem.id}.pddl"]
        assert problem.meta["length"] == known["length"] == BLOCKS.max_steps(problem)
        assert BLOCKS.check(problem, known["plan"])
        assert BLOCKS.check(problem, problem.answer)


def test_three_blocks(data):
    reading = read_problems(BLOCKS, data / "blocksworld/planbench/generated_basic_3")
    assert len(reading.problems) == 101
    assert {p.meta["blocks"] for p in reading.problems} == {3}


def test_every_split_of_llm_reasoners(data):
    files = sorted((data / "blocksworld/public/llm_reasoners").rglob("*.json"))
    files = [file for file in files if len(json.loads(file.read_text()))]
    assert len(files) == 21
    for file in files:
        reading = read_problems(BLOCKS, file)
        assert not reading.complaints
        listed = json.loads(file.read_text())
        lengths = [steps for _, _, steps in listed]
        assert [p.meta["length"] for p in reading.problems] == lengths
        for problem, (_, plan, _) in zip(reading.problems, listed, strict=True):
            assert BLOCKS.check(problem, plan)


def test_simulation_agrees_with_the_published_judgements(data):
    folder = data / "blocksworld/public/planbench"
    problems = {p.id: p for p in read_problems(BLOCKS, folder / "generated_basic").problems}
    agreed = judged = 0
    for line in (folder / "candidate_plans.jsonl").read_text().splitlines()[::7]:
        row = json.loads(line)
        problem = problems.get(f"instance-{row['instance_id']}")
        if problem and row["extracted_llm_plan"]:
            judged += 1
            agreed += BLOCKS.check(problem, row["extracted_llm_plan"]) == row["llm_correct"]
    assert judged > 500
    assert agreed / judged > 0.99


def test_generated_problems_are_in_no_public_file(data):
    public = forms(BLOCKS, data / "blocksworld/public/planbench/generated_basic")
    public |= forms(BLOCKS, data / "blocksworld/planbench/generated_basic_3")
    for split in ("train", "test"):
        for problem in BLOCKS.generate(100, split, 0, exclude=public):
            assert BLOCKS.canonical(problem) not in public
    assert any(BLOCKS.canonical(p) in public for p in BLOCKS.generate(100, "train", 0))


def test_the_ranked_list(data):
    reading = read_problems(GAME, data / "game24/public/24.csv")
    assert not reading.complaints
    assert len(reading.problems) == 681
    hard = ranks(reading.problems, 901, 1000)
    assert len(hard) == 47
    assert {p.meta["rank"] for p in hard} <= set(range(901, 1001))
    listed = {tuple(map(int, p.question.split())) for p in reading.problems}
    assert listed <= {tuple(map(int, numbers)) for numbers in GAME.sets()}


def test_training_problems_are_never_in_the_ranked_list(data):
    listed = forms(GAME, data / "game24/public/24.csv")
    for task in (GAME, Game24(target=25), Game24(largest=6)):
        assert not listed & {GAME.canonical(p) for p in task.generate(80, "train", 1)}


def test_word_problems_of_others_are_read(data, tmp_path):
    lines = (data / "gsm8k/public/test.jsonl").read_text().splitlines()
    reading = read_problems(Arithmetic(), data / "gsm8k/public/test.jsonl")
    assert len(reading.problems) == len(lines) == 660
    assert not reading.complaints
    assert all(Arithmetic().check(p, p.answer.split()[-1]) for p in reading.problems)


def test_published_states_are_what_they_say(data):
    problem = next(
        p
        for p in read_problems(
            BLOCKS, data / "blocksworld/public/planbench/generated_basic"
        ).problems
        if p.id == "instance-3"
    )
    start, _, goal = problem.question.partition("->")
    assert read_state(start).towers == (("a", "d", "c", "b"),)
    assert read_goal(goal) == {("d", "a"), ("a", "c")}
