"""The acceptance rules: their laws, exactly and by drawing."""

from math import nan

import pytest

from specreward.errors import InputError
from specreward.types import Step
from specreward.verify import AtLeast, Everything, SelectOne, Thin, Tilted, Weighed

from .toys import ROOT

P = (0.5, 0.3, 0.15, 0.05)
Q = (0.1, 0.2, 0.3, 0.4)


def family(p=P, q=Q, rewards=None, draws=None):
    """Weighed candidates with SR = q / p."""
    return [
        Weighed(
            ROOT.then(Step("abcdef"[i])),
            1 if draws is None else draws[i],
            q[i] if rewards is None else rewards[i],
            p[i],
            q[i],
            q[i] / p[i],
            1.0,
            1.0,
        )
        for i in range(len(p))
    ]


def frequencies(accept, members, n=4000):
    counts = [0] * len(members)
    for seed in range(n):
        for i, decision in enumerate(accept(members, seed)):
            counts[i] += decision.kept
    return [count / n for count in counts]


def test_thin_keeps_each_with_the_ratio_as_its_probability():
    decisions = Thin()(family(), 0)
    assert [d.probability for d in decisions] == pytest.approx([0.2, 2 / 3, 1.0, 1.0])
    assert frequencies(Thin(), family()) == pytest.approx([0.2, 2 / 3, 1.0, 1.0], abs=0.03)


def test_thin_decides_by_seed_and_path_alone():
    whole = [d.kept for d in Thin()(family(), 3)]
    assert [Thin()([member], 3)[0].kept for member in family()] == whole
    assert [d.kept for d in Thin()(family()[::-1], 3)] == whole[::-1]
    assert len({tuple(d.kept for d in Thin()(family(), seed)) for seed in range(40)}) > 1


def test_thin_decides_siblings_independently():
    members = family((0.4, 0.4, 0.2), (0.2, 0.2, 0.6))
    both = sum(all(d.kept for d in Thin()(members, seed)[:2]) for seed in range(4000))
    assert both / 4000 == pytest.approx(0.25, abs=0.03)


def test_select_one_follows_the_target_exactly():
    assert [d.probability for d in SelectOne()(family(), 0)] == pytest.approx(Q)
    assert all(sum(d.kept for d in SelectOne()(family(), seed)) == 1 for seed in range(50))


def test_select_one_drawn_follows_the_target_by_chi_square():
    n = 4000
    observed = frequencies(SelectOne(), family(), n)
    statistic = sum(n * (f - q) ** 2 / q for f, q in zip(observed, Q, strict=True))
    assert statistic < 16.27  # 99.9 % point at three degrees of freedom


def test_trying_again_without_the_residual_would_be_biased():
    accepted = [p * d.probability for p, d in zip(P, Thin()(family(), 0), strict=True)]
    assert sum(accepted) == pytest.approx(0.5)
    retried = [share / sum(accepted) for share in accepted]
    assert retried == pytest.approx([0.2, 0.4, 0.3, 0.1])
    drawn = frequencies(SelectOne(), family())
    assert max(abs(a - b) for a, b in zip(drawn, retried, strict=True)) > 0.1


def test_select_one_keeps_none_where_the_target_exceeds_the_proposal_nowhere():
    low = family((0.5, 0.5), (0.1, 0.2))
    kept = [sum(d.kept for d in SelectOne()(low, seed)) for seed in range(200)]
    assert set(kept) == {0, 1}
    assert [d.probability for d in SelectOne()(low, 0)] == pytest.approx([0.1, 0.2])


def test_tilted_accepts_by_reward_and_power():
    members = family(rewards=(0.9, 0.5, 0.2, 1.0))
    assert [d.probability for d in Tilted()(members, 0)] == pytest.approx([0.9, 0.5, 0.2, 1.0])
    squared = [d.probability for d in Tilted(exponent=2)(members, 0)]
    assert squared == pytest.approx([0.81, 0.25, 0.04, 1.0])
    assert frequencies(Tilted(), members) == pytest.approx([0.9, 0.5, 0.2, 1.0], abs=0.03)


def test_tilted_gives_each_draw_its_chance():
    members = family(rewards=(0.5, 0.5, 0.0, 0.0), draws=(1, 3, 5, 1))
    chances = [d.probability for d in Tilted()(members, 0)]
    assert chances == pytest.approx([0.5, 0.875, 0.0, 0.0])


def test_at_least_is_a_threshold_without_chance():
    for seed in range(5):
        assert [d.kept for d in AtLeast()(family(), seed)] == [False, False, True, True]
    assert [d.kept for d in AtLeast(0.5)(family(), 0)] == [False, True, True, True]
    assert [d.kept for d in AtLeast(9.0)(family(), 0)] == [False] * 4
    exact = family((0.5, 0.5), (0.5, 0.5))
    assert [d.probability for d in AtLeast()(exact, 0)] == [1.0, 1.0]


def test_everything_keeps_all():
    assert all(d == (1.0, True) for d in Everything()(family(), 0))


@pytest.mark.parametrize(
    ("make", "fields"),
    [(AtLeast, {"threshold": -1}), (AtLeast, {"threshold": nan}), (Tilted, {"exponent": 0})],
)
def test_bad_settings_are_refused_by_name(make, fields):
    with pytest.raises(InputError, match=f"{next(iter(fields))}: expected a finite number"):
        make(**fields)
