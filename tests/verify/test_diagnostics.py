from math import log

import pytest

from specreward.types import Judgement, Step, Trace
from specreward.verify import RewardScores, Speculative, by_depth

from .toys import ROOT, ToyRewards, children, one, roles

DEEPER = ROOT.then(Step("s"))


def judged(parent, p, q, kept):
    return tuple(
        Judgement(parent.then(Step("abcd"[i])), 0.5, kept[i], 1, {"p": p[i], "q": q[i]})
        for i in range(len(p))
    )


def test_counts_and_divergence_per_depth():
    trace = Trace()
    trace.record(DEEPER, judged(DEEPER, (0.5, 0.5), (0.5, 0.5), (True, True)))
    trace.record(ROOT, judged(ROOT, (0.5, 0.3, 0.2), (0.2, 0.3, 0.5), (False, True, True)))
    trace.record(DEEPER, judged(DEEPER, (0.9, 0.1), (0.1, 0.9), (False, True)))
    trace.record(DEEPER, judged(DEEPER, (1.0,), (1.0,), (True,)))
    trace.record(DEEPER, ())
    top, deep = by_depth(trace.expansions)
    assert (top.depth, top.nodes, top.candidates, top.kept, top.choices) == (0, 1, 3, 2, 1)
    assert top.acceptance == pytest.approx(2 / 3)
    assert top.mean_kept == 2
    assert top.beta == pytest.approx(0.7)
    assert top.kl == pytest.approx(0.2 * log(0.4) + 0.5 * log(2.5))
    assert (deep.depth, deep.nodes, deep.candidates, deep.kept, deep.choices) == (1, 4, 5, 4, 2)
    assert deep.acceptance == pytest.approx(0.8)
    assert deep.mean_kept == 1.5
    assert deep.beta == pytest.approx((1.0 + 0.2) / 2)
    assert deep.kl == pytest.approx(0.8 * log(9) / 2)


def test_laws_that_are_not_normalized_are_normalized_first():
    (row,) = by_depth([(ROOT, judged(ROOT, (0.1, 0.1), (0.6, 0.2), (True, True)))])
    assert row.beta == pytest.approx(0.75)


def test_divergence_is_finite_where_the_policy_gives_nothing():
    (row,) = by_depth([(ROOT, judged(ROOT, (1.0, 0.0), (0.0, 1.0), (False, True)))])
    assert (row.beta, row.kl) == (0.0, 20.0)


def test_verifiers_without_laws_have_no_divergence():
    models = roles(reward=ToyRewards({"a": 0.1, "b": 0.2}))
    (row,) = by_depth([(ROOT, one(RewardScores(), models, children("ab")))])
    assert (row.beta, row.kl, row.mean_kept, row.degenerate) == (None, None, 2, False)


def test_without_expansions_there_is_nothing_and_without_children_no_rate_is_lost():
    assert by_depth([]) == []
    (row,) = by_depth([(ROOT, ())])
    assert (row.acceptance, row.mean_kept, row.degenerate) == (1.0, None, False)


def run(logprobs, rewards):
    """The report of twenty speculative choices."""
    models = roles(reward=ToyRewards(dict(zip("abcd", rewards, strict=True))))
    trace = Trace()
    for i in range(20):
        parent = ROOT.then(Step(str(i)))
        trace.record(parent, one(Speculative(), models, children("abcd", logprobs, parent=parent)))
    (row,) = by_depth(trace.expansions)
    return row


def test_disjoint_laws_degenerate_to_one_child_and_the_report_says_so():
    row = run([-0.01, -9.0, -9.0, -9.0], [0.001, 0.999, 0.001, 0.001])
    assert row.beta < 0.01
    assert row.mean_kept == pytest.approx(1.0, abs=0.1)
    assert row.degenerate


def test_laws_that_agree_do_not():
    row = run([-1.0, -1.1, -0.9, -1.0], [0.5, 0.6, 0.5, 0.4])
    assert row.beta > 0.8
    assert row.mean_kept > 2
    assert not row.degenerate


@pytest.mark.parametrize(
    ("p", "q", "kept", "degenerate"),
    [
        ((0.98, 0.01, 0.01), (0.0, 0.5, 0.5), (False, True, False), True),
        ((0.98, 0.01, 0.01), (0.0, 0.5, 0.5), (False, True, True), False),
        ((0.98, 0.01, 0.01), (0.9, 0.1, 0.0), (True, False, False), False),
    ],
)
def test_degeneration_is_disagreement_with_one_survivor(p, q, kept, degenerate):
    (row,) = by_depth([(ROOT, judged(ROOT, p, q, kept))])
    assert row.degenerate is degenerate
