"""Who wins a tournament with a judge that errs, exactly: every bracket and every verdict played."""

import asyncio
from dataclasses import replace
from functools import cache
from itertools import combinations
from math import comb

import pytest

from specreward.errors import InputError
from specreward.ledger import Ledger
from specreward.reward.judges import RRM, Elo, Knockout, LLMJudge, Pairwise, RoundRobin
from specreward.search import BestOfN, ScoreReached
from specreward.seeds import choose
from specreward.testing import KnownJudge, ScriptedPolicy, law
from specreward.types import Models, Problem, Step, Trace

from .court import QUALITY, wired


def winners(tournament, strength, accuracy):
    """The exact law of the strength of who comes first (the highest score, the first of equals)."""

    async def program():
        async def play(pairs):
            results = []
            for i, j in pairs:
                right = choose([accuracy, 1 - accuracy], 0, i, j) == 0
                if strength[i] == strength[j]:
                    results.append(float(choose([1, 1], 0, "even", i, j)))
                else:
                    results.append(float((strength[i] > strength[j]) == right))
            return results

        scores = await tournament(len(strength), play, 0)
        return strength[max(range(len(scores)), key=scores.__getitem__)]

    return law(program)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("tournament", [Knockout(), RoundRobin(), Elo(orders=1)], ids=repr)
def test_with_a_judge_that_never_errs_the_best_wins_surely(tournament, n):
    assert winners(tournament, list(range(n)), 1.0) == pytest.approx({n - 1: 1.0})


@pytest.mark.parametrize("a", [0.6, 0.8, 0.95])
def test_the_best_of_a_knockout_wins_with_the_chance_of_its_games(a):
    assert winners(Knockout(), [0, 1], a)[1] == pytest.approx(a)
    assert winners(Knockout(), [0, 1, 2, 3], a)[3] == pytest.approx(a**2)
    # Odd: a bye for one of three; of five, one has a bye at first and another in the second round.
    assert winners(Knockout(), [0, 1, 2], a)[2] == pytest.approx((a + 2 * a**2) / 3)
    assert winners(Knockout(), [0, 1, 2, 3, 4], a)[4] == pytest.approx((3 * a**2 + 2 * a**3) / 5)


def test_a_bye_that_stays_with_one_player_would_be_worse():
    # Negative control: who has the bye of five twice plays the final alone; .570 against .589.
    twice, fair = (0.8 + 4 * 0.8**3) / 5, (3 * 0.8**2 + 2 * 0.8**3) / 5
    assert (round(twice, 4), round(fair, 4)) == (0.5696, 0.5888)
    assert winners(Knockout(), [0, 1, 2, 3, 4], 0.8)[4] != pytest.approx(twice, abs=1e-3)


def test_a_judge_that_knows_nothing_draws_lots():
    found = winners(Knockout(), [0, 1, 2, 3], 0.5)
    assert found == pytest.approx(dict.fromkeys(range(4), 0.25))


@cache
def right_wins(n, right, a):
    """Chance that a knockout of n, a power of two, of which some are right, has a right winner.

    Right beats wrong with chance a; pairs are drawn at random.
    """
    if n == 1:
        return float(right)
    total, games = 0.0, n // 2
    for both in range(right // 2 + 1):
        mixed = right - 2 * both
        neither = games - both - mixed
        if neither < 0:
            continue
        ways = comb(games, both) * comb(games - both, mixed) * 2**mixed / comb(n, right)
        for won in range(mixed + 1):
            chance = comb(mixed, won) * a**won * (1 - a) ** (mixed - won)
            total += ways * chance * right_wins(games, both + won, a)
    return total


@pytest.mark.parametrize("right", range(5))
def test_selection_among_right_and_wrong_ones(right):
    found = winners(Knockout(), [1] * right + [0] * (4 - right), 0.7)
    assert found.get(1, 0.0) == pytest.approx(right_wins(4, right, 0.7))


@pytest.mark.parametrize(
    ("accuracy", "published"), [(0.6, 0.552), (0.7, 0.694), (0.8, 0.819), (0.9, 0.919)]
)
def test_selection_accuracy_of_eight_is_that_of_the_reference(accuracy, published):
    # pass@1 of .4; the reference simulated it, to about half a point.
    chances = [comb(8, r) * 0.4**r * 0.6 ** (8 - r) for r in range(9)]
    found = sum([c * right_wins(8, r, accuracy) for r, c in enumerate(chances)])
    assert found == pytest.approx(published, abs=0.006)
    assert 1 - chances[0] == pytest.approx(0.983, abs=5e-4)  # the oracle


def test_each_with_each_is_better_than_a_knockout_for_more_games():
    knockout = winners(Knockout(), [0, 1, 2, 3], 0.7)[3]
    everybody = winners(RoundRobin(), [3, 2, 1, 0], 0.7)[3]  # ties of the sum go to the first
    assert knockout == pytest.approx(0.49)
    assert everybody == pytest.approx(by_games(0.7))
    assert everybody > knockout


def by_games(a):
    """Chance that the first of four has at least as many wins as any other, game by game."""
    pairs, total = list(combinations(range(4), 2)), 0.0
    for played in range(2 ** len(pairs)):
        wins, chance = [0] * 4, 1.0
        for bit, (i, j) in enumerate(pairs):
            right = played >> bit & 1
            wins[i if right else j] += 1
            chance *= a if right else 1 - a
        total += chance * (wins[0] == max(wins))
    return total


@pytest.mark.parametrize("n", [2, 3, 4, 5, 7])
def test_elo_orders_as_a_judge_that_never_errs(n):
    async def play(pairs):
        return [float(i > j) for i, j in pairs]

    scores = asyncio.run(Elo()(n, play, 7))
    assert scores == sorted(scores)
    assert len(set(scores)) == n


# ----------------------------------------------------------------------- as a selection


def drawn():
    """Models that draw the four solutions of the court in turn."""
    steps = {(): [Step(text, 1, -1.0, final=True) for text in QUALITY]}
    return Models(task=None, policy=ScriptedPolicy(steps))


class AnyAnswer:
    def answer(self, path):
        return path.steps[-1].text


@pytest.mark.parametrize(
    ("judge", "calls"),
    [
        (lambda lm: LLMJudge(lm, grading=Pairwise(tournament=Knockout())), 2 * 3),
        (lambda lm: LLMJudge(lm, grading=Pairwise()), 2 * 6),
        (lambda lm: RRM(lm, tournament=Knockout()), 2 * 3),
        (lambda lm: RRM(lm, votes=5, temperature=1.0, tournament=Knockout()), 5 * 3),
        (lambda lm: RRM(lm, tournament=Elo()), 2 * 6),
    ],
)
def test_best_of_n_with_a_judge_that_compares(judge, calls):
    models = replace(
        drawn(), task=AnyAnswer(), reward=wired(judge(KnownJudge(QUALITY))), trace=Trace()
    )

    async def go():
        with Ledger().active() as ledger:
            result = await BestOfN(9)(Problem("p", "What is 2 + 2?"), models)
            return result, ledger.usage["judge", "critique"].calls

    result, spent = asyncio.run(go())
    assert result.best.path.steps[-1].text == "2 + 2 = 4"
    assert len(result.candidates) == 9
    assert spent == calls  # of the four different solutions, however often they were drawn


@pytest.mark.parametrize("judge", [RRM, lambda lm: LLMJudge(lm, grading=Pairwise())])
def test_scores_of_two_calls_are_not_compared(judge):
    models = replace(drawn(), task=AnyAnswer(), reward=wired(judge(KnownJudge(QUALITY))))
    strategy = BestOfN(4, stop=ScoreReached())
    with pytest.raises(InputError, match="best_of_n stop: expected a reward that holds from call"):
        asyncio.run(strategy(Problem("p", "What is 2 + 2?"), replace(models, trace=Trace())))
    grades = wired(LLMJudge(KnownJudge(QUALITY)))
    mine = replace(models, reward=grades, trace=Trace())

    async def go():
        with Ledger().active():
            return await strategy(Problem("p", "What is 2 + 2?"), mine)

    assert asyncio.run(go()).best.score == 1.0
