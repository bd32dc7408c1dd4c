"""From a user's own search trees to a better search: SRM+ on a domain that its SRM has never seen.

    PYTHONPATH=src:recipes python benchmarks/loop.py [--problems 300] [--own 492] [--seeds 0 1]
    PYTHONPATH=src:recipes python benchmarks/loop.py --figure     draws loop.html from the file

The domain is Countdown with target 36. The policy is the packaged one of the game of 24.

stage 1  A reward model of 0.46 million parameters learns which steps keep the target 24 in reach,
         from exact labels. No other target is among them.
search   ``rebase(64, reward_temperature=2.0)`` with that model on the domain's own problems (split
         ``tune``). It hardly follows the scores, so that steps of low score have ends as well.
label    ``tree_values(0.0)``: of the ends below a step, the share that is right. What is known of a
         problem is whether an answer of it is right, nothing else.
train    ``srm_plus`` from stage 1; a tenth of the problems is held out, and picks the weights.
report   Problems of split ``test`` that nothing was chosen or trained on, both reward models, the
         same strategies and seeds. Numbers of a problem are means over the seeds; intervals are
         95 %, by resampling problems. ``pairs``: of siblings in trees of the same search on these
         problems, scored by both models, the share in the right order: by the exact truth (of one
         the target can be reached, of the other it cannot) and by labels that differ by 0.2.
control  ``best_of_n``: in this task a solution that ends is right, so it needs no reward model.
home     The game of 24 itself, split ``test``, before and after.
three_e  The report of ``specreward compare --three-e --extend-to`` with the first seed's SRM+.

A run that was stopped goes on from the folder ``--work``. Rows go to benchmarks/results/loop.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from html import escape
from importlib.resources import files
from itertools import combinations
from pathlib import Path as File
from typing import Any

import torch
from game24_policy import random_numbers, walk
from game24_srm import labelled

from specreward.assemble import engines_for, wire
from specreward.label import Labelled, TreeValues
from specreward.report.chart import Series
from specreward.report.chart import lines as lines_of
from specreward.reward.trained import Trained
from specreward.run import run
from specreward.spec import name_of, parse
from specreward.stats import Interval, mean, paired_difference, paired_ratio
from specreward.store import Store
from specreward.tasks import Game24
from specreward.tasks.countdown import numbers_text
from specreward.train.fitting import Settings, fit
from specreward.train.networks import SmallDecoder
from specreward.train.objectives import SRM, SRMPlus
from specreward.train.splitting import split_by_problem
from specreward.types import Models, Path, Problem, Result

RESULTS = File(__file__).parent / "results" / "loop.jsonl"
HOME, TASK = Game24(), Game24(target=36)
EXPLORE = "rebase(64, reward_temperature=2.0)"
STRATEGIES = {
    "rebase": ("rebase(4)", "rebase(8)", "rebase()"),
    "beam": ("beam(1, n=8)", "beam(2, n=8)", "beam(4, n=8)"),
    "mcts": ("mcts(2, n=8)", "mcts(5, n=8)"),
    "speculative": ("bfs(2, verify=speculative())", "bfs(verify=speculative())"),
}
CONTROL = ("best_of_n(4)", "best_of_n(8)", "best_of_n(16)")
AT_HOME = ("rebase()", "beam(4, n=8)")
STAGE_1 = Settings(steps=1500, rate=2e-3, warmup=50, batch=32, every=250)
STAGE_2 = Settings(steps=400, rate=1e-3, warmup=50, batch=32, every=50)
OBJECTIVE = SRMPlus(margin=0.2)
STATES = 24_000
"""That stage 1 learns from."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--problems", type=int, default=300, help="to report on")
    parser.add_argument("--own", type=int, default=492, help="to search and to learn from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--work", type=File, default=File("runs/loop"))
    parser.add_argument("--figure", action="store_true")
    given = parser.parse_args(words)
    if not given.figure:
        torch.set_num_threads(1)
        command = f"PYTHONPATH=src:recipes python benchmarks/loop.py --problems {given.problems} "
        command += f"--own {given.own} --seeds {' '.join(map(str, given.seeds))}"
        keep(measure(given.work, given.problems, given.own, given.seeds), command)
    RESULTS.with_suffix(".html").write_text(figure(), "utf-8")


def measure(work: File, problems: int, own: int, seeds: Sequence[int]) -> list[dict[str, object]]:
    """All rows."""
    first, rows = stage_1(work / "stage-1")
    loops = [Loop(work, first, seed) for seed in seeds]
    learn, test = TASK.generate(own, "tune", 0), TASK.generate(problems, "test", 0)
    rows += [loop.learn(learn) for loop in loops]
    rows += pairs([loop.trees("pairs", test, EXPLORE) for loop in loops], loops)
    for specs in STRATEGIES.values():
        rows += [accuracy("new", spec, test, loops) for spec in specs]
    rows += [control(spec, test, loops) for spec in CONTROL]
    home = HOME.generate(problems, "test", 0)
    rows += [accuracy("home", spec, home, loops) for spec in AT_HOME]
    return [*rows, *three_e(work, first, loops[0].plus, problems)]


# ------------------------------------------------------------------------------ stage 1


def stage_1(folder: File) -> tuple[File, list[dict[str, object]]]:
    """A reward model of the game of 24 alone, and what it knows of it."""
    data = states(STATES)
    learn, held = split_by_problem(data, 0.03)
    began = time.monotonic()
    done = fit(SmallDecoder(HOME, width=96), SRM(), learn, held, STAGE_1, folder)
    row = {
        "part": "stage_1",
        "trained_on": f"{len(learn)} exact labels of steps in {STATES} states, target 24 alone",
        "steps": done.steps,
        "minutes": spent(folder / "minutes", began),
        "held_out": tidy(done.after),
    }
    return folder, [row]


def states(n: int) -> list[Labelled]:
    """Steps of states of target 24 with exact labels; see recipes/game24_srm.py."""
    rng, target = random.Random("loop: stage 1"), Fraction(24)
    found: dict[str, tuple[tuple[str, float], ...]] = {}
    while len(found) < n:
        for state in walk(target, random_numbers(target, rng), rng)[:-1]:
            question = numbers_text(state)
            if question not in found and len(found) < n:
                steps = labelled(target, state, rng).steps
                found |= {question: steps} if steps else {}
    return [
        Labelled(
            problem=Problem(question, question),
            steps=(text.removesuffix(" ;"),),
            labels=(label,),
            kind="step",
        )
        for question, steps in found.items()
        for text, label in steps
    ]


def spent(file: File, began: float) -> float:
    """Minutes of a training; those of the run that did it, where this one found it done."""
    if not file.exists():
        file.write_text(f"{(time.monotonic() - began) / 60:.2f}")
    return float(file.read_text())


def tidy(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    return {key: value if value is None else round(value, 4) for key, value in numbers.items()}


# ------------------------------------------------------------------------------ the loop


class Loop:
    """Search, label, train with one seed, and the searches that are reported."""

    def __init__(self, work: File, first: File, seed: int) -> None:
        self.first, self.seed = first, seed
        self.folder = work / f"seed-{seed}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plus = self.folder / "srm-plus"

    def models(self, task: Game24, reward: File) -> Models:
        """The packaged policy with a trained reward model."""
        return wire(task, engines_for(task, reward=Trained(str(reward))), seed=self.seed)

    def trees(
        self, name: str, problems: Sequence[Problem], spec: str, reward: File | None = None
    ) -> list[Result]:
        """A search of the problems, from the run file where it is there."""
        task = HOME if name == "home" else TASK
        with Store(self.folder / f"{name}.db") as store:
            models = self.models(task, self.first if reward is None else reward)
            return run(parse(spec, "strategy"), problems, models, store=store)

    def learn(self, problems: Sequence[Problem]) -> dict[str, object]:
        """Search own problems, label the trees, train an SRM+ on them; what it took."""
        trees = self.trees("own", problems, EXPLORE)
        data = self.labels(trees)
        learn, held = split_by_problem(data, 0.1, self.seed)
        began = time.monotonic()
        network = SmallDecoder(HOME, start=Trained(str(self.first)))
        settings = replace_seed(STAGE_2, self.seed)
        done = fit(network, OBJECTIVE, learn, held, settings, self.plus)
        minutes = spent(self.folder / "minutes", began)
        return {
            "part": "loop",
            "seed": self.seed,
            "search": EXPLORE,
            "labeller": name_of(TreeValues(0.0)),
            "objective": name_of(OBJECTIVE),
            "own_problems": len(trees),
            "policy_tokens": round(sum(map(tokens, trees))),
            "labels": sum([label is not None for one in data for label in one.labels]),
            "steps": done.steps,
            "minutes_of_training": minutes,
            "held_out_before": tidy(done.before),
            "held_out_after": tidy(done.after),
        }

    def labels(self, trees: Sequence[Result]) -> list[Labelled]:
        """Of all trees."""

        async def each() -> list[Labelled]:
            models = self.models(TASK, self.first)
            return [row for tree in trees for row in await TreeValues(0.0)(tree, models)]

        return asyncio.run(each())


def replace_seed(settings: Settings, seed: int) -> Settings:
    return Settings(**{**vars(settings), "seed": seed})


def tokens(result: Result) -> float:
    """Of the policy."""
    spent = [usage for (role, _), usage in result.usage.items() if role == "policy"]
    return sum([usage.prompt_tokens + usage.completion_tokens for usage in spent])


def right(result: Result) -> bool:
    """Whether the answer is right, by the task's check."""
    best = result.best
    return best is not None and TASK.check(result.problem, TASK.answer(best.path))


# ------------------------------------------------------------------------------ what is reported


def accuracy(
    domain: str, spec: str, problems: Sequence[Problem], loops: Sequence[Loop]
) -> dict[str, object]:
    """One strategy with both reward models, each problem by its mean over the seeds."""
    arms: list[list[list[Result]]] = [[], []]
    for loop in loops:
        for arm, reward in zip(arms, (loop.first, loop.plus), strict=True):
            name = "home" if domain == "home" else "test"
            arm.append(loop.trees(name, problems, spec, reward))
    (before, cost), (after, later) = [
        (over_seeds(arm, right), over_seeds(arm, tokens)) for arm in arms
    ]
    each = [sum(map(right, b)) - sum(map(right, a)) for a, b in zip(*arms, strict=True)]
    row = {
        "part": "accuracy",
        "domain": domain,
        "strategy": spec,
        "problems": len(problems),
        "seeds": [loop.seed for loop in loops],
        **compared(before, after),
        "gain_by_seed": [round(gain / len(problems), 4) for gain in each],
        "policy_tokens": [round(sum(x) / len(x), 1) for x in (cost, later)],
        "tokens_ratio": rounded(paired_ratio(cost, later, seed=0)),
    }
    print(json.dumps(row), flush=True)
    return row


def control(spec: str, problems: Sequence[Problem], loops: Sequence[Loop]) -> dict[str, object]:
    """Whole solutions, whose only score that counts is the task's rule: no reward model matters."""
    arm = [loop.trees("test", problems, spec) for loop in loops]
    row = {
        "part": "control",
        "strategy": spec,
        "problems": len(problems),
        "seeds": [loop.seed for loop in loops],
        "accuracy": rounded(mean(over_seeds(arm, right), seed=0)),
        "policy_tokens": round(sum(over_seeds(arm, tokens)) / len(problems), 1),
    }
    print(json.dumps(row), flush=True)
    return row


def over_seeds(arm: Sequence[Sequence[Result]], of: Callable[[Result], float]) -> list[float]:
    return [sum(map(of, results)) / len(results) for results in zip(*arm, strict=True)]


def compared(before: Sequence[float], after: Sequence[float]) -> dict[str, object]:
    """Means with intervals, and their paired difference."""
    return {
        "srm": rounded(mean(before, seed=0)),
        "srm_plus": rounded(mean(after, seed=0)),
        "gain": rounded(paired_difference(before, after, seed=0)),
    }


def rounded(found: Interval) -> list[float]:
    return [round(x, 4) for x in (found.estimate, found.low, found.high)]


def pairs(found: Sequence[Sequence[Result]], loops: Sequence[Loop]) -> list[dict[str, object]]:
    """Share of sibling pairs in the right order, by truth and by labels; a row for each."""
    known = {
        "truth": [truths(trees) for trees in found],
        "labels": [told(loop.labels(trees)) for trees, loop in zip(found, loops, strict=True)],
    }
    return [
        row
        for kind, own in known.items()
        for row in pairs_row(kind, list(zip(own, found, loops, strict=True)))
    ]


def pairs_row(
    kind: str, each: Sequence[tuple[Mapping[tuple[str, ...], float], Sequence[Result], Loop]]
) -> list[dict[str, object]]:
    """Both reward models on the pairs of all seeds; a problem is the mean of its pairs."""
    by_problem: dict[str, list[tuple[float, float]]] = {}
    for known, trees, loop in each:
        for problem, ordered in in_order(trees, known, loop).items():
            by_problem.setdefault(problem, []).extend(ordered)
    if not by_problem:
        return []
    shares = [[sum(x) / len(x) for x in zip(*own, strict=True)] for own in by_problem.values()]
    before, after = zip(*shares, strict=True)
    row = {
        "part": "pairs",
        "by": kind,
        "problems": len(shares),
        "pairs": sum(map(len, by_problem.values())),
        "seeds": [loop.seed for _, _, loop in each],
        **compared(before, after),
    }
    print(json.dumps(row), flush=True)
    return [row]


def truths(trees: Sequence[Result]) -> dict[tuple[str, ...], float]:
    """Whether the target can still be reached, of each judged path."""
    paths = [item.path for tree in trees for _, judged in tree.expansions for item in judged]
    return {path.key: float(TASK.reachable(path)) for path in paths}


def told(rows: Sequence[Labelled]) -> dict[tuple[str, ...], float]:
    """The labels by path."""
    return {
        row.path(at + 1).key: label
        for row in rows
        for at, label in enumerate(row.labels)
        if label is not None
    }


def in_order(
    trees: Sequence[Result], known: Mapping[tuple[str, ...], float], loop: Loop
) -> dict[str, list[tuple[float, float]]]:
    """For each problem, whether each pair is in order (a tie is half), by both models."""
    pairs: list[tuple[Path, Path]] = []
    for tree in trees:
        for siblings in families(tree):
            able = [path for path in siblings if path.key in known]
            pairs += [
                (a, b) if known[a.key] > known[b.key] else (b, a)
                for a, b in combinations(able, 2)
                if abs(known[a.key] - known[b.key]) >= OBJECTIVE.margin
            ]
    ways = list(dict.fromkeys([path for pair in pairs for path in pair]))
    scores = []
    for folder in (loop.first, loop.plus):
        reward = loop.models(TASK, folder).reward
        assert reward is not None
        scores.append(dict(zip(ways, asyncio.run(reward.score(ways)), strict=True)))
    found: dict[str, list[tuple[float, float]]] = {}
    for good, bad in pairs:
        won = tuple([0.5 + 0.5 * sign(own[good] - own[bad]) for own in scores])
        found.setdefault(good.problem.id, []).append(won)
    return found


def families(tree: Result) -> list[list[Path]]:
    """The different children of each path."""
    below: dict[tuple[str, ...], dict[tuple[str, ...], Path]] = {}
    for parent, judged in tree.expansions:
        below.setdefault(parent.key, {}).update({item.path.key: item.path for item in judged})
    return [list(one.values()) for one in below.values()]


def sign(x: float) -> int:
    return (x > 0) - (x < 0)


# ------------------------------------------------------------------------------ the 3E report


def three_e(work: File, first: File, plus: File, problems: int) -> list[dict[str, object]]:
    """The extensibility of ``specreward compare``: from 24 to the new target, tuned for it."""
    out = work / "three-e"
    shutil.rmtree(out, ignore_errors=True)
    words = ["compare", name_of(HOME), "-n", str(problems), "--output", str(out)]
    words += [word for spec in AT_HOME for word in ("--strategy", spec)]
    words += ["--reward", f"trained('{first}')", "--three-e", "--extend-to", name_of(TASK)]
    words += ["--reward-there", f"trained('{plus}')"]
    subprocess.run([sys.executable, "-m", "specreward", *words], check=True, capture_output=True)
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    return [{"part": "three_e", **one} for one in summary["three_e"]]


# ------------------------------------------------------------------------------ file and figure


def keep(rows: Sequence[Mapping[str, object]], command: str) -> None:
    """Write all rows."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    head = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "command": command,
        "task": name_of(TASK),
    }
    RESULTS.write_text("".join([json.dumps(head | dict(row)) + "\n" for row in rows]), "utf-8")


def figure() -> str:
    """Accuracy against tokens, a drawing for each kind of search."""
    rows = [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()]
    style = files("specreward.report").joinpath("page.css").read_text("utf-8")
    known = {row["strategy"]: row for row in rows if row.get("domain") == "new"}
    plain = [row for row in rows if row["part"] == "control"]
    panels = [
        panel(kind, [known[spec] for spec in specs if spec in known], plain)
        for kind, specs in STRATEGIES.items()
    ]
    title = "A search with the SRM of another domain, and with the SRM+ of its own trees"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><title>'
        f"{title}</title><style>{style}</style></head><body><main><h1>{title}</h1>"
        f"<div class='charts'>{''.join(panels)}</div><p class='note'>Countdown, target "
        f"{TASK.target}: the SRM knows target 24 alone. Bars: 95 % intervals over problems. "
        "Source: loop.jsonl.</p></main></body></html>\n"
    )


def panel(kind: str, rows: Sequence[Mapping[str, Any]], plain: Sequence[Mapping[str, Any]]) -> str:
    """Both reward models under strategies of one kind, beside sampling alone."""
    drawn = [
        Series(
            name=name,
            points=[(row["policy_tokens"][at], Interval(*row[key])) for row in rows],
        )
        for at, (key, name) in enumerate((("srm", "SRM"), ("srm_plus", "SRM+")))
    ]
    points = [(row["policy_tokens"], Interval(*row["accuracy"])) for row in plain]
    drawn.append(Series(name="best of n, no reward model needed", points=points))
    names = "".join(
        [
            f"<span class='named'><span class='tag c{at}'>{at + 1}</span>{escape(one.name)}</span>"
            for at, one in enumerate(drawn)
        ]
    )
    specs = ", ".join([f"<code>{escape(row['strategy'])}</code>" for row in rows])
    axis = "tokens of the policy per problem"
    return f"<div class='card'><h2>{kind}</h2>{lines_of(drawn, axis)}{names}<p>{specs}</p></div>"


if __name__ == "__main__":
    main()
