"""Bootstrap intervals of any metric."""

from math import isnan, nan

import pytest

from specreward.bench import Answer, Item, Judged, intervals
from specreward.errors import InputError
from specreward.stats import mean


class Shares:
    """The mean score of each group, and what is defined for one draw in two."""

    def metrics(self, judged):
        groups = {}
        for one in judged:
            groups.setdefault(one.item.group, []).append(one.scores[0])
        numbers = {name: sum(own) / len(own) for name, own in sorted(groups.items())}
        numbers["sizes"] = float(len(groups["a"]) * 1000 + len(groups["b"]))
        numbers["some"] = 1.0 if judged[0].scores[0] else nan
        numbers["never"] = nan
        return numbers


def judged(group, scores):
    return [
        Judged(Item(f"{group}{i}", group, "?", (Answer(("x",)),)), (score,))
        for i, score in enumerate(scores)
    ]


A = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0]
ITEMS = [*judged("a", A), *judged("b", [0.5] * 3)]


def test_the_interval_of_a_mean_is_the_percentile_bootstrap():
    found = intervals(Shares(), ITEMS, seed=1, resamples=4000)
    usual = mean(A, seed=1)
    assert found["a"].estimate == usual.estimate == 0.7
    assert found["a"].low == pytest.approx(usual.low, abs=0.05)
    assert found["a"].high == pytest.approx(usual.high, abs=0.05)
    assert (found["b"].low, found["b"].high) == (0.5, 0.5)


def test_groups_keep_their_size():
    sizes = intervals(Shares(), ITEMS, resamples=50)["sizes"]
    assert (sizes.low, sizes.high) == (10_003, 10_003)


def test_what_is_not_defined_in_a_draw_is_left_out_of_it():
    found = intervals(Shares(), ITEMS, resamples=50)
    assert (found["some"].low, found["some"].high) == (1.0, 1.0)
    assert all(map(isnan, (found["never"].estimate, found["never"].low, found["never"].high)))


def test_the_seed_decides():
    one, two = (intervals(Shares(), ITEMS, seed=s, resamples=30)["a"] for s in (3, 3))
    assert one == two
    assert any(intervals(Shares(), ITEMS, seed=s, resamples=30)["a"] != one for s in (4, 5, 6))


def test_settings_are_checked():
    with pytest.raises(InputError, match="at least one scored item"):
        intervals(Shares(), [])
    with pytest.raises(InputError, match="resamples"):
        intervals(Shares(), ITEMS, resamples=0)
    with pytest.raises(InputError, match="seed"):
        intervals(Shares(), ITEMS, seed=-1)
