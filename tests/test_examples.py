"""Every example runs and prints something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


NEEDED = {"client": ("openai", "fastapi", "prometheus_client", "uvicorn")}
"""Libraries of extras, by example."""


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_it_runs(file: Path) -> None:
    for library in NEEDED.get(file.stem, ()):
        pytest.importorskip(library, reason="needs the openai and the serve extra")
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() not in ("", "nothing found")
