"""The small decoder: texts as trees, its start, and what it leaves for the embedded engine."""

import asyncio
import json
import math

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from specreward.embedded import EmbeddedDraft, EmbeddedSRM  # noqa: E402
from specreward.errors import InputError  # noqa: E402
from specreward.reward.embedded import EmbeddedValueModel  # noqa: E402
from specreward.reward.trained import Trained  # noqa: E402
from specreward.tasks.arithmetic import Arithmetic  # noqa: E402
from specreward.tasks.game24 import Game24  # noqa: E402
from specreward.testing import RunningSum  # noqa: E402
from specreward.train.examples import Example  # noqa: E402
from specreward.train.networks import SmallDecoder  # noqa: E402

from ..labels import solution  # noqa: E402

pytestmark = pytest.mark.train

FIRST = ("13 - 9 = 4 (left: 4 4 10)", "10 - 4 = 6 (left: 4 6)", "6 * 4 = 24 (left: 24)")
OTHER = ("13 - 9 = 4 (left: 4 4 10)", "10 + 4 = 14 (left: 4 14)")


def chain(*labels, steps, **more):
    return solution(*labels, question="4 9 10 13", steps=steps, **more)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def examples():
    siblings = [chain(0.5, steps=FIRST[:1]), chain(0.25, steps=("4 + 9 = 13 (left: 10 13 13)",))]
    return [
        Example((chain(0.9, None, 0.1, steps=FIRST, outcome=1.0),), ((0, 2),)),
        Example(tuple(siblings), ((0,), (0,))),
        Example((chain(None, 0.75, steps=OTHER),), ((1,),)),
    ]


def scores(net, batch):
    net.eval()
    with torch.no_grad():
        return net(**batch.inputs)


def test_the_start_gives_what_the_embedded_model_gives():
    net = SmallDecoder(Game24(), start=EmbeddedSRM("game24")).build()
    batch = net.encode(examples())
    texts = [
        Game24().reward_text(one.path(place + 1))
        for e in examples()
        for one, places in zip(e.solutions, e.places, strict=True)
        for place in places
    ]
    found = scores(net, batch)
    assert found.shape == (5, 1)
    expected = [one.value for one in asyncio.run(EmbeddedSRM("game24").values(texts))]
    assert found[:, 0].sigmoid().tolist() == pytest.approx(expected, abs=1e-4)
    assert max(expected) - min(expected) > 0.5


def test_marks_stand_where_the_outputs_do():
    marks = SmallDecoder(Game24()).build().encode(examples()).marks
    assert marks.example.tolist() == [0, 0, 1, 1, 2]
    assert marks.solution.tolist() == [0, 0, 1, 2, 3]
    assert marks.step.tolist() == [0, 2, 0, 0, 1]
    assert marks.last.tolist() == [False, True, True, True, True]
    assert marks.label.tolist() == pytest.approx([0.9, 0.1, 0.5, 0.25, 0.75])
    assert [math.isnan(one) for one in marks.outcome.tolist()] == [False, False, True, True, True]


def test_what_begins_alike_is_read_once_and_reads_as_if_alone():
    net = SmallDecoder(Game24(), start=EmbeddedSRM("game24")).build()
    one = examples()[1]
    together = net.encode([one])
    alone = [
        net.encode([Example((s,), (p,))]) for s, p in zip(one.solutions, one.places, strict=True)
    ]
    shared = "target 24 ; 4 9 10 13 ;".count(" ") + 1
    assert together.tokens == sum(batch.tokens for batch in alone) - shared
    separate = torch.cat([scores(net, batch) for batch in alone])
    assert torch.allclose(scores(net, together), separate, atol=1e-5)
    twice = Example(one.solutions[:1] * 2, ((0,), (0,)))  # two marks at one word
    assert torch.equal(scores(net, net.encode([twice]))[0], scores(net, net.encode([twice]))[1])


def test_a_text_that_goes_on_is_read_at_the_end_of_each_step():
    task = RunningSum(modulus=10)
    words = (*"0123456789+=;", "reward")
    net = SmallDecoder(task, words=words, width=16, layers=2, heads=2).build()
    torch.nn.init.normal_(net.decoder.head.weight)
    chain = solution(0.1, 0.2, 0.3, question="1 + 2 + 3 + 4", steps=("3", "6", "0"))
    texts = [task.reward_text(chain.path(depth)) for depth in (1, 2, 3)]
    assert texts[2].startswith(texts[1])
    whole = net.encode([Example((chain,), ((0, 1, 2),))])
    assert whole.tokens == len(net.words.encode(texts[2]))
    alone = [net.encode([Example((chain,), ((place,),))]) for place in range(3)]
    apart = torch.cat([scores(net, batch) for batch in alone])
    assert torch.allclose(scores(net, whole), apart, atol=1e-5)
    assert len({round(value, 3) for value in apart[:, 0].tolist()}) == 3


def test_a_batch_is_packed_into_few_rows_and_gives_the_same():
    net = SmallDecoder(Game24(), start=EmbeddedSRM("game24")).build()
    long = Example((chain(0.9, 0.5, 0.1, steps=FIRST),), ((0, 1, 2),))
    short = examples()[2]
    some = [short, long, short]
    batch = net.encode(some)
    assert batch.inputs["tokens"].shape[0] == 2  # the short trees share a row
    apart = torch.cat([scores(net, net.encode([one])) for one in some])
    assert torch.allclose(scores(net, batch), apart, atol=1e-5)


def test_what_is_saved_scores_as_what_was_trained(tmp_path):
    net = SmallDecoder(Game24(), width=32, layers=2, heads=2).build()
    torch.nn.init.normal_(net.decoder.head.weight)
    entries = net.save(tmp_path)
    assert entries == {"kind": "embedded", "task": "game24"}
    batch = net.encode(examples()[:1])
    texts = [Game24().reward_text(chain(0, 0, 0, steps=FIRST).path(n)) for n in (1, 3)]
    values = asyncio.run(EmbeddedValueModel.load(tmp_path).values(texts))
    expected = scores(net, batch)[:, 0].sigmoid().tolist()
    assert [one.value for one in values] == pytest.approx(expected, abs=1e-5)
    assert expected[0] != pytest.approx(expected[1], abs=1e-3)


def test_sizes_and_words():
    net = SmallDecoder(Game24(), width=48, layers=3, heads=2).build()
    shape = net.decoder.shape
    assert (shape.width, shape.layers, shape.heads, shape.outputs) == (48, 3, 2, 1)
    assert len(net.words) == 220
    assert "apples" in SmallDecoder(Arithmetic()).build().words.words
    own = SmallDecoder(RunningSum(modulus=10), words=(*"0123456789", "+", "=")).build()
    assert len(own.words) == 12
    with pytest.raises(InputError, match=r"words=\(...\) for the task 'running_sum'"):
        SmallDecoder(RunningSum()).build()


def test_texts_that_cannot_be_read_are_refused():
    net = SmallDecoder(Game24(), longest=20).build()
    with pytest.raises(InputError, match="does not know '1/3'"):
        net.encode([Example((chain(0.5, steps=("3 / 9 = 1/3 (left: 1/3 4 5)",)),), ((0,),))])
    net.encode([Example((chain(0.5, steps=FIRST[:1]),), ((0,),))])
    with pytest.raises(InputError, match="texts of 1 to 18 words, got 19"):
        SmallDecoder(Game24(), longest=18).build().encode(examples()[:1])


def test_it_starts_from_a_small_decoder_that_was_trained_and_from_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    start = SmallDecoder(Game24(), start=Trained("~/before"))
    with pytest.raises(InputError, match=r"expected a folder with model\.json"):
        start.build()
    card = {"format": 1, "kind": "embedded"}
    before = SmallDecoder(Game24(), width=32, layers=2, heads=2).build()
    torch.nn.init.normal_(before.decoder.head.weight)
    (tmp_path / "before").mkdir()
    before.save(tmp_path / "before")
    (tmp_path / "before/model.json").write_text(json.dumps(card))
    after = start.build()
    batch = before.encode(examples())
    assert torch.allclose(scores(after, batch), scores(before, batch), atol=1e-5)
    graph = (tmp_path / "before/read.onnx").read_bytes()
    (tmp_path / "narrow").mkdir()
    SmallDecoder(Game24(), width=16, layers=2, heads=2).build().save(tmp_path / "narrow")
    other = (tmp_path / "narrow/read.onnx").read_bytes()
    for damaged in (b"", graph[: len(graph) // 2], other):
        (tmp_path / "before/read.onnx").write_bytes(damaged)
        with pytest.raises(InputError, match=r"before.* damaged.* train it again$") as caught:
            start.build()
        assert str(caught.value).count("again") == 2  # said once
    (tmp_path / "before/model.json").write_text(json.dumps(card | {"kind": "classifier"}))
    with pytest.raises(InputError, match="start of kind embedded, got classifier in '~/before'"):
        start.build()


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 0},
        {"layers": 0},
        {"heads": 3},
        {"longest": 2},
        {"words": ("a", 1)},
        {"start": EmbeddedDraft("game24")},
    ],
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(InputError, match="expected"):
        SmallDecoder(Game24(), **settings)
