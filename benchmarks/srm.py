"""Self-evaluation against the Speculative Reward Model, same host, same problems, embedded models.

    python benchmarks/srm.py [--only blocksworld-bfs ...] [--work runs/srm] [--limit N]

Every comparison is one call of ``specreward compare`` into a folder of its own under ``--work``, so
that a run which was stopped goes on. One line for each strategy goes to
``benchmarks/results/srm.jsonl``: accuracy with interval, cost, and ratios to the first strategy of
its comparison, which is always self-evaluation at its published settings.

Problems are public and nothing was trained on them (``at_least(0.25)`` was chosen on
generated ``tune`` problems, some of which equal reported ones; see LOG.md): up to 40 of each plan
length from the LLM-reasoners split files (Blocksworld), ranks 901-1000 and the 200 hardest ranks
before them of Tree of Thoughts' list (Game of 24), as far as the folder of public data holds them.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

from specreward.tasks import Blocksworld, Game24
from specreward.tasks.files import read_problems
from specreward.types import Problem

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SPECREWARD_DATA", HERE.parent.parent / "shared" / "data"))

SE, SRM = "verify=self_evaluation()", "verify=speculative()"
CONTROLS = [
    "verify=speculative(accept=at_least(0.25))",  # chosen on the tune split (LOG.md)
    "verify=speculative(target=luce(temperature=2.0))",
    "verify=speculative(target=luce(temperature=4.0))",
    "verify=speculative(alpha=1.0)",
    "verify=speculative(ratio=llm_over_srm())",
    "verify=scored()",
]

# Published settings of the hosts with self-evaluation: Blocksworld n=4 at temperature 0.8, width 10
# (LLM-reasoners); Game of 24 width 5 at temperature 0.7, about eight proposals a state (Tree of
# Thoughts); MCTS n=4, 10 simulations (RAP).
HOSTS = {
    "blocksworld-bfs": "bfs(10, {})",
    "blocksworld-dfs": "dfs({})",
    "blocksworld-mcts": "mcts({})",
    "game24-bfs": "bfs(5, n=8, temperature=0.7, {})",
    "game24-dfs": "dfs(temperature=0.7, {})",
    "game24-mcts": "mcts(temperature=0.7, {})",
}


def comparisons() -> dict[str, list[str]]:
    """Name -> strategies, self-evaluation first."""
    found: dict[str, list[str]] = {}
    for name, host in HOSTS.items():
        found[name] = [host.format(verify) for verify in (SE, SRM, *CONTROLS)]
        if name.endswith("dfs"):  # as published, pruned on "impossible": cheaper, and worse
            found[name].append(host.format("verify=self_evaluation(minimum=1.0)"))
    for task in ("blocksworld", "game24"):
        host = HOSTS[f"{task}-bfs"]
        width, rest = host.split("(")[1].split(",", 1)
        alphas = [host.format(f"verify=speculative(alpha={a})") for a in (0.0, 0.25, 0.75)]
        widths = [f"bfs({w},{rest}".format(SRM) for w in (1, 3, 20) if str(w) != width]
        temperatures = [host.format("verify=speculative(target=luce(temperature=0.5))")]
        drawn = [host.replace("n=8, ", "").format(f"n={n}, {SRM}") for n in (2, 4, 8, 16)]
        chains = ["cot()", "cot(temperature=0.8)"]
        chains += [f"self_consistency({n})" for n in (4, 16)]
        chains += [f"best_of_n({n})" for n in (4, 8, 16, 32)]
        found[f"{task}-curve"] = [
            host.format(SE), *alphas, *widths, *temperatures, *drawn, *chains
        ]  # fmt: skip
    return found


def problems(task: str) -> list[Problem]:
    """The reported set of a task."""
    if task == "blocksworld":
        folder = DATA / "blocksworld" / "public" / "llm_reasoners" / "split_v1"
        read = [
            read_problems(Blocksworld(), folder / f"split_v1_step_{length}_data.json").problems[:40]
            for length in range(2, 13, 2)
        ]
        return [problem for part in read for problem in part]
    ranked = read_problems(Game24(), DATA / "game24" / "public" / "24.csv").problems
    hard = [p for p in ranked if int(p.meta["rank"]) > 900 and int(p.meta["rank"]) <= 1000]
    before = sorted((p for p in ranked if int(p.meta["rank"]) <= 900), key=lambda p: p.meta["rank"])
    return [*hard, *before[-200:]]


def write(task: str, file: Path, limit: int | None) -> None:
    """The reported set as JSONL."""
    chosen = problems(task)[:limit]
    lines = [json.dumps({"id": p.id, "question": p.question}) for p in chosen]
    file.write_text("\n".join(lines) + "\n")


def rows(name: str, folder: Path, command: list[str]) -> list[dict[str, object]]:
    """One line for each strategy of a finished comparison."""
    summary = json.loads((folder / "summary.json").read_text())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    about = {
        "comparison": name,
        "task": summary["task"],
        "seed": summary["seed"],
        "commit": commit.stdout.strip(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": " ".join(["python", "benchmarks/srm.py", "--only", name]),
    }
    keep = ("spec", "n", "accuracy", "accuracy_interval", "acceptance", "per_problem", "usage")
    return [
        about | {key: one[key] for key in keep} | {"ratio_to_first": one["ratio_to_first"]}
        for one in summary["strategies"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", default=list(comparisons()))
    parser.add_argument("--work", type=Path, default=Path("runs/srm"))
    parser.add_argument("--limit", type=int, help="problems of each task, for a trial")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "srm.jsonl")
    args = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no folder {DATA}: set SPECREWARD_DATA to the public data sets")
    args.work.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        task = name.split("-")[0]
        file = args.work / f"{task}.jsonl"
        if not file.exists():
            write(task, file, args.limit)
        command = ["specreward", "compare", task, "--problems", str(file), "--seed", str(args.seed)]
        command += [word for spec in comparisons()[name] for word in ("--strategy", spec)]
        folder = args.work / name
        subprocess.run([sys.executable, "-m", *command, "--output", str(folder)], check=True)
        kept = []
        if args.out.exists():
            kept = [json.loads(line) for line in args.out.read_text().splitlines()]
        kept = [row for row in kept if row["comparison"] != name]
        lines = [json.dumps(row) for row in [*kept, *rows(name, folder, command)]]
        args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
