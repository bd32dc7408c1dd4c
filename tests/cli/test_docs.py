"""The page about the command line agrees with the command line."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from specreward.cli import app
from specreward.spec import parse

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
VERBS = typer.main.get_command(app).commands


def commands():
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line)[1:] for line in lines if line.startswith("specreward ")]
    return [line for line in words if "--help" not in line]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_of_the_page_parse(words, tmp_path, monkeypatch):
    VERBS[words[0]].make_context(words[0], list(words[1:]))
    for flag, text in pairwise(words):
        if flag == "--strategy":
            parse(text, "strategy")
    if words[0] in ("solve", "compare", "generate", "validate"):
        parse(words[1], "task")


def test_every_verb_and_option_is_on_the_page():
    for name, verb in VERBS.items():
        assert re.search(rf"`{name}\b|`list`, `show`, `cite`", PAGE)
        if name == "compare":
            for option in verb.params:
                assert option.opts[0] in PAGE or option.name in ("task", "help"), option


def keys(value, *, skip=()):
    if isinstance(value, dict):
        found = {key for key in value if key not in skip}
        return found.union(*[keys(v) for k, v in value.items() if k not in skip])
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_every_key_of_the_files_is_on_the_page(call, tmp_path):
    done = call(
        *("compare", "toy", "--models", "toy", "-s", "bfs(verify=self_evaluation())"),
        *("-s", "bfs(verify=speculative())", "--limit", 3, "-o", tmp_path),
        *("--three-e", "--extend-to", "tune"),
    )
    assert done.exit_code == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    line = json.loads((tmp_path / "results.jsonl").read_text().splitlines()[0])
    asked = ("problems", "budget", "prices", "extend_to", "criteria")
    for key in keys(summary, skip=asked) | set(asked) | keys(line):
        assert re.search(rf"\b{key}\b", PAGE), key
