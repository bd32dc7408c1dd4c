"""Checkers: what they read, what they take for right, and whose code they run."""

import time

import pytest

from specreward.errors import EngineError, InputError, MissingExtra
from specreward.tasks import QA, Choice, Exact, Maths, Numeric, PythonFile, latex
from specreward.tasks.checkers import near, one_of
from specreward.types import Problem


def problem(answer):
    return Problem("p", "What?", answer)


@pytest.mark.parametrize(
    ("checker", "reference", "right", "wrong"),
    [
        (Exact(), "The Nile", ["the nile.", "The answer is The Nile."], ["Nile", ""]),
        (Numeric(), "1,080", ["1080", "$1080.00", "2160/2"], ["1081", "1079.99", "many"]),
        (Numeric(tolerance=0.01), "200", ["198", "202", "200"], ["197.9", "203", "2"]),
        (Numeric(tolerance=0.01), "0.2", ["20.1%", "19.9 %"], ["20.1", "22%"]),
        (Choice(), "b", ["B", "(b)", "B) Paris"], ["A", "A or B", "F"]),
        (Choice(letters="WXYZ"), "Y", ["y"], ["A", "Z"]),
    ],
)
def test_right_and_wrong(checker, reference, right, wrong):
    assert all(checker.check(problem(reference), answer) for answer in right)
    assert not any(checker.check(problem(reference), answer) for answer in wrong)
    assert not checker.check(problem(None), right[0])
    other = checker.wrong(reference)
    assert not checker.check(problem(reference), other)


def test_equal_answers_have_equal_text():
    assert Numeric().read("The answer is 0.50.") == Numeric().read("1/2") == "1/2"
    assert Choice().read("The answer is (c).") == "C"
    assert Exact().read('The answer is "Yes".') == "yes"
    assert Numeric().read("none") is None
    assert Numeric().wrong("none") is None
    assert Choice().wrong("none") is None


def test_near_is_relative_to_the_reference():
    assert near("101", "100", 0.01)
    assert not near("100", "101.1", 0.01)
    assert near("100", "101", 0.01)  # 1 is within 1 % of 101
    assert not near("x", "100", 0.5)
    assert near("-99", "-100", 0.01)
    assert not near("99", "-100", 0.01)
    assert near("20", "20.1%", 0.01)
    assert not near("20%", "0.002", 0.01)
    assert not near("0.002", "20%", 0.01)


def test_one_of_a_few_words():
    assert one_of("It is so. The answer is yes, as yes it is.", ("yes", "no")) == "yes"
    assert one_of("yes and no", ("yes", "no")) is None
    assert one_of("nothing", ("yes", "no")) is None


# ------------------------------------------------------------------ LaTeX


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (r"$\dfrac12$.", "1/2"),
        (r"\frac{2}{4}", "1/2"),
        (r"-\frac{1}{2}", "-1/2"),
        (r"\frac{-1}{2}", "-1/2"),
        ("0.50", "1/2"),
        ("1,000", "1000"),
        (r"10{,}000", "10000"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"),
        (r"5\text{ cm}", "5cm"),
        (r"120^\circ", "120"),
        (r"10\%", "10%"),
        (r"\sqrt2", r"\sqrt{2}"),
        (r"x^{2} + 1", "x^2+1"),
        ("1,-2", "1,-2"),
        (r"3\sqrt{2}", r"3\sqrt{2}"),
        (r"\leftarrow", r"\leftarrow"),
        (r"2 \pi  r", r"2\pi r"),
        (r"\pi\text{cm}", r"\pi cm"),
        (r"\sin x + \cos (x)", r"\sin x+\cos(x)"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\begin{pmatrix} a \\ b \end{pmatrix}", r"\begin{pmatrix}a\\b\end{pmatrix}"),
        ("$ $", None),
        (".", None),
    ],
)
def test_canonical_text(text, form):
    assert latex.canonical(text) == form
    assert form is None or latex.canonical(form) == form


@pytest.fixture
def maths():
    pytest.importorskip("math_verify", reason="needs the math extra")
    return Maths(seconds=20)


@pytest.mark.parametrize(
    ("given", "reference", "same"),
    [
        (r"\boxed{x+1}", "1+x", True),
        (r"\{2,1\}", r"\{1,2\}", True),
        ("(2,1)", "(1,2)", False),
        (r"1\frac{1}{2}", "1.5", True),
        (r"\frac{11}{2}", r"1\frac12", False),
        (r"\sqrt{16}", "4", True),
        ("x=5", "5", True),
        ("0.333", r"\frac13", False),
        (r"3\sqrt{2}", "2", False),
        ("", "5", False),
        ("}{", "5", False),
        ("x" * 2000, "x" * 1999 + "y", False),
    ],
)
def test_expressions_are_compared_as_mathematics(maths, given, reference, same):
    assert maths.check(problem(reference), given) is same
    assert not maths.check(problem(None), given)
    assert not maths.check(problem(reference), maths.wrong(reference))


def test_what_takes_too_long_is_not_equal_and_harms_nothing(maths):
    latex.equal("1", "1", 20)
    start = time.monotonic()
    assert not Maths(seconds=0.3).check(problem("1"), "9^{9^{9^9}}")
    assert time.monotonic() - start < 3
    assert maths.check(problem("x+1"), "1+x")


def test_a_late_answer_is_not_taken_for_that_of_the_next_question(maths, monkeypatch):
    latex.equal("1", "1", 20)

    def interrupted(timeout):
        raise KeyboardInterrupt

    monkeypatch.setattr(latex._child()._lines, "get", interrupted)
    with pytest.raises(KeyboardInterrupt):
        latex.equal("x", "y", 20)
    assert latex.equal("x+1", "1+x", 20)


def test_text_is_never_run(maths, tmp_path):
    mark = tmp_path / "mark"
    maths.check(problem("1"), f"__import__('pathlib').Path('{mark}').touch()")
    assert not mark.exists()


def test_a_process_that_does_not_start_is_an_error(monkeypatch, maths):
    latex._child.cache_clear()
    monkeypatch.setattr(latex.sys, "executable", "/bin/false")
    with pytest.raises(EngineError, match="expected the process that compares LaTeX to start"):
        latex.equal("x+1", "1+x", 5)
    latex._child.cache_clear()


def test_without_the_library_a_check_says_what_to_install(monkeypatch):
    latex.installed.cache_clear()
    monkeypatch.setattr(latex.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'specreward\[math\]'"):
        Maths().check(problem("1"), "1")
    latex.installed.cache_clear()


# ------------------------------------------------------------------ a user's file


@pytest.fixture
def write(tmp_path):
    def write(text, name="check.py"):
        path = tmp_path / name
        path.write_text(text)
        return PythonFile(str(path))

    return write


def test_a_function_in_a_file_judges(write):
    checker = write(
        "def check(problem, answer):\n"
        "    return sorted(answer.split()) == sorted(problem.answer.split())\n"
    )
    assert checker.check(problem("a b c"), "c  b a")
    assert not checker.check(problem("a b c"), "a b")
    assert checker.read("So. The answer is  c b a.") == "c b a"
    assert checker.read(" ") is None
    assert checker.wrong("a b c") is None
    QA(checker=checker).validate()


def test_a_file_may_hold_what_any_module_may(write):
    checker = write(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Rule:\n    word: str\n"
        "def check(problem, answer):\n    return answer == Rule('7').word\n"
    )
    assert checker.check(problem("1"), "7")


def test_a_file_is_run_at_the_first_check_and_once(write, tmp_path):
    mark = tmp_path / "mark"
    checker = write(
        f"with open({str(mark)!r}, 'a') as mark:\n    mark.write('x')\n"
        "def check(problem, answer):\n    return True\n"
    )
    assert not mark.exists()
    assert checker.check(problem("1"), "1")
    assert checker.check(problem("1"), "2")
    assert mark.read_text() == "x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "cannot be run: ZeroDivisionError"),
        ("def check(problem, answer:", "cannot be run: SyntaxError"),
        ("check = 3", r"expected a function check\(problem, answer\), got none"),
        ("def check(problem, answer):\n    return 1 / 0", r"check\(\) failed on problem 'p'"),
        ("def check(problem):\n    return True", "failed on problem 'p' and answer '7': TypeError"),
        (
            "def check(problem, answer):\n    return 1",
            r"expected True or False from check\(\), got",
        ),
    ],
)
def test_a_file_that_cannot_judge(write, text, message):
    with pytest.raises(InputError, match=message):
        write(text).check(problem("1"), "7")


def test_a_file_that_is_not_there(tmp_path, write):
    with pytest.raises(InputError, match="got no file there"):
        PythonFile(str(tmp_path / "none.py")).check(problem("1"), "1")
    with pytest.raises(InputError, match=r"does not end with \.py"):
        write("", "check.txt").check(problem("1"), "1")
