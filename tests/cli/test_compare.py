import json
import os
import signal
import subprocess
import sys

import pytest

from specreward.store import Store

from .conftest import PLUGIN

HOST = "bfs(verify=self_evaluation())"
OURS = "bfs(verify=speculative())"
FILES = ["command.json", "report.html", "results.jsonl", "run.db", "summary.json"]


def words(folder, *more, limit=6):
    base = ["compare", "toy", "--models", "toy", "-s", HOST, "-s", OURS, "--seed", 3]
    return [*base, "--limit", limit, "-o", folder, *more]


def files(folder):
    return sorted(p.name for p in folder.iterdir() if p.suffix not in (".db-shm", ".db-wal"))


def test_the_folder_and_the_summary(call, tmp_path):
    done = call(*words(tmp_path / "new" / "out"))
    assert done.exit_code == 0, done.stderr
    out = tmp_path / "new" / "out"
    assert files(out) == FILES
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["task"], summary["seed"]) == ("toy()", 3)
    host, ours = summary["strategies"]
    assert (host["spec"], ours["spec"], host["n"]) == (HOST, OURS, 6)
    assert set(host["usage"]) == {"policy"}
    assert set(host["usage"]["policy"]) == {"evaluate", "propose"}
    assert set(ours["usage"]) == {"policy", "reward"}
    spent = ours["usage"]["reward"]["score"]
    for key in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "flops"):
        assert key in spent
    assert spent["flops"] == 2 * 100 * spent["prompt_tokens"]
    assert 0 < ours["acceptance"] < 1
    ratio = ours["ratio_to_first"]
    tokens = [
        sum(p["prompt_tokens"] + p["completion_tokens"] for p in s["usage"]["policy"].values())
        for s in (host, ours)
    ]
    assert ratio["tokens"] == pytest.approx(tokens[1] / tokens[0])
    assert ratio["flops"] < 1
    difference = ratio["accuracy_difference"]
    assert difference["low"] <= difference["estimate"] <= difference["high"]
    assert difference["estimate"] == pytest.approx(ours["accuracy"] - host["accuracy"])
    assert host["ratio_to_first"]["tokens"] == 1


def test_lines_are_one_for_each_strategy_and_problem_in_order(call, tmp_path):
    call(*words(tmp_path))
    lines = [json.loads(text) for text in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [line["strategy"] for line in lines] == [HOST] * 6 + [OURS] * 6
    assert [line["problem"] for line in lines] == [f"test-3-{i}" for i in range(6)] * 2
    assert not {"seconds", "cached_tokens", "flops"} & set(json.dumps(lines).split('"'))
    summary = json.loads((tmp_path / "summary.json").read_text())
    for row in summary["strategies"]:
        own = [line for line in lines if line["strategy"] == row["spec"]]
        assert sum(line["correct"] for line in own) / 6 == pytest.approx(row["accuracy"])


def test_the_table_has_the_numbers_of_the_summary(call, tmp_path):
    done = call(*words(tmp_path))
    [_, ours] = json.loads((tmp_path / "summary.json").read_text())["strategies"]
    rate = f"{ours['accuracy']:.1%}"
    for text in (rate, "LLM tokens", "evaluate", "reward tokens", "acceptance"):
        assert text in done.stdout
    assert f"{ours['ratio_to_first']['tokens']:.3g} (" in done.stdout
    assert "\x1b" not in done.stdout


def test_the_same_command_again_asks_no_model(call, tmp_path, toy_plugin):
    call(*words(tmp_path))
    before = {name: (tmp_path / name).read_bytes() for name in FILES if name != "run.db"}
    toy_plugin.FUSE["calls"] = 0
    assert call(*words(tmp_path)).exit_code == 0
    assert toy_plugin.FUSE["calls"] == 0
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("after", [1, 3, 8])
def test_interrupted_it_goes_on_to_the_same_bytes(call, tmp_path, toy_plugin, after):
    call(*words(tmp_path / "whole", "--concurrency", 2))
    toy_plugin.FUSE.update(calls=0, interrupt=after)
    stopped = call(*words(tmp_path / "cut", "--concurrency", 2))
    assert stopped.exit_code == 130
    assert "state saved" in stopped.stderr
    assert "go on: specreward" in stopped.stderr
    assert files(tmp_path / "cut") == ["command.json", "run.db"]
    toy_plugin.FUSE["interrupt"] = None
    assert call(*words(tmp_path / "cut", "--concurrency", 5)).exit_code == 0
    whole, cut = ((tmp_path / name / "results.jsonl").read_bytes() for name in ("whole", "cut"))
    assert whole == cut
    with Store(tmp_path / "cut" / "run.db", write=False) as store:
        assert all(calls == paid for calls, paid in store.paid().values())


def test_killed_it_goes_on_to_the_same_bytes(call, tmp_path):
    call(*words(tmp_path / "whole"))
    code = "from specreward.cli import main; main()"
    path = os.pathsep.join([str(PLUGIN), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "TOY_KILL_AFTER": "4"}
    killed = subprocess.run(
        [sys.executable, "-c", code, *map(str, words(tmp_path / "cut"))],
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    assert call(*words(tmp_path / "cut")).exit_code == 0
    whole, cut = ((tmp_path / name / "results.jsonl").read_bytes() for name in ("whole", "cut"))
    assert whole == cut
    with Store(tmp_path / "cut" / "run.db", write=False) as store:
        assert all(calls == paid for calls, paid in store.paid().values())


def test_what_a_kill_left_over_is_cleared_away(call, tmp_path):
    (tmp_path / ".summary.json.123.part").write_text("{")
    (tmp_path / ".probe.123").write_text("x")
    call(*words(tmp_path))
    assert files(tmp_path) == FILES


@pytest.mark.parametrize(
    ("more", "key"),
    [
        (["--seed", 4], "seed"),
        (["--limit", 5], "problems.source"),
        (["--split", "tune"], "problems.source"),
        (["--budget", "tokens=900"], "budget"),
        (["-s", "cot()"], "strategies"),
        (["--three-e"], "strategies"),
    ],
)
def test_another_command_into_the_same_folder_is_refused(call, tmp_path, more, key):
    call(*words(tmp_path))
    before = (tmp_path / "results.jsonl").read_bytes()
    refused = call(*words(tmp_path, *more))
    assert refused.exit_code == 2
    assert f"another command ({key}:" in refused.stderr
    assert "give another --output" in refused.stderr
    assert (tmp_path / "results.jsonl").read_bytes() == before


def test_a_run_file_of_unknown_origin_is_refused(call, tmp_path):
    (tmp_path / "run.db").write_bytes(b"")
    refused = call(*words(tmp_path))
    assert refused.exit_code == 2
    assert "nobody knows what it belongs to" in refused.stderr


def test_the_concurrency_is_no_part_of_the_command(call, tmp_path):
    call(*words(tmp_path / "a", "--concurrency", 1))
    call(*words(tmp_path / "b", "--concurrency", 50))
    assert call(*words(tmp_path / "a", "--concurrency", 9)).exit_code == 0
    a, b = ((tmp_path / name / "results.jsonl").read_bytes() for name in "ab")
    assert a == b


def test_a_budget_ends_searches_and_the_best_so_far_counts(call, tmp_path):
    call(*words(tmp_path, "--budget", "calls=9"))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["budget"]["calls"] == 9
    assert all(row["ended"].get("budget") for row in summary["strategies"])
    for text in (tmp_path / "results.jsonl").read_text().splitlines():
        usage = json.loads(text)["usage"]
        assert sum(p["calls"] for phases in usage.values() for p in phases.values()) <= 9


def test_prices_make_dollars_and_another_command(call, tmp_path):
    prices = tmp_path / "prices.json"
    row = {"prompt": 1.0, "cached": 1.0, "completion": 2.0}
    prices.write_text(json.dumps({"models": {"toy-*": row}}))
    out = tmp_path / "out"
    assert call(*words(out, "--prices", prices)).exit_code == 0
    [host, _] = json.loads((out / "summary.json").read_text())["strategies"]
    spent = host["usage"]["policy"]["propose"]
    expected = (spent["prompt_tokens"] + 2 * spent["completion_tokens"]) / 1e6
    assert spent["dollars"] == pytest.approx(expected)
    assert "(prices" in call(*words(out)).stderr


def test_problems_from_a_file_with_a_bad_line(call, tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_text('{"question": "one", "id": "a"}\nnot json\n{"question": "two", "id": "b"}\n')
    out = tmp_path / "out"
    base = ["compare", "toy", "--models", "toy", "-s", "cot()", "-o", out, "--problems", file]
    done = call(*base)
    assert done.exit_code == 0
    assert "some.jsonl:2: expected" in done.stderr
    lines = [json.loads(text) for text in (out / "results.jsonl").read_text().splitlines()]
    assert [line["problem"] for line in lines] == ["a", "b"]
    file.write_text('{"question": "other", "id": "a"}\n{"question": "two", "id": "b"}\n')
    assert "(problems." in call(*base).stderr


def test_three_e_adds_chain_of_thought_and_another_domain(call, tmp_path):
    done = call(*words(tmp_path, "--three-e", "--extend-to", "toy(depth=3)"))
    assert done.exit_code == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [row["spec"] for row in summary["strategies"]] == [HOST, OURS, "cot()"]
    host, ours, cot = summary["three_e"]
    assert cot["efficiency"]["relative_cost"] == 1
    assert cot["efficiency"]["marginal_gain"] is None
    assert host["efficiency"]["relative_cost"] > ours["efficiency"]["relative_cost"] > 1
    assert ours["effectiveness"]["gain"] == pytest.approx(
        summary["strategies"][1]["accuracy"] - summary["strategies"][2]["accuracy"]
    )
    extended = ours["extensibility"]
    assert extended["domain"] == "toy(depth=3), split test, 6 problems"
    assert extended["difference"] == pytest.approx(
        extended["accuracy"] - ours["effectiveness"]["accuracy"]
    )
    assert "C / C_CoT" in done.stdout
    assert summary["criteria"] is True
    assert summary["extend_to"]["task"] == "toy(depth=3)"
    assert "extensibility" in (tmp_path / "report.html").read_text()
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 18


def test_a_reward_model_tuned_for_the_other_domain_has_its_row(call, tmp_path):
    base = ["compare", "game24", "-s", "greedy()", "--limit", 3, "--three-e", "--extend-to", "tune"]
    done = call(*base, "-o", tmp_path / "a", "--reward-there", "embedded_srm('game24')")
    assert done.exit_code == 0, done.stderr
    assert "gain by tuning, points" in done.stdout
    assert "gain by tuning" in (tmp_path / "a" / "report.html").read_text()
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    greedy = summary["three_e"][0]["extensibility"]
    assert (greedy["tuned"], greedy["tuning"]) == (greedy["accuracy"], 0)  # the same model
    with Store(tmp_path / "a" / "run.db") as store:
        assert sum("tuned" in row.strategy for row in store.runs()) == 2
    other = call(*base, "-o", tmp_path / "b", "--reward-there", "embedded_srm('none')")
    assert "no embedded models for the task 'none'" in other.stderr
    assert call(*base, "-o", tmp_path / "a").exit_code == 2  # another command


def test_a_folder_with_the_name_of_a_split_is_not_mistaken_for_it(call, tmp_path, monkeypatch):
    (tmp_path / "test").mkdir()
    (tmp_path / "tune").mkdir()
    monkeypatch.chdir(tmp_path)
    done = call(*words(tmp_path / "out", "--three-e", "--extend-to", "tune"))
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("where", ["tune", "file"])
def test_another_domain_is_a_split_or_a_file(call, tmp_path, where):
    file = tmp_path / "other.txt"
    file.write_text("x\ny\n")
    to = file if where == "file" else where
    done = call(*words(tmp_path / "out", "--three-e", "--extend-to", to))
    assert done.exit_code == 0, done.stderr
    rows = json.loads((tmp_path / "out" / "summary.json").read_text())["three_e"]
    assert rows[0]["extensibility"]["n"] == (2 if where == "file" else 6)


def test_a_strategy_that_fails_everywhere_is_said(call, tmp_path):
    base = ["compare", "toy", "--models", "blind", "-s", "cot()", "-s", OURS, "--limit", 3]
    done = call(*base, "-o", tmp_path)
    assert done.exit_code == 1
    assert f"warning: {OURS}: 3 of 3 problems failed" in done.stderr
    assert "reward model" in done.stderr
    lines = [json.loads(text) for text in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert all(line["ended"] == "failed" for line in lines[3:])


def refusal(call, tmp_path, *more):
    done = call(*words(tmp_path / "out", *more))
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["-s", "bsf()"], "did you mean 'bfs'"),
        (["-s", "bfs(widht=3)"], "did you mean 'width'"),
        (["-s", "bfs(width=-1)"], "bfs width"),
        (["-s", "bfs(verify=speculatve())"], "did you mean 'speculative'"),
        (["-s", OURS], "given twice"),
        (["--models", "tpy"], "did you mean 'toy'"),
        (["--models", "broken"], "no such weights"),
        (["--budget", "tokens=0"], "above 0"),
        (["--budget", "tokens=-5"], "above 0"),
        (["--budget", "token=5"], "did you mean 'tokens'"),
        (["--budget", "tokens"], "kind=number"),
        (["--budget", "seconds=soon"], "expected a number"),
        (["--budget", "calls=1.5"], "whole number"),
        (["--budget", "calls=1,calls=2"], "given twice"),
        (["--limit", "0"], "at least 1"),
        (["--problems", "nowhere.jsonl"], "nothing there"),
        (["--extend-to", "tune"], "--three-e"),
        (["--three-e", "--reward-there", "embedded_srm('game24')"], "--extend-to"),
        (["--prices", "nowhere.json"], "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_made(call, tmp_path, more, said):
    assert said in refusal(call, tmp_path, *more)


def test_an_unknown_task_is_named(call, tmp_path):
    done = call("compare", "tyo", "-s", "cot()", "-o", tmp_path / "out")
    assert (done.exit_code, "did you mean 'toy'" in done.stderr) == (2, True)


def test_output_that_cannot_be_written_is_said_before_work_starts(call, tmp_path, toy_plugin):
    (tmp_path / "file").write_text("")
    done = call(*words(tmp_path / "file"))
    assert done.exit_code == 2
    assert "can be written" in done.stderr
    assert toy_plugin.FUSE["calls"] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_said_before_work_starts(call, tmp_path, toy_plugin, monkeypatch):
    from specreward.cli import folder

    monkeypatch.setattr(folder, "ROOM", 1 << 60)
    done = call(*words(tmp_path / "out"))
    assert done.exit_code == 2
    assert "MiB free" in done.stderr
    assert toy_plugin.FUSE["calls"] == 0


def test_a_disk_that_fills_up_at_the_end_leaves_no_half_file(call, tmp_path, monkeypatch):
    from specreward.report import files as written

    def full(handle):
        raise OSError(28, "No space left on device")

    call(*words(tmp_path))
    (tmp_path / "summary.json").unlink()
    monkeypatch.setattr(written.os, "fsync", full)
    done = call(*words(tmp_path))
    assert (done.exit_code, "No space left" in done.stderr) == (2, True)
    assert files(tmp_path) == [name for name in FILES if name != "summary.json"]
