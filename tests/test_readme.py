"""The README does what it says: Python blocks run, commands parse."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from specreward.cli import app
from specreward.spec import parse

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="there is no README.md here")


def _blocks(language: str) -> list[str]:
    if not README.exists():
        return []
    return re.findall(
        rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def _commands(program: str) -> list[list[str]]:
    """The arguments of each call of a program in a bash block, continuation lines joined."""
    lines = "\n".join(_blocks("bash")).replace("\\\n", " ").splitlines()
    calls = (shlex.split(line.removeprefix("$ "), comments=True) for line in lines)
    return [words[1:] for words in calls if words and Path(words[0]).name == program]


def test_python_blocks_run(tmp_path, monkeypatch, capsys):
    """In order and in one namespace, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    blocks = _blocks("python")
    assert blocks
    namespace: dict[str, object] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)


@pytest.mark.parametrize("words", _commands("specreward"), ids=" ".join)
def test_commands_parse(words):
    """The verb exists and takes these arguments; nothing is run."""
    verbs = typer.main.get_command(app).commands
    assert words[0] in verbs
    verbs[words[0]].make_context(words[0], words[1:])


def test_strategies_in_commands_are_known():
    for words in _commands("specreward"):
        for flag, text in pairwise(words):
            if flag == "--strategy":
                parse(text, "strategy")


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in _commands("make"):
        asked = [word for word in words if "=" not in word]
        assert set(asked) <= targets
