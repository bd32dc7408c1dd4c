import importlib
import pkgutil
from dataclasses import is_dataclass

import pytest

import specreward.verify as verify

MODULES = [
    importlib.import_module(f"specreward.verify.{module.name}")
    for module in pkgutil.iter_modules(verify.__path__)
]
CLASSES = {
    name: value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, type) and value.__module__ == module.__name__ and name[0] != "_"
}
RULES = {name: value for name, value in CLASSES.items() if "__cite__" in vars(value)}


def test_all_public_classes_are_exported_in_order():
    assert verify.__all__ == sorted(verify.__all__)
    assert {name for name in verify.__all__ if name[0].isupper()} == set(CLASSES)
    assert all(hasattr(verify, name) for name in verify.__all__)


@pytest.mark.parametrize("name", sorted(RULES))
def test_rules_are_frozen_hashable_and_equal_by_their_settings(name):
    rule = RULES[name]
    assert is_dataclass(rule)
    assert rule() == rule()
    assert hash(rule()) == hash(rule())
    assert rule.__dataclass_params__.frozen
    assert rule.__cite__.startswith("@")
    assert eval(repr(rule()), vars(verify)) == rule()
