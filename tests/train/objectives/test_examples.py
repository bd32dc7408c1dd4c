"""What objectives make of labelled solutions; needs no torch."""

import json
from dataclasses import replace

import pytest

from specreward.errors import InputError
from specreward.label.formats import PreferenceFormat
from specreward.label.labelled import dump_labelled, load_labelled
from specreward.label.pairs import margin_of
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


def test_what_solutions_share_counts_once_in_the_first_with_the_mean_of_the_labels():
    """As rows of rollouts are: every prefix labelled in every row."""
    data = [
        solution(0.75, 0.5, 1.0, steps=("a", "b", "c")),
        solution(0.25, 0.5, 0.0, steps=("a", "b", "d")),
        solution(0.5, 0.5, steps=("a", "b")),
        solution(0.9, question="other", steps=("a",)),
    ]
    assert shape(PRM().examples(data)) == [
        ([("a", "b", "c")], [(0, 1, 2)]),
        ([("a", "b", "d")], [(2,)]),
        ([("a",)], [(0,)]),
    ]
    assert [e.solutions[0].labels for e in PRM().examples(data)] == [
        (0.5, 0.5, 1.0),
        (None, None, 0.0),
        (0.9,),
    ]
    _, second, third, _ = SRM().examples(data)
    assert [one.labels for one in second.solutions] == [(None, 0.5)]
    assert [one.labels[-1] for one in third.solutions] == [1.0, 0.0]
    assert len(PRM(upsample=2).examples(data)) == 4  # the second has a wrong step of its own


def test_the_default_margin_of_srm_plus():
    apart = children("q", (), {"a": 0.5, "b": 0.7}) + children("r", (), {"a": 0.5, "b": 0.69})
    assert len(SRMPlus(scale=0).examples(apart)) == 1


def test_srm_plus_wants_pairs_that_are_far_enough_apart():
    data = children("q", (), {"a": 0.50, "b": 0.52}) + children("r", ("x",), {"a": 0.3})
    assert len(SRMPlus(margin=0.02).examples(data)) == 2
    assert len(SRMPlus(margin=0.02, scale=0).examples(data)) == 1
    with pytest.raises(InputError, match=r"0\.03 or more apart, got none among 2 beginnings"):
        SRMPlus(margin=0.03).examples(data)
    with pytest.raises(InputError, match="apart, got none"):
        SRMPlus(margin=0).examples(children("q", (), {"a": 0.5, "b": 0.5}))


def test_prm_reads_labelled_steps_and_repeats_solutions_with_a_wrong_one():
    data = [solution(1.0, None, 0.6), solution(0.9, 0.4, question="r"), solution(None, None)]
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


def test_pairs_of_a_file_are_learned_as_they_stand_with_their_margins():
    form = PreferenceFormat()
    rows = [("q", "a", "b", 2.0), ("q", "b", "c", None), ("r", "d", "e", 0.5)]
    data = [
        one
        for line, (prompt, chosen, rejected, margin) in enumerate(rows)
        for one in form.read(
            {"prompt": prompt, "chosen": chosen, "rejected": rejected, "margin": margin},
            f"pairs.jsonl:{line}",
        )
    ]
    last = ([(0,), (0,)],)
    assert shape(PairwiseORM(most=1).examples(data)) == [
        ([("a",), ("b",)], *last),
        ([("b",), ("c",)], *last),
        ([("d",), ("e",)], *last),
    ]
    kept = [load_labelled(json.loads(dump_labelled(one))) for one in data]  # through a file
    assert PairwiseORM().examples(kept) == PairwiseORM().examples(data)
    assert [margin_of(one) for one in kept] == [2.0, 2.0, 0.0, 0.0, 0.5, 0.5]
    assert len(PairwiseORM().examples(data[:3])) == 1  # half a pair is none
    with pytest.raises(InputError, match=r"orm: .*outcome, got none"):
        ORM().examples(data)  # what is preferred need not be right
    bad = replace(data[0], source={**data[0].source, "margin": "much"})
    with pytest.raises(InputError, match="margin: expected a finite number of at least 0"):
        PairwiseORM().examples([bad])


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
