"""Blocksworld problem files in PDDL."""

import pytest

from specreward.errors import InputError
from specreward.tasks.pddl import read_pddl

GOOD = """; a comment
(define (problem BW-rand-3)
(:domain blocksworld-4ops)
(:objects a b c )
(:init
(handempty)
(ontable a)
(on b a)
(ontable c)
(clear b)
(clear c)
)
(:goal
(and
(on c b))
)
)
"""


def test_a_good_file():
    instance = read_pddl(GOOD, "f")
    assert instance.question == "a b | c -> c on b"
    assert instance.names == {"a": "a", "b": "b", "c": "c"}


def test_letter_case_and_a_single_goal_and_a_held_block():
    text = GOOD.replace("(and\n(on c b))", "(ON C B)").replace("(handempty)", "(holding c)")
    text = text.replace("(ontable c)\n", "").replace("(clear c)\n", "")
    assert read_pddl(text, "f").question == "a b / c -> c on b"


def test_long_names_are_replaced():
    text = GOOD.replace("a b c )", "red b1 b2)").replace("(ontable a)", "(ontable red)")
    text = text.replace("on b a", "on b1 red").replace("clear b", "clear b1")
    text = text.replace("ontable c", "ontable b2").replace("clear c", "clear b2")
    instance = read_pddl(text.replace("on c b", "on b2 b1"), "f")
    assert instance.question == "a b | c -> c on b"
    assert instance.names == {"a": "red", "b": "b1", "c": "b2"}


def test_names_beyond_the_alphabet():
    names = [f"b{i}" for i in range(54)]
    facts = "".join(f"(ontable {name})(clear {name})" for name in names)
    text = f"(define (:objects {' '.join(names)})(:init (handempty){facts})(:goal (on b53 b0)))"
    instance = read_pddl(text, "f")
    assert instance.question.endswith("-> bb on a")
    assert (instance.names["z"], instance.names["aa"], instance.names["bb"]) == (
        "b25",
        "b26",
        "b53",
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (GOOD, "", "f:1: expected (define (problem ...) ...), got an empty file"),
        ("(define", "(assume", "f:2: expected (define (problem ...) ...), got (assume"),
        ("(clear c)\n)", "(clear c)\n", "f:18: expected ')' for line 2, got the end of the file"),
        ("(on c b))\n)\n)", "(on c b))\n)\n))", "f:17: expected an opening bracket first, got ')'"),
        ("; a comment", "junk", "f:1: expected one (define (problem ...) ...), got junk"),
        ("(:goal", "(:gaol", "f:2: expected a section (:goal ...), got"),
        ("a b c )", ")", "f:4: expected different blocks, got (:objects)"),
        ("a b c )", "a b b)", "f:4: expected different blocks, got (:objects a b b)"),
        ("(on b a)", "(on b)", "f:8: expected (on x y), (ontable x)"),
        ("(on b a)", "(above b a)", "f:8: expected (on x y), (ontable x)"),
        ("(on b a)", "(on b d)", "f:8: expected blocks among a b c, got (on b d)"),
        ("(on b a)", "(on b (a))", "f:8: expected (on x y), (ontable x)"),
        ("(ontable a)", "(ontable b)", "f:8: expected one place for b, got on b a"),
        ("(ontable a)", "(on a b)", "f:5: expected towers from the table up, got blocks in a ring"),
        ("(ontable c)", "(on c a)", "f:5: expected towers from the table up"),
        ("(ontable c)\n", "", "f:5: expected a place for every block, got none for c"),
        ("(handempty)\n", "", "f:5: expected either (handempty) or one (holding x), got 0"),
        ("(handempty)", "(handempty) (holding c)", "f:9: expected one place for c, got ontable c"),
        (
            "(clear b)\n",
            "",
            "f:5: expected (clear x) for b c, the blocks with nothing on them, got c",
        ),
        ("(clear b)", "(clear b) (clear a)", "f:5: expected (clear x) for b c"),
        ("(on c b)", "(clear c)", "f:15: expected goals (on x y), the only ones this task has"),
        ("(on c b)", "(on c d)", "f:15: expected blocks among a b c, got (on c d)"),
        ("(on c b)", "(on c b) (on b c)", "f:13: expected a goal that some state satisfies"),
        ("(on c b)", "(on c b) (on c a)", "f:13: expected a goal that some state satisfies"),
        ("(on c b)", "(on c c)", "f:13: expected a goal that some state satisfies"),
        ("(and\n(on c b))", "", "f:13: expected (:goal (and (on x y) ...)), got (:goal)"),
    ],
)
def test_malformed_files(old, new, message):
    assert old in GOOD
    with pytest.raises(InputError) as error:
        read_pddl(GOOD.replace(old, new), "f")
    assert str(error.value).startswith(message)
