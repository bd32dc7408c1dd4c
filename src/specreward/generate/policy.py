"""The policy: a language model on a task.

    request(path, i) = (task.prompt(path), seed of (seed, path, i))
    step:  path -> path + task.step(path, completion of request)
    end:   again, until the path is finished, dead or at task.max_steps

All requests of one round go to the engine in one call. Sample i of a path depends on the path, i
and the seed alone. A sample that goes on to the end takes each step as sample i of where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, final

from specreward.errors import EngineError, InputError
from specreward.seeds import derive
from specreward.types import LanguageModel, Path, Task

__all__ = ["TaskPolicy"]


@final
@dataclass(frozen=True, kw_only=True)
class TaskPolicy:
    """Extends paths by what a language model writes.

    Args:
        lm: The engine, as a rule in its wrappers.
        task: Gives prompts and reads completions.
        seed: Root of all draws.
    """

    lm: LanguageModel = field(kw_only=False)
    task: Task
    seed: int = 0

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: Literal["step", "end"] = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        """``n`` continuations of each path, ``[P][n]``; see ``Policy``.

        At temperature 0 all samples of a path are the same: it is drawn once and repeated. With
        ``until="end"`` a path that has reached the most steps stays as it is.

        Raises:
            InputError: ``n`` is below 1, or a path has ended.
            EngineError: The engine gives another number of completions than it was asked for.
        """
        if n < 1:
            raise InputError(f"n: expected at least 1 sample, got {n!r}")
        for path in paths:
            if not path.open:
                raise InputError(f"expected open paths to extend, got an ended one: {path.key}")
        indices = [0] if temperature == 0 else range(start, start + n)
        grown = [(path, index) for path in paths for index in indices]
        if until == "step":
            grown = await self._round(grown, temperature)
        while until == "end":
            going = [place for place, (path, _) in enumerate(grown) if self._goes_on(path)]
            if not going:
                break
            longer = await self._round([grown[place] for place in going], temperature)
            for place, sample in zip(going, longer, strict=True):
                grown[place] = sample
        width, repeats = len(indices), n // len(indices)
        ends = [path for path, _ in grown]
        return [ends[i * width : (i + 1) * width] * repeats for i in range(len(paths))]

    def _goes_on(self, path: Path) -> bool:
        return path.open and path.depth < self.task.max_steps(path.problem)

    async def _round(
        self, samples: Sequence[tuple[Path, int]], temperature: float
    ) -> list[tuple[Path, int]]:
        """Each sample, a path and its index, with one more step."""
        prompts: dict[Path, str] = {}
        for path, _ in samples:
            if path not in prompts:
                prompts[path] = self.task.prompt(path)
        completions = await self.lm.complete(
            [prompts[path] for path, _ in samples],
            [derive(self.seed, *path.key, index) for path, index in samples],
            replace(self.task.sampling, temperature=temperature),
        )
        if len(completions) != len(samples):
            raise EngineError(
                f"{self.lm.name}: expected {len(samples)} completions, got {len(completions)}: an "
                "engine must give one for each prompt, in order"
            )
        return [
            (path.then(self.task.step(path, completion)), index)
            for (path, index), completion in zip(samples, completions, strict=True)
        ]
