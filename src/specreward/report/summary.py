"""The numbers of a comparison as one JSON object; ``docs/cli.md`` has its schema."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from specreward.report.rows import Ratios, Row
from specreward.report.three_e import Criteria
from specreward.stats import Interval
from specreward.types import Usage

__all__ = ["summary", "usage_by_role"]


def summary(
    task: str,
    seed: int,
    found: Sequence[Row],
    criteria: Sequence[Criteria] = (),
    *,
    about: Mapping[str, object],
) -> dict[str, object]:
    """Task, seed and one object per strategy, in order.

    Args:
        task: As text.
        seed: Of the run.
        found: One per strategy.
        criteria: The 3E criteria, where they were asked for.
        about: Further settings of the run; may not overwrite the keys above.
    """
    out: dict[str, object] = {"task": task, "seed": seed}
    out |= {key: value for key, value in about.items() if key not in out}
    out["strategies"] = [_row(row) for row in found]
    if criteria:
        out["three_e"] = [_criteria(item) for item in criteria]
    return out


def _row(row: Row) -> dict[str, object]:
    everything, llm, reward = row.all, row.llm, row.reward
    return {
        "spec": row.spec,
        "n": row.n,
        "accuracy": row.accuracy.estimate,
        "accuracy_interval": _bounds(row.accuracy),
        "usage": usage_by_role(row.usage),
        "acceptance": row.acceptance,
        "ratio_to_first": _ratios(row.ratios),
        "per_problem": {
            "llm_tokens": llm.tokens / row.n,
            "llm_tokens_by_phase": row.phases(),
            "reward_tokens": reward.tokens / row.n,
            "flops": everything.flops / row.n,
            "seconds": everything.seconds / row.n,
            "dollars": everything.dollars / row.n,
        },
        "ended": dict(row.ended),
        "counts": dict(row.counts),
    }


def usage_by_role(
    usage: Mapping[tuple[str, str], Usage],
) -> dict[str, dict[str, dict[str, float]]]:
    """What was spent, ``{role: {phase: {what: how much}}}``."""
    out: dict[str, dict[str, dict[str, float]]] = {}
    for (role, phase), spent in usage.items():
        out.setdefault(role, {})[phase] = {
            "calls": spent.calls,
            "prompt_tokens": spent.prompt_tokens,
            "cached_tokens": spent.cached_tokens,
            "completion_tokens": spent.completion_tokens,
            "seconds": spent.seconds,
            "flops": spent.flops,
            "dollars": spent.dollars,
            "failed": spent.failed,
        }
    return out


def _ratios(ratios: Ratios) -> dict[str, object]:
    difference = ratios.accuracy
    return {
        "tokens": _estimate(ratios.tokens),
        "tokens_interval": _bounds(ratios.tokens),
        "flops": _estimate(ratios.flops),
        "flops_interval": _bounds(ratios.flops),
        "accuracy_difference": {
            "estimate": difference.estimate,
            "low": difference.low,
            "high": difference.high,
        },
        "mcnemar": {
            "only_first": ratios.test.only_first,
            "only_this": ratios.test.only_second,
            "p_value": ratios.test.p_value,
        },
    }


def _criteria(item: Criteria) -> dict[str, object]:
    extended = item.extensibility
    return {
        "spec": item.spec,
        "effectiveness": {"accuracy": item.accuracy, "gain": item.gain},
        "efficiency": {
            "llm_tokens": item.llm_tokens,
            "reward_tokens": item.reward_tokens,
            "computed_tokens": item.computed_tokens,
            "flops": item.flops,
            "seconds": item.seconds,
            "dollars": item.dollars,
            "relative_cost": item.relative_cost,
            "marginal_gain": item.marginal_gain,
            "pareto": item.pareto,
        },
        "extensibility": None
        if extended is None
        else {
            "domain": extended.domain,
            "n": extended.n,
            "accuracy": extended.accuracy,
            "difference": extended.difference,
            "gain": extended.gain,
            "tuned": extended.tuned,
            "tuning": extended.tuning,
        },
    }


def _estimate(interval: Interval | None) -> float | None:
    return None if interval is None else interval.estimate


def _bounds(interval: Interval | None) -> list[float | None] | None:
    """The two bounds; an infinite one, which JSON has no word for, is null."""
    if interval is None:
        return None
    return [x if math.isfinite(x) else None for x in (interval.low, interval.high)]
