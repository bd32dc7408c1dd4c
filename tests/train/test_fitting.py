"""Training as a whole: the same curve after a stop, the best weights, and what is refused."""

import json
import math
import shutil
from dataclasses import dataclass, replace

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("accelerate", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from specreward.errors import InputError  # noqa: E402
from specreward.label.labelled import load_labelled  # noqa: E402
from specreward.testing import RunningSum  # noqa: E402
from specreward.train.fitting import Settings, _Fitting, fit  # noqa: E402
from specreward.train.networks import SmallDecoder  # noqa: E402
from specreward.train.objectives import ORM, PRM, SPR, SRM, SRMPlus  # noqa: E402

from .labels import solution  # noqa: E402

pytestmark = pytest.mark.train

TASK = RunningSum(modulus=10, length=2)
NET = SmallDecoder(TASK, width=16, layers=1, heads=2, words=(*"0123456789", "+", "=", "reward"))
SETTINGS = Settings(steps=12, batch=4, every=4, warmup=2, rate=1e-2)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


PROBLEMS = list({one.question: one for one in TASK.generate(100, "train", 0)}.values())


def siblings(first, last):
    """For each sum its right first step and two wrong ones."""
    data = []
    for problem in PROBLEMS[first:last]:
        right = TASK.sums(problem)[1]
        for miss in (0, 1, 3):
            step = str((right + miss) % 10)
            label = {0: 1.0, 1: 0.2, 3: 0.0}[miss]
            data.append(
                replace(
                    solution(label, question=problem.question, steps=(step,), outcome=label),
                    source={"labeller": "by_hand"},
                )
            )
    return data


TRAIN, HELD_OUT = siblings(0, 24), siblings(40, 48)


class Stop(Exception):
    """Somebody pulls the plug."""


def fitted(out, settings=SETTINGS, objective=None, at=None, **more):
    def on_step(moment):
        if moment.step == at:
            raise Stop

    objective = objective or SRMPlus()
    data = (more.pop("train", TRAIN), more.pop("held_out", HELD_OUT))
    return fit(NET, objective, *data, settings, out, on_step=on_step, **more)


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def timeless(out):
    return [{key: value for key, value in row.items() if key != "minutes"} for row in log(out)]


@pytest.mark.parametrize("settings", [SETTINGS, replace(SETTINGS, accumulate=2)])
def test_a_run_that_was_stopped_ends_with_the_same_bytes(tmp_path, settings):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert fitted(whole, settings).steps == 12
    for at in (3, 6, 11):  # before the first checkpoint, and after each
        with pytest.raises(Stop):
            fitted(parts, settings, at=at)
    assert not (parts / "model.json").exists()
    fitted(parts, settings)
    assert timeless(whole) == timeless(parts)
    for name in ("weights.data", "config.json", "model.json", "checkpoint/best.safetensors"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    before = (whole / "weights.data").read_bytes()
    again = fitted(whole, settings)  # done already
    assert again.steps == 12
    assert (whole / "weights.data").read_bytes() == before


def test_another_seed_is_another_run(tmp_path):
    fitted(tmp_path / "a")
    fitted(tmp_path / "b", replace(SETTINGS, seed=1))
    assert (tmp_path / "a/weights.data").read_bytes() != (tmp_path / "b/weights.data").read_bytes()


def test_it_learns(tmp_path):
    done = fitted(tmp_path, replace(SETTINGS, steps=150, every=50), held_out=siblings(24, 30))
    assert done.after["pair_accuracy"] > done.before["pair_accuracy"] == 0.5
    losses = [row["loss"] for row in log(tmp_path)[1:]]
    assert losses[-1] < losses[0]


def test_the_best_weights_are_kept_and_patience_ends_it(tmp_path):
    settings = replace(SETTINGS, steps=400, every=10, patience=3, rate=3e-2)
    done = fitted(tmp_path, settings, train=TRAIN[:12], objective=SRM())
    assert done.stopped
    assert done.steps == done.best_step + 30 < 400
    numbers = {row["step"]: row["held_out_log_loss"] for row in log(tmp_path)}
    assert numbers[done.best_step] == min(numbers.values()) == done.after["log_loss"]
    assert done.before["log_loss"] == numbers[0]
    kept = (tmp_path / "weights.data").read_bytes()
    assert fitted(tmp_path, settings, train=TRAIN[:12], objective=SRM()).stopped
    assert (tmp_path / "weights.data").read_bytes() == kept
    more = replace(settings, patience=5)
    assert fitted(tmp_path, more, train=TRAIN[:12], objective=SRM()).steps >= done.steps + 20


def test_spr_is_judged_from_the_end_of_its_warm_up_on(tmp_path, monkeypatch):
    seen = iter([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.6, 0.3])
    monkeypatch.setattr(
        SPR, "measure", lambda self, outputs, marks: {"auc": next(seen), "collapsed": 0.0}
    )
    settings = replace(SETTINGS, steps=14, every=2, patience=2)
    done = fitted(tmp_path, settings, SPR(warmup=8))
    assert (done.steps, done.best_step, done.stopped) == (14, 12, False)


def test_each_epoch_has_every_example_once_in_an_order_of_its_own():
    examples = SRMPlus().examples(TRAIN)
    settings = replace(SETTINGS, batch=5)
    fitting = _Fitting(None, SRMPlus(), examples, examples, settings)
    seen = [one for index in range(24) for one in fitting.chosen(index)]  # 5 epochs of 24
    epochs = [seen[start : start + 24] for start in range(0, 120, 24)]
    for epoch in epochs:
        assert sorted(epoch, key=examples.index) == examples
    assert len({tuple(map(examples.index, epoch)) for epoch in epochs}) == 5
    fresh = _Fitting(None, SRMPlus(), examples, examples, settings)
    assert fresh.chosen(17) == fitting.chosen(17)


def test_a_step_of_two_parts_is_a_step_of_both(tmp_path):
    """With one kind of example in each part, the mean of the two losses is that of all."""
    halves = replace(SETTINGS, batch=4, accumulate=2, steps=4, every=4)
    fitted(tmp_path / "parts", halves, objective=PRM())
    fitted(tmp_path / "whole", replace(halves, batch=8, accumulate=1), objective=PRM())
    (_, one), (_, other) = log(tmp_path / "parts"), log(tmp_path / "whole")
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
    assert one["held_out_log_loss"] == pytest.approx(other["held_out_log_loss"], rel=1e-3)


def test_a_loss_that_is_no_number_stops_with_the_batch_saved(tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Broken:
        watch, higher = "log_loss", False

        def examples(self, data):
            return PRM().examples(data)

        def loss(self, outputs, marks, step):
            return PRM().loss(outputs, marks, step) * (math.nan if step == 6 else 1.0)

        def measure(self, outputs, marks):
            return PRM().measure(outputs, marks)

    with pytest.raises(InputError, match=r"loss is nan at step 6; .*bad_batch.jsonl"):
        fitted(tmp_path, objective=Broken())
    lines = (tmp_path / "bad_batch.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert all(load_labelled(json.loads(line)) in TRAIN for line in lines)
    assert [row["step"] for row in log(tmp_path)] == [0, 4]  # the last checkpoint stays
    assert not (tmp_path / "model.json").exists()


def test_sixteen_bits(tmp_path):
    done = fitted(tmp_path / "bf16", replace(SETTINGS, precision="bfloat16"))
    full = fitted(tmp_path / "f32")
    assert done.after["mse"] == pytest.approx(full.after["mse"], abs=0.02)
    assert timeless(tmp_path / "bf16") != timeless(tmp_path / "f32")
    with pytest.raises(InputError, match="precision: expected float32 or bfloat16, got 'int8'"):
        fitted(tmp_path / "int8", replace(SETTINGS, precision="int8"))


def test_what_is_written(tmp_path):
    fitted(tmp_path, about={"labels": "labels.jsonl"})
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["format"] == 1
    assert card["kind"] == "embedded"
    assert card["objective"] == "srm_plus()"
    assert card["combine"] == "last()"
    assert card["label_kind"] == "prefix"
    text = (tmp_path / "card.md").read_text()
    for said in (
        "srm_plus()",
        "| training | 24 | 72 | 72 | 0.400 | by_hand (72) |",
        "labels.jsonl",
    ):
        assert said in text
    assert "| held out | 8 | 24 |" in text
    assert "pair_accuracy" in (tmp_path / "loss.html").read_text()
    assert [row["step"] for row in log(tmp_path)] == [0, 4, 8, 12]
    assert log(tmp_path)[1]["tokens"] > 0
    assert log(tmp_path)[0]["held_out_n"] == 24
    assert log(tmp_path)[0]["held_out_pairs"] == 24  # three of each of eight problems, not more
    assert not (tmp_path / ".part").exists()


def test_held_out_solutions_count_once_however_often_they_are_learned(tmp_path):
    settings = replace(SETTINGS, steps=1)
    fitted(tmp_path / "once", settings, objective=PRM())
    fitted(tmp_path / "often", settings, objective=PRM(upsample=3))
    once, often = log(tmp_path / "once")[0], log(tmp_path / "often")[0]
    assert once["held_out_n"] == often["held_out_n"] == 24
    assert "made 168 examples" in (tmp_path / "often/card.md").read_text()  # 24 + 3 * 48


def test_a_calibration_stays_with_its_weights(tmp_path):
    fitted(tmp_path)
    (tmp_path / "calibration.json").write_text("{}")
    fitted(tmp_path)
    assert (tmp_path / "calibration.json").exists()
    shutil.rmtree(tmp_path / "checkpoint")
    fitted(tmp_path, replace(SETTINGS, seed=4))
    assert not (tmp_path / "calibration.json").exists()


def test_how_steps_become_one_number(tmp_path):
    def combine(name, **more):
        fitted(tmp_path / name, replace(SETTINGS, steps=1), **more)
        return json.loads((tmp_path / name / "model.json").read_text())["combine"]

    assert combine("asked", combine="geometric") == "geometric()"
    local = [[replace(one, kind="step") for one in data] for data in (TRAIN, HELD_OUT)]
    assert combine("by_kind", train=local[0], held_out=local[1]) == "minimum()"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": []}, "labelled solutions to train on, got none"),
        ({"held_out": []}, "held-out solutions to measure on, got none"),
        ({"train": [*TRAIN, *HELD_OUT[:1]]}, "got 1 that are"),
        ({"train": [replace(TRAIN[0], kind="value"), *TRAIN]}, "labels of one kind"),
        ({"train": TRAIN[:9]}, "at least the 4 examples of a batch, got 3"),
        ({"train": [replace(one, labels=(None,)) for one in TRAIN]}, "steps with labels, got none"),
        ({"held_out": siblings(40, 41)[:1]}, "apart, got none"),
        ({"objective": ORM(), "train": [replace(x, outcome=None) for x in TRAIN]}, "outcome"),
        ({"train": [*TRAIN, solution(0.5, steps=("x",), question="1 + 2")]}, "does not know 'x'"),
        ({"combine": "lowest()"}, "unknown aggregate 'lowest'"),
    ],
)
def test_data_that_cannot_be_trained_on_are_refused_before_the_first_step(tmp_path, change, said):
    with pytest.raises(InputError, match=said):
        fitted(tmp_path / "out", at=1, **change)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"settings": replace(SETTINGS, rate=1e-3)}, "another run .settings: there .*rate=0.01"),
        ({"objective": SRM()}, "another run .objective: there 'srm_plus"),
        ({"train": TRAIN[3:]}, "another run .training data"),
        ({"held_out": HELD_OUT[3:]}, "another run .held-out data"),
    ],
)
def test_a_folder_of_another_run_is_refused(tmp_path, change, said):
    with pytest.raises(Stop):
        fitted(tmp_path, at=5)
    kept = (tmp_path / "checkpoint/checkpoint.safetensors").read_bytes()
    with pytest.raises(InputError, match=said):
        fitted(tmp_path, **change)
    assert (tmp_path / "checkpoint/checkpoint.safetensors").read_bytes() == kept


def test_a_checkpoint_of_another_network_or_a_damaged_one_is_refused(tmp_path):
    other = replace(NET, width=32)
    with pytest.raises(Stop):
        fitted(tmp_path, at=5)
    with pytest.raises(InputError, match=r"another run .network"):
        fit(other, SRMPlus(), TRAIN, HELD_OUT, SETTINGS, tmp_path)
    (tmp_path / "checkpoint/checkpoint.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="damaged"):
        fitted(tmp_path)


def test_numbers_that_decide_must_be_there(tmp_path):
    lone = [replace(one, labels=(0.5,)) for one in HELD_OUT]
    with pytest.raises(InputError, match="'held_out_pair_accuracy'"):
        fitted(tmp_path, objective=_Paired(), held_out=lone)


@dataclass(frozen=True, kw_only=True)
class _Paired:
    """SRM, decided by its pairs."""

    watch, higher = "pair_accuracy", True

    def examples(self, data):
        return SRM().examples(data)

    def loss(self, outputs, marks, step):
        return SRM().loss(outputs, marks, step)

    def measure(self, outputs, marks):
        return SRM().measure(outputs, marks)


@pytest.mark.parametrize("name", ["batch", "accumulate", "every", "steps", "rate"])
def test_settings_out_of_range(name):
    with pytest.raises(InputError, match=name):
        Settings(**{name: 0})


def test_another_precision_is_refused_at_once():
    with pytest.raises(InputError, match="precision: expected float32 or bfloat16, got 'int4'"):
        Settings(precision="int4")
