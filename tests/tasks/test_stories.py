"""Word problems as data: read, solved, compared, written."""

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specreward.errors import InputError
from specreward.tasks.stories import canonical, random_story, read_story, solve

CALM = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def solved(text):
    return [f"{op.left} {op.sign} {op.right} = {op.result}" for op in solve(read_story(text))]


@pytest.mark.parametrize(
    ("facts", "question", "expected"),
    [
        ("Ann finds 7 more pens.", "How many pens does Ann have now?", ["5 + 7 = 12"]),
        ("Ann loses 2 pens.", "How many pens does Ann have now?", ["5 - 2 = 3"]),
        ("Ben has 7 more pens than Ann.", "How many pens does Ben have?", ["5 + 7 = 12"]),
        ("Ben has 2 fewer pens than Ann.", "How many pens does Ben have?", ["5 - 2 = 3"]),
        ("Ben has 3 times as many pens as Ann.", "How many pens does Ben have?", ["5 * 3 = 15"]),
        (
            "Ann gets 5 more pens. Ben has half as many pens as Ann.",
            "How many pens does Ben have?",
            ["5 + 5 = 10", "10 / 2 = 5"],
        ),
        (
            "Ben has 8 pens. Cal has as many pens as Ben and Ann together.",
            "How many pens does Cal have?",
            ["8 + 5 = 13"],
        ),
        ("Ben has 8 pens.", "How many pens do Ann and Ben have together?", ["5 + 8 = 13"]),
        ("Ben has 8 pens.", "How many more pens does Ben have than Ann?", ["8 - 5 = 3"]),
        (
            "Ann wins 7 more pens.",
            "How many pens does each get if Ann shares all pens among 4 friends?",
            ["5 + 7 = 12", "12 / 4 = 3"],
        ),
        (
            "",
            "How many dollars does Ann get if Ann sells all pens for 3 dollars each?",
            ["5 * 3 = 15"],
        ),
    ],
)
def test_every_kind_of_sentence(facts, question, expected):
    assert solved(f"Ann has 5 pens. {facts} {question}") == expected


def test_only_what_the_question_needs_is_solved():
    text = (
        "Ann has 5 pens. Ben has 4 pens. Ben buys 3 more pens. Ann buys 2 more pens. "
        "Cal has as many pens as Ann and Ann together. How many pens does Cal have?"
    )
    assert solved(text) == ["5 + 2 = 7", "7 + 7 = 14"]


def test_amounts_that_branch_and_join_many_times():
    text = "Ann has 1 pens."
    for first, second in zip("abcdefghijklmnopqrstuvwxy", "bcdefghijklmnopqrstuvwxyz", strict=True):
        first, second = (f"X{x}" if x != "a" else "Ann" for x in (first, second))
        text += f" {second} has as many pens as {first} and {first} together."
    assert solved(f"{text} How many pens does Xz have?")[-1] == f"{2**24} + {2**24} = {2**25}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How many pens does Ann have?",
        "Ann has 5 pens.",
        "Ann has 5 pens. Ann finds 7 more pens.",
        "Ann has 5 pens. Ann finds 7 more cups. How many pens does Ann have now?",
        "Ann has 5 pens. Ann eats 7 more pens. How many pens does Ann have now?",
        "Ann has five pens. Ann finds 7 more pens. How many pens does Ann have now?",
        "How many pens does Ann have? How many pens does Ann have now?",
        "Ann has 5 pens. How many dollars does Ann get if Ben sells all pens for 3 dollars each?",
    ],
)
def test_other_wording_is_no_story(text):
    assert read_story(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Ann has 5 pens. Ann loses 6 pens. How many pens does Ann have now?",
            "0 or more, got 5 - 6",
        ),
        ("Ann has 5 pens. Ben has half as many pens as Ann. How many pens does Ben have?", "5 / 2"),
        (
            "Ann has 5 pens. How many pens does each get if Ann shares all pens among 0 friends?",
            "/ 0",
        ),
        ("Ann has 5 pens. Ben finds 6 more pens. How many pens does Ben have now?", "what Ben has"),
        ("Ann has 5 pens. How many pens do Ann and Ben have together?", "what Ben has"),
        ("Ann has 5 pens. How many pens does Ben have?", "what Ben has"),
    ],
)
def test_impossible_stories(text, message):
    with pytest.raises(InputError, match=message):
        solve(read_story(text))


@CALM
@given(st.integers(1, 8), st.integers(0, 3), st.integers(20, 300), st.randoms())
def test_random_stories_need_every_step(steps, distractors, largest, rng):
    story = random_story(steps, rng, largest, distractors)
    if story is None:
        return
    operations = solve(story)
    assert len(operations) == steps
    assert all(1 <= op.result <= largest for op in operations)
    assert all(op.sign != "/" or op.left == op.result * op.right for op in operations)
    assert read_story(str(story)) == story
    steps_and_givens = len(story.facts) + (story.question.kind not in ("have", "now"))
    givens = sum(fact.kind == "has" for fact in story.facts)
    assert steps_and_givens - givens == steps
    used = {name for f in (*story.facts, story.question) for name in (f.first, f.second)}
    idle = [
        fact.who
        for fact in story.facts
        if fact.kind == "has"
        and fact.who not in used | {story.question.who}
        and not any(f.who == fact.who and f.kind != "has" for f in story.facts)
    ]
    assert len(idle) == distractors


@CALM
@given(st.integers(1, 8), st.integers(0, 1000), st.randoms())
def test_forms_do_not_depend_on_names_verbs_and_things(steps, seed, rng):
    story = random_story(steps, random.Random(seed), 199)
    if story is None:
        return
    people = sorted({fact.who for fact in story.facts})
    letters = rng.sample("abcdefghijklmnopqrstuvwxyz", len(people))
    other_words = {name: f"Q{letter}" for name, letter in zip(people, letters, strict=True)}
    other_words |= {story.noun: "hats", "buys": "finds", "finds": "buys", "sells": "drops"}
    text = re.sub(r"[A-Za-z]+", lambda word: other_words.get(word[0], word[0]), str(story))
    text = text.replace(" drops all ", " sells all ")  # in a question, it is no verb of the story
    other = read_story(text)
    assert other is not None
    assert canonical(other) == canonical(story)


def test_forms_tell_different_problems_apart():
    start, ask = "Ann has 5 pens. Ben has 8 pens.", "How many pens does Ann have now?"
    texts = [
        f"{start} Ann finds 7 more pens. {ask}",
        f"{start} Ann finds 6 more pens. {ask}",
        f"{start} Ann loses 7 pens. {ask}",
        f"{start} Ben finds 7 more pens. {ask.replace('Ann', 'Ben')}",
        f"{start} How many pens do Ann and Ben have together?",
        f"{start} How many more pens does Ben have than Ann?",
        f"{start} How many more pens does Ann have than Ben?",
        f"{start} Cal has 2 more pens than Ann. How many pens does Cal have?",
        f"{start} Cal has 2 more pens than Ben. How many pens does Cal have?",
    ]
    assert len({canonical(read_story(text)) for text in texts}) == len(texts)
    both = texts[4].replace("Ann and Ben", "Ben and Ann")
    assert canonical(read_story(both)) == canonical(read_story(texts[4]))
