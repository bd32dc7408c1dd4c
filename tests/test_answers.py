"""Extraction and comparison of final answers."""

import sys
import types
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreward.answers import (
    boxed,
    choice,
    exact,
    final,
    number,
    number_text,
    same_expression,
    same_number,
)
from specreward.errors import MissingExtra


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18", 18),
        ("-5", -5),
        ("−7", -7),
        ("+4", 4),
        (".5", "1/2"),
        ("5.", 5),
        ("1,234.50", "2469/2"),
        ("12,345,678", 12345678),
        ("1{,}000", 1000),
        ("$1,234", 1234),
        (r"\$18", 18),
        ("-$3", -3),
        ("$-3", -3),
        ("€ 2.5", "5/2"),
        ("12 km", 12),
        ("42km", 42),
        ("3/4", "3/4"),
        ("-1/2", "-1/2"),
        ("1 1/2 cups", "3/2"),
        ("1,000/4", 250),
        (r"\frac{3}{4}", "3/4"),
        (r"-\dfrac{3}{4}", "-3/4"),
        (r"1\frac{1}{2}", "3/2"),
        ("50%", "1/2"),
        (r"12.5\%", "1/8"),
        ("5 percent", "1/20"),
        ("2e3", 2000),
        ("2.5E-1", "1/4"),
        (r"2 \times 10^{3}", 2000),
        ("10-5", 5),
        ("10 - 5", 5),
        ("(2)-5", 5),
        ("a=5", 5),
        ("3, 4, and 5", 5),
        ("He has 18 apples. That is 3 more.", 3),
    ],
)
def test_numbers_are_read_exactly(text, expected):
    assert number(text) == Fraction(expected)


@pytest.mark.parametrize(
    "text",
    ["", "no", "x2", "v1.2", "1/0", "1,23", "1,2,3", "1.2.3", "10^3", "9" * 400, "1e999", "1e9999"],
)
def test_unreadable_numbers_are_none(text):
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16 - 3 = 13\n#### 18", 18),
        ("The answer is 3.5. There were 7.", "7/2"),
        ("**Answer:** 42 dollars, not 43.\nThe cost was 9.", 43),
        (r"so 2 + 2 is \boxed{4}, and 9 is not", 4),
        ("The answer is 3. No: the answer is 4.", 4),
        ("The answer is: 8", 8),
    ],
)
def test_a_stated_answer_wins_over_later_numbers(text, expected):
    assert number(text) == Fraction(expected)


def test_a_stated_answer_without_a_number_is_no_number():
    assert number("I counted 3. The answer is unknown.") is None


@given(st.fractions(max_denominator=1000))
def test_canonical_text_of_a_number_reads_back(value):
    assert number(number_text(value)) == value


@given(st.integers(-(10**12), 10**12))
def test_thousands_commas_do_not_matter(value):
    assert number(f"{value:,}") == value


@given(st.text(max_size=60))
def test_no_text_breaks_the_readers(text):
    number(text)
    final(text)
    choice(text)
    exact(text)


def test_number_text_is_one_text_for_equal_numbers():
    texts = ["0.5", "1/2", "2/4", "50%", "5e-1"]
    assert {number_text(number(text)) for text in texts} == {"1/2"}
    assert number_text(Fraction(12)) == "12"


@pytest.mark.parametrize(
    ("given_text", "reference", "expected"),
    [
        ("0.5", "1/2", True),
        ("1/3", "0.333", False),
        ("5%", "0.05", True),
        ("5%", "5", True),
        ("5", "5%", True),
        ("5%", "500", False),
        ("500", "5%", False),
        ("5%", "50%", False),
        ("none", "5", None),
        ("5", "none", None),
    ],
)
def test_same_number(given_text, reference, expected):
    assert same_number(given_text, reference) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{4}", "4"),
        (r"\boxed {\frac{1}{2}} and \boxed{ 3 }", "3"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{1} and \boxed{}", "1"),
        (r"\boxed{", None),
        ("4", None),
    ],
)
def test_boxed(text, expected):
    assert boxed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#### 1,000 eggs\nmore", "1,000 eggs"),
        ("The final answer is: Paris. It is old.", "Paris"),
        ("answer =\n 7", "7"),
        ("Answer: 3.5", "3.5"),
        (r"The answer is \boxed{x + 1}.", "x + 1"),
        ("The answer is 2.\n####", "2"),
        ("an answering machine", None),
        ("", None),
    ],
)
def test_final(text, expected):
    assert final(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("(c)", "C"),
        ("The answer is (B), not C.", "B"),
        ("B) Paris", "B"),
        ("Answer: E: none of these", "E"),
        ("Option d is right", "D"),
        (r"\boxed{\text{C}}", "C"),
        ("A cat sat there", None),
        ("(A) or (B)", None),
        ("(A), yes (A)", "A"),
        ("F", None),
        ("", None),
    ],
)
def test_choice(text, expected):
    assert choice(text) == expected


def test_choice_knows_only_the_letters_on_offer():
    assert choice("G", letters="EFG") == "G"
    assert choice("A", letters="EFG") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Yes. ", "yes"),
        ("'No'", "no"),
        ('The answer is "Paris,  France".', "paris, france"),
        ("ＡＢＣ", "abc"),
        ("...", None),
        ("", None),
    ],
)
def test_exact(text, expected):
    assert exact(text) == expected


def test_expressions_need_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(MissingExtra, match=r"pip install 'specreward\[math\]'"):
        same_expression("1", "1")


def test_expressions_are_compared_by_math_verify(monkeypatch):
    seen = []

    def parse(text):
        seen.append(text)
        return [] if "?" in text else [text]

    fake = types.SimpleNamespace(parse=parse, verify=lambda gold, answer: gold == answer)
    monkeypatch.setitem(sys.modules, "math_verify", fake)
    assert same_expression(r"so \boxed{x}", "$x$") is True
    assert same_expression("y", "x") is False
    assert same_expression("?", "x") is None
    assert same_expression("x", "?") is None
    assert seen[:2] == ["$x$", "$x$"]


def test_expressions_with_the_library_itself():
    pytest.importorskip("math_verify", reason="needs the math extra")
    assert same_expression(r"\boxed{x^2 + 2x + 1}", "(x+1)^2") is True
    assert same_expression(r"\frac{1}{3}", "0.5") is False
