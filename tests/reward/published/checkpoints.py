"""A tiny checkpoint of each published family, and its scores worked out another way.

A checkpoint has the architecture, names of weights, special tokens and chat template of the
published ones. ``scores`` follows the model card: the whole text in one call of the tokenizer, a
batch of one, no cache, places found by token id, the head applied to all places.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from generate.hf import tiny
from safetensors.torch import load_file, save_file
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from specreward.reward import published

QUESTION = "Ann has 12 apples and eats 5 of them. How many apples are left?"
STEPS = ("Ann eats 5 of them.", "The number is 12 - 5 = 7.", "The answer is \\boxed{7}.")
SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
# As Qwen2.5: a system message of its own where there is none.
CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helper.<|im_end|>\n"
    "{% endif %}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}"
)
# As Llama 3.2: the day is printed, texts are trimmed.
LLAMA = (
    "{{ bos_token }}{% if date_string is not defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "<|start_header_id|>system<|end_header_id|>\n\nToday: {{ date_string }}<|eot_id|>"
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
)
LLAMA_TOKENS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
DAY = "26 Jul 2024"


@dataclass(frozen=True)
class Family:
    """How a family is built and checked."""

    cls: type
    make: Any
    scores: Any
    separator: str | None = None
    fields: tuple[tuple[str, Any], ...] = ()

    def model(self, path, **more):
        return self.cls(str(path), **dict(self.fields), **more)


# ------------------------------------------------------------------------------ building


def configured(path, network, architecture, **more):
    config = network.config.to_dict() | {"architectures": [architecture]} | more
    (Path(path) / "config.json").write_text(json.dumps(config))


def make_qwen(path, special=("<extra_0>",), template=CHATML):
    words = tiny.tokenizer(special=special)
    words.chat_template = template
    words.save_pretrained(path)
    network = tiny.network("qwen2", "AutoModel")
    weights = {f"model.{name}": one for name, one in network.state_dict().items()}
    save_file(weights | head_of(32, 2, deep=True), Path(path) / "model.safetensors")
    # The published ones name Python code, which must not be needed.
    code = {"AutoConfig": "configuration_x.X", "AutoModel": "modeling_x.X"}
    configured(path, network, "Qwen2ForProcessRewardModel", auto_map=code)


def head_of(width, labels, deep=False):
    draw = torch.Generator().manual_seed(7)

    def normal(*shape):
        return torch.randn(*shape, generator=draw) / shape[-1] ** 0.5

    if not deep:
        return {"weight": normal(labels, width), "bias": normal(labels)}
    return {
        "score.0.weight": normal(width, width),
        "score.0.bias": normal(width),
        "score.2.weight": normal(labels, width),
        "score.2.bias": normal(labels),
    }


def make_trajectory(path):
    tiny.tokenizer().save_pretrained(path)
    tiny.network("qwen2").save_pretrained(path)
    torch.save(head_of(32, 1), Path(path) / "reward_head.pt")


def make_skywork(path, prefix=""):
    tiny.tokenizer().save_pretrained(path)
    network = tiny.network("qwen2")
    head = head_of(32, 1)
    weights = dict(network.state_dict())
    weights |= {f"{prefix}v_head.summary.{name}": one for name, one in head.items()}
    torch.save(weights, Path(path) / "pytorch_model.bin")
    configured(path, network, "Qwen2ForPrmModel", auto_map={"AutoModel": "modeling_x.X"})


@functools.cache
def shepherd_words():
    """As Mistral's: words begin with a mark, <s> in front, the tag and both signs are words."""
    text = ["Step 1: Ann eats 5 of them. ки + - ки + - Step 2: The answer is 7. ки + - руки"] * 4
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    raw = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    raw.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    names = ["<unk>", "<s>", "</s>", *bytes_]
    raw.train_from_iterator(
        [*text, *tiny.TEXT],
        trainers.BpeTrainer(vocab_size=430, special_tokens=names, show_progress=False),
    )
    raw = tiny._plain_bytes(raw, names)
    raw.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def make_shepherd(path):
    shepherd_words().save_pretrained(path)
    tiny.network("mistral", sliding_window=None).save_pretrained(path)


def make_rlhflow(path):
    words = tiny.tokenizer(special=LLAMA_TOKENS)
    words.chat_template = LLAMA
    words.save_pretrained(path)
    tiny.network("llama").save_pretrained(path)


def make_athena(path):
    words = tiny.tokenizer(special=("<|step|>",))
    words.chat_template = CHATML
    words.save_pretrained(path)
    tiny.network("qwen2").save_pretrained(path)


def make_classifier(path, **settings):
    words = tiny.tokenizer(special=LLAMA_TOKENS)
    words.chat_template = LLAMA
    words.save_pretrained(path)
    own = {"num_labels": 1} | settings
    tiny.network("llama", "AutoModelForSequenceClassification", **own).save_pretrained(path)


def make_encoder(path, special=("[QUES]", "<|endoftext|>"), **settings):
    words = tiny.tokenizer("spaces", special=("[CLS]", "[SEP]", *special))
    words.cls_token, words.sep_token = "[CLS]", "[SEP]"
    words.save_pretrained(path)
    own = {"num_labels": 1} | settings
    tiny.network("deberta", "AutoModelForTokenClassification", **own).save_pretrained(path)


def make_cloud(path, feedback="teacher"):
    base = Path(path) / "base"
    words = tiny.tokenizer(special=LLAMA_TOKENS)
    words.chat_template = LLAMA
    words.save_pretrained(path)
    network = tiny.network("llama", max_position_embeddings=1024)
    network.save_pretrained(base)
    weights = {f"reward_base_model.{name}": one for name, one in network.state_dict().items()}
    # So that critiques end after some words.
    end = words.convert_tokens_to_ids("<|eot_id|>")
    weights["reward_base_model.lm_head.weight"] = network.lm_head.weight.detach().clone()
    weights["reward_base_model.lm_head.weight"][end] *= 3.0
    head = head_of(32, 32)
    out = head_of(32, 1)
    weights |= {f"reward_head.dense.{name}": one for name, one in head.items()}
    weights |= {f"reward_head.out_proj.{name}": one for name, one in out.items()}
    save_file({k: v.contiguous() for k, v in weights.items()}, Path(path) / "model.safetensors")
    config = {
        "architectures": ["CLoudRewardModel"],
        "model_type": "cloud",
        "feedback_method": feedback,
        "base_model_name_or_path": str(base),
        "torch_dtype": "float32",
    }
    (Path(path) / "config.json").write_text(json.dumps(config))


# ---------------------------------------------------------------- the same, another way


def words_of(path):
    return transformers.AutoTokenizer.from_pretrained(path)


def marked(ids, token):
    return [place for place, one in enumerate(ids) if one == token]


@torch.no_grad()
def states(network, ids):
    return network(torch.tensor([ids])).last_hidden_state[0]


@torch.no_grad()
def two_class(path, text, label=1, shift=0):
    """Softmax over two classes at each separator."""
    words = words_of(path)
    ids = words(text)["input_ids"]
    held = load_file(Path(path) / "model.safetensors")
    network = transformers.Qwen2Model(tiny.network("qwen2", "AutoModel").config).eval()
    body = {k.removeprefix("model."): v for k, v in held.items() if k.startswith("model.")}
    network.load_state_dict(body)
    head = torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    head.load_state_dict({k.removeprefix("score."): v for k, v in held.items() if "score" in k})
    probabilities = head(states(network, ids)).softmax(-1)
    places = marked(ids, words.convert_tokens_to_ids("<extra_0>"))
    return [probabilities[place + shift, label].item() for place in places]


def chatml(*turns):
    return "".join([f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns])


def qwen_scores(path, question, steps, **other):
    said = "".join([f"{step}<extra_0>" for step in steps])
    turns = (("system", SYSTEM), ("user", question), ("assistant", said))
    return two_class(path, chatml(*turns), **other)


def reasonflux_scores(path, question, steps, **other):
    said = "".join([f"{step}<extra_0>" for step in steps])
    turns = (("system", "You are a helper."), ("user", question), ("assistant", said))
    return two_class(path, chatml(*turns), **other)


@torch.no_grad()
def trajectory_scores(path, question, steps, shift=0):
    ids = words_of(path)(question + "\n\n".join(steps))["input_ids"]
    network = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    head = torch.nn.Linear(32, 1)
    head.load_state_dict(torch.load(Path(path) / "reward_head.pt"))
    return [head(states(network.model, ids)).sigmoid()[len(ids) - 1 + shift, 0].item()]


@torch.no_grad()
def skywork_scores(path, question, steps, shift=0):
    words = words_of(path)
    line = words.encode("\n")[-1]
    ids = words.encode(words.bos_token + question + "\n")
    places = []
    for step in steps:
        for text in step.split("\n"):
            ids += [*words.encode(text), line]
        places.append(len(ids) - 1)
    network = transformers.Qwen2ForCausalLM(tiny.network("qwen2").config).eval()
    held = torch.load(Path(path) / "pytorch_model.bin")
    head = torch.nn.Linear(32, 1)
    own = {key: one for key, one in held.items() if "v_head" in key}
    head.load_state_dict({key.rpartition(".")[2]: one for key, one in own.items()})
    network.load_state_dict({key: one for key, one in held.items() if key not in own})
    values = head(states(network.model, ids)).sigmoid()[:, 0]
    return [values[place + shift].item() for place in places]


@torch.no_grad()
def signs(network, ids, good, bad):
    """Probability of the good token against the bad one after each place."""
    logits = network(torch.tensor([ids])).logits[0]
    return logits[:, [good, bad]].softmax(-1)[:, 0]


def shepherd_scores(path, question, steps, shift=0):
    words = words_of(path)
    said = [f"Step {number}: {step} ки" for number, step in enumerate(steps, 1)]
    ids = words.encode(f"{question} " + "\n".join(said))
    good, bad = words.encode("+ -")[1:]
    network = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    values = signs(network, ids, good, bad)
    return [values[place + shift].item() for place in marked(ids, words.encode("ки")[-1])]


def rlhflow_scores(path, question, steps, shift=0):
    """One step after another, read three tokens from the end, as the authors' code does."""
    words = words_of(path)
    network = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    good, bad = words.encode("+")[-1], words.encode("-")[-1]
    found = []
    text = f"<s><|start_header_id|>system<|end_header_id|>\n\nToday: {DAY}<|eot_id|>"
    for number, step in enumerate(steps):
        said = step if number else f"{question} {step}"
        text += f"<|start_header_id|>user<|end_header_id|>\n\n{said.strip()}<|eot_id|>"
        text += "<|start_header_id|>assistant<|end_header_id|>\n\n+<|eot_id|>"
        ids = words(text, add_special_tokens=False)["input_ids"]
        found.append(signs(network, ids, good, bad)[-3 + shift].item())
    return found


def athena_scores(path, question, steps, shift=0):
    words = words_of(path)
    said = "".join([f"{step}<|step|>" for step in steps])
    turns = (("system", "You are a helper."), ("user", question), ("assistant", said))
    ids = words.encode(chatml(*turns))
    network = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    values = signs(network, ids, words.encode("+")[-1], words.encode("-")[-1])
    places = marked(ids, words.convert_tokens_to_ids("<|step|>"))
    return [values[place + shift].item() for place in places]


def llama_chat(question, answer):
    return (
        f"<s><|start_header_id|>system<|end_header_id|>\n\nToday: {DAY}<|eot_id|>"
        f"<|start_header_id|>user<|end_header_id|>\n\n{question}<|eot_id|>"
        f"<|start_header_id|>assistant<|end_header_id|>\n\n{answer}<|eot_id|>"
    )


@torch.no_grad()
def classifier_scores(path, question, steps, shift=0):
    ids = words_of(path)(llama_chat(question, "\n\n".join(steps)), add_special_tokens=False)
    cut = len(ids["input_ids"]) + shift
    network = transformers.AutoModelForSequenceClassification.from_pretrained(path).eval()
    return [network(torch.tensor([ids["input_ids"][:cut]])).logits[0, 0].sigmoid().item()]


@torch.no_grad()
def encoder_scores(path, question, steps, shift=0):
    words = words_of(path)
    first = words.encode("[QUES]" + "\n".join([question, *steps[:-1]]), add_special_tokens=False)
    second = words.encode(steps[-1] + "<|endoftext|>", add_special_tokens=False)
    around = [words.cls_token_id], [words.sep_token_id]
    ids = [*around[0], *first, *around[1], *second, *around[1]]
    network = transformers.AutoModelForTokenClassification.from_pretrained(path).eval()
    return [network(torch.tensor([ids])).logits[0, 0 - shift, 0].sigmoid().item()]


@torch.no_grad()
def cloud_scores(path, question, steps, shift=0):
    words = words_of(path)
    held = load_file(Path(path) / "model.safetensors")
    network = transformers.LlamaForCausalLM.from_pretrained(Path(path) / "base").eval()
    own = {k.removeprefix("reward_base_model."): v for k, v in held.items() if "base" in k}
    network.load_state_dict(own)
    end = words.convert_tokens_to_ids("<|eot_id|>")
    ask = (
        f"<|start_header_id|>system<|end_header_id|>\n\nToday: {DAY}"
        "<|start_header_id|>user<|end_header_id|>\n\nThe following is a break down on the "
        "correctness and usefulness of the assistant's response to my question:"
    )
    prompt = llama_chat(question, "\n\n".join(steps)) + ask
    ids = words(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    out = network.generate(
        ids, max_new_tokens=200, do_sample=False, repetition_penalty=1.01, eos_token_id=end
    )
    written = out[0, ids.shape[1] :].tolist()
    stop = min([written.index(one) for one in (end, words.eos_token_id) if one in written])
    critique = words.decode(written[:stop]).strip()
    ids = words(prompt + critique + "<|eot_id|>", add_special_tokens=False)["input_ids"]
    hidden = states(network.model, ids)[-1 + shift]
    dense = held["reward_head.dense.weight"] @ hidden + held["reward_head.dense.bias"]
    out = held["reward_head.out_proj.weight"] @ dense.tanh() + held["reward_head.out_proj.bias"]
    return [out.sigmoid().item()]


FAMILIES = {
    "athena_prm": Family(
        published.AthenaPRM, make_athena, athena_scores, "<|step|>", (("step_token", "<|step|>"),)
    ),
    "cloud": Family(published.CLoud, make_cloud, cloud_scores, fields=(("max_tokens", 400),)),
    "encoder_srm": Family(published.EncoderSRM, make_encoder, encoder_scores),
    "math_shepherd": Family(published.MathShepherd, make_shepherd, shepherd_scores, " ки"),
    "qwen_prm": Family(published.QwenPRM, make_qwen, qwen_scores, "<extra_0>"),
    "reasonflux_prm": Family(published.ReasonFluxPRM, make_qwen, reasonflux_scores, "<extra_0>"),
    "reasonflux_prm_1.5b": Family(published.ReasonFluxPRM, make_trajectory, trajectory_scores),
    "rlhflow_prm": Family(published.RLHFlowPRM, make_rlhflow, rlhflow_scores),
    "sequence_classifier": Family(published.SequenceClassifier, make_classifier, classifier_scores),
    "skywork_prm": Family(published.SkyworkPRM, make_skywork, skywork_scores, "\n"),
}


@functools.cache
def folder(name):
    """The checkpoint of a family, made once."""
    import atexit
    import shutil
    import tempfile

    path = Path(tempfile.mkdtemp(prefix=f"specreward-{name}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    FAMILIES[name].make(path)
    return path
