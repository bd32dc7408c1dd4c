"""The implicit process reward network: exact sums, a frozen reference, and how it is read again."""

import asyncio
import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from safetensors.torch import load_file  # noqa: E402

from specreward.assemble import Engines, wire  # noqa: E402
from specreward.embedded import EmbeddedDraft  # noqa: E402
from specreward.errors import InputError  # noqa: E402
from specreward.label.labelled import Labelled  # noqa: E402
from specreward.reward.judges import ImplicitPRM  # noqa: E402
from specreward.reward.published.trained_log_ratio import step_texts  # noqa: E402
from specreward.reward.trained import Trained  # noqa: E402
from specreward.spec import name_of, parse  # noqa: E402
from specreward.tasks import Game24  # noqa: E402
from specreward.testing.chains import RunningSum  # noqa: E402
from specreward.train.examples import Example  # noqa: E402
from specreward.train.fitting import Settings, fit  # noqa: E402
from specreward.train.networks import LogRatio  # noqa: E402
from specreward.train.objectives import ORM, PairwiseORM  # noqa: E402
from specreward.types import Problem  # noqa: E402

pytestmark = pytest.mark.train

TASK = Game24()
DRAFT = EmbeddedDraft("game24")
GOOD = ("13 - 9 = 4 (left: 4 4 10)", "10 - 4 = 6 (left: 4 6)", "4 * 6 = 24 (left: 24)")
BAD = ("13 - 9 = 4 (left: 4 4 10)", "10 + 4 = 14 (left: 4 14)", "14 - 4 = 10 (left: 10)")


def solution(steps, outcome, question="4 9 10 13"):
    problem = Problem(question, question)
    labels = (None,) * len(steps)
    return Labelled(problem=problem, steps=steps, labels=labels, kind="step", outcome=outcome)


DATA = [solution(GOOD, 1.0), solution(BAD, 0.0)]
# another question that reads the same, so that what is learned of one helps with the other
HELD = [solution(GOOD, 1.0, "13 10 9 4"), solution(BAD, 0.0, "13 10 9 4")]


def every(one):
    return Example((one,), (tuple(range(len(one.steps))),))


@pytest.fixture
def network():
    found = LogRatio(DRAFT, task=TASK, beta=0.5).build()
    with torch.no_grad():
        for parameter in found.policy.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    return found


def outputs(network, *examples):
    batch = network.encode(examples)
    return network(**batch.inputs)[:, 0], batch


def test_the_start_gives_zero_everywhere():
    found, batch = outputs(LogRatio(DRAFT, task=TASK).build(), *map(every, DATA))
    assert found.tolist() == [0.0] * 6
    assert batch.marks.solution.tolist() == [0, 0, 0, 1, 1, 1]
    assert batch.marks.last.tolist() == [False, False, True] * 2


def test_step_rewards_add_up_to_the_log_ratio(network):
    """Against the engine's own log-probabilities, of the frozen side, and the sum of steps."""
    found, _ = outputs(network, every(DATA[0]))
    whole, _ = outputs(network, Example((DATA[0],), ((2,),)))
    assert found[2].item() == pytest.approx(whole[0].item(), abs=1e-5)
    total = 0.0
    for depth, step in enumerate(GOOD):
        prompt = TASK.prompt(DATA[0].path(depth))
        pair = network._side.read(prompt, f"{step} ;")
        tokens = torch.tensor([pair[0] + pair[1]])
        laws = [
            side(tokens, torch.ones_like(tokens)).log_softmax(-1)
            for side in (network.policy, network._frozen[0])
        ]
        places = range(len(pair[0]) - 1, tokens.shape[1] - 1)
        sums = [sum(law[0, i, tokens[0, i + 1]].item() for i in places) for law in laws]
        total += 0.5 * (sums[0] - sums[1])
        assert found[depth].item() == pytest.approx(total, abs=1e-4)
        (engine,) = asyncio.run(DRAFT.logprobs([(prompt, f"{step} ;")]))
        assert sums[1] == pytest.approx(engine.value, abs=1e-3)


def test_beta_scales_and_keeps_the_order(network):
    plain, _ = outputs(network, *map(every, DATA))
    other = LogRatio(DRAFT, task=TASK, beta=0.05).build()
    other.load_state_dict(network.state_dict())
    small, _ = outputs(other, *map(every, DATA))
    assert small.tolist() == pytest.approx((plain / 10).tolist(), rel=1e-4)


def test_equal_rows_are_read_once(network):
    _, batch = outputs(network, *map(every, DATA))
    assert batch.inputs["tokens"].shape[0] == 5  # the first step is the same
    assert len(batch.inputs["mark"]) == 2 * (1 + 2 + 3)


def test_the_reference_is_frozen_and_not_kept(network):
    loss = ORM().loss(network(**(batch := network.encode([every(DATA[0])])).inputs), batch.marks, 0)
    loss.backward()
    assert all(one.grad is not None for one in network.policy.parameters())
    reference = network._frozen[0]
    assert not any(one.requires_grad for one in reference.parameters())
    assert all(name.startswith("policy.") for name in network.state_dict())
    network.train().double()
    assert {one.dtype for one in reference.parameters()} == {torch.float64}
    assert not reference.training


@pytest.mark.parametrize("objective", [ORM(), PairwiseORM()])
def test_training_and_reading(tmp_path, objective):
    """Outcomes go up and down; the folder is read by two engines to the same numbers."""
    settings = Settings(steps=12, rate=3e-3, warmup=1, batch=1, every=6)
    network = LogRatio(DRAFT, task=TASK, beta=0.5)
    fit(network, objective, DATA, HELD, settings, tmp_path / "run")
    trained = Trained(str(tmp_path / "run"))
    reward = wire(TASK, Engines(policy=DRAFT, reward=trained)).reward
    paths = [one.path() for one in DATA]
    good, bad = asyncio.run(reward.score(paths))
    assert good > bad
    module = network.build()
    module.load_state_dict(load_file(tmp_path / "run" / "checkpoint" / "best.safetensors"))
    expected, _ = outputs(module, *map(every, DATA))
    read = asyncio.run(reward.steps(paths))
    assert [len(one) for one in read] == [3, 3]
    assert read[0] + read[1] == pytest.approx(expected.sigmoid().tolist(), abs=1e-4)
    assert read[0][-1] == good
    again = wire(TASK, Engines(policy=DRAFT, reward=Trained(str(tmp_path / "run")))).reward
    assert repr(again) == repr(reward)  # results are kept under it: weights, not places
    assert "beta=0.5" in repr(reward)
    assert str(tmp_path) not in repr(reward)


def test_without_a_task_it_is_the_judge_of_the_package(tmp_path):
    network = LogRatio(DRAFT, beta=0.5, delimiter=" ; ")
    settings = Settings(steps=4, rate=3e-3, warmup=1, batch=1, every=2)
    fit(network, ORM(), DATA, HELD, settings, tmp_path / "run")
    trained = Trained(str(tmp_path / "run"))
    judge = trained.scorer
    assert isinstance(judge, ImplicitPRM)
    assert (judge.beta, judge.delimiter) == (0.5, " ; ")
    reward = wire(TASK, Engines(policy=DRAFT, reward=trained)).reward
    found = asyncio.run(reward.steps([DATA[0].path()]))[0]
    module = network.build()
    module.load_state_dict(load_file(tmp_path / "run" / "checkpoint" / "best.safetensors"))
    expected, _ = outputs(module, every(DATA[0]))
    assert expected[-1] > 0
    assert found == pytest.approx(expected.sigmoid().tolist(), abs=1e-4)


def test_transformers_models_are_trained_and_read_alike(tmp_path):
    pytest.importorskip("transformers", reason="needs the transformers extra")
    from specreward.train.hf import export_hf

    export_hf(DRAFT.folder, tmp_path / "hf")
    start = parse(f"transformers({str(tmp_path / 'hf')!r}, device='cpu')")
    network = LogRatio(start, task=TASK, beta=0.5)
    settings = Settings(steps=4, rate=1e-3, warmup=1, batch=1, every=2)
    fit(network, ORM(), DATA, HELD, settings, tmp_path / "run")
    reward = wire(TASK, Engines(policy=DRAFT, reward=Trained(str(tmp_path / "run")))).reward
    found = asyncio.run(reward.steps([DATA[0].path()]))[0]
    module = network.build()
    assert outputs(module, every(DATA[0]))[0].tolist() == [0.0] * 3
    module.load_state_dict(load_file(tmp_path / "run" / "checkpoint" / "best.safetensors"))
    expected, _ = outputs(module, every(DATA[0]))
    assert expected[-1] > 0
    assert found == pytest.approx(expected.sigmoid().tolist(), abs=1e-4)


def test_words_do_not_run_together():
    task = RunningSum(modulus=10, length=2)
    path = Labelled(
        problem=task.parse("3 + 5 + 9"),
        steps=("8", "7"),
        labels=(None, None),
        kind="step",
    ).path()
    assert step_texts(task, path) == [("3 + 5 + 9", " 8\n"), ("3 + 5 + 9 = 8", " 7\n")]
    lines = dataclasses.replace(path, problem=Problem("p", "3 + 5 + 9\n"))
    assert step_texts(task, lines)[0] == ("3 + 5 + 9\n", "8\n")


def test_what_is_refused(tmp_path):
    with pytest.raises(InputError, match="whose weights are at hand"):
        parse("log_ratio(openai('model'))")
    with pytest.raises(InputError, match="quantised"):
        parse("log_ratio(transformers('x', quantisation=(('load_in_4bit', True),)))")
    with pytest.raises(InputError, match="above 0"):
        LogRatio(DRAFT, beta=0.0)
    long = solution(("1 + " * 300,), 1.0)
    with pytest.raises(InputError, match="at most 256 in all"):
        LogRatio(DRAFT).build().encode([every(long)])
    network = LogRatio(DRAFT, task=TASK, beta=0.1)
    assert parse(name_of(network)) == network
