"""What is learned from outcomes alone, on running sums, of which everything is known exactly."""

import copy
import importlib
import json
from pathlib import Path as File

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from specreward.errors import InputError  # noqa: E402
from specreward.testing.chains import ChainPolicy, RunningSum  # noqa: E402
from specreward.train.examples import marks_of  # noqa: E402
from specreward.train.fitting import Settings, fit, measured  # noqa: E402
from specreward.train.objectives import SPR, TD, BiRM  # noqa: E402

pytestmark = pytest.mark.train

TASK = RunningSum(modulus=10, length=5)
POLICY = ChainPolicy(TASK, slip=0.12)


@pytest.fixture(scope="module")
def chain():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(File(__file__).parents[2] / "benchmarks"))
        yield importlib.import_module("chain_network")


@pytest.fixture(scope="module")
def data(chain):
    train = chain.solutions(TASK, chain.sample(POLICY, 4000, 1, "train"))
    seen = {one.problem.question for one in train}
    held = chain.solutions(TASK, chain.sample(POLICY, 300, 1, "held out"))
    return train, [one for one in held if one.problem.question not in seen]


# ------------------------------------------------------------------------------ spr


def taught_on(network, adam, batches, objective, steps):
    """More steps of a network, in place."""
    for step in range(steps):
        batch = batches[step % len(batches)]
        loss = objective.loss(network(**batch.inputs), batch.marks, step)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return network


def numbers(network, held):
    """What SPR measures, and by how much right steps score more than wrong ones."""
    examples = SPR().examples(held)
    batch = network.encode(examples)
    with torch.no_grad():
        scores = network(**batch.inputs)[:, 0].sigmoid()
    right = batch.marks.label > 0.5
    margin = (scores[right].mean() - scores[~right].mean()).item()
    return measured(network, SPR(), examples, 500) | {"margin": margin}


@pytest.fixture(scope="module")
def warm(chain, data):
    """A network after plain cross-entropy on copied outcomes, and the batches."""
    torch.manual_seed(0)
    network = chain.ChainSettings(task=TASK).build()
    examples = SPR().examples(data[0])
    batches = [network.encode(examples[start : start + 250]) for start in range(0, 4000, 250)]
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    taught_on(network, adam, batches, SPR(warmup=10**6), 350)
    return network, adam, batches


@pytest.mark.parametrize("released", [False, True])
def test_after_a_warmup_the_gate_sharpens_what_outcomes_taught(data, warm, released):
    network, adam, batches = warm
    before = numbers(network, data[1])
    network, adam = copy.deepcopy((network, adam))
    adam.param_groups[0]["lr"] = 3e-4  # at the full rate the paper form collapses even now
    after = numbers(taught_on(network, adam, batches, SPR(released=released), 100), data[1])
    assert before["step_auc"] > 0.95
    assert after["step_auc"] > 0.9
    assert after["margin"] > before["margin"] + 0.05
    assert not before["collapsed"]
    assert not after["collapsed"]


@pytest.mark.parametrize(("released", "bias"), [(False, 0.0), (True, 3.0)])
def test_a_cold_start_collapses_and_is_stopped(chain, data, tmp_path, released, bias):
    settings = Settings(steps=600, rate=2e-3, warmup=1, batch=64, every=40)
    network = chain.ChainSettings(task=TASK, bias=bias)
    objective = SPR(released=released, patience=2)
    with pytest.raises(InputError, match=r"spr has collapsed.*spr\(warmup=700\)"):
        fit(network, objective, *data, settings, tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert "trouble" in rows[-1]
    assert rows[-1]["step"] < 600
    assert rows[-1]["held_out_collapsed"] == rows[-2]["held_out_collapsed"] == 1.0
    assert rows[-1]["held_out_step_auc"] < 0.75
    assert not (tmp_path / "run" / "model.json").exists()


# ------------------------------------------------------------------------------ td


LONG = RunningSum(modulus=1009, length=6)
SLIPS = ChainPolicy(LONG, slip=0.1)


class Table(torch.nn.Module):
    """A value for each place, right or wrong so far, and bucket that a prefix falls into."""

    def __init__(self, buckets=1):
        super().__init__()
        self.buckets = buckets
        self.values = torch.nn.Parameter(torch.zeros(LONG.length, 2, buckets))

    def read(self, examples):
        rows = []
        for example in examples:
            (one,) = example.solutions
            for step in range(len(one.steps)):
                right = LONG.reachable(one.path(step + 1))
                rows.append((step, int(right), int(one.steps[step]) % self.buckets))
        return torch.tensor(rows).T

    def forward(self, where):
        return self.values[where[0], where[1], where[2]][:, None]


def taught(table, objective, examples, steps=400):
    where, marks = table.read(examples), marks_of(examples)
    adam = torch.optim.Adam(table.parameters(), lr=0.05)
    for step in range(steps):
        loss = objective.loss(table(where), marks, step)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return table


@pytest.mark.parametrize("n", [1, 6])
def test_td_finds_the_exact_values(chain, n):
    drawn = chain.solutions(LONG, chain.sample(SLIPS, 3000, 1, "train"))
    table = taught(Table(), TD(n=n), TD().examples(drawn))
    values = table.values.detach().sigmoid()[:, :, 0]
    for step in range(LONG.length):
        exact = 0.9 ** (LONG.length - 1 - step)
        bound = 3 * (exact * (1 - exact) / (3000 * 0.9 ** (step + 1))) ** 0.5 + 0.01
        assert values[step, 1].item() == pytest.approx(exact, abs=bound)
        assert values[step, 0].item() < 0.02


def test_td_is_smoother_and_nearer_than_monte_carlo_on_equal_data(chain):
    drawn = TD().examples(chain.solutions(LONG, chain.sample(SLIPS, 250, 1, "few")))
    tables = [taught(Table(20), TD(n=n), drawn) for n in (1, 6)]
    other = TD().examples(chain.solutions(LONG, chain.sample(SLIPS, 400, 1, "other")))
    jumps, errors = [], []
    for table in tables:
        values = table(table.read(other))[:, 0]
        jumps.append(TD().measure(values.detach()[:, None], marks_of(other))["jump"])
        exact = [
            SLIPS.value(one.path(step + 1))
            for example in other
            for one in example.solutions
            for step in range(len(one.steps))
        ]
        errors.append((values.sigmoid() - torch.tensor(exact)).square().mean().item())
    assert jumps[0] < 0.9 * jumps[1]
    assert errors[0] < 0.9 * errors[1]


# ------------------------------------------------------------------------------ birm


def test_the_process_adds_to_the_value_what_earlier_steps_say(chain, data):
    """The network sees one step at a time: its value of the last one knows no earlier slip."""
    torch.manual_seed(0)
    network = chain.ChainSettings(task=TASK, outputs=2).build()
    examples = BiRM().examples(data[0])
    batches = [network.encode(examples[start : start + 250]) for start in range(0, 4000, 250)]
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    taught_on(network, adam, batches, BiRM(), 240)
    found = measured(network, BiRM(), BiRM().examples(data[1]), 500)
    assert found["process_auc"] > 0.95
    assert found["auc"] > found["value_auc"] + 0.15
    assert found["auc"] > 0.85
