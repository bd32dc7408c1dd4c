import pytest

from specreward.errors import InputError
from specreward.train.splitting import split_by_problem

from .labels import solution

DATA = [solution(0.5, question=f"{i} + {i}", steps=(str(j),)) for i in range(300) for j in range(3)]


def questions(data):
    return {one.problem.question for one in data}


def test_a_problem_is_on_one_side_and_nothing_is_lost():
    train, held_out = split_by_problem(DATA, 0.2, seed=1)
    assert not questions(train) & questions(held_out)
    assert sorted([*train, *held_out], key=DATA.index) == DATA
    assert [one for one in DATA if one in train] == train  # in order
    assert 40 < len(questions(held_out)) < 80


def test_a_problem_stays_on_its_side_when_others_are_added():
    _, few = split_by_problem(DATA[:90], 0.2)
    _, all_ = split_by_problem(DATA, 0.2)
    assert questions(few) == questions(all_) & questions(DATA[:90])
    _, other = split_by_problem(DATA, 0.2, seed=7)
    assert questions(other) != questions(all_)
    _, more = split_by_problem(DATA, 0.4)
    assert questions(all_) < questions(more)


def test_spaces_and_case_make_no_other_question():
    for i in range(40):
        same = [solution(0.5, question=q) for q in (f"What is {i}?", f" what  is {i}?")]
        assert 2 in [len(side) for side in split_by_problem(same, 0.5)]


def test_none_and_all_can_be_held_out():
    assert split_by_problem(DATA, 0.0) == (DATA, [])
    assert split_by_problem(DATA, 1.0) == ([], DATA)
    with pytest.raises(InputError, match="held_out"):
        split_by_problem(DATA, 1.5)
