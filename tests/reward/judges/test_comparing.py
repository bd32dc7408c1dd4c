import asyncio
import itertools

import pytest

from specreward.engines import ChatPrompt
from specreward.errors import InputError, RewardError
from specreward.reward.judges import (
    RRM,
    Elo,
    Knockout,
    LLMJudge,
    Pairwise,
    Rating,
    RoundRobin,
)
from specreward.reward.judges.tournament import PairReward
from specreward.spec import name_of, parse
from specreward.testing import KnownJudge
from specreward.types import Problem

from .court import BAD, FAIR, GOOD, POOR, QUALITY, path, scores, wired

ALL = [BAD, GOOD, POOR, FAIR]
LADDER = [0.125, 0.875, 0.375, 0.625]  # the share of the four that each beats, itself a tie


def run(reward, paths):
    return asyncio.run(scores(reward, paths))


# ---------------------------------------------------------------------------------- rating


def test_a_rating_is_a_place_on_the_scale():
    judge = KnownJudge(QUALITY)
    values, usage = run(LLMJudge(judge), ALL)
    assert values == [0.0, 1.0, pytest.approx(2 / 9), pytest.approx(7 / 9)]  # 1, 10, 3 and 8
    assert list(usage) == [("judge", "critique")]
    assert judge.calls[0][2].temperature == 0.0
    values, _ = run(LLMJudge(judge, grading=Rating(low=0, high=4)), ALL)
    assert values == [0.0, 1.0, 0.25, 0.75]


def test_a_rating_is_asked_of_each_step_too():
    reward = wired(LLMJudge(KnownJudge(QUALITY), grading=Rating(low=0, high=4)))
    assert asyncio.run(reward.steps([path("It is even", "2 + 2 = 5")])) == [[0.75, 0.0]]


class Says:
    """Says written texts in turn."""

    name = "says"
    parameters = 0

    def __init__(self, *texts):
        self.texts = list(texts)
        self.calls = []

    async def complete(self, prompts, seeds, sampling):
        from specreward.engines import Completion

        self.calls.append((list(prompts), list(seeds), sampling))
        return [Completion(self.texts.pop(0), 1, None, 1) for _ in prompts]


def test_the_last_grade_of_a_text_counts():
    assert run(LLMJudge(Says("[[2]] at first; Rating: [[ 5.5 ]]")), [GOOD])[0] == [0.5]


@pytest.mark.parametrize("text", ["Rating: 7", "[[11]]", "[[0]]", "[[great]]", "", "[[7]] [[77]]"])
def test_a_grade_off_the_scale_is_none(text):
    with pytest.raises(RewardError, match=r"a grade from \[\[1\]\] to \[\[10\]\]"):
        run(LLMJudge(Says(text), tries=1), [GOOD])
    judge = Says(text, "Rating: [[10]]")
    assert run(LLMJudge(judge), [GOOD])[0] == [1.0]
    assert [sampling.temperature for *_, sampling in judge.calls] == [0.0, 0.7]


def test_samples_are_averaged():
    judge = Says("[[1]]", "[[10]]", "[[10]]")
    reward = LLMJudge(judge, samples=3, temperature=0.5, max_tokens=99, seed=3)
    assert run(reward, [GOOD])[0] == [pytest.approx(2 / 3)]
    [(_, seeds, sampling)] = judge.calls
    assert len(set(seeds)) == 3
    assert (sampling.temperature, sampling.max_tokens) == (0.5, 99)
    other = Says("[[1]]")
    run(LLMJudge(other, seed=4), [GOOD])
    assert other.calls[0][1][0] not in seeds


# ---------------------------------------------------------------------------------- pairs


@pytest.mark.parametrize("judge", [LLMJudge, RRM])
def test_an_honest_comparison_ranks_all(judge):
    grading = {"grading": Pairwise()} if judge is LLMJudge else {}
    lm = KnownJudge(QUALITY)
    values, usage = run(judge(lm, **grading), ALL)
    assert values == LADDER
    assert usage["judge", "critique"].calls == 12  # six pairs in both orders


@pytest.mark.parametrize("judge", [LLMJudge, RRM])
def test_a_judge_that_prefers_a_position_says_nothing(judge):
    grading = {"grading": Pairwise()} if judge is LLMJudge else {}
    values, _ = run(judge(KnownJudge(QUALITY, first=1.0), **grading), ALL)
    assert values == [0.5] * 4


def test_where_the_orders_disagree_it_is_a_tie():
    for first, second, bad, good in [
        ("[[A]]", "[[B]]", 0.75, 0.25),
        ("[[A]]", "[[A]]", 0.5, 0.5),
        ("[[A]]", "[[C]]", 0.5, 0.5),
        ("[[C]]", "[[C]]", 0.5, 0.5),
        ("[[B]]", "[[A]]", 0.25, 0.75),
    ]:
        low, high = sorted([BAD, GOOD], key=lambda one: one.steps[0].text)
        values, _ = run(LLMJudge(Says(first, second), grading=Pairwise()), [low, high])
        assert values == [bad, good], (first, second)


def test_the_majority_of_samples_is_an_orders_result():
    said = ["[[A]]", "[[A]]", "[[B]]", "[[B]]", "[[B]]", "[[A]]"]
    reward = LLMJudge(Says(*said), grading=Pairwise(), samples=3, temperature=1.0)
    low, high = sorted([BAD, GOOD], key=lambda one: one.steps[0].text)
    assert run(reward, [low, high])[0] == [0.75, 0.25]


def test_rrm_reads_the_boxed_name_and_sends_a_system_prompt():
    texts = [r"hm \boxed{Assistant 1}, no, \boxed{ \text{Assistant 2} }"] * 2
    judge = Says(*texts)
    assert run(RRM(judge), [GOOD, BAD])[0] == [0.5, 0.5]  # the second, whoever it is
    prompt = judge.calls[0][0][0]
    assert isinstance(prompt, ChatPrompt)
    assert [message.role for message in prompt.messages] == ["system", "user"]
    with pytest.raises(RewardError, match=r"rrm: expected .boxed\{Assistant 1\}.* of 2 texts"):
        run(RRM(Says(*["\\boxed{2}"] * 4), tries=2), [GOOD, BAD])
    other = Says(*texts)
    run(RRM(other, seed=1), [GOOD, BAD])
    assert not set(other.calls[0][1]) & set(judge.calls[0][1])


def test_rrm_takes_the_majority_of_its_votes_half_of_them_in_each_order():
    lm = KnownJudge(QUALITY, accuracy=0.75)
    [bad, good], usage = run(RRM(lm, votes=41, temperature=1.0, max_tokens=7), [BAD, GOOD])
    assert (bad, good) == (0.25, 0.75)
    assert usage["judge", "critique"].calls == 41
    [(prompts, _, sampling)] = lm.calls
    assert (sampling.temperature, sampling.max_tokens) == (1.0, 7)
    first = [prompt.index("2 + 2 = 5") < prompt.index("2 + 2 = 4") for prompt in prompts]
    assert sum(first) in (20, 21)


def test_one_vote_has_an_order_of_its_own_for_each_pair():
    lm = KnownJudge({f"x{i}": 0.5 for i in range(12)})
    run(RRM(lm, votes=1), [path(f"x{i}") for i in range(12)])
    prompts = lm.calls[0][0]
    first = [prompt.split("Step 1: ")[1] < prompt.split("Step 1: ")[2] for prompt in prompts]
    assert len(first) == 66
    assert 20 < sum(first) < 46


def test_a_score_does_not_hang_on_the_order_of_the_call():
    for reward in (
        RRM(KnownJudge(QUALITY, accuracy=0.7), tournament=Knockout()),
        RRM(KnownJudge(QUALITY, accuracy=0.7), votes=1, tournament=Elo()),
    ):
        found = {
            tuple(sorted(zip([one.key for one in order], run(reward, order)[0], strict=True)))
            for order in itertools.permutations(ALL)
        }
        assert len(found) == 1


def test_problems_are_judged_apart_and_equal_solutions_once():
    other = Problem("other", "What is 1 + 3?")
    lm = KnownJudge(QUALITY)
    there = path("2 + 2 = 4", problem=other)
    values, _ = run(RRM(lm), [GOOD, there, BAD, GOOD])
    assert values == [0.75, 0.5, 0.25, 0.75]
    assert sum(len(prompts) for prompts, *_ in lm.calls) == 2


def test_one_alone_ties_with_itself():
    lm = KnownJudge(QUALITY)
    for tournament in (RoundRobin(), Elo(), Knockout()):
        assert run(RRM(lm, tournament=tournament), [GOOD])[0] == [0.5]
    assert not lm.calls


# ---------------------------------------------------------------------------------- tournaments


class Strength:
    """The stronger wins; remembers who met."""

    def __init__(self, strength):
        self.strength = strength
        self.met = []

    async def __call__(self, pairs):
        self.met.append([(one.steps[-1], other.steps[-1]) for one, other in pairs])
        rows = [(self.strength[a.steps[-1]], self.strength[b.steps[-1]]) for a, b in pairs]
        return [0.5 if a == b else float(a > b) for a, b in rows]


def tournament(kind, strength):
    duel = Strength(strength)
    reward = PairReward(duel, tournament=kind)
    found = asyncio.run(reward.score([path(name) for name in strength]))
    return dict(zip(strength, found, strict=True)), duel.met


def test_round_robin_is_the_share_beaten():
    values, met = tournament(RoundRobin(), {"a": 3, "b": 1, "c": 1})
    assert values == {
        "a": pytest.approx(2.5 / 3),
        "b": pytest.approx(1 / 3),
        "c": pytest.approx(1 / 3),
    }
    assert [len(games) for games in met] == [3]


def test_elo_follows_its_formula():
    # One game, one order: both begin level, the winner takes half of k.
    values, _ = tournament(Elo(k=400.0, orders=1), {"a": 1, "b": 0})
    expected = 1 / (1 + 10 ** (-400 / 400))
    assert values["a"] == pytest.approx((0.5 + expected) / 2)
    assert values["b"] == pytest.approx(1 - (0.5 + expected) / 2)


def test_elo_averages_over_orders():
    strength = {"a": 3, "b": 2, "c": 1, "d": 0}
    one, _ = tournament(Elo(k=200.0, orders=1), strength)
    many, met = tournament(Elo(k=200.0, orders=64), strength)
    assert one != many
    assert sorted(many, key=many.__getitem__, reverse=True) == ["a", "b", "c", "d"]
    assert sum(many.values()) == pytest.approx(2.0)
    assert len(met) == 1
    assert [len(games) for games in met] == [6]
    # Symmetric by construction, and so it must come out in the mean over orders.
    assert many["a"] + many["d"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 11])
def test_a_knockout_has_one_winner_in_as_few_games_as_can_be(n):
    strength = {f"p{i:02}": i for i in range(n)}
    values, met = tournament(Knockout(), strength)
    assert sum(map(len, met)) == n - 1
    assert len(met) == (n - 1).bit_length()
    best = max(strength, key=strength.__getitem__)
    assert values[best] == pytest.approx(1 - 0.5 / n)
    assert sum(values.values()) == pytest.approx(n / 2)
    out = sorted(values.values())
    assert out[0] == pytest.approx((n // 2) / 2 / n)  # those of the first round share the bottom


def test_a_tie_of_a_knockout_is_drawn():
    winners = set()
    for name in "stuvwxyz":
        values, _ = tournament(Knockout(), {f"{name}1": 0, f"{name}2": 0})
        winners.add(max(values, key=values.__getitem__)[-1])
    assert winners == {"1", "2"}


@pytest.mark.parametrize(
    "text",
    [
        "llm_judge(embedded_policy('game24'), grading=pairwise(tournament=knockout()))",
        "llm_judge(embedded_policy('game24'), grading=rating(low=0, high=5), temperature=0.5)",
        "rrm(embedded_policy('game24'), votes=5, tournament=elo(k=16.0, orders=3))",
    ],
)
def test_text_and_back(text):
    judge = parse(text, "rewardmodel")
    assert parse(name_of(judge), "rewardmodel") == judge
    assert judge.names == [judge.lm.name]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Rating(low=5, high=5),
        lambda: Elo(k=0),
        lambda: Elo(orders=0),
        lambda: Pairwise(tournament=None),
        lambda: LLMJudge(KnownJudge({}), samples=0),
        lambda: LLMJudge(KnownJudge({}), samples=2),
        lambda: LLMJudge(KnownJudge({}), temperature=-1),
        lambda: LLMJudge(KnownJudge({}), tries=0),
        lambda: RRM(KnownJudge({}), votes=0),
        lambda: RRM(KnownJudge({}), max_tokens=0),
        lambda: RRM(KnownJudge({}), tournament=None),
    ],
)
def test_settings_out_of_range_are_refused(build):
    with pytest.raises(InputError):
        build()
