"""Each format by hand, and written and read again as it was."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreward.errors import InputError
from specreward.label.formats import (
    MathShepherdFormat,
    OmegaFormat,
    OwnFormat,
    PreferenceFormat,
    PRM800KFormat,
    PRMBenchFormat,
    ProcessBenchFormat,
    StepwiseFormat,
)
from specreward.label.formats.preference import dump_pair, load_pair
from specreward.label.labelled import Labelled
from specreward.label.pairs import Pair
from specreward.label.reading import guess
from specreward.types import Problem


def labelled(steps, labels, kind="step", *, outcome=None, question="2 + 2?", **source):
    return Labelled(
        problem=Problem("p1", question, "4"),
        steps=tuple(steps),
        labels=tuple(labels),
        kind=kind,
        outcome=outcome,
        source=source,
    )


# ---------------------------------------------------------------------------------- by hand


def test_own_keeps_everything_also_what_is_not_compared():
    one = replace(
        labelled("ab", (0.25, None), "value", outcome=1.0, k=8), problem=Problem("p", "q")
    )
    (row,) = OwnFormat().write([one])
    (back,) = OwnFormat().read(json.loads(json.dumps(row)), "f:1")
    assert back == one
    assert back.source == {"k": 8}


def test_processbench_labels_the_prefixes_up_to_the_first_error():
    row = {"id": "x-1", "generator": "g", "problem": "q", "steps": ["a", "b", "c"]}
    (wrong,) = ProcessBenchFormat().read(
        row | {"final_answer_correct": False, "label": 1}, "f.json:7"
    )
    assert wrong.labels == (1.0, 0.0, None)
    assert (wrong.kind, wrong.outcome, wrong.problem.id) == ("prefix", 0.0, "x-1")
    assert wrong.source == {"format": "processbench", "place": "f.json:7", "generator": "g"}
    (right,) = ProcessBenchFormat().read(row | {"final_answer_correct": True, "label": -1}, "")
    assert right.labels == (1.0, 1.0, 1.0)
    assert right.outcome == 1.0
    for one, label in ((wrong, 1), (right, -1)):
        (back,) = ProcessBenchFormat().write([one])
        assert (back["label"], back["final_answer_correct"]) == (label, label < 0)
        assert ProcessBenchFormat().read(back, "") == [one]
    for label in (3, -2, True, "1", None, 1.0):
        with pytest.raises(InputError, match=r"^label: expected -1 or the place of one of 3 steps"):
            ProcessBenchFormat().read(row | {"label": label}, "")


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (labelled("ab", (0.5, 1), "value"), "labels of kind prefix, got value"),
        (labelled("ab", (1, 0), "step"), "labels of kind prefix, got step"),
        (labelled("ab", (None, 0), "prefix"), "got none for step 0"),
        (labelled("ab", (1, None), "prefix"), "got none for step 1"),
        (labelled("ab", (0, 1), "prefix"), "no right prefix after the wrong one at step 0"),
        (labelled("ab", (0.7, 1), "prefix"), "labels that are 0 or 1, got 0.7"),
        (labelled("ab", (1, 1), "prefix", outcome=0.5), "labels that are 0 or 1, got 0.5"),
    ],
)
def test_processbench_refuses_what_it_cannot_hold(one, why):
    with pytest.raises(InputError, match=re.escape(why)):
        ProcessBenchFormat().write([one])


def prmbench(**changed):
    return {
        "original_question": "q?",
        "modified_question": "q!",
        "original_process": ["o1", "o2"],
        "modified_process": ["m1", "m2", "m3"],
        "modified_steps": [2],
        "error_steps": [2, 3],
        "reason": "because",
        "idx": "i",
        "question": "q",
        "classification": "circular",
    } | changed


def test_prmbench_counts_error_steps_from_one():
    changed, before = PRMBenchFormat().read(prmbench(), "")
    assert changed.labels == (1.0, 0.0, 0.0)
    assert (changed.problem.id, changed.problem.question) == ("i/circular", "q!")
    assert before.labels == (1.0, 1.0)
    assert (before.problem.id, before.problem.question) == ("i", "q?")
    assert changed.kind == before.kind == "step"
    assert PRMBenchFormat(originals=False).read(prmbench(), "") == [changed]
    for beyond in (0, 4, True, "2"):
        with pytest.raises(InputError, match="error_steps: expected numbers from 1 to 3"):
            PRMBenchFormat().read(prmbench(error_steps=[1, beyond]), "")


def shepherd(text, signs, **more):
    label = text
    for sign in signs:
        label = label.replace("ки", sign, 1)
    return {"input": text, "label": label, "task": "GSM8K"} | more


def test_math_shepherd_reads_the_sign_at_each_mark():
    text = "How many? Step 1: One. ки\nStep 2: 1+1 = 2. ки\nStep 3: The answer is: 2 ки"
    (one,) = MathShepherdFormat().read(shepherd(text, "+-+"), "")
    assert one.problem.question == "How many?"
    assert one.steps == ("Step 1: One.", "Step 2: 1+1 = 2.", "Step 3: The answer is: 2")
    assert one.labels == (1.0, 0.0, 1.0)
    assert one.kind == "prefix"
    assert one.outcome == 1.0  # after the answer there is nothing left to complete
    (cut,) = MathShepherdFormat().read(shepherd("Q? Step 1: One. ки\nStep 2: and", "-"), "")
    assert cut.labels == (0.0, None)
    assert cut.outcome is None
    (cut,) = MathShepherdFormat().read(shepherd("Q? Step 1: One. ки", "+"), "")
    assert cut.outcome is None


def test_known_flaws_of_math_shepherd_are_read():
    (small,) = MathShepherdFormat().read(shepherd("Q. step 1: One. ки", "+"), "")
    assert (small.problem.question, small.steps) == ("Q.", ("step 1: One.",))
    (asked,) = MathShepherdFormat().read(shepherd("Is it? It is. ки\nYes. ки", "+-"), "")
    assert (asked.problem.question, asked.steps) == ("Is it?", ("It is.", "Yes."))
    (mark,) = MathShepherdFormat().read(shepherd("Mr. ки Rocky? Step 1: One. ки", "+-"), "")
    assert (mark.problem.question, mark.labels) == ("Mr.  Rocky?", (0.0,))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (shepherd("Q? Step 1: a", ""), "at least one"),
        (shepherd("Q? Step 1: a ки", "*"), "with + or - for each"),
        (shepherd("Q? Step 1: a ки", "+", label="Q? Step 1: b +"), "expected the text of input"),
        (
            shepherd("Q? Step 1: a ки", "+", label="Q? Step 1: a + and"),
            "expected the text of input",
        ),
        (shepherd("Step 1: Step 1: a ки", "+"), "got it 2 times"),
        (shepherd("No sign here ки", "+"), "expected 'Step 1:' or one question mark"),
        (shepherd("Q? ки", "+"), "expected 'Step 1:' or one question mark"),
        (shepherd("Q? Step 1: a ки ки", "++"), "a text before every mark"),
    ],
)
def test_math_shepherd_refuses_what_does_not_run_in_parallel(row, why):
    with pytest.raises(InputError, match=re.escape(why)):
        MathShepherdFormat().read(row, "")


def test_math_shepherd_numbers_steps_on_writing():
    (row,) = MathShepherdFormat().write([labelled(["a", "b"], (1, 0), "prefix", task="MATH")])
    assert row["input"] == "2 + 2? Step 1: a ки\nStep 2: b ки"
    assert row["label"] == "2 + 2? Step 1: a +\nStep 2: b -"
    assert row["task"] == "MATH"
    for bad in (
        labelled(["a", "b"], (None, 0), "prefix"),
        labelled(["a"], (0.5,), "prefix"),
        labelled(["a ки b"], (1,), "prefix"),
        labelled(["a"], (1,), "prefix", question="Step 1: say"),
        labelled(["a"], (1,), "value"),
    ):
        with pytest.raises(InputError, match="math_shepherd_format"):
            MathShepherdFormat().write([bad])


TREE = {
    "text": "q",
    "mc_value": 0.5,
    "children": [
        {
            "text": "a",
            "mc_value": 0.75,
            "children": [
                {"text": "b", "mc_value": 1.0, "children": []},
                {"text": "c", "mc_value": 0.0, "children": []},
            ],
        },
        {"text": "d", "mc_value": 0.25, "children": []},
    ],
}
FLAT = [
    {"solution_prefix": "q", "mc_value": 0.5},
    {"solution_prefix": "q\n\nd", "mc_value": 0.25},
    {"solution_prefix": "q\n\na\n\nb", "mc_value": 1.0},
    {"solution_prefix": "q\n\na", "mc_value": 0.75},
    {"solution_prefix": "q\n\na c", "mc_value": 0.25},
    {"solution_prefix": "q\n\na c", "mc_value": -0.25},
    {"solution_prefix": "q\n\nab", "mc_value": 1.0},
]


def omega(steps):
    return {"question": "q", "final_answer": "4", "question_id": 3, "reasoning_steps": steps}


def test_each_leaf_of_an_omega_tree_is_a_solution_and_no_value_counts_twice():
    found = OmegaFormat().read(omega(TREE), "")
    assert [(one.steps, one.labels) for one in found] == [
        (("a", "b"), (0.75, 1.0)),
        (("a", "c"), (None, 0.0)),
        (("d",), (0.25,)),
    ]
    assert {(one.kind, one.problem.id, one.problem.answer) for one in found} == {
        ("value", "3", "4")
    }
    assert found[0].source["root_value"] == 0.5
    again = OmegaFormat(repeat=True).read(omega(TREE), "")
    assert [one.labels for one in again] == [(0.75, 1.0), (0.75, 0.0), (0.25,)]
    assert OmegaFormat().read(omega(TREE | {"children": []}), "") == []


def test_a_flat_list_is_put_under_its_beginnings():
    found = OmegaFormat().read(omega(FLAT), "")
    assert [(one.steps, one.labels) for one in found] == [
        (("d",), (0.25,)),
        (("a", "b"), (0.75, 1.0)),
        (("a", "c"), (None, 0.0)),  # listed twice: the mean
        (("ab",), (1.0,)),  # goes on within a word: no child of a
    ]
    with pytest.raises(InputError, match="expected the question and steps"):
        OmegaFormat().read(omega([{"solution_prefix": "other", "mc_value": 1}]), "")


@pytest.mark.parametrize("flat", [False, True])
def test_omega_is_written_as_it_is_read(flat):
    found = OmegaFormat().read(omega(TREE), "")
    form = OmegaFormat(flat=flat)
    (row,) = form.write(found)
    assert isinstance(row["reasoning_steps"], list) == flat
    assert flat or row["reasoning_steps"] == TREE
    back = form.read(json.loads(json.dumps(row)), "")
    assert back == found
    assert back[0].source["root_value"] == 0.5
    again = OmegaFormat(flat=flat, repeat=True)
    assert again.write(again.read(omega(TREE), "")) == [row]
    ended = replace(found[0], outcome=1.0)
    assert form.read(form.write([ended])[0], "") == [ended]


def test_omega_needs_a_value_of_every_state_unless_told():
    one = labelled("ab", (None, 0.5), "value")
    with pytest.raises(InputError, match="got none for step 0 of a solution"):
        OmegaFormat().write([one])
    loose = OmegaFormat(unlabelled=True)
    assert loose.read(loose.write([one])[0], "") == [one]
    with pytest.raises(InputError, match="got both"):
        OmegaFormat(flat=True, unlabelled=True)
    with pytest.raises(InputError, match="labels of kind value, got step"):
        OmegaFormat().write([labelled("a", (1,))])
    # As a text "a b" goes on after "a", so that as a list it would be its child.
    siblings = [labelled(["a"], (0.5,), "value"), labelled(["a b"], (0.25,), "value")]
    with pytest.raises(InputError, match="omega_format cannot hold it"):
        OmegaFormat(flat=True).write(siblings)
    assert OmegaFormat().read(OmegaFormat().write(siblings)[0], "") == siblings


def completion(text, rating):
    return {"text": text, "rating": rating, "flagged": False}


def prm800k(*steps, finish="solution", **question):
    return {
        "labeler": "l",
        "generation": 3,
        "is_quality_control_question": False,
        "is_initial_screening_question": True,
        "question": {"problem": "q", "ground_truth_answer": "4"} | question,
        "label": {"steps": list(steps), "total_time": 1, "finish_reason": finish},
    }


def step(*completions, chosen=0, human=None):
    return {
        "completions": [completion(*one) for one in completions],
        "human_completion": None if human is None else {"text": human, "rating": None},
        "chosen_completion": chosen,
    }


ROW = prm800k(
    step(("a", 1)),
    step(("x", -1), ("y", 0), chosen=None, human="b"),
    step(("z", None), ("c", 0), chosen=1),
)


def test_prm800k_is_the_chosen_solution_and_its_alternatives():
    found = PRM800KFormat().read(ROW, "f:1")
    assert [(one.steps, one.labels, one.outcome) for one in found] == [
        (("a", "b", "c"), (1.0, None, 0.5), 1.0),
        (("a", "x"), (None, 0.0), None),
        (("a", "y"), (None, 0.5), None),
    ]
    assert {one.kind for one in found} == {"step"}
    assert found[0].source["finish_reason"] == "solution"
    assert (found[0].source["quality_control"], found[0].source["screening"]) == (False, True)


def test_neutral_and_repeat_of_prm800k():
    (whole, x) = PRM800KFormat(neutral=None).read(ROW, "")
    assert (whole.labels, x.labels) == ((1.0, None, None), (None, 0.0))
    assert [one.labels[-1] for one in PRM800KFormat(neutral=1).read(ROW, "")] == [1.0, 0.0, 1.0]
    assert [one.labels for one in PRM800KFormat(repeat=True).read(ROW, "")][1] == (1.0, 0.0)
    with pytest.raises(InputError, match="neutral"):
        PRM800KFormat(neutral=2)


def test_the_solution_ends_where_nothing_was_chosen():
    error = prm800k(step(("a", 1)), step(("x", -1), ("y", 1), chosen=None), finish="found_error")
    first, other = PRM800KFormat().read(error, "")
    assert (first.steps, first.labels, first.outcome) == (("a", "x"), (1.0, 0.0), 0.0)
    assert (other.steps, other.labels) == (("a", "y"), (None, 1.0))
    given_up = prm800k(step(("a", 1)), step(("x", None), chosen=None), finish="give_up")
    (only,) = PRM800KFormat().read(given_up, "")
    assert (only.steps, only.outcome) == (("a",), None)
    empty = prm800k(
        step(("a", 1)), {"completions": None, "human_completion": None, "chosen_completion": None}
    )
    assert [one.steps for one in PRM800KFormat().read(empty, "")] == [("a",)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (prm800k(step(("a", 2))), "rating: expected -1, 0, 1 or null, got 2"),
        (prm800k(step(("a", True))), "rating: expected"),
        (prm800k(step(("a", 1), chosen=1)), "the place of one of 1 completions"),
        (prm800k("a"), "steps: expected objects"),
        (ROW | {"label": {"steps": None}}, "steps: expected a list, got None"),
        (ROW | {"question": {"problem": " "}}, "expected a question"),
    ],
)
def test_prm800k_refuses_what_is_not_as_published(row, why):
    with pytest.raises(InputError, match=re.escape(why)):
        PRM800KFormat().read(row, "")


def test_prm800k_is_written_as_it_is_read():
    for repeat in (False, True):
        form = PRM800KFormat(repeat=repeat)
        found = form.read(ROW, "")
        (row,) = form.write(found)
        assert row["label"]["finish_reason"] == "solution"
        assert row["label"]["steps"][1]["human_completion"]["text"] == "b"
        assert form.read(json.loads(json.dumps(row)), "") == found
    with pytest.raises(InputError, match=r"holds labels 0, 1 and 0\.5, got 0\.25"):
        PRM800KFormat().write([labelled("ab", (1, 0.25))])
    with pytest.raises(InputError, match="outcomes 0, 1 or none"):
        PRM800KFormat().write([labelled("a", (1,), outcome=0.5)])


def test_stepwise_gives_true_back_as_true_and_floats_as_floats():
    row = {"prompt": "q", "completions": ["a", "b"], "labels": [True, False]}
    (one,) = StepwiseFormat().read(row, "")
    assert (one.labels, one.kind) == ((1.0, 0.0), "step")
    (back,) = StepwiseFormat().write([one])
    assert {name: back[name] for name in row} == row
    assert [type(label) for label in back["labels"]] == [bool, bool]
    soft = row | {"labels": [0.25, 1]}
    (one,) = StepwiseFormat(kind="value").read(soft, "")
    assert (one.labels, one.kind) == ((0.25, 1.0), "value")
    (back,) = StepwiseFormat(floats=True).write([one])
    assert back["labels"] == [0.25, 1.0]
    assert back["label_kind"] == "value"
    with pytest.raises(InputError, match="without floats=True holds labels that are 0 or 1"):
        StepwiseFormat().write([one])


def test_stepwise_needs_all_labels_or_is_cut():
    one = labelled("abc", (1, 0, None), "prefix", outcome=0.0)
    with pytest.raises(InputError, match="got none for step 2: with cut=True"):
        StepwiseFormat().write([one])
    (row,) = StepwiseFormat(cut=True).write([one])
    assert (row["completions"], row["labels"]) == (["a", "b"], [True, False])
    assert row["outcome"] is None  # it is that of the whole solution
    with pytest.raises(InputError, match="got none for step 0"):
        StepwiseFormat(cut=True).write([labelled("ab", (None, 1))])
    chat = {"prompt": [{"role": "user", "content": "q"}], "completions": [], "labels": []}
    with pytest.raises(InputError, match="prompt: expected a text"):
        StepwiseFormat().read(chat, "")
    with pytest.raises(InputError, match="expected one of step, prefix, value"):
        StepwiseFormat(kind="q")


def test_pairs_are_made_of_labels_and_read_back():
    data = [labelled("ab", (0.9, 0.6), "value"), labelled("ac", (None, 0.5), "value")]
    (row,) = PreferenceFormat().write(data)
    assert (row["prompt"], row["chosen"], row["rejected"]) == ("2 + 2?\n\na", "b", "c")
    assert row["margin"] == pytest.approx(0.1)
    assert load_pair(json.loads(json.dumps(row))).prefix == ("a",)
    assert PreferenceFormat(margin=0.2).write(data) == []
    ends = [labelled("ab", (1, 1), outcome=1.0), labelled("c", (0,), outcome=0.0)]
    (row,) = PreferenceFormat(outcomes=True).write(ends)
    assert (row["chosen"], row["rejected"], row["margin"]) == ("a\n\nb", "c", 1.0)
    plain = load_pair({"prompt": "q", "chosen": "a", "rejected": "b"})
    assert plain == Pair(
        problem=plain.problem, prefix=(), chosen=("a",), rejected=("b",), margin=0.0
    )
    with pytest.raises(InputError, match="chosen: expected a text"):
        load_pair({"prompt": "q", "chosen": [{"role": "user"}], "rejected": "b"})
    better, worse = PreferenceFormat().read(row, "pairs.jsonl:1")
    assert (better.steps, worse.steps) == (("a", "b"), ("c",))
    assert better.labels == (None, None)
    assert better.outcome is worse.outcome is None  # nobody says that the better one is right
    assert [one.source["pair"] for one in (better, worse)] == ["chosen", "rejected"]
    assert {one.source["margin"] for one in (better, worse)} == {1.0}
    (sibling,) = PreferenceFormat().write(data)
    after, _ = PreferenceFormat().read(sibling, "pairs.jsonl:2")
    assert after.steps == ("a", "b")  # behind what comes before


# ------------------------------------------------------------------------------- any solution

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
LINE = st.text("abc xyz=+1", min_size=1, max_size=8).map(str.strip).filter(bool)


def solutions(labels, kind, text=TEXT, outcomes=(None, 0.0, 1.0)):
    def build(question, steps, drawn, outcome):
        return Labelled(
            problem=Problem("p", question, "4"),
            steps=tuple(steps),
            labels=tuple([drawn[at % len(drawn)] for at in range(len(steps))]),
            kind=kind,
            outcome=outcome,
        )

    many = st.lists(text, min_size=1, max_size=4)
    return st.builds(
        build, text, many, st.lists(labels, min_size=4, max_size=4), st.sampled_from(outcomes)
    )


HARD = st.sampled_from([0.0, 1.0])
SOFT = st.floats(0, 1)
CASES = [
    (OwnFormat(), solutions(st.none() | SOFT, "value")),
    (StepwiseFormat(), solutions(HARD, "prefix")),
    (StepwiseFormat(floats=True), solutions(SOFT, "step")),
    (ProcessBenchFormat(), solutions(st.just(1.0), "prefix")),
    (PRMBenchFormat(originals=False), solutions(HARD, "step", outcomes=[None])),
    (PRMBenchFormat(), solutions(HARD, "step", outcomes=[None])),
    (PRM800KFormat(), solutions(st.sampled_from([0.0, 0.5, 1.0]), "step")),
    (OmegaFormat(), solutions(SOFT, "value")),
    (OmegaFormat(flat=True), solutions(SOFT, "value", LINE)),
]


@pytest.mark.parametrize(("form", "drawn"), CASES, ids=lambda x: str(x)[:40])
def test_what_is_written_is_read_again(form, drawn):
    @settings(max_examples=60, deadline=None)
    @given(drawn)
    def check(one):
        rows = [json.loads(json.dumps(row)) for row in form.write([one])]
        back = [found for row in rows for found in form.read(row, "")]
        assert [replace(found, source={}) for found in back] == [one]
        assert all(type(guess(row)) is type(form) for row in rows)

    check()


@settings(max_examples=60, deadline=None)
@given(solutions(HARD, "prefix", LINE))
def test_math_shepherd_written_is_read_again_with_its_numbers(one):
    form = MathShepherdFormat()
    (row,) = form.write([one])
    (back,) = form.read(json.loads(json.dumps(row)), "")
    numbered = tuple([f"Step {at}: {step}" for at, step in enumerate(one.steps, 1)])
    assert back == replace(one, steps=numbered)
    assert form.write([back]) == [row]


@settings(max_examples=40, deadline=None)
@given(st.lists(LINE, min_size=2, max_size=4, unique=True), LINE, st.floats(0, 1))
def test_a_pair_written_is_read_again(texts, question, margin):
    pair = Pair(
        problem=Problem("p", question, None),
        prefix=tuple(texts[2:]),
        chosen=(texts[0],),
        rejected=(texts[1],),
        margin=margin,
    )
    assert load_pair(json.loads(json.dumps(dump_pair(pair)))) == pair
