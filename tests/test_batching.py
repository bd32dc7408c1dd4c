import asyncio
import gc

import pytest

from specreward.batching import Coalesce, CoalesceValues
from specreward.errors import EngineError, InputError
from specreward.ledger import Ledger
from specreward.metering import Metered
from specreward.types import Completion, Sampling, Scored

HOT, COLD = Sampling(temperature=1.0), Sampling(temperature=0.0)


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


class Engine:
    name = "fake"
    parameters = 3

    def __init__(self, slow=False):
        self.batches = []
        self.busy = 0
        self.slow = slow

    async def _work(self, items):
        assert not self.busy, "two batches at once"
        self.busy += 1
        self.batches.append(list(items))
        await turns(50 if self.slow else 1)
        self.busy -= 1
        for item in items:
            if "bad" in item:
                raise EngineError(f"refuses {item}")

    async def complete(self, prompts, seeds, sampling):
        await self._work(prompts)
        return [
            Completion(f"{prompt}/{seed}/{sampling.temperature:g}", 1, None, 1)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]

    async def logprobs(self, texts):
        await self._work([prompt for prompt, _ in texts])
        return [Scored(-float(len(prompt + text)), 1) for prompt, text in texts]

    async def values(self, texts):
        await self._work(texts)
        return [Scored(len(text) / 100, 1) for text in texts]


async def ask(lm, prompts, sampling=HOT):
    done = await lm.complete(prompts, range(len(prompts)), sampling)
    return [completion.text for completion in done]


def together(*calls):
    async def main():
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(main())


def test_waiting_calls_become_one_and_each_gets_its_own_answers():
    engine = Engine()
    lm = Coalesce(engine)
    done = together(ask(lm, ["a", "b"]), ask(lm, ["c"]), ask(lm, ["d", "e", "f"]))
    assert done == [["a/0/1", "b/1/1"], ["c/0/1"], ["d/0/1", "e/1/1", "f/2/1"]]
    assert engine.batches == [["a", "b", "c", "d", "e", "f"]]


def test_only_equal_sampling_is_merged():
    engine = Engine()
    lm = Coalesce(engine)
    done = together(ask(lm, ["a"]), ask(lm, ["b"], COLD), ask(lm, ["c"]))
    assert done == [["a/0/1"], ["b/0/0"], ["c/0/1"]]
    assert engine.batches == [["a", "c"], ["b"]]


def test_scores_are_merged_too():
    engine = Engine()
    lm = Coalesce(engine)
    [[one], [two]] = together(lm.logprobs([("a", "b")]), lm.logprobs([("cc", "d")]))
    assert (one.value, two.value) == (-2.0, -3.0)
    assert engine.batches == [["a", "cc"]]
    engine = Engine()
    vm = CoalesceValues(engine)
    [[one], [two, three]] = together(vm.values(["a"]), vm.values(["bb", "ccc"]))
    assert (one.value, two.value, three.value) == (0.01, 0.02, 0.03)
    assert engine.batches == [["a", "bb", "ccc"]]


def test_tokens_to_score_are_merged_where_the_temperature_is_equal():
    class Tokens(Engine):
        def tokenizer(self):
            return "words"

        async def token_logprobs(self, prompts, ids, temperature):
            await self._work(prompts)
            pairs = zip(prompts, ids, strict=True)
            return [Scored(-len(prompt) - sum(own) - temperature, 1) for prompt, own in pairs]

    engine = Tokens()
    lm = Coalesce(engine)
    [[one], [two], [three, four]] = together(
        lm.token_logprobs(["a"], [(1, 2)], 1.0),
        lm.token_logprobs(["bb"], [(3,)], 0.5),
        lm.token_logprobs(["c", "d"], [(4,), (5,)], 1),
    )
    assert [s.value for s in (one, two, three, four)] == [-5.0, -5.5, -6.0, -7.0]
    assert engine.batches == [["a", "c", "d"], ["bb"]]
    assert lm.tokenizer() == "words"


def test_a_setting_that_is_no_number_reaches_the_engine_and_ends_nothing():
    class Strict(Engine):
        def tokenizer(self):
            return "words"

        async def token_logprobs(self, prompts, ids, temperature):
            raise InputError(f"temperature {temperature}")

    async def ask():
        lm = Coalesce(Strict())
        with pytest.raises(InputError, match="temperature nan"):
            await asyncio.wait_for(lm.token_logprobs(["a"], [(1,)], float("nan")), 5)

    asyncio.run(ask())


def test_an_engine_without_token_ids_is_said():
    lm = Coalesce(Engine())
    with pytest.raises(InputError, match="expected an engine that gives token ids"):
        lm.tokenizer()
    with pytest.raises(InputError, match="expected an engine that gives token ids"):
        asyncio.run(lm.token_logprobs(["a"], [(1,)], 1.0))


def test_no_batch_is_larger_than_allowed_and_a_large_call_is_cut():
    engine = Engine()
    lm = Coalesce(engine, max_batch=3)
    done = together(ask(lm, ["a", "b"]), ask(lm, ["c", "d", "e", "f", "g"]), ask(lm, ["h"]))
    assert [len(answers) for answers in done] == [2, 5, 1]
    assert done[1] == [f"{letter}/{i}/1" for i, letter in enumerate("cdefg")]
    assert all(len(batch) <= 3 for batch in engine.batches)
    assert len(engine.batches) == 3
    engine = Engine()
    vm = CoalesceValues(engine, max_batch=1)
    together(vm.values(["a", "b"]))
    assert engine.batches == [["a"], ["b"]]


@pytest.mark.parametrize("bad", [0, -1, 1.5])
def test_a_batch_of_nothing_is_refused(bad):
    for wrapper in (Coalesce, CoalesceValues):
        with pytest.raises(InputError, match="max_batch"):
            wrapper(Engine(), max_batch=bad)


def test_what_comes_while_the_engine_works_makes_the_next_batch():
    engine = Engine(slow=True)
    lm = Coalesce(engine)

    async def late(prompt):
        await turns(10)
        return await ask(lm, [prompt])

    assert together(ask(lm, ["a"]), late("b"), late("c")) == [["a/0/1"], ["b/0/1"], ["c/0/1"]]
    assert engine.batches == [["a"], ["b", "c"]]


def test_callers_that_wake_up_together_stay_together():
    engine = Engine()
    lm = Coalesce(engine)

    async def chain(name):
        for turn in range(5):
            await ask(lm, [f"{name}{turn}"])

    together(*[chain(name) for name in "abcdefgh"])
    assert [len(batch) for batch in engine.batches] == [8] * 5


def test_a_caller_who_is_a_turn_late_still_comes_along():
    engine = Engine()
    lm = Coalesce(engine)

    async def late(prompt):
        await asyncio.sleep(0)
        return await ask(lm, [prompt])

    together(ask(lm, ["a"]), late("b"), ask(lm, ["c"]))
    assert engine.batches == [["a", "c", "b"]]


def test_an_error_reaches_the_caller_who_asked_for_it_and_nobody_else():
    engine = Engine()
    lm = Coalesce(engine)
    done = together(ask(lm, ["a"]), ask(lm, ["bad"]), ask(lm, ["b", "c"]))
    assert done[0] == ["a/0/1"]
    assert isinstance(done[1], EngineError)
    assert done[2] == ["b/0/1", "c/1/1"]
    # And the next batch is not hurt.
    assert together(ask(lm, ["d"])) == [["d/0/1"]]


def test_a_call_that_was_cut_fails_as_a_whole():
    lm = Coalesce(Engine(), max_batch=1)
    [error] = together(ask(lm, ["a", "bad", "bad"]))
    assert isinstance(error, EngineError)
    gc.collect()  # no error is left that nobody looked at


def test_an_engine_that_loses_answers_is_found_out():
    class Forgetful(Engine):
        async def values(self, texts):
            return (await super().values(texts))[1:]

    [error, _] = together(*[CoalesceValues(Forgetful()).values([text]) for text in "ab"])
    assert isinstance(error, EngineError)
    assert "expected 1 answers" in str(error)


def test_one_caller_that_is_cancelled_does_not_hurt_the_others():
    engine = Engine(slow=True)
    lm = Coalesce(engine)

    async def main():
        gone, stays = asyncio.create_task(ask(lm, ["a"])), asyncio.create_task(ask(lm, ["b"]))
        await turns(10)
        gone.cancel()
        never = asyncio.create_task(ask(lm, ["c"]))
        await asyncio.sleep(0)
        never.cancel()
        return await asyncio.gather(gone, stays, never, return_exceptions=True)

    gone, stays, never = asyncio.run(main())
    assert isinstance(gone, asyncio.CancelledError)
    assert isinstance(never, asyncio.CancelledError)
    assert stays == ["b/0/1"]
    assert engine.batches == [["a", "b"]]


def test_an_aborted_loop_leaves_nothing_behind():
    lm = Coalesce(Engine(slow=True))

    async def main():
        asyncio.create_task(ask(lm, ["a"])).add_done_callback(lambda _: None)
        await turns(10)

    asyncio.run(main())
    lm._lm.busy = 0
    assert together(ask(lm, ["b"])) == [["b/0/1"]]


def test_no_ledger_is_current_in_the_engine():
    """Who is served in a batch with others is not charged for all of them."""
    inner = Metered(Engine(), role="inner", phase="x")
    lm = Metered(Coalesce(inner), role="outer", phase="x")
    ledgers = [Ledger(), Ledger()]

    async def one(ledger):
        with ledger.active():
            await ask(lm, ["a"])

    together(*[one(ledger) for ledger in ledgers])
    assert [list(ledger.usage) for ledger in ledgers] == [[("outer", "x")]] * 2


def test_it_stands_for_its_engine():
    for wrapper in (Coalesce(Engine()), CoalesceValues(Engine())):
        assert (wrapper.name, wrapper.parameters) == ("fake", 3)
        assert repr(wrapper).endswith("('fake')")


def test_an_empty_call_asks_nothing():
    engine = Engine()
    assert together(ask(Coalesce(engine), []), CoalesceValues(engine).values([])) == [[], []]
    assert engine.batches == []


def test_an_interrupt_is_not_told_of_again_when_memory_is_cleared(caplog):
    class Interrupted(Engine):
        async def complete(self, prompts, seeds, sampling):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(Coalesce(Interrupted()).complete(["x"], [0], HOT))
    gc.collect()
    assert "never retrieved" not in caplog.text
