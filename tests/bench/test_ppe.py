"""PPE: votes on models, and best-of-K curves."""

import math

import pytest
from tests.bench.pairwise import constant, judged, written

from specreward.bench import PPE, Judged
from specreward.errors import InputError


def vote(name, a="x", b="y", winner="model_a"):
    told = {"prompt": "Q", "response_1": f"{name} one", "response_2": f"{name} two"}
    return {"question_id": name, "model_a": a, "model_b": b, "winner": winner} | told


def prompt(name, right, **fields):
    answers = {f"response_{k + 1}": f"answer {k}" for k in range(len(right))}
    return (
        {"question_id": name, "prompt": "Q", "model_name": "m", "scores": right} | answers | fields
    )


def votes_of(tmp_path, *rows):
    return PPE().items(written(tmp_path / "test.jsonl", list(rows)))


def by_winner(one, at):
    """Scores that agree with every vote."""
    winner = one.gold["winner"]
    return 0.5 if winner.startswith("tie") else float(("model_a", "model_b")[at] == winner)


def league(shares, games=40):
    """Votes among models x > y > z, with the share that the first of each pair wins."""
    rows = []
    for (a, b), share in shares.items():
        for k in range(games):
            won = "model_a" if k < share * games else "model_b"
            rows.append(vote(f"{a}{b}{k}", a, b, won))
    return rows


SHARES = {("x", "y"): 0.8, ("y", "z"): 0.75, ("x", "z"): 0.9}


def test_accuracy_leaves_ties_out(tmp_path):
    items = votes_of(
        tmp_path,
        vote(1),
        vote(2, winner="model_b"),
        vote(3, winner="tie"),
        vote(4, winner="tie (bothbad)"),
    )
    first = PPE().metrics(judged(items, lambda _, at: 1.0 - at))
    assert first["accuracy"] == 0.5
    assert PPE().metrics(judged(items, constant))["accuracy"] == 0.0
    assert PPE().metrics(judged(items, by_winner))["accuracy"] == 1.0


def test_scores_that_agree_with_the_votes_rank_the_models_alike(tmp_path):
    items = votes_of(tmp_path, *league(SHARES))
    found = PPE().metrics(judged(items, by_winner))
    assert found["accuracy"] == found["spearman"] == found["kendall"] == 1.0
    assert found["row-wise pearson"] == pytest.approx(1.0)
    assert found["separability"] == found["confidence agreement"] == 1.0
    assert found["brier"] < 0.01


def test_scores_that_turn_the_votes_round_rank_them_backwards(tmp_path):
    items = votes_of(tmp_path, *league(SHARES))
    found = PPE().metrics(judged(items, lambda one, at: -by_winner(one, at)))
    assert found["accuracy"] == 0.0
    assert found["spearman"] == found["kendall"] == found["confidence agreement"] == -1.0
    assert found["row-wise pearson"] == pytest.approx(-1.0)
    assert found["separability"] == 1.0  # sure, and wrong
    assert found["brier"] > 0.99


def test_a_tie_is_half_a_win_of_a_model(tmp_path):
    ties = [vote(f"t{k}", winner="tie") for k in range(10)]
    items = votes_of(tmp_path, *ties, vote(1, winner="model_b"), vote(2, winner="model_b"))
    found = PPE().metrics(judged(items, lambda _, at: float(at)))
    assert found["accuracy"] == found["kendall"] == 1.0  # y is ahead, by two votes in twelve


def test_a_constant_separates_nothing(tmp_path):
    items = votes_of(tmp_path, *league(SHARES))
    found = PPE().metrics(judged(items, constant))
    assert found["separability"] == found["confidence agreement"] == 0.0
    assert found["brier"] == 0.25
    assert math.isnan(found["spearman"])
    assert math.isnan(found["row-wise pearson"])


def test_few_votes_are_not_enough_to_be_sure(tmp_path):
    near = {("x", "y"): 0.5, ("y", "z"): 0.5, ("x", "z"): 0.5}
    items = votes_of(tmp_path, *league(near, games=8))
    found = PPE().metrics(judged(items, by_winner))
    assert found["accuracy"] == 1.0
    assert found["separability"] == found["confidence agreement"] == 0.0


def test_rounds_and_seed_are_those_of_the_bootstrap(tmp_path):
    shares = {("x", "y"): 0.6, ("y", "z"): 0.55, ("x", "z"): 0.65}
    own = judged(votes_of(tmp_path, *league(shares)), by_winner)
    briers = [one.metrics(own)["brier"] for one in (PPE(), PPE(), PPE(seed=1), PPE(rounds=10))]
    assert briers[0] == briers[1]
    assert len(set(briers)) == 3
    with pytest.raises(InputError, match="ppe rounds"):
        PPE(rounds=1)
    with pytest.raises(InputError, match="ppe seed"):
        PPE(seed=-1)


def test_best_of_k_by_hand(tmp_path):
    item = PPE().items(written(tmp_path / "math.jsonl", [prompt(1, [True, False, False])]))[0]
    one = Judged(item, (0.5, 0.9, 0.1))
    found = PPE().metrics([one])
    # k = 1: 1/3; k = 2: {0,1} wrong, {0,2} right, {1,2} wrong; k = 3: wrong
    assert found["math max"] == pytest.approx(1 / 3)
    assert found["math end"] == 0.0
    ideal = [1 / 3, 2 / 3, 1.0]
    curve = [1 / 3, 1 / 3, 0.0]
    loss = sum((a - b) ** 2 for a, b in zip(curve, ideal, strict=True)) / 3
    assert found["math loss"] == pytest.approx(loss)
    assert found["math accuracy"] == 0.5  # of the pairs (0, 1) and (0, 2)
    assert found["math roc auc"] == found["math prompt auc"] == 0.5
    assert found["correctness end"] == 0.0


def test_pooled_and_prompt_auc_are_two_things(tmp_path):
    rows = [prompt(1, [True, False]), prompt(2, [True, False]), prompt(3, [True, True])]
    items = PPE().items(written(tmp_path / "gpqa.jsonl", rows))
    scores = [(0.2, 0.1), (0.9, 0.8), (0.9, 0.9)]  # each prompt on a scale of its own
    found = PPE().metrics([Judged(i, s) for i, s in zip(items, scores, strict=True)])
    assert found["gpqa prompt auc"] == 1.0
    assert found["gpqa roc auc"] == pytest.approx((1 + 2 + 2 + 2) / 8)


def test_an_oracle_loses_nothing_and_a_constant_is_pass_at_1(tmp_path):
    rows = [prompt(k, [j % 4 == k % 4 for j in range(8)]) for k in range(5)]
    written(tmp_path / "a.jsonl", rows)
    written(tmp_path / "b.jsonl", rows[:1])
    items = PPE().items(tmp_path)
    best = PPE().metrics(judged(items, lambda one, at: float(one.gold["right"][at])))
    for name in ("accuracy", "roc auc", "max", "end"):
        assert best[f"correctness {name}"] == best[f"b {name}"] == 1.0
    assert best["correctness loss"] == pytest.approx(0.0)
    same = PPE().metrics(judged(items, constant))
    assert same["a max"] == same["a end"] == pytest.approx(0.25)
    assert same["a roc auc"] == 0.5
    assert same["a accuracy"] == 0.0


def test_the_sampled_pairs_are_those_compared(tmp_path):
    row = prompt(1, [False, True, True, False], sampled_conflict_pairs=[[0, 1], [2, 3]])
    item = PPE().items(written(tmp_path / "a.jsonl", [row]))[0]
    assert item.gold["pairs"] == [(1, 0), (2, 3)]
    assert PPE().metrics([Judged(item, (0.1, 0.9, 0.2, 0.8))])["a accuracy"] == 0.5


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (vote(1, winner="both"), r"a\.jsonl:1: expected one of 'model_a'"),
        (prompt(1, [1, 0]), r"a\.jsonl:1: expected a field 'winner', or a list of true"),
        (prompt(1, [True]) | {"response_1": None}, r"a\.jsonl:1: expected text as 'response_1'"),
        (
            prompt(1, [True, True], sampled_conflict_pairs=[[0, 1]]),
            r"a\.jsonl:1: expected places of a right and a wrong answer",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path, bad, message):
    with pytest.raises(InputError, match=message):
        PPE().items(written(tmp_path / "a.jsonl", [bad]))
