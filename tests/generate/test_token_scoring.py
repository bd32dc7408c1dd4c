"""Token ids of a server: what is asked, what is read, under which law, and what is refused."""

import asyncio

import pytest

from specreward.engines import ChatPrompt, Completion, Message, Sampling, Usage
from specreward.errors import EngineError, InputError
from specreward.generate import (
    VLLM,
    Backoff,
    Chat,
    Completions,
    LlamaCpp,
    Ollama,
    OpenAI,
    OpenAIAPI,
    Processed,
    SGLang,
)
from specreward.generate.policy import TaskPolicy
from specreward.generate.token_law import bent
from specreward.spec import name_of, parse
from specreward.testing import ToyTask
from specreward.types import Path

from .servers import Server, answer, usage

pytest.importorskip("openai", reason="needs the openai extra")

START, END = 1, 2
PLAIN = Sampling(temperature=1.0, max_tokens=5, stop=("\n",))
NAMED = VLLM(tokenizer="bytes")


def chance(before, token):
    """The model's own log-probability of a token after others: no two places have the same."""
    return -0.25 * len(before) - 0.001 * token - 0.0001 * before[-1]


class Model:
    """vLLM's server as far as token ids go; a token is a byte, and it writes ``says``."""

    def __init__(self, says="b\n", ends=(), spoil=lambda asked, reply: reply):
        self.says = [*says.encode(), *ends]
        self.spoil = spoil

    async def __call__(self, asked):
        body = asked.body
        if asked.path == "/tokenize":
            reply = {"tokens": [START, *body["prompt"].encode()], "count": 1}
        elif isinstance(body["prompt"], list):
            reply = self.rated(body)
        else:
            reply = self.written(body)
        reply = self.spoil(asked, reply)
        return answer({}, reply) if isinstance(reply, int) else answer(reply)

    def rated(self, body):
        ids = body["prompt"]
        assert (body["prompt_logprobs"], body["max_tokens"]) == (0, 1)
        rows = [None]
        for place in range(1, len(ids)):
            own = {"logprob": chance(ids[:place], ids[place]), "rank": 1, "decoded_token": "x"}
            rows.append({str(ids[place]): own})
        row = {"index": 0, "text": "x", "finish_reason": "length", "prompt_logprobs": rows}
        return {"choices": [row], **usage(len(ids), 1)}

    def written(self, body):
        before = [START, *body["prompt"].encode()]
        rows = []
        for index in range(body.get("n", 1)):
            ids = [*self.says]
            marks = [chance(before + ids[:i], ids[i]) for i in range(len(ids))]
            shown = bytes([i for i in ids if i != END]).decode().partition("\n")[0]
            row = {"index": index, "text": shown, "finish_reason": "stop", "stop_reason": "\n"}
            texts = ["" if i == END else chr(i) for i in ids]
            if body.get("logprobs"):
                row["logprobs"] = {"tokens": texts, "token_logprobs": marks}
            if body.get("return_token_ids"):
                row |= {"token_ids": ids, "prompt_token_ids": before}
            rows.append(row)
        return {"choices": rows, **usage(len(before), len(rows) * len(self.says))}


def engine(server, **changed):
    retry = Backoff(attempts=3, first=0.001)
    settings = {"url": server.url, "dialect": NAMED, "route": Completions(), "retry": retry}
    return OpenAI("m", **(settings | changed))


def complete(model, sampling=PLAIN, prompt="ab", **changed):
    with Server(model) as server:
        [got] = asyncio.run(engine(server, **changed).complete([prompt], [0], sampling))
    return got, server.asked[0].body


def score(prompts, ids, temperature=1.0, model=None, **changed):
    with Server(model or Model()) as server:
        lm = engine(server, **changed)
        return asyncio.run(lm.token_logprobs(prompts, ids, temperature)), server.asked


def exact(prompt, ids):
    before, total = [START, *prompt.encode()], 0.0
    for token in ids:
        total += chance(before, token)
        before.append(token)
    return total


# ------------------------------------------------------------------------------ writing


def test_the_ids_are_those_the_server_lists_the_stop_and_the_end_among_them():
    got, body = complete(Model("b\n"))
    assert body["return_token_ids"] is True
    assert (got.text, got.ids, got.tokens) == ("b", (98, 10), 2)
    got, _ = complete(Model("bc", ends=[END]))
    assert (got.text, got.ids) == ("bc", (98, 99, END))


@pytest.mark.parametrize("changed", [{"dialect": VLLM()}, {"route": Chat()}])
def test_without_a_name_for_the_table_or_on_chat_no_ids_are_asked_for(changed):
    class Both(Model):
        async def __call__(self, asked):
            body = asked.body
            body.setdefault("prompt", "ab")
            reply = self.written(body)
            [row] = reply["choices"]
            row["message"] = {"content": row["text"]}
            return answer(reply)

    got, body = complete(Both(), Sampling(temperature=0.7, max_tokens=5, stop=("\n",)), **changed)
    assert "return_token_ids" not in body
    assert got.ids == ()


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        ({"token_ids": None}, "a list of token ids as token_ids, got None: it takes vLLM 0.10.2"),
        ({"token_ids": ["98"]}, "a list of token ids"),
        ({"token_ids": [98, -1]}, "a list of token ids"),
        ({"token_ids": [98]}, "expected 2 token ids, as log-probabilities, got 1"),
    ],
)
def test_a_completion_that_lacks_its_ids_is_no_answer(spoiled, said):
    def spoil(asked, reply):
        reply["choices"][0] |= spoiled
        return reply

    with pytest.raises(EngineError, match=said):
        complete(Model(spoil=spoil))


def test_where_the_server_went_on_after_the_stop_there_are_no_ids():
    def spoil(asked, reply):
        reply["choices"][0]["text"] = "b\nc"
        return reply

    got, _ = complete(Model("b\nc", spoil=spoil))
    assert (got.text, got.ids) == ("b", ())


# ------------------------------------------------------------------------------ scoring


def test_given_ids_stand_behind_those_of_the_prompt():
    [got], asked = score(["ab"], [(98, 10)])
    assert [one.path for one in asked] == ["/tokenize", "/v1/completions"]
    assert asked[0].body == {"model": "m", "prompt": "ab", "add_special_tokens": True}
    assert asked[1].body["prompt"] == [START, 97, 98, 98, 10]
    assert got.value == pytest.approx(exact("ab", [98, 10]))
    assert (got.prompt_tokens, got.cached_tokens) == (5 + 1, 0)
    assert got.wasted == Usage()


def test_the_prompt_begins_as_it_does_where_it_is_sampled():
    _, asked = score(["ab"], [(98,)], extra='{"add_special_tokens": false}')
    assert asked[0].body["add_special_tokens"] is False


def test_what_fails_for_good_is_asked_for_once_and_all_before_it_is_counted():
    tries = []

    def spoil(asked, reply):
        tries.append(asked.path)
        if len(tries) == 1:
            return 500
        if "choices" in reply:
            reply["choices"][0]["prompt_logprobs"] = [None, {"7": {}}]
        return reply

    with pytest.raises(EngineError, match="of the token 98, got") as caught:
        score(["ab"], [(98,)], model=Model(spoil=spoil))
    assert tries == ["/tokenize", "/tokenize", "/v1/completions"]
    assert (caught.value.wasted.calls, caught.value.wasted.failed) == (2, 2)
    assert caught.value.wasted.tokens == 4 + 1


def test_a_completion_scores_what_it_was_drawn_with():
    drawn, _ = complete(Model("b\n"))
    [got], _ = score(["ab"], [drawn.ids])
    assert got.value == pytest.approx(drawn.logprob, abs=1e-5)


def test_scores_stand_in_the_order_of_the_prompts():
    ids = [(98,), (99, 10), (100, 101, 102)]
    found, _ = score(["a", "bb", "ccc"], ids)
    expected = [exact(p, own) for p, own in zip(["a", "bb", "ccc"], ids, strict=True)]
    assert [one.value for one in found] == pytest.approx(expected)


def test_a_policy_of_a_server_says_how_likely_a_step_was():
    task = ToyTask()
    root = Path(task.parse("q"))
    with Server(Model("b")) as server:
        policy = TaskPolicy(engine(server), task=task)
        [[path]] = asyncio.run(policy.extend([root], 1, temperature=1.0))
        [found] = asyncio.run(policy.likelihood([path], temperature=1.0))
    assert path.steps[0].ids == (98,)
    assert found == pytest.approx(path.steps[0].logprob) == exact(task.prompt(root), [98])
    assert policy.tokenizer() == "bytes"


def test_what_failed_before_is_counted():
    tries = []

    def spoil(asked, reply):
        tries.append(asked.path)
        return 500 if len(tries) in (1, 3) else reply

    [got], _ = score(["ab"], [(98,)], model=Model(spoil=spoil))
    assert len(tries) == 4
    assert (got.wasted.calls, got.wasted.failed) == (2, 2)


@pytest.mark.parametrize(
    ("at", "spoiled", "said"),
    [
        ("/tokenize", {"tokens": None}, "a list of token ids as tokens"),
        ("/tokenize", {"tokens": []}, "a prompt that has tokens, got none"),
        ("/tokenize", 404, "/tokenize, which is beside /v1"),
        ("/v1/completions", {"prompt_logprobs": None}, "as prompt_logprobs, got None"),
        ("/v1/completions", {"prompt_logprobs": [None]}, "of more than 1 tokens"),
        ("/v1/completions", {"prompt_logprobs": [None, {"7": {}}]}, "of the token 98, got"),
        (
            "/v1/completions",
            {"prompt_logprobs": [None, {"98": {"logprob": 0.5}}]},
            "log-probabilities of at most 0, got 0.5",
        ),
        (
            "/v1/completions",
            {"prompt_logprobs": [None, {"98": {"logprob": None}}]},
            "of the token 98",
        ),
    ],
)
def test_replies_that_do_not_say_it_are_refused(at, spoiled, said):
    def spoil(asked, reply):
        if asked.path != at or isinstance(spoiled, int):
            return spoiled if asked.path == at else reply
        if at == "/tokenize":
            return reply | spoiled
        reply["choices"][0] |= spoiled
        return reply

    with pytest.raises(EngineError, match=said):
        score(["ab"], [(98,)], model=Model(spoil=spoil))


# ------------------------------------------------------------------------------ the law


@pytest.mark.parametrize("dialect", [NAMED, VLLM(tokenizer="bytes", logprobs=Processed())])
@pytest.mark.parametrize("temperature", [0.7, 1.3])
def test_at_another_temperature_the_ratio_is_refused_before_anything_is_sent(dialect, temperature):
    """No mode of the server applies a temperature to the tokens of a prompt."""
    with Server(Model()) as server:
        lm = engine(server, dialect=dialect)
        with pytest.raises(InputError, match=r"expected temperature 1, got .*converges to a wrong"):
            asyncio.run(lm.token_logprobs(["ab"], [(98,)], temperature))
    assert server.asked == []


@pytest.mark.parametrize(
    "extra", ['{"top_p": 0.9}', '{"top_k": 40}', '{"logit_bias": {"5": 1.0}}', '{"min_p": 0.05}']
)
def test_a_law_that_extra_bends_has_no_log_probabilities_and_no_ratios(extra):
    name = extra.partition('"')[2].partition('"')[0]
    for dialect in (NAMED, VLLM(tokenizer="bytes", logprobs=Processed())):
        got, body = complete(Model(), extra=extra, dialect=dialect)
        assert got.logprob is None
        assert "logprobs" not in body
        assert name in body
        assert got.ids == (98, 10)
    with pytest.raises(InputError, match=f"expected no '{name}' in extra"):
        score(["ab"], [(98,)], extra=extra)


@pytest.mark.parametrize("extra", ['{"top_p": 1.0, "top_k": -1}', '{"logit_bias": {}}', '{"a": 1}'])
def test_what_bends_nothing_is_no_matter(extra):
    got, _ = complete(Model(), extra=extra)
    assert got.logprob is not None
    [scored], _ = score(["ab"], [(98,)], extra=extra)
    assert scored.value == pytest.approx(exact("ab", [98]))


def test_the_first_field_that_bends_the_law_is_named():
    assert bent({"user": "x", "top_p": 1, "min_p": 0.1, "top_k": 5}) == "min_p"
    assert bent({"response_format": {"type": "json_object"}}) == "response_format"
    assert bent({"response_format": None, "presence_penalty": 0}) is None
    assert bent({"top_n_sigma": -1, "regex": "[0-9]+"}) == "regex"


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "changed",
    [
        {"dialect": VLLM()},
        {"route": Chat()},
        *[{"dialect": other} for other in (OpenAIAPI(), SGLang(), LlamaCpp(), Ollama())],
    ],
)
def test_other_servers_say_what_does_it(changed):
    with Server(Model()) as server:
        lm = engine(server, **changed)
        with pytest.raises(InputError, match=r"of the servers only vLLM .*vllm\(tokenizer='NAME'"):
            lm.tokenizer()
        with pytest.raises(InputError, match="an engine that gives token ids"):
            asyncio.run(lm.token_logprobs(["ab"], [(98,)], 1.0))
    assert server.asked == []


@pytest.mark.parametrize(("ids", "said"), [((), "got none"), ((-1,), "at least 0, got -1")])
def test_ids_that_cannot_be_are_refused(ids, said):
    with pytest.raises(InputError, match=said):
        score(["ab"], [ids])


def test_a_conversation_on_plain_text_is_read_as_its_text():
    prompt = ChatPrompt([Message("user", "a"), Message("assistant", "b")])
    _, asked = score([prompt], [(98,)])
    assert asked[0].body["prompt"] == "a\n\nb"


def test_the_name_of_the_table_is_part_of_the_engines_name_and_text():
    lm = OpenAI("m", dialect=NAMED, route=Completions())
    assert lm.name == "m vllm(tokenizer='bytes') completions()"
    assert parse(name_of(lm), "languagemodel") == lm
    assert asyncio.run(lm.token_logprobs([], [], 1.0)) == []
    assert Completion("", 0, None, 0).ids == ()
