import io
import json

import pytest
from rich.console import Console

from specreward.cli import solve as module
from specreward.testing import ToyTask

ANSWER = ToyTask().target("abc")


def test_the_tree_the_answer_and_the_cost(call):
    done = call("solve", "toy", "abc", "--models", "toy")
    assert done.exit_code == 0, done.stderr
    assert f"answer  {ANSWER}" in done.stdout
    assert "check   right" in done.stdout
    assert "policy propose:" in done.stdout
    assert "reward score:" in done.stdout
    assert "FLOPs" in done.stdout
    stars = [line for line in done.stdout.splitlines() if "★" in line]
    assert [line.split("★ ")[1][0] for line in stars] == list(ANSWER)
    assert all("SR" in line and "RC" in line and "kept" in line for line in stars)
    assert any("✗" in line and "pruned" in line for line in done.stdout.splitlines())


def test_json_is_one_object_a_problem(call):
    done = call("solve", "toy", "-", "--models", "toy", "--json", stdin="abc\n\nxyz\n")
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["question"], first["answer"], first["correct"]) == ("abc", ANSWER, True)
    assert second["question"] == "xyz"
    assert first["usage"]["policy"]["propose"]["calls"] > 0


def test_a_file_keeps_its_good_lines(call, tmp_path):
    file = tmp_path / "problems.jsonl"
    file.write_text('{"question": "abc"}\n{"quest": 1}\n{"question": "xyz"}\n')
    done = call("solve", "toy", file, "--models", "toy", "--json")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 2
    assert "problems.jsonl:2: expected" in done.stderr


def test_without_a_problem_one_is_made_from_the_seed(call):
    base = ["solve", "toy", "--models", "toy", "--json", "--seed"]
    asked = [json.loads(call(*base, seed).stdout)["question"] for seed in (1, 1, 2)]
    assert asked == ["test-1-0", "test-1-0", "test-2-0"]


def test_strategy_seed_and_budget_are_used(call, toy_plugin):
    def usage(*more):
        toy_plugin.FUSE["calls"] = 0
        done = call("solve", "toy", "abc", "--models", "toy", "--json", *more)
        return json.loads(done.stdout)

    assert set(usage("-s", "cot()")["usage"]) == {"policy"}
    assert "evaluate" in usage("-s", "bfs(verify=self_evaluation())")["usage"]["policy"]
    capped = usage("--budget", "calls=5", "-s", "mcts(verify=speculative())")
    assert capped["ended"] == "budget"
    sampled = ["-s", "cot(temperature=1.0)"]
    answers = {usage(*sampled, "--seed", seed)["answer"] for seed in range(8)}
    assert len(answers) > 1


def test_the_default_strategy_is_speculative(call):
    default = call("solve", "toy", "abc", "--models", "toy", "--json").stdout
    given = call("solve", "toy", "abc", "--models", "toy", "--json", "-s", module.DEFAULT).stdout
    assert default == given
    assert "speculative" in module.DEFAULT


def test_a_search_that_fails_says_why(call):
    done = call("solve", "toy", "abc", "--models", "blind")
    assert done.exit_code == 1
    assert "answer  none" in done.stdout
    assert "reward model" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_ctrl_c_ends_with_one_line(call, toy_plugin):
    toy_plugin.FUSE["interrupt"] = 2
    done = call("solve", "toy", "abc", "--models", "toy")
    assert (done.exit_code, done.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["toi"], "did you mean 'toy'"),
        (["toy", "x", "-s", "mtcs()"], "did you mean 'mcts'"),
        (["toy", ""], "empty line"),
        (["blocksworld", "missing.pddl"], "no file 'missing.pddl'"),
        (["bfs()"], "expected a task"),
        (["toy", "x", "--models", "embeded"], "did you mean 'embedded'"),
        (["toy", "x", "--budget", "tokens=0"], "above 0"),
        (["toy(depth=0)", "x"], "depth of at least 1"),
    ],
)
def test_refusals_are_one_line(call, words, said):
    done = call("solve", *words)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_on_a_terminal_the_tree_is_shown_while_it_grows(call, monkeypatch):
    screen = Console(file=io.StringIO(), force_terminal=True, width=100, height=40)
    monkeypatch.setattr(module, "notes", lambda: screen)
    pictures = []

    class Watching(module.Live):
        def __init__(self, picture, **settings):
            pictures.append(picture)
            super().__init__(picture, **settings)

    monkeypatch.setattr(module, "Live", Watching)
    done = call("solve", "toy", "abc", "--models", "toy")
    assert done.exit_code == 0, done.stderr
    assert len(pictures[0].trace.expansions) > 1
    assert "abc" in screen.file.getvalue()
    assert f"answer  {ANSWER}" in done.stdout
