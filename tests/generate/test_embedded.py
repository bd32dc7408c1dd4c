import asyncio
import itertools
import shutil
import threading
import time

import numpy as np
import pytest

from specreward.errors import EngineError, InputError
from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.generate.network import CHUNK, Network
from specreward.seeds import uniform
from specreward.types import Sampling

from . import tiny

FREE = Sampling(temperature=0.8, max_tokens=12)


def model(**settings):
    return EmbeddedLanguageModel.load(tiny.folder(), **settings)


def complete(lm, prompts, seeds, sampling=FREE):
    return asyncio.run(lm.complete(prompts, seeds, sampling))


def said(completions):
    return [(c.text, c.tokens, c.logprob, c.finish) for c in completions]


def encode(text):
    return [tiny.WORDS.index(word) for word in text.split()]


# ------------------------------------------------------------------------------ what is sampled


def test_each_token_is_the_inverse_of_the_cumulative_law_at_its_own_draw():
    for prompt, seed in zip(tiny.texts(6), range(6), strict=True):
        (completion,) = complete(model(threads=1), [prompt], [seed])
        tokens, logprob = encode(prompt), 0.0
        for position in range(FREE.max_tokens):
            law = tiny.law(tokens, FREE.temperature)[-1]
            token = int(np.searchsorted(np.exp(law).cumsum(), uniform(seed, position)))
            logprob += law[token]
            tokens.append(token)
        assert encode(completion.text) == tokens[-FREE.max_tokens :]
        assert completion.logprob == pytest.approx(logprob, abs=1e-4)
        assert (completion.tokens, completion.finish) == (FREE.max_tokens, "length")


def test_the_shares_of_a_first_token_follow_the_law():
    prompts = ["a b c"] * 4000
    drawn = complete(model(), prompts, range(4000), Sampling(temperature=1.0, max_tokens=1))
    law = np.exp(tiny.law(encode("a b c"))[-1])
    counts = np.bincount([encode(c.text)[0] for c in drawn], minlength=len(law)) / 4000
    assert np.abs(counts - law).max() < 4 * np.sqrt(0.25 / 4000)


def test_greedy_takes_the_likeliest_token_whatever_the_seed_and_reports_temperature_one():
    lm = model()
    for prompt in tiny.texts(4, seed=3):
        one, two = complete(lm, [prompt] * 2, [1, 2], Sampling(temperature=0, max_tokens=5))
        tokens, logprob = encode(prompt), 0.0
        for _ in range(5):
            law = tiny.law(tokens)[-1]
            tokens.append(int(law.argmax()))
            logprob += law.max()
        assert encode(one.text) == tokens[-5:]
        assert said([one]) == said([two])
        assert one.logprob == pytest.approx(logprob, abs=1e-4)


def test_temperature_and_seed_change_the_draw_and_nothing_else_does():
    lm = model()
    base = said(complete(lm, ["a b"], [1]))
    assert said(complete(lm, ["a b"], [1])) == base
    assert said(complete(lm, ["a b"], [2])) != base
    assert said(complete(lm, ["a b"], [1], Sampling(temperature=3.0, max_tokens=12))) != base


def test_a_stop_is_counted_but_not_in_the_text():
    lm = model()
    free = complete(lm, ["a b c"] * 40, range(40), Sampling(max_tokens=20))
    stopped = complete(lm, ["a b c"] * 40, range(40), Sampling(max_tokens=20, stop=("d", ";")))
    ends = 0
    for whole, cut in zip(free, stopped, strict=True):
        words = whole.text.split()
        place = min([words.index(w) for w in ("d", ";") if w in words], default=20)
        assert cut.text == " ".join(words[:place])
        assert cut.tokens == min(place + 1, 20)
        assert cut.finish == ("stop" if place < 20 else "length")
        ends += place < 20
        law = tiny.law(encode("a b c") + encode(whole.text)[: cut.tokens], 0.8)[2:-1]
        chosen = encode(whole.text)[: cut.tokens]
        assert cut.logprob == pytest.approx(law[np.arange(len(chosen)), chosen].sum(), abs=1e-4)
    assert 5 < ends < 40


def test_a_stop_of_several_words_ends_at_its_last():
    lm = model()
    (free,) = complete(lm, ["a b c"], [5], Sampling(max_tokens=20))
    words = free.text.split()
    stop = " ".join(words[6:8])
    (cut,) = complete(lm, ["a b c"], [5], Sampling(max_tokens=20, stop=(stop,)))
    assert (cut.text, cut.tokens, cut.finish) == (" ".join(words[:6]), 8, "stop")


def test_the_cap_on_tokens():
    lm = model()
    for cap in (1, 2, 9):
        (c,) = complete(lm, ["a b c"], [0], Sampling(max_tokens=cap))
        assert (c.tokens, len(c.text.split()), c.finish) == (cap, cap, "length")


# ------------------------------------------------------------------------------ independence


def test_a_batch_gives_bit_for_bit_what_single_calls_give():
    prompts, seeds = tiny.texts(64, seed=1), list(range(64))
    sampling = Sampling(temperature=0.9, max_tokens=16, stop=(";", "d"))
    single = model(threads=1)
    alone = [said(complete(single, [p], [s], sampling))[0] for s, p in enumerate(prompts)]
    assert len({tokens for _, tokens, _, _ in alone}) > 5  # rows end at different times
    rng = np.random.default_rng(0)
    for trial, threads in enumerate((1, 2, 3, 2)):
        lm = model(threads=threads)
        chosen = rng.permutation(64)[: 64 - 7 * trial]
        together = complete(lm, [prompts[i] for i in chosen], [seeds[i] for i in chosen], sampling)
        assert said(together) == [alone[i] for i in chosen]


def test_what_was_read_before_makes_no_difference():
    prompts = tiny.texts(30, seed=2)
    cold = [said(complete(model(threads=1), [p], [7]))[0] for p in prompts]
    warm = model()
    for prompt in prompts:
        words = prompt.split()
        complete(warm, [" ".join(words[: max(1, len(words) // 2)])], [0])  # reads a part of it
    assert said(complete(warm, prompts, [7] * 30)) == cold
    again = complete(warm, prompts, [7] * 30)
    assert said(again) == cold
    assert all(c.cached_tokens == c.prompt_tokens for c in again)


def test_a_cache_too_small_for_the_call_makes_no_difference():
    prompts = tiny.texts(60, seed=4)
    small = model(cache_megabytes=0.1)
    capacity = small._cache.capacity
    assert sum(-(-len(p.split()) // CHUNK) for p in prompts) > 3 * capacity
    assert said(complete(small, prompts, range(60))) == said(complete(model(), prompts, range(60)))
    assert len(small._cache) <= capacity


def test_logprobs_are_bit_for_bit_independent_too():
    prompts = tiny.texts(8, seed=5, longest=25)
    texts = list(itertools.product(prompts, ("a", "b c ; d")))
    alone = [asyncio.run(model(threads=1).logprobs([t]))[0].value for t in texts]
    lm = model()
    assert [s.value for s in asyncio.run(lm.logprobs(texts))] == alone
    assert [s.value for s in asyncio.run(lm.logprobs(texts[::-1]))] == alone[::-1]


# ------------------------------------------------------------------------------ scoring


def test_logprobs_are_those_of_the_network_at_temperature_one():
    pairs = [("a", "b"), ("a b c d e f g", "h i j"), ("a b c d e f g h", "; k")]
    for prompt, continuation in pairs:
        (scored,) = asyncio.run(model().logprobs([(prompt, continuation)]))
        ids, rest = encode(prompt), encode(continuation)
        law = tiny.law(ids + rest)[len(ids) - 1 : -1]
        assert scored.value == pytest.approx(law[np.arange(len(rest)), rest].sum(), abs=1e-4)
        assert scored.prompt_tokens == len(ids) + len(rest)


def test_siblings_share_what_they_have_in_common():
    lm = model()
    prompt = " ".join("abcdefghijklmnop")  # 16 tokens, two chunks
    first, second = asyncio.run(lm.logprobs([(prompt, "q r ;"), (prompt, "r q ;")]))
    assert (first.prompt_tokens, first.cached_tokens) == (19, 0)
    assert (second.prompt_tokens, second.cached_tokens) == (19, 16)


def test_what_is_only_predicted_is_not_read():
    lm = model()
    good, bad = asyncio.run(
        lm.logprobs([("a b c d e f g h i j", "k"), ("a b c d e f g h i j", "l")])
    )
    assert [(s.prompt_tokens, s.cached_tokens) for s in (good, bad)] == [(11, 0), (11, 10)]


# ------------------------------------------------------------------------------ accounting


def test_samples_of_one_prompt_read_it_once():
    out = complete(model(), ["a b c d e f g h i j"] * 3, [1, 2, 3])
    assert [c.prompt_tokens for c in out] == [10, 10, 10]
    assert [c.cached_tokens for c in out] == [0, 10, 10]
    assert len({c.text for c in out}) == 3


def test_cached_tokens_are_those_of_whole_shared_chunks():
    lm = model()
    words = "abcdefghijklmnopqrst"  # 20
    (root,) = complete(lm, [" ".join(words)], [0])
    (part,) = complete(lm, [" ".join(words[:11])], [0])  # a beginning: nothing is new
    (fork,) = complete(lm, [" ".join([*words[:12], "a", "b"])], [0])  # leaves in the second chunk
    (grown,) = complete(lm, [" ".join([*words, "a", "b"])], [0])  # the third chunk anew
    (other,) = complete(lm, [" ".join(["b", *words[1:]])], [0])
    assert [c.cached_tokens for c in (root, part, fork, grown, other)] == [0, 11, 8, 16, 0]


def test_memory_is_bounded_and_the_oldest_goes_first():
    lm = model(cache_megabytes=0.1)
    capacity = lm._cache.capacity
    complete(lm, ["a b c"], [0])
    for index in range(3 * capacity):
        words = [tiny.WORDS[3 + index // 20 % 20], tiny.WORDS[3 + index % 20]]
        complete(lm, [" ".join([*words, "|"])], [0], Sampling(max_tokens=1))
        assert len(lm._cache) <= capacity
        if index == capacity // 2:
            assert complete(lm, ["a b c"], [0])[0].cached_tokens == 3
    assert complete(lm, ["a b c"], [0])[0].cached_tokens == 0
    assert complete(lm, [" ".join([*words, "|"])], [0])[0].cached_tokens == 3


def test_a_parent_outlives_its_children():
    lm = model(cache_megabytes=0.1)
    head = "a b c d e f g h"
    for index in range(2 * lm._cache.capacity):
        words = [tiny.WORDS[3 + index // 20 % 20], tiny.WORDS[3 + index % 20], "|"]
        (c,) = complete(lm, [f"{head} {' '.join(words)}"], [0], Sampling(max_tokens=1))
        assert c.cached_tokens == (8 if index else 0)


def smallest():
    """An engine whose cache holds one prompt of full length: 8 chunks."""
    lm = model(cache_megabytes=0.04)
    assert lm._cache.capacity == 8
    return lm


def test_the_end_of_a_prompt_is_forgotten_before_its_beginning():
    lm = smallest()
    prompt = " ".join("abcdefghijklmnopqrstu"[i % 21] for i in range(63))
    complete(lm, [prompt], [0], Sampling(max_tokens=1))
    complete(lm, ["b"], [0])
    (again,) = complete(lm, [prompt], [0], Sampling(max_tokens=1))
    assert again.cached_tokens == 56


def test_what_a_call_uses_is_not_forgotten_within_it():
    lm = smallest()
    head = "a b c d e f g h"
    for other in (head, *"bcdefgh"):  # full; head is the oldest
        complete(lm, [other], [0])
    prompts = [f"{head} i", "i j"]
    out = complete(lm, prompts, [0, 1])
    assert out[0].cached_tokens == 8
    assert said(out) == said(complete(model(), prompts, [0, 1]))


def test_the_time_of_a_call_is_shared():
    begun = time.perf_counter()
    out = complete(model(), tiny.texts(5), range(5))
    assert 0 < sum(c.seconds for c in out) <= time.perf_counter() - begun
    assert len({c.seconds for c in out}) == 1


def test_the_tokens_of_texts_are_counted_exactly():
    prompts = tiny.texts(5)
    (first, *_) = done = complete(model(), prompts, range(5))
    assert model().count(prompts) == [c.prompt_tokens for c in done]
    assert model().count(["", prompts[0]]) == [0, first.prompt_tokens]
    with pytest.raises(InputError, match="does not know 'Z'"):
        model().count(["a Z"])


def test_name_and_parameters():
    lm = model()
    products = sum(a.size for n, a in tiny.weights().items() if n != "embed_tokens.weight")
    assert lm.parameters == products
    assert lm.name.startswith("tiny@")
    assert lm.name != EmbeddedLanguageModel.load(tiny.folder(precision=np.float16)).name


# ------------------------------------------------------------------------------ the loop stays live


def test_other_work_goes_on_while_the_engine_computes_and_calls_do_not_overlap(monkeypatch):
    go = threading.Event()
    inside, most = 0, 0
    original = Network.read

    def slow(self, *args):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        assert go.wait(5)
        inside -= 1
        return original(self, *args)

    async def main():
        monkeypatch.setattr(Network, "read", slow)
        lm = model()
        calls = [asyncio.create_task(lm.complete(["a"], [s], FREE)) for s in range(3)]
        await asyncio.sleep(0.05)
        assert not any(call.done() for call in calls)
        go.set()
        return [(await call)[0].text for call in calls]

    texts = asyncio.run(main())
    assert most == 1
    assert texts == [c.text for c in complete(model(), ["a"] * 3, range(3))]


def test_an_engine_failure_reaches_the_caller_and_leaves_no_trace(monkeypatch):
    lm = model()
    with monkeypatch.context() as patch:
        patch.setattr(Network, "read", lambda *_: (_ for _ in ()).throw(EngineError("no")))
        with pytest.raises(EngineError, match="no"):
            complete(lm, ["a b c"], [1])
    (c,) = complete(lm, ["a b c"], [1])
    assert c.cached_tokens == 0
    assert said([c]) == said(complete(model(), ["a b c"], [1]))


# ------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("prompts", "seeds", "sampling", "message"),
    [
        (["a hello b"], [0], FREE, "does not know 'hello'"),
        ([""], [0], FREE, "at least one word"),
        (["a"], [0, 1], FREE, "a seed for each of 1 prompts, got 2"),
        (["a"], [0], Sampling(temperature=-1), "temperature of at least 0, got -1"),
        (["a"], [0], Sampling(temperature=float("nan")), "temperature of at least 0, got nan"),
        (["a"], [0], Sampling(max_tokens=0), "max_tokens of at least 1, got 0"),
        (["a"], [0], Sampling(stop=("",)), "at least one word"),
        (["a"], [0], Sampling(stop=("STOP",)), "does not know 'STOP'"),
        (["a " * 53], [0], FREE, r"within 64 tokens, got 53 \+ 12"),
        (["a " * 65], [0], FREE, "at most 64 tokens for tiny, got 65"),
    ],
)
def test_bad_calls_say_what_was_expected(prompts, seeds, sampling, message):
    with pytest.raises(InputError, match=message):
        complete(model(), prompts, seeds, sampling)


def test_the_context_can_be_filled_to_the_last_token():
    (c,) = complete(model(), ["a " * 52], [0])
    assert c.tokens == 12
    (scored,) = asyncio.run(model().logprobs([("a " * 60, "b c d e")]))
    assert scored.prompt_tokens == 64
    with pytest.raises(InputError, match=r"at most 64 tokens, got 60 \+ 5"):
        asyncio.run(model().logprobs([("a " * 60, "b c d e f")]))


def test_an_empty_call_is_an_empty_answer():
    assert complete(model(), [], []) == []
    assert asyncio.run(model().logprobs([])) == []


def test_settings_of_the_engine():
    with pytest.raises(InputError, match="at least 1 thread, got 0"):
        model(threads=0)
    with pytest.raises(InputError, match="one prompt has to fit"):
        model(cache_megabytes=0.001)
    with pytest.raises(InputError, match="expected a policy model"):
        EmbeddedLanguageModel.load(tiny.folder(outputs=1))


def test_folders_that_are_no_models(tmp_path):
    with pytest.raises(InputError, match="expected a model folder"):
        EmbeddedLanguageModel.load(tmp_path / "none")
    for name, damage, message in [
        ("weights.data", lambda raw: raw[:-2] + b"xx", "damaged"),
        ("config.json", lambda raw: raw.replace(b'"heads": 2', b'"heads": 4'), "damaged"),
        ("config.json", lambda raw: raw.replace(b'"heads": 2,', b""), "is not a model's"),
        ("config.json", lambda raw: b"{", "is not a model's"),
        ("read.onnx", lambda raw: b"nothing", "cannot load"),
    ]:
        copy = tmp_path / f"{name}{len(list(tmp_path.iterdir()))}"
        shutil.copytree(tiny.folder(), copy)
        (copy / name).write_bytes(damage((copy / name).read_bytes()))
        with pytest.raises(InputError, match=message):
            EmbeddedLanguageModel.load(copy)
