"""A hundred kills of ``specreward compare``: the same bytes, and no call paid twice.

    PYTHONPATH=src python benchmarks/kills.py --kills 100

First the comparison runs once in peace. Then it is started again and again in one folder, each time
killed (SIGKILL) at a random moment of the peaceful run's time; when it comes through, its output is
held against that of the peaceful run, the folder is thrown away, and the next round begins.

A round passes if ``results.jsonl`` has the same bytes, ``run.db`` the same calls, and ``paid`` in
``run.db`` is 1 for each: a call that was committed was never asked of an engine again. What an
engine was busy with at the moment of a kill is the one batch that is asked again; how many calls of
a round were lost in this way is not to be seen from outside, and is bounded by the kills.

One row per round and one for the whole are appended to benchmarks/results/kills.jsonl.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path as File

CLI = "from specreward.cli import main; main()"
RESULTS = File(__file__).parent / "results" / "kills.jsonl"


@dataclass
class Round:
    """One folder: its kills, and what came out in the end."""

    folder: File
    moments: list[float] = field(default_factory=list)
    survived: bool = False


def command(args: argparse.Namespace, folder: File) -> list[str]:
    words = [sys.executable, "-c", CLI, "compare", args.task]
    for strategy in args.strategy:
        words += ["--strategy", strategy]
    words += ["--limit", str(args.limit), "--seed", str(args.seed)]
    return [*words, "--output", str(folder)]


def peaceful(args: argparse.Namespace, folder: File) -> float:
    """Seconds of a run that nobody disturbs."""
    start = time.perf_counter()
    done = subprocess.run(command(args, folder), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"compare failed before any kill:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def killed(args: argparse.Namespace, folder: File, moment: float) -> bool:
    """Start, kill after ``moment`` seconds; whether there was somebody left to kill."""
    with subprocess.Popen(
        command(args, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, errors = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return True
        if process.returncode:
            sys.exit(f"compare failed after a kill:\n{errors[-2000:]}")
        return False


def calls(folder: File) -> tuple[str, int, int]:
    """Digest of the calls' keys, their number, and the answers that engines gave."""
    with sqlite3.connect(f"{(folder / 'run.db').as_uri()}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT key, paid FROM calls ORDER BY key").fetchall()
    db.close()
    digest = hashlib.blake2b(b"".join([key for key, _ in rows]), digest_size=8).hexdigest()
    return digest, len(rows), sum([paid for _, paid in rows])


def judge(whole: File, broken: Round) -> dict[str, object]:
    """What the round's output is against the peaceful run's."""
    same = (whole / "results.jsonl").read_bytes() == (broken.folder / "results.jsonl").read_bytes()
    expected, _, _ = calls(whole)
    found, number, paid = calls(broken.folder)
    return {
        "kills": len(broken.moments),
        "moments": [round(moment, 3) for moment in broken.moments],
        "identical_results": same,
        "identical_calls": found == expected,
        "calls": number,
        "paid": paid,
    }


def rounds(args: argparse.Namespace, home: File) -> list[dict[str, object]]:
    whole = home / "whole"
    seconds = peaceful(args, whole)
    draw, left, done = random.Random(args.seed), args.kills, []
    while left:
        current = Round(home / f"round-{len(done)}")
        while not current.survived:
            # Without kills to spend it is left in peace.
            moment = draw.uniform(0.05, 0.95) * seconds if left else 100 * seconds + 600
            if killed(args, current.folder, moment):
                current.moments.append(moment)
                left -= 1
            else:
                current.survived = True
        done.append(judge(whole, current) | {"peaceful_seconds": round(seconds, 2)})
        print(json.dumps(done[-1]))
        shutil.rmtree(current.folder)
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--task", default="blocksworld")
    parser.add_argument("--strategy", action="append")
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=100)
    args = parser.parse_args()
    args.strategy = args.strategy or [
        "bfs(verify=self_evaluation())",
        "bfs(verify=speculative())",
        "mcts(verify=speculative())",
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "python": platform.python_version(),
        "command": "PYTHONPATH=src python benchmarks/kills.py " + " ".join(sys.argv[1:]),
        "task": args.task,
        "strategies": args.strategy,
        "limit": args.limit,
        "seed": args.seed,
    }
    with tempfile.TemporaryDirectory() as home:
        done = rounds(args, File(home))
    total = {
        "rounds": len(done),
        "kills": sum([len(row["moments"]) for row in done]),
        "identical_results": all(row["identical_results"] for row in done),
        "identical_calls": all(row["identical_calls"] for row in done),
        "paid_twice": sum([row["paid"] - row["calls"] for row in done]),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        for row in [*done, {"whole": True} | total]:
            file.write(json.dumps(about | row) + "\n")
    print(json.dumps(total))
    good = total["identical_results"] and total["identical_calls"] and not total["paid_twice"]
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
