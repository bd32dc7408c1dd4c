"""A search tree on the screen, while it grows or afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rich.text import Text
from rich.tree import Tree

from specreward.report.tree import Node, facts, tree
from specreward.types import Judgement, Path, Trace

__all__ = ["Growing", "drawn"]

Expansions = Sequence[tuple[Path, Sequence[Judgement]]]


def drawn(title: str, expansions: Expansions, best: Path | None, most: int = 2000) -> Tree:
    """The tree: each step with its score; pruned ones struck out, the chosen path in bold.

    Args:
        title: At the root.
        expansions: Of a trace or result.
        best: The chosen path, if there is one.
        most: Nodes drawn; where there are more, the number left out is said.
    """
    shown = Tree(Text(title, style="bold"), guide_style="dim")
    root = tree(expansions)
    if root is None:
        return shown
    chosen = tuple([step.text for step in best.steps]) if best else ()
    left = [most]
    for child in root.children:
        _add(shown, child, chosen, left)
    if left[0] < 0:
        shown.add(Text(f"... {-left[0]} more nodes", style="dim"))
    return shown


def _add(above: Tree, node: Node, chosen: tuple[str, ...], left: list[int]) -> None:
    left[0] -= 1
    if left[0] < 0:
        left[0] -= node.size - 1
        return
    branch = above.add(_label(node, chosen))
    for child in node.children:
        _add(branch, child, chosen, left)


def _label(node: Node, chosen: tuple[str, ...]) -> Text:
    judged = node.judgement
    texts = tuple([step.text for step in node.path.steps])
    if chosen[: len(texts)] == texts:
        mark, style = "★", "bold green"
    elif judged is not None and not judged.kept:
        mark, style = "✗", "dim strike"
    else:
        mark, style = "✓" if node.path.finished else "·", ""
    label = Text(f"{mark} ").append(node.text, style=style)
    if judged is not None:
        count = f" x{judged.count}" if judged.count > 1 else ""
        said = "  ".join([f"{name} {value}" for name, value in facts(judged).items()])
        word = "kept" if judged.kept else "pruned"
        label.append(f"{count}  {said}  {word}", style="dim")
    return label


@final
@dataclass(kw_only=True)
class Growing:
    """A picture of a trace that is drawn anew each time it is looked at.

    Args:
        title: At the root.
        trace: Of the search under way; None before it begins.
        height: Nodes drawn at most, so that the picture fits the screen.
    """

    title: str
    trace: Trace | None = None
    height: int = 40

    def __rich__(self) -> Tree:
        """The tree as it is now: the newest expansions, as many as fit."""
        expansions = tuple(self.trace.expansions) if self.trace else ()
        return drawn(self.title, expansions, None, self.height)
