"""What tells one family from another: wrong tokenizers, heads and settings are refused."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the transformers extra")
transformers = pytest.importorskip("transformers", reason="needs the transformers extra")

from generate.hf import tiny  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from specreward.errors import InputError  # noqa: E402
from specreward.reward import published  # noqa: E402
from specreward.reward.solutions import Solution  # noqa: E402

from . import checkpoints  # noqa: E402
from .checkpoints import FAMILIES, LLAMA_TOKENS, QUESTION, STEPS, folder, words_of  # noqa: E402


def grade(model, question=QUESTION, steps=STEPS):
    [one] = asyncio.run(model.grade([Solution(question, tuple(steps))]))
    return one


def values(model, question=QUESTION, steps=STEPS):
    return list(grade(model, question, steps).values)


@pytest.fixture
def copied(tmp_path):
    def copy(name):
        shutil.copytree(folder(name), tmp_path / name)
        return tmp_path / name

    return copy


def with_words(path, made):
    for file in Path(path).glob("*token*"):
        file.unlink()
    made.save_pretrained(path)
    return path


def test_settings_reach_the_loading_of_weights(monkeypatch):
    given = {}

    def refuse(name, kind, **settings):
        given.update(settings, name=name, kind=kind)
        raise InputError("enough")

    monkeypatch.setattr("specreward.reward.published.local.load", refuse)
    model = published.RLHFlowPRM(
        "me/mine@v1",
        device="cuda:1",
        dtype="float16",
        quantisation=(("load_in_4bit", True),),
        trust_remote_code=True,
    )
    with pytest.raises(InputError, match="enough"):
        grade(model)
    assert given == {
        "name": "me/mine@v1",
        "kind": "AutoModelForCausalLM",
        "device": "cuda:1",
        "dtype": "float16",
        "quantisation": (("load_in_4bit", True),),
        "trust_remote_code": True,
    }


# ------------------------------------------------------------------ tokenizers


def test_separators_that_the_tokenizer_lacks(copied):
    made = tiny.tokenizer(chat=True)
    for name in ("qwen_prm", "reasonflux_prm", "athena_prm"):
        path = with_words(copied(name), made)
        with pytest.raises(InputError, match=r"token '<(extra_0|\|step\|)>'.*does not have"):
            grade(FAMILIES[name].model(path))
    path = with_words(copied("math_shepherd"), tiny.tokenizer())
    with pytest.raises(InputError, match=r"Math-Shepherd reads the tokens '\+' and '-'"):
        grade(published.MathShepherd(str(path)))
    path = with_words(copied("encoder_srm"), tiny.tokenizer("spaces", special=("[CLS]",)))
    with pytest.raises(InputError, match=r"'\[QUES\]'"):
        grade(published.EncoderSRM(str(path)))


def test_an_encoder_needs_the_tokens_around_its_texts(copied):
    made = tiny.tokenizer("spaces", special=("[QUES]", "<|endoftext|>"))
    path = with_words(copied("encoder_srm"), made)
    with pytest.raises(InputError, match=r"\[CLS\] and \[SEP\]"):
        grade(published.EncoderSRM(str(path)))


def test_a_first_token_that_the_tokenizer_lacks(copied):
    path = copied("skywork_prm")
    file = path / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"bos_token": None}))
    with pytest.raises(InputError, match="bos_token"):
        grade(published.SkyworkPRM(str(path)))


@pytest.mark.parametrize("name", ["qwen_prm", "rlhflow_prm", "sequence_classifier", "athena_prm"])
def test_a_chat_template_that_the_tokenizer_lacks(copied, name):
    path = copied(name)
    (path / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match="chat template"):
        grade(FAMILIES[name].model(path))


# ----------------------------------------------------------------------- heads


def test_weights_of_another_family():
    with pytest.raises(InputError, match=r"score\.0\.weight.*of another family"):
        grade(published.QwenPRM(str(folder("athena_prm"))))
    with pytest.raises(InputError, match=r"v_head\.summary\.weight.*score\.0"):
        grade(published.SkyworkPRM(str(folder("qwen_prm"))))
    with pytest.raises(InputError, match=r"reward_head\.pt"):
        grade(published.ReasonFluxPRM(str(folder("athena_prm"))))
    with pytest.raises(InputError, match="lacks"):
        grade(published.MathShepherd(str(folder("qwen_prm"))))
    with pytest.raises(InputError, match="lacks score"):
        grade(published.SequenceClassifier(str(folder("rlhflow_prm"))))


def test_a_name_knows_the_head_beside_the_weights(copied, tmp_path):
    path = copied("reasonflux_prm_1.5b")
    other = tmp_path / "other" / path.name
    shutil.copytree(path, other)
    assert published.ReasonFluxPRM(str(path)).name == published.ReasonFluxPRM(str(other)).name
    another = tmp_path / "another" / path.name
    shutil.copytree(path, another)
    head = {name: 2 * one for name, one in torch.load(path / "reward_head.pt").items()}
    torch.save(head, another / "reward_head.pt")
    assert published.ReasonFluxPRM(str(path)).name != published.ReasonFluxPRM(str(another)).name


def test_a_head_that_cannot_be_read(copied):
    """Nor is a pickled module taken, which would run its code."""
    path = copied("reasonflux_prm_1.5b")
    for damage in (b"no weights", None):
        if damage is None:
            torch.save(torch.nn.Linear(32, 1), path / "reward_head.pt")
        else:
            (path / "reward_head.pt").write_bytes(damage)
        with pytest.raises(InputError, match=r"reward_head\.pt: expected a file of weights, got"):
            grade(published.ReasonFluxPRM(str(path)))


def test_a_head_of_another_width(copied):
    path = copied("qwen_prm")
    held = load_file(path / "model.safetensors")
    held["score.0.weight"] = torch.zeros(32, 31)
    save_file(held, path / "model.safetensors")
    with pytest.raises(InputError, match=r"score\.0\.weight with 32 columns, got.*31"):
        grade(published.QwenPRM(str(path)))


@pytest.mark.parametrize(
    ("make", "cls"),
    [
        (checkpoints.make_classifier, published.SequenceClassifier),
        (checkpoints.make_encoder, published.EncoderSRM),
    ],
)
def test_models_with_several_labels(tmp_path, make, cls):
    make(tmp_path, num_labels=3)
    with pytest.raises(InputError, match="one label"):
        grade(cls(str(tmp_path)))


def test_encoders_where_a_decoder_is_needed_and_those_that_number_segments(tmp_path):
    network = tiny.network("deberta", "AutoModelForSequenceClassification", num_labels=1)
    network.save_pretrained(tmp_path / "a")
    tiny.tokenizer(chat=True).save_pretrained(tmp_path / "a")
    with pytest.raises(InputError, match="a decoder with a layer 'score'"):
        grade(published.SequenceClassifier(str(tmp_path / "a")))
    checkpoints.make_encoder(tmp_path / "b", type_vocab_size=2)
    with pytest.raises(InputError, match="number its segments"):
        grade(published.EncoderSRM(str(tmp_path / "b")))


def test_heads_in_several_files_and_formats(tmp_path, copied):
    """Sharded, under a prefix, and in safetensors beside torch's own: the same numbers."""
    plain = values(published.SkyworkPRM(str(folder("skywork_prm"))))
    checkpoints.make_skywork(tmp_path / "a", prefix="pretrained_model.")
    assert values(published.SkyworkPRM(str(tmp_path / "a"))) == plain
    path = copied("skywork_prm")
    held = torch.load(path / "pytorch_model.bin")
    (path / "pytorch_model.bin").unlink()
    parts = {"one": {}, "two": {}}
    for index, (key, one) in enumerate(held.items()):
        parts["one" if index % 2 else "two"][key] = one.contiguous()
    table = {key: f"{part}.safetensors" for part in parts for key in parts[part]}
    for part, weights in parts.items():
        save_file(weights, path / f"{part}.safetensors", metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": table}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert values(published.SkyworkPRM(str(path))) == plain


# -------------------------------------------------------------- single families


def test_the_other_class_is_another_score():
    found = values(published.QwenPRM(str(folder("qwen_prm"))))
    wrong = checkpoints.qwen_scores(folder("qwen_prm"), QUESTION, STEPS, label=0)
    assert [a + b for a, b in zip(found, wrong, strict=True)] == pytest.approx([1] * 3, abs=1e-4)
    assert max(abs(a - b) for a, b in zip(found, wrong, strict=True)) > 1e-2


def test_the_system_message_tells_two_families_apart():
    path = str(folder("qwen_prm"))
    assert values(published.QwenPRM(path)) != values(published.ReasonFluxPRM(path))


def test_a_shepherd_reads_its_own_tags_only():
    """A word that ends like the tag is no tag; a tag inside of a step is not read."""
    path = folder("math_shepherd")
    model = published.MathShepherd(str(path))
    weights = model._opened().weights
    tag = words_of(path).encode("ки")[-1]
    steps = ("Ann ки eats 5 руки", "ки 7.")
    found = model._encode(weights, Solution("ки apples?", steps))
    assert found.ids.count(tag) == 5
    assert [place for place, one in enumerate(found.ids) if one == tag][2::2] == list(found.at)
    text = words_of(path).decode(found.ids)
    assert "5 руки ки\nStep 2: ки 7. ки" in text
    assert len(values(model, "ки apples?", steps)) == 2


def test_a_shepherd_numbers_steps_that_have_no_number():
    model = published.MathShepherd(str(folder("math_shepherd")))
    numbered = tuple([f"Step {number}: {step}" for number, step in enumerate(STEPS, 1)])
    assert values(model, steps=numbered) == values(model)
    assert values(model, steps=("Stepwise: 7.",)) != values(model, steps=("7.",))


def test_a_line_is_a_step_for_skywork():
    path = folder("skywork_prm")
    model = published.SkyworkPRM(str(path))
    steps = ("Ann eats 5.\nSo 7 are left.", "It is 7.")
    exact = checkpoints.skywork_scores(path, QUESTION, steps)
    assert values(model, steps=steps) == pytest.approx(exact, abs=2e-5)
    spaced = ("Ann eats 5.\n\n \nSo 7 are left.", "It is 7.")
    assert values(model, steps=spaced) == values(model, steps=steps)
    apart = values(model, steps=("Ann eats 5.", "So 7 are left.", "It is 7."))
    assert apart[1:] == pytest.approx(exact, abs=2e-5)


def test_signs_in_a_step_are_not_answers():
    path = folder("rlhflow_prm")
    steps = ("12 + 5 + 1", "+", "- + -")
    exact = checkpoints.rlhflow_scores(path, "1 + 1?", steps)
    assert values(published.RLHFlowPRM(str(path)), "1 + 1?", steps) == pytest.approx(
        exact, abs=2e-5
    )


def test_what_a_classifier_is_read_at_where_the_last_token_is_padding(tmp_path):
    """As transformers reads it: at the last token that is no padding."""
    made = tiny.tokenizer(special=LLAMA_TOKENS)
    end = made.convert_tokens_to_ids("<|eot_id|>")
    checkpoints.make_classifier(tmp_path, pad_token_id=end)
    exact = checkpoints.classifier_scores(tmp_path, QUESTION, STEPS)
    assert values(published.SequenceClassifier(str(tmp_path))) == pytest.approx(exact, abs=2e-5)
    early = checkpoints.classifier_scores(tmp_path, QUESTION, STEPS, shift=-1)
    assert exact == pytest.approx(early, abs=1e-6)


def test_scale_and_what_stands_between_steps():
    path = str(folder("sequence_classifier"))
    [plain] = values(published.SequenceClassifier(path))
    [wide] = values(published.SequenceClassifier(path, scale=4))
    logit = torch.logit(torch.tensor(plain))
    assert wide == pytest.approx(float((logit / 4).sigmoid()), abs=1e-5)
    [lines] = values(published.SequenceClassifier(path, between="\n"))
    exact = checkpoints.classifier_scores(path, QUESTION, ("\n".join(STEPS),))
    assert [lines] == pytest.approx(exact, abs=2e-5)
    with pytest.raises(InputError, match="scale"):
        published.SequenceClassifier(path, scale=0)
    with pytest.raises(InputError, match="between"):
        published.SequenceClassifier(path, between=3)


def test_the_step_token_of_an_athena_must_be_given():
    with pytest.raises(InputError, match="step_token"):
        published.AthenaPRM("somewhere", step_token=" ")
    with pytest.raises(InputError, match="'nonsense words'"):
        grade(published.AthenaPRM(str(folder("athena_prm")), step_token="nonsense words"))
