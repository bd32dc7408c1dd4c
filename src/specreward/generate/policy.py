"""The policy: a language model on a task.

    request(path, i) = (task.prompt(path), seed of (seed, path, i))
    step:  path -> path + task.step(path, completion of request)
    end:   again, until the path is finished, dead or at task.max_steps
    likelihood:  path + step -> log-probability of the step's tokens after task.prompt(path)

All requests of one round go to the engine in one call. Sample i of a path depends on the path, i
and the seed alone. A sample that goes on to the end takes each step as sample i of where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, final

from specreward.checks import positive
from specreward.engines import token_model
from specreward.errors import EngineError, InputError
from specreward.seeds import derive
from specreward.types import Completion, LanguageModel, Path, Step, Task

__all__ = ["TaskPolicy"]

_MOST = 65_536  # samples of one path in one call; a slip of the keyboard would fill the memory


@final
@dataclass(frozen=True, kw_only=True)
class TaskPolicy:
    """Extends paths by what a language model writes, and says how likely it writes given steps.

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
            InputError: ``n`` is below 1 or above 65,536, or a path has ended.
            EngineError: The engine gives another number of completions than it was asked for.
        """
        if not 1 <= n <= _MOST:
            raise InputError(f"n: expected from 1 to {_MOST} samples of a path, got {n!r}")
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
            (path.then(self._step(path, completion)), index)
            for (path, index), completion in zip(samples, completions, strict=True)
        ]

    def _step(self, path: Path, completion: Completion) -> Step:
        step = self.task.step(path, completion)
        return replace(step, ids=completion.ids) if completion.ids else step

    def tokenizer(self) -> str:
        """Identifies the engine's table of token ids; see ``StepLikelihood``.

        Raises:
            InputError: The engine gives no token ids.
        """
        return token_model(self.lm).tokenizer()

    async def likelihood(self, paths: Sequence[Path], *, temperature: float) -> list[float]:
        """Log-probability of the last step of each path, ``[P]``; see ``StepLikelihood``.

        All paths go to the engine in one call.

        Raises:
            InputError: The engine cannot score token ids, a path has no step, a step has no ids,
                or the temperature is not above 0.
            EngineError: The engine gives another number of scores than it was asked for.
        """
        engine = token_model(self.lm)
        positive("temperature", temperature)
        for path in paths:
            if not path.steps or not path.steps[-1].ids:
                raise InputError(
                    f"expected a last step with token ids, got none in {path.key}: how likely a "
                    "step was can be asked only of steps from an engine that says which tokens it "
                    "wrote, such as embedded_policy(...) or transformers(...)"
                )
        if not paths:
            return []
        parents = [Path(path.problem, path.steps[:-1]) for path in paths]
        scored = await engine.token_logprobs(
            [self.task.prompt(parent) for parent in parents],
            [path.steps[-1].ids for path in paths],
            temperature,
        )
        if len(scored) != len(paths):
            raise EngineError(
                f"{self.lm.name}: expected {len(paths)} scores, got {len(scored)}: an engine must "
                "give one for each prompt, in order"
            )
        return [one.value for one in scored]
