"""Accuracy for every n, from one run with N paths for each problem.

    for each problem of the run: N drawn, the finished ones with answer, score and check
    for n = 1, 2, 4, ..., N and each rule: mean over problems of the expectation over subsets of n

The rules are ``pass`` (one is right: the best that any choice could do), ``vote`` (the plain
majority), and picks over scores. ``subsets.py`` has the expectations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from specreward.errors import InputError
from specreward.report.chart import COLORS, Series, lines
from specreward.report.rows import total
from specreward.report.subsets import highest_at, pass_at, sizes, vote_at
from specreward.search import (
    BestOfN,
    Highest,
    Never,
    SelfConsistency,
    SoftmaxVote,
    WeightedVote,
)
from specreward.search.votes import votes
from specreward.spec import name_of, parse
from specreward.stats import Interval, mean
from specreward.types import Result, Task

__all__ = ["Curve", "Dot", "curve", "figure", "line", "paths_of", "rules_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The paths of one problem.

    Args:
        drawn: All paths, finished or not.
        answers: Of the finished ones that were kept, ``[F]``, canonical.
        scores: Of them, ``[F]``.
        right: Which of them are right, ``[F]``.
        seed: Of the random subsets: the same places for all problems.
    """

    drawn: int
    answers: Sequence[str]
    scores: Sequence[float]
    right: Sequence[bool]
    seed: int


Rule = Callable[[Sampled, int], float]
"""The chance of a right answer with n of the paths of one problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One point of a curve.

    Args:
        n: Paths for each problem.
        tokens: Of the policy, mean over problems.
        accuracy: Mean over problems with its 95 % bootstrap interval over problems.
    """

    n: int
    tokens: float
    accuracy: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What a rule reaches with 1, 2, 4, ... paths.

    Args:
        spec: The strategy of the run.
        rule: ``pass``, ``vote`` or the text of a pick.
        problems: How many.
        dots: In order of n.
    """

    spec: str
    rule: str
    problems: int
    dots: Sequence[Dot]


def paths_of(spec: str) -> int | None:
    """The paths that a strategy draws for each problem; None where it is none that draws so many.

    Raises:
        InputError: It may stop before, so that how many there are depends on what they say.
    """
    strategy = parse(spec, "strategy")
    if not isinstance(strategy, (BestOfN, SelfConsistency)):
        return None
    if not isinstance(strategy.stop, Never):
        raise InputError(
            f"{spec}: expected a run that draws all its paths, got one that may stop before: its "
            "paths are no fair sample; run it without stop="
        )
    return strategy.n


def rules_of(spec: str, picks: Sequence[str]) -> dict[str, Rule]:
    """The rules by name, in order.

    Args:
        spec: A strategy that ``paths_of`` knows.
        picks: ``pass``, ``vote`` and texts of picks; empty for all that go without a setting.

    Raises:
        InputError: A text is none of these, or needs scores that the strategy does not give.
    """
    judged = isinstance(parse(spec, "strategy"), BestOfN)
    usual = ["pass", "highest()", "vote", "weighted_vote()"] if judged else ["pass", "vote"]
    rules: dict[str, Rule] = {}
    for text in picks or usual:
        if text in ("pass", "vote"):
            rules[text] = _passes if text == "pass" else _votes
            continue
        pick = parse(text, "pick")
        if not judged:
            raise InputError(
                f"--pick {text}: expected pass or vote for {spec}, whose paths have no scores; "
                "choose a run of best_of_n with --strategy for the others"
            )
        rules[name_of(pick)] = _rule(text, pick)
    return rules


def _passes(one: Sampled, n: int) -> float:
    return pass_at(sum(one.right), one.drawn, n)


def _votes(one: Sampled, n: int) -> float:
    return _elects(one, n, [1.0] * len(one.answers))


def _elects(one: Sampled, n: int, weights: Sequence[float]) -> float:
    return vote_at(one.answers, weights, one.right, drawn=one.drawn, n=n, seed=one.seed)


def _weighs(one: Sampled, n: int) -> float:
    if min(one.scores, default=0.0) < 0:
        raise InputError(
            f"weighted_vote: expected scores of at least 0, got {min(one.scores):.3g}: choose "
            "other rules with --pick, such as softmax_vote(0.5)"
        )
    return _elects(one, n, one.scores)


def _rule(text: str, pick: object) -> Rule:
    match pick:
        case Highest():
            return lambda one, n: highest_at(one.scores, one.right, one.drawn, n)
        case WeightedVote():
            return _weighs
        case SoftmaxVote():
            return lambda one, n: _elects(one, n, pick.weights(one.scores))
        case _:
            raise InputError(
                f"--pick {text}: expected pass, vote, highest, weighted_vote or softmax_vote(...): "
                "other rules read the tree of a search, which a subset of paths has not"
            )


def curve(
    spec: str, results: Sequence[Result], task: Task, rules: Mapping[str, Rule], seed: int
) -> list[Curve]:
    """One curve for each rule.

    Args:
        spec: The strategy, one that ``paths_of`` knows.
        results: One for each problem, at least one. A problem that failed or ran out of budget
            counts as not solved with any n.
        task: Reads and checks the answers.
        rules: From ``rules_of``.
        seed: Of random subsets and of the bootstrap.
    """
    drawn = paths_of(spec)
    assert drawn is not None, spec
    sampled = [_sampled(result, task, drawn, seed) for result in results]
    spent = [total(result.usage, ("policy",)).tokens for result in results]
    tokens = sum(spent) / len(spent) / drawn
    return [
        Curve(
            spec=spec,
            rule=name,
            problems=len(results),
            dots=[
                Dot(
                    n=n,
                    tokens=tokens * n,
                    accuracy=mean([rule(one, n) for one in sampled], seed=seed),
                )
                for n in sizes(drawn)
            ],
        )
        for name, rule in rules.items()
    ]


def _sampled(result: Result, task: Task, drawn: int, seed: int) -> Sampled:
    found = result.candidates if result.ended == "done" else ()
    answers = votes([candidate.path for candidate in found], task)
    worth = {answer: task.check(result.problem, answer) for answer in dict.fromkeys(answers)}
    return Sampled(
        drawn=drawn,
        answers=answers,
        scores=[candidate.score for candidate in found],
        right=[worth[answer] for answer in answers],
        seed=seed,
    )


# ---------------------------------------------------------------------------------- files


def line(one: Curve, dot: Dot) -> dict[str, object]:
    """The record of one point, ready for JSON."""
    return {
        "strategy": one.spec,
        "rule": one.rule,
        "n": dot.n,
        "accuracy": dot.accuracy.estimate,
        "low": dot.accuracy.low,
        "high": dot.accuracy.high,
        "tokens": dot.tokens,
        "problems": one.problems,
    }


def figure(title: str, found: Sequence[Curve]) -> str:
    """A page with a drawing for each strategy, as one file that needs no network."""
    style = files("specreward.report").joinpath("page.css").read_text("utf-8")
    specs = list(dict.fromkeys([one.spec for one in found]))
    cards = [_card(spec, [one for one in found if one.spec == spec]) for spec in specs]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{escape(title)}</h1><p class='lead'>Accuracy with n of the paths of one run, the "
        "mean over all choices of n paths. Bars: 95 % intervals over problems.</p>"
        f'<div class="charts">{"".join(cards)}</div></main></body></html>\n'
    )


def _card(spec: str, curves: Sequence[Curve]) -> str:
    series = [
        Series(name=one.rule, points=[(float(dot.n), dot.accuracy) for dot in one.dots])
        for one in curves
    ]
    names = "".join(
        [
            f'<span class="named"><span class="tag c{i % COLORS}">{i + 1}</span>'
            f"<code>{escape(one.rule)}</code></span>"
            for i, one in enumerate(curves)
        ]
    )
    return (
        f'<div class="card"><h3><code>{escape(spec)}</code></h3>'
        f"{lines(series, 'paths for each problem')}{names}</div>"
    )
