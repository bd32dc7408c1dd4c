import pytest

from specreward.reward.aggregate import Last, Mean, Minimum, Product


@pytest.mark.parametrize(
    ("combine", "needed", "score"),
    [
        (Last(), [2], 0.5),
        (Minimum(), [0, 1, 2], 0.25),
        (Product(), [0, 1, 2], 0.1),
        (Mean(), [0, 1, 2], 1.55 / 3),
    ],
)
def test_each_takes_what_it_needs(combine, needed, score):
    scores = [0.8, 0.25, 0.5]
    assert list(combine.needed(3)) == needed
    assert combine([scores[step] for step in needed]) == pytest.approx(score)


def test_a_path_of_one_step_has_its_score():
    for combine in (Last(), Mean(), Minimum(), Product()):
        assert list(combine.needed(1)) == [0]
        assert combine([0.3]) == 0.3


def test_each_says_where_it_is_from():
    assert "2305.20050" in Minimum.__cite__ == Product.__cite__
    assert "2408.03314" in Last.__cite__
    assert "2506.18896" in Mean.__cite__
