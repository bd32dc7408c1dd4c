"""JudgeBench: categories by source, the label, ties."""

import pytest
from tests.bench.pairwise import judged, oracle, written

from specreward.bench import JudgeBench, Judged
from specreward.errors import InputError


def row(name, source="mmlu-pro-law", label="A>B", by="gpt", **fields):
    told = {"question": "Q", "response_A": "a", "response_B": "b"}
    return {"pair_id": name, "source": source, "label": label, "response_model": by} | told | fields


def test_categories_labels_and_models(tmp_path):
    rows = [
        row("1"),
        row("2", "livebench-reasoning", "B>A"),
        row("3", "livebench-math", "B>A", by="claude"),
        row("4", "livecodebench"),
        row("5", "mmlu-pro-biology", "B>A"),
    ]
    items = JudgeBench().items(written(tmp_path / "a.jsonl", rows))
    assert [one.gold["better"] for one in items] == [0, 1, 1, 0, 1]
    assert JudgeBench().metrics(judged(items, oracle))["overall"] == 1.0
    # a scorer that always likes the first answer
    found = JudgeBench().metrics(judged(items, lambda _, at: 1.0 - at))
    assert found == {
        "overall": 0.4,
        "Knowledge": 0.5,
        "Reasoning": 0.0,
        "Math": 0.0,
        "Coding": 1.0,
        "by claude": 0.0,
        "by gpt": 0.5,
    }


def test_a_judge_that_contradicts_itself_is_wrong(tmp_path):
    item = JudgeBench().items(written(tmp_path / "a.jsonl", [row("1")]))[0]
    assert JudgeBench().metrics([Judged(item, (0.5, 0.5))])["overall"] == 0.0


def test_public_data(data):
    items = JudgeBench().items(data / "judgebench")
    counts = {name: sum(one.group == name for one in items) for name in {i.group for i in items}}
    assert counts == {"Knowledge": 168, "Reasoning": 70, "Math": 41, "Coding": 31}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("2", "poems"), r"a\.jsonl:2: expected a source of mmlu-pro"),
        (row("2", label="A=B"), r"a\.jsonl:2: expected one of 'A>B', 'B>A' as 'label'"),
        (row("2", question=["Q"]), r"a\.jsonl:2: expected text as 'question'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, bad, message):
    with pytest.raises(InputError, match=message):
        JudgeBench().items(written(tmp_path / "a.jsonl", [row("1"), bad]))
