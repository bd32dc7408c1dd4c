"""The embedded policies, served by a real llama.cpp over HTTP, are what they are embedded."""

import asyncio
import json
import math
from collections import Counter
from dataclasses import replace
from functools import cache
from zlib import crc32

import numpy as np
import pytest
from typer.testing import CliRunner

from specreward.assemble import assemble
from specreward.cli import app
from specreward.embedded import EmbeddedSRM, embedded_models
from specreward.engines import ChatPrompt, Message
from specreward.errors import EngineError
from specreward.generate.dialects import LlamaCpp
from specreward.generate.openai import OpenAI
from specreward.generate.policy import TaskPolicy
from specreward.generate.routes import Chat, Completions
from specreward.reward.judges import GenRM
from specreward.run import run
from specreward.search import BFS
from specreward.spec import parse
from specreward.types import Path, Sampling
from specreward.verify import RapEvaluation, Speculative
from specreward.verify.rap_evaluation import continued

TASKS = ("blocksworld", "game24")
CLOSE = 2e-4  # nats, a whole step; seen were 2e-5


def ask(server, route=None, **settings):
    """The engine as a user points it at the server; made anew, so that no test shares it.

    As many requests at once as the server has slots: more connections wait for each other.
    """
    how = {"url": server.url, "dialect": LlamaCpp(), "route": route or Completions()}
    return OpenAI("policy", **({"concurrency": 4} | how | settings))


@cache
def embedded(task):
    return embedded_models(task)[0]


@cache
def prompts(task, n=24):
    """``n`` step prompts along paths that the policy drew, and what else the models are asked."""
    kind = parse(task, "task")
    policy = TaskPolicy(embedded(task), task=kind, seed=3)
    paths = [Path(problem) for problem in kind.generate(n // 2, "tune", 5)]
    steps, others = {}, {}
    while paths and len(steps) < n:
        steps |= dict.fromkeys(kind.prompt(path) for path in paths)
        others |= dict.fromkeys(kind.value_prompt(path) for path in paths)
        grown = [path for family in asyncio.run(policy.extend(paths, 2)) for path in family]
        others |= dict.fromkeys(kind.good_prompt(path) for path in grown if not path.dead)
        others |= dict.fromkeys(kind.reward_text(path) for path in grown if not path.dead)
        paths = [path for path in grown if path.open and path.depth < kind.max_steps(path.problem)]
    assert len(steps) >= n
    return list(steps)[:n], list(others)


def complete(lm, texts, sampling, seeds=None):
    return asyncio.run(lm.complete(texts, seeds or [0] * len(texts), sampling))


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize("task", TASKS)
def test_text_is_read_as_the_same_tokens(served, task):
    steps, others = prompts(task)
    config = embedded(task)._network
    for text in [*steps, *others[:60]]:
        assert served(task).tokens(text) == list(config.encode(text))


@pytest.mark.parametrize("route", [Completions(), Chat()], ids=["text", "chat"])
@pytest.mark.parametrize("task", TASKS)
def test_greedy_steps(served, task, route):
    steps, _ = prompts(task)
    sampling = replace(parse(task, "task").sampling, temperature=0.0)
    wanted = complete(embedded(task), steps, sampling)
    found = complete(ask(served(task), route), steps, sampling)
    for a, b in zip(wanted, found, strict=True):
        assert (words(b.text), b.tokens, b.finish) == (a.text, a.tokens, a.finish)
        assert b.prompt_tokens == a.prompt_tokens
        assert b.logprob == pytest.approx(a.logprob, abs=CLOSE)
        assert b.logprob < 0
    assert {b.finish for b in found} == {"stop"}


@pytest.mark.parametrize(
    ("stop", "most"), [((), 5), ((";",), 9), ((")",), 16), (("(left:", "="), 16)]
)
def test_stops_and_the_cap(served, stop, most):
    steps, _ = prompts("game24")
    sampling = Sampling(temperature=0.0, max_tokens=most, stop=stop)
    wanted = complete(embedded("game24"), steps[:20], sampling)
    found = complete(ask(served("game24")), steps[:20], sampling)
    for a, b in zip(wanted, found, strict=True):
        assert (words(b.text), b.tokens, b.finish) == (a.text, a.tokens, a.finish)
        assert b.logprob == pytest.approx(a.logprob, abs=CLOSE)


@pytest.mark.parametrize("task", TASKS)
def test_log_probabilities_of_samples_at_temperature_1(served, task):
    steps, _ = prompts(task)
    sampling = replace(parse(task, "task").sampling, temperature=1.0)
    found = complete(ask(served(task)), steps, sampling, list(range(len(steps))))
    said = [c.text + (" ;" if c.finish == "stop" else "") for c in found]
    wanted = asyncio.run(embedded(task).logprobs(list(zip(steps, said, strict=True))))
    assert [c.logprob for c in found] == pytest.approx([s.value for s in wanted], abs=CLOSE)
    assert len({words(c.text) for c in found}) > 10


@pytest.mark.parametrize("temperature", [0.5, 0.8, 1.7])
def test_log_probabilities_are_under_the_law_sampled_from(served, temperature):
    steps, _ = prompts("blocksworld")
    sampling = Sampling(temperature=temperature, max_tokens=6, stop=(";",))
    found = complete(ask(served("blocksworld")), steps[:6], sampling, list(range(6)))
    for prompt, one in zip(steps, found, strict=False):
        said = embedded("blocksworld")._network.encode(one.text) if one.text.strip() else ()
        tokens = [*said, 3] if one.finish == "stop" else said
        assert len(tokens) == one.tokens
        total = 0.0
        for place, token in enumerate(tokens):
            scaled = law(prompt, tokens[:place]) / temperature
            total += scaled[token] - np.log(np.exp(scaled).sum())
        assert one.logprob == pytest.approx(total, abs=CLOSE)


def law(prompt, written):
    """Log-probabilities of all next words of the Blocksworld policy, from scores of each."""
    vocabulary = embedded("blocksworld")._network.vocabulary
    text = " ".join([prompt, *[vocabulary.words[token] for token in written]])
    pairs = [(text, word) for word in vocabulary.words[1:]]
    scored = [one.value for one in asyncio.run(embedded("blocksworld").logprobs(pairs))]
    pad = max(1 - np.exp(scored).sum(), 1e-12)  # a text cannot hold <pad>: the rest is its share
    return np.array([math.log(pad), *scored])


def test_nothing_is_cut_off_the_law(served):
    """First words of 300 samples come as often as they are likely, the unlikely ones too."""
    prompt, n = "target 24 ; 4 6 7 8 ;", 300
    sampling = Sampling(temperature=1.7, max_tokens=1)
    found = complete(ask(served("game24")), [prompt] * n, sampling, list(range(n)))
    counts = Counter(words(one.text) for one in found)
    shares = {words(one.text): math.exp(one.logprob) for one in found}
    assert min(shares.values()) < 0.01  # llama.cpp's own settings would take none of these
    for word, share in shares.items():
        spread = math.sqrt(n * share * (1 - share))
        assert abs(counts[word] - n * share) < 4.5 * spread + 1


def test_samples_of_one_prompt(served):
    steps, _ = prompts("game24")
    sampling = Sampling(temperature=1.0, max_tokens=16, stop=(";",))
    batch = [prompt for prompt in steps[:5] for _ in range(8)]
    seeds = list(range(40))
    together = complete(ask(served("game24")), batch, sampling, seeds)
    again = complete(ask(served("game24")), batch[::-1], sampling, seeds[::-1])[::-1]
    assert [c.text for c in again] == [c.text for c in together]
    alone = [complete(ask(served("game24")), [batch[i]], sampling, [seeds[i]])[0] for i in (3, 17)]
    assert [c.text for c in alone] == [together[3].text, together[17].text]
    assert all(len({c.text for c in together[i : i + 8]}) > 2 for i in range(0, 40, 8))
    wanted = [len(embedded("game24")._network.encode(prompt)) for prompt in batch]
    assert [c.prompt_tokens for c in together] == wanted
    assert all(0 <= c.cached_tokens < c.prompt_tokens for c in together)
    assert sum(c.cached_tokens for c in again) > sum(wanted) / 2


def asked_about(task):
    """Pairs to score: likely and unlikely steps, and verdicts."""
    steps, others = prompts(task)
    greedy = replace(parse(task, "task").sampling, temperature=0.0)
    said = [one.text for one in complete(embedded(task), steps[:4], greedy)]
    asked = [prompt for prompt in others if prompt.endswith("good :")][:6]
    pairs = [*zip(steps, said, strict=False), *[(prompt, "good") for prompt in asked]]
    pairs += [(prompt, "bad") for prompt in asked] + [(steps[0], "sure ;")]
    return [continued(*pair) for pair in pairs]


@pytest.mark.parametrize("route", [Completions(), Chat()], ids=["text", "chat"])
@pytest.mark.parametrize("task", TASKS)
def test_given_continuations(served, task, route):
    """The server scores no text, but a token that a bias forces has the model's own probability."""
    pairs = asked_about(task)
    wanted = asyncio.run(embedded(task).logprobs(pairs))
    found = asyncio.run(ask(served(task), route).logprobs(pairs))
    assert [one.value for one in found] == pytest.approx([one.value for one in wanted], abs=CLOSE)
    assert min(one.value for one in found) < -5
    for (prompt, text), one in zip(pairs, found, strict=True):
        before, after = [len(embedded(task)._network.encode(part)) for part in (prompt, text)]
        assert one.prompt_tokens == sum(before + place + 1 for place in range(after))
        assert one.prompt_tokens > one.cached_tokens >= 0
    read = sum(one.prompt_tokens - one.cached_tokens for one in found)
    assert read < sum(one.prompt_tokens for one in wanted) * 1.5  # the rest is in the cache


def test_a_conversation_whose_last_turn_is_begun(served):
    prompt, text = "target 24 ; 4 6 7 8 ; 8 - 4", " = 4 (left: 4 6 7)"
    talk = ChatPrompt([Message("user", prompt[:21]), Message("assistant", prompt[22:])])
    [wanted] = asyncio.run(embedded("game24").logprobs([(prompt, text)]))
    [found] = asyncio.run(ask(served("game24"), Chat()).logprobs([(talk, text)]))
    assert found.value == pytest.approx(wanted.value, abs=CLOSE)


@pytest.mark.parametrize(
    ("text", "words"),
    [(" walrus", "expected the tokens of ' walrus'"), (" ", "expected the tokens of ' '")],
)
def test_words_that_the_model_does_not_know_have_no_score(served, text, words):
    with pytest.raises(EngineError, match=words):
        asyncio.run(ask(served("game24")).logprobs([("target 24 ;", text)]))


@pytest.mark.parametrize("task", TASKS)
def test_rap_evaluation_judges_the_same_tree(served, task):
    kind = parse(task, "task")
    strategy = BFS(2, n=2, verify=RapEvaluation())
    problems = kind.generate(2, "tune", 1)
    judges = {"policy": None, "judge": ask(served(task))}
    models = [assemble(kind, policy=embedded(task), judge=judge) for judge in judges.values()]
    for a, b in zip(*[run(strategy, problems, one) for one in models], strict=True):
        assert b.ended == a.ended != "failed", b.error
        assert tree(b) == tree(a)
        scores, again = [[j.score for _, js in one.expansions for j in js] for one in (a, b)]
        assert again == pytest.approx(scores, abs=CLOSE)
        assert len(set(scores)) > 3
        asked, paid = [one.usage[r, "evaluate"] for r, one in zip(judges, (a, b), strict=True)]
        assert paid.calls - paid.failed == asked.calls
        assert paid.tokens > asked.tokens  # each text once for each token, mostly from the cache


class Translated:
    """An engine that knows few words, for judges that use many: yes is good, no is bad."""

    name, parameters = "translated", 0

    def __init__(self, lm, words, chat):
        self.lm, self.words, self.chat = lm, words[3:], chat

    def _word(self, word):
        known = {"Yes": "good", "No": "bad"}
        return known.get(word) or self.words[crc32(word.encode()) % len(self.words)]

    def _text(self, text):
        return " ".join(self._word(word) for word in text.split())

    def _prompt(self, prompt):
        turns = [Message(turn.role, self._text(turn.text)) for turn in prompt.messages]
        return ChatPrompt(turns) if self.chat else " ".join(turn.text for turn in turns)

    async def logprobs(self, texts):
        pairs = [(self._prompt(prompt), f" {self._text(said)}") for prompt, said in texts]
        return await self.lm.logprobs(pairs)


@pytest.mark.parametrize("route", [Completions(), Chat()], ids=["text", "chat"])
def test_genrm_by_log_probability(served, route):
    kind, words = parse("game24", "task"), embedded("game24")._network.vocabulary.words
    policy = TaskPolicy(embedded("game24"), task=kind, seed=3)
    roots = [Path(problem) for problem in kind.generate(4, "tune", 5)]
    paths = [path for family in asyncio.run(policy.extend(roots, 2)) for path in family]
    scores = []
    for lm in (embedded("game24"), ask(served("game24"), route)):
        models = assemble(kind, reward=GenRM(Translated(lm, words, route == Chat())))
        scores.append(asyncio.run(models.reward.score(paths)))
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)
    assert max(scores[0]) - min(scores[0]) > 0.01


@pytest.mark.parametrize("route", [Completions(), Chat()], ids=["text", "chat"])
def test_the_stop_that_ended_a_step_can_be_kept(served, route):
    steps, _ = prompts("game24")
    lm = ask(served("game24"), route)
    ends = []
    for stop in ((";",), ("(left:", ")"), (" =", ";")):
        plain = Sampling(temperature=0.7, max_tokens=6, stop=stop)
        kept = replace(plain, keep_stop=True)
        seeds = list(range(10))
        pairs = zip(*[complete(lm, steps[:10], how, seeds) for how in (plain, kept)], strict=True)
        for a, b in pairs:
            assert (b.tokens, b.finish) == (a.tokens, a.finish)
            assert b.logprob == pytest.approx(a.logprob, abs=CLOSE)
            ended = b.text.removeprefix(a.text)
            assert a.text + ended == b.text
            assert ended in (stop if b.finish == "stop" else ("",))
            ends.append(ended)
    assert {"", "(left:", " ="} <= set(ends)


@pytest.mark.parametrize("task", TASKS)
def test_a_greedy_search_draws_the_same_tree(served, task):
    kind = parse(task, "task")
    strategy = BFS(n=2, temperature=0.0, verify=Speculative())
    problems = kind.generate(6, "tune", 1)
    own = assemble(kind)
    over_http = assemble(kind, policy=ask(served(task)), reward=EmbeddedSRM(task))
    pairs = [run(strategy, problems, models) for models in (own, over_http)]
    for a, b in zip(*pairs, strict=True):
        assert b.ended == a.ended != "failed", b.error
        assert tree(b) == tree(a)
        proposed = [result.usage["policy", "propose"] for result in (a, b)]
        assert proposed[0].tokens == proposed[1].tokens
        assert proposed[0].calls == proposed[1].calls - proposed[1].failed
    assert sum(len(result.expansions) for result in pairs[1]) > 10


def tree(result):
    """What was judged, as texts; numbers to three digits may still round apart, so none."""
    return [
        (parent.key, [(j.path.key, j.kept, j.count) for j in judged])
        for parent, judged in result.expansions
    ]


def test_a_sampled_search_solves_as_many(served):
    kind = parse("blocksworld", "task")
    problems = kind.generate(8, "tune", 2)
    over_http = assemble(kind, policy=ask(served("blocksworld")), reward=EmbeddedSRM("blocksworld"))
    right = []
    for models in (assemble(kind), over_http):
        results = run(BFS(n=4, verify=Speculative()), problems, models)
        assert not [result.error for result in results if result.error]
        answers = [(r.problem, kind.answer(r.best.path)) for r in results if r.best]
        right.append(sum(kind.check(problem, answer) for problem, answer in answers))
    assert min(right) >= 5, right


def test_solve_on_the_command_line(served):
    url = served("game24").url
    engine = f"openai('policy', url='{url}', dialect=llama_cpp(), route=completions())"
    chosen = ["--policy", engine, "--reward", "embedded_srm('game24')"]
    done = CliRunner().invoke(app, ["solve", "game24", "4 6 7 8", *chosen, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["correct"]
    assert told["usage"]["policy"]["propose"]["completion_tokens"] > 100
    assert told["usage"]["reward"]["score"]["calls"] > 10
