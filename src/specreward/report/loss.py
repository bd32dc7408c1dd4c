"""The course of a training as one page: loss and held-out numbers against steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["loss_page"]

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 34


def loss_page(rows: Sequence[Mapping[str, float | None]], watch: str, title: str) -> str:
    """An HTML page with a drawing of the training loss, and one of each held-out number.

    Args:
        rows: Of the log: ``step`` and numbers by name; None is a number that could not be had.
        watch: The number that decides; its drawing comes second.
        title: Of the page.
    """
    names = dict.fromkeys([key for row in rows for key in row])
    shown = [
        key
        for key in names
        if key not in ("step", "minutes", "tokens") and not key.endswith(("_n", "_pairs"))
    ]
    shown.sort(key=lambda key: (key != "loss", key != watch))
    parts = []
    for name in shown:
        points = [
            (step, value)
            for row in rows
            if (step := row["step"]) is not None and (value := row.get(name)) is not None
        ]
        said = f"{name}, which decides" if name == watch else name
        parts.append(f"<h2>{escape(said)}</h2>\n{_drawing(points, name)}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 42rem; padding: 0 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 1.5rem 0 .2rem }
svg { width: 100%; height: auto } text { font-size: 12px; fill: currentColor }
.grid { stroke: currentColor; opacity: .15 } .way { fill: none; stroke: #1f6fb4; stroke-width: 2 }
circle { fill: #1f6fb4 }
:root { color-scheme: light dark }
"""


def _drawing(points: Sequence[tuple[float, float]], name: str) -> str:
    """A number against steps as an SVG element; it says so where there is none."""
    if not points:
        return "<p>There is no such number in the log.</p>"
    steps = [step for step, _ in points]
    values = [value for _, value in points]
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.5 * abs(high) or 0.5
    low, high = low - room, high + room
    first, last = min(steps), max(max(steps), min(steps) + 1)

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - first) / (last - first)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = low + share * (high - low)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" '
            f'y2="{y(value):.1f}"/><text x="{LEFT - 6}" y="{y(value) + 4:.1f}" '
            f'text-anchor="end">{value:.3g}</text>'
        )
        step = first + share * (last - first)
        parts.append(
            f'<text x="{x(step):.1f}" y="{HEIGHT - 10}" text-anchor="middle">{step:.0f}</text>'
        )
    way = " ".join([f"{x(step):.1f},{y(value):.1f}" for step, value in points])
    parts.append(f'<polyline class="way" points="{way}"/>')
    parts += [
        f'<circle cx="{x(step):.1f}" cy="{y(value):.1f}" r="2.5">'
        f"<title>step {step:.0f}: {value:.4g}</title></circle>"
        for step, value in points
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)} by step">'
        f"{''.join(parts)}</svg>"
    )
