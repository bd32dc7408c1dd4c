"""The published files that are at hand, read whole and written back."""

import json
from collections import Counter

import pytest

from specreward.label.formats import (
    OmegaFormat,
    OwnFormat,
    PRM800KFormat,
    PRMBenchFormat,
    ProcessBenchFormat,
    StepwiseFormat,
)
from specreward.label.reading import format_of, read_labelled
from specreward.label.writing import write_labelled

FILES = {
    "prm800k_sample/public/raw_format.jsonl": PRM800KFormat(),
    "prm800k_sample/public/examples_tongyx361.jsonl": PRM800KFormat(),
    "math_aps_sample/public/samples_math-aps-tree.jsonl": OmegaFormat(),
    "processbench/public/gsm8k.json": ProcessBenchFormat(),
    "processbench/public/math.json": ProcessBenchFormat(),
    "prmbench/public/prm800k_test_p1_4o_circular.jsonl": PRMBenchFormat(),
    "prmbench/public/prm_test_p12_multi_solutions.jsonl": PRMBenchFormat(),
}


def bare(found):
    return [(one.problem, one.steps, one.labels, one.kind, one.outcome) for one in found]


@pytest.mark.parametrize(("name", "form"), FILES.items())
def test_a_published_file_is_known_read_and_written_back(data, tmp_path, name, form):
    file = data / name
    if not file.exists():
        pytest.skip(f"no {name} among the public data")
    assert format_of(file) == form
    found = list(read_labelled(file, form, lambda bad: None))
    writes = PRMBenchFormat(originals=False) if isinstance(form, PRMBenchFormat) else form
    write_labelled(tmp_path / "back.jsonl", found, writes)
    assert bare(read_labelled(tmp_path / "back.jsonl", writes)) == bare(found)
    write_labelled(tmp_path / "own.jsonl.gz", found)
    assert list(read_labelled(tmp_path / "own.jsonl.gz", OwnFormat())) == found


def test_the_flat_list_and_the_tree_of_one_search_agree(data):
    folder = data / "math_aps_sample/public"
    flat = list(read_labelled(folder / "samples_math-aps.jsonl"))
    assert len({one.problem for one in flat}) == 3
    lines = (folder / "samples_math-aps.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    listed = [{one["solution_prefix"] for one in row["reasoning_steps"]} for row in rows]
    known = Counter(
        one.problem.question for one in flat for label in one.labels if label is not None
    )
    # Every beginning but the bare question is one label, whatever solutions go through it.
    assert [known[row["question"]] for row in rows] == [len(one) - 1 for one in listed]
    values = {one["mc_value"] for one in rows[0]["reasoning_steps"]}
    assert {label for one in flat[:50] for label in one.labels if label is not None} <= values


def test_records_of_prmbench_that_name_no_step_are_set_aside(data):
    refused, labels = [], Counter()
    for file in sorted((data / "prmbench/public").glob("*.jsonl")):
        for one in read_labelled(file, PRMBenchFormat(originals=False), refused.append):
            labels.update(one.labels)
    assert len(refused) == 51
    assert all("expected numbers from 1 to" in bad.reason for bad in refused)
    assert labels.keys() == {0.0, 1.0}


def test_labels_of_processbench_count_as_published(data):
    file = data / "processbench/public/gsm8k.json"
    rows = json.loads(file.read_text("utf-8"))
    found = list(read_labelled(file))
    assert [-1 if one.first_error is None else one.first_error for one in found] == [
        row["label"] for row in rows
    ]
    assert [one.outcome for one in found] == [float(row["final_answer_correct"]) for row in rows]


def test_alternatives_of_prm800k_go_to_stepwise_with_their_beginning(data, tmp_path):
    file = data / "prm800k_sample/public/raw_format.jsonl"
    found = list(read_labelled(file, PRM800KFormat(repeat=True)))
    whole = [one for one in found if None not in one.labels]
    assert len(whole) > 20
    write_labelled(tmp_path / "trl.jsonl", whole, StepwiseFormat(floats=True))
    assert list(read_labelled(tmp_path / "trl.jsonl")) == whole
