"""What objectives make of labelled solutions; needs no torch."""

import pytest

from specreward.errors import InputError
from specreward.train.objectives import ORM, PRM, SRM, PairwiseORM, SRMPlus

from ..labels import children, solution


def shape(examples):
    return [([one.steps for one in e.solutions], list(e.places)) for e in examples]


def test_siblings_are_the_steps_after_one_beginning():
    data = [
        solution(0.9, 0.1, steps=("a", "b")),
        solution(None, 0.7, steps=("a", "c")),
        solution(0.2, steps=("z",)),
        solution(0.4, question="other", steps=("a",)),
    ]
    for objective in (SRM(), SRMPlus()):
        assert shape(objective.examples(data)) == [
            ([("a",), ("z",)], [(0,), (0,)]),
            ([("a", "b"), ("a", "c")], [(1,), (1,)]),
            ([("a",)], [(0,)]),
        ]
    first, second, _ = SRM().examples(data)
    assert [one.labels for one in first.solutions] == [(0.9,), (0.2,)]
    assert [one.labels for one in second.solutions] == [(None, 0.1), (None, 0.7)]


def test_equal_steps_after_equal_beginnings_have_the_mean_of_their_labels():
    data = [solution(0.0, 0.5), solution(1.0, 0.5), solution(0.5)]
    examples = SRM().examples(data)
    assert [e.solutions[0].labels for e in examples] == [(0.5,), (None, 0.5)]


def test_srm_plus_wants_pairs_that_are_far_enough_apart():
    data = children("q", (), {"a": 0.50, "b": 0.52}) + children("r", ("x",), {"a": 0.3})
    assert len(SRMPlus(margin=0.02).examples(data)) == 2
    assert len(SRMPlus(margin=0.02, scale=0).examples(data)) == 1
    with pytest.raises(InputError, match=r"0\.03 or more apart, got none among 2 beginnings"):
        SRMPlus(margin=0.03).examples(data)
    with pytest.raises(InputError, match="apart, got none"):
        SRMPlus(margin=0).examples(children("q", (), {"a": 0.5, "b": 0.5}))


def test_prm_reads_labelled_steps_and_repeats_solutions_with_a_wrong_one():
    data = [solution(1.0, None, 0.6), solution(0.9, 0.4), solution(None, None)]
    assert shape(PRM().examples(data)) == [
        ([("a", "b", "c")], [(0, 2)]),
        ([("a", "b")], [(0, 1)]),
    ]
    assert [len(e.solutions[0].steps) for e in PRM(upsample=3).examples(data)] == [3, 2, 2, 2]


def test_orm_reads_the_last_step_of_those_with_an_outcome():
    data = [solution(None, None, outcome=1.0), solution(0.5, 0.5), solution(0.2, outcome=0.25)]
    assert shape(ORM().examples(data)) == [([("a", "b")], [(1,)]), ([("a",)], [(0,)])]


def test_pairs_of_solutions_are_of_one_problem_and_differ_in_outcome():
    good, better = solution(None, outcome=0.5), solution(None, None, outcome=1.0)
    bad = solution(None, steps=("z",), outcome=0.0)
    elsewhere = solution(None, question="other", outcome=0.0)
    data = [good, bad, better, elsewhere, bad, solution(None, steps=("y",))]
    assert shape(PairwiseORM().examples(data)) == [
        ([("a",), ("z",)], [(0,), (0,)]),
        ([("a", "b"), ("a",)], [(1,), (0,)]),
        ([("a", "b"), ("z",)], [(1,), (0,)]),
    ]


def test_the_pairs_of_a_problem_are_bounded_and_always_the_same():
    data = [solution(None, steps=(str(i),), outcome=float(i < 6)) for i in range(12)]
    some = PairwiseORM(most=5).examples(data)
    assert len(PairwiseORM(most=100).examples(data)) == 36
    assert len(some) == 5
    assert some == PairwiseORM(most=5).examples(data)
    firsts = {e.solutions[0].steps for e in some}
    assert len(firsts) > 1  # not the first ones of the list


@pytest.mark.parametrize("objective", [SRM(), SRMPlus(), PRM(), ORM(), PairwiseORM()])
def test_data_that_cannot_serve_are_refused(objective):
    with pytest.raises(InputError, match=r"expected .*, got none"):
        objective.examples([solution(None, None)])


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (SRM, {"pairs": -1}),
        (SRMPlus, {"margin": 1.5}),
        (SRMPlus, {"scale": -0.1}),
        (PRM, {"upsample": 0}),
        (PairwiseORM, {"margin": -1}),
        (PairwiseORM, {"center": -1}),
        (PairwiseORM, {"most": 0}),
    ],
)
def test_settings_out_of_range(kind, settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        kind(**settings)
