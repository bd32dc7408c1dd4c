import asyncio
import math
import shutil
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreward.engines import ChatPrompt, LanguageModel, Message, Sampling, TokenModel
from specreward.errors import EngineError, InputError
from specreward.generate.hf import Transformers
from specreward.ledger import TokenCounter
from specreward.seeds import uniform
from specreward.spec import name_of, parse

torch = pytest.importorskip("torch", reason="needs the transformers extra")
transformers = pytest.importorskip("transformers", reason="needs the transformers extra")

from specreward.generate.hf.decoder import Decoder  # noqa: E402
from specreward.generate.hf.head import Head  # noqa: E402
from specreward.generate.hf.readers import DecoderReader  # noqa: E402
from specreward.generate.hf.sampling import draw  # noqa: E402
from specreward.generate.hf.weights import load  # noqa: E402

from . import tiny  # noqa: E402

FAMILIES = ["qwen2", "llama", "gpt2", "mistral", "gemma2", "bloom", "mamba", "qwen3_next"]
PROMPTS = ["The sum is", "Step 2: double it. The answer is 14.\n\nStep", "a", "The sum is 7"]
FREE = Sampling(temperature=0.8, max_tokens=10)
CHAT = ChatPrompt((Message("user", "What is 3 + 4?"), Message("assistant", "It is")))


def engine(family="qwen2", *, style="bytes", chat=False, side="right", **fields):
    return Transformers(folder(family, style, chat, side), **fields)


def folder(family="qwen2", style="bytes", chat=False, side="right"):
    return tiny.folder(family, style=style, chat=chat, side=side)


def fresh(family="qwen2", **fields):
    """A decoder of its own, which has read nothing yet."""
    return Decoder(load(folder(family)), **{"cache_tokens": 2000, "batch_tokens": 2000} | fields)


def complete(lm, prompts, seeds, sampling=FREE):
    return asyncio.run(lm.complete(prompts, seeds, sampling))


def naive(family, ids, seed, sampling, ends=(2,)):
    """Token by token, each from one whole forward: tokens and log-probability."""
    row, logprob = list(ids), 0.0
    for place in range(sampling.max_tokens):
        law = tiny.law(tiny.network(family), row, sampling.temperature or 1.0)[-1]
        if sampling.temperature:
            token = int(torch.searchsorted(law.exp().cumsum(0), uniform(seed, place)))
        else:
            token = int(law.argmax())
        logprob += float(law[token])
        row.append(token)
        if token in ends:
            break
    return row[len(ids) :], logprob


def said(completions):
    return [(c.text, c.tokens, c.finish) for c in completions]


def near(found, expected):
    assert said(found) == said(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


# ------------------------------------------------------------------------------ what is sampled


@pytest.mark.parametrize(
    ("family", "temperature"), [*[(family, 0.8) for family in FAMILIES], ("qwen2", 0.0)]
)
def test_each_token_is_drawn_from_the_law_of_one_whole_forward(family, temperature):
    lm = engine(family)
    words = load(folder(family)).tokenizer
    sampling = Sampling(temperature=temperature, max_tokens=8)
    prompts, seeds = [PROMPTS[1], PROMPTS[2], PROMPTS[1]], range(3)
    completions = complete(lm, prompts, seeds, sampling)
    for prompt, seed, found in zip(prompts, seeds, completions, strict=True):
        ids = words(prompt)["input_ids"]
        tokens, logprob = naive(family, ids, seed, sampling)
        assert found.tokens == len(tokens)
        assert found.logprob == pytest.approx(logprob, abs=1e-4)
        assert found.finish == ("stop" if tokens[-1] == 2 else "length")
        assert words.decode(ids) + found.text == words.decode(
            ids + tokens, skip_special_tokens=True
        )
        assert found.prompt_tokens == len(ids)


def test_the_shares_of_a_first_token_follow_the_law():
    lm = engine()
    sampling = Sampling(temperature=1.0, max_tokens=1)
    drawn = complete(lm, ["The sum is"] * 3000, range(3000), sampling)
    ids = load(folder()).tokenizer("The sum is")["input_ids"]
    law = tiny.law(tiny.network(), ids)[-1]
    best = int(law.argmax())
    found = [c for c in drawn if math.isclose(c.logprob, float(law[best]), abs_tol=1e-5)]
    share = len(found) / 3000
    assert abs(share - float(law[best].exp())) < 4 * math.sqrt(0.25 / 3000)


def test_a_draw_is_the_inverse_of_the_cumulative_law():
    logits = torch.tensor([[0.0, math.log(2), math.log(1)]])
    for point, token in [(0.0, 0), (0.24, 0), (0.26, 1), (0.74, 1), (0.76, 2), (1 - 2**-53, 2)]:
        (found,), (logprob,) = draw(logits, 1.0, [point])
        assert found == token
        assert logprob == pytest.approx(math.log([0.25, 0.5, 0.25][token]))
    (_,), (logprob,) = draw(logits, 0.5, [0.5])
    assert logprob == pytest.approx(math.log(4 / 6))
    assert draw(logits, 0.0, [0.9]) == ([1], [pytest.approx(math.log(0.5))])


# ------------------------------------------------------------------------------ what has no say


@pytest.mark.parametrize("family", ["mistral", "mamba"])  # side by side, one by one
def test_company_and_order_do_not_matter(family):
    lm = engine(family)
    prompts, seeds = PROMPTS * 2, list(range(8))
    together = complete(lm, prompts, seeds)
    alone = [complete(lm, [prompt], [s])[0] for prompt, s in zip(prompts, seeds, strict=True)]
    near(together, alone)
    near(together, complete(lm, prompts[::-1], seeds[::-1])[::-1])
    assert len({c.text for c in together[:4]}) == 4


@settings(max_examples=4, deadline=None)
@given(cache_tokens=st.integers(0, 60), batch_tokens=st.integers(1, 200))
def test_bounds_do_not_matter(cache_tokens, batch_tokens):
    bounded = fresh(cache_tokens=cache_tokens, batch_tokens=batch_tokens)
    expected = complete(engine(), PROMPTS * 2, range(8))
    for _ in range(2):
        near(bounded.weights.do(bounded.complete, PROMPTS * 2, range(8), FREE), expected)
        assert len(bounded.reader) <= cache_tokens


def test_the_padding_side_of_the_tokeniser_does_not_matter():
    left = complete(engine(side="left"), PROMPTS, range(4))
    near(left, complete(engine(side="right"), PROMPTS, range(4)))


def test_batches_keep_to_their_bound():
    decoder, widths = fresh(batch_tokens=64), []

    def note(module, args, kwargs):
        widths.append(kwargs["attention_mask"].shape)

    hook = decoder.reader.backbone.module.register_forward_pre_hook(note, with_kwargs=True)
    decoder.weights.do(decoder.complete, PROMPTS * 6, range(24), FREE)
    hook.remove()
    assert all(rows * width <= 64 for rows, width in widths)
    assert max(rows for rows, _ in widths) > 1


def test_without_any_cache_every_token_is_computed_anew(caplog):
    class Bare(torch.nn.Module):
        """A body that keeps no past at all."""

        def __init__(self, inner):
            super().__init__()
            self.inner, self.config, self.dtype = inner, inner.config, inner.dtype

        def get_input_embeddings(self):
            return self.inner.get_input_embeddings()

        def forward(self, input_ids, use_cache=None):
            return self.inner(input_ids, use_cache=False)

    decoder = fresh()
    decoder.reader = DecoderReader(Bare(decoder.weights.body))
    assert "no cache can be reused" in caplog.text
    found = decoder.weights.do(decoder.complete, PROMPTS, range(4), FREE)
    near(found, complete(engine(), PROMPTS, range(4)))


# ------------------------------------------------------------------------------ stops and ends


@pytest.mark.parametrize("family", ["qwen2", "mamba"])
def test_a_stop_cuts_the_text_where_it_stands(family):
    (free,) = complete(engine(family), ["The sum is"], [3])
    assert len(free.text) >= 6
    for start in range(1, len(free.text) - 2, 5):
        stop = free.text[start : start + 2]
        first = free.text.find(stop)
        law = Sampling(temperature=0.8, max_tokens=10, stop=("never", stop))
        (cut,) = complete(engine(family), ["The sum is"], [3], law)
        assert (cut.text, cut.finish) == (free.text[:first], "stop")
        assert cut.tokens <= free.tokens
        assert cut.logprob >= free.logprob - 1e-6
        law = Sampling(temperature=0.8, max_tokens=10, stop=(stop,), keep_stop=True)
        (kept,) = complete(engine(family), ["The sum is"], [3], law)
        assert (kept.text, kept.finish) == (free.text[:first] + stop, "stop")
        assert (kept.tokens, kept.logprob) == (cut.tokens, pytest.approx(cut.logprob, abs=1e-5))


def test_the_token_that_reaches_over_a_stop_counts_whole():
    words = load(folder()).tokenizer
    ids = words("The sum is")["input_ids"]
    for seed in range(20):
        tokens, _ = naive("qwen2", ids, seed, FREE)
        pieces = [words.decode([token]) for token in tokens]
        whole = [(i, p) for i, p in enumerate(pieces) if len(p) > 2 and "�" not in p]
        if whole and "".join(pieces).find(whole[0][1][:2]) == len("".join(pieces[: whole[0][0]])):
            break
    place, piece = whole[0]
    law = Sampling(temperature=0.8, max_tokens=10, stop=(piece[:2],))
    (cut,) = complete(engine(), ["The sum is"], [seed], law)
    assert cut.tokens == place + 1
    _, logprob = naive("qwen2", ids, seed, Sampling(temperature=0.8, max_tokens=place + 1))
    assert cut.logprob == pytest.approx(logprob, abs=1e-4)
    assert not cut.text.endswith(piece)


def test_every_end_of_the_generation_settings_ends_a_text(tmp_path):
    words = load(folder()).tokenizer
    tokens, _ = naive("qwen2", words("The sum is")["input_ids"], 3, FREE)
    copy = shutil.copytree(folder(), tmp_path / "copy")
    own = transformers.GenerationConfig(eos_token_id=[390, tokens[4]])
    own.save_pretrained(copy)
    (found,) = complete(Transformers(str(copy)), ["The sum is"], [3])
    assert (found.tokens, found.finish) == (5, "stop")


def test_a_text_that_is_cut_says_so():
    (found,) = complete(engine(), ["The sum is"], [3], Sampling(max_tokens=2))
    assert (found.tokens, found.finish) == (2, "length")


# ------------------------------------------------------------------------------ prefixes


def test_a_prompt_is_read_once_for_all_its_samples():
    decoder = fresh()
    found = decoder.weights.do(decoder.complete, ["The sum is 7"] * 4, range(4), FREE)
    length = found[0].prompt_tokens
    assert [c.cached_tokens for c in found] == [0, length, length, length]
    again = decoder.weights.do(decoder.complete, ["The sum is 7"], [9], FREE)
    assert again[0].cached_tokens == length


def test_what_was_written_is_not_read_again():
    from .test_readers import Counted

    family = "mistral"  # longer than its window
    decoder = fresh(family)
    prompts, seeds = PROMPTS[:3] * 2, range(6)
    with Counted(decoder.reader.backbone.module) as count:
        found = decoder.weights.do(decoder.complete, prompts, seeds, FREE)
    new = sum(c.prompt_tokens - c.cached_tokens for c in found)
    assert count.tokens == new + sum(c.tokens - 1 for c in found)
    rows = []
    for prompt, seed in zip(prompts, seeds, strict=True):
        ids = decoder.texts.prompt(prompt)
        rows.append([*ids, *naive(family, ids, seed, FREE)[0]])
    read = decoder.reader.read(rows, [range(len(row)) for row in rows])
    for row, reading in zip(rows, read, strict=True):
        assert reading.tokens - reading.cached == 1  # the last one was never read
        exact = tiny.hidden(tiny.network(family), row)
        assert (reading.hidden - exact).abs().max() <= 1e-5 * exact.abs().max()


def test_samples_that_fill_the_bound_are_let_go():
    decoder = fresh(cache_tokens=40)
    found = decoder.weights.do(decoder.complete, ["The sum is 7"] * 12, range(12), FREE)
    assert len(decoder.reader) <= 40
    near(found, complete(engine(), ["The sum is 7"] * 12, range(12)))


# ------------------------------------------------------------------------------ scoring

PAIRS = [
    ("The sum is", " 7.\n\nYes"),
    ("The sum is", " 12"),
    ("Step 1: add 3 and 4.", "\n\nStep 2: double it. The answer is 14."),
    ("a", " cup"),
]


@pytest.mark.parametrize(
    ("family", "style"), [*[(family, "bytes") for family in FAMILIES], ("qwen2", "spaces")]
)
def test_scores_are_the_sums_of_one_whole_forward(family, style):
    lm = engine(family, style=style)
    for texts in (PAIRS, PAIRS[::-1]):
        for (a, b), found in zip(texts, asyncio.run(lm.logprobs(texts)), strict=True):
            before, after = _pair(lm, a, b)
            law = tiny.law(tiny.network(family), before + after)[len(before) - 1 : -1]
            exact = float(law.gather(1, torch.tensor(after)[:, None]).sum())
            assert found.value == pytest.approx(exact, abs=1e-4)
            assert found.prompt_tokens == len(before + after)


def _pair(lm, a, b):
    from specreward.generate.hf.text import Texts

    return Texts(load(lm.model).tokenizer, "tiny").pair(a, b)


def test_a_completion_scores_what_it_was_sampled_with():
    lm = engine()
    found = complete(lm, ["The sum is"] * 60, range(60), Sampling(temperature=1.0, max_tokens=1))
    same = [c for c in found if c.text and len(_pair(lm, "The sum is", c.text)[1]) == 1]
    assert len({c.text for c in same}) >= 10
    scores = asyncio.run(lm.logprobs([("The sum is", c.text) for c in same]))
    for completion, score in zip(same, scores, strict=True):
        assert score.value == pytest.approx(completion.logprob, abs=1e-4)


def test_scores_of_siblings_read_their_prompt_once():
    decoder = fresh()
    texts = [("The sum of all the numbers is", f" {n}") for n in (7, 12, 14)]
    found = decoder.weights.do(decoder.logprobs, texts)
    length = len(decoder.texts.prompt(texts[0][0]))
    assert found[0].cached_tokens == 0
    assert all(s.cached_tokens >= length for s in found[1:])
    again = decoder.weights.do(decoder.logprobs, texts)
    assert [s.value for s in again] == [pytest.approx(s.value, abs=1e-5) for s in found]
    assert [s.cached_tokens for s in again] == [s.prompt_tokens - 1 for s in again]


# ------------------------------------------------------------------------------ token ids


def drawn_at(lm, temperature, prompts=PROMPTS, **more):
    sampling = Sampling(temperature=temperature, max_tokens=10, **more)
    return complete(lm, prompts, range(len(prompts)), sampling)


def rescored(lm, prompts, ids, temperature):
    return asyncio.run(lm.token_logprobs(prompts, ids, temperature))


@pytest.mark.parametrize(
    ("family", "temperature"),
    [("qwen2", 0.7), ("qwen2", 1.0), ("gpt2", 0.7), ("mistral", 0.7), ("mamba", 0.7)],
)
def test_the_ids_of_a_completion_score_what_it_was_drawn_with(family, temperature):
    lm = engine(family)
    prompts = PROMPTS * 2
    drawn = drawn_at(lm, temperature, prompts)
    found = rescored(lm, prompts, [c.ids for c in drawn], temperature)
    assert [s.value for s in found] == [pytest.approx(c.logprob, abs=1e-5) for c in drawn]
    for completion, scored in zip(drawn, found, strict=True):
        assert len(completion.ids) == completion.tokens
        assert (completion.finish == "stop") == (completion.ids[-1] == 2)
        assert scored.prompt_tokens == completion.prompt_tokens + completion.tokens
    again = rescored(lm, prompts[::-1], [c.ids for c in drawn[::-1]], temperature)
    assert [s.value for s in again[::-1]] == [pytest.approx(s.value, abs=1e-5) for s in found]


def test_the_law_of_another_temperature_is_another():
    """The known mistake: log-probabilities at temperature 1 of samples drawn at 0.7."""
    lm = engine()
    drawn = drawn_at(lm, 0.7)
    raw = rescored(lm, PROMPTS, [c.ids for c in drawn], 1.0)
    assert all(abs(s.value - c.logprob) > 0.01 for s, c in zip(raw, drawn, strict=True))


def test_the_ids_are_those_drawn_ends_and_stops_among_them():
    words = load(folder()).tokenizer
    ended = 0
    for seed in range(16):
        (found,) = complete(engine(), ["The sum is"], [seed], FREE)
        tokens, _ = naive("qwen2", words("The sum is")["input_ids"], seed, FREE)
        assert list(found.ids) == tokens
        ended += found.ids[-1] == 2
    assert ended
    (whole,) = complete(engine(), ["The sum is"], [3], FREE)
    stop = whole.text[3:5]
    (cut,) = complete(
        engine(), ["The sum is"], [3], Sampling(temperature=0.8, max_tokens=10, stop=(stop,))
    )
    assert cut.ids == whole.ids[: cut.tokens]
    (scored,) = rescored(engine(), ["The sum is"], [cut.ids], 0.8)
    assert scored.value == pytest.approx(cut.logprob, abs=1e-5)


def test_the_tokens_of_siblings_read_their_prompt_once():
    decoder = fresh()
    prompt = "The sum of all the numbers is"
    ask = (decoder.token_logprobs, [prompt] * 2, [(5, 6), (6, 5)], 1.0)
    first, second = decoder.weights.do(*ask)
    length = len(decoder.texts.prompt(prompt))
    assert (first.prompt_tokens, first.cached_tokens) == (length + 2, 0)
    assert (second.prompt_tokens, second.cached_tokens) == (length + 2, length)


def test_the_tokens_of_a_conversation_follow_its_template():
    lm = engine(chat=True)
    (drawn,) = drawn_at(lm, 0.7, [CHAT])
    (scored,) = rescored(lm, [CHAT], [drawn.ids], 0.7)
    assert scored.value == pytest.approx(drawn.logprob, abs=1e-5)
    (other,) = rescored(lm, [str(CHAT)], [drawn.ids], 0.7)
    assert abs(other.value - drawn.logprob) > 0.01


def test_models_of_one_tokeniser_have_the_same_table():
    table = engine("qwen2").tokenizer()
    assert engine("llama").tokenizer() == table
    assert engine(style="spaces").tokenizer() != table
    assert isinstance(engine(), TokenModel)


@pytest.mark.parametrize(
    ("prompt", "ids", "temperature", "said"),
    [
        ("a", (), 0.7, "at least one token id after 'a', got none"),
        ("a", (9999,), 0.7, r"token ids from 0 to 4\d\d, got 9999: they are from another model"),
        ("a", (3, -1), 0.7, "got -1"),
        ("a", (3,), 0.0, "temperature: expected a finite number above 0, got 0"),
        ("a", (5,) * 300, 0.7, r"within 256 tokens, got 1 \+ 300"),
        ("", (5,), 0.7, "expected a prompt with tokens"),
    ],
)
def test_tokens_that_no_completion_can_have_are_refused(prompt, ids, temperature, said):
    with pytest.raises(InputError, match=said):
        rescored(engine(), [prompt], [ids], temperature)


# ------------------------------------------------------------------------------ conversations


def test_a_conversation_is_continued():
    lm = engine(chat=True)
    text = "<|im_start|>user\nWhat is 3 + 4?<|im_end|>\n<|im_start|>assistant\nIt is"
    near(complete(lm, [CHAT], [5]), complete(lm, [text], [5]))
    assert lm.count([CHAT]) == lm.count([text])
    scores = asyncio.run(lm.logprobs([(CHAT, " 7."), (text, " 7.")]))
    assert scores[0].value == pytest.approx(scores[1].value, abs=1e-5)


def test_a_conversation_is_not_taken_for_the_text_that_it_equals():
    lm = engine(chat=True)
    assert str(CHAT) == CHAT
    both = complete(lm, [CHAT, str(CHAT)], [5, 5])
    near(both, [complete(lm, [CHAT], [5])[0], complete(lm, [str(CHAT)], [5])[0]])
    assert both[0].prompt_tokens > both[1].prompt_tokens


# ------------------------------------------------------------------------------ contract


def test_it_is_a_language_model_that_counts_tokens():
    lm: LanguageModel = engine()
    weights = load(folder())
    assert isinstance(lm, TokenCounter)
    assert (lm.name, lm.parameters) == (weights.name, weights.parameters)
    assert lm.count(["The sum is", ""]) == [len(weights.tokenizer("The sum is")["input_ids"]), 0]
    assert engine(style="spaces").count([""]) == [1]


def test_it_has_a_text():
    lm = Transformers(
        "owner/name@main",
        device="cuda:1",
        dtype="bfloat16",
        quantisation=(("load_in_4bit", True), ("bnb_4bit_quant_type", "nf4")),
        trust_remote_code=True,
        cache_tokens=0,
        batch_tokens=512,
    )
    assert parse(name_of(lm), "languagemodel") == lm
    assert name_of(Transformers("x")) == "transformers(model='x')"


def test_the_bounds_of_the_reader_are_the_fields():
    from specreward.generate.hf import readers

    assert Transformers("x").cache_tokens == readers.CACHE_TOKENS
    assert Transformers("x").batch_tokens == readers.BATCH_TOKENS


def test_settings_reach_the_model():
    half = engine(dtype="bfloat16")
    assert half.name.endswith("bfloat16")
    with pytest.raises(InputError, match="device"):
        _ = engine(device="toaster").name
    with pytest.raises(InputError, match="no such folder"):
        _ = Transformers("./nowhere").name


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cache_tokens": -1}, "cache_tokens"),
        ({"batch_tokens": 0}, "batch_tokens"),
        ({"quantisation": ("load_in_4bit", True)}, "quantisation: expected pairs"),
        ({"quantisation": "4bit"}, "quantisation: expected pairs"),
        ({"quantisation": (("skip", ["lm_head"]),)}, "lists as tuples"),
        ({"model": ""}, "model: expected a folder or a name on the hub"),
        ({"model": 3}, "model: expected a folder or a name on the hub"),
    ],
)
def test_settings_out_of_range_are_refused(fields, words):
    with pytest.raises(InputError, match=words):
        Transformers(**{"model": "x"} | fields)


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        (Sampling(temperature=-0.1), "temperature"),
        (Sampling(temperature=math.nan), "temperature"),
        (Sampling(max_tokens=0), "max_tokens"),
        (Sampling(stop=("a", "")), "stop"),
    ],
)
def test_a_law_out_of_range_is_refused(sampling, words):
    with pytest.raises(InputError, match=words):
        complete(engine(), ["The"], [1], sampling)


def test_what_does_not_fit_the_context_is_refused():
    lm = engine()
    long = "The sum is 7.\n\n" * 80
    assert lm.count([long])[0] + 1 > tiny.CONTEXT - 20
    with pytest.raises(InputError, match=rf"within {tiny.CONTEXT} tokens, got \d+ \+ 200"):
        complete(lm, ["a", long[:600]], [1, 2], Sampling(max_tokens=200))
    with pytest.raises(InputError, match=r"within 256 tokens"):
        asyncio.run(lm.logprobs([("a", " cup" * 300)]))
    (full,) = complete(lm, ["a"], [1], Sampling(max_tokens=tiny.CONTEXT - lm.count(["a"])[0]))
    assert full.tokens <= tiny.CONTEXT


def test_prompts_without_tokens_or_seeds_are_refused():
    with pytest.raises(InputError, match="a prompt with tokens"):
        complete(engine(), [""], [1])
    with pytest.raises(InputError, match="a seed for each of 2 prompts, got 1"):
        complete(engine(), ["a", "b"], [1])
    assert complete(engine(), [], []) == []
    assert asyncio.run(engine().logprobs([])) == []


def test_outputs_that_are_no_numbers_are_an_engine_error(tmp_path):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder())
    with torch.no_grad():
        model.lm_head.weight.fill_(math.nan)
    model.save_pretrained(tmp_path)
    load(folder()).tokenizer.save_pretrained(tmp_path)
    lm = Transformers(str(tmp_path))
    for temperature in (0.0, 0.8):
        with pytest.raises(EngineError, match="not finite"):
            complete(lm, ["The"], [1], Sampling(temperature=temperature))
    with pytest.raises(EngineError, match="not finite"):
        asyncio.run(lm.logprobs([("The", " sum")]))


def test_what_could_not_be_kept_is_not_taken_for_read(monkeypatch):
    """Memory runs out just when the text that was written is to join the prefixes."""
    decoder, put, read = fresh(), DecoderReader._put, []

    def full(self, places, past, hidden):
        read.append(len(places))
        if len(read) == 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        put(self, places, past, hidden)

    monkeypatch.setattr(DecoderReader, "_put", full)
    with pytest.raises(EngineError, match="no memory left"):
        decoder.weights.do(decoder.complete, ["The sum is"], [3], FREE)
    assert len(decoder.reader) == 0
    monkeypatch.undo()
    ids = decoder.texts.prompt("The sum is")
    row = [*ids, *naive("qwen2", ids, 3, FREE)[0]]
    (reading,) = decoder.reader.read([row], [range(len(row))])
    exact = tiny.hidden(tiny.network(), row)
    assert (reading.hidden - exact).abs().max() <= 1e-5 * exact.abs().max()


def test_the_event_loop_goes_on_while_the_model_works():
    lm, threads = engine(), []
    hook = load(folder()).body.register_forward_pre_hook(
        lambda *_: threads.append(threading.current_thread())
    )

    async def main():
        beats = 0
        work = asyncio.create_task(lm.complete(PROMPTS, range(4), Sampling(max_tokens=40)))
        while not work.done():
            beats += 1
            await asyncio.sleep(0.002)
        await asyncio.gather(work, lm.complete(PROMPTS, range(4), FREE))
        return beats

    assert asyncio.run(main()) > 10
    hook.remove()
    assert len(set(threads)) == 1
    assert threading.main_thread() not in threads


# ------------------------------------------------------------------------------ head


@pytest.mark.parametrize("family", ["qwen2", "gemma2"])  # gemma2 caps its logits
def test_the_head_gives_what_the_whole_model_gives(family):
    model = tiny.network(family)
    with torch.no_grad():
        found = Head(model)(tiny.hidden(model, range(20, 40)))
        exact = model(torch.tensor([range(20, 40)]), use_cache=False).logits[0]
    assert (found - exact).abs().max() < 1e-4 * exact.abs().max()


def test_a_head_that_cannot_be_told_from_its_body_is_refused():
    class Twice(transformers.Qwen2ForCausalLM):
        """A head that adds what its body read."""

        def forward(self, input_ids=None, inputs_embeds=None, **settings):
            out = super().forward(input_ids, inputs_embeds=inputs_embeds, **settings)
            if input_ids is not None:
                out.logits = out.logits + input_ids[..., None]
            return out

    model = Twice(tiny.network().config).eval()
    with pytest.raises(InputError, match="Twice has a head that cannot be told from its body"):
        Head(model)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("family", ["qwen2", "gemma2", "mistral"])
def test_an_accelerator_gives_what_the_processor_gives(family):
    there = Transformers(folder(family), device="cuda", dtype="float32")
    here = Transformers(folder(family), device="cpu", dtype="float32")
    for _ in range(2):
        found = complete(there, PROMPTS * 4, range(16))
        near(found, complete(here, PROMPTS * 4, range(16)))
    ours, theirs = (asyncio.run(lm.logprobs(PAIRS)) for lm in (here, there))
    for one, other in zip(ours, theirs, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-3)
