"""The maps that a model's folder may hold: they never fall, and damaged files are refused."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreward.errors import InputError
from specreward.reward.calibrated import KnotMap, TemperatureMap, map_of, read_map

SHARE = st.floats(0, 1)


def test_a_temperature_divides_logits():
    warm = TemperatureMap(2.0)
    assert warm(0.9) == pytest.approx(1 / (1 + math.exp(-math.log(9) / 2)))
    assert warm(0.5) == 0.5
    assert TemperatureMap(1.0)(0.3) == pytest.approx(0.3)
    assert 0.999 < warm(1.0) < 1
    assert warm(0.0) == pytest.approx(1 - warm(1.0))


def test_knots_are_joined_by_straight_lines():
    knots = KnotMap(((0.2, 0.1), (0.4, 0.5), (0.8, 0.5)))
    assert [knots(x) for x in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)] == [0.1, 0.1, 0.5, 0.5, 0.5, 0.5]
    assert knots(0.25) == pytest.approx(0.2)


KNOTS = st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=6, unique_by=lambda knot: knot[0])


@given(KNOTS, st.floats(0.05, 20), SHARE, SHARE)
def test_no_map_ever_falls_or_leaves_the_unit_interval(drawn, temperature, one, other):
    scores = sorted(x for x, _ in drawn)
    levels = sorted(y for _, y in drawn)
    low, high = sorted((one, other))
    for found in (KnotMap(tuple(zip(scores, levels, strict=True))), TemperatureMap(temperature)):
        assert 0 <= found(low) <= found(high) <= 1


def test_a_folder_may_have_none(tmp_path):
    assert read_map(tmp_path) is None


def test_the_file_says_which(tmp_path):
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps({"method": "temperature", "temperature": 2, "n": 5}))
    assert read_map(tmp_path) == TemperatureMap(2)
    file.write_text(json.dumps({"method": "isotonic", "knots": [[0.1, 0], [0.5, 1]]}))
    assert read_map(tmp_path) == KnotMap(((0.1, 0), (0.5, 1)))


@pytest.mark.parametrize(
    "found",
    [
        [],
        {},
        {"method": "platt"},
        {"method": "temperature"},
        {"method": "temperature", "temperature": -1},
        {"method": "temperature", "temperature": "2"},
        {"method": "temperature", "temperature": True},
        {"method": "isotonic"},
        {"method": "isotonic", "knots": []},
        {"method": "isotonic", "knots": [1, 2]},
        {"method": "isotonic", "knots": [[0.1]]},
        {"method": "isotonic", "knots": [[0.1, "x"]]},
        {"method": "isotonic", "knots": [[0.2, 0.5], [0.1, 0.6]]},
        {"method": "isotonic", "knots": [[0.1, 0.5], [0.2, 0.4]]},
        {"method": "isotonic", "knots": [[0.1, 1.5]]},
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path, found):
    with pytest.raises(InputError):
        map_of(found)
    (tmp_path / "calibration.json").write_text(json.dumps(found))
    with pytest.raises(InputError, match=r"calibration\.json: .*: calibrate again"):
        read_map(tmp_path)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "calibration.json").write_text('{"method": "temp')
    with pytest.raises(InputError, match=r"expected a calibration, got .*: calibrate again"):
        read_map(tmp_path)
