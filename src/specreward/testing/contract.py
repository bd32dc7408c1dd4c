"""The contract that every strategy keeps, on the toy task.

better      more problems solved than by one sampled path
frugal      no finished or dead path extended, none beyond the task's depth
capped      a budget that ends in the middle reaches the caller; the best so far can be chosen
repeatable  the same seed gives the same result, on one object, alone or side by side
resumable   with its calls replayed from memory it makes no new one
pure        inputs unchanged; candidates in the order found, the best one of them
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from specreward.abilities import StepLikelihood
from specreward.errors import BudgetExhausted
from specreward.testing.rewards import NoisyReward, OracleReward
from specreward.testing.toy_models import ToyLanguageModel, ToyPolicy
from specreward.testing.toy_task import ToyTask
from specreward.types import Models, Path, Policy, Problem, Result, Strategy, Trace

__all__ = ["CappedPolicy", "RecordedPolicy", "check_strategy", "toy_models"]

Draw = tuple[tuple[str, ...], int, str, float]


def toy_models(seed: int = 0, noise: float = 0.2) -> Models:
    """All roles on the toy task: policy and judge of one law, a weaker draft, a noisy reward model.

    Args:
        seed: Root of all draws.
        noise: Half-width of the reward's error; 0 is the oracle.
    """
    task = ToyTask()
    return Models(
        task=task,
        policy=ToyPolicy(task=task, seed=seed),
        reward=NoisyReward(reward=OracleReward(task=task), noise=noise, seed=seed),
        judge=ToyLanguageModel(task=task),
        draft=ToyPolicy(task=replace(task, skill=0.4, trap=0.3), seed=seed + 1),
        seed=seed,
    )


def _likelihood_of(policy: Policy) -> StepLikelihood:
    """The policy, which must score given steps."""
    assert isinstance(policy, StepLikelihood), f"{policy!r} does not score given steps"
    return policy


@dataclass(kw_only=True)
class CappedPolicy:
    """Another policy under a budget of samples; refuses to extend what has ended.

    Args:
        policy: The policy to cap.
        most: Steps beyond which no path may be extended.
        samples: Samples that may be drawn; None is no cap.
        drawn: Samples drawn so far, those of all who share the budget.
        shared: Whose budget this one draws on; None is its own.
    """

    policy: Policy
    most: int
    samples: int | None = None
    drawn: int = 0
    shared: CappedPolicy | None = None

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: Literal["step", "end"] = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        """As the policy capped.

        Raises:
            BudgetExhausted: Before a call that would pass the cap.
        """
        assert n >= 1, f"frugal: asked for {n} samples"
        for path in paths:
            assert path.open, f"frugal: extended a path that has ended: {path.key}"
            assert path.depth < self.most, f"frugal: extended a path at its limit: {path.key}"
        self.spend(n * len(paths))
        return await self.policy.extend(paths, n, until=until, temperature=temperature, start=start)

    def spend(self, samples: int) -> None:
        """Take samples from the budget.

        Raises:
            BudgetExhausted: There are not so many left.
        """
        if self.shared is not None:
            self.shared.spend(samples)
            return
        if self.samples is not None and self.drawn + samples > self.samples:
            raise BudgetExhausted(f"{self.samples} samples are spent")
        self.drawn += samples

    def tokenizer(self) -> str:
        """As the policy capped."""
        return _likelihood_of(self.policy).tokenizer()

    async def likelihood(self, paths: Sequence[Path], *, temperature: float) -> list[float]:
        """As the policy capped; free."""
        return await _likelihood_of(self.policy).likelihood(paths, temperature=temperature)


@dataclass(kw_only=True)
class RecordedPolicy:
    """Another policy with a memory: what was drawn once is not drawn again.

    Args:
        policy: The policy to remember.
        memory: Samples by path, index, extent and temperature.
        paid: Samples that had to be drawn.
    """

    policy: Policy
    memory: dict[Draw, Path] = field(default_factory=dict)
    paid: int = 0

    async def extend(
        self,
        paths: Sequence[Path],
        n: int,
        *,
        until: Literal["step", "end"] = "step",
        temperature: float = 0.8,
        start: int = 0,
    ) -> list[list[Path]]:
        """As the policy remembered."""
        asked: list[list[Draw]] = [
            [(path.key, i, until, temperature) for i in range(start, start + n)] for path in paths
        ]
        for path, draws in zip(paths, asked, strict=True):
            for draw in draws:
                if draw not in self.memory:
                    self.paid += 1
                    [[self.memory[draw]]] = await self.policy.extend(
                        [path], 1, until=until, temperature=temperature, start=draw[1]
                    )
        return [[self.memory[draw] for draw in draws] for draws in asked]

    def tokenizer(self) -> str:
        """As the policy remembered."""
        return _likelihood_of(self.policy).tokenizer()

    async def likelihood(self, paths: Sequence[Path], *, temperature: float) -> list[float]:
        """As the policy remembered."""
        return await _likelihood_of(self.policy).likelihood(paths, temperature=temperature)


async def search(strategy: Strategy, problem: Problem, models: Models) -> Result:
    """One search with a trace of its own."""
    return await strategy(problem, replace(models, trace=Trace()))


def capped_models(models: Models, most: int, samples: int | None) -> tuple[Models, CappedPolicy]:
    """The same models with one budget for policy and draft, and the policy that holds it."""
    policy = CappedPolicy(policy=models.policy, most=most, samples=samples)
    draft = models.draft
    if draft is not None:
        draft = CappedPolicy(policy=draft, most=most, shared=policy)
    return replace(models, policy=policy, draft=draft, trace=Trace()), policy


async def check_better(strategy: Strategy, problems: Sequence[Problem], models: Models) -> None:
    """More problems solved than by one path sampled at temperature 0.8."""
    task, solved, single = models.task, 0, 0
    results = await asyncio.gather(*[search(strategy, problem, models) for problem in problems])
    for problem, result in zip(problems, results, strict=True):
        assert result.problem == problem, "pure: a result names another problem"
        [[path]] = await models.policy.extend([Path(problem)], 1, until="end", temperature=0.8)
        single += path.finished and task.check(problem, task.answer(path))
        if result.best is not None:
            solved += task.check(problem, task.answer(result.best.path))
    assert solved > single, (
        f"better: solved {solved} of {len(problems)} problems, one sampled path solves {single}"
    )


async def check_pure(strategy: Strategy, problem: Problem, models: Models) -> None:
    """Result and trace agree; strategy and models are as they were."""
    before = repr(strategy), repr(models), hash(strategy)
    mine = replace(models, trace=Trace())
    result = await strategy(problem, mine)
    assert (repr(strategy), repr(models), hash(strategy)) == before, "pure: an input was changed"
    assert result.candidates == tuple(mine.trace.found), "pure: candidates are not those found"
    assert result.expansions == tuple(mine.trace.expansions), "pure: expansions were not recorded"
    assert result.best is None or result.best in result.candidates, "pure: best was not found"
    assert result.best == strategy.select(result.candidates, mine), "pure: select disagrees"
    assert all(c.path.finished for c in result.candidates), "frugal: an unfinished candidate"
    assert result.best is not None or not result.candidates, "pure: nothing was chosen"


async def check_capped(strategy: Strategy, problem: Problem, models: Models) -> None:
    """Every budget below the need stops the search, and what was found can be chosen from."""
    most = models.task.max_steps(problem)
    unbound, free = capped_models(models, most, None)
    full = await search(strategy, problem, unbound)
    need = free.drawn
    assert need, "capped: the search drew no sample"
    for samples in sorted({0, need // 3, need // 2, need - 1}):
        mine, capped = capped_models(models, most, samples)
        try:
            await strategy(problem, mine)
        except BudgetExhausted:
            pass
        else:
            raise AssertionError(f"capped: {samples} samples, {need} needed, no stop")
        assert capped.drawn <= samples, "capped: more was drawn than the budget allows"
        found = tuple(mine.trace.found)
        assert found == full.candidates[: len(found)], "capped: found other candidates than before"
        best = strategy.select(found, mine)
        assert best in found if found else best is None, "capped: select chose what was not found"
    exact, _ = capped_models(models, most, need)
    assert await search(strategy, problem, exact) == full, "capped: the budget changed it"


async def check_repeatable(strategy: Strategy, problem: Problem, models: Models) -> None:
    """Alone, again, side by side and from memory: the same result; from memory, no new sample."""
    first = await search(strategy, problem, models)
    assert await search(strategy, problem, models) == first, "repeatable: a second run differs"
    two = await asyncio.gather(*[search(strategy, problem, models) for _ in range(2)])
    assert two == [first, first], "repeatable: two runs side by side differ"
    both = [RecordedPolicy(policy=role) for role in (models.policy, models.draft) if role]
    mine = replace(models, policy=both[0], draft=both[-1] if models.draft else None)
    assert await search(strategy, problem, mine) == first, "resumable: a run differs"
    paid = sum([role.paid for role in both])
    assert await search(strategy, problem, mine) == first, "resumable: a replay differs"
    again = sum([role.paid for role in both]) - paid
    assert not again, f"resumable: {again} samples were drawn again"


def check_strategy(strategy: Strategy, problems: int = 40, seed: int = 0) -> None:
    """Check a strategy against the contract, on problems of the toy task.

    Args:
        strategy: The strategy to check, with settings that give it a chance on words of 4 letters.
        problems: Problems for the comparison with one sampled path.
        seed: Of the problems and of all draws.

    Raises:
        AssertionError: The contract is broken; the message begins with the clause.
    """

    async def check() -> None:
        models = toy_models(seed)
        drawn = models.task.generate(problems, "contract", seed)
        await check_better(strategy, drawn, models)
        for problem in drawn[:4]:
            await check_pure(strategy, problem, models)
            await check_capped(strategy, problem, models)
            await check_repeatable(strategy, problem, models)

    asyncio.run(check())
