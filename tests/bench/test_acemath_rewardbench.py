"""AceMath-RewardBench: the mean over draws, the exact one, sets."""

import json

import pytest

from specreward.bench import AceMathRewardBench, Answer, Item, Judged
from specreward.errors import InputError
from specreward.seeds import uniform


def pool(name, group, scores, right, answers=()):
    answer = tuple([Answer(("s",)) for _ in right])
    gold = {"right": list(right), "answers": list(answers)}
    return Judged(Item(name, group, "?", answer, gold), tuple(scores))


def test_the_best_of_all_needs_no_draw():
    rows = [
        pool("1", "gsm8k", [0.9, 0.5], [True, False], ["x", "y"]),
        pool("2", "gsm8k", [0.1, 0.5], [True, False], ["x", "y"]),
        pool("3", "math", [0.5, 0.5], [True, False], ["x", "y"]),  # a tie shares
    ]
    numbers = AceMathRewardBench(n=2, draws=5).metrics(rows)
    assert numbers["rm@2"] == numbers["rm@2 exact"] == 0.5
    assert (numbers["gsm8k rm@2"], numbers["math rm@2"]) == (0.5, 0.5)
    assert numbers["majority@2"] == 0.5
    three = pool("4", "math", [0.1, 0.2, 0.9], [True, False, False], ["x", "", ""])
    numbers = AceMathRewardBench(n=3, draws=2).metrics([three])
    assert (numbers["rm@3"], numbers["majority@3"]) == (0.0, 1.0)


def test_sets_weigh_the_same_whatever_their_size():
    rows = [pool(str(i), "big", [0.9, 0.5], [True, False]) for i in range(9)]
    rows.append(pool("x", "small", [0.1, 0.5], [True, False]))
    numbers = AceMathRewardBench(n=2, draws=1).metrics(rows)
    assert numbers["rm@2"] == 0.5
    assert "majority@2" not in numbers


def test_draws_tend_to_the_exact_value():
    right = [uniform(1, i) < 0.4 for i in range(64)]
    answers = [f"{right[i]}{i % 3 if not right[i] else ''}" for i in range(64)]
    scores = [uniform(2, i) * 0.8 + 0.2 * right[i] for i in range(64)]
    one = pool("1", "math", scores, right, answers)
    few = AceMathRewardBench(draws=3).metrics([one])
    many = AceMathRewardBench(draws=4000).metrics([one])
    assert many["rm@8"] == pytest.approx(many["rm@8 exact"], abs=0.03)
    assert few["rm@8 exact"] == many["rm@8 exact"]
    assert few["rm@8"] * 3 == pytest.approx(round(few["rm@8"] * 3))  # of three draws
    assert many["majority@8"] > 0.9 * sum(right) / 64
    assert AceMathRewardBench().metrics([one]) == AceMathRewardBench().metrics([one])


def test_as_many_are_drawn_as_asked_for():
    one = pool("1", "math", [0.9, 0.3, 0.2, 0.1], [True, False, False, False])
    numbers = AceMathRewardBench(n=2, draws=2000).metrics([one])
    assert numbers["rm@2 exact"] == pytest.approx(0.5)  # the first is among two of four
    assert numbers["rm@2"] == pytest.approx(0.5, abs=0.05)


def test_rows_in_the_form_of_qwen_math(tmp_path):
    row = {
        "idx": 3,
        "question": "q",
        "code": ["a", "b"],
        "score": [True, False],
        "pred": ["1", "2"],
        "pred_score": [[0.5], [0.25]],
    }
    file = tmp_path / "gsm8k.jsonl"
    file.write_text(json.dumps(row) + "\n")
    [item] = AceMathRewardBench(n=2).items(tmp_path)
    assert (item.id, item.group, len(item.answers)) == ("3", "gsm8k", 2)
    [judged] = AceMathRewardBench(n=2).recorded(tmp_path)
    assert judged.scores == (0.5, 0.25)
    with pytest.raises(InputError, match="'3': expected at least 8 solutions, got 2"):
        AceMathRewardBench().items(tmp_path)
