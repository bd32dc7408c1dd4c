import asyncio
from dataclasses import replace

import pytest

from specreward.errors import BudgetExhausted, EngineError, InputError
from specreward.ledger import Budget, Ledger, Utf8Bytes
from specreward.metering import Metered, MeteredValues
from specreward.prices import Price, Prices
from specreward.types import Completion, Sampling, Scored, Usage

PRICES = Prices({"fake": Price(prompt=10.0, cached=1.0, completion=100.0)})


class Words:
    """Counts words: what the fake engines below read."""

    def count(self, texts):
        return [len(text.split()) for text in texts]


class Engine:
    """Reads a word as a token, knows the first word beforehand, writes all it may."""

    name = "fake"
    parameters = 7

    def __init__(self, error=None, write=None):
        self.calls = 0
        self.error = error
        self.write = write

    async def complete(self, prompts, seeds, sampling):
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        self.calls += len(prompts)
        written = sampling.max_tokens if self.write is None else self.write
        return [Completion("x", written, -1.0, len(p.split()), 1, "stop", 0.5) for p in prompts]

    async def logprobs(self, texts):
        self.calls += len(texts)
        return [Scored(-1.0, len(" ".join(text).split()), 1, 0.25) for text in texts]

    async def values(self, texts):
        if self.error:
            raise self.error
        self.calls += len(texts)
        return [Scored(0.5, len(text.split()), 2, 0.125) for text in texts]


def metered(engine, **changed):
    settings = {"role": "policy", "phase": "propose", "counter": Words(), "prices": PRICES}
    return Metered(engine, **(settings | changed))


def spend(ledger, work):
    async def main():
        with ledger.active():
            return await work

    return asyncio.run(main())


def call(lm, prompts=("a b c",), most=4):
    return lm.complete(prompts, range(len(prompts)), Sampling(max_tokens=most))


# ---------------------------------------------------------------------------------- accounts


def test_every_number_of_a_completion_is_booked():
    ledger = Ledger()
    spend(ledger, call(metered(Engine()), ["a b c", "a b"]))
    assert ledger.usage == {
        ("policy", "propose"): Usage(
            calls=2,
            prompt_tokens=5,
            cached_tokens=2,
            completion_tokens=8,
            seconds=1.0,
            flops=2 * 7 * (5 - 2 + 8),
            dollars=pytest.approx((10 * 3 + 1 * 2 + 100 * 8) / 1e6),
        )
    }
    assert ledger.total == ledger.usage["policy", "propose"]


def test_scores_are_booked_as_tokens_read():
    ledger = Ledger()
    spend(ledger, metered(Engine(), role="judge", phase="rate").logprobs([("a b", "c")]))
    spend(ledger, MeteredValues(Engine(), prices=PRICES).values(["a b c", "d e"]))
    judge = ledger.usage["judge", "rate"]
    assert (judge.calls, judge.prompt_tokens, judge.seconds) == (1, 3, 0.25)
    reward = ledger.usage["reward", "score"]
    assert (reward.calls, reward.prompt_tokens, reward.cached_tokens) == (2, 5, 4)
    assert (reward.completion_tokens, reward.seconds) == (0, 0.25)
    assert reward.flops == 2 * 7 * 1
    assert ledger.total == judge + reward


def test_role_and_phase_of_values_are_settings():
    ledger = Ledger()
    spend(ledger, MeteredValues(Engine(), role="judge", phase="rank").values(["a"]))
    assert list(ledger.usage) == [("judge", "rank")]


def test_a_failed_call_counts_and_says_where_it_failed():
    ledger = Ledger()
    broken = Engine(EngineError("down"))
    with pytest.raises(EngineError) as error:
        spend(ledger, call(metered(broken), ["a", "b", "c"]))
    assert ledger.usage == {("policy", "propose"): Usage(calls=3, failed=3)}
    assert error.value.__notes__ == ["in role policy, phase propose"]
    with pytest.raises(EngineError):
        spend(ledger, MeteredValues(broken).values(["a"]))
    assert ledger.usage["reward", "score"].failed == 1


def test_a_call_that_is_broken_off_counts_as_failed():
    ledger = Ledger()

    async def broken_off():
        with ledger.active():
            task = asyncio.create_task(call(metered(Engine()), ["a", "b"]))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(broken_off())
    assert ledger.usage == {("policy", "propose"): Usage(calls=2, failed=2)}


def test_a_model_without_a_price_costs_nothing_and_is_named():
    ledger = Ledger()
    spend(ledger, call(metered(Engine(), prices=Prices({}))))
    assert ledger.total.dollars == 0
    assert ledger.unpriced == {"fake"}
    priced = Ledger()
    spend(priced, call(metered(Engine())))
    assert not priced.unpriced


def test_without_a_ledger_nothing_is_written_and_nothing_fails():
    assert len(asyncio.run(call(metered(Engine())))) == 1


def test_an_empty_call_is_none():
    ledger = Ledger(Budget(calls=1))
    spend(ledger, call(metered(Engine()), []))
    assert ledger.usage == {}


def test_tasks_started_inside_write_to_the_ledger_they_were_started_in():
    lm = metered(Engine())

    async def one(ledger, calls):
        with ledger.active():
            await asyncio.gather(*[asyncio.create_task(call(lm)) for _ in range(calls)])

    async def main():
        ledgers = [Ledger(), Ledger()]
        await asyncio.gather(one(ledgers[0], 1), one(ledgers[1], 3))
        return [ledger.total.calls for ledger in ledgers]

    assert asyncio.run(main()) == [1, 3]


def test_wrappers_are_named_by_what_they_say_and_not_by_where_they_are():
    lm, vm = metered(Engine()), MeteredValues(Engine(), prices=PRICES)
    assert (lm.name, lm.parameters, vm.name, vm.parameters) == ("fake", 7, "fake", 7)
    for wrapper in (lm, vm):
        assert "'fake'" in repr(wrapper)
        assert " at 0x" not in repr(wrapper)
    assert repr(lm) != repr(metered(Engine(), role="judge"))
    assert repr(lm) != repr(metered(Engine(), phase="evaluate"))
    assert repr(lm) != repr(metered(Engine(), prices=Prices({})))


# ---------------------------------------------------------------------------------- budgets


@pytest.mark.parametrize("cap", ["tokens", "calls", "dollars", "seconds"])
@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), True, "5"])
def test_a_budget_of_nothing_is_refused_with_the_reason(cap, bad):
    with pytest.raises(InputError, match=f"budget {cap}: expected .* above 0, got .*: with less"):
        Budget(**{cap: bad})


@pytest.mark.parametrize("cap", ["tokens", "calls"])
def test_tokens_and_calls_are_whole(cap):
    with pytest.raises(InputError, match=f"budget {cap}: expected a whole number"):
        Budget(**{cap: 1.5})


@pytest.mark.parametrize(
    ("cap", "each"), [("tokens", 3 + 4), ("calls", 1), ("dollars", (10 * 3 + 100 * 4) / 1e6)]
)
@pytest.mark.parametrize("share", [1.0, 2.5, 3.0])
def test_a_cap_is_never_passed_and_used_up_as_far_as_whole_calls_go(cap, each, share):
    limit = each * share
    budget = Budget(**{cap: max(1, int(limit)) if cap != "dollars" else limit})
    ledger, engine = Ledger(budget), Engine()
    lm = metered(engine)

    async def main():
        with ledger.active():
            while True:
                await call(lm)

    with pytest.raises(BudgetExhausted, match=cap):
        asyncio.run(main())
    spent = {"tokens": ledger.total.tokens, "calls": ledger.total.calls}
    spent["dollars"] = ledger.total.dollars
    assert spent[cap] <= limit
    assert engine.calls == int(share)


def test_a_cap_holds_over_all_roles_together():
    ledger = Ledger(Budget(calls=3))
    spend(ledger, call(metered(Engine(), role="policy")))
    spend(ledger, call(metered(Engine(), role="judge")))
    spend(ledger, MeteredValues(Engine()).values(["a"]))
    with pytest.raises(BudgetExhausted, match="3 of 3 calls are spent"):
        spend(ledger, MeteredValues(Engine()).values(["a"]))


def test_every_prompt_of_a_call_may_write_all_it_may():
    spend(Ledger(Budget(tokens=14)), call(metered(Engine()), ["a b c"] * 2))
    with pytest.raises(
        BudgetExhausted, match=r"0 of 13 tokens are spent, the next call may take 14"
    ):
        spend(Ledger(Budget(tokens=13)), call(metered(Engine()), ["a b c"] * 2))


def test_calls_under_way_hold_their_worst_case():
    engine = Engine(write=0)
    ledger = Ledger(Budget(tokens=14))
    lm = metered(engine)

    async def main():
        with ledger.active():
            return await asyncio.gather(*[call(lm) for _ in range(3)], return_exceptions=True)

    done = asyncio.run(main())
    assert [isinstance(one, BudgetExhausted) for one in done] == [False, False, True]
    # Less was written than might have been: what was held is free again.
    assert ledger.total.tokens == 6
    spend(ledger, call(lm))


def test_a_failed_call_gives_back_what_it_held():
    ledger = Ledger(Budget(tokens=7))
    with pytest.raises(EngineError):
        spend(ledger, call(metered(Engine(EngineError("down")))))
    spend(ledger, call(metered(Engine())))


def test_a_budget_of_seconds_ends_the_search_after_the_call_that_passed_it():
    ledger = Ledger(Budget(seconds=0.75))
    lm = metered(Engine())
    spend(ledger, call(lm))
    spend(ledger, call(lm))
    with pytest.raises(BudgetExhausted, match=r"1 of 0\.75 seconds"):
        spend(ledger, call(lm))


def test_a_budget_in_dollars_needs_a_price():
    with pytest.raises(InputError, match="needs the price of 'fake'"):
        spend(Ledger(Budget(dollars=1.0)), call(metered(Engine(), prices=Prices({}))))


def test_the_default_counter_never_counts_too_few():
    ledger, engine = Ledger(Budget(tokens=60)), Engine()
    lm = Metered(engine, role="policy", phase="propose", prices=PRICES)
    spend(ledger, call(lm, ["äöü"], most=10))  # 6 bytes and 32 more
    with pytest.raises(BudgetExhausted):
        spend(ledger, call(lm, ["äöü"], most=18))
    assert Utf8Bytes(extra=0).count(["äb", ""]) == [3, 0]
    assert Utf8Bytes(extra=5).count(["a"]) == [6]
    with pytest.raises(InputError, match="extra"):
        Utf8Bytes(extra=-1)


@pytest.mark.parametrize("verb", ["logprobs", "values"])
def test_texts_that_are_scored_are_counted_beforehand(verb):
    async def work():
        if verb == "logprobs":
            return await metered(Engine()).logprobs([("a b", "c")])
        return await MeteredValues(Engine(), counter=Words()).values(["a b c"])

    spend(Ledger(Budget(tokens=3)), work())
    with pytest.raises(BudgetExhausted):
        spend(Ledger(Budget(tokens=2)), work())


class Tokens(Engine):
    """An engine that scores tokens: it knows the first word beforehand."""

    def tokenizer(self):
        return "words"

    async def token_logprobs(self, prompts, ids, temperature):
        if self.error:
            raise self.error
        self.calls += len(prompts)
        pairs = zip(prompts, ids, strict=True)
        return [Scored(-1.0, len(p.split()) + len(own), 1, 0.25) for p, own in pairs]


def scored(engine, prompts=("a b", "a b c"), ids=((1, 2), (3,))):
    return metered(engine).token_logprobs(prompts, ids, 1.0)


def test_tokens_are_scored_in_a_phase_of_their_own():
    ledger = Ledger()
    spend(ledger, scored(Tokens()))
    assert ledger.usage == {
        ("policy", "verify"): Usage(
            calls=2,
            prompt_tokens=2 + 2 + 3 + 1,
            cached_tokens=2,
            seconds=0.5,
            flops=2 * 7 * (8 - 2),
            dollars=pytest.approx((10 * 6 + 1 * 2) / 1e6),
        )
    }
    with pytest.raises(EngineError) as caught:
        spend(ledger, scored(Tokens(EngineError("down"))))
    assert caught.value.__notes__ == ["in role policy, phase verify"]
    assert ledger.usage["policy", "verify"].failed == 2


@pytest.mark.parametrize(("cap", "need"), [("tokens", 8), ("calls", 2), ("dollars", 80 / 1e6)])
def test_tokens_to_score_are_counted_beforehand(cap, need):
    engine = Tokens()
    spend(Ledger(Budget(**{cap: need})), scored(engine))
    with pytest.raises(BudgetExhausted, match=cap):
        spend(
            Ledger(Budget(**{cap: need - 1 if cap != "dollars" else need * 0.99})), scored(engine)
        )
    assert engine.calls == 2


def test_an_engine_without_token_ids_is_said():
    lm = metered(Engine())
    with pytest.raises(InputError, match="expected an engine that gives token ids"):
        lm.tokenizer()
    with pytest.raises(InputError, match="expected an engine that gives token ids"):
        spend(Ledger(), lm.token_logprobs(["a"], [(1,)], 1.0))
    assert metered(Tokens()).tokenizer() == "words"


# ---------------------------------------------------------------------------------- lost attempts

LOST = Usage(calls=3, prompt_tokens=4, completion_tokens=2, seconds=0.5, failed=3)


def test_attempts_before_an_answer_are_booked_with_it_and_priced():
    class Stubborn(Engine):
        async def complete(self, prompts, seeds, sampling):
            [first, *rest] = await super().complete(prompts, seeds, sampling)
            return [replace(first, wasted=LOST), *rest]

        async def values(self, texts):
            return [replace(one, wasted=LOST) for one in await super().values(texts)]

    ledger = Ledger()
    spend(ledger, call(metered(Stubborn()), ["a b c", "a b"]))
    assert ledger.total == Usage(
        calls=2 + 3,
        prompt_tokens=5 + 4,
        cached_tokens=2,
        completion_tokens=8 + 2,
        seconds=1.0 + 0.5,
        flops=2 * 7 * (5 - 2 + 8 + 4 + 2),
        dollars=pytest.approx((10 * (3 + 4) + 1 * 2 + 100 * (8 + 2)) / 1e6),
        failed=3,
    )
    scored = Ledger()
    spend(scored, MeteredValues(Stubborn(), prices=PRICES).values(["a b c"]))
    assert (scored.total.calls, scored.total.failed, scored.total.completion_tokens) == (4, 3, 2)


def test_a_failed_call_costs_its_attempts_and_the_answers_that_came_in():
    came = Completion("x", 4, -1.0, 3, 1, "stop", 0.5, Usage(calls=1, failed=1))
    error = EngineError("down", wasted=LOST, done={1: came})
    ledger = Ledger()
    with pytest.raises(EngineError):
        spend(ledger, call(metered(Engine(error)), ["a b c"] * 3))
    assert ledger.total == Usage(
        calls=3 + 1 + 1,
        prompt_tokens=4 + 3,
        cached_tokens=1,
        completion_tokens=2 + 4,
        seconds=0.5 + 0.5,
        flops=2 * 7 * (4 + 3 - 1 + 2 + 4),
        dollars=pytest.approx((10 * (4 + 2) + 1 * 1 + 100 * (2 + 4)) / 1e6),
        failed=3 + 1,
    )
