import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreward.errors import InputError

torch = pytest.importorskip("torch", reason="needs the transformers extra")
pytest.importorskip("transformers", reason="needs the transformers extra")

from specreward.generate.hf.readers import DecoderReader, EncoderReader  # noqa: E402
from specreward.generate.hf.weights import body  # noqa: E402

from . import tiny  # noqa: E402

CUTTABLE = ["qwen2", "llama", "gpt2", "mistral", "gemma2", "gemma3", "bloom"]
NOT_CUTTABLE = ["mamba", "qwen3_next"]
PREFIX = tuple(range(20, 50))
ROWS = [
    PREFIX,
    (*PREFIX, 5, 6, 7),
    (*PREFIX, 5, 6, 8, 9, 10, 11),
    (*PREFIX[:12], 99),
    (7,),
    (*PREFIX, 5, 6, 7),
]


def reader(family="qwen2", **fields):
    return DecoderReader(body(tiny.network(family)), **fields)


def everywhere(rows):
    return [range(len(row)) for row in rows]


def close(found, exact):
    """Within the tolerance that readers.py states."""
    assert found.dtype == torch.float32
    assert found.shape == exact.shape
    assert (found - exact).abs().max() <= 1e-5 * exact.abs().max()


def cached(readings):
    return [reading.cached for reading in readings]


class Counted:
    """Tokens that a module computes, padding left out."""

    def __init__(self, module):
        self.tokens = 0
        self.calls = 0
        self._hook = module.register_forward_pre_hook(self, with_kwargs=True)

    def __call__(self, module, args, kwargs):
        tokens, mask = kwargs["input_ids"], kwargs.get("attention_mask")
        width = tokens.shape[1]
        self.tokens += tokens.numel() if mask is None else int(mask[:, -width:].sum())
        self.calls += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._hook.remove()


# ------------------------------------------------------------------------------ decoders


@pytest.mark.parametrize("family", CUTTABLE + NOT_CUTTABLE)
def test_what_is_read_is_what_one_whole_forward_gives(family):
    one = reader(family)
    assert one.reuse == (family in CUTTABLE)
    for _ in range(2):  # the second time from the cache
        for row, reading in zip(ROWS, one.read(ROWS, everywhere(ROWS)), strict=True):
            close(reading.hidden, tiny.hidden(tiny.network(family), row))
            assert reading.tokens == len(row)


@pytest.mark.parametrize("layer", [0, 1, -2])
def test_another_layer_can_be_read(layer):
    exact = tiny.hidden(tiny.network(), PREFIX, layer)
    one = reader(layer=layer)
    close(one.read([PREFIX[:9]], [range(9)])[0].hidden, exact[:9])
    close(one.read([PREFIX], [[29, 3]])[0].hidden, exact[[29, 3]])


def test_places_are_given_in_the_order_asked_for_and_may_be_none():
    exact = tiny.hidden(tiny.network(), PREFIX)
    some, none = reader().read([PREFIX, PREFIX], [[7, 2, 7], []])
    close(some.hidden, exact[[7, 2, 7]])
    assert none.hidden.shape == (0, exact.shape[1])


def test_each_token_is_computed_once():
    one = reader()
    with Counted(one.backbone.module) as count:
        first = one.read(ROWS, everywhere(ROWS))
        again = one.read(ROWS, everywhere(ROWS))
    assert cached(first) == [0, 30, 32, 12, 0, 33]
    assert cached(again) == [len(row) for row in ROWS]
    assert count.tokens == sum(r.tokens - r.cached for r in first) == 30 + 3 + 4 + 1 + 1


def test_a_growing_path_costs_its_new_tokens():
    one, row = reader(), list(PREFIX)
    one.read([row], [[-1 + len(row)]])
    for step in range(5):
        row += [50 + step, 3, 4]
        children = [[*row, child] for child in range(4)]
        with Counted(one.backbone.module) as count:
            read = one.read(children, everywhere(children))
        assert count.tokens == 3 + 4
        assert cached(read) == [len(row) - 3, len(row), len(row), len(row)]
        for child, reading in zip(children, read, strict=True):
            close(reading.hidden, tiny.hidden(tiny.network(), child))


@settings(max_examples=20, deadline=None)
@given(
    calls=st.lists(
        st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=5),
        min_size=1,
        max_size=4,
    ),
    cache_tokens=st.integers(0, 24),
    batch_tokens=st.integers(1, 40),
    family=st.sampled_from(["qwen2", "mistral", "gpt2"]),
)
def test_no_bound_and_no_company_changes_what_is_read(calls, cache_tokens, batch_tokens, family):
    one = reader(family, cache_tokens=cache_tokens, batch_tokens=batch_tokens)
    for rows in calls:
        for row, reading in zip(rows, one.read(rows, everywhere(rows)), strict=True):
            close(reading.hidden, tiny.hidden(tiny.network(family), row))
        assert len(one) <= cache_tokens


def test_batches_keep_to_their_bound():
    one = reader(batch_tokens=64)
    seen = []

    def note(module, args, kwargs):
        seen.append(kwargs["attention_mask"].shape)

    hook = one.backbone.module.register_forward_pre_hook(note, with_kwargs=True)
    rows = [[first, *PREFIX[:14]] for first in range(100, 120)]
    one.read(rows, everywhere(rows))
    one.read([range(100)], [[99]])  # longer than the bound: alone
    hook.remove()
    assert [rows for rows, _ in seen] == [4] * 5 + [1]
    assert all(rows * width <= 64 for rows, width in seen[:-1])


def test_calls_are_held_in_portions_that_keep_to_the_bound():
    one = reader(batch_tokens=64)
    rows = [*ROWS, *ROWS, range(100), [1]]
    parts = list(one.portions(rows))
    assert [index for part in parts for index in part] == list(range(len(rows)))
    for part in parts:
        assert len(part) == 1 or sum(map(len, {tuple(rows[i]) for i in part})) <= 64
    assert len(parts) <= len(rows) / 2


def test_a_call_that_breaks_leaves_nothing_half_read():
    one = reader()
    one.read([PREFIX[:5]], [[0]])

    def fail(module, args, kwargs):
        raise KeyboardInterrupt

    hook = one.backbone.module.register_forward_pre_hook(fail, with_kwargs=True)
    with pytest.raises(KeyboardInterrupt):
        one.read([PREFIX], [[0]])
    hook.remove()
    assert len(one) == 0
    close(one.read([PREFIX], [range(30)])[0].hidden, tiny.hidden(tiny.network(), PREFIX))


@pytest.mark.parametrize("family", NOT_CUTTABLE)
def test_a_past_that_cannot_be_cut_is_found_out_and_said(family, caplog):
    with caplog.at_level(logging.WARNING):
        one = reader(family)
    assert "no prefixes can be reused" in caplog.text
    with Counted(one.backbone.module) as count:
        assert cached(one.read(ROWS, everywhere(ROWS))) == [0] * len(ROWS)
    assert count.tokens == sum(map(len, ROWS))


def test_a_model_that_gives_other_numbers_with_a_past_is_found_out(caplog):
    class Deaf(torch.nn.Module):
        """Reads new tokens as if nothing stood before them."""

        def __init__(self, inner):
            super().__init__()
            self.inner, self.config, self.dtype = inner, inner.config, inner.dtype

        def get_input_embeddings(self):
            return self.inner.get_input_embeddings()

        def forward(self, input_ids, past_key_values=None, attention_mask=None, use_cache=None):
            if past_key_values is not None:
                self.inner(input_ids, past_key_values=past_key_values, use_cache=True)
            return self.inner(input_ids, use_cache=False)

    with caplog.at_level(logging.WARNING):
        one = DecoderReader(Deaf(body(tiny.network())))
    assert "outputs differ" in caplog.text
    assert not one.reuse
    close(one.read([PREFIX], [range(30)])[0].hidden, tiny.hidden(tiny.network(), PREFIX))


def test_half_precision_is_reused_and_stays_near():
    model = tiny.network("llama", vocab_size=300).bfloat16()
    one = DecoderReader(body(model))
    assert one.reuse
    exact = tiny.hidden(model, PREFIX).float()
    one.read([PREFIX[:10]], [[0]])
    (reading,) = one.read([PREFIX], [range(30)])
    assert reading.hidden.dtype == torch.float32
    assert (reading.hidden - exact).abs().max() < 0.1 * exact.abs().max()


# ------------------------------------------------------------------------------ encoders


@pytest.mark.parametrize(
    ("family", "batch_tokens"), [("bert", 1), ("bert", 80), ("deberta", 10_000)]
)
def test_an_encoder_reads_each_row_as_if_alone(family, batch_tokens):
    model = tiny.network(family, "AutoModel")
    one = EncoderReader(body(model), batch_tokens=batch_tokens)
    read = one.read(ROWS, everywhere(ROWS))
    for row, reading in zip(ROWS, read, strict=True):
        close(reading.hidden, tiny.hidden(model, row))
        assert reading.tokens == len(row)
    assert cached(read) == [0, 0, 0, 0, 0, 33]  # the last row is the second
    assert one.read([PREFIX], [[]])[0].cached == 0  # nothing is remembered


def test_an_encoder_gives_another_layer_too():
    model = tiny.network("deberta", "AutoModel")
    (reading,) = EncoderReader(body(model), layer=1).read([PREFIX], [[4, 2]])
    close(reading.hidden, tiny.hidden(model, PREFIX, 1)[[4, 2]])


def test_encoder_batches_keep_to_their_bound():
    model = tiny.network("bert", "AutoModel")
    seen = []

    def note(module, args, kwargs):
        seen.append(kwargs["input_ids"].shape)

    hook = body(model).register_forward_pre_hook(note, with_kwargs=True)
    rows = [[first, *PREFIX[:14]] for first in range(100, 110)]
    EncoderReader(body(model), batch_tokens=64).read(rows, everywhere(rows))
    hook.remove()
    assert [rows for rows, _ in seen] == [4, 4, 2]


# ------------------------------------------------------------------------------ settings


@pytest.mark.parametrize("fields", [{"cache_tokens": -1}, {"batch_tokens": 0}])
def test_bounds_out_of_range_are_refused(fields):
    with pytest.raises(InputError, match=next(iter(fields))):
        reader(**fields)
    if "batch_tokens" in fields:
        with pytest.raises(InputError, match="batch_tokens"):
            EncoderReader(body(tiny.network("bert", "AutoModel")), **fields)
