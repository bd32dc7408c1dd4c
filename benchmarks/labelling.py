"""What labels cost and how true they are: sums that are carried along, where all is known exactly.

    PYTHONPATH=src python benchmarks/labelling.py [--parts errors filter trees] [--searched 300]
        [--filtered 1000] [--seed 0]
    PYTHONPATH=src python benchmarks/labelling.py --figure       draws labelling.html from the file

errors   The place of the first error of wrong solutions, by ``monte_carlo(k=8, hard=True)`` and by
         ``omega_prm(k=8, screen=8)``: rollouts for a solution and for each of its steps, and how
         often the place is right. Solutions slip with 1.5 / T a step, the completer with 0.02. The
         place by Monte Carlo is the first step from which no rollout is right (``hit_rate``), or
         the one after the last from which one is (``hit_rate_after_the_last_right``). Then the same
         of omega_prm's own rollouts, 8 searches of one question.
filter   Whether labels say that nothing is wrong so far, on solutions of 8 steps that slip with
         0.12: a weak completer (slips with 0.25), a strong one (slips with 0.05 and puts 1 wrong
         sum in 4 right), both where they agree (``athena``), and the weak one with twice the
         rollouts. Only prefixes that cost rollouts count. Intervals are 95 %, by resampling
         solutions.

trees    Whether ``tree_values`` tells siblings apart: trees of ``mcts(20)`` with the embedded
         models, 60 tune problems of the game of 24 and 40 of Blocksworld. Of pairs of siblings that
         both have a label and differ by the margin: those of which one can still reach a right
         answer and one cannot, in the right order or not, and those of which neither or both can.
         The first rows of a task have the scores of the search instead of labels.

The sums of the first two are modulo P: with P = 10, one slip in nine of a wrong sum puts it right
by luck. Rows go to benchmarks/results/labelling.jsonl, in place of those of the same parts before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from html import escape
from importlib.resources import files
from itertools import combinations
from pathlib import Path as File
from typing import Any

from specreward.assemble import assemble
from specreward.label import Athena, Labelled, MonteCarlo, OmegaPRM, TreeValues
from specreward.report.chart import Series
from specreward.report.chart import lines as lines_of
from specreward.run import run
from specreward.spec import name_of, parse
from specreward.stats import Interval, paired_ratio, wilson
from specreward.testing import ChainPolicy, RunningSum
from specreward.types import Candidate, Models, Path, Result, Trace

RESULTS = File(__file__).parent / "results" / "labelling.jsonl"
PARTS = ("errors", "filter", "trees")
SEARCH = "mcts(20)"
LENGTHS = (8, 16, 32, 64)
ROLLOUTS = (4, 8, 16)
MODULI = (1009, 10)
WEAK, STRONG = {"slip": 0.25}, {"slip": 0.05, "repair": 0.25}


def written(task: RunningSum, n: int, slip: float, seed: int) -> list[Path]:
    """A solution of each of ``n`` problems."""
    problems = [Path(one) for one in task.generate(n, "train", seed)]
    writer = ChainPolicy(task, slip=slip, seed=seed + 1)
    ends = asyncio.run(writer.extend(problems, 1, until="end"))
    return [end for [end] in ends]


def label(labeller, solutions: Sequence[Path], models: Models) -> list[tuple[list[Labelled], int]]:
    """Rows and rollouts of each solution."""

    async def each() -> list[tuple[list[Labelled], int]]:
        found = []
        for one in solutions:
            own = Models(task=models.task, policy=models.policy, draft=models.draft, trace=Trace())
            rows = await labeller(Result(one.problem, None, (Candidate(one, 0.0),)), own)
            found.append((rows, own.trace.counts["rollouts"]))
        return found

    return asyncio.run(each())


def rounded(interval: Interval) -> list[float]:
    return [round(interval.low, 4), round(interval.high, 4)]


# ---------------------------------------------------------------------------------- errors


def place(row: Labelled, task: RunningSum) -> int | None:
    """The place of the true first error."""
    return task.first_error(row.path())


def hits(name: str, task: RunningSum, told: Sequence[tuple[int | None, int | None]], spent: int):
    right = sum([guess == truth for guess, truth in told])
    share = wilson(right, len(told))
    return {
        "part": "errors",
        "labels": name,
        "steps": task.length,
        "solutions": len(told),
        "rollouts": spent,
        "rollouts_per_solution": round(spent / len(told), 2),
        "rollouts_per_step": round(spent / len(told) / task.length, 3),
        "hit_rate": round(share.estimate, 4),
        "interval": rounded(share),
    }


def errors(length: int, n: int, seed: int) -> list[dict[str, object]]:
    task = RunningSum(length=length)
    drafts = written(task, 2 * n, 1.5 / length, seed)
    wrong = [one for one in drafts if not task.check(one.problem, task.answer(one))][:n]
    models = Models(task=task, policy=ChainPolicy(task, slip=0.02, seed=seed))
    rows = []
    for labeller in (MonteCarlo(k=8, hard=True), OmegaPRM(k=8, screen=8, searches=1)):
        found = label(labeller, wrong, models)
        places = [guesses(labelled, one) for one, (labelled, _) in zip(wrong, found, strict=True)]
        truths = [task.first_error(one) for one in wrong]
        told = [(first, truth) for (first, _), truth in zip(places, truths, strict=True)]
        row = hits(name_of(labeller), task, told, sum([spent for _, spent in found]))
        if isinstance(labeller, MonteCarlo):
            late = sum([last == truth for (_, last), truth in zip(places, truths, strict=True)])
            row["hit_rate_after_the_last_right"] = round(late / len(wrong), 4)
        if rows:
            first = rows[0]["rollouts"]
            own = row["rollouts"] - 8 * len(wrong)  # without those of the question itself
            row["fewer_rollouts"] = round(first / row["rollouts"], 2)
            row["fewer_rollouts_in_the_search"] = round(first / own, 2)
        rows.append(row)
    tree = OmegaPRM(k=8, screen=8, searches=8)
    grown = label(tree, [Path(one.problem) for one in wrong[: n // 4]], models)
    told = [
        (one.source.get("first_error"), place(one, task))
        for labelled, _ in grown
        for one in labelled
        if one.outcome == 0.0
    ]
    rows.append(hits(name_of(tree), task, told, sum([spent for _, spent in grown])))
    return rows


def guesses(rows: Sequence[Labelled], solution: Path) -> tuple[int | None, int | None]:
    """The place of the error that the labels of a solution say: two readings of hard labels."""
    own = next((one for one in rows if one.steps == texts(solution)), None)
    if own is None:
        return None, None
    if own.kind == "value":
        return own.source.get("first_error"), None
    return own.first_error, 1 + max([at for at, one in enumerate(own.labels) if one], default=-1)


def texts(path: Path) -> tuple[str, ...]:
    return tuple([step.text for step in path.steps])


# ---------------------------------------------------------------------------------- filter


def judged(
    labeller, solutions: Sequence[Path], models: Models
) -> tuple[list[list[tuple[bool, bool]]], int]:
    """(label, truth) of each labelled prefix that cost rollouts, by solution; and the rollouts."""
    found = label(labeller, solutions, models)
    task = models.task
    rows = []
    for solution, ([row], _) in zip(solutions, found, strict=True):
        error = task.first_error(solution)
        rows.append(
            [
                (one == 1.0, error is None or at < error)
                for at, one in enumerate(row.labels[:-1])
                if one is not None
            ]
        )
    return rows, sum([spent for _, spent in found])


def share_of(rows: Sequence[Sequence[tuple[bool, bool]]], said: bool) -> float | None:
    """Of the labels that say this, how many are true; None where none does."""
    told = [a == b for row in rows for a, b in row if a == said]
    return round(sum(told) / len(told), 4) if told else None


def accuracy(rows: Sequence[Sequence[tuple[bool, bool]]], seed: int) -> Interval:
    right = [float(sum([a == b for a, b in row])) for row in rows]
    return paired_ratio([float(len(row)) for row in rows], right, seed=seed)


def filtered(modulus: int, k: int, n: int, seed: int) -> list[dict[str, object]]:
    task = RunningSum(modulus=modulus)
    solutions = written(task, n, 0.12, seed)
    weak, strong = ChainPolicy(task, seed=seed, **WEAK), ChainPolicy(task, seed=seed, **STRONG)
    arms = {
        "weak": (MonteCarlo(k=k, hard=True), Models(task=task, policy=weak)),
        "strong": (MonteCarlo(k=k, hard=True), Models(task=task, policy=strong)),
        "weak, twice the rollouts": (
            MonteCarlo(k=2 * k, hard=True),
            Models(task=task, policy=weak),
        ),
        "agreed": (Athena(k=k), Models(task=task, policy=strong, draft=weak)),
    }
    lines = []
    for name, (labeller, models) in arms.items():
        rows, spent = judged(labeller, solutions, models)
        count, true = sum(map(len, rows)), accuracy(rows, seed)
        lines.append(
            {
                "part": "filter",
                "labels": name,
                "labeller": name_of(labeller),
                "modulus": modulus,
                "k": k,
                "solutions": n,
                "rollouts": spent,
                "kept": round(count / (n * (task.length - 1)), 4),
                "right_prefixes": round(sum([b for row in rows for _, b in row]) / count, 4),
                "accuracy": round(true.estimate, 4),
                "interval": rounded(true),
                "of_those_called_right": share_of(rows, True),
                "of_those_called_wrong": share_of(rows, False),
            }
        )
    return lines


# ---------------------------------------------------------------------------------- trees


def trees(name: str, n: int, seed: int) -> list[dict[str, object]]:
    task = parse(name, "task")
    models = assemble(task)
    searched = run(parse(SEARCH, "strategy"), task.generate(n, "tune", seed), models)
    rows = []
    for labeller in (
        None,
        *[TreeValues(b, least=m) for m in (1, 0) for b in (1.0, 0.5, 0.25, 0.0)],
    ):
        for margin in (0.02, 0.2):
            known = [values(labeller, found, models) for found in searched]
            counts = pairs(searched, known, task, margin) | called_lost(searched, known, task)
            words = "scores of the search" if labeller is None else name_of(labeller)
            head = {"part": "trees", "labels": words, "task": name, "problems": n, "seed": seed}
            rows.append({**head, "search": SEARCH, "margin": margin, **counts})
    return rows


def values(labeller, found: Result, models: Models) -> dict[tuple[str, ...], float]:
    """The labels of a tree by the steps' texts; without a labeller the scores."""
    if labeller is None:
        return {one.path.key[1:]: one.score for _, judged in found.expansions for one in judged}
    rows = asyncio.run(labeller(found, models))
    return {
        row.steps[: at + 1]: one
        for row in rows
        for at, one in enumerate(row.labels)
        if one is not None
    }


def pairs(searched, known, task, margin: float) -> dict[str, int]:
    counts = dict.fromkeys(("right", "wrong", "both_lost", "both_good"), 0)
    for found, labels in zip(searched, known, strict=True):
        for _, judged in found.expansions:
            told = [one.path for one in judged if one.path.key[1:] in labels]
            for one, other in combinations(told, 2):
                gap = labels[one.key[1:]] - labels[other.key[1:]]
                if abs(gap) < margin:
                    continue
                good = task.reachable(one), task.reachable(other)
                same = "both_good" if good[0] else "both_lost"
                order = "right" if (gap > 0) == good[0] else "wrong"
                counts[order if good[0] != good[1] else same] += 1
    return counts


def called_lost(searched, known, task) -> dict[str, int]:
    """How many of the labelled children can still reach a right answer, and are below a quarter."""
    told = {
        one.path: labels
        for found, labels in zip(searched, known, strict=True)
        for _, judged in found.expansions
        for one in judged
        if one.path.key[1:] in labels and task.reachable(one.path)
    }
    low = [path for path, labels in told.items() if labels[path.key[1:]] < 0.25]
    return {"good": len(told), "good_below_a_quarter": len(low)}


# ---------------------------------------------------------------------------------- all


def show(row: dict[str, object]) -> None:
    name = f"{row['labels']:<40}"
    if row["part"] == "trees":
        print(
            f"{row['task']:<13} {name} margin {row['margin']:<4}  right {row['right']}, "
            f"wrong {row['wrong']}, both lost {row['both_lost']}, both good {row['both_good']}; "
            f"below a quarter {row['good_below_a_quarter']} of {row['good']} good ones"
        )
        return
    low, high = row["interval"]
    if row["part"] == "errors":
        fewer = row.get("fewer_rollouts_in_the_search")
        print(
            f"T {row['steps']:>2}  {name} {row['rollouts_per_solution']:>7} rollouts, "
            f"hit {row['hit_rate']:.3f} [{low:.3f}, {high:.3f}]"
            + (f", {row['fewer_rollouts']}x fewer, in the search {fewer}x" if fewer else "")
        )
    else:
        print(
            f"P {row['modulus']:>4} k {row['k']:>2}  {name} kept {row['kept']:.2f}, "
            f"accuracy {row['accuracy']:.3f} [{low:.3f}, {high:.3f}], "
            f"called right {row['of_those_called_right']}, "
            f"wrong {row['of_those_called_wrong']}, {row['rollouts']} rollouts"
        )


def figure() -> None:
    """Cost against truth: of places of errors by length, of labels by rollouts."""
    rows = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    places = [row for row in rows if row["part"] == "errors"]
    parts = [
        panel(
            "Place of the first error: 8, 16, 32 and 64 steps",
            {row["labels"]: [r for r in places if r["labels"] == row["labels"]] for row in places},
            "rollouts for each wrong solution",
        )
    ]
    for modulus in MODULI:
        own = [r for r in rows if r["part"] == "filter" and r["modulus"] == modulus]
        arms = {r["labels"]: [one for one in own if one["labels"] == r["labels"]] for r in own}
        title = f"Hard labels, {modulus} possible answers: k = 4, 8, 16"
        parts.append(panel(title, arms, "rollouts for each solution of 8 steps"))
    style = files("specreward.report").joinpath("page.css").read_text("utf-8")
    RESULTS.with_suffix(".html").write_text(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f"<title>What labels cost</title><style>{style}</style></head><body><main>"
        f"<h1>What labels cost, and how true they are</h1>"
        f"{''.join(parts)}<p class='note'>Bars: 95 % intervals. Source: labelling.jsonl.</p></main>"
        "</body></html>\n",
        "utf-8",
    )


def panel(title: str, arms: Mapping[str, Sequence[Mapping[str, Any]]], axis: str) -> str:
    drawn = [Series(name=name, points=[point(row) for row in own]) for name, own in arms.items()]
    names = "".join(
        [
            f"<span class='named'><span class='tag c{at % 8}'>{at + 1}</span>"
            f"<code>{escape(name)}</code></span>"
            for at, name in enumerate(arms)
        ]
    )
    return f"<h2>{title}</h2><div class='card'>{lines_of(drawn, axis)}{names}</div>"


def point(row: Mapping[str, Any]) -> tuple[float, Interval]:
    share = row["hit_rate"] if row["part"] == "errors" else row["accuracy"]
    return row["rollouts"] / row["solutions"], Interval(share, *row["interval"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--searched", type=int, default=300)
    parser.add_argument("--filtered", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", action="store_true")
    given = parser.parse_args()
    if given.figure:
        return figure()
    head = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip(),
        "command": f"PYTHONPATH=src python benchmarks/labelling.py --parts {' '.join(given.parts)} "
        f"--searched {given.searched} --filtered {given.filtered} --seed {given.seed}",
    }
    runs = {
        "errors": [partial(errors, length, given.searched, given.seed) for length in LENGTHS],
        "filter": [
            partial(filtered, modulus, k, given.filtered, given.seed)
            for modulus in MODULI
            for k in ROLLOUTS
        ],
        "trees": [partial(trees, "game24()", 60, 7), partial(trees, "blocksworld()", 40, 7)],
    }
    old = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    lines = [line for line in old if json.loads(line)["part"] not in given.parts]
    for part in given.parts:
        for measure in runs[part]:
            for row in measure():
                show(row)
                lines.append(json.dumps({**head, **row}))
    RESULTS.write_text("".join([f"{line}\n" for line in lines]), encoding="utf-8")
    return figure()


if __name__ == "__main__":
    main()
