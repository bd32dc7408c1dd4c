"""Whether benchmarks rank models alike."""

import json
from math import isnan, nan

import pytest

from specreward.bench.agreement import Card, agreement, read_cards
from specreward.bench.standings import spearman
from specreward.errors import InputError


def test_spearman():
    assert spearman([1, 2, 3], [10, 20, 30]) == pytest.approx(1.0)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    assert spearman([1, 1, 2], [1, 2, 3]) == pytest.approx(3**0.5 / 2)  # ties at the mean rank
    assert isnan(spearman([1, 2], [1, 2]))
    assert isnan(spearman([1, 1, 1], [1, 2, 3]))


def cards(benchmark, values):
    return [Card(benchmark, f"m{i}", value, 10) for i, value in enumerate(values)]


def test_each_two_benchmarks_over_the_models_that_both_have():
    table = [*cards("a", [0.1, 0.2, 0.3]), *cards("b", [3, 2, 1, 0]), *cards("c", [1, 2])]
    found = agreement(table)
    assert [(one.first, one.second, one.models) for one in found] == [
        *(("a", "b", 3), ("a", "c", 2), ("b", "c", 2)),
    ]
    assert found[0].correlation == pytest.approx(-1.0)
    assert isnan(found[1].correlation)
    with pytest.raises(InputError, match="m0 has two results on a"):
        agreement([*table, table[0]])


def test_cards_are_read(tmp_path):
    row = {
        "benchmark": "processbench()",
        "reward": None,
        "scores": "x.jsonl",
        "items": 3,
        "numbers": {"f1": {"estimate": 0.5, "low": 0.4, "high": 0.6}, "other": {}},
    }
    (tmp_path / "result.json").write_text(json.dumps(row))
    assert read_cards(tmp_path) == [Card("processbench(): f1", "x.jsonl", 0.5, 3)]
    row["numbers"]["gain@4"] = {"estimate": 0.25}
    row["numbers"]["f1"]["estimate"] = None
    row["reward"] = "m"
    (tmp_path / "result.json").write_text(json.dumps(row))
    headline, gain = read_cards(tmp_path)
    assert isnan(headline.value)
    assert gain == Card("processbench(): gain@4", "m", 0.25, 3)
    for text in ("{}", "[]", "x", '{"numbers": {}}'):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(InputError, match="as specreward bench --output writes it"):
            read_cards(tmp_path)
        with pytest.raises(InputError, match=r"got result\.json that is no such file or is"):
            read_cards(tmp_path)
    with pytest.raises(InputError, match=r"as specreward bench --output .* got no such folder$"):
        read_cards(tmp_path / "none")
    (tmp_path / "result.json").unlink()
    with pytest.raises(InputError, match=r"got a folder without either$"):
        read_cards(tmp_path)


def test_what_a_search_gains_is_a_card_too(tmp_path):
    row = {
        "task": "game24()",
        "problems": {"reward": "m"},
        "strategies": [
            {"spec": "cot()", "accuracy": 0.25, "n": 8},
            {"spec": "beam()", "accuracy": 0.75, "n": 8},
        ],
    }
    (tmp_path / "summary.json").write_text(json.dumps(row))
    assert read_cards(tmp_path) == [Card("game24(): beam() over cot()", "m", 0.5, 8)]
    (tmp_path / "summary.json").write_text(json.dumps(row | {"strategies": row["strategies"][:1]}))
    with pytest.raises(InputError, match=r"two strategies or more, got cot\(\) alone"):
        read_cards(tmp_path)
    (tmp_path / "summary.json").write_text(json.dumps(row | {"problems": {}}))
    with pytest.raises(InputError, match="expected a comparison with --reward"):
        read_cards(tmp_path)


def test_a_number_that_is_not_defined_counts_for_nothing():
    table = [*cards("a", [0.1, 0.2, 0.3, nan]), *cards("b", [1, 2, 3, 4])]
    [one] = agreement(table)
    assert (one.models, one.correlation) == (3, pytest.approx(1.0))
