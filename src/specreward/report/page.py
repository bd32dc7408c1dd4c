"""The report of a comparison as one file that needs no network: drawings, tables and trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from specreward.report.chart import COLORS, Point, chart, short
from specreward.report.record import Arm, Outcome
from specreward.report.rows import Row
from specreward.report.three_e import Criteria
from specreward.report.tree import Node, facts, tree
from specreward.stats import Interval
from specreward.verify.diagnostics import DepthReport, by_depth

__all__ = ["page"]

PROBLEMS = 3
"""Problems whose trees are drawn."""
NODES = 150
"""Nodes drawn of one tree."""


def page(
    title: str,
    arms: Sequence[Arm],
    found: Sequence[Row],
    criteria: Sequence[Criteria] = (),
    *,
    about: Mapping[str, object],
) -> str:
    """The page as HTML text.

    Args:
        title: What was compared, such as the task.
        arms: The strategies with their outcomes.
        found: One row for each of ``arms``.
        criteria: The 3E criteria, where they were asked for.
        about: Settings of the run, shown as they are.
    """
    style = files("specreward.report").joinpath("page.css").read_text("utf-8")
    settings = " · ".join([f"{escape(key)} {escape(str(value))}" for key, value in about.items()])
    body = [
        f'<h1>{escape(title)}</h1><p class="lead">{settings}</p>',
        _charts(found),
        _comparison(found),
        _against_first(found) if len(found) > 1 else "",
        _three_e(criteria) if criteria else "",
        "<h2>Verification by depth</h2><p class='note'>Accepted: kept of distinct children. "
        "Agreement: the mass that the policy's and the reward model's laws share, 1 where they are "
        "equal; KL in nats. Both over nodes with two distinct children or more.</p>",
        *[_depths(i, arms[i]) for i, row in enumerate(found) if row.acceptance is not None],
        f"<h2>Trees</h2><p class='note'>{PROBLEMS} problems at most, those first on which the "
        "strategies differ. Pruned steps are struck out; the chosen path is bold.</p>",
        *[_problem(i, arms) for i in telling(arms)],
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _tag(i: int) -> str:
    return f'<span class="tag c{i % COLORS}">{i + 1}</span>'


def _named(i: int, spec: str) -> str:
    return f'<span class="named">{_tag(i)}<code>{escape(spec)}</code></span>'


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; cells are HTML already."""
    top = "".join([f"<th>{name}</th>" for name in head])
    cells = ["".join([f"<td>{cell}</td>" for cell in row]) for row in lines]
    rest = "".join([f"<tr>{row}</tr>" for row in cells])
    return (
        f'<div class="scroll card"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{rest}</tbody></table></div>"
    )


# ------------------------------------------------------------------------------- comparison


def _charts(found: Sequence[Row]) -> str:
    axes = [
        ("language-model tokens per problem", [row.llm.tokens / row.n for row in found]),
        ("FLOPs per problem, reward model included", [row.all.flops / row.n for row in found]),
    ]
    drawn = []
    for axis, costs in axes:
        points = [
            Point(name=row.spec, cost=cost, accuracy=row.accuracy)
            for row, cost in zip(found, costs, strict=True)
        ]
        drawn.append(f'<div class="card">{chart(points, axis)}</div>')
    return (
        f'<div class="charts">{"".join(drawn)}</div><p class="note">Numbers as in the table. Bars: '
        "95 % intervals. Dashed: the front of accuracy against cost.</p>"
    )


def _comparison(found: Sequence[Row]) -> str:
    phases = sorted({phase for row in found for phase in row.phases()})
    paid = any(row.all.dollars for row in found)
    head = ["strategy", "accuracy", "LLM tokens", *[escape(phase) for phase in phases]]
    head += ["reward tokens", "FLOPs", "seconds", *(["$"] if paid else []), "accepted"]
    lines = []
    for i, row in enumerate(found):
        own, reward = row.phases(), row.reward.tokens / row.n
        cells = [_named(i, row.spec), _share(row.accuracy), short(row.llm.tokens / row.n)]
        cells += [short(own[phase]) if phase in own else "–" for phase in phases]
        cells += [short(reward) if reward else "–", short(row.all.flops / row.n)]
        cells.append(f"{row.all.seconds / row.n:.3g}")
        cells += [f"{row.all.dollars / row.n:.3g}"] if paid else []
        cells.append("–" if row.acceptance is None else f"{row.acceptance:.0%}")
        lines.append(cells)
    return (
        "<h2>Comparison</h2><p class='note'>Tokens, FLOPs, seconds and dollars are means per "
        "problem. Small: 95 % intervals.</p>" + _table(head, lines)
    )


def _against_first(found: Sequence[Row]) -> str:
    head = ["strategy", "LLM tokens, ratio", "FLOPs, ratio", "accuracy, points", "McNemar p"]
    lines = [
        [
            _named(i, row.spec),
            _ratio(row.ratios.tokens),
            _ratio(row.ratios.flops),
            _points(row.ratios.accuracy),
            f"{row.ratios.test.p_value:.2g}",
        ]
        for i, row in enumerate(found)
        if i > 0
    ]
    return (
        "<h2>Against strategy 1</h2><p class='note'>On the same problems; a ratio below 1 is "
        "cheaper. Small: paired 95 % intervals.</p>" + _table(head, lines)
    )


def _share(interval: Interval) -> str:
    low, high = f"{interval.low:.1%}", f"{interval.high:.1%}"
    return f"{interval.estimate:.1%}<small>{low} to {high}</small>"


def _ratio(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{interval.estimate:.3g}<small>{interval.low:.3g} to {interval.high:.3g}</small>"


def _points(interval: Interval) -> str:
    estimate, low, high = (100 * x for x in (interval.estimate, interval.low, interval.high))
    return f"{estimate:+.1f}<small>{low:+.1f} to {high:+.1f}</small>"


def _three_e(criteria: Sequence[Criteria]) -> str:
    head = ["strategy", "accuracy", "gain over CoT", "relative cost", "marginal gain"]
    head += ["on the front", "computed tokens"]
    extended = criteria[0].extensibility
    if extended is not None:
        head += [f"on {escape(extended.domain)}", "against home", "gain over CoT there"]
        head += [] if extended.tuned is None else ["tuned reward there", "gain by tuning"]
    lines = []
    for i, item in enumerate(criteria):
        cells = [_named(i, item.spec), f"{item.accuracy:.1%}"]
        cells.append(f"{100 * item.gain:+.1f}")
        cells.append("–" if item.relative_cost is None else f"{item.relative_cost:.3g}")
        cells.append("–" if item.marginal_gain is None else f"{item.marginal_gain:+.2g}")
        cells += ["yes" if item.pareto else "no", short(item.computed_tokens)]
        if item.extensibility is not None:
            own = item.extensibility
            cells += [f"{own.accuracy:.1%}", f"{100 * own.difference:+.1f}"]
            cells.append(f"{100 * own.gain:+.1f}")
            if own.tuned is not None and own.tuning is not None:
                cells += [f"{own.tuned:.1%}", f"{100 * own.tuning:+.1f}"]
        lines.append(cells)
    return (
        "<h2>Effectiveness, efficiency, extensibility</h2><p class='note'>Relative cost: FLOPs "
        "over those of chain of thought. Marginal gain: gain over (relative cost − 1). Computed "
        "tokens: of all roles, without those found in a cache.</p>" + _table(head, lines)
    )


# ------------------------------------------------------------------------------- verification


def _depths(i: int, arm: Arm) -> str:
    expansions = [pair for one in arm.outcomes for pair in one.result.expansions]
    reports = by_depth(expansions)
    head = ["depth", "nodes", "children", "accepted", "kept per choice", "agreement", "KL", ""]
    table = _table(head, [_depth(report) for report in reports])
    return f"<h3>{_named(i, arm.spec)}</h3>{table}"


def _depth(report: DepthReport) -> list[str]:
    kept = report.acceptance
    share = f'<meter min="0" max="1" value="{kept:.3f}"></meter>{kept:.0%}'
    numbers = ["–" if x is None else f"{x:.2f}" for x in (report.mean_kept, report.beta, report.kl)]
    return [
        str(report.depth),
        str(report.nodes),
        str(report.candidates),
        share,
        *numbers,
        '<span class="wrong">laws disjoint</span>' if report.degenerate else "",
    ]


# ------------------------------------------------------------------------------- trees


def telling(arms: Sequence[Arm]) -> list[int]:
    """Positions of the problems to show: those that some strategy solved and some did not first."""
    columns = zip(*[arm.outcomes for arm in arms], strict=True)
    solved = [{one.correct for one in column} for column in columns]
    order = sorted(range(len(solved)), key=lambda i: (len(solved[i]) < 2, i))
    return order[:PROBLEMS]


def _problem(i: int, arms: Sequence[Arm]) -> str:
    problem = arms[0].outcomes[i].result.problem
    trees = "".join([_search(k, arm.spec, arm.outcomes[i]) for k, arm in enumerate(arms)])
    return (
        f"<h3>{escape(problem.id)}</h3><p><code>{escape(problem.question)}</code></p>"
        f'<div class="card">{trees}</div>'
    )


def _search(k: int, spec: str, one: Outcome) -> str:
    verdict = '<b class="right">right</b>' if one.correct else '<b class="wrong">wrong</b>'
    answer = "no answer" if one.answer is None else f"<code>{escape(one.answer)}</code>"
    top = f"<summary>{_tag(k)}<code>{escape(spec)}</code> {verdict} {answer}</summary>"
    root = tree(one.result.expansions)
    if root is None:
        why = escape(one.result.error or f"ended: {one.result.ended}")
        return f"<details>{top}<p class='none'>Nothing was expanded; {why}.</p></details>"
    best = one.result.best.path.steps if one.result.best else ()
    left = [NODES]
    drawn = "".join([_node(child, [step.text for step in best], left) for child in root.children])
    cut = "" if left[0] >= 0 else f"<p class='none'>{root.size - 1 - NODES} more nodes.</p>"
    return f'<details>{top}<div class="tree"><ul>{drawn}</ul></div>{cut}</details>'


def _node(node: Node, best: Sequence[str], left: list[int]) -> str:
    """A node and what is below it, until ``left`` nodes are drawn."""
    left[0] -= 1
    if left[0] < 0:
        return ""
    judged = node.judgement
    texts = [step.text for step in node.path.steps]
    chosen = list(best[: len(texts)]) == texts
    kind = "best" if chosen else "pruned" if judged is not None and not judged.kept else "kept"
    known = {} if judged is None else facts(judged)
    shown = " ".join([f"{name} {value}" for name, value in known.items()])
    count = f" ×{judged.count}" if judged is not None and judged.count > 1 else ""
    below = "".join([_node(child, best, left) for child in node.children])
    rest = f"<ul>{below}</ul>" if below else ""
    return (
        f'<li class="{kind}"><code>{escape(node.text)}</code>'
        f'<span class="facts">{escape(shown)}{count}</span>{rest}</li>'
    )
