"""Accuracy against cost as one drawing: a point for each strategy, cost on a logarithmic axis.

A point carries its number, which the table beside it carries too, so that the color alone says
nothing. The bar through it is the 95 % interval of the accuracy; the dashed line is the front: no
other point is cheaper and at least as accurate. ``lines`` draws the same with some points for each
of a few names, joined in order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from specreward.report.three_e import on_front
from specreward.stats import Interval

__all__ = ["Point", "Series", "chart", "lines"]

WIDTH, HEIGHT = 560, 360
LEFT, RIGHT, TOP, BOTTOM = 52, 18, 16, 46
RADIUS = 10
"""Of the circle around a number."""
COLORS = 8
"""The style has this many colors, as the classes ``c0`` and up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One strategy: name, cost per problem (any unit, at least 0) and accuracy in [0, 1]."""

    name: str
    cost: float
    accuracy: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One name with its points: (cost above 0, accuracy), in the order in which they are joined."""

    name: str
    points: Sequence[tuple[float, Interval]]


def chart(points: Sequence[Point], axis: str) -> str:
    """The drawing as an SVG element.

    Args:
        points: Numbered from 1 in this order; those with cost 0 have no place on the axis and are
            left out.
        axis: What the cost is.
    """
    shown = [(i, point) for i, point in enumerate(points) if point.cost > 0]
    if not shown:
        return f'<p class="none">Nothing was spent: no chart of {escape(axis)}.</p>'
    low, high = _span([point.cost for _, point in shown])
    parts = [*_grid(low, high, axis), _front([point for _, point in shown], low, high)]
    parts += [_mark(i, point, low, high) for i, point in shown]
    title = f"Accuracy against {axis}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def lines(series: Sequence[Series], axis: str) -> str:
    """The drawing of some curves as an SVG element.

    Args:
        series: Numbered from 1 in this order, beside the last point of each; each has a point.
        axis: What the cost is.
    """
    low, high = _span([cost for one in series for cost, _ in one.points])
    parts = _grid(low, high, axis)
    for i, one in enumerate(series):
        way = " ".join([f"{_x(x, low, high):.1f},{_y(y.estimate):.1f}" for x, y in one.points])
        parts.append(f'<g class="c{i % COLORS}"><polyline class="way" points="{way}"/>')
        # One beside the other, so that the bars of curves that lie close can be told apart.
        aside = 3.0 * (i - (len(series) - 1) / 2)
        for cost, accuracy in one.points:
            x, ends = _x(cost, low, high) + aside, (_y(accuracy.high), _y(accuracy.low))
            about = f"{one.name}: {accuracy.estimate:.1%} at {short(cost)}"
            parts.append(
                f"<g><title>{escape(about)}</title>"
                f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"'
                f'/><circle cx="{x - aside:.1f}" cy="{_y(accuracy.estimate):.1f}" r="3.5"/></g>'
            )
        parts.append("</g>")
    parts += _numbers(series, low, high)
    title = f"Accuracy against {axis}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _numbers(series: Sequence[Series], low: float, high: float) -> list[str]:
    """The number of each curve to the right of its last point, tied to it by a line."""
    ends = [(_x(cost, low, high), _y(y.estimate)) for cost, y in [s.points[-1] for s in series]]
    parts = []
    for i, ((x, y), height) in enumerate(zip(ends, _apart([y for _, y in ends]), strict=True)):
        aside = x + 2.6 * RADIUS
        parts.append(
            f'<g class="point c{i % COLORS}"><title>{escape(series[i].name)}</title>'
            f'<polyline class="way" points="{x:.1f},{y:.1f} {aside:.1f},{height:.1f}"/>'
            f"{_number(i, aside, height)}</g>"
        )
    return parts


def _apart(heights: Sequence[float]) -> list[float]:
    """The heights moved as little as it takes for circles at them not to overlap."""
    top, bottom = TOP, HEIGHT - BOTTOM - RADIUS
    gap = min(2.0 * RADIUS, (bottom - top) / max(1, len(heights) - 1))
    order = sorted(range(len(heights)), key=heights.__getitem__)
    found = list(heights)
    least = float(top)
    for place in order:
        found[place] = max(found[place], least)
        least = found[place] + gap
    most = float(bottom)
    for place in reversed(order):
        found[place] = min(found[place], most)
        most = found[place] - gap
    return found


def _number(i: int, x: float, y: float) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{i + 1}</text>'
    )


def _span(costs: Sequence[float]) -> tuple[float, float]:
    """The ends of the axis as powers of ten, with room on both sides."""
    low, high = math.log10(min(costs)), math.log10(max(costs))
    room = max(0.12 * (high - low), 0.15)
    return low - room, high + room


def _x(cost: float, low: float, high: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(cost) - low) / (high - low)


def _y(accuracy: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - accuracy)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two powers of ten: 1, 2 and 5 times each, or the powers alone."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    factors = (1,) if high - low > 2.5 else (1, 2, 5)
    found = [factor * 10.0**power for power in powers for factor in factors]
    return [tick for tick in found if low <= math.log10(tick) <= high]


def short(number: float) -> str:
    """A number with its thousands as k, M, G, T or P."""
    for size, unit in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def _grid(low: float, high: float, axis: str) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{tenth * 10}%</text>"
        )
    for tick in ticks(low, high):
        x = _x(tick, low, high)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">'
            f"{short(tick)}</text>"
        )
    middle = (LEFT + right) / 2
    parts.append(
        f'<text class="axis" x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(axis)}, logarithmic</text>"
    )
    return parts


def _front(points: Sequence[Point], low: float, high: float) -> str:
    scores = [point.accuracy.estimate for point in points]
    costs = [point.cost for point in points]
    best = sorted((costs[i], scores[i]) for i in range(len(points)) if on_front(i, scores, costs))
    line = " ".join([f"{_x(cost, low, high):.1f},{_y(score):.1f}" for cost, score in best])
    return f'<polyline class="front" points="{line}"/>'


def _mark(i: int, point: Point, low: float, high: float) -> str:
    x, y = _x(point.cost, low, high), _y(point.accuracy.estimate)
    top, bottom = _y(point.accuracy.high), _y(point.accuracy.low)
    about = f"{point.name}: {point.accuracy.estimate:.1%} at {short(point.cost)}"
    return (
        f'<g class="point c{i % COLORS}"><title>{escape(about)}</title>'
        f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
        f"{_number(i, x, y)}</g>"
    )
