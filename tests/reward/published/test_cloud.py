"""Critiques of CLoud: how they are drawn, ended and turned into a number."""

import asyncio

import pytest

torch = pytest.importorskip("torch", reason="needs the transformers extra")
transformers = pytest.importorskip("transformers", reason="needs the transformers extra")

from generate.hf import tiny  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from specreward.errors import InputError, RewardError  # noqa: E402
from specreward.reward import published  # noqa: E402
from specreward.reward.published.cloud_model import write  # noqa: E402
from specreward.reward.solutions import Solution  # noqa: E402

from . import checkpoints  # noqa: E402
from .checkpoints import QUESTION, STEPS, folder, words_of  # noqa: E402


def grade(model):
    [one] = asyncio.run(model.grade([Solution(QUESTION, STEPS)]))
    return one


def test_the_scale_and_the_penalty_of_critiques(monkeypatch):
    path = str(folder("cloud"))
    plain = grade(published.CLoud(path, max_tokens=400))
    wide = grade(published.CLoud(path, max_tokens=400, scale=4))
    logit = torch.logit(torch.tensor(plain.values[0], dtype=torch.double))
    assert wide.values == pytest.approx([float((logit / 4).sigmoid())], abs=1e-5)
    monkeypatch.setattr("specreward.reward.published.cloud.PENALTY", 3.0)
    assert grade(published.CLoud(path, max_tokens=400)).values != plain.values


def test_several_critiques_are_drawn_from_seeds_of_their_own():
    path = str(folder("cloud"))
    many = published.CLoud(path, critiques=3, temperature=1.0, max_tokens=400)
    one = grade(many)
    assert grade(many).values == one.values
    assert many.most_tokens == 1200
    other = published.CLoud(path, critiques=3, temperature=1.0, max_tokens=400, seed=1)
    assert grade(other).values != one.values
    single = grade(published.CLoud(path, temperature=1.0, max_tokens=400))
    assert 1 <= single.completion_tokens < one.completion_tokens
    assert single.values != one.values
    assert single.prompt_tokens < one.prompt_tokens


@pytest.mark.parametrize("penalty", [1.0, 1.01, 1.7])
def test_greedy_writing_is_that_of_transformers(penalty):
    """A penalty divides logits above 0 and multiplies those below, once for each token seen."""
    network = tiny.network("llama")
    prompt = [20, 30, 40, 30]
    with torch.inference_mode():
        [found] = write(
            network, prompt, stops={7}, most=40, temperature=0, penalty=penalty, seeds=[0]
        )
        out = network.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, 4, dtype=torch.long),
            max_new_tokens=40,
            do_sample=False,
            repetition_penalty=penalty,
            eos_token_id=7,
        )
    assert found == out[0, 4:].tolist()
    assert len(found) > 5


def test_writing_follows_the_law():
    """At a temperature, each draw with its own seed: the first token's counts fit its law."""
    network = tiny.network("llama")
    seeds = list(range(400))
    laws = {"stops": (), "temperature": 0.7, "penalty": 1}
    with torch.inference_mode():
        found = write(network, [20, 30], most=1, seeds=seeds, **laws)
        two = write(network, [20, 30], most=6, seeds=[3, 9], **laws)
        apart = [write(network, [20, 30], most=6, seeds=[seed], **laws)[0] for seed in (3, 9)]
    law = tiny.law(network, [20, 30], 0.7)[-1].exp()
    best = int(law.argmax())
    share = sum(one == [best] for one in found) / len(seeds)
    assert share == pytest.approx(float(law[best]), abs=0.08)
    assert two == apart
    assert [one[0] for one in two] == [found[3][0], found[9][0]]


def test_the_mean_is_of_rewards_and_not_of_probabilities(monkeypatch):
    """Three critiques that are given: their logits are averaged before the sigmoid."""
    path = str(folder("cloud"))
    model = published.CLoud(path, critiques=3, temperature=1.0)
    opened = model._opened()
    words = opened.weights.tokenizer
    end = words.convert_tokens_to_ids("<|eot_id|>")
    given = [[*words.encode(text), end] for text in ("Yes.", "No, it is not.", "The sum is 7.")]
    module = "specreward.reward.published.cloud.write"
    logits = []
    for one in given:
        monkeypatch.setattr(module, lambda *_, one=one, **__: [one])
        single = opened.weights.do(model._judge, opened, Solution(QUESTION, STEPS))
        logits.append(torch.logit(torch.tensor(single.values[0], dtype=torch.double)))
    monkeypatch.setattr(module, lambda *_, **__: given)
    [value] = opened.weights.do(model._judge, opened, Solution(QUESTION, STEPS)).values
    assert value == pytest.approx(float((sum(logits) / 3).sigmoid()), abs=1e-5)
    assert value != pytest.approx(float(sum(one.sigmoid() for one in logits) / 3), abs=1e-4)


def test_a_critique_that_does_not_end_is_an_error():
    model = published.CLoud(str(folder("cloud")), max_tokens=2)
    with pytest.raises(RewardError, match=r"at most 2 tokens.*raise max_tokens"):
        grade(model)


def test_checkpoints_without_critiques_are_read_at_the_end_of_the_answer(tmp_path):
    checkpoints.make_cloud(tmp_path, feedback="vanilla")
    one = grade(published.CLoud(str(tmp_path)))
    words = words_of(tmp_path)
    ids = words(checkpoints.llama_chat(QUESTION, "\n\n".join(STEPS)), add_special_tokens=False)
    network = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "base").eval()
    held = load_file(tmp_path / "model.safetensors")
    hidden = checkpoints.states(network.model, ids["input_ids"])[-1]
    dense = held["reward_head.dense.weight"] @ hidden + held["reward_head.dense.bias"]
    out = held["reward_head.out_proj.weight"] @ dense.tanh() + held["reward_head.out_proj.bias"]
    assert one.values == pytest.approx([float(out.sigmoid())], abs=2e-5)
    assert one.completion_tokens == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": 0},
        {"critiques": 0},
        {"critiques": 2},
        {"temperature": -1},
        {"max_tokens": 0},
        {"seed": -1},
    ],
)
def test_settings_of_critiques(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        published.CLoud("somewhere", **wrong)
