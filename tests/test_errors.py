"""The error tree: bases, pickling, nearest names."""

import copy
import pickle

import pytest

from specreward import errors
from specreward.errors import EngineError, InputError, SpecRewardError, UnknownName, nearest

BASES = {
    "InputError": ValueError,
    "UnknownName": LookupError,
    "MissingExtra": ImportError,
    "EngineError": RuntimeError,
    "RewardError": RuntimeError,
    "BudgetExhausted": RuntimeError,
    "StoreError": OSError,
}


def _classes():
    return [found for name in errors.__all__ if isinstance(found := getattr(errors, name), type)]


def test_every_error_is_ours_and_a_builtin_one():
    assert {cls.__name__ for cls in _classes()} == {*BASES, "SpecRewardError"}
    for name, base in BASES.items():
        cls = getattr(errors, name)
        assert issubclass(cls, SpecRewardError)
        assert issubclass(cls, base)


def test_the_tree_is_drawn_in_the_docstring():
    for cls in _classes():
        assert cls.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("cls", _classes())
def test_every_error_can_travel_between_processes(cls):
    error = cls("expected 1, got 2: write 1")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is cls
        assert str(other) == "expected 1, got 2: write 1"


def test_retryable_travels_too():
    assert EngineError("timed out").retryable is False
    assert pickle.loads(pickle.dumps(EngineError("timed out", True))).retryable is True
    assert str(EngineError("timed out", True)) == "timed out"


def test_nearest_gives_the_closest_and_all():
    error = nearest("widht", ["n", "width"], "field")
    assert isinstance(error, UnknownName)
    assert isinstance(error, InputError)
    assert str(error) == "unknown field 'widht': did you mean 'width'? known: n, width"


def test_nearest_makes_no_wild_guess():
    assert str(nearest("zzz", ["b", "a"], "name")) == "unknown name 'zzz': known: a, b"
    assert str(nearest("zzz", [], "plugin")) == "unknown plugin 'zzz': known: (none)"
