"""Data of tasks: published records, splits of files and sets, and what is refused."""

import json
import sys
import types

import pytest

from specreward.errors import InputError, MissingExtra
from specreward.tasks import GSM8K, QA, AQuA, FinQA, Math, Numeric, ProntoQA, StepByStep, StrategyQA
from specreward.tasks.data import share
from specreward.tasks.files import read_problems

SPLITS = ("train", "tune", "test")


@pytest.fixture
def write(tmp_path):
    def write(name, *records):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".jsonl"):
            lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
            path.write_text("\n".join(lines))
        else:
            path.write_text(
                records[0] if isinstance(records[0], str) else json.dumps(records[0], indent=1)
            )
        return path

    return write


def rows(n, start=0):
    return [
        {
            "question": f"Ann has {i} apples and eats one. How many are left?",
            "answer": f"#### {i - 1}",
        }
        for i in range(start, start + n)
    ]


# ------------------------------------------------------------------ records

GSM = {"question": "How many eggs are left?", "answer": "4-1=<<4-1=3>>3 eggs\n#### 1,080"}
TABLE = [["", "2019"], ["sales", "$ 5"]]


@pytest.mark.parametrize(
    ("task", "record", "question", "answer", "meta"),
    [
        (GSM8K(), GSM, "How many eggs are left?", "1080", {"solution": GSM["answer"]}),
        (
            GSM8K(),
            {"ID": "chal-2", "Body": "Dan had $ 3", "Question": "How much is it?", "Answer": 1.0},
            "Dan had $ 3. How much is it?",
            "1",
            {},
        ),
        (
            GSM8K(),
            {"body": "He has 9 balls.", "question": "How many?", "answer": "15 (balls)", "idx": 1},
            "He has 9 balls. How many?",
            "15",
            {},
        ),
        (
            GSM8K(),
            {"question": "How many are there?", "solution": "so\n#### 1/4", "answer": "1/4"},
            "How many are there?",
            "1/4",
            {"solution": "so\n#### 1/4"},
        ),
        (
            Math(),
            {"problem": "Add.", "solution": r"It is $\boxed{\frac12}$.", "level": "Level 1"},
            "Add.",
            r"\frac12",
            {"level": "Level 1"},
        ),
        (
            Math(),
            {"question": "Add.", "context": None, "final_answer": ["$1,2$"], "id": 7},
            "Add.",
            "1,2",
            {},
        ),
        (Math(), {"problem": "Add.", "answer": 204}, "Add.", "204", {}),
        (
            AQuA(),
            {"question": "P (A) of 2?", "options": ["A)1", "B) 2", "(C) x"], "correct": "B"},
            "P (A) of 2?\nA) 1\nB) 2\nC) x",
            "B",
            {},
        ),
        (
            AQuA(),
            {"question": "What is 2 + 3? A) 4 B) 5", "answer": "b"},
            "What is 2 + 3?\nA) 4\nB) 5",
            "B",
            {},
        ),
        (
            StrategyQA(),
            {
                "qid": "x1",
                "question": "Is it so then?",
                "answer": True,
                "evidence": [1],
                "facts": [],
            },
            "Is it so then?",
            "yes",
            {"facts": []},
        ),
        (StrategyQA(), {"question": "Is it so then?", "answer": "No"}, "Is it so then?", "no", {}),
        (
            ProntoQA(),
            {
                "test_example": {
                    "question": "Cats are felines. Tom is a cat.",
                    "query": "True or false: Tom is a feline.",
                    "chain_of_thought": ["Tom is a cat.", "Cats are felines.", "Tom is a feline."],
                    "answer": "True",
                },
                "in_context_example0": {},
            },
            "Cats are felines. Tom is a cat.\nTrue or false: Tom is a feline.",
            "true",
            {},
        ),
        (
            FinQA(),
            {
                "id": "A/1.pdf-1",
                "pre_text": ["sales .", ".", ".", "grew ."],
                "post_text": ["end ."],
                "table": TABLE,
                "qa": {
                    "question": "how  much?",
                    "program": "add(5, 1)",
                    "exe_ans": 6.0,
                    "answer": "6",
                },
                "table_retrieved": [1],
            },
            "sales . grew .\n|  | 2019 |\n| sales | $ 5 |\nend .\nAsked: how much?",
            "6",
            {"program": "add(5, 1)", "said": "6"},
        ),
        (
            FinQA(),
            {"question": "is it?", "pre_text": [], "post_text": [], "table": [], "answer": "yes"},
            "Asked: is it?",
            "yes",
            {},
        ),
        (QA(checker=Numeric()), {"question": "Why?", "answer": 7, "x": 1}, "Why?", "7", {"x": 1}),
    ],
)
def test_published_records(write, task, record, question, answer, meta):
    if isinstance(task, Math):
        pytest.importorskip("math_verify", reason="needs the math extra")
    path = write("r.jsonl", record)
    reading = read_problems(task, path)
    [problem] = reading.problems
    assert not reading.complaints
    assert (problem.question, problem.answer) == (question, answer)
    assert meta.items() <= problem.meta.items()
    assert problem.meta["source"] == f"{path}:1"
    assert "table_retrieved" not in problem.meta
    listed = read_problems(task, write("r.json", [record]))
    assert listed.problems == reading.problems
    told = {
        **problem.meta,
        "id": problem.id,
        "question": problem.question,
        "answer": problem.answer,
    }
    [again] = read_problems(task, write("again.jsonl", told)).problems
    assert again == problem


def test_ids_are_those_of_the_data(write):
    named = write(
        "p.json",
        {
            "example2": {
                "test_example": {
                    "question": "Tom is a cat.",
                    "query": "True or false: Tom is a cat.",
                    "answer": "True",
                }
            }
        },
    )
    assert [p.id for p in read_problems(ProntoQA(), named).problems] == ["example2"]
    assert (
        read_problems(Math(), write("m.jsonl", {"problem": "Add.", "unique_id": "t/1.json"}))
        .problems[0]
        .id
        == "t/1.json"
    )
    two = read_problems(GSM8K(), write("g.jsonl", GSM, GSM))
    first = two.problems[0].id
    assert [p.id for p in two.problems] == [first, f"{first}-2"]
    assert "expected a new id" in two.complaints[0]


BAD = [
    (GSM8K(), {"answer": "7"}, "expected a field 'question', got these fields: \"'answer'\""),
    (GSM8K(), {"question": " ", "answer": "7"}, "expected text as 'question', got"),
    (
        GSM8K(),
        {"question": "How many are left?", "answer": "None"},
        "expected a number as the answer",
    ),
    (
        GSM8K(),
        {"question": "How many are left?", "answer": "12:50"},
        "expected a number as the answer",
    ),
    (GSM8K(), {"question": "How many are left?", "answer": "a #### b"}, "expected a number as the"),
    (GSM8K(), {"question": "5 + 7"}, "expected a word problem, as in"),
    (Math(), {"solution": "5"}, "expected a field 'problem'"),
    (Math(), {"problem": "Add.", "solution": "It is 5."}, r"expected a solution with \\boxed"),
    (Math(), {"problem": "..."}, "expected a problem in words"),
    (AQuA(), {"question": "What?", "options": ["A)1", "C)2"], "correct": "A"}, "expected option B"),
    (
        AQuA(),
        {"question": "What?", "options": [], "correct": "A"},
        "expected a list of texts as 'opt",
    ),
    (
        AQuA(),
        {"question": "What?", "options": ["A)1", "B)2"], "correct": "F"},
        "a letter from A to E",
    ),
    (
        AQuA(),
        {"question": "What?", "options": ["A)1", "B)2"], "correct": "C"},
        "one of the options",
    ),
    (AQuA(), {"question": "What is 2 + 3?"}, "expected a problem with options"),
    (StrategyQA(), {"question": "Is it so?", "answer": "maybe"}, "expected true, false, yes or no"),
    (StrategyQA(), {"question": "Why?", "answer": True}, "expected a question, as in"),
    (ProntoQA(), {"test_example": 3}, "expected an object as 'test_example'"),
    (ProntoQA(), {"question": "Tom is a cat."}, "expected facts and a claim"),
    (ProntoQA(), {"question": "Tom. True or false: a.", "answer": "x"}, "expected True or False"),
    (FinQA(), {"question": "how much?", "table": [["a", "b"], ["c"]]}, "rows of one length in the"),
    (FinQA(), {"question": "how much?", "table": [["a", 5]]}, "expected a list of rows of texts"),
    (
        FinQA(),
        {"question": "how much?", "pre_text": [5]},
        "expected a list of sentences as 'pre_text'",
    ),
    (FinQA(), {"question": "how much?", "answer": "n/a"}, "expected a number, yes or no"),
    (FinQA(), {"question": "how much?", "qa": 3}, "expected an object as 'qa'"),
    (FinQA(), {"question": "1000?"}, "expected a question, as in"),
    (QA(), {"query": "Why?"}, "expected a field 'question'"),
    (QA(), {"question": "..."}, "expected a question, got"),
    (
        QA(checker=Numeric()),
        {"question": "Why?", "answer": "x"},
        r"that Numeric\(tolerance=0.0\) can",
    ),
    (QA(), {"question": "Why?", "answer": ["x"]}, "expected text or a number as 'answer'"),
]


@pytest.mark.parametrize(("task", "record", "message"), BAD)
def test_bad_records_are_named_by_file_and_line(write, task, record, message):
    if isinstance(task, Math):
        pytest.importorskip("math_verify", reason="needs the math extra")
    good = {
        "gsm8k": GSM,
        "math": {"problem": "Add.", "answer": "5"},
        "aqua": {"question": "What? A) 1 B) 2", "answer": "B"},
        "strategyqa": {"question": "Is it so?", "answer": False},
        "prontoqa": {"question": "Tom is a cat. True or false: Tom is a cat.", "answer": "True"},
        "finqa": {"question": "how much?", "answer": 5.0},
        "qa": {"question": "Why?", "answer": "7"},
    }[task.name]
    path = write("bad.jsonl", good, record, "[1]", "{")
    reading = read_problems(task, path)
    assert len(reading.problems) == 1
    bad, listed, cut = reading.complaints
    assert bad.startswith(f"{path}:2: ")
    with pytest.raises(InputError, match=message):
        raise InputError(bad)
    assert listed.startswith(f"{path}:3: expected an object")
    assert cut.startswith(f"{path}:4: expected an object")
    as_list = read_problems(task, write("bad.json", [good, record, 3]))
    assert len(as_list.problems) == 1
    places = [complaint.split(": ")[0].rpartition(":")[2] for complaint in as_list.complaints]
    lines = write("bad.json", [good, record, 3]).read_text().splitlines()
    assert lines[int(places[1]) - 1].strip() == "3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "opens with neither"),
        ("7", "opens with neither"),
        ("[", "Expecting value"),
        ("[]", "expected at least one problem, got none: nothing in it"),
        ('{"a": ', "Expecting value"),
        ("{}", "expected at least one problem"),
    ],
)
def test_json_without_records(write, text, message):
    with pytest.raises(InputError, match=message):
        read_problems(GSM8K(), write("broken.json", text))


def test_json_with_an_object_a_line(write):
    path = write("lines.json", "\n".join([json.dumps(GSM), "", '{"answer": "7"}']) + "\n")
    reading = read_problems(GSM8K(), path)
    assert [problem.meta["source"] for problem in reading.problems] == [f"{path}:1"]
    assert reading.complaints[0].startswith(f"{path}:3: expected a field 'question'")


def test_what_stands_behind_the_end_of_json_is_told(write):
    reading = read_problems(GSM8K(), write("more.json", json.dumps([GSM]) + " and more"))
    assert len(reading.problems) == 1
    assert "behind its end stands 'and more'" in reading.complaints[0]


def test_options_may_stand_in_one_line_or_each_in_its_own():
    asked = "What is both (A) and (B)?"
    for options in ("A) 4 B) 5 C) 6", "A) 4\nB) 5\nC) 6", "(A) 4 (B) 5 (C) 6"):
        for between in (" ", "\n"):
            assert AQuA().parse(f"{asked}{between}{options}").question == (
                f"{asked}\nA) 4\nB) 5\nC) 6"
            )
    tricky = f"{asked}\nA) (A)\nB) (B)\nC) both (A) and (B)"
    assert AQuA().parse(tricky).question == tricky


def test_gold_steps_within_the_limit_lose_nothing(write):
    record = {
        "question": "What?",
        "options": ["A)1", "B)2"],
        "correct": "B",
        "rationale": "one\ntwo\nthree\nThe answer is B",
    }
    [problem] = read_problems(AQuA(), write("g.jsonl", record)).problems
    told = ["one", "two", "three", "The answer is B."]
    assert AQuA().gold_steps(problem) == AQuA(limit=4).gold_steps(problem) == told
    assert AQuA(limit=2).gold_steps(problem) == ["one", "two\nthree\nThe answer is B."]
    assert AQuA(limit=1).gold_steps(problem) == ["\n".join(told)]


def test_json_that_breaks_off(write):
    path = write("broken.json", '[{"question": "How many are left?"}, {')
    reading = read_problems(GSM8K(), path)
    assert len(reading.problems) == 1
    assert "expected a JSON list of records" in reading.complaints[0]


# ------------------------------------------------------------------ splits


def test_a_file_is_shared_out_by_a_hash_of_the_question(write):
    path = write("a.jsonl", *rows(300))
    task = GSM8K(str(path))
    sizes = {}
    seen = set()
    for split in SPLITS:
        with pytest.raises(InputError, match=rf"split '{split}' of .* has, got 999") as error:
            task.generate(999, split, 0)
        sizes[split] = int(str(error.value).split("at most ")[1].split()[0])
        drawn = task.generate(sizes[split], split, 0)
        assert all(share(task.canonical(problem)) == split for problem in drawn)
        seen |= {problem.question for problem in drawn}
    assert sum(sizes.values()) == len(seen) == 300
    assert 150 < sizes["train"] < 210
    assert 40 < sizes["tune"] < 85
    turned = GSM8K(str(write("b.jsonl", *reversed(rows(300)))))
    assert {p.question for p in turned.generate(sizes["test"], "test", 5)} == {
        p.question for p in task.generate(sizes["test"], "test", 0)
    }


def test_the_seed_fixes_order_and_choice(write):
    task = GSM8K(str(write("a.jsonl", *rows(200))))
    assert task.generate(9, "test", 1) == task.generate(9, "test", 1)
    assert task.generate(9, "test", 1) != task.generate(9, "test", 2)
    assert task.generate(20, "test", 1)[:9] == task.generate(9, "test", 1)


def test_questions_on_one_page_stay_together(write):
    pages = [
        {
            "question": f"what is number {q}?",
            "pre_text": [f"page {page} ."],
            "table": TABLE,
            "post_text": [],
            "answer": 5.0,
        }
        for page in range(60)
        for q in range(3)
    ]
    task = FinQA(str(write("f.json", pages)))
    found = {}
    for split in SPLITS:
        n = 0
        while True:
            try:
                drawn = task.generate(n + 1, split, 0)
            except InputError:
                break
            n += 1
        for problem in task.generate(n, split, 0):
            found.setdefault(task.kin(problem), set()).add(split)
    assert len(found) == 60
    assert all(len(splits) == 1 for splits in found.values())
    assert drawn


def test_a_file_that_changes_is_read_again(write):
    import os

    path = write("a.jsonl", *rows(100))
    task = GSM8K(str(path))
    before = task.generate(5, "train", 0)
    write("a.jsonl", *rows(100, start=500))
    os.utime(path, ns=(1, 1))
    assert task.generate(5, "train", 0) != before


def test_questions_without_a_page_are_shared_out_too(write):
    asked = [{"question": f"what is {i} plus {i}?", "answer": 2.0 * i} for i in range(60)]
    assert min(sizes(FinQA(str(write("f.json", asked))))) > 0


def test_no_data_no_split_no_file(tmp_path):
    with pytest.raises(
        InputError, match=r"gsm8k: expected data, got none: say gsm8k\(data='FILE'\)"
    ):
        GSM8K().generate(1, "test", 0)
    with pytest.raises(InputError, match="split: expected one of train, tune, test, got 'dev'"):
        GSM8K().generate(1, "dev", 0)
    with pytest.raises(InputError, match="got nothing at"):
        GSM8K(str(tmp_path / "none.jsonl")).generate(1, "test", 0)
    with pytest.raises(InputError, match=r"got nothing at 'data/none\.jsonl'"):
        GSM8K("data/none.jsonl").generate(1, "test", 0)  # no name on the hub


def test_records_that_cannot_be_read_are_told(write):
    task = GSM8K(
        str(write("a.jsonl", *rows(50), {"question": "How many are left?", "answer": "None"}))
    )
    with pytest.warns(
        UserWarning, match=r"1 complaint\(s\), 50 problems kept; the first: .*:51: exp"
    ):
        task.generate(3, "train", 0)
    task.generate(3, "train", 1)  # told once


def test_validate_reads_the_data(write, monkeypatch):
    task = GSM8K(str(write("a.jsonl", *rows(30))))
    task.validate()
    monkeypatch.setattr(GSM8K, "check", lambda self, problem, answer: True)
    with pytest.raises(AssertionError):
        task.validate_data()


# ------------------------------------------------------------------ the hub


class Hub:
    """``load_dataset`` on sets in memory."""

    def __init__(self, sets):
        self.sets = sets
        self.asked = []

    def load_dataset(self, name, config, *, revision=None):
        self.asked.append((name, config, revision))
        if name not in self.sets:
            raise FileNotFoundError(f"Dataset {name!r} doesn't exist on the Hub")
        return self.sets[name]


@pytest.fixture
def hub(monkeypatch):
    hub = Hub(
        {
            "a/both": {"train": rows(100), "test": [*rows(20, 100), *rows(3)]},
            "a/three": {"train": rows(30), "validation": rows(9, 100), "test": rows(5, 200)},
            "a/two": {"train": rows(30), "dev": rows(9, 100)},
            "a/one": {"test": rows(100)},
            "a/bad": {"test": [*rows(100), {"question": None, "answer": "7"}]},
        }
    )
    module = types.ModuleType("datasets")
    module.load_dataset = hub.load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return hub


def sizes(task):
    found = []
    for split in SPLITS:
        with pytest.raises(InputError) as error:
            task.generate(10_000, split, 0)
        found.append(int(str(error.value).split("at most ")[1].split()[0]))
    return found


def questions(task, split, n):
    return {problem.question for problem in task.generate(n, split, 0)}


def test_a_set_keeps_its_own_splits(hub):
    both = GSM8K("a/both:main@v1")
    train, tune, test = sizes(both)
    assert hub.asked[0] == ("a/both", "main", "v1")
    assert test == 23
    assert 10 < tune < 32
    assert train + tune == 97  # the three that test has too are gone
    drawn = [
        questions(both, split, n) for split, n in zip(SPLITS, (train, tune, test), strict=True)
    ]
    assert not drawn[0] & drawn[1]
    assert not (drawn[0] | drawn[1]) & drawn[2]
    assert both.generate(1, "test", 0)[0].meta["split"] == "test"
    assert sizes(GSM8K("a/three")) == [30, 9, 5]
    two = sizes(GSM8K("a/two"))
    assert (two[0] + two[1], two[2]) == (30, 9)
    assert min(two) > 0


def test_a_set_with_one_split_is_shared_out(hub):
    one = sizes(GSM8K("a/one"))
    assert sum(one) == 100
    assert min(one) > 8
    assert hub.asked[-1] == ("a/one", None, None)


def test_what_the_hub_does_not_have(hub):
    with pytest.raises(InputError, match=r"data 'a/none': .* FileNotFoundError: Dataset 'a/none'"):
        GSM8K("a/none").generate(1, "test", 0)
    with pytest.warns(UserWarning, match="a/bad/test:101: expected a field 'question'"):
        GSM8K("a/bad").generate(1, "test", 0)


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install 'specreward\[hub\]'"):
        GSM8K("a/never-seen").generate(1, "test", 0)


def test_a_folder_in_the_layout_of_the_hub(write, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="needs the hub extra")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    write("set/train.jsonl", *rows(40))
    write("set/test.jsonl", *rows(7, 100))
    task = GSM8K(str(tmp_path / "set"), form=StepByStep())
    train, tune, test = sizes(task)
    assert (train + tune, test) == (40, 7)
    assert task.generate(7, "test", 0)[0].meta["split"] == "test"
