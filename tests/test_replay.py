import asyncio
import dataclasses
import math

import pytest

from specreward.batching import Coalesce, CoalesceValues
from specreward.engines import ChatPrompt, Message
from specreward.errors import EngineError, InputError, StoreError
from specreward.ledger import Ledger
from specreward.metering import Metered, MeteredValues
from specreward.replay import Stored, StoredValues
from specreward.store import Store
from specreward.types import Completion, Sampling, Scored, Usage

HOW = Sampling(0.5, 7, (";",))


class Engine:
    """Answers with a number that is never the same twice, so that a repeated call shows."""

    parameters = 11

    def __init__(self, name="fake", error=None):
        self.name = name
        self.error = error
        self.asked = []
        self.count = 0

    async def _answers(self, items, make):
        self.asked.append(items)
        for _ in range(20):
            await asyncio.sleep(0)
        if self.error:
            raise self.error
        self.count += len(items)
        return [make(self.count - len(items) + i) for i in range(len(items))]

    async def complete(self, prompts, seeds, sampling):
        items = list(zip(prompts, seeds, strict=True))
        return await self._answers(
            items, lambda i: Completion(f"é{i}", i, -0.1 * i, 3, 2, "length", 0.1 + i / 7)
        )

    async def logprobs(self, texts):
        return await self._answers(list(texts), lambda i: Scored(-i / 3, 5, 1, i / 9))

    async def values(self, texts):
        return await self._answers(list(texts), lambda i: Scored(i / 1000, 5, 4, i / 11))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "run.db") as store:
        yield store


def verbs(engine, store):
    lm, vm = Stored(engine, store), StoredValues(engine, store)
    return {
        "complete": lambda items: lm.complete(items, [int(item[1:]) for item in items], HOW),
        "logprobs": lambda items: lm.logprobs([(item, "x") for item in items]),
        "values": lambda items: vm.values(items),
    }


@pytest.mark.parametrize("verb", ["complete", "logprobs", "values"])
def test_only_what_is_not_known_is_asked_and_order_is_kept(store, verb):
    engine = Engine()
    ask = verbs(engine, store)[verb]
    first = asyncio.run(ask(["a1", "b2"]))
    again = asyncio.run(verbs(engine, store)[verb](["c3", "b2", "a1", "c3"]))
    assert again[1:3] == first[::-1]
    assert again[0] == again[3]
    assert [len(items) for items in engine.asked] == [2, 1]


@pytest.mark.parametrize("verb", ["complete", "logprobs", "values"])
def test_a_replayed_answer_is_the_paid_one_in_every_field(store, verb):
    paid = asyncio.run(verbs(Engine(), store)[verb](["a1", "b2"]))
    replayed = asyncio.run(verbs(Engine(), store)[verb](["a1", "b2"]))
    assert [dataclasses.astuple(one) for one in replayed] == [
        dataclasses.astuple(one) for one in paid
    ]


def test_nan_is_kept_as_it_came(store):
    class Broken(Engine):
        async def values(self, texts):
            return [Scored(math.nan, 1) for _ in texts]

    for _ in range(2):
        [one] = asyncio.run(StoredValues(Broken(), store).values(["a"]))
        assert math.isnan(one.value)


CALL = ("m", ("prompt",), (1,), HOW)


@pytest.mark.parametrize(
    "other",
    [
        ("n", ("prompt",), (1,), HOW),
        ("m", ("prompt ",), (1,), HOW),
        ("m", ("prompt",), (2,), HOW),
        ("m", ("prompt",), (1,), Sampling(0.6, 7, (";",))),
        ("m", ("prompt",), (1,), Sampling(0.5, 8, (";",))),
        ("m", ("prompt",), (1,), Sampling(0.5, 7, (";", "."))),
        ("m", ("prompt",), (1,), Sampling(0.5, 7, ())),
    ],
)
def test_whatever_changes_the_content_is_another_call(store, other):
    asked = []
    for name, prompts, seeds, how in (CALL, other, CALL, other):
        engine = Engine(name)
        asyncio.run(Stored(engine, store).complete(prompts, seeds, how))
        asked.append(len(engine.asked))
    assert asked == [1, 1, 0, 0]


def test_where_prompt_and_continuation_part_matters(store):
    engine = Engine()
    lm = Stored(engine, store)
    for pair in (("ab", "c"), ("a", "bc"), ("2:ab", "c"), ("ab", "c")):
        asyncio.run(lm.logprobs([pair]))
    assert len(engine.asked) == 3


@pytest.mark.parametrize("verb", ["complete", "logprobs"])
def test_who_says_what_matters(store, verb):
    talk = ChatPrompt([Message("user", "a\n\nb")])
    other = ChatPrompt([Message("user", "a"), Message("assistant", "b")])
    spelt = '[["user", "a\\n\\nb"]]'
    engine = Engine()
    lm = Stored(engine, store)
    for prompt in (talk, other, str(talk), spelt, talk, str(other)):
        call = ([prompt], [1], HOW) if verb == "complete" else ([(prompt, "1")],)
        asyncio.run({"complete": lm.complete, "logprobs": lm.logprobs}[verb](*call))
    assert len(engine.asked) == 4


def test_verbs_do_not_answer_for_each_other(store):
    engine = Engine()
    asyncio.run(StoredValues(engine, store).values(["a"]))
    asyncio.run(Stored(engine, store).logprobs([("a", "")]))
    asyncio.run(Stored(engine, store).complete(["a"], [0], HOW))
    assert len(engine.asked) == 3


def test_temperature_zero_is_one_number(store):
    engine = Engine()
    for temperature in (0, 0.0):
        asyncio.run(Stored(engine, store).complete(["a"], [1], Sampling(temperature)))
    assert len(engine.asked) == 1


def test_callers_at_the_same_time_pay_once_and_agree(store):
    engine = Engine()
    lm = Stored(engine, store)

    async def main():
        calls = [lm.complete([p, "same"], [0, 0], HOW) for p in "abc"]
        return await asyncio.gather(*calls)

    done = asyncio.run(main())
    assert len({answers[1].text for answers in done}) == 1
    assert engine.count == 4
    assert store.paid() == {"fake": (4, 4)}


def test_if_the_one_who_asks_fails_or_goes_the_other_asks_himself(store):
    class Once(Engine):
        async def values(self, texts):
            if not self.asked:
                self.error = EngineError("first")
            try:
                return await super().values(texts)
            finally:
                self.error = None

    async def main(cancel):
        vm = StoredValues(Once() if not cancel else Engine(), store)
        text = f"cancel {cancel}"
        first = asyncio.create_task(vm.values([text]))
        await asyncio.sleep(0)
        second = asyncio.create_task(vm.values([text]))
        await asyncio.sleep(0)
        if cancel:
            first.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    for cancel, kind in ((False, EngineError), (True, asyncio.CancelledError)):
        gone, stays = asyncio.run(main(cancel))
        assert isinstance(gone, kind)
        assert isinstance(stays[0], Scored)


def test_a_failed_call_is_not_kept(store):
    with pytest.raises(EngineError):
        asyncio.run(StoredValues(Engine(error=EngineError("down")), store).values(["a"]))
    engine = Engine()
    asyncio.run(StoredValues(engine, store).values(["a"]))
    assert len(engine.asked) == 1


def test_an_answer_that_cannot_be_kept_is_not_given(store):
    engine = Engine()
    vm = StoredValues(engine, store)
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be written to"):
        asyncio.run(vm.values(["a"]))


def test_an_engine_that_loses_answers_is_found_out(store):
    class Forgetful(Engine):
        async def values(self, texts):
            return (await super().values(texts))[1:]

    with pytest.raises(EngineError, match="expected 2 answers, got 1"):
        asyncio.run(StoredValues(Forgetful(), store).values(["a", "b"]))
    assert store.paid() == {}


@pytest.mark.parametrize("body", ["{", "[1]", '["a", "b", "c", "d", "e", "f", "g", "h"]'])
def test_a_damaged_call_is_said(store, body):
    engine = Engine()
    asyncio.run(Stored(engine, store).complete(["a"], [0], HOW))
    store._db.execute("UPDATE calls SET body = ?", (body,))
    with pytest.raises(StoreError, match="a stored call is damaged"):
        asyncio.run(Stored(engine, store).complete(["a"], [0], HOW))


# ---------------------------------------------------------------------------------- token ids


class Tokens(Engine):
    """An engine that says which tokens it wrote."""

    def tokenizer(self):
        return "words"

    async def complete(self, prompts, seeds, sampling):
        found = await super().complete(prompts, seeds, sampling)
        return [dataclasses.replace(one, ids=(one.tokens, 7)) for one in found]

    async def token_logprobs(self, prompts, ids, temperature):
        return await self._answers(list(zip(prompts, ids, strict=True)), lambda i: Scored(-i, 5))


@pytest.mark.parametrize("wasted", [Usage(), Usage(calls=2, failed=2)])
def test_token_ids_are_kept_with_the_completion(store, wasted):
    class Lost(Tokens):
        async def complete(self, prompts, seeds, sampling):
            found = await super().complete(prompts, seeds, sampling)
            return [dataclasses.replace(one, wasted=wasted) for one in found]

    [paid] = asyncio.run(Stored(Lost(), store).complete(["a"], [0], HOW))
    [replayed] = asyncio.run(Stored(Lost(), store).complete(["a"], [0], HOW))
    assert replayed == paid
    assert (replayed.ids, replayed.wasted) == ((0, 7), wasted)


def test_completions_that_were_kept_before_there_were_ids_still_read(store):
    asyncio.run(Stored(Tokens(), store).complete(["a"], [0], HOW))
    old = '["text", 3, -0.5, 4, 1, "stop", 0.25]'
    store._db.execute("UPDATE calls SET body = ?", (old,))
    [found] = asyncio.run(Stored(Tokens(), store).complete(["a"], [0], HOW))
    assert found == Completion("text", 3, -0.5, 4, 1, "stop", 0.25)


def test_what_is_kept_without_ids_is_what_it_was(store):
    asyncio.run(Stored(Engine(), store).complete(["a"], [0], HOW))
    [(body,)] = store._db.execute("SELECT body FROM calls").fetchall()
    assert body == '["\\u00e90", 0, -0.0, 3, 2, "length", 0.1]'


TOKENS = ("m", "prompt", (1, 23), 0.7)


@pytest.mark.parametrize(
    "other",
    [
        ("n", "prompt", (1, 23), 0.7),
        ("m", "prompt ", (1, 23), 0.7),
        ("m", ChatPrompt((Message("user", "prompt"),)), (1, 23), 0.7),
        ("m", "prompt", (12, 3), 0.7),
        ("m", "prompt", (123,), 0.7),
        ("m", "prompt", (1, 2, 3), 0.7),
        ("m", "prompt", (1, 23), 1.0),
    ],
)
def test_scored_tokens_are_kept_by_model_prompt_ids_and_temperature(store, other):
    engine = Tokens()

    def ask(name, prompt, ids, temperature):
        engine.name = name
        [one] = asyncio.run(Stored(engine, store).token_logprobs([prompt], [ids], temperature))
        return one

    first = ask(*TOKENS)
    assert ask(*other) != first
    assert ask(*TOKENS) == first
    assert len(engine.asked) == 2


def test_a_whole_temperature_is_the_same_number(store):
    engine = Tokens()
    for temperature in (1, 1.0):
        asyncio.run(Stored(engine, store).token_logprobs(["a"], [(1,)], temperature))
    assert len(engine.asked) == 1


def test_an_engine_without_token_ids_is_said(store):
    lm = Stored(Engine(), store)
    with pytest.raises(InputError, match="expected an engine that gives token ids"):
        lm.tokenizer()
    with pytest.raises(InputError, match="expected an engine that gives token ids"):
        asyncio.run(lm.token_logprobs(["a"], [(1,)], 1.0))
    assert Stored(Tokens(), store).tokenizer() == "words"


def test_half_a_character_can_be_asked(store):
    engine = Engine()
    for _ in range(2):
        asyncio.run(StoredValues(engine, store).values(["\ud800"]))
    assert len(engine.asked) == 1


def test_usage_is_the_same_whether_replayed_or_paid(store):
    def account(engine):
        lm = Metered(Coalesce(Stored(engine, store)), role="policy", phase="propose")
        vm = MeteredValues(CoalesceValues(StoredValues(engine, store)))
        ledger = Ledger()

        async def main():
            with ledger.active():
                await asyncio.gather(lm.complete(["a", "b", "a"], [0, 0, 0], HOW), vm.values(["a"]))

        asyncio.run(main())
        return ledger.usage

    engine = Engine()
    assert account(engine) == account(Engine(error=EngineError("not to be asked")))
    assert account(engine)["policy", "propose"].calls == 3


def test_it_stands_for_its_engine(store):
    for wrapper in (Stored(Engine(), store), StoredValues(Engine(), store)):
        assert (wrapper.name, wrapper.parameters) == ("fake", 11)
        assert repr(wrapper).endswith("('fake')")


# ---------------------------------------------------------------------------------- lost attempts

LOST = Usage(calls=2, prompt_tokens=4, completion_tokens=2, seconds=0.25, failed=2)


@pytest.mark.parametrize("verb", ["complete", "logprobs", "values"])
def test_attempts_before_an_answer_are_kept_with_it(store, verb):
    class Stubborn(Engine):
        async def _answers(self, items, make):
            [first, *rest] = await super()._answers(items, make)
            return [dataclasses.replace(first, wasted=LOST), *rest]

    paid = asyncio.run(verbs(Stubborn(), store)[verb](["a1", "b2"]))
    replayed = asyncio.run(verbs(Engine(), store)[verb](["b2", "a1"]))
    assert [one.wasted for one in paid] == [LOST, Usage()]
    assert replayed == paid[::-1]


@pytest.mark.parametrize("verb", ["complete", "logprobs", "values"])
def test_answers_that_came_in_before_a_failure_are_kept(store, verb):
    class Halting(Engine):
        async def _answers(self, items, make):
            done = await super()._answers(items, make)
            raise EngineError("down", wasted=LOST, done={2: done[2], 0: done[0]})

    halting = Halting()
    with pytest.raises(EngineError, match="down"):
        asyncio.run(verbs(halting, store)[verb](["a1", "b2", "a1", "c3"]))
    assert store.paid() == {"fake": (2, 2)}
    engine = Engine()
    answers = asyncio.run(verbs(engine, store)[verb](["a1", "b2", "c3"]))
    assert [len(items) for items in engine.asked] == [1]
    # Places are those of the distinct calls that were asked: a1, b2, c3.
    first, third = [asyncio.run(verbs(Engine(), store)[verb]([item]))[0] for item in ("a1", "c3")]
    assert (answers[0], answers[2]) == (first, third)
    assert first != third
