"""Are scores probabilities? Mean label against mean score, bin by bin, before and after.

A point is a bin: its place says mean score and mean label, its bar is the 95 % Wilson interval of
the label, and the column under it how many steps it holds. On the dashed line a score is what it
says it is. C. Guo et al. (2017), arXiv 1706.04599, have the diagram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Protocol

from specreward.stats import Interval, wilson

__all__ = ["Diagram", "ScoreBin", "diagram", "reliability"]

WIDTH, HEIGHT = 460, 420
LEFT, RIGHT, TOP, BOTTOM = 52, 18, 16, 110
COLUMNS = 56
"""Height of the highest column."""


class ScoreBin(Protocol):
    """The steps whose scores lie in one bin."""

    @property
    def low(self) -> float:
        """Lower end."""
        ...

    @property
    def high(self) -> float:
        """Upper end."""
        ...

    @property
    def n(self) -> int:
        """Steps in it."""
        ...

    @property
    def score(self) -> float:
        """Their mean score."""
        ...

    @property
    def label(self) -> float:
        """Their mean label."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """One drawing of the page.

    Args:
        name: What the scores are.
        bins: Over [0, 1]; empty ones are left out.
        facts: Numbers by name, shown below it as they are.
    """

    name: str
    bins: Sequence[ScoreBin]
    facts: Mapping[str, str]


def reliability(title: str, drawn: Sequence[Diagram], about: Mapping[str, object]) -> str:
    """The page as HTML text, one file that needs no network.

    Args:
        title: Which model.
        drawn: Side by side.
        about: Settings, shown as they are.
    """
    style = files("specreward.report").joinpath("page.css").read_text("utf-8")
    settings = " · ".join([f"{escape(key)} {escape(str(value))}" for key, value in about.items()])
    cards = "".join(
        [
            f'<div class="card"><h3>{escape(one.name)}</h3>{diagram(one.name, one.bins)}'
            f'<p class="note">{_facts(one.facts)}</p></div>'
            for one in drawn
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="lead">{settings}</p><p class="note">Steps that the '
        "calibration was not fitted on. Bars: 95 % intervals. Columns: how many steps a bin holds."
        f'</p><div class="charts">{cards}</div></main></body></html>\n'
    )


def _facts(facts: Mapping[str, str]) -> str:
    return " · ".join([f"{escape(name)} {escape(value)}" for name, value in facts.items()])


def diagram(name: str, bins: Sequence[ScoreBin]) -> str:
    """The drawing of some bins as an SVG element."""
    shown = [one for one in bins if one.n]
    if not shown:
        return '<p class="none">No steps: nothing to draw.</p>'
    most = max([one.n for one in shown])
    parts = [*_grid(), f'<g class="c0">{"".join([_mark(one, most) for one in shown])}</g>']
    title = f"Mean label against {name}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _x(score: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * score


def _y(label: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - label)


def _grid() -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<polyline class="front" points="{_x(0):.1f},{_y(0):.1f} {_x(1):.1f},{_y(1):.1f}"/>']
    for fifth in range(6):
        x, y = _x(fifth / 5), _y(fifth / 5)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{fifth / 5:g}'
            "</text>"
        )
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{fifth / 5:g}'
            "</text>"
        )
    middle = (LEFT + right) / 2
    parts.append(
        f'<text class="axis" x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">mean score of '
        "a bin, and how many steps it holds</text>"
    )
    return parts


def _mark(one: ScoreBin, most: int) -> str:
    """The point of a bin with its bar, and its column below the axis."""
    x, y = _x(one.score), _y(one.label)
    about = f"{one.n} steps: mean score {one.score:.3f}, mean label {one.label:.3f}"
    spread = _interval(one)
    high = max(1.0, COLUMNS * one.n / most)
    left, right = _x(one.low) + 0.5, _x(one.high) - 0.5
    base = HEIGHT - 24
    return (
        f"<g><title>{escape(about)}</title>"
        f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(spread.high):.1f}" '
        f'y2="{_y(spread.low):.1f}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<rect class="column" x="{left:.1f}" y="{base - high:.1f}" width="{right - left:.1f}" '
        f'height="{high:.1f}"/></g>'
    )


def _interval(one: ScoreBin) -> Interval:
    """Of the mean label, as if labels were 0 or 1: soft ones spread less."""
    return wilson(round(one.label * one.n), one.n)
