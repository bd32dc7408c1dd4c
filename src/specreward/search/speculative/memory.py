"""Which paths go on side by side; an object to pass to ``stepwise``.

    Chains     ``width`` paths that know nothing of each other
    KeepBest   each path is continued ``branch_by`` times; the ``width`` best children stay

Keeping the best: F. Yu, A. Gao, B. Wang (2023), "OVM, Outcome-supervised Value Models for Planning
in Mathematical Reasoning", arXiv 2311.09724.

Differs from the paper: each child is itself chosen from a pool; equal children are merged; a
finished path competes once and then keeps its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol, final, runtime_checkable

from specreward.checks import whole
from specreward.search.speculative.citations import GSI_PAPER
from specreward.types import Path
from specreward.verify.citations import OVM

__all__ = ["Chains", "KeepBest", "Line", "Memory"]


class Line(NamedTuple):
    """A path that a step is to be written for, or was.

    Args:
        path: So far.
        lane: Tells it from others at the same place: it has draws of its own.
        reward: Of its last step, in [0, 1]; None where nobody asked.
    """

    path: Path
    lane: int = 0
    reward: float | None = None


@runtime_checkable
class Memory(Protocol):
    """Two questions: how often each path is continued, and which children stay."""

    @property
    def reads_rewards(self) -> bool:
        """Whether every committed step must be scored for it."""
        ...

    def branch(self, lines: Sequence[Line]) -> list[Line]:
        """A line for each step to write, from the open paths; lanes differ where paths do not."""
        ...

    def keep(self, children: Sequence[Line], finished: int) -> list[Line]:
        """Those that stay, ``finished`` ones among earlier children being kept already."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Chains:
    """Independent paths.

    Args:
        width: How many paths, from 1 to 4096.

    Raises:
        InputError: A field is out of its range.
    """

    width: int = field(default=1, kw_only=False)

    __cite__: ClassVar[str] = GSI_PAPER
    reads_rewards: ClassVar[bool] = False

    def __post_init__(self) -> None:
        whole("chains width", self.width, 1, 4096)

    def branch(self, lines: Sequence[Line]) -> list[Line]:
        """``width`` at the root, then each once."""
        if lines and not lines[0].path.steps:
            return [Line(lines[0].path, lane) for lane in range(self.width)]
        return list(lines)

    def keep(self, children: Sequence[Line], finished: int) -> list[Line]:
        """All."""
        return list(children)


@final
@dataclass(frozen=True, kw_only=True)
class KeepBest:
    """A beam: children compete by their rewards.

    Args:
        width: Places for open and finished paths together, at least 1.
        branch_by: How often each path is continued, from 1 to 4096.

    Raises:
        InputError: A field is out of its range.
    """

    width: int = field(default=4, kw_only=False)
    branch_by: int = 2

    __cite__: ClassVar[str] = OVM
    reads_rewards: ClassVar[bool] = True

    def __post_init__(self) -> None:
        whole("keep_best width", self.width, 1)
        whole("keep_best branch_by", self.branch_by, 1, 4096)

    def branch(self, lines: Sequence[Line]) -> list[Line]:
        """Each ``branch_by`` times."""
        return [line._replace(lane=lane) for line in lines for lane in range(self.branch_by)]

    def keep(self, children: Sequence[Line], finished: int) -> list[Line]:
        """The best, each once; the first of equals."""
        first: dict[tuple[str, ...], Line] = {}
        for child in children:
            first.setdefault(child.path.key, child)
        ranked = sorted(first.values(), key=_reward, reverse=True)
        return ranked[: max(self.width - finished, 0)]


def _reward(line: Line) -> float:
    assert line.reward is not None, "a committed step was not scored"
    return line.reward
