"""ProcessBench: F1 by hand, the threshold, and the files at hand."""

import json
from math import isnan

import pytest
from tests.bench.stepwise import constant, noise, one, scored

from specreward.bench import ProcessBench
from specreward.bench.first_error import FIRST, Found, best_threshold, first_below, found
from specreward.bench.groups import mean
from specreward.errors import InputError
from specreward.spec import name_of, parse

JUDGED = [
    one("gsm8k-0", "gsm8k", [0.9, 0.2, 0.1], first_error=1),  # found
    one("gsm8k-1", "gsm8k", [0.4, 0.2, 0.1], first_error=1),  # too early
    one("gsm8k-2", "gsm8k", [0.9, 0.9], first_error=0),  # missed
    one("gsm8k-3", "gsm8k", [0.9, 0.1], first_error=1),  # found
    one("gsm8k-4", "gsm8k", [0.9, 0.6], first_error=None),  # cleared
    one("gsm8k-5", "gsm8k", [0.9, 0.4], first_error=None),  # suspected
    one("gsm8k-6", "gsm8k", [0.5], first_error=None),  # not below: cleared
    one("math-0", "math", [0.1], first_error=0),
    one("math-1", "math", [0.9], first_error=None),
]


def test_f1_by_hand():
    numbers = ProcessBench().metrics(JUDGED)
    assert numbers["gsm8k error accuracy"] == 2 / 4
    assert numbers["gsm8k correct accuracy"] == 2 / 3
    assert numbers["gsm8k f1"] == pytest.approx(2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3))
    assert numbers["math f1"] == 1.0
    assert numbers["f1"] == pytest.approx((4 / 7 + 1) / 2)
    assert numbers["f1 without gsm8k"] == 1.0
    assert numbers["threshold"] == 0.5
    assert next(iter(numbers)) == "f1"


def test_the_first_score_below_decides_and_not_the_lowest():
    assert first_below([0.9, 0.4, 0.1], 0.5) == 1
    assert first_below([0.5], 0.5) is None
    assert first_below([0.1], 0.0) is None


def test_shares_that_are_not_defined():
    assert Found(4, 0, 3, 0).f1 == 0.0
    assert isnan(Found(0, 0, 3, 3).f1)
    assert isnan(Found(3, 3, 0, 0).f1)
    assert isnan(Found(0, 0, 0, 0).accuracy)
    assert Found(2, 1, 2, 2).accuracy == 0.75
    assert isnan(mean([]))


def test_the_threshold_is_found_on_gsm8k_alone():
    # By hand: 0.5 finds 2 of 4 and clears 2 of 3; from 0.2 to 0.4, 3 of 4 (the early one is
    # right) and 3 of 3.
    settled = ProcessBench(threshold=None).settled(JUDGED)
    assert settled.threshold == pytest.approx(0.3)
    assert found(JUDGED[:7], settled.threshold) == Found(4, 3, 3, 3)
    spoiled = [*JUDGED[:7], one("math-0", "math", [0.99], first_error=0)]
    assert ProcessBench(threshold=None).settled(spoiled) == settled
    assert ProcessBench(threshold=None).metrics(JUDGED) == settled.metrics(JUDGED)
    assert settled.settled(JUDGED) is settled
    with pytest.raises(InputError, match="items of the split gsm8k"):
        ProcessBench(threshold=None).settled(JUDGED[7:])


def test_no_threshold_has_a_higher_f1_than_the_best():
    rows = [
        one(
            f"gsm8k-{i}",
            "gsm8k",
            [noise(one(str(i), "g", [0]).item, 0, t) for t in range(4)],
            first_error=None if i % 3 else i % 4,
        )
        for i in range(40)
    ]
    best = found(rows, best_threshold(rows)).f1
    assert best == max(found(rows, step / 1000).f1 for step in range(1001))


def test_settings():
    assert name_of(parse("processbench(threshold=None)")) == "processbench(threshold=None)"
    with pytest.raises(InputError, match=r"threshold: expected a finite number in \[0, 1\]"):
        ProcessBench(threshold=1.5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('"label": 2', r"rows\.jsonl:1: expected an integer from -1 to 1 as 'label', got 2"),
        ('"label": "x"', "expected an integer"),
        ('"label": 0, "steps": []', "expected a list of texts as 'steps'"),
        ('"other": 0', "expected a field 'label'"),
    ],
)
def test_bad_rows_are_refused(tmp_path, row, message):
    file = tmp_path / "rows.jsonl"
    file.write_text(f'{{"id": "math-1", "problem": "p", "steps": ["a", "b"], {row}}}\n')
    with pytest.raises(InputError, match=message):
        ProcessBench().items(file)


def test_the_label_is_a_place_or_none(tmp_path):
    rows = [
        {"id": f"math-{i}", "problem": "p", "steps": ["a", "b"], "label": i - 1} for i in range(3)
    ]
    file = tmp_path / "math.json"
    file.write_text(json.dumps(rows))
    assert [item.gold[FIRST] for item in ProcessBench().items(file)] == [None, 0, 1]


def test_files_at_hand(data):
    items = ProcessBench().items(data / "processbench")
    sizes = {}
    for item in items:
        sizes.setdefault(item.group, []).append(item.gold[FIRST])
    assert sorted(sizes) == ["gsm8k", "math", "olympiadbench", "omnimath"]
    assert len({item.id for item in items}) == len(items) == sum(map(len, sizes.values()))
    for rule in (constant(1.0), constant(0.0)):  # always right, always wrong at once
        numbers = ProcessBench().metrics(scored(items, rule))
        assert numbers["f1"] == 0.0
    perfect = scored(items, lambda item, _, place: 0.0 if place == item.gold[FIRST] else 1.0)
    assert ProcessBench().metrics(perfect)["f1"] == 1.0
    assert 0 < ProcessBench().metrics(scored(items, noise))["f1"] < 0.2
    assert ProcessBench(threshold=None).metrics(perfect)["f1"] == 1.0
