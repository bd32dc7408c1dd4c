"""Wins, ties and means; and every benchmark of pairs with scorers of which all is known."""

import math

import pytest
from tests.bench.pairwise import constant, judged, length, noise, oracle, written

from specreward.bench import (
    JETTS,
    Answer,
    EvalBiasBench,
    Item,
    JudgeBench,
    Judged,
    LLMBar,
    MTBench,
    PandaLM,
    RMBench,
    intervals,
    judge,
    judged_of,
)
from specreward.bench.files import Row
from specreward.bench.groups import grouped, mean
from specreward.bench.pairs import accuracy, conversation, pair, scores_of, win
from specreward.errors import InputError, RewardError
from specreward.reward.judges import Knockout, LLMJudge, Pairwise, Rating
from specreward.testing import KnownJudge

ROW = Row({}, "file:7", None)


def item(better=0, answers=2):
    told = tuple([Answer((f"answer {k}",)) for k in range(answers)])
    return Item("one", "group", "?", told, {"better": better})


@pytest.mark.parametrize(
    ("scores", "better", "tie", "expected"),
    [
        ((0.9, 0.1), 0, 0.0, 1.0),
        ((0.9, 0.1), 1, 0.0, 0.0),
        ((0.5, 0.5), 0, 0.0, 0.0),
        ((0.5, 0.5), 1, 0.5, 0.5),
        ((0.3, 0.2, 0.3), 0, 0.0, 0.0),  # the best of a list must beat every loser
        ((0.3, 0.2, 0.3), 0, 0.5, 0.5),
        ((0.4, 0.2, 0.3), 0, 0.5, 1.0),
        ((0.3, 0.2, 0.4), 0, 0.5, 0.0),
    ],
)
def test_a_win_is_strict_and_a_tie_is_what_the_benchmark_says(scores, better, tie, expected):
    one = Judged(item(better, len(scores)), scores)
    assert win(one, tie) == expected
    assert accuracy([one], tie) == expected


@pytest.mark.parametrize("scores", [(0.5,), (0.5, math.nan), (0.5, math.inf), ()])
def test_a_missing_score_is_not_made_up(scores):
    with pytest.raises(RewardError, match="one: expected 2 finite scores"):
        scores_of(Judged(item(), scores))


def test_means_of_nothing_are_not_defined():
    assert math.isnan(mean([]))
    assert math.isnan(accuracy([]))
    assert mean([1, 2]) == 1.5
    assert grouped([]) == {}


def test_a_conversation_is_read_as_a_text():
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    row = Row(
        {"a": "text", "b": said[:1], "c": said, "d": [{"content": "x"}], "e": []}, "f:1", None
    )
    assert conversation(row, "a") == "text"
    assert conversation(row, "b") == "Hi"
    assert conversation(row, "c") == "User: Hi\n\nAssistant: Hello"
    for bad in ("d", "e"):
        with pytest.raises(InputError, match=r"f:1: expected a text or a list of messages"):
            conversation(row, bad)


def test_two_empty_answers_are_refused():
    with pytest.raises(InputError, match="file:7: expected two answers"):
        pair(ROW, "a", "b", "c", ("", ""), better=0)


PAIRS = [
    (JudgeBench(), 310, 0.0, {0, 1}),
    (LLMBar(), 410, 0.5, {0, 1}),
    (EvalBiasBench(), 80, 0.0, {0}),  # the file has the good response first, always
]


@pytest.mark.parametrize(("bench", "n", "tied", "places"), PAIRS)
def test_what_is_known_of_scorers_holds_on_the_public_data(data, bench, n, tied, places):
    items = bench.items(data / bench.folder)
    assert len(items) == len({one.id for one in items}) == n
    assert {one.gold["better"] for one in items} == places
    perfect, wrong = bench.metrics(judged(items, oracle)), bench.metrics(judged(items, length))
    counts = ("sets",)
    assert {value for name, value in perfect.items() if name not in counts} == {1.0}
    same = bench.metrics(judged(items, constant))
    assert {value for name, value in same.items() if name not in counts} == {tied}
    flipped = bench.metrics(judged(items, lambda one, at: -oracle(one, at)))
    assert {value for name, value in flipped.items() if name not in counts} == {0.0}
    assert next(iter(wrong.values())) < 0.5  # length is what these sets are made to mislead


@pytest.mark.parametrize("bench", [JudgeBench(), LLMBar(), EvalBiasBench(), RMBench()])
def test_noise_is_worth_a_half(data, bench):
    items = bench.items(data / bench.folder)
    found = next(iter(bench.metrics(judged(items, noise)).values()))
    assert 0.36 < found < 0.64


@pytest.mark.parametrize("bench", [JudgeBench(), LLMBar(), EvalBiasBench(), RMBench(), PandaLM()])
def test_intervals_are_drawn_over_items(data, bench):
    items = judged(bench.items(data / bench.folder), noise)
    name, found = next(iter(intervals(bench, items, seed=0, resamples=50).items()))
    assert found.estimate == bench.metrics(items)[name]
    assert found.low < found.estimate < found.high


QUALITY = {"good": 1.0, "fair": 0.75, "bad": 0.25, "poor": 0.0}


def asked(bench, items, **settings):
    """The metrics with a language model of known quality as the judge."""
    grading = settings.pop("grading", Pairwise())
    reward = LLMJudge(KnownJudge(QUALITY, **settings), grading=grading)
    return bench.metrics(judged_of(items, judge(bench, items, reward)))


def test_a_judge_that_compares_is_asked_in_both_orders(tmp_path):
    row = {"pair_id": "1", "source": "mmlu-pro", "question": "Q", "response_model": "m"}
    told = [
        row | {"response_A": "good", "response_B": "bad", "label": "A>B"},
        row | {"pair_id": "2", "response_A": "poor", "response_B": "fair", "label": "B>A"},
    ]
    items = JudgeBench().items(written(tmp_path / "a.jsonl", told))
    assert asked(JudgeBench(), items)["overall"] == 1.0
    assert asked(JudgeBench(), items, accuracy=0.0)["overall"] == 0.0
    # one that names whatever stands first contradicts itself: a tie, wrong here ...
    assert asked(JudgeBench(), items, first=1.0)["overall"] == 0.0
    pairs = [{"input": "Q", "output_1": "good", "output_2": "bad", "label": 1}]
    items = LLMBar().items(written(tmp_path / "Natural.json", pairs))
    assert asked(LLMBar(), items)["Natural"] == 1.0
    assert asked(LLMBar(), items, first=1.0)["Natural"] == 0.5  # ... and half a win there


@pytest.mark.parametrize("grading", [Pairwise(), Pairwise(tournament=Knockout()), Rating()])
def test_protocols_of_reranking_are_reward_models(tmp_path, grading):
    told = [(name, float(name == "good")) for name in ("bad", "poor", "good", "fair")]
    responses = [{"content": text, "metadata": {"score": true}} for text, true in told]
    row = {"query": {"content": "Q", "metadata": {}}, "responses": responses}
    items = JETTS().items(written(tmp_path / "gsm8k_m.jsonl", [row]))
    assert asked(JETTS(), items, grading=grading)["helpfulness"] == 1.0


def test_a_rating_comes_back_on_the_published_scale(tmp_path):
    question = {"question_id": 1, "category": "writing", "turns": ["Q"]}
    written(tmp_path / "question.jsonl", [question])
    answer = {"question_id": 1, "model_id": "m", "choices": [{"turns": ["fair"]}]}
    written(tmp_path / "model_answer" / "m.jsonl", [answer])
    items = MTBench().items(tmp_path)
    found = asked(MTBench(), items, grading=Rating())
    assert found["m turn 1"] == pytest.approx(round(1 + 0.75 * 9))
    assert math.isnan(found["m turn 2"])
