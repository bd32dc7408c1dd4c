"""Scoring by forced tokens: what is asked of the server, what is refused, what is counted.

The other way, a text that is rated whole, is in ``test_openai.py`` and ``test_dialects.py``.
"""

import asyncio
import json
import re

import pytest

from specreward.assemble import assemble
from specreward.engines import ChatPrompt, Message, Usage
from specreward.errors import BudgetExhausted, EngineError
from specreward.generate import VLLM, Backoff, Chat, Completions, LlamaCpp, OpenAI
from specreward.ledger import Budget, Ledger, Utf8Bytes
from specreward.metering import Metered
from specreward.testing import ToyTask

from .servers import Server, answer, usage

pytest.importorskip("openai", reason="needs the openai extra")

BEGUN = ChatPrompt([Message("user", "why?"), Message("assistant", "Because")])
WORDS = ("<unk>", "The", " sky", " is", " blue", " s", "\n[why?]\n>", "Because", " not", "\n[p]\n>")


def cut(text):
    """Token numbers: a word with the space before it, or a template's turn."""
    found = re.findall(r"\n\[[^]]*\]\n>|\s?[^\s>]+", text)
    return [WORDS.index(word) if word in WORDS else 0 for word in found]


def chance(before, token):
    """The model's own log-probability of a token after others: no two places have the same."""
    return -0.5 * len(before) - 0.01 * token - 0.001 * before[-1]


class Llama:
    """llama.cpp's server as far as scoring asks for it; ``spoil`` may change its replies."""

    def __init__(self, spoil=lambda asked, reply: reply):
        self.spoil = spoil

    async def __call__(self, asked):
        body = asked.body
        if asked.path.endswith("/apply-template"):
            told = "".join(
                f"\n[{m['content']}]\n>" if m["role"] == "user" else m["content"]
                for m in body["messages"]
            )
            reply = {"prompt": told}
        elif asked.path.endswith("/tokenize"):
            rows = [{"id": i, "piece": WORDS[i]} for i in cut(body["content"])]
            reply = {"tokens": rows}
        else:
            await asyncio.sleep(0.002)
            reply = self.forced(body)
        reply = self.spoil(asked, reply)
        return answer({}, reply) if isinstance(reply, int) else answer(reply)

    def forced(self, body):
        before, [(number, bias)] = body["prompt"], body["logit_bias"].items()
        assert bias > 100
        own = chance(before, int(number))
        entry = {"id": int(number), "token": WORDS[int(number)], "logprob": own}
        row = {"index": 0, "text": "x", "finish_reason": "length", "logprobs": {"content": [entry]}}
        return {"choices": [row], **usage(len(before), 1, len(before) - 1)}


def engine(server, **changed):
    retry = Backoff(attempts=3, first=0.001)
    settings = {"url": server.url, "dialect": LlamaCpp(), "route": Completions(), "retry": retry}
    return OpenAI("m", **(settings | changed))


def score(*pairs, spoil=None, **changed):
    """Scores, and the requests for them."""
    with Server(Llama(spoil) if spoil else Llama()) as server:
        return asyncio.run(engine(server, **changed).logprobs(pairs)), server.asked


def failure(*pairs, spoil=None, **changed):
    with pytest.raises(EngineError) as caught:
        score(*pairs, spoil=spoil, **changed)
    return caught.value


def paths(asked):
    return [one.path for one in asked]


# ---------------------------------------------------------------------------------- requests


def test_each_token_is_forced_after_those_before_it():
    [got], asked = score(("The sky", " is blue"))
    assert paths(asked) == ["/tokenize", "/tokenize", "/v1/completions", "/v1/completions"]
    assert [one.body["content"] for one in asked[:2]] == ["The sky", "The sky is blue"]
    assert all(one.body["add_special"] and one.body["parse_special"] for one in asked[:2])
    common = {"model": "m", "max_tokens": 1, "temperature": 0.0, "logprobs": 1}
    common |= {"post_sampling_probs": False, "cache_prompt": True}
    assert [one.body for one in asked[2:]] == [
        {**common, "prompt": [1, 2], "logit_bias": {"3": 1000.0}},
        {**common, "prompt": [1, 2, 3], "logit_bias": {"4": 1000.0}},
    ]
    assert got.value == pytest.approx(chance([1, 2], 3) + chance([1, 2, 3], 4))


def test_the_cost_is_what_the_server_says_of_each_request():
    [got], _ = score(("The sky", " is blue"))
    assert (got.prompt_tokens, got.cached_tokens) == (2 + 1 + 3 + 1, 1 + 2)
    assert 0.004 <= got.seconds < 10
    assert got.wasted == Usage()


def test_a_conversation_goes_through_the_models_template():
    extra = '{"chat_template_kwargs": {"enable_thinking": false}, "add_special": false}'
    pairs = [(BEGUN, " not"), ("p", " is")]
    got, asked = score(*pairs, route=Chat(), extra=extra)
    assert got[0].value == pytest.approx(chance([6, 7], 8))
    assert got[1].value == pytest.approx(chance([9], 3))
    first = next(one.body for one in asked if one.path == "/apply-template")
    assert first == {
        "messages": [
            {"role": "user", "content": "why?"},
            {"role": "assistant", "content": "Because"},
        ],
        **json.loads(extra),
    }
    last = asked[-1].body
    assert last["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_conversation_on_the_route_for_text_is_its_texts():
    _, asked = score((ChatPrompt([Message("user", "The"), Message("user", " sky")]), " is"))
    assert asked[0].path == "/tokenize"
    assert asked[0].body["content"] == "The\n\n sky"


def test_the_endpoints_are_beside_the_last_part_of_the_url():
    with Server(Llama()) as server:
        url = server.url.removesuffix("/v1") + "/llm/v1/"
        asyncio.run(engine(server, url=url).logprobs([("The", " sky")]))
    assert set(paths(server.asked)) == {"/llm/tokenize", "/llm/v1/completions"}


def test_texts_are_scored_at_once_and_no_more_than_may_be():
    pairs = [("The sky", " is blue is blue"), ("The", " sky is blue")] * 6
    with Server(Llama()) as server:
        got = asyncio.run(engine(server, concurrency=3).logprobs(pairs))
        assert server.most == 3
    assert [one.value for one in got] == [one.value for one in got[:2]] * 6
    assert got[0].value != got[1].value


# ---------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("prompt", "text", "words"),
    [
        ("The s", "ky is", "begins with a token, got 'ky is', which meets the token ' sky'"),
        ("The sk", "y", "begins with a token, got 'y', which meets the token ' sky'"),
        ("The", " green", "expected the tokens of ' green', got some that spell '<unk>'"),
        ("The", " ", "expected the tokens of ' ', got some that spell ''"),
        (" ", " The", "expected a prompt that has tokens, got none"),
    ],
)
def test_what_has_no_tokens_of_its_own_is_refused(prompt, text, words):
    error = failure((prompt, text))
    assert words in str(error)
    assert not error.retryable
    assert (error.wasted.calls, error.wasted.failed, error.wasted.tokens) == (1, 1, 0)


@pytest.mark.parametrize("joint", [[], ["The"], ["A", "B"]])
def test_a_prompt_that_is_cut_otherwise_with_the_text_is_refused(joint):
    def spoil(asked, reply):
        if asked.path == "/tokenize" and "blue" in asked.body["content"]:
            return {
                "tokens": [{"id": WORDS.index("The") * (p == "The"), "piece": p} for p in joint]
            }
        return reply

    assert "expected a continuation that begins with a token" in str(
        failure(("The sky", " is blue"), spoil=spoil)
    )


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ([], "expected the log-probability of the token"),
        ([{"id": 9, "logprob": -1.0}], "a setting of the server may forbid one"),
        ([{"id": 3, "logprob": -1.0}] * 2, "alone"),
        ([{"id": 3, "logprob": None}], "got None for the token"),
        ([{"id": 3, "logprob": -3.4028234663852886e38}], "too small for the server's 32 bits"),
    ],
)
def test_no_other_number_stands_for_a_tokens_own(spoilt, words):
    def spoil(asked, reply):
        if "prompt" in asked.body:
            reply["choices"][0]["logprobs"] = {"content": spoilt}
        return reply

    error = failure(("The sky", " is"), spoil=spoil)
    assert words in str(error)
    assert not error.retryable
    assert error.wasted.tokens == 3


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"tokens": [{"id": 1}]}, "expected a token's number and what it spells"),
        ({"tokens": [{"id": 1, "piece": [300]}]}, "expected a token's number and what it spells"),
        ({"tokens": [1, 2]}, "expected a list of objects"),
        ({"tokens": None}, "expected a list of objects"),
        ({"prompt": 3}, "expected a prompt in the model's template"),
    ],
)
def test_replies_of_another_form_are_no_answers(reply, words):
    path = "/tokenize" if "tokens" in reply else "/apply-template"
    error = failure(
        ("p", " is"), spoil=lambda asked, own: reply if asked.path == path else own, route=Chat()
    )
    assert words in str(error)
    assert error.wasted.failed == 3  # tried again


def test_bytes_of_a_character_are_put_together():
    def spoil(asked, reply):
        for row in reply.get("tokens", []):
            row["piece"] = {3: [32, 0xC3], 4: [0xA9]}.get(row["id"], row["piece"])
        return reply

    error = failure(("The sky", " is blue"), spoil=spoil)
    assert "got some that spell ' é'" in str(error)


def test_a_server_without_those_endpoints_is_told_of():
    error = failure(("p", "a"), spoil=lambda asked, reply: 404)
    assert "scores by llama-server's own /tokenize and /apply-template" in str(error)
    assert not error.retryable


# ---------------------------------------------------------------------------------- failures


def test_what_failed_before_is_counted_on_the_score():
    seen = []

    def spoil(asked, reply):
        seen.append(asked.path)
        if len(seen) in (1, 4):  # the first of all, and the first token
            return 500
        return {**reply, "choices": []} if len(seen) == 6 else reply  # paid for, and no answer

    [got], _ = score(("The sky", " is blue"), spoil=spoil)
    assert got.value == pytest.approx(chance([1, 2], 3) + chance([1, 2, 3], 4))
    assert (got.prompt_tokens, got.cached_tokens) == (7, 3)
    assert (got.wasted.calls, got.wasted.failed, got.wasted.tokens) == (3, 3, 4)


def test_tokens_of_a_text_that_fails_in_the_end_are_not_lost_and_other_texts_are_kept():
    def spoil(asked, reply):
        return 500 if asked.body.get("prompt") == [1, 2, 3] else reply

    error = failure(("The sky", " is blue"), ("The", " sky"), spoil=spoil)
    assert error.retryable
    assert "HTTP 500" in str(error)
    assert "(3 attempts; the prompt ends with 'The sky')" in str(error)
    assert [(place, one.value) for place, one in error.done.items()] == [(1, chance([1], 2))]
    wasted = error.wasted
    assert (wasted.calls, wasted.failed, wasted.prompt_tokens) == (3, 3, 2)
    assert (wasted.completion_tokens, wasted.cached_tokens) == (1, 1)


# ---------------------------------------------------------------------------------- budgets


@pytest.mark.parametrize(("short", "enough"), [(0, True), (1, False)])
def test_a_budget_holds_the_whole_text_for_each_byte_that_is_scored(short, enough):
    with Server(Llama()) as server:
        models = assemble(ToyTask(), policy=engine(server))
        most = 8 * sum(Utf8Bytes().count(["The sky", " is blue"]))
        ledger = Ledger(Budget(tokens=most - short))

        async def main():
            with ledger.active():
                await models.judge.logprobs([("The sky", " is blue")])

        if enough:
            asyncio.run(main())
            assert ledger.total.tokens == 7
        else:
            with pytest.raises(BudgetExhausted):
                asyncio.run(main())
            assert not server.asked


def test_a_counter_that_is_exact_is_believed():
    class Words:
        def count(self, texts):
            return [len(text.split()) for text in texts]

    with Server(Llama()) as server:
        lm = Metered(engine(server), role="r", phase="p", counter=Words(), rereads=True)
        ledger = Ledger(Budget(tokens=2 * (2 + 2)))

        async def main():
            with ledger.active():
                await lm.logprobs([("The sky", " is blue")])
                with pytest.raises(BudgetExhausted, match="may take 8"):
                    await lm.logprobs([("The sky", " is blue")])

        asyncio.run(main())


def test_others_read_a_text_once():
    assert OpenAI("m", dialect=LlamaCpp()).rereads
    assert not OpenAI("m", dialect=VLLM()).rereads
