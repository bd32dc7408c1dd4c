import json
import shlex
from itertools import pairwise

import typer

from specreward.cli import app
from specreward.reward.catalogue import PUBLISHED, read_reward
from specreward.spec import parse

ONE = "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B"


def test_the_list_has_a_line_for_each_checkpoint(call):
    done = call("models")
    assert done.exit_code == 0, done.stderr
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if "/" in line}
    assert set(PUBLISHED) <= set(lines)
    [line] = [lines[ONE]]
    assert line[1:4] == ["skywork_prm", "1.5", "B"]
    assert "Skywork Community" in " ".join(line)
    assert " ".join(line).endswith("each step 3 GB")
    assert "pip install 'specreward[transformers]'" in done.stdout


def test_one_is_shown_with_its_family_and_a_command_that_can_be_typed(call):
    done = call("models", f"{ONE}@abc")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"skywork_prm('{ONE}@abc')\n")
    for part in ("Qwen2.5-Math-1.5B-Instruct", "Skywork Community", "abc", "3 GB", "score = r_T"):
        assert part in done.stdout
    assert "pip install 'specreward[transformers]'" in done.stdout
    words = shlex.split(done.stdout.splitlines()[-1])
    assert words[:3] == ["specreward", "solve", "math"]
    typer.main.get_command(app).commands["solve"].make_context("solve", words[2:])
    given = dict(pairwise(words))
    parse(given["--strategy"], "strategy")
    parse(given["--policy"], "languagemodel")
    assert read_reward(given["--reward"]) == read_reward(f"skywork_prm('{ONE}@abc')")
    assert "the newest" in call("models", ONE).stdout


def test_json(call):
    rows = json.loads(call("models", "--json").stdout)
    assert [row["name"] for row in rows] == list(PUBLISHED)
    assert all(read_reward(row["text"]) == read_reward(row["name"]) for row in rows)
    row = json.loads(call("models", f"{ONE}@abc", "--json").stdout)
    assert row["revision"] == "abc"
    assert row["text"] == f"skywork_prm('{ONE}@abc')"
    assert (row["gigabytes"], row["per_step"]) == (3, True)


def test_a_wrong_name_is_one_line_with_the_nearest(call):
    done = call("models", "Skywork/Skywork-o1-PRM-Qwen-2.5-1.5B")
    assert done.exit_code == 2
    assert f"did you mean '{ONE}'" in done.stderr
    assert done.stderr.count("\n") == 1
