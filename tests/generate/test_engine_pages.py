"""The pages about engines say what can be typed."""

import re
import shlex
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from specreward.cli import app
from specreward.generate import OpenAI
from specreward.registry import registered
from specreward.spec import parse

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "engines.md", *sorted((ROOT / "examples").glob("*.md"))]
VERBS = typer.main.get_command(app).commands
KINDS = {"--policy": "languagemodel", "--reward": "rewardmodel", "--strategy": "strategy"}


def commands():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            if line.startswith("specreward "):
                yield pytest.param(shlex.split(line)[1:], id=f"{page.stem}: {line[:60]}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_parse_and_so_does_every_text_in_them(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gsm8k.jsonl").touch()
    VERBS[words[0]].make_context(words[0], list(words[1:]))
    parse(words[1], "task")
    for flag, text in pairwise(words):
        if flag in KINDS:
            parse(text, KINDS[flag])


def test_the_page_has_every_field_and_every_dialect():
    page = PAGES[0].read_text(encoding="utf-8")
    for field in fields(OpenAI):
        assert f"| `{field.name}` |" in page, field.name
    for dialect in registered("dialect"):
        assert f"`{dialect}()`" in page, dialect


def test_python_blocks_run():
    page = PAGES[0].read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "engines.md", "exec"), {})
