"""A small reward model scores all; a large one is asked only where the small one is unsure.

    s = small(path)                          for all paths of the call
    score = s                                where unsure(s) is false: accepted
            large(path)                      else: asked, all of them in one call

Both are asked about the same thing: their scores should be probabilities of the same event, as
those of calibrated models are. Scores that hold within one call, such as those of judges that
compare, do not mix with others.

    error_low(t)  = share of good ones among those with s < t, t at most 1/2
    error_high(t) = share of bad ones among those with s > t, t at least 1/2
    calibrate: the largest low and the smallest high whose errors are surely below the target

What happened is counted in the ledger and comes back with each result: ``cascade_report``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, final

from specreward.checks import number, rule
from specreward.engines import LanguageModel, Usage
from specreward.errors import InputError, RewardError
from specreward.reward.composed import Composed, Scorer, Wiring, names_of
from specreward.seeds import uniform
from specreward.stats import wilson
from specreward.types import Path, Result, RewardModel

__all__ = [
    "Between",
    "Cascade",
    "CascadeReport",
    "Unsure",
    "calibrate",
    "cascade_report",
]

ROLE, PHASE = "judge", "escalate"
"""Under which the calls of the large model are counted."""


class Unsure(Protocol):
    """Says where the small model is not to be believed."""

    def __call__(self, score: float) -> bool:
        """Whether the large model is asked, given the small one's score."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class Between:
    """Unsure in the middle: at ``low``, at ``high``, and between them.

    Args:
        low: Scores below it are believed: bad. In [0, 1]; 0 believes none of them.
        high: Scores above it are believed: good. In [low, 1]; 1 believes none of them.
    """

    low: float = field(default=0.2, kw_only=False)
    high: float = field(default=0.8, kw_only=False)

    def __post_init__(self) -> None:
        number("between low", self.low, 0, 1)
        number("between high", self.high, self.low, 1)

    def __call__(self, score: float) -> bool:
        """Whether it is in the middle."""
        return self.low <= score <= self.high


VERBS = {"grade", "score", "values", "wired"}
"""What one of the four kinds of reward models can do."""


@final
@dataclass(frozen=True, kw_only=True)
class Cascade:
    """Scores of the small model where it is sure, of the large one elsewhere, in [0, 1].

    The small model's calls are under role ``reward``, the large one's under role ``judge``, phase
    ``escalate``, whatever it is made of.

    Args:
        small: Scores all paths.
        large: Asked where ``unsure`` says so.
        unsure: By the small model's score; ``calibrate`` finds thresholds for a target error.
        audit: Share of the accepted paths about which the large model is asked all the same, to
            see how often it agrees, in [0, 1]. Their score remains the small model's.
    """

    small: Scorer = field(kw_only=False)
    large: Scorer = field(kw_only=False)
    unsure: Unsure = Between()
    audit: float = 0.0

    def __post_init__(self) -> None:
        for name, model in (("small", self.small), ("large", self.large)):
            # Asked of the class: a property of the object may load its weights.
            if not VERBS & set(dir(type(model))):
                raise InputError(f"cascade {name}: expected a reward model, got {model!r}")
        rule("cascade unsure", self.unsure, "between(0.2, 0.8)")
        number("cascade audit", self.audit, 0, 1)

    @property
    def names(self) -> list[str]:
        """Those of both."""
        return [*names_of(self.small), *names_of(self.large)]

    def wired(self, wiring: Wiring) -> RewardModel:
        """The reward model."""
        return _Wired(
            small=wiring.reward(self.small),
            large=_Escalated(wiring=wiring).reward(self.large),
            unsure=self.unsure,
            audit=self.audit,
            count=wiring.count,
        )


@final
@dataclass(frozen=True, kw_only=True)
class _Escalated:
    """A wiring that puts every call under the large model's role and phase."""

    wiring: Wiring

    def language_model(
        self, lm: LanguageModel, *, role: str = ROLE, phase: str = PHASE
    ) -> LanguageModel:
        """As ``Wiring``, whatever role and phase are asked for."""
        return self.wiring.language_model(lm, role=ROLE, phase=PHASE)

    def reward(self, scorer: Scorer, *, role: str = ROLE, phase: str = PHASE) -> RewardModel:
        """As ``Wiring``, whatever role and phase are asked for."""
        if isinstance(scorer, Composed):
            return scorer.wired(self)
        return self.wiring.reward(scorer, role=ROLE, phase=PHASE)

    def count(self, name: str, times: int) -> None:
        """As ``Wiring``."""
        self.wiring.count(name, times)


@final
@dataclass(frozen=True, kw_only=True)
class _Wired:
    """The cascade with its models wired."""

    small: RewardModel
    large: RewardModel
    unsure: Unsure
    audit: float
    count: Callable[[str, int], None] = field(repr=False)

    async def score(self, paths: Sequence[Path]) -> list[float]:
        """One score for each path, ``[P]``, in [0, 1], higher is better.

        Raises:
            RewardError: A score of either model is missing, NaN or outside [0, 1].
        """
        different = list(dict.fromkeys(paths))
        first = await _scores(self.small, different, "small")
        asked = [path for path in different if self.unsure(first[path])]
        audited = [
            path
            for path in different
            if not self.unsure(first[path]) and uniform(0, "audit", *path.key) < self.audit
        ]
        self.count("cascade.scored", len(different))
        self.count("cascade.escalated", len(asked))
        self.count("cascade.audited", len(audited))
        second = await _scores(self.large, [*asked, *audited], "large")
        self.count("cascade.agreed", sum([_agree(first[one], second[one]) for one in asked]))
        self.count("cascade.confirmed", sum([_agree(first[one], second[one]) for one in audited]))
        known = first | {path: second[path] for path in asked}
        return [known[path] for path in paths]


async def _scores(model: RewardModel, paths: Sequence[Path], which: str) -> dict[Path, float]:
    values = await model.score(paths) if paths else []
    if len(values) != len(paths):
        raise RewardError(
            f"cascade: expected {len(paths)} scores of the {which} model, got {len(values)}: "
            "score(paths) must give one number for each path"
        )
    for path, value in zip(paths, values, strict=True):
        if not 0.0 <= value <= 1.0:
            raise RewardError(
                f"cascade: expected scores in [0, 1] of the {which} model, got {value!r} at step "
                f"{path.depth} of problem {path.problem.id!r}: mend that model; no score is made "
                "up in its place"
            )
    return dict(zip(paths, values, strict=True))


def _agree(one: float, other: float) -> bool:
    """Whether two scores are on the same side of 1/2."""
    return (one >= 0.5) == (other >= 0.5)


# ---------------------------------------------------------------------------------- report


@final
@dataclass(frozen=True, kw_only=True)
class CascadeReport:
    """What a cascade did in some searches, all together; one within another is counted with it.

    Args:
        scored: Paths that the small model scored.
        escalated: Of these, paths about which the large model was asked.
        agreed: Of these, those where both were on the same side of 1/2.
        audited: Accepted paths about which the large model was asked all the same.
        confirmed: Of these, those where both were on the same side of 1/2.
        large: What the large model's calls cost.
    """

    scored: int
    escalated: int
    agreed: int
    audited: int
    confirmed: int
    large: Usage

    @property
    def acceptance(self) -> float | None:
        """Share of paths where the small model's score stood; None if there were none."""
        return _ratio(self.scored - self.escalated, self.scored)

    @property
    def agreement(self) -> float | None:
        """Share of agreement among escalated paths; None if there were none.

        These are the hard ones: where the small model is believed is what ``confirmation`` tells.
        """
        return _ratio(self.agreed, self.escalated)

    @property
    def confirmation(self) -> float | None:
        """Share of agreement among audited paths; None if there were none."""
        return _ratio(self.confirmed, self.audited)

    @property
    def saved(self) -> Usage:
        """What the large model would have cost for the rest, had it been asked about all.

        By its mean cost for each path that it was asked about; nothing where it was asked none.
        """
        asked = self.escalated + self.audited
        factor = (self.scored - asked) / asked if asked else 0.0
        own = self.large
        return Usage(
            calls=round(own.calls * factor),
            prompt_tokens=round(own.prompt_tokens * factor),
            cached_tokens=round(own.cached_tokens * factor),
            completion_tokens=round(own.completion_tokens * factor),
            seconds=own.seconds * factor,
            flops=own.flops * factor,
            dollars=own.dollars * factor,
        )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def cascade_report(results: Iterable[Result]) -> CascadeReport:
    """What the cascade did in these searches; one search is a list of one."""
    counts: dict[str, int] = {}
    large = Usage()
    for result in results:
        for name, times in result.counts.items():
            counts[name] = counts.get(name, 0) + times
        large += result.usage.get((ROLE, PHASE), Usage())
    return CascadeReport(
        scored=counts.get("cascade.scored", 0),
        escalated=counts.get("cascade.escalated", 0),
        agreed=counts.get("cascade.agreed", 0),
        audited=counts.get("cascade.audited", 0),
        confirmed=counts.get("cascade.confirmed", 0),
        large=large,
    )


# ---------------------------------------------------------------------------------- calibration


def calibrate(
    scores: Sequence[float], truths: Sequence[float], *, error: float, confidence: float = 0.95
) -> Between:
    """The narrowest thresholds between which the large model must be asked.

    The small model calls a path good from 1/2 on. On each side its calls are believed as far from
    1/2 as it takes for the upper end of Wilson's interval of their error to be at most ``error``.
    Where that holds nowhere, a side believes nothing: it takes some 4 / ``error`` tuning paths.

    Args:
        scores: Of the small model, on tuning paths that no reported problem shares, ``[N]``.
        truths: Of the same paths, ``[N]``: 1 or 0, or the large model's scores; good from 1/2 on.
        error: Largest share of wrong calls among those believed, on each side, in (0, 1).
        confidence: Of the interval, in (0, 1). It holds for one threshold, not for the best of
            many: on few paths the real error can be somewhat larger.

    Raises:
        InputError: The lengths differ, there are no paths, or a number is out of its range.
    """
    if len(scores) != len(truths) or not scores:
        raise InputError(
            f"calibrate: expected as many truths as scores, at least one, got {len(truths)} and "
            f"{len(scores)}"
        )
    for value in (*scores, *truths):
        number("calibrate scores and truths", value, 0, 1)
    if not 0 < error < 1:
        raise InputError(f"calibrate error: expected a number in (0, 1), got {error!r}")
    rows = [(score, truth >= 0.5) for score, truth in zip(scores, truths, strict=True)]
    bad = sorted([(score, good) for score, good in rows if score < 0.5])
    good = sorted([(score, not good) for score, good in rows if score > 0.5], reverse=True)
    return Between(
        _border(bad, 0.0, error, confidence),
        _border(good, 1.0, error, confidence),
    )


def _border(
    rows: Sequence[tuple[float, bool]], end: float, error: float, confidence: float
) -> float:
    """The score nearest to 1/2 up to which, from ``end`` on, few enough of the rows are wrong.

    Args:
        rows: Scores of one side with whether the small model is wrong, from the end inward.
        end: The border that believes nothing.
        error: As in ``calibrate``.
        confidence: As in ``calibrate``.
    """
    border, mistakes = end, 0
    for n, (score, mistaken) in enumerate(rows, 1):
        mistakes += mistaken
        following = rows[n][0] if n < len(rows) else 0.5
        if following != score and wilson(mistakes, n, confidence=confidence).high <= error:
            border = following
    return border
