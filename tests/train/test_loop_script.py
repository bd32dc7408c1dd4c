"""The loop from search trees to SRM+, at a size where it takes seconds, and what it counts."""

import importlib
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path as File

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from specreward.engines import Completion, Usage  # noqa: E402
from specreward.tasks.countdown import canonical_numbers, solvable  # noqa: E402
from specreward.types import Candidate, Judgement, Models, Path, Result  # noqa: E402

pytestmark = pytest.mark.train

ROOT = File(__file__).parents[2]


@pytest.fixture
def loop(monkeypatch):
    for folder in ("benchmarks", "recipes"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    return importlib.import_module("loop")


def path_of(task, *steps):
    path = Path(task.parse("2 3 6 6 -> 36"))
    for text in steps:
        path = path.then(task.step(path, Completion(text, tokens=7, logprob=None, prompt_tokens=9)))
    return path


GOOD, LOST = "6 * 6 = 36 (left: 2 3 36)", "6 / 6 = 1 (left: 1 2 3)"
RIGHT = ("3 - 2 = 1 (left: 1 6 6)", "6 * 6 = 36 (left: 1 36)", "1 * 36 = 36 (left: 36)")


def test_the_script_goes_through_and_goes_on(loop, tmp_path, monkeypatch):
    small = {"steps": 2, "every": 1, "batch": 4, "warmup": 1}
    for name in ("STAGE_1", "STAGE_2"):
        monkeypatch.setattr(loop, name, replace(getattr(loop, name), **small))
    monkeypatch.setattr(loop, "STATES", 120)
    monkeypatch.setattr(loop, "STRATEGIES", {"rebase": ("rebase(2)", "rebase(4)")})
    monkeypatch.setattr(loop, "CONTROL", ("best_of_n(2)",))
    monkeypatch.setattr(loop, "AT_HOME", ("rebase(2)",))
    monkeypatch.setattr(loop, "EXPLORE", "rebase(16, reward_temperature=2.0)")
    monkeypatch.setattr(loop, "RESULTS", tmp_path / "loop.jsonl")
    words = ["--problems", "4", "--own", "50", "--seeds", "0", "1", "--work", str(tmp_path / "w")]
    loop.main(words)
    text = loop.RESULTS.read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    parts = [row["part"] for row in rows]
    assert parts[:1] + parts[1:3] == ["stage_1", "loop", "loop"]
    assert parts[3:] == ["pairs"] * 2 + ["accuracy"] * 2 + ["control", "accuracy"] + ["three_e"] * 2
    assert rows[1]["own_problems"] == 50
    assert rows[1]["policy_tokens"] != rows[2]["policy_tokens"]
    assert [row["by"] for row in rows if row["part"] == "pairs"] == ["truth", "labels"]
    abroad = next(row for row in rows if row["part"] == "three_e")["extensibility"]
    assert abroad["domain"].startswith("game24(target=36)")
    assert abroad["tuning"] == pytest.approx(abroad["tuned"] - abroad["accuracy"])
    page = loop.RESULTS.with_suffix(".html").read_text("utf-8")
    assert "SRM+" in page
    assert page.count("<svg") == 1

    def never(*given, **named):
        raise AssertionError("searched again")

    monkeypatch.setattr(importlib.import_module("specreward.run")._Job, "_search", never)
    monkeypatch.setattr(loop, "three_e", lambda *given: rows[-2:])
    loop.main(words)
    again = [json.loads(line) for line in loop.RESULTS.read_text("utf-8").splitlines()]
    assert again == rows


def test_stage_1_sees_target_24_alone_and_true_labels(loop):
    data = loop.states(60)
    assert len({one.problem.question for one in data}) == 60
    assert {one.labels for one in data} == {(0.0,), (1.0,)}
    for one in data:
        assert "->" not in one.problem.question
        left = one.steps[0].partition("(left: ")[2].rstrip(")").split()
        able = solvable(canonical_numbers([Fraction(word) for word in left]), Fraction(24))
        assert one.labels == (float(able),)


class Told:
    """A loop whose two reward models are functions of a path."""

    def __init__(self, task, first, plus):
        self.task, self.first, self.plus, self.seed = task, first, plus, 0

    def models(self, task, reward):
        class Reward:
            async def score(self, paths):
                return [reward(path) for path in paths]

        return Models(task=task, policy=None, reward=Reward())


def found(task, *families):
    expansions = tuple(
        [(parent, tuple([Judgement(p, 0.5) for p in family])) for parent, family in families]
    )
    return Result(families[0][0].problem, None, expansions=expansions)


def test_pairs_are_siblings_of_which_one_can_still_reach_the_target(loop):
    task = loop.TASK
    root = path_of(task)
    good, lost, after = path_of(task, GOOD), path_of(task, LOST), path_of(task, RIGHT[0])
    below = path_of(task, *RIGHT[:2])
    tree = found(task, (root, [good, lost]), (after, [below]), (root, [after, good]))
    known = loop.truths([tree])
    assert [known[path.key] for path in (good, lost, after, below)] == [1.0, 0.0, 1.0, 1.0]
    oracle = Told(task, lambda p: float(task.reachable(p)), lambda p: -float(task.reachable(p)))
    [pairs] = loop.in_order([tree], known, oracle).values()
    assert pairs == [(1.0, 0.0)] * 2  # good and after against lost; below has no sibling
    level = Told(task, lambda p: 0.5, lambda p: float(task.reachable(p)))
    [row] = loop.pairs_row("truth", [(known, [tree], level), (known, [tree], oracle)])
    assert (row["pairs"], row["problems"]) == (4, 1)
    assert (row["srm"][0], row["srm_plus"][0], row["gain"][0]) == (0.75, 0.5, -0.25)
    close = {good.key: 0.5, lost.key: 0.35, after.key: 0.3}
    [pairs] = loop.in_order([tree], close, oracle).values()
    assert pairs == [(0.5, 0.5)]  # 0.2 apart, and equal to the oracle


def test_accuracy_is_the_mean_over_seeds_and_tokens_are_the_policys(loop):
    task = loop.TASK
    done = path_of(task, *RIGHT)
    assert done.finished
    usage = {
        ("policy", "propose"): Usage(prompt_tokens=30, completion_tokens=12),
        ("reward", "score"): Usage(prompt_tokens=500),
    }
    won = Result(done.problem, Candidate(done, 0.9), usage=usage)
    lost = Result(done.problem, None, usage=usage)
    assert (loop.right(won), loop.right(lost), loop.tokens(won)) == (True, False, 42)

    class Fixed:
        first, plus = "srm", "srm+"

        def __init__(self, seed):
            self.seed = seed

        def trees(self, name, problems, spec, reward):
            return [won if reward == "srm+" or self.seed else lost, lost]

    row = loop.accuracy("new", "rebase()", [done.problem] * 2, [Fixed(0), Fixed(1)])
    assert (row["srm"][0], row["srm_plus"][0], row["gain"][0]) == (0.25, 0.5, 0.25)
    assert row["gain_by_seed"] == [0.5, 0.0]
    assert row["policy_tokens"] == [42.0, 42.0]
    assert row["tokens_ratio"] == [1.0, 1.0, 1.0]
