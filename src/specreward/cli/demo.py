"""``specreward demo``: the point of the package, seen in less than a minute."""

from __future__ import annotations

import time

from specreward.assemble import assemble
from specreward.cli.comparison import Comparison
from specreward.cli.inputs import generated, read_strategies
from specreward.cli.options import Number, Seed
from specreward.cli.screen import notes, results, say
from specreward.cli.table import comparison_table
from specreward.report.rows import Row, rows
from specreward.spec import parse

__all__ = ["demo"]

TASKS = ("blocksworld(lengths=(6, 12))", "game24")
HOST = ("bfs(verify=self_evaluation())", "bfs(verify=speculative())")


def demo(
    limit: Number = 10,
    seed: Seed = 0,
) -> None:
    """Solve fresh problems twice: the language model grades its own steps, or the reward model."""
    for text in TASKS:
        task = parse(text, "task")
        begun = time.perf_counter()
        problems = generated(task, limit, "test", seed)
        notes().print(f"{text}: {limit} problems", style="dim", markup=False)
        comparison = Comparison(models=assemble(task, seed=seed))
        found = rows(comparison.arms(read_strategies(HOST), problems), seed)
        taken = time.perf_counter() - begun
        results().print(comparison_table(found, f"{text}, {limit} problems, {taken:.0f} s"))
        say(_lesson(found))


def _lesson(found: list[Row]) -> str:
    """The comparison in one line."""
    plain, speculative = found
    tokens, flops = speculative.ratios.tokens, speculative.ratios.flops
    cost = [
        f"{1 / ratio.estimate:.3g} times fewer {what}"
        for ratio, what in ((tokens, "language-model tokens"), (flops, "FLOPs"))
        if ratio is not None and ratio.estimate > 0
    ]
    solved = f"{speculative.accuracy.estimate:.0%} against {plain.accuracy.estimate:.0%} solved"
    return f"with the reward model: {solved}, {', '.join(cost)}\n"
