"""From a fresh clone to the first solved problem: seconds and megabytes.

    python benchmarks/install.py

Clones the last commit, makes a virtual environment, installs the base package and solves one
problem; appends a line to ``benchmarks/results/install.jsonl``. Seconds include the downloads.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def call(*words: str) -> str:
    """What a command prints; stops at the first that fails."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """One measurement."""
    with tempfile.TemporaryDirectory() as place:
        clone, env = f"{place}/specreward", f"{place}/env"
        start = time.perf_counter()
        call("git", "clone", "--quiet", str(ROOT), clone)
        call(sys.executable, "-m", "venv", env)
        call(f"{env}/bin/pip", "install", "--quiet", clone)
        installed = time.perf_counter() - start
        solved = call(f"{env}/bin/specreward", "solve", "game24", "4 9 10 13", "--json")
        seconds = time.perf_counter() - start
        size = sum(file.lstat().st_size for file in Path(env).rglob("*") if file.is_file())
        row = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "commit": call("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip(),
            "command": "python benchmarks/install.py",
            "seconds": round(seconds, 1),
            "seconds_installing": round(installed, 1),
            "megabytes": round(size / 1e6),
            "torch": any(Path(env).rglob("site-packages/torch")),
            "solved": bool(solved.strip()),
        }
    with (ROOT / "benchmarks" / "results" / "install.jsonl").open("a") as lines:
        lines.write(json.dumps(row) + "\n")
    print(json.dumps(row))


if __name__ == "__main__":
    main()
