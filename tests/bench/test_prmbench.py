"""PRMBench: PRMScore by hand, the added originals, and the rows set aside."""

import json
from math import isnan

import pytest
from tests.bench.stepwise import constant, noise, one, scored

from specreward.bench import PRMBench
from specreward.errors import InputError


def row(kind, name, errors, steps=3, **other):
    return {
        "original_question": "q0",
        "modified_question": "q1",
        "classification": kind,
        "idx": name,
        "original_process": ["o1", "o2"],
        "error_steps": errors,
        "modified_process": [f"s{i}" for i in range(steps)],
        **other,
    }


def items(tmp_path, rows):
    (tmp_path / "rows.jsonl").write_text("".join([json.dumps(one) + "\n" for one in rows]))
    return PRMBench().items(tmp_path)


def test_scores_by_hand():
    judged = [
        one("circular_1", "circular", [0.9, 0.1, 0.9], errors=[1], idx="1"),
        one("circular_2", "circular", [0.1, 0.1, 0.9], errors=[1, 2], idx="2"),
        one("deception_1", "deception", [0.9, 0.5], errors=[0], idx="1"),
        one("multi_solutions_1", "multi_solutions", [0.9, 0.1, 0.9], errors=[], idx="3"),
        one("correct_1", "correct", [0.9, 0.9, 0.9, 0.1], errors=[], idx="1"),
        one("correct_2", "correct", [0.1, 0.1], errors=[], idx="2"),
    ]
    numbers = PRMBench().metrics(judged)
    # circular: sound kept 2, sound lost 1, wrong kept 1, wrong found 2
    circular = (2 * 2 / (2 * 2 + 2) + 2 * 2 / (2 * 2 + 2)) / 2
    # deception: sound kept 1 (0.5 is not below), wrong kept 1
    deception = (2 * 1 / (2 * 1 + 1) + 0) / 2
    multi = 2 * 2 / (2 * 2 + 1)
    assert numbers["circular"] == pytest.approx(circular)
    assert numbers["deception"] == pytest.approx(deception)
    assert numbers["multi_solutions"] == pytest.approx(multi)
    # pooled without the originals: kept 5, lost 2, wrong kept 2, wrong found 2
    assert numbers["f1"] == pytest.approx(10 / 14)
    assert numbers["f1_neg"] == pytest.approx(4 / 8)
    assert numbers["prmscore"] == pytest.approx((10 / 14 + 4 / 8) / 2)
    assert numbers["step accuracy"] == pytest.approx(7 / 11)
    assert numbers["first error accuracy"] == pytest.approx(2 / 3)
    # originals: 3/4 kept of 1, none of 2 (passed over); rows of 1: 2/3 and 2/2 kept
    assert numbers["similarity"] == pytest.approx((abs(2 / 3 - 3 / 4) + abs(1 - 3 / 4)) / 2)
    assert numbers["simplicity"] == pytest.approx(circular)
    assert numbers["sensitivity"] == pytest.approx((deception + multi) / 2)
    assert isnan(numbers["soundness"])
    assert next(iter(numbers)) == "prmscore"


def test_each_redundency_row_adds_its_original_once(tmp_path):
    found = items(
        tmp_path,
        [row("redundency", "1", [2]), row("redundency", "1", [2]), row("deception", "1", [1, 3])],
    )
    assert [(item.group, item.id) for item in found] == [
        ("correct", "correct_1"),
        ("redundency", "redundency_1"),
        ("deception", "deception_1"),
    ]
    assert (found[0].question, found[0].answers[0].steps) == ("q0", ("o1", "o2"))
    assert found[2].gold["errors"] == [0, 2]
    assert found[2].question == "q1"


def test_rows_whose_errors_are_no_steps_are_set_aside(tmp_path):
    rows = [row("deception", "1", [4]), row("deception", "2", [1]), row("deception", "3", [0])]
    with pytest.warns(UserWarning, match=r"2 row\(s\) set aside.*:1: .* from 1 to 3, got \[4\]"):
        found = items(tmp_path, rows)
    assert [item.id for item in found] == ["deception_2"]
    with pytest.raises(InputError, match="expected a list of step numbers"):
        items(tmp_path, [row("deception", "1", ["1"])])


def test_files_at_hand(data):
    with pytest.warns(UserWarning, match="row.s. set aside"):
        found = PRMBench().items(data / "prmbench")
    assert len({item.id for item in found}) == len(found) > 3000
    kept = PRMBench().metrics(scored(found, constant(1.0)))
    assert kept["f1_neg"] == 0.0
    assert kept["multi_solutions"] == 1.0
    assert kept["first error accuracy"] == 0.0
    perfect = scored(found, lambda item, _, place: float(place not in item.gold["errors"]))
    best = PRMBench().metrics(perfect)
    assert best["prmscore"] == best["simplicity"] == best["soundness"] == 1.0
    assert best["sensitivity"] == best["first error accuracy"] == 1.0
    random = PRMBench().metrics(scored(found, noise))
    assert 0.4 < random["prmscore"] < 0.5
