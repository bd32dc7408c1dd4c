"""Expectations over subsets against every order of the paths, played with a search's rules."""

import math
from itertools import combinations, permutations

import pytest

from specreward.errors import InputError
from specreward.report.subsets import EXACT, highest_at, pass_at, sizes, vote_at
from specreward.voting import best, majority, weighted_majority

# answer, score, right; None did not finish. A tie of scores, of votes and of weighted votes.
PATHS = [
    ("x", 0.9, True),
    ("y", 0.9, False),
    ("y", 0.3, False),
    None,
    ("x", 0.2, True),
    ("", 0.8, False),
    ("z", 0.2, False),
]
ANSWERS, SCORES, RIGHT = (list(column) for column in zip(*filter(None, PATHS), strict=True))
N = len(PATHS)


def played(n, rule):
    """The mean of a rule over all runs of n paths in all orders."""
    runs = [[one for one in run if one] for run in permutations(PATHS, n)]
    return math.fsum([rule(run) for run in runs]) / len(runs)


def elected(run, winner):
    return any(right for answer, _, right in run if answer == winner) if winner else False


def by_vote(run):
    return elected(run, majority([answer for answer, _, _ in run]))


def by_weight(run):
    scores = [score for _, score, _ in run]
    return elected(run, weighted_majority([answer for answer, _, _ in run], scores))


def by_score(run):
    return run[best([score for _, score, _ in run])][2] if run else False


@pytest.mark.parametrize("n", range(1, N + 1))
def test_expectations_are_those_of_all_orders(n):
    ones = [1.0] * len(ANSWERS)
    ask = {"drawn": N, "n": n, "seed": 0}
    assert pass_at(sum(RIGHT), N, n) == pytest.approx(
        played(n, lambda run: any(r for *_, r in run))
    )
    assert highest_at(SCORES, RIGHT, N, n) == pytest.approx(played(n, by_score))
    assert vote_at(ANSWERS, ones, RIGHT, **ask) == pytest.approx(played(n, by_vote))
    assert vote_at(ANSWERS, SCORES, RIGHT, **ask) == pytest.approx(played(n, by_weight))


def test_the_first_n_alone_would_say_something_else():
    # Negative control: a run of 16 cut at 4 is one draw, not the mean over subsets of 4.
    first = any(one[2] for one in PATHS[1:4] if one)
    assert pass_at(sum(RIGHT), N, 3) == pytest.approx(1 - 10 / 35) != first


def test_one_path_is_the_share_of_right_ones_by_every_rule():
    ask = {"drawn": N, "n": 1, "seed": 0}
    assert pass_at(2, N, 1) == pytest.approx(2 / N)
    assert highest_at(SCORES, RIGHT, N, 1) == pytest.approx(2 / N)
    assert vote_at(ANSWERS, SCORES, RIGHT, **ask) == pytest.approx(2 / N)


def test_more_paths_pass_more_often():
    values = [pass_at(3, 40, n) for n in range(1, 41)]
    assert values == sorted(values)
    assert values[-1] == 1.0
    assert pass_at(0, 40, 40) == 0.0


def test_the_published_estimator():
    # 1 - prod_{i=N-c+1}^{N} (1 - n/i), as in the paper on code models.
    for right, drawn, n in [(5, 20, 3), (1, 100, 10), (30, 200, 100)]:
        product = math.prod([1 - n / i for i in range(drawn - right + 1, drawn + 1)])
        assert pass_at(right, drawn, n) == pytest.approx(1 - product)


@pytest.mark.parametrize("n", [2, 5, 9])
def test_random_subsets_are_near_the_exact_mean(n):
    # 24 paths: C(24, 9) is more than is looked at; the vote of two answers is hypergeometric.
    answers, drawn = ["x"] * 11 + ["y"] * 13, 24
    right = [answer == "x" for answer in answers]
    exact = 0.0
    for k in range(n + 1):
        chance = math.comb(11, k) * math.comb(13, n - k) / math.comb(24, n)
        exact += chance * (1.0 if 2 * k > n else 0.5 if 2 * k == n else 0.0)
    found = vote_at(answers, [1.0] * drawn, right, drawn=drawn, n=n, seed=3)
    few = math.comb(drawn, n) <= EXACT
    assert found == pytest.approx(exact, abs=1e-9 if few else 0.02)
    assert found == vote_at(answers, [1.0] * drawn, right, drawn=drawn, n=n, seed=3)
    other = vote_at(answers, [1.0] * drawn, right, drawn=drawn, n=n, seed=4)
    assert (other == found) == few


def test_all_subsets_of_sixteen_are_looked_at():
    assert max(math.comb(16, n) for n in range(17)) <= EXACT
    assert len(list(combinations(range(16), 8))) == 12_870


def test_sums_in_another_order_are_a_tie():
    # .1 + .2 + .3 and .3 + .2 + .1 differ in the last place.
    found = vote_at(
        ["x"] * 3 + ["y"] * 3,
        [0.1, 0.2, 0.3, 0.3, 0.2, 0.1],
        [True] * 3 + [False] * 3,
        drawn=6,
        n=6,
        seed=0,
    )
    assert found == 0.5


def test_the_more_paths_of_a_tie_the_likelier_it_comes_first():
    ask = {"drawn": 3, "n": 3, "seed": 0}
    found = vote_at(["x", "x", "y"], [0.4, 0.2, 0.6], [True, True, False], **ask)
    assert found == pytest.approx(2 / 3)  # x is drawn first in two orders of three


def test_nobody_answered_nobody_is_right():
    assert vote_at(["", ""], [1.0, 1.0], [False, False], drawn=3, n=2, seed=0) == 0.0
    assert vote_at([], [], [], drawn=3, n=2, seed=0) == 0.0
    assert highest_at([], [], 3, 2) == 0.0


def test_weights_of_zero_are_a_tie_of_those_there():
    found = vote_at(["x", "y"], [0.0, 0.0], [True, False], drawn=2, n=2, seed=0)
    assert found == 0.5
    assert vote_at(["x", "y"], [0.0, 0.0], [True, False], drawn=2, n=1, seed=0) == 0.5


def test_sizes_are_powers_of_two_and_all():
    assert [sizes(n) for n in (1, 2, 3, 8, 10)] == [
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 4, 8],
        [1, 2, 4, 8, 10],
    ]


@pytest.mark.parametrize("n", [0, 4])
def test_an_n_that_cannot_be(n):
    with pytest.raises(InputError, match="expected 1 to 3 of 3 paths drawn, 2 of which finished"):
        highest_at([0.1, 0.2], [True, False], 3, n)
    with pytest.raises(InputError, match=f"got n={n}"):
        pass_at(2, 3, n)
