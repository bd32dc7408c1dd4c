"""``specreward train``."""

import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("accelerate", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

import torch

from specreward.cli.train import _doubt, _said
from specreward.label.labelled import Labelled, dump_labelled
from specreward.reward.trained import Trained
from specreward.tasks.game24 import Game24
from specreward.train import fitting
from specreward.train.fitting import Fitted
from specreward.train.monitor import Moment

pytestmark = pytest.mark.train

SMALL = ("--steps", 4, "--batch", 2, "--held-out", 0.4)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def rows(first, last):
    """A good and a bad first step for some problems."""
    for problem in Game24().generate(last, "train", 0)[first:]:
        a, b, *rest = problem.question.partition("->")[0].split()
        for sign, result, label in (("+", int(a) + int(b), 1.0), ("*", int(a) * int(b), 0.25)):
            left = " ".join(map(str, sorted([*map(int, rest), result])))
            yield Labelled(
                problem=problem,
                steps=(f"{a} {sign} {b} = {min(result, 200)} (left: {left})",),
                labels=(label,),
                kind="value",
            )


def small(one):
    return all(int(word) <= 200 for word in one.steps[0].split("left: ")[1][:-1].split())


@pytest.fixture
def labels(tmp_path):
    file = tmp_path / "labels.jsonl"
    good = [dump_labelled(one) for one in rows(0, 20) if small(one)]
    file.write_text("".join(f"{line}\n" for line in [*good[:4], "nonsense", *good[4:]]))
    return file


def test_a_reward_model_from_labels_and_back_into_a_search(call, labels, tmp_path):
    out = tmp_path / "model"
    done = call("train", labels, "--task", "game24", "-o", out, *SMALL)
    assert done.exit_code == 0, done.stderr
    assert "pair_accuracy (decides)" in done.stdout
    assert f"use it: --reward {out}" in done.stdout
    assert "labels.jsonl:5:" in done.stderr
    assert "1 set aside with their reasons in" in done.stderr
    assert "nonsense" in (out / "labels.rejected.jsonl").read_text()
    card = json.loads((out / "model.json").read_text())
    assert card["network"].endswith("start=embedded_srm(task='game24'))")
    assert "labels.jsonl" in (out / "card.md").read_text()
    steps = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert steps == [0, 1, 2, 3, 4]
    search = ("solve", "game24", "4 9 10 13", "--reward", out, "--json")
    found = call(*search)
    assert found.exit_code == 0, found.stderr
    assert Trained(str(out)).names[0].startswith("game24-trained@")


def test_the_same_command_goes_on_and_another_one_is_refused(call, labels, tmp_path, monkeypatch):
    words = ("train", labels, "--task", "game24", *SMALL, "--every", 2)
    assert call(*words, "-o", tmp_path / "whole").exit_code == 0
    real = fitting._Fitting.batch

    def plug(self, index):
        if index == 3:
            raise KeyboardInterrupt
        return real(self, index)

    monkeypatch.setattr(fitting._Fitting, "batch", plug)
    stopped = call(*words, "-o", tmp_path / "parts")
    assert stopped.exit_code == 130
    assert "interrupted" in stopped.stderr
    assert "go on: specreward" in stopped.stderr
    monkeypatch.undo()
    other = call(*words, "-o", tmp_path / "parts", "--rate", 1e-5)
    assert other.exit_code == 2
    assert "another command (rate: there 0.0003, now 1e-05)" in other.stderr
    again = call(*words, "-o", tmp_path / "parts")
    assert again.exit_code == 0, again.stderr
    for name in ("weights.data", "config.json", "model.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_an_interrupt_before_the_first_checkpoint_claims_none(call, labels, tmp_path, monkeypatch):
    def plug(self):
        raise KeyboardInterrupt

    words = ("train", labels, "--task", "game24", *SMALL, "-o", tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(fitting._Fitting, "look", plug)
        stopped = call(*words)
    assert stopped.exit_code == 130
    assert "interrupted, nothing saved yet; begin again: specreward" in stopped.stderr
    assert "state saved" not in stopped.stderr
    assert call(*words, "--rate", 1e-5).exit_code == 0  # the folder is free for another command


def test_it_says_that_it_is_the_held_out_part_that_will_not_do(call, labels, tmp_path):
    lone = tmp_path / "lone.jsonl"
    lone.write_text(dump_labelled(next(one for one in rows(40, 48) if small(one))) + "\n")
    words = ("train", labels, "--task", "game24", *SMALL, "-o", tmp_path / "m")
    done = call(*words, "--held-out-file", lone)
    assert done.exit_code == 2
    said = " ".join(done.stderr.split())
    assert "error: held-out part (solutions: 1, problems: 1): srm_plus: expected" in said
    assert "(--held-out), or give a file (--held-out-file)" in said
    other = tmp_path / "other.jsonl"  # where the training part lacks the same, all of it does
    other.write_text(dump_labelled(next(one for one in rows(0, 8) if small(one))) + "\n")
    done = call("train", other, *words[2:], "--held-out-file", lone)
    assert done.exit_code == 2
    assert "error: srm_plus: expected" in " ".join(done.stderr.split())


def test_every_option_arrives(call, labels, tmp_path):
    held_out = tmp_path / "held_out.jsonl"
    held_out.write_text("".join(f"{dump_labelled(one)}\n" for one in rows(40, 48) if small(one)))
    done = call(
        *("train", labels, "-o", tmp_path / "m", "--objective", "srm(pairs=0.5)"),
        *("--network", "small_decoder(game24(), width=16, layers=1, heads=2)"),
        *("--held-out-file", held_out, "--steps", 5, "--batch", 2, "--accumulate", 2),
        *("--rate", 0.01, "--warmup", 2, "--every", 5, "--patience", 3, "--precision", "bfloat16"),
        *("--combine", "mean", "--limit", 10, "--seed", 3, "--minutes", 9),
    )
    assert done.exit_code == 0, done.stderr
    card = json.loads((tmp_path / "m/model.json").read_text())
    assert card["combine"] == "mean()"
    assert card["objective"] == "srm(pairs=0.5)"
    text = (tmp_path / "m/card.md").read_text()
    for said in (
        *("steps 5", "rate 0.01", "warmup 2", "batch 2", "accumulate 2", "every 5", "patience 3"),
        *("seed 3", "precision bfloat16", "minutes 9", "| training | 5 | 10 | 10 |"),
    ):
        assert said in text, said
    assert "| held out | 5 | 10 | 10 |" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected --task, such as --task game24, or --network"),
        (("--task", "game24", "--network", "small_decoder(game24())"), "got both"),
        (("--task", "game24", "--objective", "srm_plus(margin=2)"), "margin"),
        (("--task", "game24", "--objective", "bfs()"), "expected a objective"),
        (("--task", "game24", "--held-out", 0), "held-out solutions to measure on, got none"),
        (("--task", "game24", "--batch", 500), "at least the 500 examples of a batch"),
        (("--task", "game24", "--rate", 0), "above 0"),
        (("--task", "qa"), "words=(...) for the task 'qa'"),
        (("--task", "game24", "--precision", "int4"), "precision: expected"),
        (("--task", "game24", "--combine", "worst()"), "unknown aggregate"),
        (("--task", "game24", "--held-out", 1), "train on, got none: label more problems"),
        (("--network", "small_decoder(game24(), start=trained('no'))"), "got 'no': No such file"),
    ],
)
def test_what_it_refuses(call, labels, tmp_path, words, said):
    done = call("train", labels, "-o", tmp_path / "m", *words)
    assert done.exit_code == 2, done.stdout
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "m/model.json").exists()
    assert not (tmp_path / "m/command.json").exists()  # the folder is free for a better command


def test_a_folder_where_nothing_was_done_stays_free(call, labels, tmp_path):
    words = ("train", labels, "--task", "game24", "-o", tmp_path / "m", *SMALL)
    assert call(*words, "--batch", 500).exit_code == 2
    assert call(*words).exit_code == 0
    assert call(*words, "--batch", 500).exit_code == 2
    assert call(*words).exit_code == 0  # that of a run is not


def test_preference_pairs_with_margins(call, labels, tmp_path):
    file, lines = tmp_path / "pairs.jsonl", []
    for good, bad in pairwise(
        [json.loads(dump_labelled(one)) for one in rows(0, 20) if small(one)]
    ):
        if good["question"] == bad["question"]:
            texts = {"chosen": good["steps"][0], "rejected": bad["steps"][0]}
            lines.append(json.dumps({"prompt": good["question"], "margin": 3.0, **texts}))
    file.write_text("\n".join(lines))
    words = ("train", file, "--task", "game24", "--objective", "pairwise_orm()", *SMALL)
    done = call(*words, "-o", tmp_path / "m")
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "m/model.json").read_text())["combine"] == "last()"
    file.write_text("\n".join(lines).replace("3.0", "0.0"))
    assert call(*words, "-o", tmp_path / "n").exit_code == 0
    first, other = (
        json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[0]) for name in "mn"
    )
    assert first["held_out_pairs"] == other["held_out_pairs"] > 1
    assert first["held_out_loss"] > other["held_out_loss"]


@pytest.mark.parametrize(
    ("watch", "step", "pairs", "after", "said"),
    [
        # 0.2 is less than 2 errors of 0.125
        ("pair_accuracy", 8, 16, 0.7, "chance alone moves their accuracy by 0.12"),
        ("pair_accuracy", 8, 16, 0.8, ""),
        ("pair_accuracy", 8, 400, 0.7, ""),
        ("pair_accuracy", 0, 16, 0.5, "nothing was better than the first weights"),
        ("log_loss", 8, 16, 0.7, ""),
    ],
)
def test_a_gain_that_chance_can_make_is_said(capsys, watch, step, pairs, after, said):
    numbers = {"pair_accuracy": 0.5, "log_loss": 0.5, "pairs": pairs}
    done = Fitted(
        folder=Path("m"),
        steps=9,
        best_step=step,
        before=numbers,
        after=numbers | {watch: after},
        stopped=False,
        left_out=0,
    )
    _doubt(done, watch)
    warned = " ".join(capsys.readouterr().err.split())
    assert said in warned
    assert bool(said) is bool(warned)


def test_no_labels(call, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    done = call("train", tmp_path / "empty.jsonl", "--task", "game24", "-o", tmp_path / "m")
    assert done.exit_code == 2
    assert "empty" in done.stderr
    done = call("train", tmp_path / "nowhere.jsonl", "--task", "game24", "-o", tmp_path / "m")
    assert done.exit_code == 2


def test_without_the_extra_it_says_what_to_install(call, labels, tmp_path, monkeypatch):
    for name in ("specreward.train.fitting", "specreward.train.loop"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    done = call("train", labels, "--task", "game24", "-o", tmp_path / "m")
    assert done.exit_code == 2
    assert "training needs accelerate: pip install 'specreward[train]'" in done.stderr
    assert not (tmp_path / "m").exists()


def test_progress_says_loss_speed_and_the_number_that_decides():
    moment = Moment(step=3, steps=9, loss=0.5, speed=1234.0)
    assert _said(moment) == "loss 0.5000, 1.23k tokens/s"
    watched = replace(moment, watch="held_out_auc", watched=0.75)
    assert _said(watched).endswith(", held-out auc 0.7500")
