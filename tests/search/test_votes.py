"""Votes on the toy: limits for many paths, ties, empty answers, canonical answers."""

import asyncio
import itertools
import math
from dataclasses import dataclass, replace

import pytest

from specreward.errors import InputError, RewardError
from specreward.search import BestOfN, Highest, SelfConsistency, SoftmaxVote, WeightedVote
from specreward.tasks.checkers import Maths
from specreward.testing import ExactPolicy, ExactReward, law
from specreward.types import Candidate, Models, Path, Problem, Step, Trace
from specreward.voting import majority, weighted_majority

SHARES = (0.50, 0.25, 0.15, 0.10)
REWARDS = (0.1, 0.4, 0.7, 1.0)
ANSWERS = ("0", "1", "2", "0")
NAMES = "abcd"


@dataclass(frozen=True)
class Written:
    """A task whose answers are written down."""

    answers: tuple

    def answer(self, path):
        return self.answers[NAMES.index(path.steps[-1].text)]


def toy(answers=ANSWERS):
    return Models(
        task=Written(answers),
        policy=ExactPolicy({(): dict(zip(NAMES, SHARES, strict=True))}),
        reward=ExactReward({(x,): r for x, r in zip(NAMES, REWARDS, strict=True)}),
    )


def elected(strategy, answers=ANSWERS):
    """The exact law of the answer of a strategy on the toy."""

    async def play():
        models = replace(toy(answers), trace=Trace())
        result = await strategy(Problem("p", "?"), models)
        return None if result.best is None else models.task.answer(result.best.path)

    return law(play)


def multinomial(n):
    """Counts of the four symbols and their chances."""
    for bars in itertools.combinations(range(n + 3), 3):
        counts = [right - left - 1 for left, right in itertools.pairwise([-1, *bars, n + 3])]
        ways = math.factorial(n) / math.prod([math.factorial(c) for c in counts])
        yield counts, ways * math.prod([p**c for p, c in zip(SHARES, counts, strict=True)])


def wins(n, weights, answers):
    """The chance of each answer to have the largest weight alone, over all counts."""
    found = {}
    for counts, chance in multinomial(n):
        totals = {}
        for count, weight, answer in zip(counts, weights, answers, strict=True):
            if answer:
                totals[answer] = totals.get(answer, 0.0) + count * weight
        most = max(totals.values())
        winners = [answer for answer, total in totals.items() if total > most - 1e-9]
        if len(winners) == 1:
            found[winners[0]] = found.get(winners[0], 0.0) + chance
    return found


# --------------------------------------------------------------------- limits for many paths


def test_masses_of_the_toy():
    masses, weighted = dict.fromkeys("012", 0.0), dict.fromkeys("012", 0.0)
    for share, reward, answer in zip(SHARES, REWARDS, ANSWERS, strict=True):
        masses[answer] += share
        weighted[answer] += share * reward
    assert masses == pytest.approx({"0": 0.60, "1": 0.25, "2": 0.15})
    assert weighted == pytest.approx({"0": 0.15, "1": 0.10, "2": 0.105})


@pytest.mark.parametrize(
    ("answers", "weights", "limit"),
    [
        (ANSWERS, (1, 1, 1, 1), "0"),  # .60 .25 .15
        (ANSWERS, REWARDS, "0"),  # .15 .10 .105
        (("", "1", "2", ""), (1, 1, 1, 1), "1"),  # without 0: .25 .15
        (("", "1", "2", ""), REWARDS, "2"),  # without 0: .10 .105, the vote turns over
        (ANSWERS, tuple(SoftmaxVote(0.5).weights(REWARDS)), "0"),
    ],
)
def test_the_vote_tends_to_the_largest_mass(answers, weights, limit):
    few, more, many = (wins(n, weights, answers) for n in (4, 16, 48))
    assert few.get(limit, 0.0) < many[limit]
    others = [many.get(answer, 0.0) for answer in "012" if answer != limit]
    assert many[limit] > max(others)
    if limit in ("0", "1"):  # the error shrinks geometrically; .10 against .105 takes its time
        assert 1 - many[limit] < (1 - more[limit]) ** 1.5 < 1 - more[limit]


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize(
    ("pick", "weights"),
    [
        (WeightedVote(), REWARDS),
        (SoftmaxVote(0.5), tuple([math.exp(2 * r) for r in REWARDS])),
        (SoftmaxVote(0.1), tuple([math.exp(10 * r) for r in REWARDS])),
    ],
    ids=repr,
)
def test_a_strategy_elects_with_these_chances(n, pick, weights):
    found = elected(BestOfN(n, temperature=1.0, pick=pick))
    sure = wins(n, weights, ANSWERS)
    ties = 1 - math.fsum(sure.values())
    for answer, chance in sure.items():
        assert chance - 1e-9 <= found[answer] <= chance + ties + 1e-9


@pytest.mark.parametrize("n", [1, 3, 8])
def test_self_consistency_elects_with_these_chances(n):
    found = elected(SelfConsistency(n, temperature=1.0))
    sure = wins(n, (1, 1, 1, 1), ANSWERS)
    ties = 1 - math.fsum(sure.values())
    assert all(p - 1e-9 <= found[a] <= p + ties + 1e-9 for a, p in sure.items())


def test_votes_without_their_weights_have_another_law():
    # Negative control: at n = 5 the plain vote is no weighted one.
    plain = elected(SelfConsistency(5, temperature=1.0), ("", "1", "2", ""))
    weighted = elected(BestOfN(5, temperature=1.0, pick=WeightedVote()), ("", "1", "2", ""))
    assert weighted["2"] - plain["2"] > 0.05


def test_an_empty_answer_that_could_vote_would_win():
    # Negative control: "" has the mass .6 here, and must not be a class of its own.
    answers = ("", "1", "2", "")
    assert sum([p for p, answer in zip(SHARES, answers, strict=True) if not answer]) == 0.6
    for strategy in (
        SelfConsistency(8, temperature=1.0),
        BestOfN(8, temperature=1.0, pick=WeightedVote()),
        BestOfN(8, temperature=1.0, pick=SoftmaxVote()),
    ):
        found = elected(strategy, answers)
        assert "" not in found
        assert found[None] == pytest.approx(0.6**8)  # nobody answered


# ------------------------------------------------------------------------------ softmax vote


def found_of(words, scores):
    root = Path(Problem("p", "?"))
    return [
        Candidate(root.then(Step(word, final=True)), score)
        for word, score in zip(words, scores, strict=True)
    ]


def choice(pick, words, scores, answers=ANSWERS):
    return pick(found_of(words, scores), toy(answers)).path.steps[-1].text


def test_softmax_vote_lies_between_the_highest_and_the_majority():
    words, scores = "bbbcca", [0.5, 0.5, 0.5, 0.7, 0.7, 0.71]
    assert choice(SoftmaxVote(1e-4), words, scores) == choice(Highest(), words, scores) == "a"
    assert choice(SoftmaxVote(0.3), words, scores) == "c"  # 2 exp(.7/.3) > 3 exp(.5/.3)
    assert choice(SoftmaxVote(1e6), words, scores) == "b"
    assert majority([ANSWERS[NAMES.index(word)] for word in words]) == "1"


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_softmax_vote_is_the_weighted_vote_of_a_softmax(temperature):
    words, scores = "abcdbbca", [0.1, 0.4, 0.7, 1.0, 0.3, 0.2, 0.6, 0.0]
    total = math.fsum([math.exp(score / temperature) for score in scores])
    weights = [math.exp(score / temperature) / total for score in scores]
    answers = [ANSWERS[NAMES.index(word)] for word in words]
    best = choice(SoftmaxVote(temperature), words, scores)
    assert ANSWERS[NAMES.index(best)] == weighted_majority(answers, weights)


def test_softmax_vote_takes_any_finite_score():
    assert choice(SoftmaxVote(0.01), "abb", [-900.0, -1000.0, -1000.0]) == "a"  # no overflow
    assert choice(SoftmaxVote(1.0), "abb", [5000.0, 4999.9, 4999.9]) == "b"
    with pytest.raises(RewardError, match="expected finite scores to vote with"):
        choice(SoftmaxVote(), "ab", [0.1, math.nan])
    for wrong in (0, -1.0, math.inf, "1"):
        with pytest.raises(InputError, match="softmax_vote reward_temperature: expected a finite"):
            SoftmaxVote(wrong)


def test_ties_of_all_votes_go_to_the_answer_drawn_first():
    for pick in (WeightedVote(), SoftmaxVote()):
        assert choice(pick, "cbbc", [0.5] * 4) == "c"
        assert choice(pick, "bccb", [0.5] * 4) == "b"


# ------------------------------------------------------------------------- canonical answers


def test_equal_answers_of_maths_are_one_class():
    read = Maths().read
    assert read(r"\boxed{\dfrac{1}{2}}") == read(r"$\frac12$") == read("0.5") == "1/2"
    votes = [read(text) for text in (r"\boxed{\frac{1}{2}}", "3", r"0.50", "3.0", r"\tfrac12")]
    assert majority(votes) == "1/2"


def test_rewards_are_asked_once_for_equal_paths():
    asked = []

    class Counting:
        async def score(self, paths):
            asked.extend(paths)
            return [0.5] * len(paths)

    models = replace(toy(), reward=Counting(), trace=Trace())
    asyncio.run(BestOfN(32)(Problem("p", "?"), models))
    assert len(asked) == len(set(asked)) <= 4
