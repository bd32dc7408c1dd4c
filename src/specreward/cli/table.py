"""The comparison as a table on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from specreward.report.chart import short
from specreward.report.rows import Row
from specreward.report.three_e import Criteria, Extended
from specreward.stats import Interval
from specreward.types import Usage

__all__ = ["comparison_table", "cost_line", "count_line", "criteria_table"]


def comparison_table(found: Sequence[Row], title: str) -> Table:
    """One column for each strategy: accuracy, cost per problem, and ratios to the first."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("per problem", style="dim")
    for row in found:
        table.add_column(row.spec, overflow="fold", justify="right")
    for name, cells in _lines(found):
        table.add_row(name, *cells)
    if len(found) > 1:
        table.add_section()
        for name, cells in _ratios(found):
            table.add_row(name, *cells)
    return table


def _lines(found: Sequence[Row]) -> list[tuple[str, list[str]]]:
    phases = sorted({phase for row in found for phase in row.phases()})
    lines = [
        ("accuracy", [f"[bold]{row.accuracy.estimate:.1%}[/]" for row in found]),
        ("  95 % interval", [_range(row.accuracy, 100, ".1f") for row in found]),
        ("LLM tokens", [_number(row.llm.tokens / row.n) for row in found]),
    ]
    lines += [(f"  {p}", [_number(row.phases().get(p, 0.0)) for row in found]) for p in phases]
    lines += [
        ("reward tokens", [_number(row.reward.tokens / row.n) for row in found]),
        ("FLOPs", [_number(row.all.flops / row.n) for row in found]),
        ("seconds", [_number(row.all.seconds / row.n) for row in found]),
        ("$", [_number(row.all.dollars / row.n) for row in found]),
        ("acceptance", ["–" if r.acceptance is None else f"{r.acceptance:.0%}" for r in found]),
    ]
    ends = sorted({end for row in found for end in row.ended} - {"done"})
    lines += [(f"ended: {e}", [str(row.ended.get(e, 0)) for row in found]) for e in ends]
    names = sorted({name for row in found for name in row.counts})
    lines += [(name, [f"{row.counts.get(name, 0) / row.n:.3g}" for row in found]) for name in names]
    return lines


def _ratios(found: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Of each strategy but the first to the first."""
    tokens = [row.ratios.tokens for row in found[1:]]
    flops = [row.ratios.flops for row in found[1:]]
    gains = [row.ratios.accuracy for row in found[1:]]
    return [
        ("LLM tokens, ratio", ["1", *map(_ratio, tokens)]),
        ("  95 % interval", ["", *[_range(x, 1, ".3g") for x in tokens]]),
        ("FLOPs, ratio", ["1", *map(_ratio, flops)]),
        ("  95 % interval", ["", *[_range(x, 1, ".3g") for x in flops]]),
        ("accuracy, points", ["0", *[f"{100 * x.estimate:+.1f}" for x in gains]]),
        ("  95 % interval", ["", *[_range(x, 100, "+.1f") for x in gains]]),
    ]


def criteria_table(criteria: Sequence[Criteria]) -> Table:
    """The 3E criteria, one column for each strategy."""
    table = Table(title="3E", title_justify="left", title_style="bold")
    table.add_column("per problem", style="dim")
    for item in criteria:
        table.add_column(item.spec, overflow="fold", justify="right")
    for section in (_effectiveness, _efficiency, _extensibility):
        for name, cells in section(criteria):
            table.add_row(name, *cells)
        table.add_section()
    return table


def _effectiveness(criteria: Sequence[Criteria]) -> list[tuple[str, list[str]]]:
    return [
        ("accuracy", [f"[bold]{item.accuracy:.1%}[/]" for item in criteria]),
        ("  gain over CoT, points", [f"{100 * item.gain:+.1f}" for item in criteria]),
    ]


def _efficiency(criteria: Sequence[Criteria]) -> list[tuple[str, list[str]]]:
    tokens = [item.llm_tokens + item.reward_tokens for item in criteria]
    return [
        ("tokens, all roles", [_number(own) for own in tokens]),
        ("  not from a cache", [_number(item.computed_tokens) for item in criteria]),
        ("FLOPs", [_number(item.flops) for item in criteria]),
        ("seconds", [_number(item.seconds) for item in criteria]),
        ("$", [_number(item.dollars) for item in criteria]),
        ("C / C_CoT", [_maybe(item.relative_cost, ".3g") for item in criteria]),
        ("marginal gain", [_maybe(item.marginal_gain, "+.2g") for item in criteria]),
        ("Pareto front", ["yes" if item.pareto else "no" for item in criteria]),
    ]


def _extensibility(criteria: Sequence[Criteria]) -> list[tuple[str, list[str]]]:
    found = [item.extensibility for item in criteria if item.extensibility is not None]
    if not found:
        return []
    return [
        (f"on {found[0].domain}", [f"[bold]{own.accuracy:.1%}[/]" for own in found]),
        ("  against home, points", [f"{100 * own.difference:+.1f}" for own in found]),
        ("  gain over CoT there", [f"{100 * own.gain:+.1f}" for own in found]),
        *_tuning(found),
    ]


def _tuning(found: Sequence[Extended]) -> list[tuple[str, list[str]]]:
    if found[0].tuning is None:
        return []
    gains = ["–" if own.tuning is None else f"{100 * own.tuning:+.1f}" for own in found]
    return [
        ("  tuned reward there", [f"[bold]{_maybe(own.tuned, '.1%')}[/]" for own in found]),
        ("  gain by tuning, points", gains),
    ]


def cost_line(usage: Mapping[tuple[str, str], Usage]) -> str:
    """What one search cost, by role and phase."""
    parts = [
        f"{role} {phase}: {spent.calls} calls, "
        f"{spent.prompt_tokens}+{spent.completion_tokens} tokens"
        f"{f' ({spent.cached_tokens} cached)' if spent.cached_tokens else ''}"
        for (role, phase), spent in sorted(usage.items())
    ]
    whole = sum(usage.values(), Usage())
    money = f", ${whole.dollars:.3g}" if whole.dollars else ""
    parts.append(f"in all {short(whole.flops)} FLOPs, {whole.seconds:.2g} s{money}")
    return "; ".join(parts)


def count_line(counts: Mapping[str, int]) -> str:
    """What one search counted besides, by name."""
    return ", ".join(f"{name} {times}" for name, times in sorted(counts.items()))


def _number(value: float) -> str:
    return short(value) if value else "–"


def _ratio(interval: Interval | None) -> str:
    """A ratio below 1 also as how many times less."""
    if interval is None:
        return "–"
    less = f" ({1 / interval.estimate:.3g}x less)" if 0 < interval.estimate < 1 else ""
    return f"[bold]{interval.estimate:.3g}[/]{less}"


def _range(interval: Interval | None, scale: float, form: str) -> str:
    if interval is None:
        return "–"
    return f"{scale * interval.low:{form}} to {scale * interval.high:{form}}"


def _maybe(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
