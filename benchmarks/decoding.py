"""Every search of the package on the embedded draft and target: accuracy, FLOPs and latency.

    python benchmarks/decoding.py accuracy [--only game24-all ...] [--work FOLDER] [--limit N]
    python benchmarks/decoding.py latency  [--only game24-all ...] [--problems 40]
    python benchmarks/decoding.py tune
    python benchmarks/decoding.py figure

``accuracy`` runs each comparison by ``specreward compare`` on the public problems of
``benchmarks/srm.py``, and goes on where it was stopped. ``latency`` runs problems one at a time,
the strategies in turn on each, nothing in a store, and takes the time on the clock. Both write one
line for each strategy to ``benchmarks/results/decoding.jsonl``; ratios are paired, to the
first strategy of the comparison. ``tune`` is how the thresholds were chosen: on generated
problems of the split ``tune``, by accuracy alone. ``figure`` draws ``decoding.html`` from the file.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from srm import DATA, HERE, problems, write

from specreward import assemble, parse, run
from specreward.report.chart import COLORS, Point, chart
from specreward.spec import name_of
from specreward.stats import Interval, paired_ratio
from specreward.types import Models, Problem, Strategy

Row = dict[str, Any]
"""One line of the file of results."""

RESULTS = HERE / "results" / "decoding.jsonl"
TASKS = ("game24", "blocksworld")

WIDTHS = (1, 4, 16)
"""Samples a step of the speculative families."""


def speculative(n: int) -> list[str]:
    """The families with the same n, after soft best-of-n on the target and on the draft."""
    return [
        f"stepwise(draft=None, target=block({n}))",
        f"stepwise(draft=block({n}), target=None)",
        f"gsi({n})",
        f"gsi({n}, threshold=None)",
        f"rsd(n={n})",
        f"specs({n})",
    ]


SEARCHES = [
    "stepwise(draft=None, target=block(4))",  # soft best-of-n at each step, on the target
    "stepwise(draft=block(4), target=None)",
    "gsi(4)",
    "gsi(4, threshold=None)",
    "rsd()",
    "rsd(n=4)",
    "specs(4)",
    "srm_steps()",
    "cot()",
    "self_consistency(16, temperature=0.8)",
    "self_consistency(16, temperature=0.8, stop=vote_decided())",
    "best_of_n(16)",
    "best_of_n(16, stop=score_reached())",
    "soft_best_of_n(16)",
    "truncated_rejection(16)",
    "pessimism(16)",
    "qalign(16)",
    "greedy(4)",
    "greedy(4, verify=lookahead(1))",
    "grace(4)",
    "hgs()",
    "beam()",
    "dvts()",
    "ovm(4, n=16)",
    "rebase()",
    "particles(16)",
    "bfs()",
    "bfs(verify=speculative())",
    "chain_in_tree()",
    "dfs()",
    "best_first()",
    "mcts()",
    "rest_mcts()",
    "ab_mcts()",
    "ab_mcts_m()",
    "mutual_consistency()",
]
"""Every search, at its own defaults but for n: 4 a step, 16 whole paths. Missing is
``universal_self_consistency``, as the embedded models do not read its prompt."""


PAGES = {
    "chain": [
        "bfs(n=3, temperature=0.7)",
        "chain_in_tree()",
        "chain_in_tree(branching=samples_agree(0.49))",
        "greedy()",
    ],
    "lookahead": [
        "greedy(20)",
        "greedy(20, verify=lookahead(1))",
        "greedy(20, verify=lookahead(2))",
    ],
    "mutual": ["best_of_n(8)", "mutual_consistency(search=best_of_n(8))"],
}
"""What pages under docs/algorithms compare, on 100 generated problems of the split ``tune``."""


def comparisons() -> dict[str, list[str]]:
    """Name -> strategies, the reference first."""
    found = {}
    for task in TASKS:
        found |= {f"{task}-{page}": specs for page, specs in PAGES.items()}
        found[f"{task}-all"] = SEARCHES
        for n in WIDTHS:
            found[f"{task}-speculative-{n}"] = speculative(n)
    return found


# ---------------------------------------------------------------------------------- rows


def about(comparison: str, verb: str) -> dict[str, object]:
    """What every row says of where it comes from."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return {
        "measure": verb,
        "comparison": comparison,
        "task": comparison.split("-")[0],
        "commit": commit.stdout.strip(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": f"python benchmarks/decoding.py {verb} --only {comparison}",
    }


def keep(rows: Sequence[Row], comparison: str, verb: str) -> None:
    """Put rows into the file in place of those of the same measure and comparison."""
    old = []
    if RESULTS.exists():
        old = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    old = [row for row in old if (row["measure"], row["comparison"]) != (verb, comparison)]
    RESULTS.write_text("\n".join([json.dumps(row) for row in [*old, *rows]]) + "\n")


def accuracy(name: str, work: Path, limit: int | None) -> None:
    """One comparison on all reported problems."""
    task, kind = name.split("-")[:2]
    folder, file = work / name, work / f"{task}.jsonl"
    if not file.exists():
        write(task, file, limit)
    chosen = ["--problems", str(file)]
    if kind in PAGES:
        chosen = ["--split", "tune", "--limit", str(limit or 100)]
    command = ["specreward", "compare", task, *chosen]
    command += [word for spec in comparisons()[name] for word in ("--strategy", spec)]
    subprocess.run([sys.executable, "-m", *command, "--output", str(folder)], check=True)
    summary = json.loads((folder / "summary.json").read_text())
    named = ("spec", "n", "accuracy", "accuracy_interval", "per_problem", "usage", "counts")
    keep(
        [
            about(name, "accuracy")
            | {key: one[key] for key in named if key in one}
            | {"ratio_to_first": one["ratio_to_first"]}
            for one in summary["strategies"]
        ],
        name,
        "accuracy",
    )


def latency(name: str, count: int) -> None:
    """Seconds on the clock for one problem alone, the strategies in turn."""
    task, specs = name.split("-")[0], comparisons()[name]
    models = assemble(parse(f"{task}()", "task"))
    strategies = [parse(spec, "strategy") for spec in specs]
    chosen = spread(problems(task), count)
    run(strategies[0], chosen[:2], models)  # sessions, threads and caches are ready
    seconds: list[list[float]] = [[] for _ in specs]
    for turn, problem in enumerate(chosen):
        for place in range(len(specs)):
            place = (place + turn) % len(specs)
            seconds[place].append(timed(strategies[place], problem, models))
    rows = []
    for strategy, times in zip(strategies, seconds, strict=True):
        ratio = paired_ratio(seconds[0], times, seed=0)
        rows.append(
            about(name, "latency")
            | {
                "spec": name_of(strategy),
                "n": len(times),
                "seconds": sum(times) / len(times),
                "ratio_to_first": [ratio.estimate, ratio.low, ratio.high],
            }
        )
    keep(rows, name, "latency")


def timed(strategy: Strategy, problem: Problem, models: Models) -> float:
    """Seconds of one search."""
    begun = time.perf_counter()
    run(strategy, [problem], models, concurrency=1)
    return time.perf_counter() - begun


def spread(found: Sequence[Problem], count: int) -> list[Problem]:
    """Problems at equal distances, so that easy and hard ones are among them."""
    step = max(1, len(found) // count)
    return list(found[::step])[:count]


# ---------------------------------------------------------------------------------- tuning

GRID = {
    "gsi": [
        f"gsi(4, beta_inv={beta}, threshold={u})"
        for beta in (5.0, 20.0)
        for u in (None, 0.2, 0.5, 0.8)
    ],
    "rsd": [f"rsd({delta}, n=4)" for delta in (0.3, 0.5, 0.7, 0.9)],
    "specs": [
        f"specs(4, beta_inv={beta}, threshold={tau})"
        for beta in (5.0, 20.0)
        for tau in (0.3, 0.5, 0.7, 0.9)
    ],
}


def tune(task: str, limit: int) -> None:
    """The grid on generated problems that are not reported."""
    models = assemble(parse(f"{task}()", "task"))
    chosen = models.task.generate(limit, "tune", 0)
    rows = []
    for strategy in [parse(one, "strategy") for grid in GRID.values() for one in grid]:
        results, spec = run(strategy, chosen, models), name_of(strategy)
        right = sum(
            r.best is not None and models.task.check(r.problem, models.task.answer(r.best.path))
            for r in results
        )
        flops = sum(u.flops for r in results for u in r.usage.values()) / len(results)
        rows.append(
            about(f"{task}-tune", "tune")
            | {"spec": spec, "n": limit, "accuracy": right / limit, "flops": flops}
        )
        print(f"{task} {spec}: {right} of {limit}, {flops / 1e6:.0f} MFLOPs")
    keep(rows, f"{task}-tune", "tune")


# ---------------------------------------------------------------------------------- figure


def figure(out: Path) -> None:
    """Accuracy against FLOPs and against latency, both tasks, and what the numbers stand for."""
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    style = files("specreward.report").joinpath("page.css").read_text("utf-8")
    out.write_text(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><title>Accuracy and cost of '
        f"every search</title><style>{style}</style></head><body><main><h1>Accuracy and cost of "
        f"every search, embedded models</h1>{''.join([panels(task, rows) for task in TASKS])}"
        "<p class='note'>Bars and brackets: 95 % intervals, those of points and FLOPs paired with "
        "the first row. Source: decoding.jsonl.</p></main></body></html>\n",
        "utf-8",
    )


def panels(task: str, rows: Sequence[Row]) -> str:
    """Two drawings and a table."""
    known = {r["spec"]: r for r in rows if about_all(r, task, "accuracy")}
    timing = {r["spec"]: 1000 * r["seconds"] for r in rows if about_all(r, task, "latency")}
    drawn = [point(r, r["per_problem"]["flops"]) for r in known.values()]
    late = [point(r, timing.get(spec, 0.0)) for spec, r in known.items()]
    head = ["", "strategy", "accuracy", "points", "MFLOPs", "times the first", "ms alone"]
    lines = [
        [
            f"<span class='tag c{i % COLORS}'>{i + 1}</span>",
            f"<code>{escape(spec)}</code>",
            f"{row['accuracy']:.1%}",
            bounds(100 * x for x in points(row)),
            f"{row['per_problem']['flops'] / 1e6:.0f}",
            bounds([row["ratio_to_first"]["flops"], *row["ratio_to_first"]["flops_interval"]], 2),
            f"{timing[spec]:.0f}" if spec in timing else "–",
        ]
        for i, (spec, row) in enumerate(known.items())
    ]
    cells = [f"<tr>{''.join([f'<td>{cell}</td>' for cell in line])}</tr>" for line in lines]
    return (
        f"<h2>{task}</h2><div class='charts'><div class='card'>"
        f"{chart(drawn, 'FLOPs per problem, all models counted')}</div><div class='card'>"
        f"{chart(late, 'milliseconds per problem, one at a time')}</div></div>"
        f"<div class='scroll card'><table><thead><tr>{''.join([f'<th>{x}</th>' for x in head])}"
        f"</tr></thead><tbody>{''.join(cells)}</tbody></table></div>"
    )


def points(row: Row) -> list[float]:
    """Accuracy less that of the first, and its interval."""
    found = row["ratio_to_first"]["accuracy_difference"]
    return [found["estimate"], found["low"], found["high"]]


def bounds(numbers: Iterable[float], digits: int = 1) -> str:
    """An estimate with its interval."""
    estimate, low, high = [f"{x:.{digits}f}" for x in numbers]
    return f"{estimate} [{low}, {high}]"


def about_all(row: Row, task: str, verb: str) -> bool:
    """Whether a row belongs to the comparison of all searches."""
    return (row["comparison"], row["measure"]) == (f"{task}-all", verb)


def point(row: Row, cost: float) -> Point:
    """A strategy in the drawing."""
    low, high = row["accuracy_interval"]
    return Point(name=row["spec"], cost=cost, accuracy=Interval(row["accuracy"], low, high))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("measure", choices=["accuracy", "latency", "tune", "figure"])
    parser.add_argument("--only", nargs="*", default=list(comparisons()))
    parser.add_argument("--work", type=Path, default=Path("runs/decoding"))
    parser.add_argument("--limit", type=int, help="problems of each task, for a trial")
    parser.add_argument("--problems", type=int, default=40, help="for latency")
    args = parser.parse_args()
    if args.measure == "figure":
        return figure(RESULTS.with_suffix(".html"))
    if args.measure == "tune":
        for task in TASKS:
            tune(task, args.limit or 150)
        return None
    if not DATA.is_dir():
        sys.exit(f"no folder {DATA}: set SPECREWARD_DATA to the public data sets")
    args.work.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        if args.measure == "accuracy":
            accuracy(name, args.work, args.limit)
        elif name.split("-")[1] not in PAGES:
            latency(name, args.problems)
    return None


if __name__ == "__main__":
    main()
