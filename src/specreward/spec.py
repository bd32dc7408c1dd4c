"""Objects as text and back: ``mcts(simulations=20, verify=speculative(alpha=0.25))``.

The text is the name of an object on the command line, in reports and in the run file. It holds
literals and calls of registered names, nested as deep as wanted, and nothing else: it is read as a
syntax tree and never run. Fields that have their default are left out, so that equal objects have
equal text.

    text   = name | name(field=value, ...)         a bare name means name()
    value  = number | True | False | None | 'string' | (value, ...) | [value, ...] | text

A list is read as a tuple, because objects are hashable. Names are those of ``registry.py``; a field
annotated with a protocol of this package takes objects of that kind only.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints, overload

from specreward.errors import InputError, nearest
from specreward.registry import PLUGIN, kind_of, kinds, load, name_of_class, registered
from specreward.types import LanguageModel, RewardModel, Strategy, Task, Verifier

__all__ = ["name_of", "parse"]

_EXPECTED = "expected name(field=value, ...) such as bfs(width=5)"

# ------------------------------------------------------------------------------ text to object


@overload
def parse(text: str, kind: Literal["strategy"]) -> Strategy: ...
@overload
def parse(text: str, kind: Literal["verifier"]) -> Verifier: ...
@overload
def parse(text: str, kind: Literal["task"]) -> Task: ...
@overload
def parse(text: str, kind: Literal["languagemodel"]) -> LanguageModel: ...
@overload
def parse(text: str, kind: Literal["rewardmodel"]) -> RewardModel: ...
@overload
def parse(text: str, kind: str | None = None) -> object: ...


def parse(text: str, kind: str | None = None) -> object:
    """The object that a text names.

    Args:
        text: As in the module's docstring.
        kind: What it must be (``strategy``, ``verifier``, ``task``, ...); None takes any kind.

    Raises:
        UnknownName: A name, field or kind is unknown; the message gives the nearest one.
        InputError: The text is no such expression, or an object refuses a value.
    """
    if kind is not None and kind not in kinds():
        raise nearest(kind, kinds(), "kind")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _build(tree.body, text.strip(), kind)
    except (SyntaxError, MemoryError, RecursionError) as error:
        why = error.msg if isinstance(error, SyntaxError) else "nested too deep"
        raise InputError(f"cannot read {text[:200]!r}: {why}; {_EXPECTED}") from error


def _build(node: ast.expr, text: str, kind: str | None) -> object:
    """The object that a call or a bare name stands for."""
    call = node if isinstance(node, ast.Call) else ast.Call(func=node, args=[], keywords=[])
    part = ast.get_source_segment(text, node) or text
    if not isinstance(call.func, ast.Name):
        raise InputError(f"{_EXPECTED}, got {part[:200]!r}")
    name = call.func.id
    _check_kind(name, kind, part)
    cls = load(name)
    values = _arguments(call, name, cls, text)
    lacking = [field.name for field in _init_fields(cls) if _required(field, values)]
    if lacking:
        raise InputError(
            f"{name} needs a value for {', '.join(lacking)}: specreward show {name} (in {part})"
        )
    try:
        built: object = cls(**values)
    except InputError as error:
        raise type(error)(f"{error} (in {part})") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} refuses its fields: {error} (in {part})") from error
    return built


def _check_kind(name: str, kind: str | None, part: str) -> None:
    if kind is None:
        fitting = registered()
    else:
        fitting = tuple(sorted({*registered(kind), *registered(PLUGIN)}))
    if name in fitting:
        return
    if name not in registered():
        raise nearest(name, fitting, kind or "name")
    raise InputError(f"expected a {kind} ({', '.join(fitting)}), got {part!r}, a {kind_of(name)}")


def _arguments(call: ast.Call, name: str, cls: type, text: str) -> dict[str, object]:
    """The values of a call by field name; positional ones take the fields that allow it."""
    own = _init_fields(cls)
    positional = [field.name for field in own if not field.kw_only]
    if len(call.args) > len(positional):
        raise InputError(
            f"{name} takes {len(positional)} value(s) without a field name, got {len(call.args)}: "
            f"write field=value; fields: {', '.join(f.name for f in own) or '(none)'}"
        )
    given = list(zip(positional, call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg is None:
            raise InputError(f"expected field=value, got ** (in {text[:200]!r})")
        given.append((keyword.arg, keyword.value))
    hints = _hints(cls)
    values: dict[str, object] = {}
    for field, node in given:
        if field not in {f.name for f in own}:
            raise nearest(field, [f.name for f in own], f"field of {name}")
        if field in values:
            raise InputError(f"{name}: field {field!r} is given twice (in {text[:200]!r})")
        values[field] = _field_value(node, text, f"{name}.{field}", hints.get(field))
    return values


def _field_value(node: ast.expr, text: str, where: str, hint: object) -> object:
    """The value of one field; a field annotated with a kind takes objects of that kind only."""
    kind = _kind_in(hint)
    value = _value(node, text, kind)
    if kind is None or is_dataclass(value) or (value is None and type(None) in _leaves(hint)):
        return _as_annotated(value, hint)
    raise InputError(f"{where}: expected a {kind} ({', '.join(registered(kind))}), got {value!r}")


def _value(node: ast.expr, text: str, kind: str | None) -> object:
    """A literal, a tuple of values or a nested object."""
    if isinstance(node, (ast.Call, ast.Name)):
        return _build(node, text, kind)
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_value(item, text, None) for item in node.elts)
    if isinstance(node, ast.Constant) and (
        node.value is None or isinstance(node.value, (bool, int, float, str))
    ):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        number = node.operand.value if isinstance(node.operand, ast.Constant) else None
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            return -number if isinstance(node.op, ast.USub) else number
    part = ast.get_source_segment(text, node) or text
    raise InputError(
        f"expected a number, string, True, False, None, tuple or name(...), got {part[:200]!r}"
    )


# ------------------------------------------------------------------------------ object to text


def name_of(obj: object) -> str:
    """The text of an object: its registered name and the fields that differ from their defaults.

    An object of a class that is not registered has the class's name: the text tells it from others,
    but ``parse`` does not know it.

    Raises:
        InputError: The object is no dataclass, or a field holds what the text cannot.
    """
    if not is_dataclass(obj) or isinstance(obj, type):
        raise InputError(f"expected a dataclass object, got {obj!r}: only these have a text")
    cls = type(obj)
    hints = _hints(cls)
    parts = []
    for field in _init_fields(cls):
        value = _as_annotated(getattr(obj, field.name), hints.get(field.name))
        if field.default_factory is not MISSING:
            default: object = field.default_factory()
        else:
            default = field.default
        if value != default:
            parts.append(f"{field.name}={_text(value, f'{cls.__name__}.{field.name}')}")
    return f"{name_of_class(cls) or cls.__name__}({', '.join(parts)})"


def _text(value: object, where: str) -> str:
    if value is None or isinstance(value, (bool, int, str)):
        return repr(value)
    if isinstance(value, float):
        if math.isnan(value):
            raise InputError(f"{where} is NaN, which has no text; expected a number")
        # A literal too large for a double is read as infinity.
        return repr(value) if math.isfinite(value) else ("1e999" if value > 0 else "-1e999")
    if isinstance(value, tuple):
        inner = ", ".join(_text(item, where) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if is_dataclass(value):
        return name_of(value)
    raise InputError(
        f"{where}: expected a number, string, bool, None, tuple or dataclass object, got {value!r}"
    )


# ------------------------------------------------------------------------------ annotations


def _init_fields(cls: type) -> list[Field[object]]:
    return [field for field in fields(cls) if field.init]


def _required(field: Field[object], given: Mapping[str, object]) -> bool:
    """Whether a field has neither a default nor a value."""
    none = field.default is MISSING and field.default_factory is MISSING
    return none and field.name not in given


def _hints(cls: type) -> dict[str, object]:
    """The annotations of a class; none where a plugin's cannot be resolved at run time."""
    try:
        return get_type_hints(cls)
    except NameError:
        return {}


def _leaves(hint: object) -> tuple[object, ...]:
    return get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else (hint,)


def _kind_in(hint: object) -> str | None:
    """The kind that an annotation asks for: the protocol's name in lower case."""
    for leaf in _leaves(hint):
        if isinstance(leaf, type) and leaf.__module__.startswith("specreward."):
            kind = leaf.__name__.lower()
            if kind in kinds():
                return kind
    return None


def _as_annotated(value: object, hint: object) -> object:
    """An integer in a field for floats as a float, so that 1 and 1.0 have the same text."""
    leaves = _leaves(hint)
    return float(value) if type(value) is int and float in leaves and int not in leaves else value
