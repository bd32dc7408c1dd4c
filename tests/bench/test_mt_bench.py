"""MT-Bench: grades by turn, win rates, agreement with people."""

import pytest
from tests.bench.pairwise import constant, judged, written

from specreward.bench import Judged, MTBench
from specreward.errors import InputError, RewardError


@pytest.fixture
def folder(tmp_path):
    """Two questions, three models, in the layout of FastChat."""
    questions = [
        {"question_id": k, "category": "writing", "turns": [f"Q{k}", f"More of {k}"]}
        for k in (1, 2)
    ]
    written(tmp_path / "question.jsonl", questions)
    for model in ("a", "b", "c"):
        rows = [
            {
                "question_id": k,
                "model_id": model,
                "choices": [{"index": 0, "turns": [f"{model}{k}.1", f"{model}{k}.2"]}],
            }
            for k in (1, 2)
        ]
        written(tmp_path / "model_answer" / f"{model}.jsonl", rows)
    reference = [{"question_id": 1, "model_id": "gpt-4", "choices": [{"turns": ["r", "r"]}]}]
    written(tmp_path / "reference_answer" / "gpt-4.jsonl", reference)
    written(tmp_path / "judge_prompts.jsonl", [{"name": "pair-v2"}])
    return tmp_path


def by(grades):
    """Scores by model and turn."""
    return lambda one, at: grades[one.answers[at].model][one.gold["turn"] - 1]


GRADES = {"a": (0.9, 0.5), "b": (0.3, 0.5), "c": (0.0, 1.0)}


def test_each_answer_is_graded_from_1_to_10(folder):
    items = MTBench().items(folder)
    assert len(items) == len({one.id for one in items}) == 12
    found = MTBench().metrics(judged(items, by(GRADES)))
    assert found["a turn 1"] == pytest.approx(9.1)
    assert found["a turn 2"] == pytest.approx(5.5)
    assert found["a score"] == pytest.approx(7.3)
    assert (found["c turn 1"], found["c turn 2"]) == (1.0, 10.0)
    assert found["score"] == pytest.approx((7.3 + 4.6 + 5.5) / 3)


def test_a_grade_is_of_a_score_between_0_and_1(folder):
    items = MTBench().items(folder)
    with pytest.raises(RewardError, match=r"expected a score in \[0, 1\]"):
        MTBench().metrics(judged(items, lambda *_: 7.0))


def test_the_second_turn_is_judged_with_the_first(folder):
    first, second = MTBench().items(folder)[::3][:2]
    assert (first.question, second.question) == ("Q1", "Q1")
    assert first.answers[0].steps == ("a1.1",)
    assert second.answers[0].steps == ("a1.1\n\nUser: More of 1\n\nAssistant: a1.2",)


def test_win_rates_of_all_pairs(folder):
    items = MTBench(pairwise=True).items(folder)
    assert len(items) == 3 * 2 * 2
    found = MTBench(pairwise=True).metrics(judged(items, by(GRADES)))
    # turn 1: a > b > c; turn 2: a = b < c; four games of each model at each turn
    assert found["a win rate adjusted"] == pytest.approx((2 + 0.5 + 0) / 4)
    assert found["a win rate"] == 0.5
    assert found["a loss rate"] == 0.25
    assert found["b win rate adjusted"] == pytest.approx((1 + 0.5) / 4)
    assert found["c win rate adjusted"] == 0.5
    same = MTBench(pairwise=True).metrics(judged(items, constant))
    assert same["a win rate adjusted"] == 0.5
    assert same["a win rate"] == same["a loss rate"] == 0.0


def test_a_baseline_plays_all_and_is_not_listed(folder):
    bench = MTBench(baseline="c")
    items = bench.items(folder)
    assert len(items) == 2 * 2 * 2
    found = bench.metrics(judged(items, by(GRADES)))
    assert found["a win rate"] == found["b win rate"] == 0.5
    assert not [name for name in found if name.startswith("c ")]


def vote(winner, turn=1, judge="expert_1", a="a", b="b", question=1):
    def talk(model):
        said = ["Q", f"{model} one", "More", f"{model} two"]
        return [
            {"role": ("user", "assistant")[k % 2], "content": text} for k, text in enumerate(said)
        ]

    own = {"question_id": question, "model_a": a, "model_b": b, "winner": winner, "judge": judge}
    return own | {"turn": turn, "conversation_a": talk(a), "conversation_b": talk(b)}


def test_agreement_with_and_without_ties(tmp_path):
    rows = [
        vote("model_a"),
        vote("model_a", judge="expert_2", a="b", b="a"),  # the same two, the other way: b wins
        vote("tie", judge="expert_3"),
        vote("model_b", judge="author_1"),  # not an expert
        vote("model_b", judge=["gpt-4", "pair-v2"]),  # a model
        vote("model_b", question=2),
        vote("tie (inconsistent)", turn=2),
    ]
    items = MTBench().items(written(tmp_path / "human.jsonl", rows))
    assert len(items) == 3
    assert items[0].gold["votes"] == ["model_a", "model_b", "tie"]
    assert [one.model for one in items[0].answers] == ["a", "b"]
    scores = [(0.9, 0.1), (0.5, 0.5), (0.5, 0.5)]
    found = MTBench().metrics([Judged(i, s) for i, s in zip(items, scores, strict=True)])
    # turn 1: the first item says a, against a, b and a tie; the second says tie, against b
    assert found["agreement turn 1 with ties"] == 0.25
    assert found["agreement turn 1 without ties"] == 0.5
    assert found["agreement turn 2 with ties"] == 1.0
    assert found["expert agreement turn 1 with ties"] == 0.0
    assert next(iter(found)) == "agreement turn 1 without ties"


def test_experts_who_agree_and_a_judge_who_follows(tmp_path):
    rows = [vote("model_b", judge=f"expert_{k}", turn=t) for k in range(3) for t in (1, 2)]
    items = MTBench().items(written(tmp_path / "human.jsonl", rows))
    found = MTBench().metrics(judged(items, lambda _, at: float(at)))
    assert set(found.values()) == {1.0}
    turned = MTBench().metrics(judged(items, lambda _, at: -float(at)))
    assert turned["agreement turn 1 with ties"] == turned["agreement turn 2 without ties"] == 0.0


def test_the_other_way_round_is_the_same_pair(tmp_path):
    rows = [vote("model_a", a="b", b="a"), vote("model_b", judge="expert_2")]
    items = MTBench().items(written(tmp_path / "human.jsonl", rows))
    assert len(items) == 1
    assert items[0].gold["votes"] == ["model_b", "model_b"]
    assert [one.steps[0] for one in items[0].answers] == ["a one", "b one"]


def test_votes_and_answers_in_one_folder(folder):
    written(folder / "human.json", [vote("model_a", turn=2)])
    bench = MTBench()
    items = bench.items(folder)
    assert items[-1].answers[0].steps == ("a one\n\nUser: More\n\nAssistant: a two",)
    found = bench.metrics(judged(items, constant))
    assert found["score"] == 5.5
    assert found["agreement turn 2 with ties"] == 0.0


def test_questions_alone_are_nothing_to_judge(data):
    with pytest.raises(InputError, match="got 80 questions and 0 answers"):
        MTBench().items(data / "mt_bench")


ANSWER = {"question_id": 1, "model_id": "d", "choices": [{"turns": ["x", "y"]}]}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (ANSWER | {"question_id": 9}, r"z\.jsonl:1: expected a question of question.jsonl"),
        (ANSWER | {"choices": []}, r"z\.jsonl:1: expected choices like"),
        (ANSWER | {"choices": [{"turns": ["x"]}]}, r"z\.jsonl:1: expected 2 answers, one for each"),
        ({"question_id": 1, "score": 7}, r"z\.jsonl:1: expected a question, an answer or a vote"),
        (vote("nobody"), r"z\.jsonl:1: expected model_a, model_b or tie as 'winner'"),
        (vote("tie", turn=3), r"z\.jsonl:1: expected an integer from 1 to 2 as 'turn'"),
        (vote("tie") | {"conversation_b": []}, r"z\.jsonl:1: expected 2 messages"),
    ],
)
def test_a_bad_row_is_named(folder, bad, message):
    written(folder / "model_answer" / "z.jsonl", [bad])
    with pytest.raises(InputError, match=message):
        MTBench().items(folder)


def test_pairwise_is_true_or_false():
    with pytest.raises(InputError, match="mt_bench pairwise"):
        MTBench(pairwise="yes")
