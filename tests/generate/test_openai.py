import asyncio
import gc
import math
import re
import sys
import time

import pytest

from specreward.engines import ChatPrompt, Concurrent, Message, Sampling, Usage
from specreward.errors import BudgetExhausted, EngineError, InputError, MissingExtra
from specreward.generate import (
    VLLM,
    Backoff,
    Chat,
    Completions,
    LlamaCpp,
    NotGiven,
    Ollama,
    OpenAI,
    OpenAIAPI,
    Processed,
    connection,
)
from specreward.ledger import Budget, Ledger
from specreward.metering import Metered
from specreward.prices import Price, Prices
from specreward.spec import name_of, parse

from .servers import Answer, Server, Text, answer, choice, scripted, usage

pytest.importorskip("openai", reason="needs the openai extra")

FAST = Backoff(attempts=3, first=0.001)
HOW = Sampling(temperature=1.0, max_tokens=5)
ABC = Text(("a", "b", "c"), (-0.5, -0.25, -0.125))


def engine(server, **changed):
    settings = {"url": server.url, "dialect": VLLM(), "route": Completions(), "retry": FAST}
    return OpenAI("m", **(settings | changed))


def complete(handle, prompts=("p",), how=HOW, seeds=None, **changed):
    """Completions, and the bodies of the requests for them."""
    with Server(handle) as server:
        lm = engine(server, **changed)
        got = asyncio.run(lm.complete(prompts, seeds or range(len(prompts)), how))
    return got, [asked.body for asked in server.asked]


def failure(handle, prompts=("p",), how=HOW, **changed):
    with pytest.raises(EngineError) as caught:
        complete(handle, prompts, how, **changed)
    return caught.value


# ---------------------------------------------------------------------------------- requests


def test_a_request_says_how_to_sample_and_a_completion_what_came():
    how = Sampling(1.0, 9, (";", "\n"))
    [got], [body] = complete(scripted(ABC, prompt=7, cached=4), how=how, seeds=[2**40 + 5])
    assert {key: body[key] for key in ("model", "prompt", "max_tokens", "temperature")} == {
        "model": "m",
        "prompt": "p",
        "max_tokens": 9,
        "temperature": 1.0,
    }
    assert (body["seed"], body["stop"], body["logprobs"]) == (5, [";", "\n"], 1)
    assert "n" not in body
    assert (got.text, got.tokens, got.logprob, got.finish) == ("abc", 3, -0.875, "stop")
    assert (got.prompt_tokens, got.cached_tokens, got.wasted) == (7, 4, Usage())
    assert 0 < got.seconds < 10


def test_equal_prompts_are_one_request_and_order_is_kept():
    texts = [Text((f"{i}",), (-0.5,)) for i in range(6)]

    async def handle(asked):
        # Replies may list samples in any order.
        rows = [choice(asked, texts[asked.body["seed"] + i], i) for i in range(asked.body["n"])]
        return answer({"choices": rows[::-1], **usage(7, len(rows))})

    got, bodies = complete(handle, ["a", "b", "a", "b", "a"])
    assert [one.text for one in got] == ["0", "1", "1", "2", "2"]
    found = sorted([(body["prompt"], body["n"], body["seed"]) for body in bodies])
    assert found == [("a", 3, 0), ("b", 2, 1)]


@pytest.mark.parametrize(
    ("changed", "temperature", "sizes"),
    [
        ({"samples": 2}, 1.0, [1, 2, 2]),
        ({"samples": 1}, 1.0, [1] * 5),
        ({}, 0.0, [1] * 5),  # servers refuse several greedy samples
        ({"dialect": LlamaCpp()}, 0.7, [1] * 5),  # and this one miscounts their tokens
    ],
)
def test_how_many_samples_a_request_asks_for(changed, temperature, sizes):
    tokens = Text(("a",), (-0.5,))
    _, bodies = complete(scripted(tokens), ["a"] * 5, Sampling(temperature), **changed)
    assert sorted([body.get("n", 1) for body in bodies]) == sizes
    if sizes == [1] * 5:
        assert sorted([body["seed"] for body in bodies]) == [0, 1, 2, 3, 4]


def test_conversations_that_read_alike_are_not_the_same():
    one = ChatPrompt([Message("user", "a\n\nb")])
    two = ChatPrompt([Message("system", "a"), Message("user", "b")])
    assert one == two
    _, bodies = complete(scripted(ABC), [one, two], route=Chat())
    assert sorted([len(body["messages"]) for body in bodies]) == [1, 2]


def test_more_fields_go_into_every_request_and_into_the_name():
    extra = '{"reasoning_effort": "low"}'
    _, [body] = complete(scripted(ABC), extra=extra)
    assert body["reasoning_effort"] == "low"
    assert OpenAI("m", extra=extra).name == f"m {extra}"
    for bad in ("[1]", "{", "nothing", '{"a": NaN}'):
        with pytest.raises(InputError, match="extra: expected a JSON object"):
            OpenAI("m", extra=bad)


@pytest.mark.parametrize("name", ["temperature", "max_tokens", "n", "stop", "logprobs", "seed"])
def test_what_the_engine_asks_for_cannot_be_overruled(name):
    with pytest.raises(InputError, match=f"the engine does not set itself, got '{name}'"):
        OpenAI("m", extra=f'{{"top_k": 5, "{name}": 1}}')


# ---------------------------------------------------------------------------------- usage


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_usage_is_shared_out_and_sums_up_to_what_the_server_says(temperature):
    texts = [Text(("long", "er"), (-0.5, -0.5)), Text(("x",), (-1.0,)), Text((), ())]

    async def handle(asked):
        rows = [choice(asked, texts[i], i) for i in range(3)]
        return answer({"choices": rows, **usage(7, 11, 3)})  # more than is shown: hidden tokens

    got, _ = complete(handle, ["p"] * 3, Sampling(temperature))
    assert sum(one.tokens for one in got) == 11
    assert [one.prompt_tokens for one in got] == [7, 0, 0]
    assert [one.cached_tokens for one in got] == [3, 0, 0]
    assert got[0].tokens > got[1].tokens > got[2].tokens == 0


def test_tokens_are_exact_where_the_server_lists_them():
    texts = [Text(("x", "y"), (-0.5, -0.5)), Text(("a long one",), (-1.0,))]
    got, _ = complete(scripted(*texts), ["p"] * 2)
    assert [one.tokens for one in got] == [2, 1]


@pytest.mark.parametrize(
    ("bad", "words", "attempts"),
    [
        ({}, "expected the usage of the request, got none", 1),
        ({"usage": {"prompt_tokens": 1}}, "expected completion_tokens in the usage", 3),
        (usage(-1, 1), "expected prompt_tokens in the usage, at least 0, got -1", 3),
        (usage(1, 1, cached=2), "expected at most 1 cached tokens, got 2", 3),
    ],
)
def test_a_reply_that_cannot_be_counted_is_no_answer(bad, words, attempts):
    async def handle(asked):
        return answer({"choices": [choice(asked, ABC)], **bad})

    error = failure(handle)
    assert words in str(error)
    assert error.wasted.failed == attempts


@pytest.mark.parametrize(("tokens", "fits"), [(2 * (5 + 8), True), (2 * (5 + 8) + 1, False)])
def test_a_server_that_takes_no_notice_of_the_cap_is_found_out(tokens, fits):
    async def handle(asked):
        return answer({"choices": [choice(asked, ABC, i) for i in range(2)], **usage(7, tokens)})

    if fits:
        assert sum(one.tokens for one in complete(handle, ["p", "p"])[0]) == tokens
        return
    error = failure(handle, ["p", "p"])
    assert "expected at most 5 tokens in each of 2 completions, got 27 in all" in str(error)
    assert (error.wasted.calls, error.wasted.completion_tokens) == (2, 27)


# ---------------------------------------------------------------------------------- stops


@pytest.mark.parametrize(
    ("keep", "text", "stop", "shown"),
    [
        (False, "so.", "\n\n", "so."),  # the server took the delimiter off a merged token
        (True, "so.", "\n\n", "so.\n\n"),
        (True, "so.", 2, "so."),  # a token that ends a text: not a stop text
        (True, "so.", None, "so."),
        (True, "so.", "<|end|>", "so."),  # the server's own
        (False, "so.\n\n", None, "so."),  # the server left it in
        (True, "so.\n\n", None, "so.\n\n"),
        (False, "so.\n\nand on\n\n", None, "so."),  # the server knows no stops
        (True, "so.\n\nand on\n\n", None, "so.\n\n"),
    ],
)
def test_a_text_ends_at_its_first_stop(keep, text, stop, shown):
    tokens = Text(("so", ".\n\n", "and on\n\n"), (-0.5, -0.25, -1.0), text, "stop", stop)
    how = Sampling(1.0, 9, ("\n\n", "###"), keep_stop=keep)
    [got], _ = complete(scripted(tokens), how=how)
    assert (got.text, got.finish) == (shown, "stop")
    # Past the stop text nothing was asked for; up to it a merged token counts as a whole.
    assert got.logprob == (-0.75 if "\n\n" in text else -1.75)
    assert got.tokens == 3


def test_the_stop_that_ends_first_wins():
    tokens = Text(("a\n\nb",), (-1.0,))
    [got], _ = complete(scripted(tokens), how=Sampling(1.0, 9, ("b", "\n\n", "\n")))
    assert got.text == "a"


def test_tokens_that_do_not_spell_the_text_are_not_summed_up_to_a_stop():
    tokens = Text(("\ufffd", "\ufffd", "x"), (-1.0, -1.0, -1.0), "é;x")
    [got], _ = complete(scripted(tokens), how=Sampling(1.0, 9, (";",)))
    assert (got.text, got.logprob) == ("é", None)


@pytest.mark.parametrize("dialect", [OpenAIAPI(), Ollama()])
def test_stops_cannot_be_kept_where_the_server_hides_them(dialect):
    lm = OpenAI("m", dialect=dialect)
    with pytest.raises(InputError, match=r"expected keep_stop=False: .* does not say"):
        asyncio.run(lm.complete(["p"], [0], Sampling(stop=(";",), keep_stop=True)))


def test_too_many_stops_are_said_before_anything_is_asked():
    with pytest.raises(InputError, match=r"at most 4 stop texts, .* openai_api\(\) takes, got 5"):
        asyncio.run(OpenAI("m").complete(["p"], [0], Sampling(stop=tuple("abcde"))))


def test_length_is_told_from_a_stop():
    [got], _ = complete(scripted(Text(finish="length")))
    assert got.finish == "length"


@pytest.mark.parametrize(
    ("finish", "attempts"), [("content_filter", 1), ("abort", 3), (None, 3), ([], 3)]
)
def test_other_ends_are_no_completions(finish, attempts):
    error = failure(scripted(Text(finish=finish)))
    assert "ended by 'stop' or 'length'" in str(error)
    assert error.wasted.calls == attempts


# ---------------------------------------------------------------------------------- log-probs


@pytest.mark.parametrize(
    ("dialect", "temperature", "given"),
    [
        (VLLM(), 1.0, True),
        (VLLM(), 0.0, True),
        (VLLM(), 0.7, False),
        (VLLM(logprobs=Processed()), 0.7, True),
        (VLLM(logprobs=NotGiven()), 1.0, False),
    ],
)
def test_log_probabilities_are_those_of_the_law_sampled_from_or_none(dialect, temperature, given):
    [got], [body] = complete(scripted(ABC), how=Sampling(temperature), dialect=dialect)
    assert got.logprob == (-0.875 if given else None)
    assert ("logprobs" in body) is given


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.01, "x", None, True])
def test_what_is_no_log_probability_fails_the_attempt_and_was_paid_for(bad):
    error = failure(scripted(Text(("a", "b"), (-0.5, bad))))
    assert error.retryable
    assert (error.wasted.calls, error.wasted.failed) == (3, 3)
    assert (error.wasted.prompt_tokens, error.wasted.completion_tokens) == (21, 6)


def test_rounding_above_zero_is_zero():
    [got], _ = complete(scripted(Text(("a", "b"), (1e-5, -0.5))))
    assert got.logprob == -0.5


def test_a_text_without_any_is_not_certain():
    async def handle(asked):
        row = choice(asked, ABC) | {"logprobs": {"content": []}}
        return answer({"choices": [row], **usage(1, 3)})

    assert "expected log-probabilities of all tokens" in str(failure(handle))
    [got], _ = complete(scripted(Text((), ())))
    assert (got.text, got.logprob) == ("", 0.0)


def test_a_server_that_leaves_them_out_is_told_of_with_the_remedy():
    async def handle(asked):
        row = choice(asked, ABC) | {"logprobs": None}
        return answer({"choices": [row], **usage(1, 3)})

    error = failure(handle)
    assert "logprobs=not_given()" in str(error)
    assert error.wasted == Usage(
        calls=1, failed=1, prompt_tokens=1, completion_tokens=3, seconds=error.wasted.seconds
    )


# ---------------------------------------------------------------------------------- limits


def test_no_more_requests_are_under_way_than_may_be():
    async def slow(asked):
        await asyncio.sleep(0.02)
        return await scripted(ABC)(asked)

    with Server(slow) as server:
        lm = engine(server, concurrency=3)
        asyncio.run(lm.complete([f"p{i}" for i in range(12)], range(12), HOW))
    assert server.most == 3
    assert isinstance(lm, Concurrent)


def test_a_request_ends_at_its_time_and_is_tried_again():
    turn = iter(range(9))

    async def handle(asked):
        if next(turn) == 0:
            await asyncio.sleep(60)
        return await scripted(ABC)(asked)

    begun = time.perf_counter()
    [got], bodies = complete(handle, timeout=0.2)
    assert len(bodies) == 2
    assert got.wasted.failed == 1
    assert 0.2 <= got.wasted.seconds < 5
    assert got.seconds < 0.2
    assert time.perf_counter() - begun < 5


def test_a_caller_that_goes_away_frees_the_connection():
    arrived = asyncio.Event()

    async def hang(asked):
        arrived.set()
        await asyncio.sleep(60)

    with Server(hang) as server:

        async def main():
            task = asyncio.create_task(engine(server, concurrency=1).complete(["p"], [0], HOW))
            while not server.asked:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(200):
                if server.gone:
                    break
                await asyncio.sleep(0.01)
            assert server.gone == 1
            server.handle = scripted(ABC)
            return await engine(server, concurrency=1).complete(["p"], [0], HOW)  # the gate is open

        assert asyncio.run(main())[0].text == "abc"


def test_nothing_is_left_open_when_a_loop_ends():
    with Server(scripted(ABC)) as server:
        for _ in range(2):
            asyncio.run(engine(server).complete(["p"], [0], HOW))
        gc.collect()
        assert len(server.asked) == 2
    assert not any(loop.is_closed() for loop in connection._open)


# ---------------------------------------------------------------------------------- failures


def test_what_failed_before_is_counted_on_the_answer():
    replies = iter(
        [
            answer({"error": {"message": "busy"}}, 503),
            answer({"choices": [], **usage(7, 3)}),
        ]
    )

    async def handle(asked):
        return next(replies, None) or await scripted(ABC)(asked)

    got, bodies = complete(handle, ["p"] * 2)
    assert len(bodies) == 3
    assert got[1].wasted == Usage()
    wasted = got[0].wasted
    assert (wasted.calls, wasted.failed) == (4, 4)
    assert (wasted.prompt_tokens, wasted.completion_tokens) == (7, 3)


def test_what_came_in_before_a_failure_is_in_the_error():
    async def handle(asked):
        if asked.body["prompt"] == "bad":
            return answer({"error": {"message": "never"}}, 500)
        return await scripted(ABC)(asked)

    error = failure(handle, ["a", "bad", "b", "bad", "a"], samples=1)
    assert sorted(error.done) == [0, 2, 4]
    assert {one.text for one in error.done.values()} == {"abc"}
    assert (error.wasted.calls, error.wasted.failed) == (6, 6)
    assert error.retryable
    assert str(error).startswith("m at http://127.0.0.1:")
    assert "HTTP 500" in str(error)
    assert "3 attempts; the prompt ends with 'bad'" in str(error)
    assert "and 1 more requests" in str(error)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Answer(b'{"choices": [{"te'), "expected JSON, got"),
        (Answer(b'{"choices": []}', cut=5), "the connection failed"),
        (Answer(b"<html>", 200, "text/html"), "expected JSON, got text/html: '<html>'"),
        (Answer(b"{}", 200, ""), "expected JSON, got no content type"),
        (Answer(b"[]"), "expected a JSON object"),
        (Answer(b'{"choices": "\xff"}'), "expected text in UTF-8"),
        (answer({"choices": [{"text": "\ud83d"}], **usage(1, 1)}), "a text of whole characters"),
        (
            answer({"error": {"message": "overloaded"}}),
            "usage .* the server says: .*overloaded",
        ),
        (answer({"choices": [3], **usage(1, 1)}), r"expected a list of objects, got \[3\]"),
        (answer({"choices": [], **usage(1, 1)}), "expected 1 choices, got 0"),
        (answer({"error": {"message": "hmm"}, "choices": [], **usage(1, 1)}), "hmm"),
        (answer({"choices": [{"finish_reason": "stop"}], **usage(1, 1)}), "expected a text"),
        (answer({}, 429), "HTTP 429"),
        (answer({}, 408), "HTTP 408"),
        (answer({}, 502), "HTTP 502"),
    ],
)
def test_what_may_pass_is_tried_again(reply, words):
    async def handle(asked):
        return reply

    with Server(handle) as server, pytest.raises(EngineError) as caught:
        asyncio.run(engine(server).complete(["p"], [0], HOW))
    assert len(server.asked) == 3
    assert re.search(words, str(caught.value))
    assert caught.value.retryable


def test_half_a_character_is_not_asked():
    with Server(scripted(ABC)) as server, pytest.raises(EngineError) as caught:
        asyncio.run(engine(server).complete(["a", "b\ud83d"], [0, 1], HOW))
    assert r"a prompt of whole characters, got '\ud83d'" in str(caught.value)
    assert list(caught.value.done) == [0]
    assert len(server.asked) == 1


def test_a_server_that_takes_no_n_is_found_out():
    async def one(asked):
        return answer({"choices": [choice(asked, ABC)], **usage(1, 3)})

    assert "expected 2 choices, got 1: set samples=1" in str(failure(one, ["p", "p"]))


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (400, "temperature too high", "HTTP 400: temperature too high"),
        (422, "no such field", "HTTP 422"),
        (401, "wrong key", "key in OPENAI_API_KEY is not set: export OPENAI_API_KEY=..."),
        (403, "not yours", "key in OPENAI_API_KEY is not set"),
    ],
)
def test_what_does_not_pass_is_not_tried_again(monkeypatch, status, message, words):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async def handle(asked):
        return answer({"error": {"message": message}}, status)

    with Server(handle) as server, pytest.raises(EngineError, match=words) as caught:
        asyncio.run(engine(server).complete(["p"], [0], HOW))
    assert len(server.asked) == 1
    assert not caught.value.retryable
    assert "\n" not in str(caught.value)


def test_an_empty_account_is_not_asked_again():
    async def handle(asked):
        return answer({"error": {"message": "pay", "code": "insufficient_quota"}}, 429)

    error = failure(handle)
    assert "no credit left" in str(error)
    assert error.wasted.calls == 1


def test_a_server_that_asks_to_wait_is_waited_for_or_given_up():
    turn = iter(range(9))

    async def handle(asked):
        if next(turn):
            return await scripted(ABC)(asked)
        return answer({}, 429, retry_after="0.3")

    begun = time.perf_counter()
    complete(handle)
    assert time.perf_counter() - begun >= 0.3

    async def tomorrow(asked):
        return answer({}, 429, retry_after="86400")

    error = failure(tomorrow)
    assert error.wasted.calls == 1
    assert "asks to wait 86400 seconds" in str(error)


def test_waits_double_up_to_a_bound_and_end():
    wait = Backoff(attempts=5, first=1.0, most=3.0)
    for attempts, longest in ((1, 1), (2, 2), (3, 3), (4, 3)):
        drawn = [wait(attempts, None) for _ in range(200)]
        assert longest / 2 <= min(drawn) < longest * 0.6
        assert longest * 0.9 < max(drawn) <= longest
    assert wait(5, None) is None
    assert wait(1, 2.5) == 2.5
    assert wait(1, 3.5) is None
    for bad in ({"attempts": 0}, {"first": 0}, {"most": -1}):
        with pytest.raises(InputError, match="backoff"):
            Backoff(**bad)


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (
            ["gpt-large", "gpt-small"],
            "no model 'gpt-smal': did you mean 'gpt-small'? it has: gpt-l",
        ),
        (["other"], "no model 'gpt-smal': it has: other"),
        (["gpt-smal"], "the server has the model, but not this route"),
        (None, "is this its URL, with /v1 at its end?"),
    ],
)
def test_a_wrong_model_or_url_gets_advice(listed, words):
    async def handle(asked):
        if asked.path == "/v1/models" and listed:
            return answer({"object": "list", "data": [{"id": name} for name in listed]})
        return answer({"detail": "Not Found"}, 404)

    with Server(handle) as server:
        lm = OpenAI("gpt-smal", url=server.url, retry=FAST)
        with pytest.raises(EngineError) as caught:
            asyncio.run(lm.complete(["p"], [0], HOW))
    assert words in str(caught.value)
    assert [asked.path for asked in server.asked].count("/v1/chat/completions") == 1


def test_a_server_that_is_not_there():
    with Server(scripted(ABC)) as server:
        pass
    with pytest.raises(EngineError, match=r"the connection failed .* is the server up") as caught:
        asyncio.run(engine(server).complete(["p"], [0], HOW))
    assert caught.value.retryable
    assert (caught.value.wasted.calls, caught.value.wasted.tokens) == (3, 0)


def test_a_url_that_does_not_end_like_most_is_remarked_on_when_it_fails():
    with Server(scripted(Text(finish="abort"))) as server:
        for url, odd in ((server.url, False), (f"{server.url}/", False), (server.url[:-3], True)):
            lm = engine(server, url=url)
            with pytest.raises(EngineError) as caught:
                asyncio.run(lm.complete(["p"], [0], HOW))
            assert ("most URLs end in /v1, not this" in str(caught.value)) is odd


# ---------------------------------------------------------------------------------- keys, names


def test_the_key_is_sent_and_shown_nowhere(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-very-secret")

    async def handle(asked):
        return answer({"error": {"message": f"bad {asked.headers['authorization']}"}}, 401)

    with Server(handle) as server:
        lm = engine(server, key_env="MY_KEY")
        with pytest.raises(EngineError) as caught:
            asyncio.run(lm.complete(["p"], [0], HOW))
    assert server.asked[0].headers["authorization"] == "Bearer sk-very-secret"
    assert "the key in MY_KEY is refused" in str(caught.value)
    for shown in (str(caught.value), repr(lm), lm.name, name_of(lm)):
        assert "secret" not in shown


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", "<p>{}</p>"),
        (200, "application/json", '{{"choices": [], "error": "{}"}}'),
        (500, "text/plain", "{}"),
    ],
)
def test_a_key_that_comes_back_in_any_reply_is_hidden(monkeypatch, status, kind, body):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")

    async def handle(asked):
        return Answer(body.format(asked.headers["authorization"]).encode(), status, kind)

    assert "***" in str(failure(handle))
    assert "secret" not in str(failure(handle))


def test_a_key_is_one_line_and_else_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", " sk-very-secret\r\n")
    with Server(scripted(ABC)) as server:
        asyncio.run(engine(server).complete(["p"], [0], HOW))
        assert server.asked[0].headers["authorization"] == "Bearer sk-very-secret"
        for bad in ("sk-very\nsecret", "sk-very-secrét"):
            monkeypatch.setenv("OPENAI_API_KEY", bad)
            with pytest.raises(InputError, match="a key in the environment variable") as caught:
                asyncio.run(engine(server).complete(["p"], [0], HOW))
            assert "sec" not in str(caught.value)


def test_the_official_service_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InputError, match=r"expected a key .* OPENAI_API_KEY, got none"):
        asyncio.run(OpenAI("gpt-4.1-mini").complete(["p"], [0], HOW))


def test_without_the_library_the_install_line_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"pip install 'specreward\[openai\]'"):
        asyncio.run(OpenAI("m", url="http://127.0.0.1:1/v1").complete(["p"], [0], HOW))


def test_names_say_what_answers_depend_on_and_prices_are_found():
    assert OpenAI("gpt-4.1-mini").name == "gpt-4.1-mini"
    assert OpenAI("gpt-4.1-mini", timeout=1, url="http://h/v1").name == "gpt-4.1-mini"
    local = OpenAI("Qwen/Qwen3-8B", dialect=VLLM(logprobs=Processed()), route=Completions())
    assert local.name == "Qwen/Qwen3-8B vllm(logprobs=processed()) completions()"
    table = Prices({"Qwen/Qwen3-8B": Price(prompt=1.0), "gpt*": Price(prompt=2.0)})
    assert table.find(local.name) == Price(prompt=1.0)
    assert table.find("gpt-9 vllm()") == Price(prompt=2.0)
    assert table.find("other vllm()") is None


def test_the_text_of_an_engine_is_read_back():
    text = (
        "openai(model='m', url='http://h:1/v1', dialect=vllm(logprobs=processed()), "
        "route=completions(), samples=4, retry=backoff(attempts=2), key_env='K', parameters=7)"
    )
    lm = parse(text, "languagemodel")
    assert name_of(lm) == text
    assert (lm.samples, lm.parameters, lm.retry.attempts) == (4, 7, 2)
    assert parse("openai('m')") == OpenAI("m")
    with pytest.raises(InputError, match="expected a dialect"):
        parse("openai('m', dialect=chat())")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": " "}, "expected the name of a model"),
        ({"url": "localhost:8000"}, "expected one such as http://localhost:8000/v1"),
        ({"url": "http://me:pw@host/v1"}, "expected no credentials"),
        ({"url": "http://host/v1?key=1"}, "expected no credentials"),
        ({"samples": 0}, "samples"),
        ({"concurrency": 0}, "concurrency"),
        ({"timeout": 0}, "timeout"),
        ({"parameters": -1}, "parameters"),
        ({"key_env": ""}, "key_env"),
    ],
)
def test_fields_are_checked(changed, words):
    with pytest.raises(InputError, match=words):
        OpenAI(**({"model": "m"} | changed))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ((["a"], [1, 2], HOW), "expected a seed for each of 1 prompts, got 2"),
        ((["a"], [1], Sampling(-1.0)), "temperature"),
        ((["a"], [1], Sampling(max_tokens=0)), "max_tokens"),
    ],
)
def test_calls_are_checked(call, words):
    with pytest.raises(InputError, match=words):
        asyncio.run(OpenAI("m").complete(*call))


def test_an_empty_call_asks_nothing():
    assert asyncio.run(OpenAI("m").complete([], [], HOW)) == []
    assert asyncio.run(OpenAI("m").logprobs([])) == []


# ---------------------------------------------------------------------------------- scoring


def echoing(*rows):
    """A server that rates these tokens, whatever is asked, and writes one more."""

    async def handle(asked):
        tokens = [*rows, (" more", -9.0)]
        legacy = {"tokens": [t for t, _ in tokens], "token_logprobs": [p for _, p in tokens]}
        row = {"index": 0, "text": "".join(legacy["tokens"]), "finish_reason": "length"}
        return answer(
            {"choices": [{**row, "logprobs": legacy}], **usage(len(rows), 1, min(2, len(rows)))}
        )

    return handle


def rate(handle, prompt, text, **changed):
    with Server(handle) as server:
        got = asyncio.run(engine(server, **changed).logprobs([(prompt, text)]))
    return got[0], server.asked[0].body


def test_a_continuation_is_rated_by_its_own_tokens():
    rows = [("<s>", None), ("The", -3.0), (" sky", -2.0), (" is", -1.0), (" blue", -0.5)]
    got, body = rate(echoing(*rows), "The sky", " is blue")
    assert (body["prompt"], body["echo"], body["temperature"]) == ("The sky is blue", True, 0.0)
    assert body["max_tokens"] == 1
    assert got.value == -1.5
    assert (got.prompt_tokens, got.cached_tokens) == (6, 2)  # the written token was paid for


@pytest.mark.parametrize(("prompt", "text"), [("The s", "ky is"), ("The sky ", "is")])
def test_a_border_inside_a_token_is_refused(prompt, text):
    rows = [("The", None), (" sky", -2.0), (" is", -1.0)]
    with pytest.raises(EngineError, match=r"begins with a token, .* move the border") as caught:
        rate(echoing(*rows), prompt, text)
    assert not caught.value.retryable
    assert caught.value.wasted == Usage(1, 3, 2, 1, caught.value.wasted.seconds, failed=1)


def test_other_tokens_than_were_asked_about_are_no_answer():
    with pytest.raises(EngineError, match="expected the tokens of"):
        rate(echoing(("b", -1.0)), "a", "ab")
    with pytest.raises(EngineError, match="expected a log-probability with each token"):
        rate(echoing(("ab", None)), "x", "ab")


def test_scores_that_came_in_are_kept_when_another_fails():
    async def handle(asked):
        if asked.body["prompt"] == "ax":
            return answer({}, 500)
        return await echoing(("a", None), ("b", -1.0))(asked)

    with Server(handle) as server, pytest.raises(EngineError) as caught:
        asyncio.run(engine(server).logprobs([("a", "b"), ("a", "x")]))
    assert [(place, one.value) for place, one in caught.value.done.items()] == [(0, -1.0)]


@pytest.mark.parametrize("pair", [("", "a"), ("a", "")])
def test_there_must_be_something_on_both_sides(pair):
    with pytest.raises(InputError, match="expected a prompt and a continuation"):
        asyncio.run(OpenAI("m", dialect=VLLM(), route=Completions()).logprobs([pair]))


# ---------------------------------------------------------------------------------- budgets


def test_a_budget_holds_and_the_ledger_has_what_the_server_says():
    def metered(lm, ledger, calls):
        prices = Prices({"m": Price(prompt=10.0, cached=1.0, completion=100.0)})
        lm = Metered(lm, role="policy", phase="propose", prices=prices)

        async def main():
            with ledger.active():
                for _ in range(calls):
                    await lm.complete(["p", "p"], [0, 1], HOW)

        asyncio.run(main())

    with Server(scripted(ABC, prompt=7, cached=4)) as server:
        ledger = Ledger()
        metered(engine(server), ledger, 2)
        spent = ledger.total
        assert (spent.calls, spent.prompt_tokens, spent.cached_tokens) == (4, 14, 8)
        assert spent.completion_tokens == 12
        assert spent.dollars == pytest.approx((6 * 10 + 8 * 1 + 12 * 100) / 1e6)
        short = Ledger(Budget(tokens=2 * (33 + 5) + 12))
        with pytest.raises(BudgetExhausted):
            metered(engine(server), short, 2)
        assert short.total.tokens == 13
