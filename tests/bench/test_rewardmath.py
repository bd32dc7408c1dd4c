"""RewardMATH: ranks by hand, and the released scores by the released rule."""

import json
from math import prod

import pytest

from specreward.bench import Answer, Item, Judged, RewardMATH
from specreward.errors import InputError

RELEASED = {
    "min": ("minimum", min),
    "prod": ("product", prod),
    "geometric_mean": ("geometric mean", lambda own: prod(own) ** (1 / len(own))),
    "mean": ("mean", lambda own: sum(own) / len(own)),
    "last": ("last", lambda own: own[-1]),
    "max": ("highest", max),
}
"""The ways to make one score of steps, as the released code has them."""


def judged(*scores):
    answers = tuple([Answer(("x",)) for _ in scores])
    return Judged(Item(str(scores), "rewardmath", "?", answers), scores)


def test_ranks_by_hand():
    rows = [
        judged(0.9, 0.1, 0.2, 0.3),  # first
        judged(0.5, 0.9, 0.1, 0.1),  # second
        judged(0.5, 0.5, 0.1, 0.1),  # a tie is lost
        judged(0.0, 0.1, 0.2, 0.3),  # last
    ]
    numbers = RewardMATH().metrics(rows)
    assert numbers == {"accuracy": 0.25, "mrr": (1 + 1 / 2 + 1 / 2 + 1 / 4) / 4}


def test_each_way_to_make_one_score_of_steps():
    item = Item("1", "rewardmath", "?", (Answer(("a", "b")), Answer(("c", "d"))))
    row = Judged(item, (), ((0.5, 0.6), (0.9, 0.3)))
    numbers = RewardMATH(per_step=True).metrics([row])
    right = {name for name, value in numbers.items() if name.startswith("accuracy") and value == 1}
    # 0.5 > 0.3, 0.3 > 0.27, ..., mean 0.55 < 0.6, last 0.6 > 0.3, highest 0.6 < 0.9
    assert right == {
        *("accuracy by minimum", "accuracy by product", "accuracy by geometric mean"),
        "accuracy by last",
    }


def released(rows, way):
    """Accuracy and mean reciprocal rank as the released code counts them."""
    hits, ranks = [], []
    for row in rows:
        own = [way(one) if isinstance(one, list) else one for one in row["score"]]
        kinds = ["cho" if who == "human_to_GPT-4" else "rej" for who in row["solution_reference"]]
        order = sorted(zip(own, kinds, strict=True), reverse=True)
        ranks.append(1 / (1 + [kind for _, kind in order].index("cho")))
        chosen = own[kinds.index("cho")]
        hits.append(chosen > max(s for s, k in zip(own, kinds, strict=True) if k == "rej"))
    return sum(hits) / len(rows), sum(ranks) / len(rows)


@pytest.mark.parametrize("name", ["Math_Shepherd", "ReasonEval_7B"])
def test_recorded_scores_of_process_reward_models(data, name):
    file = data / "rewardmath/public/scores" / f"{name}_reward.json"
    rows = json.loads(file.read_text())
    numbers = RewardMATH().metrics(RewardMATH().recorded(file))
    for ours, way in RELEASED.values():
        accuracy, mrr = released(rows, way)
        assert numbers[f"accuracy by {ours}"] == pytest.approx(accuracy)
        assert numbers[f"mrr by {ours}"] == pytest.approx(mrr)
    assert len(numbers) == 2 * len(RELEASED)


@pytest.mark.parametrize("name", ["ArmoRM", "skywork_llama3", "gpt4"])
def test_recorded_scores_of_outcome_reward_models(data, name):
    file = data / "rewardmath/public/scores" / f"{name}_reward.json"
    accuracy, mrr = released(json.loads(file.read_text()), None)
    judged = RewardMATH().recorded(file)
    assert RewardMATH().metrics(judged) == pytest.approx({"accuracy": accuracy, "mrr": mrr})
    assert {len(one.item.answers) for one in judged} == {10}


def test_published_rows(data):
    items = RewardMATH().items(data / "rewardmath")
    assert [len(item.answers) for item in items] == [10, 10]
    assert items[0].answers[0].model == "human_to_GPT-4"
    assert len(items[0].answers[0].steps) > 1


def write(path, rows):
    path.write_text(json.dumps(rows))
    return path


def test_problems_without_one_right_solution_are_refused(tmp_path):
    rows = [
        {
            "problem_id": "7",
            "problem": "p",
            "eval_solution": ["a"],
            "solution_type": kind,
            "solution_reference": "m",
        }
        for kind in ("rejected", "rejected")
    ]
    with pytest.raises(InputError, match="one chosen solution and others of problem 7, got 0 of 2"):
        RewardMATH().items(write(tmp_path / "direct.json", rows))
    rows[1]["solution_type"] = "chosen"
    rows[1]["eval_solution"] = "one text"
    [item] = RewardMATH().items(write(tmp_path / "direct.json", rows))
    assert [answer.steps for answer in item.answers] == [("one text",), ("a",)]


@pytest.mark.parametrize(
    ("score", "writers", "message"),
    [
        ([0.5], ["human_to_GPT-4", "m"], "expected 2 scores"),
        ([0.5, 0.6], ["m", "n"], "one solution by 'human_to_GPT-4'"),
        ([0.5, "x"], ["human_to_GPT-4", "m"], "list of numbers as 'score'"),
        ([[0.5], []], ["human_to_GPT-4", "m"], "list of numbers as 'score'"),
    ],
)
def test_bad_scores_are_refused(tmp_path, score, writers, message):
    row = {"problem": "p", "solution_reference": writers, "score": score}
    with pytest.raises(InputError, match=message):
        RewardMATH().recorded(write(tmp_path / "x_reward.json", [row]))


def test_the_scores_of_two_models_are_refused(tmp_path):
    row = {"problem": "p", "solution_reference": ["m", "human_to_GPT-4"], "score": [0.1, 0.2]}
    for name in "ab":
        write(tmp_path / f"{name}_reward.json", [row])
    with pytest.raises(InputError, match="the scores of one model, got 2 files"):
        RewardMATH().recorded(tmp_path)


def test_the_right_solution_is_found_by_its_writer(tmp_path):
    row = {"problem": "p", "solution_reference": ["m", "human_to_GPT-4"], "score": [0.1, 0.2]}
    [one] = RewardMATH().recorded(write(tmp_path / "x_reward.json", [row]))
    assert one.scores == (0.2, 0.1)
