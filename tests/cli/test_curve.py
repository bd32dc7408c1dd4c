"""``specreward curve``."""

import json
import math
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from specreward.report.chart import Series, lines
from specreward.report.curve import curve, rules_of
from specreward.stats import wilson
from specreward.store import Store
from specreward.testing import ToyTask
from specreward.types import Candidate, Path, Result, Step

BEST, VOTES = "best_of_n(n=8)", "self_consistency(n=8)"


@pytest.fixture
def run(call, tmp_path):
    done = call(
        *("compare", "toy", "--models", "toy", "-s", BEST, "-s", VOTES, "-s", "cot()"),
        *("-s", "self_consistency(n=8, stop=vote_decided())", "--limit", 6),
        *("-o", tmp_path / "run"),
    )
    assert done.exit_code == 0, done.stderr
    return tmp_path / "run"


def points(folder):
    rows = [json.loads(text) for text in (folder / "curve.jsonl").read_text().splitlines()]
    return {(row["strategy"], row["rule"], row["n"]): row for row in rows}


def test_all_rules_for_every_n(call, run):
    before = (run / "run.db").read_bytes()
    done = call("curve", run)
    assert done.exit_code == 0, done.stderr
    assert "written to" in done.stderr
    notes = " ".join(done.stderr.split())
    assert "its paths: cot(), self_consistency(n=8, stop=vote_decided())" in notes
    assert (run / "run.db").read_bytes() == before
    found = points(run)
    rules = {BEST: ["pass", "highest()", "vote", "weighted_vote()"], VOTES: ["pass", "vote"]}
    assert list(found) == [
        (spec, rule, n) for spec in rules for rule in rules[spec] for n in (1, 2, 4, 8)
    ]
    for row in found.values():
        assert row["problems"] == 6
        assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
    for text in ("pass@n", "weighted_vote()", "best_of_n(n=8): 6 problems"):
        assert text in done.stdout
    page = (run / "curve.html").read_text("utf-8")
    assert page.count("<svg") == 2
    assert "http" not in page


def test_the_numbers_are_those_of_the_run(call, run):
    # With one path the mean over paths, with all of them what the run itself reached.
    assert call("curve", run).exit_code == 0
    found, task = points(run), ToyTask()
    with Store(run / "run.db", write=False) as store:
        for row in store.runs():
            if row.strategy not in (BEST, VOTES):
                continue
            results = store.results(row.id)
            right = [
                [task.check(one.problem, task.answer(c.path)) for c in one.candidates]
                for one in results
            ]
            one_path = math.fsum([sum(own) / 8 for own in right]) / 6
            for rule in ("pass", "vote"):
                assert found[row.strategy, rule, 1]["accuracy"] == pytest.approx(one_path)
            every = sum([any(own) for own in right]) / 6
            assert found[row.strategy, "pass", 8]["accuracy"] == pytest.approx(every)
            tokens = sum([one.usage["policy", "propose"].tokens for one in results]) / 6
            assert found[row.strategy, "pass", 8]["tokens"] == pytest.approx(tokens)
            assert found[row.strategy, "pass", 2]["tokens"] == pytest.approx(tokens / 4)
            if row.strategy == BEST:  # rewards of the toy differ, so that no tie is averaged
                chosen = [
                    task.check(r.problem, task.answer(r.best.path)) for r in results if r.best
                ]
                assert found[BEST, "highest()", 8]["accuracy"] == pytest.approx(sum(chosen) / 6)


def test_picks_that_are_asked_for(call, run, tmp_path):
    done = call(
        *("curve", run, "-s", BEST, "--pick", "highest", "--pick", "softmax_vote(0.1)"),
        *("--pick", "vote", "-o", tmp_path / "new"),
    )
    assert done.exit_code == 0, done.stderr
    rules = ["highest()", "softmax_vote(reward_temperature=0.1)", "vote"]
    assert list(dict.fromkeys([rule for _, rule, _ in points(tmp_path / "new")])) == rules
    assert not (run / "curve.jsonl").exists()


def test_the_seed_is_of_the_intervals(call, run, tmp_path):
    for seed in (0, 0, 1):
        assert call("curve", run, "--seed", seed, "-o", tmp_path / "s").exit_code == 0
        text = (tmp_path / "s" / "curve.jsonl").read_text()
        if seed == 0:
            known = text
    assert text != known
    assert call("curve", run, "-o", tmp_path / "s").exit_code == 0
    assert (tmp_path / "s" / "curve.jsonl").read_text() == known


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-s", "cot()"], "expected a run of best_of_n or self_consistency, whose paths are drawn"),
        (["-s", "bfs()"], "expected a run of bfs(), got best_of_n(n=8), self_consistency(n=8), co"),
        (["-s", "self_consistency(8, stop=vote_decided())"], "got one that may stop before"),
        (["--pick", "max_reward"], "--pick max_reward: expected pass, vote, highest"),
        (["-s", VOTES, "--pick", "highest"], "expected pass or vote for self_consistency(n=8)"),
        (["--pick", "highest"], "choose a run of best_of_n with --strategy"),
        (["--pick", "higest"], "unknown"),
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (["-o", "/proc/no/such"], "expected a folder that can be written"),
    ],
)
def test_refusals(call, run, words, said):
    done = call("curve", run, *words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_a_run_without_its_command_or_no_run(call, run, tmp_path):
    (run / "command.json").write_text('{"task": 3}')
    done = call("curve", run)
    assert (done.exit_code, "such as bfs(width=5), got '3'" in done.stderr) == (2, True)
    (run / "command.json").unlink()
    done = call("curve", run)
    assert (done.exit_code, "which names the task of the run" in done.stderr) == (2, True)
    assert "nothing is there" in call("curve", tmp_path / "nowhere").stderr


def test_what_ran_on_other_problems_or_not_at_all_is_no_run(call, tmp_path):
    done = call(
        *("compare", "toy", "--models", "toy", "-s", BEST, "--limit", 4, "-o", tmp_path),
        *("--three-e", "--extend-to", "toy(depth=3)"),
    )
    assert done.exit_code == 0, done.stderr
    with Store(tmp_path / "run.db") as store:
        names = [row.strategy for row in store.runs()]
        store.open_run(VOTES, "none", "none")
    assert [name for name in names if name.startswith(f"{BEST} on ")]
    done = call("curve", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert {spec for spec, *_ in points(tmp_path)} == {BEST}
    assert f"{BEST} on" not in done.stderr


def test_problems_that_ran_out_of_budget_are_not_solved(call, tmp_path):
    done = call(
        *("compare", "toy", "--models", "toy", "-s", BEST, "--limit", 4, "--budget", "calls=3"),
        *("-o", tmp_path),
    )
    assert done.exit_code == 0, done.stderr
    done = call("curve", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "4 of 4 problems failed or ran out of budget" in " ".join(done.stderr.split())
    assert {row["accuracy"] for row in points(tmp_path).values()} == {0.0}


def test_a_failed_problem_is_not_solved_by_what_it_found():
    task = ToyTask()
    [problem] = task.generate(1, "test", 0)
    steps = tuple([Step(letter, final=i == 3) for i, letter in enumerate(problem.answer)])
    found = Candidate(Path(problem, steps), 0.9)
    assert task.check(problem, task.answer(found.path))
    for ended, accuracy in (("done", 1.0), ("failed", 0.0)):
        result = Result(problem, None, candidates=(found,), ended=ended)
        [own] = curve("best_of_n(n=1)", [result], task, rules_of("best_of_n(n=1)", ["pass"]), 0)
        assert own.dots[0].accuracy.estimate == accuracy


def test_the_seed_is_of_the_subsets_too():
    task = ToyTask()
    [problem] = task.generate(1, "test", 0)
    wrong = "".join(["b" if letter == "a" else "a" for letter in problem.answer])
    paths = [
        Path(problem, tuple([Step(letter, final=i == 3) for i, letter in enumerate(word)]))
        for word in (problem.answer, wrong)
    ]
    found = [Candidate(path, 0.5) for path in paths for _ in range(10)]
    result = Result(problem, None, candidates=tuple(found), ended="done")
    spec = "best_of_n(n=20)"
    [first, same, other] = [
        curve(spec, [result], task, rules_of(spec, ["vote"]), seed)[0].dots for seed in (0, 0, 1)
    ]
    assert first == same
    assert [dot.n for dot in first] == [1, 2, 4, 8, 16, 20]
    changed = [
        a.accuracy.estimate != b.accuracy.estimate for a, b in zip(first, other, strict=True)
    ]
    assert changed == [False, False, False, True, False, False]  # where not all are looked at


def test_curves_are_drawn_where_they_are():
    rising = [(1.0, wilson(2, 10)), (2.0, wilson(5, 10)), (4.0, wilson(9, 10))]
    flat = [(1.0, wilson(5, 10)), (4.0, wilson(5, 10))]
    drawn = ET.fromstring(
        lines([Series(name="a<b", points=rising), Series(name="c", points=flat)], "paths")
    )
    ways = [one for one in drawn.iter("polyline") if one.get("class") == "way"]
    assert len(ways) == 2 + 2  # and from the end of each to its number
    spots = [tuple(map(float, spot.split(","))) for spot in ways[0].get("points").split()]
    assert [x for x, _ in spots] == sorted([x for x, _ in spots])
    assert [y for _, y in spots] == sorted([y for _, y in spots], reverse=True)
    assert spots[1][0] - spots[0][0] == pytest.approx(spots[2][0] - spots[1][0], abs=0.2)
    assert len(list(drawn.iter("circle"))) == 3 + 2 + 2  # and the number of each
    bars = [one for one in drawn.iter("line") if one.get("class") == "bar"]
    assert len(bars) == 3 + 2


@pytest.mark.parametrize(("right", "many"), [(10, 4), (0, 4), (5, 8), (7, 30)])
def test_numbers_of_curves_that_coincide_stand_apart(right, many):
    same = [(1.0, wilson(5, 10)), (16.0, wilson(right, 10))]
    drawn = ET.fromstring(lines([Series(name=str(i), points=same) for i in range(many)], "paths"))
    large = [one for one in drawn.iter("circle") if one.get("r") == "10"]
    small = [one for one in drawn.iter("circle") if one.get("r") != "10"]
    heights = [float(one.get("cy")) for one in large]
    steps = [after - before for before, after in pairwise(heights)]
    assert min(steps) >= 19.9 if many < 10 else min(steps) > 9  # what fits stands clear
    assert min(heights) >= 16
    assert max(heights) <= 360 - 46 - 10
    assert min(float(one.get("cx")) for one in large) > max(float(one.get("cx")) for one in small)
    assert max(float(one.get("cx")) for one in large) <= 560 - 18 - 10


def test_a_number_stands_beside_its_end_where_there_is_room():
    far = [[(1.0, wilson(k, 10)), (16.0, wilson(k, 10))] for k in (2, 8)]
    drawn = ET.fromstring(lines([Series(name="x", points=one) for one in far], "paths"))
    found = [(one.get("r"), one.get("cy")) for one in drawn.iter("circle")]
    for k in (0, 1):
        assert [cy for r, cy in found if r == "10"][k] == [cy for r, cy in found if r != "10"][
            2 * k
        ]
