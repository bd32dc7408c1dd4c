"""Problems from files that users write: good ones kept, bad ones named by file and line."""

import io
import json

import pytest

from specreward.errors import InputError
from specreward.tasks import Arithmetic, Blocksworld, Game24
from specreward.tasks.files import forms, ranks, read_problems

BLOCKS, GAME, WORDS = Blocksworld(), Game24(), Arithmetic()

PDDL = """(define (problem p) (:domain blocksworld-4ops) (:objects a b c)
(:init (handempty) (ontable a) (on b a) (ontable c) (clear b) (clear c))
(:goal (and (on c b))))
"""
BAD_PDDL = PDDL.replace("(on c b)", "(on c d)")
PLAN = "(pick-up c)\n(stack c b)\n"


@pytest.fixture
def write(tmp_path):
    def write(name, *lines):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
        return path

    return write


def test_jsonl_in_part(write):
    path = write(
        "mine.jsonl",
        {"question": "4 9 10 13", "id": "first", "level": "easy"},
        "",
        "{not json}",
        {"question": "1 1 1 1"},
        {"query": "4 9 10 13"},
        ["4 9 10 13"],
        {"question": 24},
        {"question": "3 3 8 8", "answer": "8 / (3 - 8 / 3)", "id": 7},
        {"question": "3 3 8 8", "answer": "8 * 3"},
        {"question": "3 3 8 8", "answer": ["8 * 3"]},
        {"question": "3 3 8 8", "id": {}},
        {"question": "1 5 5 5", "answer": None, "id": None},
    )
    reading = read_problems(GAME, path)
    assert [p.id for p in reading.problems] == ["first", "7", "game24-1-5-5-5"]
    assert [p.question for p in reading.problems] == ["4 9 10 13", "3 3 8 8", "1 5 5 5"]
    assert reading.problems[0].meta == {"level": "easy", "source": f"{path}:1"}
    an_object = 'an object like {"question": "...", "answer": "...", "id": "..."}'
    expected = [
        f"{path}:3: expected {an_object}, got '{{not json}}': Expecting property name",
        f"{path}:4: expected numbers that can make 24, got 1 1 1 1",
        f'{path}:5: expected {an_object}, got \'{{"query": "4 9 10 13"}}\'',
        f"{path}:6: expected {an_object}, got '[\"4 9 10 13\"]'",
        f"{path}:7: expected {an_object}, got '{{\"question\": 24}}'",
        f"{path}:9: expected a right answer like '",
        f"{path}:10: expected text or a number as 'answer', got ['8 * 3']",
        f"{path}:11: expected text or a number as 'id', got {{}}",
    ]
    assert len(reading.complaints) == len(expected)
    for complaint, start in zip(reading.complaints, expected, strict=True):
        assert complaint.startswith(start)
        assert "\n" not in complaint


def test_jsonl_of_word_problems(write):
    reading = read_problems(
        WORDS,
        write(
            "w.jsonl",
            {"question": "Half of 144 pens are mine. How many is that?", "answer": "So\n#### 72"},
            {"question": "Half of 142 pens are mine. How many is that?", "answer": 71},
            {"question": "Half of 140 pens are mine. How many is that?", "answer": "many"},
            {"question": "Ann has 5 pens. Ann wins 2 more pens. How many pens does Ann have now?"},
        ),
    )
    assert [WORDS.check(p, a) for p, a in zip(reading.problems, ("72", "71", "7"), strict=True)]
    assert len(reading.complaints) == 1
    assert "w.jsonl:3: expected a right answer, got 'many'" in reading.complaints[0]


def test_text_files(write):
    path = write("mine.txt", "a b | c -> c on b", "", "a b | c -> c on d", "a b | c -> b on c")
    reading = read_problems(BLOCKS, path)
    assert [p.question for p in reading.problems] == ["a b | c -> c on b", "a b | c -> b on c"]
    assert [p.meta["length"] for p in reading.problems] == [2, 2]
    assert reading.complaints == (
        f"{path}:3: expected a goal of blocks that are there, got d in 'a b | c -> c on d'",
    )


def test_standard_input(monkeypatch):
    lines = '4 9 10 13\n\nx\n{"question": "3 3 8 8", "id": "hard"}\n{"question": 1}\n'
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    reading = read_problems(GAME, "-")
    assert [p.id for p in reading.problems] == ["game24-4-9-10-13", "hard"]
    assert [c.partition(" ")[0] for c in reading.complaints] == ["stdin:3:", "stdin:5:"]


def test_repeated_ids_get_a_number(write):
    path = write("mine.txt", "4 9 10 13", "13 10 9 4", "4 9 10 13")
    reading = read_problems(GAME, path)
    names = ["game24-4-9-10-13", "game24-4-9-10-13-2", "game24-4-9-10-13-3"]
    assert [p.id for p in reading.problems] == names
    assert reading.complaints == (
        f"{path}:2: expected a new id, got '{names[0]}' again: kept as '{names[1]}'",
        f"{path}:3: expected a new id, got '{names[0]}' again: kept as '{names[2]}'",
    )


@pytest.mark.parametrize("text", ["", "\n\n", "nothing of use\n"])
def test_nothing_readable_is_an_error(write, text):
    with pytest.raises(InputError, match=r"mine.txt: expected at least one problem, got none"):
        read_problems(GAME, write("mine.txt", text))


def test_what_is_not_there_or_of_another_kind(write, tmp_path):
    with pytest.raises(InputError, match=r"none.txt: expected a file or folder with problems"):
        read_problems(GAME, tmp_path / "none.txt")
    with pytest.raises(
        InputError, match=r"expected .csv, .jsonl, .txt for the task 'game24', got .pd"
    ):
        read_problems(GAME, write("x.pddl", PDDL))
    with pytest.raises(
        InputError, match=r"expected .jsonl, .txt for the task 'arith.*', got folder"
    ):
        read_problems(WORDS, tmp_path)
    with pytest.raises(InputError, match="got a name without ending"):
        read_problems(BLOCKS, write("README", "text"))


def test_bytes_that_are_no_text_are_complaints(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(
        b'\xff\xfe\x00\n\xef\xbb\xbf{"question": "4 9 10 13"}\n{"question": "3 3 8 8"}\n'
    )
    reading = read_problems(GAME, path)
    assert [p.question for p in reading.problems] == ["3 3 8 8"]
    assert len(reading.complaints) == 2


def test_a_byte_order_mark_is_no_text(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes(b"\xef\xbb\xbf4 9 10 13\r\n3 3 8 8\r\n")
    assert len(read_problems(GAME, path).problems) == 2


# ------------------------------------------------------------------ PDDL


def test_a_folder_of_pddl_files(write, tmp_path):
    write("f/instance-10.pddl", PDDL)
    write("f/instance-2.pddl", PDDL.replace("(on c b)", "(on b c)"))
    write("f/instance-3.pddl", BAD_PDDL)
    write("f/instance-4.pddl", PDDL.replace("(on c b)", "(on b a)"))
    write("f/notes.txt", "not a problem")
    (tmp_path / "f" / "instance-5.pddl").mkdir()
    reading = read_problems(BLOCKS, tmp_path / "f")
    assert [p.id for p in reading.problems] == ["instance-2", "instance-10"]
    assert reading.problems[0].question == "a b | c -> b on c"
    assert reading.problems[0].meta["source"] == f"{tmp_path / 'f' / 'instance-2.pddl'}:1"
    starts = ["instance-3.pddl:3: expected blocks among a b c, got (on c d)"]
    starts += ["instance-4.pddl:1: expected a goal that is still to be reached"]
    starts += ["instance-5.pddl: expected a readable file, got Is a directory"]
    for complaint, start in zip(reading.complaints, starts, strict=True):
        assert complaint.startswith(f"{tmp_path / 'f'}/{start}")


def test_one_pddl_file(write):
    reading = read_problems(BLOCKS, write("p.pddl", PDDL))
    assert reading.problems[0].id == "p"
    assert reading.problems[0].answer == "pick-up c ; stack c b"
    with pytest.raises(InputError, match=r"expected at least one problem, got none: .*q.pddl:3:"):
        read_problems(BLOCKS, write("q.pddl", BAD_PDDL))


def test_a_plan_beside_the_files_stands_in_where_none_is_found(write, tmp_path, monkeypatch):
    monkeypatch.setattr("specreward.tasks.blocksworld.plan", lambda state, goal: None)
    longer = "(unstack b1 a1)\n(stack b1 a1)\n(pick-up c1)\n(stack c1 b1)\n"
    long_names = PDDL
    for block in "abc":
        long_names = long_names.replace(f" {block}", f" {block}1")
    write("d/f/one.pddl", long_names)
    write("d/f/two.pddl", PDDL)
    write("d/f/three.pddl", PDDL)
    write("d/info_optimal_plans.json", {"one.pddl": {"plan": longer}, "two.pddl": {"plan": "()"}})
    reading = read_problems(BLOCKS, tmp_path / "d" / "f")
    one, three = reading.problems
    assert one.meta["names"] == {"a": "a1", "b": "b1", "c": "c1"}
    assert one.answer == "unstack b a ; stack b a ; pick-up c ; stack c b"
    assert BLOCKS.max_steps(one) == 4
    assert three.answer is None
    assert BLOCKS.max_steps(three) == 12
    assert len(reading.complaints) == 1
    assert "two.pddl:1: expected a right answer, got ''" in reading.complaints[0]


def test_a_broken_file_of_plans_is_a_complaint(write, tmp_path):
    write("f/one.pddl", PDDL)
    write("f/info.json", "[]")
    reading = read_problems(BLOCKS, tmp_path / "f")
    assert [p.id for p in reading.problems] == ["one"]
    assert "info.json:1: expected" in reading.complaints[0]


# ------------------------------------------------------------------ splits of LLM-reasoners


def test_a_split_file(write, tmp_path):
    write("x/planbench/basic/instance-1.pddl", PDDL)
    write("x/y/basic_3/instance-2.pddl", PDDL)
    split = write(
        "x/splits/v1/step_2.json",
        "[",
        f'["A/B/basic/instance-1.pddl", {json.dumps(PLAN)}, 2],',
        f'["A/basic_3/instance-2.pddl", {json.dumps(PLAN)}, 2],',
        f'["A/basic/instance-9.pddl", {json.dumps(PLAN)}, 2],',
        f'["A/other/instance-1.pddl", {json.dumps(PLAN)}, 2],',
        f'["A/basic/instance-1.pddl", {json.dumps(PLAN)}, 4],',
        '["A/basic/instance-1.pddl", "(pick-up c)\\n(put-down c)\\n", 2],',
        '["A/basic/instance-1.pddl", 2],',
        f'["instance-1.pddl", {json.dumps(PLAN)}, 2],',
        '["A/basic/instance-1.pddl" 2]',
        "]",
    )
    reading = read_problems(BLOCKS, split)
    assert [p.id for p in reading.problems] == ["basic/instance-1", "basic_3/instance-2"]
    assert reading.problems[0].meta == {
        "length": 2,
        "blocks": 3,
        "steps": 2,
        "source": f"{split}:2",
    }
    starts = [
        "4: expected basic/instance-9.pddl in a folder around",
        "5: expected other/instance-1.pddl in a folder around",
        "6: expected a plan of 4 actions, got 'pick-up c ; stack c b'",
        "7: expected a right answer like 'pick-up c ; stack c b', got 'pick-up c ; put-down c'",
        '8: expected ["folder/instance-1.pddl", "(pick-up a)',
        '9: expected ["folder/instance-1.pddl", "(pick-up a)',
        "10: expected a JSON list of entries, got",
    ]
    for complaint, start in zip(reading.complaints, starts, strict=True):
        assert complaint.startswith(f"{split}:{start}")


@pytest.mark.parametrize("text", ["", "{}", "[]", "[\n\n]", "[1, 2]", '"x"', "["])
def test_json_that_is_no_split(write, text):
    with pytest.raises(InputError, match="expected at least one problem, got none"):
        read_problems(BLOCKS, write("s.json", text))


# ------------------------------------------------------------------ the ranked list


def test_a_ranked_list(write):
    path = write(
        "24.csv",
        "Rank,Puzzles,AMT (s)",
        "1,4 9 10 13,4.4",
        "2,1 1 1 1,4.5",
        "x,3 3 8 8,4.6",
        "900,3 3 8 8,4.6",
        "901",
        "1000,1 5 5 5,4.6",
    )
    reading = read_problems(GAME, path)
    assert [p.meta["rank"] for p in reading.problems] == [1, 900, 1000]
    assert reading.problems[0].id == "game24-rank-1"
    assert [p.question for p in ranks(reading.problems, 900, 1000)] == ["3 3 8 8", "1 5 5 5"]
    assert [p.question for p in ranks(reading.problems, 901, 999)] == []
    assert ranks([GAME.parse("4 9 10 13")], 0, 9999) == []
    starts = [
        "3: expected numbers that can make 24, got 1 1 1 1",
        "4: expected a whole number as Rank, got 'x'",
        "6: expected two to six numbers",
    ]
    for complaint, start in zip(reading.complaints, starts, strict=True):
        assert complaint.startswith(f"{path}:{start}")


def test_a_table_without_its_columns(write):
    with pytest.raises(InputError, match=r"1: expected columns named Rank and Puzzles, got a, b"):
        read_problems(GAME, write("24.csv", "a,b", "1,2"))
    with pytest.raises(
        InputError, match=r"1: expected columns named Rank and Puzzles, got nothing"
    ):
        read_problems(GAME, write("24.csv", ""))


def test_forms_of_a_file(write):
    path = write("mine.txt", "13 10 9 4", "3 3 8 8", "bad")
    excluded = forms(GAME, path)
    assert excluded == {"4 9 10 13", "3 3 8 8"}
    rest = {p.question for s in ("tune", "test") for p in GAME.generate(500, s, 0, excluded)}
    assert not excluded & rest
