"""Best-of-n on recorded pools: by hand, and the recorded numbers."""

import json
from collections import Counter
from math import isnan

import pytest

from specreward.bench import Answer, Item, Judged, RecordedPool
from specreward.bench.pools import chances, cut, gain
from specreward.errors import InputError
from specreward.seeds import uniform
from specreward.voting import majority


def pool(scores, right, answers=(), name="a"):
    item = Item(
        name,
        "g",
        "?",
        tuple([Answer((f"s{i}",)) for i in range(len(right))]),
        {"right": list(right), "answers": list(answers)},
    )
    return Judged(item, tuple(scores))


ONE = pool([0.9, 0.8, 0.1, 0.2], [False, True, True, False], ["x", "y", "y", "x"])


def test_chances_by_hand():
    # Of two: the best is right unless the first is drawn, or the last with the third.
    two = chances(ONE, 2)
    assert two.one == 0.5
    assert two.any == pytest.approx(5 / 6)
    assert two.best == pytest.approx(2 / 6)
    assert two.majority == pytest.approx(0.5)
    # x and y have two votes each; their scores add up to 1.1 and 0.9.
    four = chances(ONE, 4)
    assert (four.best, four.majority, four.weighted) == (0.0, 0.5, 0.0)
    assert four.any == 1.0


def test_votes_with_scores_below_0_have_no_sum():
    assert isnan(chances(pool([-1.0, 1.0], [True, False], ["x", "y"]), 2).weighted)
    numbers = RecordedPool().metrics([pool([-1.0, 1.0], [True, False], ["x", "y"])])
    assert "weighted majority@2" not in numbers
    assert numbers["softmax votes@2"] == 0.0


def test_the_smallest_pool_or_n_decides():
    other = pool([0.5, 0.4], [True, False], ["x", "y"], "b")
    assert set(RecordedPool().metrics([ONE, other])) >= {"best of 2", "pass@2", "gain@2"}
    numbers = RecordedPool(n=1).metrics([ONE, other])
    assert numbers["best of 1"] == numbers["pass@1"] == 0.5
    assert isnan(numbers["gain@1"])
    assert list(RecordedPool().metrics([pool([0.5, 0.4], [True, False])])) == [
        *("best of 2", "pass@1", "pass@2", "gain@2"),
    ]


def test_gain():
    assert gain(0.8, 0.5, 0.9) == pytest.approx(0.75)
    assert gain(0.4, 0.5, 0.9) < 0
    assert isnan(gain(0.5, 0.5, 0.5))


def test_paragraphs_are_steps():
    assert cut("a\n b\n\nc\n \n\nd ") == ("a\n b", "c", "d")
    assert cut("  ") == ("  ",)


def write(path, rows):
    path.write_text("".join([json.dumps(row) + "\n" for row in rows]))
    return path


def row(**other):
    return {"question": "q", "solutions": ["a\n\nb", ["c", "d"]], "right": [True, False], **other}


def test_own_rows(tmp_path):
    rows = [row(), row(id="x", answers=["1", None], scores=[0.5, 0.25])]
    items = RecordedPool().items(write(tmp_path / "mine.jsonl", rows))
    assert [item.id for item in items] == ["mine-0", "x"]
    assert [answer.steps for answer in items[0].answers] == [("a", "b"), ("c", "d")]
    assert items[0].gold == {"right": [True, False], "answers": []}
    assert items[1].gold["answers"] == ["1", ""]
    [one] = RecordedPool().recorded(write(tmp_path / "mine.jsonl", rows[1:]))
    assert one.scores == (0.5, 0.25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"solutions": []}, "expected a list of solutions"),
        ({"solutions": ["a", ""]}, "expected a list of texts as 'solutions'"),
        ({"right": [True]}, "expected 2 of true and false as 'right'"),
        ({"right": [1, 0]}, "expected 2 of true and false"),
        ({"answers": ["1"]}, "expected 2 answers as 'answers'"),
        ({"scores": [0.5]}, "expected 2 numbers as 'scores'"),
        ({"scores": [0.5, "x"]}, "expected a list of numbers"),
        ({}, "expected a field 'scores' or 'pred_score'"),
    ],
)
def test_bad_rows_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=rf"mine\.jsonl:1: {message}"):
        RecordedPool().recorded(write(tmp_path / "mine.jsonl", [row(**change)]))


def test_too_few_solutions_are_refused(tmp_path):
    with pytest.raises(InputError, match="at least n=3 solutions, got 2"):
        RecordedPool(n=3).items(write(tmp_path / "mine.jsonl", [row()]))
    with pytest.raises(InputError, match="n: expected an integer of at least 1"):
        RecordedPool(n=0)


# ------------------------------------------------------------------------------ files at hand


def test_the_recorded_numbers_of_qwen_math(data):
    judged = RecordedPool().recorded(data / "math_cot_100_bon")
    numbers = RecordedPool().metrics(judged)
    assert len(judged) == 100
    assert numbers["pass@1"] == pytest.approx(0.91)
    assert numbers["best of 8"] == pytest.approx(0.94)
    assert numbers["pass@8"] == pytest.approx(0.96)
    assert numbers["gain@8"] == pytest.approx(0.6)
    # In the order of the file the first of equal answers wins, as in a search: 93. There is one
    # vote that is even; over all orders it is worth a half.
    firsts = []
    for one in judged:
        answers, right = one.item.gold["answers"], one.item.gold["right"]
        firsts.append(right[answers.index(majority(answers))])
    assert sum(firsts) == 93
    assert numbers["majority@8"] == pytest.approx(0.925)


def test_a_scorer_that_knows_nothing_gains_nothing(data):
    items = RecordedPool().items(data / "gsm8k/public/example_model_solutions.jsonl")
    assert {len(item.answers) for item in items} == {4}
    same = [Judged(item, (0.5,) * 4) for item in items]
    numbers = RecordedPool().metrics(same)
    assert numbers["best of 4"] == pytest.approx(numbers["pass@1"])
    assert numbers["gain@4"] == pytest.approx(0.0)
    right = sum(sum(item.gold["right"]) for item in items) / (4 * len(items))
    assert numbers["pass@1"] == pytest.approx(right)
    oracle = [Judged(item, tuple(map(float, item.gold["right"]))) for item in items]
    best = RecordedPool().metrics(oracle)
    assert best["best of 4"] == best["pass@4"] == pytest.approx(numbers["pass@4"])
    random = [Judged(item, tuple([uniform(0, item.id, i) for i in range(4)])) for item in items]
    assert abs(RecordedPool().metrics(random)["gain@4"]) < 0.1
    for item in items:  # equal answers are equally right, so that votes are defined
        kinds = {*zip(item.gold["answers"], item.gold["right"], strict=True)}
        assert len({answer for answer, _ in kinds if answer}) == len([a for a, _ in kinds if a])


def test_plans_of_planbench(data):
    file = data / "blocksworld/public/planbench/candidate_plans.jsonl"
    items = RecordedPool().items(file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    sizes = Counter(str(one["instance_id"]) for one in rows)
    assert {item.id: len(item.answers) for item in items} == dict(sizes)
    assert all(item.question.startswith("(define") for item in items)
    same = [Judged(item, (0.5,) * len(item.answers)) for item in items]
    shares = [sum(item.gold["right"]) / len(item.answers) for item in items]
    numbers = RecordedPool(n=2).metrics(same)
    assert numbers["pass@1"] == pytest.approx(sum(shares) / len(shares))
    assert numbers["best of 2"] == pytest.approx(numbers["pass@1"])
