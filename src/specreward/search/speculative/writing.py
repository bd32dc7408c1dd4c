"""One role writes: steps are drawn, merged, scored and weighed.

paths    ~ role(path), n draws
rewards, likelihood under the target    at the same time, distinct living steps alone
log B/S  = target's log-probability - that under which the step was drawn
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import final

from specreward.abilities import StepLikelihood
from specreward.checks import part, whole
from specreward.errors import EngineError, InputError
from specreward.search.speculative.pool import Pool
from specreward.search.speculative.selectors import InProportion, Selector
from specreward.search.speculative.weights import ByReward, Weight
from specreward.types import Models, Path, Policy
from specreward.verify.rewards import rewards

__all__ = ["SPAN", "Block", "check_roles", "draw", "fill"]

SPAN = 1 << 16
"""Numbers of draws of one role at one place: further ones are another lane's."""


@final
@dataclass(frozen=True, kw_only=True)
class Block:
    """How one role writes a step: draws, their weights, and how one of them is taken.

    Args:
        n: Draws, from 1 to 4096.
        weight: Of each draw; None takes the only draw as it is, and scores it only where a gate
            or a memory asks for it.
        selector: Takes one of the pool by its weights.

    Raises:
        InputError: A field is out of its range, or there is something to choose and no weight.
    """

    n: int = field(default=4, kw_only=False)
    weight: Weight | None = ByReward()
    selector: Selector = InProportion()

    def __post_init__(self) -> None:
        whole("block n", self.n, 1, 4096)
        part("block selector", self.selector, Selector, "in_proportion()")
        if self.weight is None:
            if self.n > 1 or self.selector != InProportion():
                raise InputError(
                    f"block: expected a weight to choose among {self.n} draws by, got None: give "
                    "weight=by_reward(), or n=1 and no selector"
                )
        else:
            part("block weight", self.weight, Weight, "by_reward(20.0)")

    @property
    def ratio(self) -> bool:
        """Whether the target must say how likely it finds the steps."""
        return self.weight is not None and self.weight.ratio


def likelihood_of(policy: Policy, option: str) -> StepLikelihood:
    """The same policy, where it says how likely it writes given steps.

    Raises:
        InputError: It does not.
    """
    if isinstance(policy, StepLikelihood):
        return policy
    raise InputError(
        f"expected a policy that scores given steps for ratios of two models' probabilities, got "
        f"{type(policy).__name__} ({option}): use an engine that gives token ids, or rsd(), which "
        "needs none"
    )


def check_roles(draft: Block | None, models: Models, temperature: float) -> None:
    """Refuse what a search with these blocks cannot do, before it begins.

    Raises:
        InputError: There is no draft, or ratios are asked for at temperature 0, of policies that
            cannot give them, or of policies with different tokens.
    """
    if draft is None:
        return
    if models.draft is None:
        raise InputError(
            "expected a draft policy for speculative decoding, got none: give --draft ENGINE, or "
            "draft=... with the models; without one, use stepwise(draft=None)"
        )
    if not draft.ratio:
        return
    if temperature <= 0:
        raise InputError(
            f"temperature: expected a number above 0 where ratios of probabilities are needed, got "
            f"{temperature!r}: at 0 a step has no probability"
        )
    target = likelihood_of(models.policy, "--policy").tokenizer()
    small = likelihood_of(models.draft, "--draft").tokenizer()
    if small != target:
        raise InputError(
            f"expected draft and target with the same tokens, got {small!r} (--draft) and "
            f"{target!r} (--policy): a ratio of probabilities needs one table of token ids; use "
            "models of one family, or rsd(), which needs none"
        )


async def draw(
    path: Path, n: int, models: Models, *, draft: bool, start: int, temperature: float
) -> list[Path]:
    """``n`` steps of one role, dead ones included; counted."""
    policy = models.draft if draft else models.policy
    assert policy is not None, "a draft was not checked for"
    [children] = await policy.extend([path], n, temperature=temperature, start=start)
    models.trace.count("drafted steps" if draft else "target steps", n)
    return children


async def fill(
    children: Sequence[Path],
    block: Block,
    models: Models,
    *,
    draft: bool,
    scored: bool,
    heat: float,
) -> Pool:
    """The pool of some drawn steps.

    Args:
        children: Drawn one step below the same path, dead ones included.
        block: Says how they are weighed.
        models: The roles.
        draft: Whether the draft wrote them.
        scored: Whether to ask for rewards even where there is no weight.
        heat: The temperature that they were drawn at.
    """
    first: dict[tuple[object, ...], Path] = {}
    counts: dict[tuple[object, ...], int] = {}
    for child in children:
        if not child.dead:
            key = (child.key, child.steps[-1].ids)
            first.setdefault(key, child)
            counts[key] = counts.get(key, 0) + 1
    paths = tuple(first.values())
    values, ratios = await asyncio.gather(
        _rewards(paths, models, scored or block.weight is not None),
        _log_ratios(paths, models, draft and block.ratio, heat),
        return_exceptions=True,  # both have ended before an error goes up
    )
    if isinstance(values, BaseException):
        raise values
    if isinstance(ratios, BaseException):
        raise ratios
    return Pool(
        paths=paths,
        counts=tuple(counts.values()),
        rewards=tuple(values),
        log_ratios=tuple(ratios),
        tilted=_tilted(block.weight, values, ratios),
        log_weights=_log_weights(block.weight, values, ratios),
        drawn=len(children),
        by_draft=draft,
    )


def _tilted(
    weight: Weight | None, values: Sequence[float | None], ratios: Sequence[float]
) -> tuple[float, ...]:
    """Tilted rewards; NaN where nothing was scored, so that no threshold takes them for one."""
    found = []
    for reward, ratio in zip(values, ratios, strict=True):
        if reward is None:
            found.append(nan)
        else:
            found.append(reward if weight is None else weight.tilted(reward, ratio))
    return tuple(found)


def _log_weights(
    weight: Weight | None, values: Sequence[float | None], ratios: Sequence[float]
) -> tuple[float, ...]:
    pairs = zip(values, ratios, strict=True)
    return tuple([0.0 if weight is None or r is None else weight(r, ratio) for r, ratio in pairs])


async def _rewards(paths: Sequence[Path], models: Models, asked: bool) -> list[float | None]:
    """The reward of each; steps that differ in their tokens alone are scored once."""
    if not asked or not paths:
        return [None] * len(paths)
    distinct: dict[tuple[str, ...], Path] = {}
    for path in paths:
        distinct.setdefault(path.key, path)
    [values] = await rewards([[(path, 1) for path in distinct.values()]], models)
    found = dict(zip(distinct, values, strict=True))
    return [found[path.key] for path in paths]


async def _log_ratios(
    paths: Sequence[Path], models: Models, asked: bool, temperature: float
) -> list[float]:
    """Log of target's over draft's probability of each last step, nats.

    Raises:
        EngineError: One is NaN, or says that the draft cannot have written its step.
    """
    if not asked or not paths:
        return [0.0] * len(paths)
    assert models.draft is not None, "a draft was not checked for"
    target = likelihood_of(models.policy, "--policy")
    ours = [path.steps[-1].logprob for path in paths]
    models.trace.count("steps scored by target", len(paths))
    theirs = await target.likelihood(paths, temperature=temperature)
    if any(value is None for value in ours):
        draft = likelihood_of(models.draft, "--draft")
        ours = list(await draft.likelihood(paths, temperature=temperature))
    found = [b - s for b, s in zip(theirs, ours, strict=True) if s is not None]
    for path, ratio in zip(paths, found, strict=True):
        if not ratio < inf:
            raise EngineError(
                f"expected log-probabilities of target and draft with a ratio below infinity, got "
                f"{ratio!r} at step {path.depth} of problem {path.problem.id!r}: mend the engine; "
                "no ratio is made up in its place"
            )
    return found
