"""MetaStone-S1's head: where it reads, what it is made of, that it is read as trained."""

import asyncio
import math

import pytest

torch = pytest.importorskip("torch", reason="needs the transformers extra")
pytest.importorskip("transformers", reason="needs the transformers extra")

from generate.hf import tiny  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from specreward.errors import InputError, RewardError  # noqa: E402
from specreward.generate.hf.weights import body  # noqa: E402
from specreward.label.labelled import Labelled  # noqa: E402
from specreward.reward.aggregate import Geometric  # noqa: E402
from specreward.reward.published.trained_reflective import (  # noqa: E402
    Thinking,
    TrainedReflective,
    step_places,
    trained_reflective,
)
from specreward.reward.solutions import Solution, SolutionReward  # noqa: E402
from specreward.reward.trained import Trained  # noqa: E402
from specreward.spec import name_of, parse  # noqa: E402
from specreward.train.examples import Example  # noqa: E402
from specreward.train.fitting import Settings, fit  # noqa: E402
from specreward.train.modules.reflective import score_head  # noqa: E402
from specreward.train.networks import Reflective  # noqa: E402
from specreward.train.objectives import SPR  # noqa: E402
from specreward.types import Path, Problem, Step  # noqa: E402

pytestmark = pytest.mark.train

QUESTION = "How many apples?"
STEPS = ("Ann eats 5.", "12 - 5 = 7", "So 7.\n\n")
END = ".\n\n"
S, OPEN, CLOSE = 9, 7, 8


def solution(steps=STEPS, outcome=1.0, question=QUESTION):
    problem = Problem(question, question)
    labels = (None,) * len(steps)
    return Labelled(problem=problem, steps=steps, labels=labels, kind="step", outcome=outcome)


def every(one):
    return Example((one,), (tuple(range(len(one.steps))),))


# ------------------------------------------------------------------------------ places


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, 2, S, 3, S], [1, 3]),  # one left of each
        ([1, S, S, S, 2, S], [0, 4]),  # the first of a run
        ([S, 1, S], [1]),  # nothing stands before the first
        ([1, S, OPEN, S, 2, S, 3, CLOSE, 4, S], [4]),  # inside the tags, not right after the first
        ([1, S, OPEN, S, S, 2, S, CLOSE], [5]),  # nor a run that begins there
        ([OPEN, 1, S, 2, S], [1, 3]),  # thinking that has not ended
        ([1, S, CLOSE, 2, S], [0]),  # opened in a prompt that is not shown
        ([1, 2, 3], []),
    ],
)
def test_where_scores_are_read(ids, expected):
    assert step_places(ids, S, OPEN, CLOSE) == expected


def test_without_tags_in_the_tokeniser():
    assert step_places([1, S, OPEN, S], S, None, None) == [0, 2]


def test_a_step_is_read_at_the_token_before_its_own(tokenizer):
    found = Thinking(tokenizer, END, "tiny").read(QUESTION, STEPS)
    (step,) = tokenizer.encode(END, add_special_tokens=False)
    assert [found.ids[at + 1] for at in found.at] == [step] * 3
    assert tokenizer.decode([found.ids[at] for at in found.at]) == "577"
    assert found.steps == (0, 1, 2)
    shorter = Thinking(tokenizer, END, "tiny").read(QUESTION, STEPS[:2])
    assert found.ids[: len(shorter.ids)] == shorter.ids
    assert tokenizer.decode(found.ids).startswith(
        f"{QUESTION}\n\nAnn eats 5.\n\n12 - 5 = 7.\n\nSo 7."
    )


def test_a_thinking_text_in_one_step_is_read_at_all_its_places(tokenizer):
    text = "5 Z.\n\n12 Z.\n\nSo 7"  # Z merges with nothing
    found = Thinking(tokenizer, END, "tiny").read(QUESTION, [text, "Yes"])
    assert found.steps == (0, 0, 0, 1)
    (step,) = tokenizer.encode(END, add_special_tokens=False)
    assert all(found.ids[at] != step for at in found.at)


def test_only_the_thinking_is_read(tagged):
    thinking = Thinking(tagged, END, "tiny")
    found = thinking.read(QUESTION, ["<think>\nAnn eats 5.", "12 Z.\n\n</think> It is 7.", "7"])
    assert tagged.decode([found.ids[at] for at in found.at]) == "5Z"
    assert found.steps == (0, 1)


def test_the_chat_template_asks(chatty):
    found = Thinking(chatty, END, "tiny").read("<|end|> why", STEPS)
    text = chatty.apply_chat_template(
        [{"role": "user", "content": "why"}], tokenize=False, add_generation_prompt=True
    )
    assert text.partition("why")[0] in chatty.decode(found.ids)
    assert len(found.at) == 3


# ------------------------------------------------------------------------------ network


@pytest.mark.parametrize(("width", "expected"), [(5120, 52_449_281), (3584, 25_704_449), (8, 161)])
def test_size_of_the_head(width, expected):
    with torch.device("meta"):
        head = score_head(width, 0.5)
    assert sum(one.numel() for one in head.parameters()) == expected
    assert expected == 2 * width**2 + 4 * width + 1


def test_the_second_to_last_layer_before_the_step_token(settings):
    network = settings.build().eval()
    batch = network.encode([every(solution())])
    outputs = network(**batch.inputs)
    ids = batch.inputs["input_ids"]
    hidden = body(network.model)(input_ids=ids, output_hidden_states=True).hidden_states[-2][0]
    found = Thinking(network.tokenizer, END, "tiny").read(QUESTION, STEPS)
    expected = network.head(hidden[list(found.at)])
    assert torch.allclose(outputs, expected, atol=1e-5)
    assert batch.marks.step.tolist() == [0, 1, 2]


@pytest.mark.parametrize("scale", [0.0, 1e-4, 1.0])
def test_the_gradient_into_the_language_model_is_scaled(settings, scale):
    from dataclasses import replace

    def gradients(scale):
        network = replace(settings, backbone_grad_scale=scale).build().eval()
        network(**network.encode([every(solution())]).inputs).sum().backward()
        table = network.model.get_input_embeddings().weight
        return network, table.grad, network.head[0].weight.grad

    _, whole, head = gradients(1.0)
    network, scaled, same = gradients(scale)
    assert torch.allclose(scaled, whole * scale, rtol=1e-3, atol=1e-9)
    assert torch.allclose(same, head)
    assert network.head[2].p == 0.5


def test_steps_that_are_not_asked_for_have_no_mark(settings):
    network = settings.build()
    batch = network.encode([Example((solution(),), ((1,),)), Example((solution(),), ((0, 2),))])
    assert batch.marks.step.tolist() == [1, 0, 2]
    assert batch.marks.example.tolist() == [0, 1, 1]


@pytest.fixture
def trained(settings, tmp_path):
    data = [solution(), solution((*STEPS[:2], "So 8."), 0.0)]
    held = [solution(question="Apples?"), solution((*STEPS[:2], "So 8."), 0.0, "Apples?")]
    plan = Settings(steps=6, rate=1e-2, warmup=1, batch=2, every=3)
    fit(settings, SPR(warmup=6), data, held, plan, tmp_path / "run")
    return tmp_path / "run"


def test_it_is_read_as_it_was_trained(settings, trained):
    scorer = Trained(str(trained)).scorer
    assert isinstance(scorer, TrainedReflective)
    assert scorer.combine == Geometric()
    network = settings.build()
    network.load_state_dict(load_file(trained / "checkpoint" / "best.safetensors"))
    batch = network.eval().encode([every(solution())])
    expected = network(**batch.inputs)[:, 0].sigmoid().tolist()
    (graded,) = asyncio.run(scorer.grade([Solution(QUESTION, STEPS)]))
    assert list(graded.values) == pytest.approx(expected, abs=1e-5)
    path = Path(Problem("p", QUESTION), tuple([Step(text) for text in STEPS]))
    (score,) = asyncio.run(SolutionReward(scorer).score([path]))
    assert score == pytest.approx(math.prod(expected) ** (1 / 3), abs=1e-5)


def test_places_in_one_step_make_one_number(settings, trained):
    scorer = Trained(str(trained)).scorer
    text = "5 Z.\n\n12 Z.\n\nSo 7"  # Z merges with nothing
    (graded,) = asyncio.run(scorer.grade([Solution(QUESTION, (text,))]))
    network = settings.build()
    network.load_state_dict(load_file(trained / "checkpoint" / "best.safetensors"))
    outputs = network.eval()(**network.encode([every(solution((text,)))]).inputs)
    assert len(outputs) == 3
    expected = outputs[:, 0].sigmoid().log().mean().exp().item()
    assert graded.values == pytest.approx((expected,), abs=1e-5)


# ------------------------------------------------------------------------------ refusals


def test_a_tokeniser_without_the_step_token(model):
    with pytest.raises(InputError, match="a token '<step>', before which"):
        Reflective(model, step_token="<step>").build()


@pytest.mark.parametrize("family", ["qwen2", "gpt2"])  # which name the bound differently
def test_too_long(family):
    settings = Reflective(tiny.folder(family, style="bytes"))
    with pytest.raises(InputError, match="at most 256 tokens"):
        settings.build().encode([every(solution(("a b " * 400,)))])


def test_an_answer_after_the_thinking_has_no_score(tagged, settings, tmp_path):
    network = settings.build()
    network.tokenizer = tagged
    entries = network.save(tmp_path)
    scorer = trained_reflective(tmp_path, entries, Geometric())
    steps = ("<think> Ann eats 5.", "</think> It is 7.")
    with pytest.raises(RewardError, match="step 2 of 2 has no step token inside the think tags"):
        asyncio.run(scorer.grade([Solution(QUESTION, steps)]))
    with pytest.raises(InputError, match="step_token"):
        trained_reflective(tmp_path, {}, Geometric())


@pytest.mark.parametrize(
    "text", ["step_token=''", "backbone_grad_scale=2", "dropout=1.0", "seed=-1"]
)
def test_settings_out_of_range(text):
    with pytest.raises(InputError, match="expected"):
        parse(f"reflective('x', {text})")


def test_text():
    one = Reflective("folder", step_token=";", backbone_grad_scale=1.0, dropout=0.0, seed=3)
    assert parse(name_of(one), "network") == one


# ------------------------------------------------------------------------------ parts


@pytest.fixture(scope="module")
def model():
    return tiny.folder("qwen2", style="bytes")


@pytest.fixture
def settings(model):
    return Reflective(model, backbone_grad_scale=1.0)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny.tokenizer("bytes")


@pytest.fixture(scope="module")
def tagged():
    found = tiny.tokenizer("bytes")
    found.add_tokens(["<think>", "</think>"])
    return found


@pytest.fixture(scope="module")
def chatty():
    return tiny.tokenizer("bytes", chat=True)
