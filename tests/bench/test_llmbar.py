"""LLMBar: the sets by file or folder, which of them are averaged, ties."""

import pytest
from tests.bench.pairwise import constant, judged, oracle, written

from specreward.bench import LLMBar
from specreward.errors import InputError


def row(label=1, **fields):
    return {"input": "Q", "output_1": "a", "output_2": "b", "label": label} | fields


def test_the_average_is_over_sets(tmp_path):
    shares = {"Natural": 1, "Neighbor": 0, "GPTInst": 2, "GPTOut": 4, "Manual": 0}
    for name, won in shares.items():
        place = tmp_path / ("Natural" if name == "Natural" else f"Adversarial/{name}")
        written(place / "dataset.json", [row(1 if k < won else 2) for k in range(4)])
    written(tmp_path / "Processed/MT-Bench/dataset.json", [row()] * 40)
    written(tmp_path / "Processed/LLMEval^2/dataset.json", [row(2)])
    written(tmp_path / "Natural/evaluators/GPT-4/result.json", [{"winner": 1}])
    items = LLMBar().items(tmp_path)
    assert len(items) == len({one.id for one in items}) == 61
    found = LLMBar().metrics(judged(items, lambda _, at: 1.0 - at))  # likes the first output
    assert {name: found[name] for name in shares} == {one: k / 4 for one, k in shares.items()}
    assert found["adversarial"] == pytest.approx((0 + 0.5 + 1 + 0) / 4)
    assert found["average"] == pytest.approx((0.25 + 0 + 0.5 + 1 + 0) / 5)
    assert (found["MT-Bench"], found["LLMEval2"]) == (1.0, 0.0)
    assert found["sets"] == 5
    assert LLMBar().metrics(judged(items, oracle))["average"] == 1.0
    assert LLMBar().metrics(judged(items, constant))["average"] == 0.5


def test_a_missing_set_is_in_no_mean(tmp_path):
    items = LLMBar().items(written(tmp_path / "Adversarial_GPTOut.json", [row(2), row(1)]))
    found = LLMBar().metrics(judged(items, lambda _, at: float(at)))
    assert found == {"average": 0.5, "adversarial": 0.5, "GPTOut": 0.5, "sets": 1.0}


def test_public_data(data):
    items = LLMBar().items(data / "llmbar")
    sizes = {name: sum(one.group == name for one in items) for name in {i.group for i in items}}
    assert sizes == {
        "Natural": 50,
        "GPTInst": 46,
        "GPTOut": 24,
        "Manual": 23,
        "Neighbor": 67,
        "MT-Bench": 200,
    }


@pytest.mark.parametrize("label", [0, 3, "first", 1.5])
def test_a_bad_label_is_named(tmp_path, label):
    file = written(tmp_path / "Natural.json", [row(), row(label)])
    with pytest.raises(InputError, match=r"Natural\.json:entry 2: expected an integer from 1 to 2"):
        LLMBar().items(file)


def test_a_file_of_no_set_is_named(tmp_path):
    file = written(tmp_path / "poems.json", [row()])
    with pytest.raises(InputError, match=r"poems\.json:entry 1: expected a set of Natural"):
        LLMBar().items(file)
