import asyncio
import math

import pytest

from specreward.assemble import Engines, wire
from specreward.errors import BudgetExhausted, InputError, RewardError
from specreward.ledger import Budget, Ledger
from specreward.records import dump_result, load_result
from specreward.reward import Between, Cascade, CascadeReport, calibrate, cascade_report
from specreward.reward.judges import GenRM, Votes
from specreward.run import run
from specreward.search import BFS
from specreward.spec import name_of, parse
from specreward.stats import wilson
from specreward.store import Store
from specreward.testing import KnownJudge, ScriptedLanguageModel, ScriptedReward, ToyTask
from specreward.testing.toy_models import ToyLanguageModel
from specreward.types import Path, Problem, Result, Scored, Step, Usage
from specreward.verify import RewardScores

TASK = ToyTask()
PROBLEM = Problem("p", "q")


def path(name):
    return Path(PROBLEM, (Step(name),))


class Values:
    """A value model with written numbers."""

    parameters = 1

    def __init__(self, name, known, tokens=10):
        self.name, self.known, self.tokens = name, known, tokens
        self.asked = []

    async def values(self, texts):
        words = [text.rpartition("|")[2] for text in texts]
        self.asked += words
        return [Scored(self.known[word], self.tokens) for word in words]


SMALL = {"a": 0.1, "b": 0.2, "c": 0.5, "d": 0.8, "e": 0.9}
LARGE = {"a": 0.0, "b": 0.6, "c": 0.7, "d": 0.95, "e": 1.0}


def models(**settings):
    small, large = Values("small", SMALL), Values("large", LARGE, tokens=100)
    return small, large, Cascade(small, large, **settings)


def wired(reward, store=None):
    engines = Engines(policy=ScriptedLanguageModel({}), reward=reward)
    return wire(TASK, engines, store=store).reward


def scores(reward, names, budget=None):
    async def ask():
        with Ledger(budget).active() as ledger:
            return await wired(reward).score([path(name) for name in names]), ledger

    return asyncio.run(ask())


# ---------------------------------------------------------------------------------- scores


def test_the_large_model_is_asked_only_in_the_middle():
    small, large, cascade = models()
    found, ledger = scores(cascade, "eabcda")
    assert found == [0.9, 0.1, 0.6, 0.7, 0.95, 0.1]
    assert small.asked == list("eabcd")
    assert large.asked == list("bcd")  # the thresholds themselves are unsure
    assert ledger.counts == {
        "cascade.scored": 5,
        "cascade.escalated": 3,
        "cascade.audited": 0,
        "cascade.agreed": 2,  # not on b
        "cascade.confirmed": 0,
    }
    assert {key: own.calls for key, own in ledger.usage.items()} == {
        ("reward", "score"): 5,
        ("judge", "escalate"): 3,
    }
    assert ledger.usage["judge", "escalate"].prompt_tokens == 300


def test_the_rule_is_an_object():
    _, large, cascade = models(unsure=Between(0.45, 0.55))
    assert scores(cascade, "abcde")[0] == [0.1, 0.2, 0.7, 0.8, 0.9]
    assert large.asked == ["c"]
    _, large, cascade = models(unsure=Between(0.0, 1.0))
    assert scores(cascade, "abcde")[0] == list(LARGE.values())


def test_where_all_is_sure_the_large_model_is_not_called():
    _, large, cascade = models()
    _, ledger = scores(cascade, "ae")
    assert not large.asked
    assert list(ledger.usage) == [("reward", "score")]


def test_an_audit_asks_about_accepted_paths_and_changes_no_score():
    _, large, cascade = models(audit=1.0)
    found, ledger = scores(cascade, "abcde")
    assert found == [0.1, 0.6, 0.7, 0.95, 0.9]
    assert sorted(large.asked) == list("abcde")
    assert ledger.counts["cascade.audited"] == ledger.counts["cascade.confirmed"] == 2
    assert ledger.counts["cascade.escalated"] == 3


def test_an_audit_takes_its_share_by_content():
    names = [f"n{i}" for i in range(400)]
    large = Values("large", dict.fromkeys(names, 0.25))
    cascade = Cascade(Values("small", dict.fromkeys(names, 0.9)), large, audit=0.25)
    _, ledger = scores(cascade, names)
    asked = set(large.asked)
    assert 70 < len(asked) < 130
    assert ledger.counts["cascade.audited"] == len(asked)
    assert ledger.counts["cascade.confirmed"] == 0
    large.asked.clear()
    scores(cascade, names[::-1])
    assert set(large.asked) == asked


def test_a_judge_as_the_large_model_has_one_role_and_phase():
    small = Values("small", {"x": 0.5, "y": 0.9})
    judge = GenRM(KnownJudge({"x": 1.0, "y": 0.0}), verdict=Votes(3))
    found, ledger = scores(Cascade(small, judge), "xy")
    assert found == [1.0, 0.9]
    assert {key: own.calls for key, own in ledger.usage.items()} == {
        ("reward", "score"): 2,
        ("judge", "escalate"): 3,
    }


def test_a_cascade_of_a_cascade():
    middle = Values("middle", {"c": 0.5, "b": 0.9, "d": 0.1})
    small, large, _ = models()
    found, ledger = scores(Cascade(small, Cascade(middle, large)), "abcde")
    assert found == [0.1, 0.9, 0.7, 0.1, 0.9]
    assert large.asked == ["c"]
    assert ledger.usage["judge", "escalate"].calls == 4


def test_a_plain_reward_model_takes_part():
    small = ScriptedReward({("a",): 0.5, ("e",): 0.9})
    cascade = Cascade(small, Values("large", LARGE))
    found, ledger = scores(cascade, "ae")
    assert found == [0.0, 0.9]
    assert list(ledger.usage) == [("judge", "escalate")]
    assert cascade.names == [repr(small), "large"]


def test_outside_of_a_search_nothing_is_counted():
    _, _, cascade = models()
    assert asyncio.run(wired(cascade).score([path("c")])) == [0.7]
    assert asyncio.run(wired(cascade).score([])) == []


@pytest.mark.parametrize("which", ["small", "large"])
@pytest.mark.parametrize("bad", [math.nan, 1.5, -0.1])
def test_a_score_that_is_none_is_refused(which, bad):
    class Broken:
        async def score(self, paths):
            return [bad] * len(paths)

    good = ScriptedReward({("a",): 0.5})
    cascade = Cascade(Broken(), good) if which == "small" else Cascade(good, Broken())
    with pytest.raises(RewardError, match=f"of the {which} model, got"):
        scores(cascade, "a")

    class Short:
        async def score(self, paths):
            return []

    cascade = Cascade(Short(), good) if which == "small" else Cascade(good, Short())
    with pytest.raises(RewardError, match=f"1 scores of the {which} model, got 0"):
        scores(cascade, "a")


def test_a_budget_ends_it_before_the_large_model_is_asked():
    small, large, cascade = models()
    with pytest.raises(BudgetExhausted):
        scores(cascade, "abcde", Budget(calls=6))
    assert len(small.asked) == 5
    assert not large.asked


# ---------------------------------------------------------------------------------- in a search


def toy():
    """The small model knows whether the first letter is right; the large one knows all."""

    def value(text):
        question, _, word = text.removeprefix("reward ").rpartition("|")
        target = TASK.target(question)
        return 1.0 if target.startswith(word) else 0.0

    class Large:
        name, parameters = "large", 1000

        async def values(self, texts):
            return [Scored(value(text), 10) for text in texts]

    class Small:
        name, parameters = "small", 1

        async def values(self, texts):
            sure = [value(text) == 0 and len(text.rpartition("|")[2]) == 1 for text in texts]
            return [Scored(0.05 if one else 0.5, 10) for one in sure]

    return Cascade(Small(), Large())


def test_a_search_tells_what_the_cascade_did(tmp_path):
    problems = [TASK.parse(f"toy-{i}") for i in range(4)]
    strategy = BFS(verify=RewardScores())
    with Store(tmp_path / "run.db") as store:
        engines = Engines(policy=ToyLanguageModel(task=TASK), reward=toy())
        results = run(strategy, problems, wire(TASK, engines, store=store), store=store)
    report = cascade_report(results)
    assert report.scored == sum(one.usage["reward", "score"].calls for one in results)
    assert report.escalated == sum(one.usage["judge", "escalate"].calls for one in results)
    assert 0 < report.escalated < report.scored
    assert report.acceptance == pytest.approx(1 - report.escalated / report.scored)
    assert report.large.prompt_tokens == 10 * report.escalated
    assert report.saved.prompt_tokens == 10 * (report.scored - report.escalated)
    assert cascade_report(results[:1]).scored == results[0].counts["cascade.scored"]
    with Store(tmp_path / "run.db") as store:
        engines = Engines(policy=ToyLanguageModel(task=TASK), reward=toy())
        again = run(strategy, problems, wire(TASK, engines, store=store), store=store)
    assert [one.counts for one in again] == [one.counts for one in results]
    text = dump_result(results[0])
    assert load_result(text).counts == results[0].counts
    assert "counts" not in dump_result(Result(problems[0], None))


def test_the_report_of_a_few_numbers():
    key = ("judge", "escalate")
    results = [
        Result(
            PROBLEM,
            None,
            usage={key: Usage(calls=6, prompt_tokens=60, completion_tokens=30, flops=6.0)},
            counts={"cascade.scored": 10, "cascade.escalated": 2, "cascade.agreed": 1},
        ),
        Result(
            PROBLEM,
            None,
            usage={key: Usage(calls=3, prompt_tokens=30, dollars=0.5)},
            counts={
                "cascade.scored": 5,
                "cascade.escalated": 0,
                "cascade.audited": 1,
                "cascade.confirmed": 1,
            },
        ),
        Result(PROBLEM, None),
    ]
    report = cascade_report(results)
    assert report == CascadeReport(
        scored=15,
        escalated=2,
        agreed=1,
        audited=1,
        confirmed=1,
        large=Usage(calls=9, prompt_tokens=90, completion_tokens=30, flops=6.0, dollars=0.5),
    )
    assert report.acceptance == pytest.approx(13 / 15)
    assert report.agreement == 0.5
    assert report.confirmation == 1.0
    # 12 paths of 15 were not asked about; 3 cost 90 tokens.
    assert report.saved == Usage(
        calls=36, prompt_tokens=360, completion_tokens=120, flops=24.0, dollars=2.0
    )
    nothing = cascade_report([])
    assert nothing.acceptance is nothing.agreement is nothing.confirmation is None
    assert nothing.saved == Usage()


# ---------------------------------------------------------------------------------- thresholds


def rows(*groups):
    """Scores and truths of (score, bad, good) groups."""
    found = [(s, t) for s, bad, good in groups for t in [0.0] * bad + [1.0] * good]
    return [s for s, _ in found], [t for _, t in found]


def test_calibration_on_an_exact_toy():
    # Upper ends of Wilson's intervals: 0/100 .037, 1/200 .028, 11/300 .065; from above 0/80 .046,
    # 2/180 .040, 12/230 .089.
    scores_, truths = rows(
        (0.1, 100, 0), (0.2, 99, 1), (0.3, 90, 10), (0.5, 7, 7), (0.7, 10, 40), (0.8, 2, 98),
        (0.9, 0, 80),
    )  # fmt: skip
    assert wilson(1, 200).high < 0.05 < wilson(11, 300).high
    assert wilson(2, 180).high < 0.05 < wilson(12, 230).high
    assert calibrate(scores_, truths, error=0.05) == Between(0.3, 0.7)
    assert calibrate(scores_, truths, error=0.03) == Between(0.3, 1.0)
    assert calibrate(scores_, truths, error=0.001) == Between(0.0, 1.0)
    assert calibrate(scores_, truths, error=0.2) == Between(0.5, 0.5)
    surer = calibrate(scores_, truths, error=0.05, confidence=0.999)
    assert surer == Between(0.0, 1.0)


def test_what_is_believed_keeps_the_target():
    scores_, truths = rows((0.15, 95, 5), (0.25, 50, 0), (0.45, 5, 5), (0.6, 1, 99))
    rule = calibrate(scores_, truths, error=0.1)
    believed = [(s, t) for s, t in zip(scores_, truths, strict=True) if not rule(s)]
    wrong = [(s >= 0.5) != (t >= 0.5) for s, t in believed]
    assert rule == Between(0.45, 0.5)  # the mistakes at .15 are made good at .25
    assert sum(wrong) / len(wrong) < 0.1


def test_the_large_models_scores_are_truths():
    scores_, truths = rows((0.1, 100, 0), (0.9, 0, 100))
    soft = [0.8 * truth + 0.1 for truth in truths]
    assert calibrate(scores_, soft, error=0.05) == Between(0.5, 0.5)


def test_few_paths_let_nothing_be_believed():
    assert calibrate([0.01, 0.99], [0.0, 1.0], error=0.05) == Between(0.0, 1.0)


@pytest.mark.parametrize(
    ("scores_", "truths", "error"),
    [
        ([], [], 0.1),
        ([0.5], [1, 0], 0.1),
        ([1.5], [1], 0.1),
        ([0.5], [math.nan], 0.1),
        ([0.5], [1], 0),
        ([0.5], [1], 1),
    ],
)
def test_calibration_refuses(scores_, truths, error):
    with pytest.raises(InputError, match="calibrate"):
        calibrate(scores_, truths, error=error)


# ---------------------------------------------------------------------------------- text


def test_text_and_back():
    text = (
        "cascade(embedded_srm('game24'), genrm(embedded_policy('game24'), verdict=votes(3)), "
        "unsure=between(0.1, 0.7), audit=0.05)"
    )
    cascade = parse(text, "rewardmodel")
    assert parse(name_of(cascade), "rewardmodel") == cascade
    assert cascade.names == [cascade.small.name, cascade.large.lm.name]
    assert " at 0x" not in repr(wired(cascade))


def test_settings_out_of_range_are_refused():
    small, large, _ = models()
    for build in (
        lambda: Between(0.5, 0.4),
        lambda: Between(-0.1, 0.5),
        lambda: Between(0.1, 1.5),
        lambda: Cascade(small, large, audit=2),
        lambda: Cascade(small, large, unsure=None),
        lambda: Cascade(small, None),
        lambda: Cascade("small", large),
    ):
        with pytest.raises(InputError):
            build()
