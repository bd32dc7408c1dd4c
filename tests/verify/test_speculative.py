"""The whole rule: formulas, limits, the lemma, pruning, further draws."""

from math import exp, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreward.errors import InputError, RewardError
from specreward.types import Siblings, Step
from specreward.verify import (
    AtLeast,
    Everything,
    GeometricMean,
    LlmOverSrm,
    LogProbability,
    Luce,
    RawReward,
    Redraw,
    RewardShare,
    RewardTilt,
    SampleFrequency,
    SelectOne,
    Speculative,
    SrmOverLlm,
    Symmetric,
    Thin,
    Tilted,
)

from .toys import ROOT, ToyPolicy, ToyRewards, ask, children, one, roles

TEXTS = "abcdefgh"


def judge(p, q, seed=0, **fields):
    """Judgements where p and q are the laws; rewards are q's shares."""
    fields = {"target": RewardShare(), **fields}
    rewards = ToyRewards(dict(zip(TEXTS, q, strict=False)))
    texts = TEXTS[: len(p)]
    models = roles(reward=rewards, seed=seed)
    return one(Speculative(**fields), models, children(texts, [log(v) for v in p]))


def detail(judged, name):
    return [j.details[name] for j in judged]


def test_ratio_consistency_and_score_follow_their_formulas():
    p, q = (0.5, 0.3, 0.15, 0.05), (0.1, 0.2, 0.3, 0.4)
    judged = judge(p, q)
    sr = [b / a for a, b in zip(p, q, strict=True)]
    rc = [1 / (1 + abs(v - 1)) for v in sr]
    assert detail(judged, "p") == pytest.approx(p)
    assert detail(judged, "q") == pytest.approx(q)
    assert detail(judged, "sr") == pytest.approx(sr)
    assert detail(judged, "rc") == pytest.approx(rc)
    assert detail(judged, "s") == pytest.approx(
        [(a * b) ** 0.5 for a, b in zip(sr, rc, strict=True)]
    )
    assert detail(judged, "accept") == pytest.approx([min(1, v) for v in sr])
    assert detail(judged, "reward") == list(q)


def score_at(sr, alpha, **fields):
    """Raw S and score of a candidate with the given SR: p = .2 and q = .2 SR of two."""
    judged = judge((0.2, 0.8), (0.2 * sr, 1 - 0.2 * sr), alpha=alpha, **fields)
    assert judged[0].details["sr"] == pytest.approx(sr)
    return judged[0].details["s"], judged[0].score


def test_limits_of_the_score_for_each_alpha():
    for sr in (1.017, 2.399, 2.772, 4.9):
        assert score_at(sr, 0.5) == (1.0, 1.0)
    assert score_at(2.772, 0.25)[0] == pytest.approx(0.60, abs=0.005)
    assert score_at(2.772, 1.0)[0] == pytest.approx(2.772)
    assert score_at(0.4, 1.0)[0] == pytest.approx(0.4)
    assert score_at(2.772, 0.0)[0] == pytest.approx(1 / 2.772)
    assert score_at(1e-6, 0.0)[0] == pytest.approx(0.5)
    for alpha in (0.0, 0.25, 0.5, 0.75, 1.0):
        for sr in (0.05, 0.5, 0.978):
            expected = sr**alpha * (2 - sr) ** (alpha - 1)
            assert score_at(sr, alpha)[0] == pytest.approx(expected)


def test_scores_are_capped_at_one_and_the_raw_value_is_kept():
    raw, score = score_at(2.772, 0.75)
    assert raw == pytest.approx(2.772**0.5)
    assert score == 1.0


def test_above_one_half_the_score_rises_with_the_ratio_below_it_falls():
    assert score_at(3.0, 0.75)[0] > score_at(2.0, 0.75)[0] > 1
    assert score_at(3.0, 0.25)[0] < score_at(2.0, 0.25)[0] < 1


@given(
    st.lists(st.tuples(st.floats(-8, 0), st.floats(0.01, 0.99)), min_size=1, max_size=8),
    st.integers(0, 2**32),
)
def test_lemma_some_candidate_is_always_accepted(pairs, seed):
    texts = TEXTS[: len(pairs)]
    rewards = ToyRewards(dict(zip(texts, [r for _, r in pairs], strict=True)))
    judged = one(
        Speculative(),  # the toy policy refuses further draws, so that none can be needed
        roles(reward=rewards, seed=seed),
        children(texts, [lp for lp, _ in pairs]),
    )
    p, q, sr = (detail(judged, name) for name in ("p", "q", "sr"))
    assert sum(p) == pytest.approx(1)
    assert sum(q) == pytest.approx(1)
    assert sum(a * b for a, b in zip(p, sr, strict=True)) == pytest.approx(1, rel=1e-6)
    assert max(sr) >= 1 - 1e-12
    assert any(j.kept for j in judged)
    assert detail(judged, "accept") == pytest.approx([min(1, v) for v in sr])
    assert all(0 <= j.score <= 1 for j in judged)


def test_the_expected_number_kept_is_the_sum_of_acceptances():
    p, q = (0.5, 0.3, 0.15, 0.05), (0.1, 0.2, 0.3, 0.4)
    kept = [sum(j.kept for j in judge(p, q, seed)) for seed in range(800)]
    assert sum(kept) / 800 == pytest.approx(0.2 + 2 / 3 + 2, abs=0.08)


def test_direction():
    p, q = (0.5, 0.5), (0.9, 0.1)
    assert detail(judge(p, q), "accept") == pytest.approx([1.0, 0.2])
    flipped = judge(p, q, ratio=LlmOverSrm())
    assert detail(flipped, "accept") == pytest.approx([5 / 9, 1.0])


PROPOSALS = [LogProbability(), SampleFrequency(), GeometricMean()]
TARGETS = [Luce(), RewardShare(), RewardTilt(), RawReward()]


@pytest.mark.parametrize("proposal", PROPOSALS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ratio", [SrmOverLlm(), LlmOverSrm()])
@pytest.mark.parametrize("accept", [Thin(), SelectOne(), AtLeast(), Everything()])
def test_a_single_candidate_is_agreed_on(proposal, target, ratio, accept):
    verify = Speculative(alpha=0.3, proposal=proposal, target=target, ratio=ratio, accept=accept)
    models = roles(reward=ToyRewards({"a": 0.13}))
    (judged,) = one(verify, models, children("aaaa", [-3.0] * 4))
    assert (judged.score, judged.kept, judged.count) == (1.0, True, 4)
    assert [judged.details[name] for name in ("sr", "rc", "s", "accept")] == [1.0] * 4


@pytest.mark.parametrize("proposal", PROPOSALS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("accept", [Thin(), SelectOne(), AtLeast(1.5), Tilted(), Everything()])
@pytest.mark.parametrize("rewards", [(0.0, 0.0, 0.0), (0.01, 0.02, 0.0), (1.0, 1.0, 0.3)])
def test_no_combination_leaves_a_node_empty(proposal, target, accept, rewards):
    verify = Speculative(proposal=proposal, target=target, accept=accept)
    again = ToyPolicy([Step("a", 1, -0.1), Step("d", 1, -0.2)])
    models = roles(
        reward=ToyRewards({**dict(zip("abc", rewards, strict=True)), "d": 0.0}), policy=again
    )
    judged = one(verify, models, children("aabc", [-0.1, -0.1, -0.5, -0.9]))
    assert any(j.kept for j in judged)
    assert all(0 <= j.score <= 1 for j in judged)


def test_duplicates_are_merged_before_normalizing_and_counted():
    rewards = ToyRewards({"a": 0.5, "b": 0.5})
    merged = one(Speculative(), roles(reward=rewards), children("abaa", [-1.0] * 4))
    plain = one(Speculative(), roles(reward=rewards), children("ab", [-1.0] * 2))
    assert [j.count for j in merged] == [3, 1]
    assert detail(merged, "p") == detail(plain, "p") == [0.5, 0.5]
    assert detail(merged, "sr") == [1.0, 1.0]
    assert rewards.asked == ["a", "b", "a", "b"]


def test_ties_are_broken_by_q_and_then_by_count():
    judged = judge((0.1, 0.2, 0.7), (0.3, 0.4, 0.3))
    assert [j.score for j in judged[:2]] == [1.0, 1.0]
    assert judged[1].rank > judged[0].rank > judged[2].rank
    rewards = ToyRewards({"a": 0.5, "b": 0.5})
    even = one(Speculative(), roles(reward=rewards), children("abb", [-1.0] * 3))
    assert even[1].rank > even[0].rank


def test_same_seed_same_judgements_whatever_else_is_in_the_call():
    rewards = ToyRewards({"a": 0.3, "b": 0.6, "c": 0.4})
    elsewhere = ROOT.then(Step("s", 1, -1.0))
    families = [children("abc", [-1.0, -2.0, -3.0], parent=parent) for parent in (ROOT, elsewhere)]

    def decisions(seed, *asked):
        judged = ask(Speculative(), roles(reward=rewards, seed=seed), *asked)
        return [[j.kept for j in family] for family in judged]

    together = [decisions(seed, *families) for seed in range(40)]
    assert together == [decisions(seed, *families) for seed in range(40)]
    assert [t[0] for t in together] == [decisions(seed, families[0])[0] for seed in range(40)]
    assert [t[1] for t in together] == [decisions(seed, families[1])[0] for seed in range(40)]
    assert len({str(t) for t in together}) > 1
    assert any(t[0] != t[1] for t in together)


def test_each_part_is_used():
    p, q = (0.5, 0.3, 0.2), (0.2, 0.3, 0.5)
    base = judge(p, q)
    for fields, name in [
        ({"proposal": LogProbability(temperature=2)}, "p"),
        ({"target": Luce()}, "q"),
        ({"ratio": LlmOverSrm()}, "sr"),
        ({"consistency": Symmetric()}, "rc"),
        ({"alpha": 0.2}, "s"),
        ({"accept": AtLeast()}, "accept"),
    ]:
        assert detail(judge(p, q, **fields), name) != pytest.approx(detail(base, name)), fields


def test_the_ratio_is_held_within_bounds():
    judged = judge((1.0, 1e-30), (0.0, 1.0))
    assert detail(judged, "sr") == pytest.approx([exp(-20), exp(20)])


def test_floor_prunes_low_rewards_but_never_the_last():
    p, q = (0.2, 0.3, 0.5), (0.2, 0.3, 0.5)  # SR = 1: all are accepted
    assert [j.kept for j in judge(p, q)] == [True, True, True]
    assert [j.kept for j in judge(p, q, floor=0.3)] == [False, True, True]
    assert [j.kept for j in judge(p, q, floor=0.9)] == [False, False, True]


def test_floor_chooses_among_the_accepted():
    judged = judge((0.05, 0.95), (0.2, 0.4), alpha=0.25, accept=AtLeast(), floor=0.3)
    assert judged[1].score > judged[0].score
    assert [j.kept for j in judged] == [True, False]


def rejecting(table, script, **fields):
    """A family of which ``tilted`` rejects all, with further draws from a script."""
    policy, rewards = ToyPolicy(script), ToyRewards(table)
    verify = Speculative(accept=Tilted(), proposal=SampleFrequency(), **fields)
    judged = one(verify, roles(policy=policy, reward=rewards), children("aab"))
    return judged, policy, rewards


def test_where_all_are_rejected_the_policy_draws_again_and_all_is_merged():
    script = [Step("c"), Step("a"), Step("x", dead=True), Step("c")]
    judged, policy, rewards = rejecting({"a": 0.0, "b": 0.0, "c": 1.0}, script)
    assert [(j.path.steps[-1].text, j.count, j.kept) for j in judged] == [
        ("a", 3, False),
        ("b", 1, False),
        ("c", 2, True),
    ]
    assert detail(judged, "p") == pytest.approx([1 / 2, 1 / 6, 1 / 3])
    assert len(policy.asked) == 1
    assert rewards.asked == ["a", "b", "c"]


def test_after_the_last_round_the_best_is_kept():
    judged, policy, _ = rejecting({"a": 0.0, "b": 0.0, "c": 0.0}, [Step("c")])
    assert len(policy.asked) == 2
    assert sum(j.kept for j in judged) == 1
    best = max(judged, key=lambda j: j.rank)
    assert best.kept


def test_rounds_number_and_temperature_reach_the_policy_with_fresh_indices():
    table = {"a": 0.0, "b": 0.0}
    _, policy, _ = rejecting(table, [Step("a")], redraw=Redraw(rounds=0))
    assert policy.asked == []
    _, policy, _ = rejecting(table, [Step("a")], redraw=Redraw(rounds=3, n=5, temperature=0.3))
    assert [(n, temperature) for n, temperature, _ in policy.asked] == [(5, 0.3)] * 3
    starts = [start for _, _, start in policy.asked]
    assert starts == [starts[0] + 5 * i for i in range(3)]
    assert starts[0] > 1000


def test_only_parents_with_nothing_kept_draw_again():
    policy = ToyPolicy([Step("b")])
    rewards = ToyRewards({"a": 0.0, "b": 1.0})
    models = roles(policy=policy, reward=rewards)
    verify = Speculative(accept=Tilted(), proposal=SampleFrequency())
    judged = ask(verify, models, children("b"), children("a"), Siblings(ROOT, ()))
    assert [[j.kept for j in family] for family in judged] == [[True], [False, True], []]
    assert [j.count for j in judged[1]] == [1, 4]


def test_missing_log_probabilities_name_the_way_out():
    with pytest.raises(InputError, match=r"sample_frequency\(\)"):
        one(Speculative(), roles(reward=ToyRewards({"a": 0.5, "b": 0.5})), children("ab"))


def test_an_unusable_reward_is_refused():
    with pytest.raises(RewardError, match="nan"):
        judge((0.5, 0.5), (0.5, nan))


@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": -0.1},
        {"alpha": 1.5},
        {"alpha": nan},
        {"floor": 2},
        {"proposal": 1},
        {"target": "luce"},
        {"ratio": None},
        {"consistency": Symmetric},
        {"accept": 0.5},
        {"redraw": 2},
    ],
)
def test_bad_settings_are_refused_by_name(fields):
    with pytest.raises(InputError, match=f"speculative {next(iter(fields))}: expected"):
        Speculative(**fields)


@pytest.mark.parametrize("fields", [{"rounds": -1}, {"n": 0}, {"temperature": -1}])
def test_bad_redraws_are_refused_by_name(fields):
    with pytest.raises(InputError, match=f"redraw {next(iter(fields))}: expected"):
        Redraw(**fields)
