"""Adaptive stopping, played in every way: expected draws, and how often the answer changes."""

import asyncio
import itertools
import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import pytest

from specreward.errors import InputError
from specreward.search import (
    BestOfN,
    Never,
    ScoreReached,
    SelfConsistency,
    VoteDecided,
    WeightedVote,
    WindowAgrees,
)
from specreward.search.stopping import Drawn, lead_is_sure, leads_by_chance
from specreward.testing import ExactPolicy, ExactReward, check_strategy, law
from specreward.types import Models, Problem, Trace
from specreward.verify import Threshold
from specreward.voting import majority

TABLE = {(): {"a": 0.50, "b": 0.25, "c": 0.15, "d": 0.10}}
REWARDS = {("a",): 0.1, ("b",): 0.4, ("c",): 0.7, ("d",): 1.0}
ANSWERS = {"a": "0", "b": "1", "c": "2", "d": "0"}
MASSES = {"0": 0.60, "1": 0.25, "2": 0.15}


@dataclass(frozen=True)
class Votes:
    """A task whose answers are written down."""

    answers: tuple

    def answer(self, path):
        return dict(self.answers)[path.steps[-1].text]


def models(answers=ANSWERS):
    return Models(
        task=Votes(tuple(answers.items())), policy=ExactPolicy(TABLE), reward=ExactReward(REWARDS)
    )


def outcomes(strategy):
    """The exact law of (paths drawn, answer) of a strategy on the toy."""

    async def play():
        mine = replace(models(), trace=Trace())
        result = await strategy(Problem("p", "?"), mine)
        return len(result.candidates), mine.task.answer(result.best.path)

    return law(play)


def drawn_of(answers):
    return [Drawn(answer) for answer in answers]


def stopped_at(stop, answers):
    """How many of the answers a rule draws."""
    at = 0
    while at < len(answers) and (more := stop(drawn_of(answers[:at]), len(answers) - at)):
        at += more
    return at


def _asked(stop, answers, left):
    return stop(drawn_of(answers), left)


def exact(stop, n):
    """Expected draws, and the chance that the answer is not that of all n; over all sequences."""
    expected = differs = 0.0
    stop = cache(partial(_asked, stop))
    for answers in itertools.product(MASSES, repeat=n):
        chance = math.prod([MASSES[answer] for answer in answers])
        at = 0
        while at < n and (more := stop(answers[:at], n - at)):
            at += more
        expected += chance * at
        differs += chance * (majority(answers[:at]) != majority(answers))
    return expected, differs


# ------------------------------------------------------------------------- the Beta posterior


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (3, 1), (7, 5), (20, 11)])
def test_the_posterior_is_the_integral_of_the_beta_density(first, second):
    grid = (np.arange(200_000) + 0.5) / 200_000
    density = grid**first * (1 - grid) ** second
    share = density[grid > 0.5].sum() / density.sum()
    assert leads_by_chance(first, second) == pytest.approx(share, abs=1e-5)
    assert leads_by_chance(second, first) == pytest.approx(1 - leads_by_chance(first, second))


def test_four_equal_answers_are_enough_at_95_percent_and_three_are_not():
    assert leads_by_chance(4, 0) == 1 - 2**-5 == 0.96875
    assert leads_by_chance(3, 0) == 0.9375
    assert stopped_at(VoteDecided(), ["x"] * 40) == 4
    assert stopped_at(VoteDecided(0.97), ["x"] * 40) == 5  # 1 - 2^-6 = .984


# ----------------------------------------------------------------------------- the sure lead


@pytest.mark.parametrize("left", [1, 2, 3])
def test_a_lead_is_sure_exactly_if_nothing_can_overtake_it(left):
    for k in range(1, 5):
        for answers in itertools.product("xyz", repeat=k):
            ends = itertools.product("xyznm", repeat=left)
            kept = all(majority([*answers, *end]) == majority(answers) for end in ends)
            votes = Counter(answers)  # in order of first occurrence
            assert lead_is_sure(list(votes.values()), left) == kept, (answers, left)


def test_nobody_voted_nobody_leads():
    assert not lead_is_sure([], 5)
    assert VoteDecided()(drawn_of([""] * 5), 3) == 1
    assert VoteDecided()(drawn_of([""] * 5 + ["x"] * 4), 30) == 0


def test_a_belief_that_rounds_to_one_is_not_sure():
    assert leads_by_chance(60, 0) == 1.0
    assert VoteDecided(1.0)(drawn_of(["x"] * 60), 100) == 1
    assert VoteDecided(1.0)(drawn_of(["x"] * 60), 60) == 0


@pytest.mark.parametrize("n", [5, 8])
def test_the_sure_rule_never_changes_the_answer(n):
    expected, differs = exact(VoteDecided(1.0), n)
    assert differs == 0.0
    assert expected < n - 0.5


def test_a_lead_that_is_not_strict_would_change_it(monkeypatch):
    # Negative control: a rival who came first wins a tie, so that lead >= left is not enough.
    def careless(votes, left):
        leader = votes.index(max(votes)) if votes else 0
        rivals = [votes[i] for i in range(len(votes)) if i != leader]
        return bool(votes) and max([0, *rivals]) + left <= votes[leader]

    monkeypatch.setattr("specreward.search.stopping.lead_is_sure", careless)
    assert exact(VoteDecided(1.0), 5)[1] > 0.01


# ------------------------------------------------------------------ exact laws on the toy


@pytest.mark.parametrize(
    ("confidence", "n", "expected", "differs"),
    [
        (0.8, 6, 3.6644, 0.0399375),
        (0.95, 6, 4.6183875, 0.0),
        (0.8, 9, 4.2473372, 0.0850940),
        (0.9, 9, 6.4481834, 0.0071370),
        (0.95, 9, 6.9659386, 0.0004803),
        (1.0, 9, 7.1724595, 0.0),
    ],
)
def test_expected_draws_and_error_of_the_vote_rule(confidence, n, expected, differs):
    found = exact(VoteDecided(confidence), n)
    assert found == pytest.approx((expected, differs), abs=1e-7)
    assert found[1] <= 1 - confidence


@pytest.mark.parametrize("stop", [VoteDecided(0.8), VoteDecided(), VoteDecided(1.0)])
def test_the_strategy_has_the_law_of_the_rule(stop):
    found = outcomes(SelfConsistency(6, temperature=1.0, stop=stop))
    assert math.fsum(found.values()) == pytest.approx(1)
    mean = math.fsum([chance * drawn for (drawn, _), chance in found.items()])
    assert mean == pytest.approx(exact(stop, 6)[0])
    right = math.fsum([chance for (_, answer), chance in found.items() if answer == "0"])
    wanted = math.fsum(
        [
            math.prod([MASSES[a] for a in answers])
            for answers in itertools.product(MASSES, repeat=6)
            if majority(answers[: stopped_at(stop, answers)]) == "0"
        ]
    )
    assert right == pytest.approx(wanted)


def test_the_window_rule_draws_a_geometric_number_of_windows():
    # All three of a window agree with chance .6^3 + .25^3 + .15^3 = q; up to 3 windows of n = 9.
    q = sum([mass**3 for mass in MASSES.values()])
    expected = 3 * (1 + (1 - q) + (1 - q) ** 2)
    assert exact(WindowAgrees(3), 9)[0] == pytest.approx(expected)
    found = outcomes(SelfConsistency(6, temperature=1.0, stop=WindowAgrees(3)))
    mean = math.fsum([chance * drawn for (drawn, _), chance in found.items()])
    assert mean == pytest.approx(3 * (2 - q))


def test_a_window_that_slides_stops_no_later():
    answers = ["x", "y", "y", "y", "x", "x"]
    assert stopped_at(WindowAgrees(3, batch=1), answers) == 4
    assert stopped_at(WindowAgrees(3), answers) == 6  # xyy, yxx


def test_a_window_without_answers_does_not_agree():
    assert stopped_at(WindowAgrees(2), ["", "", "x", "x", "x"]) == 4


def test_a_score_that_is_enough_ends_the_drawing():
    # Chance to draw d, the only reward of at least .95, is .1; d is what is chosen.
    found = outcomes(BestOfN(5, temperature=1.0, stop=ScoreReached()))
    mean = math.fsum([chance * drawn for (drawn, _), chance in found.items()])
    assert mean == pytest.approx(sum([0.9**k for k in range(5)]))


@pytest.mark.parametrize("minimum", [1.0, 0.7])
def test_stopping_at_the_highest_reward_changes_no_choice(minimum):
    def law_of(stop):
        async def play():
            result = await BestOfN(4, temperature=1.0, stop=stop)(
                Problem("p", "?"), replace(models(), trace=Trace())
            )
            return result.best.path.steps[-1].text

        return law(play)

    full, early = law_of(Never()), law_of(ScoreReached(minimum))
    changed = max([abs(full[x] - early[x]) for x in full])
    assert changed == pytest.approx(0, abs=1e-12) if minimum == 1.0 else changed > 0.05


def test_best_of_n_may_stop_by_the_vote():
    strategy = BestOfN(5, temperature=1.0, pick=WeightedVote(), stop=VoteDecided())
    found = outcomes(strategy)
    mean = math.fsum([chance * drawn for (drawn, _), chance in found.items()])
    assert mean == pytest.approx(exact(VoteDecided(), 5)[0])


# ------------------------------------------------------------------------- calls and records


@pytest.mark.parametrize("strategy", [SelfConsistency(7), BestOfN(7)])
def test_never_is_one_call_and_counts_nothing(plant, strategy):
    tree = plant({"a": 0.1, "b": 0.9, "c": 0.2}, final={"a", "b"}, dead={"c"})
    result = tree.run(strategy)
    [call] = tree.policy.calls
    assert (call.n, call.start) == (7, 0)
    assert result.counts == {}
    assert tree.run(replace(strategy, stop=Never())) == result


@pytest.mark.parametrize("strategy", [SelfConsistency(7), BestOfN(7)])
def test_paths_are_the_same_in_few_calls_or_many(plant, strategy, spelled):
    tree = plant({"a": 0.1, "b": 0.3, "c": 0.2, "d": 0.2}, final={"a", "b", "c"}, dead={"d"})
    full = tree.run(strategy)
    some = tree.run(replace(strategy, stop=WindowAgrees(2, batch=3)))  # a b c d in turn: never
    assert [(call.start, call.n) for call in tree.policy.calls] == [(0, 3), (3, 3), (6, 1)]
    assert sorted(spelled(some)) == sorted(spelled(full))
    assert some.best.path == full.best.path
    assert some.counts == {}


def test_what_was_not_drawn_is_counted(plant):
    tree = plant({"a": 0.9}, final={"a"})
    result = tree.run(SelfConsistency(40, stop=VoteDecided()))
    assert result.counts == {"paths not drawn": 36}
    assert [(call.start, call.n) for call in tree.policy.calls] == [(0, 1), (1, 1), (2, 1), (3, 1)]
    assert tree.run(SelfConsistency(40, stop=VoteDecided(batch=16))).counts == {
        "paths not drawn": 24
    }


def test_a_path_drawn_again_is_not_judged_again(plant, spelled):
    tree = plant({"a": 0.5, "b": 0.6}, final={"a", "b"})
    result = tree.run(BestOfN(5, pick=WeightedVote(), stop=ScoreReached(0.9)))
    assert tree.reward.calls == [[("a",)], [("b",)]]
    assert spelled(result) == ["a", "b", "a", "b", "a"]
    drawn = sum([item.count for _, judged in result.expansions for item in judged])
    assert drawn == 5
    assert all(judged for _, judged in result.expansions)
    result = tree.run(BestOfN(8, pick=WeightedVote(), stop=ScoreReached(0.9, batch=4)))
    counts = [[item.count for item in judged] for _, judged in result.expansions]
    assert counts == [[2, 2], [2, 2]]
    assert len(result.candidates) == 8


def test_what_the_verifier_prunes_does_not_stop_the_drawing(plant):
    tree = plant({"a": 0.5, "b": 0.6}, final={"a", "b"})
    for stop in (ScoreReached(0.4), VoteDecided()):
        result = tree.run(BestOfN(8, verify=Threshold(0.9, keep=0), stop=stop))
        assert (result.candidates, result.counts) == ((), {})


def test_empty_answers_are_counted_and_have_no_vote():
    dropped = models(ANSWERS | {"a": ""})
    for strategy in (SelfConsistency(4), BestOfN(4, pick=WeightedVote())):
        mine = replace(dropped, trace=Trace())
        result = asyncio.run(strategy(Problem("p", "?"), mine))
        empty = [c for c in result.candidates if c.path.steps[-1].text == "a"]
        assert result.counts == ({"empty answers": len(empty)} if empty else {})
        assert result.best is None or result.best.path.steps[-1].text != "a"


def test_shares_of_a_call_do_not_change_later(plant):
    tree = plant({"a": 0.1, "b": 0.9}, final={"a", "b"})
    result = tree.run(SelfConsistency(3, stop=VoteDecided(1.0)))
    assert [c.score for c in result.candidates] == pytest.approx([1, 1 / 2, 2 / 3])


# ------------------------------------------------------------------------- contract, bad input


@pytest.mark.parametrize(
    "strategy",
    [
        SelfConsistency(stop=VoteDecided()),
        SelfConsistency(stop=WindowAgrees(3)),
        BestOfN(stop=ScoreReached(0.9, batch=2)),
        BestOfN(pick=WeightedVote(), stop=VoteDecided()),
    ],
    ids=repr,
)
def test_the_contract_holds_with_a_stop(strategy):
    check_strategy(strategy, problems=20)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: VoteDecided(0.4),
            r"vote_decided confidence: expected a finite number in \[0.5, 1",
        ),
        (lambda: VoteDecided(batch=0), "vote_decided batch: expected an integer of at least 1"),
        (lambda: WindowAgrees(0), "window_agrees window: expected an integer of at least 1"),
        (lambda: WindowAgrees(batch=0), "window_agrees batch: expected an integer of at least 1"),
        (lambda: ScoreReached(math.nan), "score_reached minimum: expected a finite number"),
        (lambda: ScoreReached(batch=0), "score_reached batch: expected an integer of at least 1"),
        (lambda: SelfConsistency(stop=ScoreReached()), "expected a rule over votes, got ScoreRea"),
        (lambda: SelfConsistency(stop=None), "self_consistency stop: expected an object such as"),
        (lambda: BestOfN(stop=Never), "best_of_n stop: expected an object such as"),
    ],
)
def test_settings_that_cannot_be(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_a_rule_that_asks_for_too_much_is_refused(plant):
    tree = plant({"a": 0.9}, final={"a"})
    with pytest.raises(InputError, match="expected 0 to 3 paths to draw next, got 4"):
        tree.run(SelfConsistency(3, stop=lambda drawn, left: left + 1))


def test_an_unfinished_path_has_no_score():
    assert ScoreReached(0.0)(drawn_of([""]), 3) == 1
