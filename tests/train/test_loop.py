"""The training loop: its schedule, what it leaves behind, and going on after a stop."""

import contextlib
import json
import math
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from safetensors.torch import load_file  # noqa: E402

from specreward.errors import InputError, StoreError  # noqa: E402
from specreward.train import loop  # noqa: E402
from specreward.train.decoder import Decoder, Shape  # noqa: E402
from specreward.train.loop import (  # noqa: E402
    Loop,
    NotFinite,
    Schedule,
    accelerated,
    binary_loss,
    token_loss,
    train,
)
from specreward.train.monitor import Watch  # noqa: E402
from specreward.train.packing import Row, collate  # noqa: E402

pytestmark = pytest.mark.train

SHAPE = Shape(vocabulary=6, outputs=6, width=8, layers=1, heads=2, hidden=8)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def batches(step):
    """Count on from a number that the step says."""
    row = Row()
    start = step % 5
    row.write([(start + 1) % 5, (start + 2) % 5], row.add([start]))
    return collate([row])


def trained(out, steps, **settings):
    """A network after steps of a run that is stopped there, or ended."""
    torch.manual_seed(0)
    net = Decoder(SHAPE)
    loss_of = settings.pop("loss_of", token_loss)
    every = settings.pop("every", 4)
    report = settings.pop("report", None)
    schedule = Schedule(steps=settings.pop("of", 12), warmup=3, rate=1e-2, **settings)

    def until(step):
        if step == steps:
            raise KeyboardInterrupt
        return batches(step)

    with contextlib.suppress(KeyboardInterrupt):
        train(net, until, loss_of, schedule, out, every=every, report=report)
    return net


def rows(out):
    kept = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [(row["step"], row["loss"], row["tokens"]) for row in kept]


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    whole = trained(tmp_path / "whole", 12)
    trained(tmp_path / "parts", 6)  # after a checkpoint at 4
    assert [step for step, *_ in rows(tmp_path / "parts")] == [4]
    parts = trained(tmp_path / "parts", 12)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    assert [step for step, *_ in rows(tmp_path / "whole")] == [4, 8, 12]
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, parts.state_dict()[name]), name
        assert torch.equal(weights, load_file(tmp_path / "parts/model.safetensors")[name])


def test_random_numbers_of_a_step_are_the_same_after_a_stop(tmp_path):
    def noisy(net, batch):
        return token_loss(net, batch) * (0.5 + torch.rand(()))  # as dropout draws

    trained(tmp_path / "whole", 12, loss_of=noisy)
    trained(tmp_path / "parts", 6, loss_of=noisy)
    trained(tmp_path / "parts", 12, loss_of=noisy)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_held_out_data_are_seen_without_dropout(tmp_path):
    net = Decoder(SHAPE)
    modes = []

    def report(step):
        modes.append(net.training)
        return {}

    train(net, batches, token_loss, Schedule(steps=4, warmup=1), tmp_path, every=2, report=report)
    assert modes == [False, False]
    assert net.training


def test_the_loss_falls(tmp_path):
    trained(tmp_path, 200, of=200, every=20)
    losses = [loss for _, loss, _ in rows(tmp_path)]
    assert losses[-1] < losses[0] / 4


def test_a_loss_that_is_no_number_stops_and_the_checkpoint_stays(tmp_path):
    def broken_at_9(net, batch, seen=[]):  # noqa: B006
        seen.append(batch)
        return token_loss(net, batch) * (math.nan if len(seen) == 10 else 1.0)

    with pytest.raises(FloatingPointError, match="loss is nan at step 9; checkpoint in"):
        trained(tmp_path, 12, loss_of=broken_at_9)
    trained(tmp_path / "good", 8)
    kept = load_file(tmp_path / "model.safetensors")
    assert all(torch.isfinite(weights).all() for weights in kept.values())
    assert load_file(tmp_path / "checkpoint.safetensors")["step"][0] == 8
    assert rows(tmp_path) == rows(tmp_path / "good")[:2]


def watched(out, values, until=None, higher=False, **more):
    """A run that looks after each step and sees these numbers, pulled out at a step."""

    def on_step(moment):
        if moment.step == until:
            raise KeyboardInterrupt

    torch.manual_seed(0)
    whole = Loop(
        batches=batches,
        loss_of=token_loss,
        schedule=Schedule(steps=len(values) - 1, warmup=1),
        tokens_of=lambda batch: batch.tokens.numel(),
        accelerator=accelerated(cpu=True),
        every=1,
        report=lambda step: {"seen": values[step]},
        on_step=on_step,
        **({"watch": Watch(name="seen", higher=higher, patience=2)} | more),
    )
    with contextlib.suppress(KeyboardInterrupt):
        return whole.run(Decoder(SHAPE), out)


def test_patience_is_counted_from_the_best_look_on_also_over_a_stop(tmp_path):
    values = [5.0, 6.0, 4.0, 6.0, 3.0, 3.0, 6.0, 1.0]  # an equal one is no better one
    state = watched(tmp_path / "whole", values)
    assert (state.step, state.best, state.best_step, state.stopped) == (6, 3.0, 4, True)
    assert watched(tmp_path / "parts", values, until=6) is None  # after the look at 5
    state = watched(tmp_path / "parts", values)
    assert (state.step, state.best_step, state.stopped) == (6, 4, True)
    state = watched(tmp_path / "up", [-value for value in values], higher=True)
    assert (state.step, state.best, state.best_step) == (6, -3.0, 4)


def test_looks_before_those_that_count_are_no_best_and_cost_no_patience(tmp_path):
    values = [1.0, 2.0, 3.0, 4.0, 9.0, 8.0, 8.5, 8.5, 7.0]
    begin = {"watch": Watch(name="seen", higher=False, patience=2, begin=4)}
    state = watched(tmp_path / "whole", values, **begin)
    assert (state.step, state.best, state.best_step, state.stopped) == (7, 8.0, 5, True)
    assert watched(tmp_path / "parts", values, until=4, **begin) is None  # after the look at 3
    best = (tmp_path / "parts/best.safetensors").read_bytes()
    state = watched(tmp_path / "parts", values, **begin)
    assert (state.step, state.best_step) == (7, 5)
    assert (tmp_path / "parts/best.safetensors").read_bytes() != best
    whole = (tmp_path / "whole/best.safetensors").read_bytes()
    assert (tmp_path / "parts/best.safetensors").read_bytes() == whole
    state = watched(tmp_path / "short", values[:4], **begin)  # none counted: the last weights
    assert (state.step, state.best, state.best_step, state.stopped) == (3, None, 3, False)


def test_what_has_gone_wrong_for_good_is_said_again(tmp_path):
    def halt(rows):
        return "it has collapsed" if rows[-1]["seen"] == 0.0 else None

    for _ in range(2):  # the last step is done: the second call must not go through
        with pytest.raises(InputError, match="it has collapsed"):
            watched(tmp_path, [1.0, 0.5, 0.0], halt=halt)
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert (last["step"], last["trouble"]) == (2, "it has collapsed")


def test_a_gradient_that_is_no_number_stops_before_it_is_in_the_weights(tmp_path):
    def steep(net, batch, seen=[]):  # noqa: B006
        seen.append(batch)
        loss = token_loss(net, batch)
        return loss + (0.0 * loss).sqrt() if len(seen) == 10 else loss  # sqrt is steep at 0

    with pytest.raises(NotFinite, match="gradient is nan at step 9; checkpoint in") as caught:
        trained(tmp_path, 12, loss_of=steep)
    assert list(caught.value.batches) == [9]


def test_a_checkpoint_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "checkpoint.part").mkdir()  # in the way
    with pytest.raises(StoreError, match="checkpoint before is still there"):
        trained(tmp_path, 12)


def test_the_rate_over_time():
    schedule = Schedule(steps=1000, rate=0.1, warmup=10, floor=0.2, minutes=60)
    assert schedule.at(0, 0) == pytest.approx(0.01)
    assert schedule.at(4, 0) == pytest.approx(0.05, rel=1e-3)
    half = 0.1 * (0.2 + 0.8 / 2)
    assert schedule.at(500, 0) == pytest.approx(half)
    assert schedule.at(100, 30) == pytest.approx(half)  # time is ahead of steps
    assert schedule.at(500, 10) == pytest.approx(half)  # and steps of time
    assert schedule.at(1000, 0) == pytest.approx(0.02)
    assert schedule.at(10, 90) == pytest.approx(0.02)


@pytest.mark.parametrize(
    "settings",
    [
        *({"steps": 0}, {"warmup": 0}, {"rate": 0.0}, {"rate": 1.5}, {"rate": math.nan}),
        *({"minutes": 0.0}, {"minutes": math.nan}, {"floor": 1.5}, {"floor": -0.1}),
    ],
)
def test_schedules_that_cannot_be(settings):
    with pytest.raises(InputError, match="expected"):
        Schedule(**{"steps": 10} | settings)


def test_minutes_end_a_run_and_it_does_not_begin_again(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 60))  # each look at it is a minute
    # The loop's own clock: that of the process is what event loops in other threads wait by.
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    trained(tmp_path, 12, minutes=6, every=4)
    assert [step for step, *_ in rows(tmp_path)] == [4, 6]
    before = load_file(tmp_path / "checkpoint.safetensors")
    trained(tmp_path, 12, minutes=6, every=4)
    after = load_file(tmp_path / "checkpoint.safetensors")
    assert [step for step, *_ in rows(tmp_path)] == [4, 6]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_held_out_numbers_are_logged_and_leave_the_training_alone(tmp_path):
    seen = []

    def report(step):
        seen.append(step)
        return {"accuracy": step / 2}

    trained(tmp_path / "a", 12, report=report)
    trained(tmp_path / "b", 12)
    last = json.loads((tmp_path / "a" / "log.jsonl").read_text().splitlines()[-1])
    assert last["accuracy"] == 6
    assert seen == [4, 8, 12]
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_the_loss_of_a_label_may_be_soft():
    net = Decoder(Shape(vocabulary=6, outputs=1, width=8, layers=1, heads=2, hidden=8))
    row = Row()
    row.label(row.add([1, 2]), 0.25)
    # An untrained reward is 1/2 whatever the label: log 2.
    assert binary_loss(net, collate([row])).item() == pytest.approx(math.log(2))
    torch.nn.init.normal_(net.head.weight, std=1.0)
    with torch.no_grad():
        logit = net(*(lambda b: (b.tokens, b.positions, b.mask))(collate([row])))[0, 1, 0].item()
    p = 1 / (1 + math.exp(-logit))
    expected = -(0.25 * math.log(p) + 0.75 * math.log(1 - p))
    assert binary_loss(net, collate([row])).item() == pytest.approx(expected, rel=1e-5)
