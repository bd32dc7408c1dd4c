"""Rejection sampling of whole paths: draws until one is accepted, else one that is not judged.

    for i in start..stop:
        path_i ~ policy(root), sampled, until its end
        with probability chance(reward(path_i)): answer with path_i
    answer with one more path ~ policy(root)

With a = E_p chance(r) the law is (1 - (1 - a)^n) p chance / a + (1 - a)^n p, whatever the size of
the batches: the first one accepted in the order drawn is the answer, and what a batch drew behind
it is not looked at. Counted: ``draws``, ``accepted draws``, ``rewards above the bound``,
``fallback draws``, ``fallback draws without an answer``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from specreward.search.whole_paths import Draw, Known, accept, draw, keep
from specreward.types import Models, Path

__all__ = ["Rejection"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One search's rejection sampling.

    Args:
        root: What is drawn from.
        models: The roles.
        known: Rewards found out so far; grows.
        name: Of the strategy; part of the names of the draws.
        bound: What no reward should be above.
        temperature: Of the policy.
    """

    root: Path
    models: Models
    known: Known
    name: str
    bound: float
    temperature: float

    async def draw(self, start: int, n: int) -> list[Draw]:
        """``n`` paths with their rewards, counted, from this index on, ``[n]``."""
        drawn = await draw(
            self.root,
            n,
            self.models,
            self.known,
            start=start,
            temperature=self.temperature,
        )
        above = [one for one in drawn if one.reward is not None and one.reward > self.bound]
        self.models.trace.count("draws", n)
        self.models.trace.count("rewards above the bound", len(above))
        return drawn

    def judge(self, drawn: Sequence[Draw], start: int, chance: Callable[[float], float]) -> bool:
        """Whether one of these is accepted; they are kept in the record."""
        place = accept(drawn, chance, self.models, self.name, start)
        keep(self.root, drawn, self.models, place)
        self.models.trace.count("accepted draws", int(place is not None))
        return place is not None

    async def until_accepted(
        self, indices: range, batch: int, chance: Callable[[float], float]
    ) -> bool:
        """Whether a path of these indices is accepted, ``batch`` of them in one call."""
        for start in indices[::batch]:
            drawn = await self.draw(start, min(batch, indices.stop - start))
            if self.judge(drawn, start, chance):
                return True
        return False

    async def fall_back(self, index: int) -> None:
        """Answer with the path of this index, if it has an answer."""
        drawn = await self.draw(index, 1)
        keep(self.root, drawn, self.models, 0)
        self.models.trace.count("fallback draws")
        self.models.trace.count("fallback draws without an answer", int(drawn[0].reward is None))
