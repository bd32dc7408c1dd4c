"""The verbs that need no model or little of it."""

import io
import json
from dataclasses import fields

import pytest
from rich.console import Console

from specreward.cli import demo as demo_module
from specreward.cli.forest import Growing, drawn
from specreward.cli.table import cost_line, count_line
from specreward.registry import load, registered
from specreward.types import Judgement, Path, Problem, Step, Trace, Usage

HOST = "bfs(verify=self_evaluation())"
OURS = "bfs(verify=speculative())"


def shown(renderable, width=200):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


# ------------------------------------------------------------------ list, show, cite


def test_list_has_every_name_with_a_line_about_it(call):
    lines = call("list").stdout.splitlines()
    about = {line.split()[0]: line.split(maxsplit=1)[1:] for line in lines if line.startswith(" ")}
    assert {*registered(), "embedded", "toy", "blind"} <= set(about)
    assert all(about[name] and len(about[name][0]) > 12 for name in registered())
    assert about["toy"]


def test_list_of_one_kind(call):
    found = call("list", "verifier").stdout
    assert "speculative" in found
    assert "bfs" not in found
    assert "Toy models with a reward model." in call("list", "models").stdout
    refused = call("list", "verifer")
    assert refused.exit_code == 2
    assert "did you mean 'verifier'" in refused.stderr


def test_show_has_values_defaults_meanings_and_the_paper(call):
    found = call("show", "speculative(alpha=1)").stdout
    assert found.startswith("speculative(alpha=1.0)\nverifier\n")
    assert "arXiv 2506.00396" in found
    [alpha] = [line for line in found.splitlines() if line.startswith(" alpha")]
    assert alpha.split()[:3] == ["alpha", "1.0", "0.5"]
    assert "Weight of SR against RC" in alpha
    [target] = [line for line in found.splitlines() if line.startswith(" target ")]
    assert "luce()" in target
    assert "Gives q." in target


@pytest.mark.parametrize("name", registered())
def test_show_explains_every_field_of_every_object(call, name):
    done = call("show", name)
    assert done.exit_code == 0, done.stderr
    _, _, table = done.stdout.partition("\n field ")
    rows = [line for line in table.splitlines()[1:] if line.strip()]
    assert len(rows) == len(fields(load(name)))
    assert all(len(row.split()) >= 4 for row in rows), rows


def test_cite_gives_each_entry_once(call):
    found = call("cite", HOST, OURS).stdout
    assert found.count("@") == 2
    assert found.count("gu2025speculative") == 1
    assert call("cite", "toy").exit_code == 2
    assert "did you mean 'bfs'" in call("cite", "bsf").stderr


# ------------------------------------------------------------------ generate, validate


def test_what_generate_makes_can_be_read_again(call, tmp_path):
    file = tmp_path / "made.jsonl"
    assert call("generate", "blocksworld", "-n", 3, "--seed", 5, "--out", file).exit_code == 0
    lines = [json.loads(text) for text in file.read_text().splitlines()]
    assert len(lines) == 3
    assert all(line["answer"] and line["length"] for line in lines)
    assert call("validate", "blocksworld", "--problems", file).exit_code == 0
    printed = call("generate", "blocksworld", "-n", 3, "--seed", 5).stdout
    assert printed == file.read_text()
    assert call("generate", "blocksworld", "-n", 3, "--seed", 6).stdout != printed
    tune = call("generate", "blocksworld", "-n", 3, "--seed", 5, "--split", "tune").stdout
    assert tune != printed
    assert call("generate", "toy", "-n", 0).exit_code == 2
    assert "split" in call("generate", "blocksworld", "--split", "tset").stderr


def test_generate_names_the_file_that_cannot_be_written(call, tmp_path):
    refused = call("generate", "toy", "--out", tmp_path / "none" / "out.jsonl")
    assert refused.exit_code == 2
    assert "expected a file that can be written" in refused.stderr
    assert ".part" not in refused.stderr


def test_validate_tells_a_task_that_judges_wrongly(call, monkeypatch):
    from specreward.testing import ToyTask

    assert "right answers pass" in call("validate", "toy").stdout
    monkeypatch.setattr(ToyTask, "check", lambda self, problem, answer: True)
    done = call("validate", "toy")
    assert done.exit_code == 2
    assert "a wrong word was accepted" in done.stderr


def test_validate_names_the_bad_lines_of_a_file(call, tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_text('{"question": "a"}\n{}\n')
    done = call("validate", "toy", "--problems", file)
    assert done.exit_code == 2
    assert "some.jsonl:2: expected" in done.stdout


# ------------------------------------------------------------------ tree


@pytest.fixture
def run(call, tmp_path):
    done = call(
        *("compare", "toy", "--models", "toy", "-s", HOST, "-s", OURS, "--limit", 2),
        *("-o", tmp_path / "run"),
    )
    assert done.exit_code == 0, done.stderr
    return tmp_path / "run"


def test_tree_draws_each_strategy_from_the_run(call, run):
    found = call("tree", run, "test-0-1").stdout
    assert found.index(HOST) < found.index(OURS)
    assert "SR" in found
    assert "value" in found
    assert "kept" in found
    assert "pruned" in found
    assert call("tree", run / "run.db", "test-0-1").stdout == found
    only = call("tree", run, "test-0-1", "-s", OURS).stdout
    assert OURS in only
    assert HOST not in only


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["test-0-9"], "unknown problem (of 2 in this run) 'test-0-9': did you mean 'test-0-"),
        (["test-0-0", "-s", "cot()"], "unknown strategy of this run 'cot()'"),
        (["test-0-0", "-s", "bsf()"], "did you mean 'bfs'"),
    ],
)
def test_tree_refuses_what_is_not_in_the_run(call, run, words, said):
    done = call("tree", run, *words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_tree_needs_a_run_file(call, tmp_path):
    assert "the folder holds no run" in call("tree", tmp_path, "x").stderr
    assert "nothing is there" in call("tree", tmp_path / "none", "x").stderr
    (tmp_path / "run.db").write_text("no database")
    assert call("tree", tmp_path, "x").exit_code == 2


# ------------------------------------------------------------------ demo


def test_demo_shows_both_ways_side_by_side(call, monkeypatch):
    monkeypatch.setattr(demo_module, "TASKS", ("toy", "toy(depth=3)"))
    whole = demo_module.assemble
    monkeypatch.setattr(
        demo_module, "assemble", lambda task, *, seed: whole(task, seed=seed, models="toy")
    )
    done = call("demo", "-n", 4)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count(HOST) == done.stdout.count(OURS) == 2
    assert "toy(depth=3), 4 problems" in done.stdout
    assert done.stdout.count("times fewer language-model tokens") == 2
    assert call("demo", "-n", 4, "--seed", 9).stdout != done.stdout


# ------------------------------------------------------------------ pictures


ROOT = Path(Problem("p", "q"))


def child(text, kept=True, **settings):
    return Judgement(ROOT.then(Step(text)), 0.5, kept, **settings)


def test_markup_in_steps_is_text():
    text = shown(drawn("[b]t[/b]", [(ROOT, (child("[red]x[/red]"),))], None))
    assert "[b]t[/b]" in text
    assert "[red]x[/red]" in text


def test_a_wide_tree_is_cut_and_says_so():
    family = tuple(child(f"s{i}") for i in range(10))
    text = shown(drawn("t", [(ROOT, family)], None, most=4))
    assert "s3" in text
    assert "s4" not in text
    assert "6 more nodes" in text


def test_a_picture_follows_its_trace():
    trace = Trace()
    picture = Growing(title="t", trace=trace)
    assert "new" not in shown(picture)
    trace.record(ROOT, [child("new", kept=False)])
    assert "✗ new" in shown(picture)
    assert "t" in shown(Growing(title="t"))


def test_the_cost_line_names_roles_and_phases():
    usage = {
        ("policy", "propose"): Usage(2, 30, 10, 5, 0.5, 2e6, 0.01),
        ("reward", "score"): Usage(1, 7),
    }
    assert cost_line(usage) == (
        "policy propose: 2 calls, 30+5 tokens (10 cached); reward score: 1 calls, 7+0 tokens; "
        "in all 2M FLOPs, 0.5 s, $0.01"
    )


def test_the_count_line_is_in_order_of_names():
    assert count_line({"later": 4, "early": 2}) == "early 2, later 4"


def test_solve_and_tree_say_what_else_was_counted(call, tmp_path):
    counted = "counted accepted steps 2, drafted steps 12"
    assert counted in call("solve", "game24", "4 9 10 13", "--strategy", "gsi(4)").output
    assert "counted" not in call("solve", "game24", "4 9 10 13").output
    out = tmp_path / "run"
    call("compare", "game24", "--strategy", "gsi(4)", "--limit", "1", "--output", out)
    [line] = (out / "results.jsonl").read_text().splitlines()
    assert "\ncounted " in call("tree", out, json.loads(line)["problem"]).output
