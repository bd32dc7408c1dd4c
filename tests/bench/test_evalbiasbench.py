"""EvalBiasBench: accuracy by bias."""

import pytest
from tests.bench.pairwise import judged, length, oracle, written

from specreward.bench import EvalBiasBench
from specreward.errors import InputError


def row(bias, label=1, **fields):
    told = {"instruction": "Q", "response1": "a", "response2": "longer", "label": label}
    return {"bias": bias} | told | fields


def test_each_bias_and_two_means(tmp_path):
    rows = {"length bias": [row("length bias"), row("length bias", 2)], "other": [row("other", 2)]}
    items = EvalBiasBench().items(written(tmp_path / "biasbench.json", rows))
    found = EvalBiasBench().metrics(judged(items, length))
    assert found == {
        "accuracy": pytest.approx(2 / 3),
        "average": 0.75,
        "length bias": 0.5,
        "other": 1.0,
    }
    assert EvalBiasBench().metrics(judged(items, oracle))["accuracy"] == 1.0


def test_length_always_loses_where_length_is_the_bias(data):
    items = EvalBiasBench().items(data / "evalbiasbench")
    assert EvalBiasBench().metrics(judged(items, length))["length bias"] == 0.0


def test_a_bad_row_is_named(tmp_path):
    file = written(tmp_path / "a.json", [row("x"), row("x", 3)])
    with pytest.raises(InputError, match=r"a\.json:entry 2: expected an integer from 1 to 2"):
        EvalBiasBench().items(file)
