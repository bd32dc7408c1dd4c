"""Text to object and back, for every registered object and every field of it."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields, replace
from typing import ClassVar, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreward.cite import cite
from specreward.errors import InputError, SpecRewardError, UnknownName
from specreward.registry import kind_of, kinds, load, registered
from specreward.search import BFS, MCTS
from specreward.spec import name_of, parse
from specreward.verify import RewardScores, SelfEvaluation, Speculative, Threshold

EXAMPLES = {
    "cascade": "cascade(small=embedded_srm('game24'), large=genrm(embedded_policy('game24')))",
    "cloud": "cloud('name', temperature=0.5)",
    "embedded_draft": "embedded_draft('game24')",
    "embedded_policy": "embedded_policy('game24')",
    "embedded_srm": "embedded_srm('game24')",
    "few_shot": "few_shot(game24())",
    "implicit_prm": (
        "implicit_prm(embedded_policy('game24'), reference=embedded_policy('blocksworld'))"
    ),
    **{name: f"{name}(openai('m'))" for name in ("genrm", "r_prm", "rrm")},
    "llm_judge": "llm_judge(openai('m'), temperature=0.5)",
    "log_ratio": "log_ratio(embedded_policy('game24'))",
    "small_decoder": "small_decoder(game24())",
    "http_reward": "http_reward('http://localhost:8000/reward')",
}
"""Objects to begin with, for names that stand for nothing without a value."""

UNCITED = (
    "checker",
    "conversation",
    "dialect",
    "languagemodel",
    "retry",
    "route",
    "tokenlaw",
    "unsure",
)
"""Kinds that are nobody's paper."""

UNCITED_NAMES = (
    *("as_given", "by_delimiter", "by_reward", "exact_steps", "own_format"),
    *("classify", "highest", "never", "score", "score_reached"),
)
"""The largest of some scores is nobody's invention, nor is a request to a server."""


def _usual(name: str) -> object:
    if name in EXAMPLES:
        return parse(EXAMPLES[name])
    needed = [f.name for f in fields(load(name)) if f.init and f.default is MISSING]
    return load(name)(**dict.fromkeys(needed, "name"))


FIELDS = [(name, f) for name in registered() for f in fields(load(name)) if f.init]


def _other_values(f: Field, hint: object) -> Iterator[object]:
    """Values to try in place of a field's default."""
    for kind in kinds():
        if kind in [getattr(leaf, "__name__", "").lower() for leaf in (hint, *get_args(hint))]:
            # Those with an example first: they need no weights from elsewhere.
            names = sorted(registered(kind), key=lambda name: name not in EXAMPLES)
            yield from (_usual(name) for name in names)
            for inner in fields(f.default) if f.default is not MISSING else ():
                for value in _other_values(inner, inner.type):
                    with suppress(SpecRewardError, TypeError, ValueError):
                        yield replace(f.default, **{inner.name: value})
    default = f.default if f.default is not MISSING else None
    if isinstance(default, bool):
        yield not default
    elif isinstance(default, (int, float)):
        yield from (default + 1, default - 1, default / 2, default + 0.25)
    yield from (2, 0.5, True, "other", "blocksworld", (2, 4), (1, 2))
    yield from ("http://localhost:8000/v1", '{"a": 1}', "XY", "max_tokens", "value")
    yield (("load_in_4bit", True),)
    yield ("a", "b")
    yield (3, 2, 1)
    yield 40  # a multiple of many


def _changed(name: str, f: Field) -> object:
    """The default object with another value of one field."""
    usual = _usual(name)
    hint = get_type_hints(load(name))[f.name]
    for value in _other_values(f, hint):
        try:
            other = replace(usual, **{f.name: value})
        except (SpecRewardError, TypeError, ValueError):
            continue
        if other != usual:
            return other
    raise AssertionError(f"no value found that {name}.{f.name} takes")


@pytest.mark.parametrize("name", registered())
def test_every_default_object_round_trips(name):
    obj = _usual(name)
    text = name_of(obj)
    assert text.startswith(f"{name}(")
    assert parse(text) == obj
    assert type(parse(text)) is load(name)
    if all(f.default is not MISSING for f in fields(obj) if f.init):
        assert text == f"{name}()"
        assert parse(name) == obj


@pytest.mark.parametrize(("name", "f"), FIELDS, ids=[f"{name}.{f.name}" for name, f in FIELDS])
def test_every_changed_field_round_trips(name, f):
    obj = _changed(name, f)
    text = name_of(obj)
    assert text.startswith(f"{name}(")
    assert f"{f.name}=" in text
    assert parse(text) == obj
    assert name_of(parse(text)) == text


@pytest.mark.parametrize("name", registered())
def test_every_registered_object_is_a_config(name):
    obj = _usual(name)
    assert hash(obj) == hash(_usual(name))
    with pytest.raises(FrozenInstanceError):
        obj.anything = 1
    assert name in UNCITED_NAMES or kind_of(name) in UNCITED or cite(obj).startswith("@")


def test_names_are_of_one_kind_only():
    names = [name for kind in kinds() for name in registered(kind)]
    assert sorted(names) == sorted(set(names)) == list(registered())


# ------------------------------------------------------------------------------ canonical text


def test_only_what_differs_is_written_in_field_order():
    assert name_of(MCTS(verify=Speculative(alpha=0.25), simulations=20)) == (
        "mcts(simulations=20, verify=speculative(alpha=0.25))"
    )
    assert name_of(BFS(verify=RewardScores())) == "bfs()"


def test_the_way_of_writing_does_not_matter():
    texts = [
        "bfs(7, verify=threshold(0.25))",
        " bfs( verify = threshold(minimum=0.25, of=scored()), width=7, )",
        "bfs(verify=threshold(0.25, of=scored), width=+7)",
    ]
    assert {name_of(parse(text)) for text in texts} == {
        "bfs(width=7, verify=threshold(minimum=0.25))"
    }


def test_whole_numbers_in_float_fields_have_one_text():
    assert name_of(parse("speculative(alpha=1)")) == "speculative(alpha=1.0)"
    assert name_of(Speculative(alpha=1)) == name_of(Speculative(alpha=1.0))
    assert type(parse("speculative(alpha=1)").alpha) is float
    assert type(parse("bfs(width=1)").width) is int


@dataclass(frozen=True)
class Values:
    """Stands for a third party's object that holds values of all sorts."""

    value: object = None
    made: tuple[int, ...] = field(default_factory=lambda: (1,))
    derived: int = field(default=0, init=False)
    __cite__: ClassVar[str] = "@misc{values, title={Values}}"

    def __call__(self) -> object:
        """What makes it fit to stand for a rule."""
        return self.value


class FakeEntryPoint:
    """What the package metadata gives for one declared plugin."""

    def __init__(self, name, value, found):
        self.name, self.value, self.found = name, value, found

    def load(self):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def plugins(monkeypatch):
    """Declares plugins: a list to fill before the first look-up."""
    from specreward import registry

    points = []
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    registry._plugins.cache_clear()
    yield points
    registry._plugins.cache_clear()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.builds(Threshold, st.floats(-2, 2)),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)


@given(value=values)
def test_any_literal_round_trips(value):
    from specreward import registry

    point = FakeEntryPoint("values", f"{__name__}:Values", Values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_plugins", lambda: {"values": point})
        obj = Values(value)
        assert parse(name_of(obj)) == obj


def test_literals(plugins):
    plugins.append(FakeEntryPoint("values", f"{__name__}:Values", Values))
    cases = {
        "[1, [2.5, 'a']]": (1, (2.5, "a")),
        "(1,)": (1,),
        "()": (),
        "-1e999": -math.inf,
        "None": None,
        "True": True,
        '"it\'s"': "it's",
        "scored": RewardScores(),
    }
    for text, expected in cases.items():
        assert parse(f"values({text})") == Values(expected), text
    assert name_of(Values(math.inf)) == "values(value=1e999)"
    assert name_of(Values(made=(2, 3))) == "values(made=(2, 3))"


def test_an_object_that_is_not_registered_has_its_class_name():
    @dataclass(frozen=True)
    class Mine:
        width: int = 1

    assert name_of(Mine(3)) == "Mine(width=3)"
    with pytest.raises(UnknownName, match="unknown name 'Mine'"):
        parse("Mine(width=3)")


@pytest.mark.parametrize("obj", [3, "bfs()", BFS, None])
def test_what_is_no_dataclass_object_has_no_text(obj):
    with pytest.raises(InputError, match="expected a dataclass object, got"):
        name_of(obj)


def test_values_without_a_text_are_refused():
    with pytest.raises(InputError, match=r"Values\.value is NaN"):
        name_of(Values(math.nan))
    with pytest.raises(InputError, match=r"Values\.value: expected a number, .* got \{1\}"):
        name_of(Values({1}))


# ------------------------------------------------------------------------------ kinds


def test_the_kind_asked_for_is_checked():
    assert parse("bfs", "strategy") == BFS()
    assert parse("self_evaluation()", "verifier") == SelfEvaluation()
    with pytest.raises(InputError, match=r"expected a strategy \(.*beam, .*got 'scored', a ver"):
        parse("scored", "strategy")
    with pytest.raises(UnknownName, match="unknown kind 'strategi': did you mean 'strategy'"):
        parse("bfs", "strategi")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bfs(verify=mcts())", r"expected a verifier \(.*\), got 'mcts\(\)', a strategy"),
        ("bfs(verify=3)", r"bfs.verify: expected a verifier \(.*rap_evaluation, .*\), got 3"),
        ("bfs(verify=None)", r"bfs.verify: expected a verifier .*, got None"),
        ("bfs(verify=(scored(), scored()))", r"bfs.verify: expected a verifier"),
    ],
)
def test_a_field_takes_its_own_kind_only(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bsf()", "unknown name 'bsf': did you mean 'bfs'"),
        ("bfs(widht=3)", "unknown field of bfs 'widht': did you mean 'width'"),
        ("bfs(verify=specultive())", "unknown verifier 'specultive': did you mean 'speculative'"),
        ("bfs(verify=threshold(of=scord))", "unknown verifier 'scord': did you mean 'scored'"),
        ("__import__('os')", "unknown name '__import__'"),
    ],
)
def test_unknown_names_give_the_nearest(text, message):
    with pytest.raises(UnknownName, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read ''"),
        ("bfs(", "never closed"),
        ("bfs() dfs()", "cannot read"),
        ("bfs\x00", "cannot read"),
        ("(" * 5000, "cannot read"),
        ("bfs(width=" + "-" * 5000 + "1)", r"cannot read|expected a number"),
        ("3", "expected name"),
        ("scored.alpha()", "expected name"),
        ("bfs()()", "expected name"),
        ("bfs(1 + 1)", r"expected a number, string.* got '1 \+ 1'"),
        ("bfs(width=-'a')", "expected a number, string"),
        ("bfs(width=not 1)", "expected a number, string"),
        ("bfs(width=-True)", "expected a number, string"),
        ("bfs(width=1j)", "expected a number, string"),
        ("bfs(width=b'a')", "expected a number, string"),
        ("bfs(width=...)", "expected a number, string"),
        ("bfs(width={1: 2})", "expected a number, string"),
        ("bfs(width=[x for x in y])", "expected a number, string"),
        ("bfs(width=lambda: 1)", "expected a number, string"),
        ("bfs(width=f'{1}')", "expected a number, string"),
        ("bfs(*[1])", "expected a number, string"),
        ("bfs(**{})", r"got \*\*"),
        ("bfs(1, 2)", r"bfs takes 1 value\(s\) without a field name, got 2"),
        ("bfs(1, width=2)", "field 'width' is given twice"),
        ("bfs(width=1, width=2)", "field 'width' is given twice"),
    ],
)
def test_anything_but_literals_and_names_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)


def test_a_refused_value_is_told_with_its_place():
    with pytest.raises(InputError, match=r"got 0 \(in bfs\(width=0\)\)"):
        parse("bfs(width=0)")
    with pytest.raises(InputError, match=r"\(in speculative\(alpha=2\)\)") as caught:
        parse("bfs(verify=speculative(alpha=2))")
    assert "bfs" not in str(caught.value)


def test_every_refusal_of_a_constructor_is_an_input_error(plugins):
    @dataclass(frozen=True)
    class Picky:
        width: int

        def __post_init__(self) -> None:
            if self.width < 1:
                raise ValueError("too narrow")

    plugins.append(FakeEntryPoint("picky", "x:Picky", Picky))
    for text, why in {"picky(0)": "too narrow", "picky('a')": "<"}.items():
        with pytest.raises(InputError, match=f"picky refuses its fields: .*{why}"):
            parse(text)
    with pytest.raises(InputError, match="picky needs a value for width"):
        parse("picky")


# ------------------------------------------------------------------------------ plugins


def test_a_plugin_is_used_by_its_name(plugins):
    plugins.append(FakeEntryPoint("values", f"{__name__}:Values", Values))
    assert registered("plugin") == ("values",)
    assert "values" in registered()
    assert parse("bfs(pick=values(3))").pick == Values(3)
    assert name_of(BFS(verify=Values(3))) == "bfs(verify=values(value=3))"


def test_a_plugin_known_by_another_path_is_found_again(plugins):
    plugins.append(FakeEntryPoint("values", "package:Values", Values))
    assert name_of(Values(3)) == "values(value=3)"


def test_a_failing_plugin_is_warned_of_and_passed_over(plugins):
    plugins.append(FakeEntryPoint("broken", "package:Broken", RuntimeError("no such file")))
    plugins.append(FakeEntryPoint("values", "package:Values", Values))
    assert parse("bfs") == BFS()
    with pytest.warns(UserWarning, match="plugin 'broken' .*RuntimeError: no such file"):
        assert name_of(Values()) == "values()"


def test_a_failing_plugin_asked_for_by_name_is_an_error(plugins):
    plugins.append(FakeEntryPoint("broken", "package:Broken", ImportError("no module")))
    plugins.append(FakeEntryPoint("function", "package:function", len))
    with pytest.raises(InputError, match=r"plugin 'broken' \(package:Broken\) cannot be loaded"):
        parse("broken")
    with pytest.raises(InputError, match=r"plugin 'function'.*expected a dataclass"):
        parse("function")


@pytest.mark.parametrize(("name", "why"), [("bfs", "taken"), ("my-search", "no identifier")])
def test_a_plugin_with_an_unusable_name_is_warned_of(plugins, name, why):
    plugins.append(FakeEntryPoint(name, "package:Values", Values))
    with pytest.warns(UserWarning, match=why):
        assert registered("plugin") == ()
    assert parse("bfs") == BFS()


# ------------------------------------------------------------------------------ citations


def test_cite_walks_nested_objects_and_gives_each_entry_once():
    text = cite(BFS(verify=Threshold(of=Speculative())), BFS())
    keys = [line.split("{")[1] for line in text.splitlines() if line.startswith("@")]
    assert keys == list(dict.fromkeys(keys))
    assert "2305.10601" in text
    assert "2506.00396" in text
    assert "2506.00396" not in cite(BFS())


def test_cite_splits_a_text_of_several_entries():
    @dataclass(frozen=True)
    class Two:
        parts: tuple[object, ...] = (Values(), 3, None)
        __cite__: ClassVar[str] = "@misc{one,\n  year={2001}}\n@misc{values, title={Values}}\n"

    assert cite(Two()) == "@misc{one,\n  year={2001}}\n\n@misc{values, title={Values}}"
    assert cite(3, None) == ""


def test_a_field_without_a_value_is_asked_for_by_name():
    with pytest.raises(InputError, match=r"cascade needs a value for large: specreward show casc"):
        parse("cascade(embedded_srm('game24'))")
