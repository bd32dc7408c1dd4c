"""Why a verifier kept or pruned a step, in words.

A judgement says whether a child was kept and leaves its evidence in ``details``. The rule that made
the decision is an object of the strategy; with it the words are exact, without it (a strategy of
another package, a label in a run file) they say what the evidence alone can tell.

    speculative   chance of the draw, the bound on SR, the sibling selected, the floor, the last one
    threshold     the lowest score that survives
    self_evaluation    the lowest value that survives
    gsi, rsd, ...      who wrote the step, and the chance that it was taken
    anything else      the score
"""

from __future__ import annotations

from collections.abc import Callable

from specreward.errors import SpecRewardError
from specreward.spec import parse
from specreward.types import Judgement
from specreward.verify.accept import AtLeast, Everything
from specreward.verify.select_one import SelectOne
from specreward.verify.self_evaluation import SelfEvaluation
from specreward.verify.speculative import Speculative
from specreward.verify.threshold import Threshold
from specreward.verify.tilted import Tilted

__all__ = ["Reason", "reason_of", "rule_of"]

Reason = Callable[[Judgement], str]
"""Says why one judgement came out as it did."""

EVIDENCE = frozenset({"accept", "sr", "reward"})
"""What a speculative rule leaves behind."""

WRITTEN = frozenset({"reward", "draft"})
"""What a search with a draft leaves behind."""


def rule_of(strategy: object | str) -> object | None:
    """The verifier of a strategy, or of the text of one; None where it has none or cannot be read.

    Args:
        strategy: The object, or its text as in a run file, where `` on `` and a domain may follow.
    """
    if isinstance(strategy, str):
        try:
            strategy = parse(strategy.partition(" on ")[0], "strategy")
        except SpecRewardError:
            return None
    try:
        return vars(strategy).get("verify")
    except TypeError:
        return None


def reason_of(rule: object | None) -> Reason:
    """What explains the judgements of a rule.

    Args:
        rule: A verifier; None or an unknown one is explained by the evidence alone.
    """
    match rule:
        case Speculative():
            return lambda item: _speculative(item, rule)
        case Threshold():
            return lambda item: _threshold(item, rule)
        case SelfEvaluation():
            return lambda item: _self_evaluation(item, rule)
    return _evidence


def _evidence(item: Judgement) -> str:
    """In words, without knowing the rule."""
    if set(item.details) >= EVIDENCE:
        return _chance(item, f"SR {item.details['sr']:.3g}")
    if set(item.details) >= WRITTEN:
        return _written(item)
    if not item.kept and not item.details and not item.path.finished:
        return "ended without an answer"
    return "" if item.kept else f"score {item.score:.3g} was too low for the verifier"


def _written(item: Judgement) -> str:
    """Who wrote a step, what the gate may have read, and whether it was taken."""
    found = item.details
    writer = "of the draft" if found["draft"] else "of the target"
    if "chance" not in found:
        return f"{writer}: stands whatever its reward"
    if "tilted" in found:
        writer += f", tilted reward {found['tilted']:.3g}"
    return f"{writer}: {'taken' if item.kept else 'not taken'} at a chance of {found['chance']:.0%}"


def _speculative(item: Judgement, rule: Speculative) -> str:
    found = item.details
    if not set(found) >= EVIDENCE:
        return _evidence(item)
    sr, reward = f"SR {found['sr']:.3g}", f"reward {found['reward']:.3g}"
    if found["reward"] < rule.floor:
        floor = f"{reward} is below the floor of {rule.floor:.3g}"
        return f"kept as the best one, though {floor}" if item.kept else floor
    match rule.accept:
        case Everything():
            return "the rule keeps all"
        case AtLeast(threshold=least) if found["sr"] >= least:
            return f"{sr} reaches {least:.3g}"
        case AtLeast(threshold=least) if not item.kept:
            return f"{sr} is below {least:.3g}"
        case SelectOne():
            chance = f"had a chance of {found['accept']:.0%}"
            return f"selected; {chance}" if item.kept else f"a sibling was selected; {chance}"
        case Tilted():
            return _chance(item, reward)
    return _chance(item, sr)


def _chance(item: Judgement, lead: str) -> str:
    """For rules that keep each child by a chance of its own."""
    chance = item.details["accept"]
    if item.kept and chance <= 0:
        return "kept as the best one, as none passed"
    if chance >= 1:
        return f"{lead}: sure to be accepted" if item.kept else f"{lead}: accepted, pruned later"
    return f"{lead}: {'drawn' if item.kept else 'not drawn'} at a chance of {chance:.0%}"


def _threshold(item: Judgement, rule: Threshold) -> str:
    if item.score >= rule.minimum:
        score = f"score {item.score:.3g} reaches {rule.minimum:.3g}"
        return score if item.kept else reason_of(rule.of)(item)
    if item.kept:
        return f"score below {rule.minimum:.3g}, kept as one of the best {rule.keep}"
    return f"score {item.score:.3g} is below {rule.minimum:.3g}"


def _self_evaluation(item: Judgement, rule: SelfEvaluation) -> str:
    if item.kept:
        return ""
    return f"value {item.score:.3g} is below {rule.minimum:.3g}"
