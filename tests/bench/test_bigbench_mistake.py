"""BIG-Bench Mistake: exact places, none among them."""

import pytest
from tests.bench.stepwise import constant, one, scored

from specreward.bench import BIGBenchMistake
from specreward.bench.first_error import FIRST
from specreward.errors import InputError


def test_accuracy_by_hand():
    judged = [
        one("a-1", "a", [0.9, 0.1], first_error=1),
        one("a-2", "a", [0.1, 0.1], first_error=1),
        one("a-3", "a", [0.9, 0.9], first_error=None),
        one("a-4", "a", [0.9, 0.9], first_error=0),
        one("b-1", "b", [0.4], first_error=None),
        one("b-2", "b", [0.4], first_error=0),
    ]
    numbers = BIGBenchMistake().metrics(judged)
    assert numbers["a accuracy"] == 0.5
    assert numbers["a with a mistake"] == pytest.approx(1 / 3)
    assert numbers["a without one"] == 1.0
    assert numbers["b accuracy"] == 0.5
    assert numbers["accuracy"] == 0.5
    assert numbers["f1"] == pytest.approx((0.5 + 0.0) / 2)
    assert BIGBenchMistake(threshold=0.3).metrics(judged)["b without one"] == 1.0


def test_bad_rows_are_refused(tmp_path):
    file = tmp_path / "sorting.jsonl"
    file.write_text(
        '{"input": "q", "steps": ["a"], "mistake_index": null}\n'
        '{"input": "q", "steps": ["a"], "mistake_index": 1}\n'
    )
    with pytest.raises(InputError, match=r"sorting\.jsonl:2: expected an integer from 0 to 0"):
        BIGBenchMistake().items(file)


def test_files_at_hand(data):
    items = BIGBenchMistake().items(data / "bigbench_mistake")
    assert len({item.id for item in items}) == len(items) > 1000
    assert len({item.group for item in items}) == 5
    silent = BIGBenchMistake().metrics(scored(items, constant(1.0)))
    without = [item.gold[FIRST] is None for item in items if item.group == "dyck_languages"]
    assert silent["dyck_languages accuracy"] == pytest.approx(sum(without) / len(without))
    assert silent["f1"] == 0.0
    perfect = scored(items, lambda item, _, place: 0.0 if place == item.gold[FIRST] else 1.0)
    assert BIGBenchMistake().metrics(perfect)["accuracy"] == 1.0
