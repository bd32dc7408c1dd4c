"""What each dialect sends and how it reads what comes: the forms that the servers document."""

import asyncio
import json
import math

import pytest

from specreward.engines import ChatPrompt, Message, Sampling
from specreward.errors import EngineError, InputError
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
    Raw,
    SGLang,
)

from .servers import Answer, Server, Text, answer, choice, scripted, usage

pytest.importorskip("openai", reason="needs the openai extra")

DIALECTS = (OpenAIAPI(), VLLM(), SGLang(), LlamaCpp(), Ollama())
TALK = ChatPrompt([Message("system", "be brief"), Message("user", "why?")])
BEGUN = ChatPrompt([Message("user", "why?"), Message("assistant", "Because ")])
NEUTRAL = {"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
QUIET = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0, "repeat_penalty": 1.0}


def ask(handle, dialect, route, prompt="p", how=None, n=1, verb="complete"):
    with Server(handle) as server:
        lm = OpenAI("m", url=server.url, dialect=dialect, route=route, retry=Backoff(attempts=1))
        if verb == "logprobs":
            return asyncio.run(lm.logprobs([prompt]))[0], server.asked[0]
        got = asyncio.run(lm.complete([prompt] * n, range(n), how or Sampling(0.7, 9, (";",))))
    return got[0], server.asked[0]


def sent(dialect, route, prompt="p", how=None, n=1):
    """The path and the fields of a request, those aside that all servers share."""
    try:
        _, asked = ask(scripted(Text()), dialect, route, prompt, how, n)
    except EngineError:  # a streamed reply was asked for
        with Server(stream()) as server:
            lm = OpenAI("m", url=server.url, dialect=dialect, route=route)
            asyncio.run(lm.complete([prompt], [0], how or Sampling(0.7, 9, (";",))))
        asked = server.asked[0]
    common = ("model", "temperature", "seed", "stop")
    return asked.path, {k: v for k, v in asked.body.items() if k not in common}


def pieces(*documents):
    lines = [f"data: {json.dumps(document)}" for document in documents] + ["data: [DONE]"]
    return Answer("\n\n".join([*lines, ""]).encode(), 200, "text/event-stream")


def stream(prob="prob", chat=False, told=None):
    """llama.cpp: the token that a stop text took away has an empty text and its number."""
    more = {} if told is None else {"__verbose": told}

    def piece(text, at, finish=None, **more):
        content = [{"id": 1, "token": text, prob: at}] if at is not None else None
        body = {"delta": {"content": text}} if chat else {"text": text}
        logprobs = {"content": content} if content else None
        row = {"index": 0, **body, "logprobs": logprobs, "finish_reason": finish}
        return {"choices": [row], **more}

    def number(p):
        return p if prob == "prob" else math.log(p)

    async def handle(asked):
        assert asked.body["stream"] is True
        assert asked.body["stream_options"] == {"include_usage": True}
        first = [{"choices": [{"index": 0, "delta": {"role": "assistant"}}]}] if chat else []
        done = piece("", None, "stop", **more, **({} if chat else usage(8, 3, 7)))
        last = [{"choices": [], **usage(8, 3, 7)}] if chat else []
        parts = [piece("x", number(0.5)), piece("y", number(0.25)), piece("", number(0.125))]
        return pieces(*first, *parts, done, *last)

    return handle


# ---------------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("dialect", "chat", "text"),
    [
        (OpenAIAPI(), {"max_completion_tokens": 9}, {"max_tokens": 9}),
        (VLLM(), {"max_tokens": 9, **NEUTRAL}, {"max_tokens": 9, **NEUTRAL}),
        (
            SGLang(),
            {"max_tokens": 9, "logprobs": True, **NEUTRAL},
            {"max_tokens": 9, "logprobs": 1, **NEUTRAL},
        ),
        (Ollama(), {"max_tokens": 9, "top_p": 1.0}, {"max_tokens": 9, "top_p": 1.0}),
    ],
    ids=str,
)
def test_nothing_but_the_temperature_shapes_the_law(dialect, chat, text):
    user = [{"role": "user", "content": "p"}]
    assert sent(dialect, Chat()) == ("/v1/chat/completions", {"messages": user, **chat})
    assert sent(dialect, Completions()) == ("/v1/completions", {"prompt": "p", **text})


def test_older_servers_know_another_field_for_the_cap():
    _, fields = sent(OpenAIAPI(length="max_tokens"), Chat())
    assert fields["max_tokens"] == 9
    assert "max_completion_tokens" not in fields
    with pytest.raises(InputError, match="length: expected one of"):
        OpenAIAPI(length="max_length")


@pytest.mark.parametrize(("temperature", "after"), [(0.0, False), (0.7, True), (1.0, False)])
def test_llama_cpp_reports_the_law_sampled_from_in_a_stream(temperature, after):
    how = Sampling(temperature, 9, (";",))
    path, fields = sent(LlamaCpp(), Completions(), how=how)
    assert path == "/v1/completions"
    assert fields == {
        "prompt": "p",
        "max_tokens": 9,
        "logprobs": 1,
        "top_logprobs": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
        "post_sampling_probs": after,
        **QUIET,
    }


@pytest.mark.parametrize(("dialect", "n"), [(d, None if d.many else 1) for d in DIALECTS], ids=str)
def test_n_goes_to_those_that_count_it_right(dialect, n):
    how = Sampling(0.7)
    if n is None:
        assert sent(dialect, Chat(), how=how, n=3)[1]["n"] == 3
    else:
        assert "n" not in sent(dialect, Chat(), how=how)[1]


def test_messages_go_as_they_are_and_as_text_where_there_is_no_chat():
    for dialect in DIALECTS:
        _, fields = sent(dialect, Chat(), TALK)
        assert fields["messages"] == [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "why?"},
        ]
        assert not {"add_generation_prompt", "continue_final_message"} & set(fields)
    assert sent(VLLM(), Completions(), TALK)[1]["prompt"] == "be brief\n\nwhy?"


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        (VLLM(), {"add_generation_prompt": False, "continue_final_message": True}),
        (SGLang(), {"continue_final_message": True}),
        (LlamaCpp(), {}),
        (Ollama(), {}),
    ],
    ids=str,
)
def test_an_unfinished_turn_of_the_assistant_goes_on(dialect, more):
    _, fields = sent(dialect, Chat(), BEGUN)
    assert fields["messages"][-1] == {"role": "assistant", "content": "Because "}
    assert len(fields["messages"]) == 2
    flags = ("add_generation_prompt", "continue_final_message")
    assert {key: fields[key] for key in flags if key in fields} == more


def test_where_a_turn_cannot_go_on_the_user_asks_for_it():
    _, fields = sent(OpenAIAPI(), Chat(), BEGUN)
    assert [message["role"] for message in fields["messages"]] == ["user", "assistant", "user"]
    assert "exact place where it ends" in fields["messages"][-1]["content"]


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_an_empty_turn_is_a_new_one(dialect):
    empty = ChatPrompt([Message("user", "why?"), Message("assistant", "")])
    _, fields = sent(dialect, Chat(), empty)
    assert fields == sent(dialect, Chat(), "why?")[1]
    assert len(fields["messages"]) == 1


# ---------------------------------------------------------------------------------- replies


@pytest.mark.parametrize("route", [Chat(), Completions()], ids=str)
@pytest.mark.parametrize("dialect", [VLLM(), SGLang()], ids=str)
def test_the_stop_text_is_named_and_can_be_kept(dialect, route):
    how = Sampling(1.0, 9, (";",), keep_stop=True)
    tokens = Text(("a", ";"), (-0.5, -0.25), "a", "stop", ";")
    got, _ = ask(scripted(tokens), dialect, route, how=how)
    assert (got.text, got.logprob, got.tokens) == ("a;", -0.75, 2)


@pytest.mark.parametrize("dialect", [VLLM(), SGLang()], ids=str)
def test_each_names_it_in_its_own_field(dialect):
    other = {"stop_reason": "matched_stop", "matched_stop": "stop_reason"}
    own = "stop_reason" if dialect == VLLM() else "matched_stop"

    async def handle(asked):
        row = choice(asked, Text(stop=";"))
        return answer({"choices": [{**row, other[own]: None}], **usage(1, 1)})

    how = Sampling(1.0, 9, (";",), keep_stop=True)
    assert ask(handle, dialect, Chat(), how=how)[0].text == "a;"


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize(("prob", "temperature"), [("prob", 0.7), ("logprob", 1.0)])
def test_llama_cpp_has_the_stop_token_only_in_the_stream(prob, temperature, chat):
    how = Sampling(temperature, 9, (";",))
    route = Chat() if chat else Completions()
    got, _ = ask(stream(prob, chat), LlamaCpp(), route, how=how)
    assert got.logprob == pytest.approx(math.log(0.5 * 0.25 * 0.125))
    assert (got.text, got.tokens, got.finish) == ("xy", 3, "stop")
    assert (got.prompt_tokens, got.cached_tokens) == (8, 7)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"stop_type": "word", "stopping_word": ";"}, "xy;"),
        ({"stop_type": "word", "stopping_word": "<|end|>"}, "xy"),  # the server's own
        ({"stop_type": "eos", "stopping_word": ""}, "xy"),
    ],
)
def test_llama_cpp_names_the_stop_text_if_asked(told, shown, chat):
    how = Sampling(0.7, 9, (";",), keep_stop=True)
    route = Chat() if chat else Completions()
    got, asked = ask(stream("prob", chat, told), LlamaCpp(), route, how=how)
    assert asked.body["verbose"] is True
    assert (got.text, got.tokens, got.finish) == (shown, 3, "stop")


def test_a_server_that_does_not_name_it_though_asked_is_refused():
    how = Sampling(0.7, 9, (";",), keep_stop=True)
    with pytest.raises(EngineError, match="expected to be told what ended") as caught:
        ask(stream(), LlamaCpp(), Completions(), how=how)
    assert not caught.value.retryable
    for kept in (Sampling(0.7, 9, (";",)), Sampling(0.7, 9, keep_stop=True)):
        _, asked = ask(stream(), LlamaCpp(), Completions(), how=kept)
        assert "verbose" not in asked.body


DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "a stream that ends with"),
        (b'data: {"choices": []}\n\n', "a stream that ends with"),
        (b'data: {"choi\n\n' + DONE, "expected JSON"),
        (b'data: {"choices": [1]}\n\n' + DONE, "a list of objects"),
        (b'data: {"choices": [{"logprobs": {"content": [1]}}]}\n\n' + DONE, "a list of objects"),
        (b'data: {"choices": []}\n\n' + DONE, "the usage of the request"),
    ],
)
def test_a_stream_cut_short_is_no_answer(body, words):
    async def handle(asked):
        return Answer(body, 200, "text/event-stream")

    with pytest.raises(EngineError, match=words):
        ask(handle, LlamaCpp(), Completions())


def test_a_stream_is_split_at_its_line_ends_and_no_others():
    async def handle(asked):
        row = {"index": 0, "text": "a\u2028b\x85", "finish_reason": "stop"}
        row["logprobs"] = {"content": [{"token": row["text"], "prob": 0.5}]}
        data = json.dumps({"choices": [row], **usage(1, 1)}, ensure_ascii=False)
        body = f": still here\r\n\r\ndata: {data}\n\ndata: [DONE]\n\n"
        return Answer(body.encode(), 200, "text/event-stream")

    got, _ = ask(handle, LlamaCpp(), Completions())
    assert got.text == "a\u2028b\x85"


def test_a_probability_of_nothing_is_no_log_probability():
    async def handle(asked):
        row = {"index": 0, "text": "a", "finish_reason": "stop"}
        row["logprobs"] = {"content": [{"token": "a", "prob": 0.0}]}
        return answer({"choices": [row], **usage(1, 1)})

    with pytest.raises(EngineError, match="got -inf"):
        ask(handle, LlamaCpp(), Completions())


def test_a_message_without_content_is_an_empty_text():
    async def handle(asked):
        row = {"index": 0, "message": {"content": None}, "finish_reason": "length"}
        return answer({"choices": [row], **usage(1, 9)})

    got, _ = ask(handle, OpenAIAPI(), Chat())
    assert (got.text, got.tokens, got.finish) == ("", 9, "length")


@pytest.mark.parametrize(
    ("dialect", "law", "fitting"),
    [
        (OpenAIAPI(), Raw(), (0.0, 1.0)),
        (VLLM(), Raw(), (0.0, 1.0)),
        (SGLang(), Processed(), (0.0, 0.7, 1.0)),
        (LlamaCpp(), Processed(), (0.0, 0.7, 1.0)),
        (Ollama(), NotGiven(), ()),
    ],
    ids=str,
)
def test_the_law_of_their_log_probabilities(dialect, law, fitting):
    assert dialect.logprobs == law
    assert tuple(t for t in (0.0, 0.7, 1.0) if law.fits(t)) == fitting


# ---------------------------------------------------------------------------------- scoring


@pytest.mark.parametrize("dialect", [VLLM(), SGLang()], ids=str)
def test_texts_are_rated_by_their_echo(dialect):
    async def handle(asked):
        row = {"index": 0, "text": "a b c", "finish_reason": "length"}
        row["logprobs"] = {"tokens": ["a", " b", " c"], "token_logprobs": [None, -1.0, -9.0]}
        return answer({"choices": [row], **usage(2, 1)})

    got, asked = ask(handle, dialect, Completions(), ("a", " b"), verb="logprobs")
    assert got.value == -1.0
    assert asked.body == {
        "model": "m",
        "prompt": "a b",
        "echo": True,
        "logprobs": 1,
        "max_tokens": 1,
        "temperature": 0.0,
    }


def rated(*rows):
    """vLLM: each prompt token first among its alternatives, by its number."""
    listed = [
        None
        if p is None
        else {
            "17": {"logprob": p, "rank": 3, "decoded_token": text},
            "4": {"logprob": -0.01, "rank": 1, "decoded_token": "other"},
        }
        for text, p in rows
    ]

    async def handle(asked):
        row = {"index": 0, "message": {"content": "x"}, "finish_reason": "length"}
        return answer({"choices": [row], "prompt_logprobs": listed, **usage(len(rows), 1)})

    return handle


@pytest.mark.parametrize(
    ("prompt", "last"), [(TALK, "Yes it is"), (BEGUN, "Because Yes it is"), ("p", "Yes it is")]
)
def test_vllm_rates_the_end_of_the_assistants_turn(prompt, last):
    rows = [("<s>", None), ("why?", -3.0), ("Yes", -0.5), (" it", -0.25), (" is", -0.125)]
    got, asked = ask(rated(*rows), VLLM(), Chat(), (prompt, "Yes it is"), verb="logprobs")
    assert got.value == -0.875
    assert asked.body["messages"][-1] == {"role": "assistant", "content": last}
    assert asked.body["prompt_logprobs"] == 0
    assert asked.body["max_tokens"] == 1
    assert asked.body["continue_final_message"] is True
    assert asked.body["add_generation_prompt"] is False


@pytest.mark.parametrize(
    ("dialect", "route", "words"),
    [
        (OpenAIAPI(), Chat(), "OpenAI's service gives none: use vllm()"),
        (OpenAIAPI(), Completions(), "OpenAI's service gives none"),
        (Ollama(), Chat(), "Ollama gives none"),
        (Ollama(), Completions(), "Ollama gives none"),
        (SGLang(), Chat(), r"use openai\(..., route=completions\(\)\)"),
    ],
    ids=str,
)
def test_those_that_rate_nothing_say_so_before_anything_is_asked(dialect, route, words):
    lm = OpenAI("m", dialect=dialect, route=route)
    with pytest.raises(InputError, match=words):
        asyncio.run(lm.logprobs([("a", "b")]))
