from math import nan

import pytest

from specreward.errors import InputError
from specreward.seeds import derive
from specreward.types import Sampling, Siblings, Trace
from specreward.verify import SelfEvaluation
from specreward.verify.self_evaluation import verdict

from .toys import ROOT, ToyJudge, ToyTask, ask, children, one, roles

MIXED = ("it is sure", "Likely.", "10 14\nimpossible")


def mixed(prompt, i):
    return MIXED[i % 3]


def value(verify, answer=mixed):
    return one(verify, roles(judge=ToyJudge(answer=answer)), children("a"))[0]


def test_the_published_values_are_summed_over_three_samples():
    judgement = value(SelfEvaluation())
    assert judgement.score == pytest.approx(21.001)
    assert judgement.kept
    assert judgement.details == {
        "value": judgement.score,
        "sure": 1,
        "likely": 1,
        "impossible": 1,
        "unknown": 0,
    }


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1 + 2 = 3\nSure", "sure"),
        ("so **likely**!", "likely"),
        ("impossible.", "impossible"),
        ("", ""),
        (" \n ", ""),
        ("sure to fail", "fail"),
    ],
)
def test_the_verdict_is_the_last_word(text, word):
    assert verdict(text) == word


def test_a_word_that_is_no_verdict_counts_nothing_and_is_reported():
    judgement = value(SelfEvaluation(), lambda prompt, i: ["maybe", "", "likely"][i])
    assert judgement.score == 1.0
    assert judgement.details["unknown"] == 2


def test_each_value_and_the_number_of_samples_change_the_score():
    assert value(SelfEvaluation(sure=5.0)).score == pytest.approx(6.001)
    assert value(SelfEvaluation(likely=2.0)).score == pytest.approx(22.001)
    assert value(SelfEvaluation(impossible=0.5)).score == pytest.approx(21.5)
    assert value(SelfEvaluation(samples=1)).score == pytest.approx(20.0)
    assert value(SelfEvaluation(samples=6)).score == pytest.approx(42.002)


def test_the_judge_samples_at_the_given_temperature_with_the_task_s_stops_and_cap():
    judge = ToyJudge()
    one(SelfEvaluation(), roles(judge=judge), children("a"))
    one(SelfEvaluation(temperature=0.2), roles(judge=judge), children("a"))
    assert judge.samplings == [
        Sampling(temperature=0.7, max_tokens=7, stop=("\n",)),
        Sampling(temperature=0.2, max_tokens=7, stop=("\n",)),
    ]


def test_seeds_come_from_the_prompt_and_the_index_of_the_sample():
    judge = ToyJudge()
    one(SelfEvaluation(samples=2), roles(judge=judge, seed=5), children("ab"))
    assert judge.seeds == [
        derive(5, "value", f"value p1/{text}", i) for text in "ab" for i in range(2)
    ]
    assert len(set(judge.seeds)) == 4


def test_equal_prompts_are_asked_once_in_a_call_and_once_in_a_search():
    judge = ToyJudge()
    models = roles(judge=judge, task=ToyTask(state=lambda path: path.steps[-1].text.lower()))
    first = ask(SelfEvaluation(), models, children("aab"), children("Ac"))
    assert judge.prompts == ["value a"] * 3 + ["value b"] * 3 + ["value c"] * 3
    assert [[j.count for j in family] for family in first] == [[2, 1], [1, 1]]
    again = one(SelfEvaluation(), models, children("Ca"))
    assert len(judge.prompts) == 9
    assert [j.score for j in again] == [60.0, 60.0]
    assert again[0].details["sure"] == 3


def test_another_search_and_other_settings_ask_again():
    judge = ToyJudge()
    one(SelfEvaluation(), roles(judge=judge, trace=(trace := Trace())), children("a"))
    one(SelfEvaluation(), roles(judge=judge), children("a"))
    assert len(judge.prompts) == 6
    other = one(SelfEvaluation(samples=2), roles(judge=judge, trace=trace), children("a"))
    assert len(judge.prompts) == 8
    assert other[0].score == 40.0


def test_the_default_prunes_nothing_and_minimum_prunes_down_to_nothing():
    def answer(prompt, i):
        return {"a": "impossible", "b": "likely", "c": "what"}[prompt[-1]]

    def kept(verify):
        judged = one(verify, roles(judge=ToyJudge(answer=answer)), children("abc"))
        return [j.kept for j in judged]

    assert kept(SelfEvaluation()) == [True, True, True]
    assert kept(SelfEvaluation(minimum=1.0)) == [False, True, False]
    assert kept(SelfEvaluation(minimum=3.0)) == [False, True, False]
    assert kept(SelfEvaluation(minimum=3.5)) == [False, False, False]


def test_without_children_the_judge_is_left_alone():
    judge = ToyJudge()
    assert ask(SelfEvaluation(), roles(judge=judge), Siblings(ROOT, ())) == [[]]
    assert judge.samplings == []


def test_no_judge_is_refused_with_what_to_do():
    with pytest.raises(InputError, match="judge="):
        one(SelfEvaluation(), roles(), children("a"))


@pytest.mark.parametrize(
    "fields",
    [
        {"samples": 0},
        {"samples": 1.5},
        {"samples": True},
        {"temperature": -1.0},
        {"sure": nan},
        {"likely": -1},
        {"impossible": "0"},
        {"minimum": -0.1},
    ],
)
def test_bad_settings_are_refused_by_name(fields):
    with pytest.raises(InputError, match=f"self_evaluation {next(iter(fields))}: expected"):
        SelfEvaluation(**fields)
