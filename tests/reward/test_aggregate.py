import pytest

from specreward.reward.aggregate import Geometric, HighestStep, Last, Mean, Minimum, Product


@pytest.mark.parametrize(
    ("combine", "needed", "score"),
    [
        (Last(), [2], 0.5),
        (Minimum(), [0, 1, 2], 0.25),
        (Product(), [0, 1, 2], 0.1),
        (Geometric(), [0, 1, 2], 0.1 ** (1 / 3)),
        (Mean(), [0, 1, 2], 1.55 / 3),
        (HighestStep(), [0, 1, 2], 0.8),
    ],
)
def test_each_takes_what_it_needs(combine, needed, score):
    scores = [0.8, 0.25, 0.5]
    assert list(combine.needed(3)) == needed
    assert combine([scores[step] for step in needed]) == pytest.approx(score)


def test_a_path_of_one_step_has_its_score():
    for combine in (Geometric(), HighestStep(), Last(), Mean(), Minimum(), Product()):
        assert list(combine.needed(1)) == [0]
        assert combine([0.3]) == pytest.approx(0.3)


def test_a_geometric_mean_does_not_fall_with_the_length():
    assert Geometric()([0.9] * 40) == pytest.approx(0.9)
    assert Product()([0.9] * 40) < 0.02
    assert Geometric()([0.0]) == pytest.approx(1e-10)
    assert 0 < Geometric()([0.0, 0.0, 0.9]) < Geometric()([0.0, 0.9, 0.9]) < 0.001


def test_each_says_where_it_is_from():
    assert "2305.20050" in Minimum.__cite__ == Product.__cite__
    assert "2408.03314" in Last.__cite__
    assert "2506.18896" in Mean.__cite__
    assert "2507.01951" in Geometric.__cite__
