"""The recipes on transformers at tiny sizes: what they learn from, and that the result is read."""

import asyncio
import importlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path as File

import pytest

torch = pytest.importorskip("torch", reason="needs the transformers extra")
pytest.importorskip("transformers", reason="needs the transformers extra")
pytest.importorskip("accelerate", reason="needs the train extra")

from generate.hf import tiny  # noqa: E402

from specreward.errors import InputError, MissingExtra  # noqa: E402
from specreward.label.labelled import Labelled, dump_labelled  # noqa: E402
from specreward.reward.published import EncoderSRM, SequenceClassifier  # noqa: E402
from specreward.reward.solutions import Solution  # noqa: E402
from specreward.reward.trained import Trained  # noqa: E402
from specreward.types import Problem  # noqa: E402

pytestmark = pytest.mark.train

RECIPES = File(__file__).parents[2] / "recipes"
HAS_TRL = find_spec("trl") is not None


@pytest.fixture(autouse=True)
def folder_of_recipes(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))


def recipe(name):
    return importlib.import_module(name)


def solution(number, said, label, outcome=None, kind="step"):
    problem = Problem(f"p{number}", f"What is {number} + {number}?")
    steps = ("We add.", f"The sum is {said}.")
    return Labelled(problem=problem, steps=steps, labels=(1.0, label), kind=kind, outcome=outcome)


DATA = [
    solution(n, 2 * n + off, float(off == 0), float(off == 0)) for n in range(20) for off in (0, 1)
]


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    path.write_text("".join([f"{dump_labelled(one)}\n" for one in DATA]), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """PRM800K's own form: two alternatives at the second step."""
    rows = []
    for number in range(20):
        first = [{"text": "We add.", "rating": 1, "flagged": False}]
        second = [
            {"text": f"The sum is {2 * number + off}.", "rating": 1 - 2 * off, "flagged": False}
            for off in (0, 1)
        ]
        steps = [
            {"completions": own, "human_completion": None, "chosen_completion": 0}
            for own in (first, second)
        ]
        asked = {"problem": f"What is {number} + {number}?", "ground_truth_answer": str(2 * number)}
        label = {"steps": steps, "total_time": 1, "finish_reason": "solution"}
        rows.append({"labeler": "a", "question": asked, "label": label})
    path = tmp_path_factory.mktemp("ratings") / "phase2.jsonl"
    path.write_text("".join([json.dumps(row) + "\n" for row in rows]), "utf-8")
    return str(path)


def graded(model, *asked):
    found = asyncio.run(
        model.grade([Solution(question, tuple(steps)) for question, steps in asked])
    )
    return [list(one.values) for one in found]


ASKED = ("What is 3 + 3?", ("We add.", "The sum is 6."))


def test_an_encoder_learns_from_ratings_without_a_checkpoint(ratings, tmp_path, monkeypatch):
    module = recipe("srm_encoder")
    monkeypatch.setattr(module, "SMALL", {"width": 16, "layers": 1, "heads": 2, "vocabulary": 320})
    out = tmp_path / "run"
    words = [ratings, "--out", str(out), "--epochs", "1", "--batch", "4", "--rate", "1e-3"]
    fitted = module.main([*words, "--longest", "64", "--held-out", "0.3"])
    assert fitted.after["pairs"] > 0  # alternatives stand beside each other
    assert fitted.after["n"] > fitted.after["pairs"]
    model = Trained(str(out)).scorer
    assert not model.per_step
    assert graded(EncoderSRM(str(out)), ASKED) == graded(model, ASKED)
    again = module.main([*words, "--longest", "64", "--held-out", "0.3"])  # goes on: nothing to do
    assert again.after == fitted.after


def test_a_decoder_learns_step_labels(labels, tmp_path):
    module = recipe("prm_decoder")
    words = [labels, "--model", tiny.folder("qwen2"), "--out", str(tmp_path), "--batch", "4"]
    words += ["--accumulate", "2", "--rate", "1e-2", "--held-out", "0.3", "--epochs", "6"]
    module.main(words)
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["combine"] == "minimum()"
    [values] = graded(Trained(str(tmp_path)).scorer, ASKED)
    assert len(values) == 2
    assert values[0] > values[1]  # the first step is always right


def test_a_verdict_and_upsampling_are_handed_on(labels, tmp_path, monkeypatch):
    module = recipe("prm_decoder")
    seen = {}

    def fit(network, objective, train, held_out, settings, out, **more):
        seen.update(network=network, objective=objective, settings=settings, train=train)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "fit", fit)
    words = [labels, "--model", "x", "--out", str(tmp_path), "--verdict", "+", "-"]
    with pytest.raises(KeyboardInterrupt):
        module.main([*words, "--upsample", "3", "--batch", "2", "--accumulate", "5"])
    assert seen["network"].verdict == ("+", "-")
    assert seen["objective"].upsample == 3
    bad = sum(0.0 in one.labels for one in seen["train"])
    examples = len(seen["train"]) + 2 * bad
    assert seen["settings"].steps == max(1, round(examples / 10))


# ------------------------------------------------------------------------------ TRL


def test_solutions_that_are_right_are_learnt_from():
    module = recipe("trl_sft")
    rows = module.rows([*DATA[:2], DATA[0], solution(7, 14, 1.0), solution(8, 16, 0.5)])
    assert rows == [
        {"prompt": "What is 0 + 0?\n\n", "completion": "We add.\n\nThe sum is 0."},
        {"prompt": "What is 7 + 7?\n\n", "completion": "We add.\n\nThe sum is 14."},
    ]
    assert not module.right(solution(1, 2, 0.9, kind="value"))
    assert module.right(solution(1, 2, 0.0, outcome=1.0))
    with pytest.raises(InputError, match="right solutions"):
        module.rows([DATA[1]])


def test_pairs_of_steps_and_of_solutions():
    module = recipe("trl_dpo")
    assert module.rows(DATA[:2], 0.0, outcomes=False) == [
        {
            "prompt": "What is 0 + 0?\n\nWe add.\n\n",
            "chosen": "The sum is 0.",
            "rejected": "The sum is 1.",
        }
    ]
    assert module.rows(DATA[:2], 0.0, outcomes=True) == [
        {
            "prompt": "What is 0 + 0?\n\n",
            "chosen": "We add.\n\nThe sum is 0.",
            "rejected": "We add.\n\nThe sum is 1.",
        }
    ]
    close = [DATA[0], solution(0, 1, 0.9)]
    assert len(module.rows(close, 0.1, outcomes=False)) == 1
    with pytest.raises(InputError, match="sibling steps that fit"):
        module.rows(close, 0.2, outcomes=False)


def test_conversations_of_a_reward_model():
    module = recipe("trl_reward")
    [row] = module.rows(DATA[:2], steps=False)
    assert row == {
        "chosen": [
            {"role": "user", "content": "What is 0 + 0?"},
            {"role": "assistant", "content": "We add.\n\nThe sum is 0."},
        ],
        "rejected": [
            {"role": "user", "content": "What is 0 + 0?"},
            {"role": "assistant", "content": "We add.\n\nThe sum is 1."},
        ],
        "margin": 1.0,
    }
    assert module.rows(DATA[:2], steps=True) == [row]  # with the beginning that they share
    with pytest.raises(InputError, match="different outcomes"):
        module.rows(DATA[:1], steps=False)


@pytest.mark.skipif(HAS_TRL, reason="trl is installed")
@pytest.mark.parametrize("name", ["trl_sft", "trl_dpo", "trl_reward"])
def test_without_trl_the_recipe_says_what_to_install(labels, tmp_path, name):
    with pytest.raises(MissingExtra, match=r"specreward\[trl\]"):
        recipe(name).main([labels, "--model", "x", "--out", str(tmp_path)])


def run(name, *words):
    """In a process of its own: TRL warns of much, and sets what is global."""
    command = [sys.executable, str(RECIPES / f"{name}.py"), *words]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.skipif(not HAS_TRL, reason="needs the trl extra")
def test_a_model_fine_tuned_by_trl_is_one_of_transformers(labels, tmp_path):
    from specreward.generate.hf.weights import load

    model = tiny.folder("qwen2", chat=True)
    for name in ("trl_sft", "trl_dpo"):
        out = str(tmp_path / name)
        run(name, labels, "--model", model, "--out", out, "--rate", "1e-3")
        trained, start = (load(one).model.get_output_embeddings().weight for one in (out, model))
        assert not torch.equal(trained, start)


@pytest.mark.skipif(not HAS_TRL, reason="needs the trl extra")
def test_a_reward_model_of_trl_is_read_as_it_was_trained(labels, tmp_path):
    words = (labels, "--model", tiny.folder("qwen2", chat=True), "--out", str(tmp_path))
    run("trl_reward", *words, "--rate", "1e-3", "--epochs", "8")
    model = SequenceClassifier(str(tmp_path))
    values = graded(model, *[(one.problem.question, one.steps) for one in DATA])
    flat = [value for row in values for value in row]
    better = [good > bad for good, bad in zip(flat[::2], flat[1::2], strict=True)]
    assert sum(better) > 0.8 * len(better)
