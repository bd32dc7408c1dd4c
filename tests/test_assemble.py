"""From engines to roles: what is metered as what, kept and merged."""

import asyncio

import pytest

from specreward import embedded
from specreward.assemble import EMBEDDED, Engines, assemble, engines_for, sources, wire
from specreward.embedded import EmbeddedPolicy, EmbeddedSRM
from specreward.errors import InputError, UnknownName
from specreward.generate.embedded import EmbeddedLanguageModel
from specreward.ledger import Ledger, Utf8Bytes
from specreward.prices import Price, Prices
from specreward.run import run
from specreward.spec import parse
from specreward.store import Store
from specreward.testing import ToyLanguageModel, ToyTask
from specreward.types import Path, Scored, Step

TASK = ToyTask()


class Counted:
    """An engine that counts the calls to it and their sizes."""

    name = "counted"
    parameters = 1000

    def __init__(self):
        self._lm = ToyLanguageModel(task=TASK)
        self.sizes = []

    async def complete(self, prompts, seeds, sampling):
        self.sizes.append(len(prompts))
        return await self._lm.complete(prompts, seeds, sampling)

    async def logprobs(self, texts):
        return await self._lm.logprobs(texts)


class Values:
    name = "values"
    parameters = 10

    async def values(self, texts):
        return [Scored(self._value(text), len(text)) for text in texts]

    def _value(self, text):
        question, _, word = text.removeprefix("reward ").rpartition("|")
        return TASK.value(Path(TASK.parse(question), tuple(Step(letter) for letter in word)))


PROBLEMS = TASK.generate(6, "test", 0)


def spent(spec, **settings):
    engine = Counted()
    roles = wire(TASK, Engines(policy=engine, reward=Values()), **settings)
    store = settings.get("store")
    return run(parse(spec, "strategy"), PROBLEMS, roles, store=store), engine


def test_each_role_and_phase_is_metered():
    [first, *_], _ = spent("bfs(verify=self_evaluation())")
    assert set(first.usage) == {("policy", "propose"), ("policy", "evaluate")}
    [first, *_], _ = spent("bfs(verify=speculative())")
    assert set(first.usage) == {("policy", "propose"), ("reward", "score")}
    proposed, scored = first.usage["policy", "propose"], first.usage["reward", "score"]
    assert proposed.flops == 2 * 1000 * proposed.tokens
    assert scored.flops == 2 * 10 * scored.tokens


def test_calls_of_many_problems_are_merged():
    _, engine = spent("cot()")
    assert max(engine.sizes) == len(PROBLEMS)


def test_with_a_store_nothing_is_asked_twice(tmp_path):
    with Store(tmp_path / "run.db") as store:
        first, engine = spent("bfs(verify=speculative())", store=store)
        assert engine.sizes
        again, engine = spent("bfs(n=4, verify=speculative(alpha=1))", store=store)
        assert sum(engine.sizes) < sum(r.usage["policy", "propose"].calls for r in again)
        repeated, engine = spent("bfs(verify=speculative())", store=store)
        assert not engine.sizes
    assert repeated == first


def test_the_seed_and_the_prices_are_used():
    sampled = "cot(temperature=1.0)"
    draws = [[r.best and r.best.path.key for r in spent(sampled, seed=s)[0]] for s in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    dear = Prices({"counted": Price(prompt=1e6)})
    [priced, *_], _ = spent("cot()", prices=dear)
    usage = priced.usage["policy", "propose"]
    assert usage.dollars == pytest.approx(usage.prompt_tokens)
    assert spent("cot()")[0][0].usage["policy", "propose"].dollars == 0


def test_without_a_value_model_there_is_no_reward():
    assert wire(TASK, Engines(policy=Counted())).reward is None
    assert Engines(policy=Counted()).names == ["counted"]
    assert Engines(policy=Counted(), reward=Values()).names == ["counted", "values"]


def test_the_embedded_policy_counts_for_the_budget(monkeypatch):
    policy, reward = Counted(), Values()
    monkeypatch.setattr(embedded, "embedded_models", lambda task: (policy, reward))
    monkeypatch.setattr(embedded, "embedded_draft", lambda task: None)
    assert engines_for(TASK) == Engines(policy=policy, reward=reward, counter=policy)


def test_sources_and_what_they_do_not_have():
    assert EMBEDDED in sources()
    with pytest.raises(InputError, match="toy"):
        engines_for(TASK)
    with pytest.raises(UnknownName, match="did you mean 'embedded'"):
        engines_for(TASK, "embeded")


def test_each_engine_counts_its_own_tokens():
    class Exact(Counted):
        def count(self, texts):
            return [1 for _ in texts]

    policy, judge, reward = Exact(), Exact(), EmbeddedSRM("game24")
    roles = wire(TASK, engines_for(TASK, policy=policy, judge=Counted(), reward=Values()))
    assert roles.policy.lm.counter is policy
    assert roles.judge.counter == roles.reward.values.counter == Utf8Bytes()
    given = engines_for(parse("game24()", "task"), judge=judge, reward=Values())
    roles = wire(TASK, given)
    assert (roles.policy.lm.counter, roles.judge.counter) == (given.policy, judge)
    assert roles.reward.values.counter == Utf8Bytes()  # not by the words of the embedded models
    roles = wire(TASK, engines_for(TASK, policy=policy, reward=reward))
    assert roles.reward.values.counter is reward
    assert reward.count(["4 6 7 8 ;"]) == [5]


# ------------------------------------------------------------------------------- wiring


class Elsewhere(Counted):
    """An engine that takes many calls at once."""

    name = "elsewhere"
    concurrency = 8


class Judged:
    """A reward model that asks a language model: a long answer is a good one."""

    def __init__(self, lm):
        self.lm = lm
        self.names = [lm.name]

    def wired(self, wiring):
        return Judged(wiring.language_model(self.lm, phase="verdict"))

    async def score(self, paths):
        texts = [TASK.prompt(Path(path.problem)) for path in paths]
        await self.lm.complete(texts, range(len(texts)), TASK.sampling)
        return [path.depth / (path.depth + 1) for path in paths]


def searched(engines, spec="bfs(verify=scored())"):
    return run(parse(spec, "strategy"), PROBLEMS, wire(TASK, engines))


def test_calls_to_an_engine_elsewhere_are_not_merged():
    engine = Elsewhere()
    searched(Engines(policy=engine), "cot()")
    assert max(engine.sizes) == 1


def test_a_judge_of_its_own_is_metered_as_judge():
    policy, judge = Counted(), Elsewhere()
    [first, *_] = searched(Engines(policy=policy, judge=judge), "bfs(verify=self_evaluation())")
    assert set(first.usage) == {("policy", "propose"), ("judge", "evaluate")}
    assert judge.sizes


def test_a_reward_model_made_of_others_gets_them_metered():
    judge = Counted()
    engines = Engines(policy=Counted(), reward=Judged(judge))
    [first, *_] = searched(engines)
    assert first.usage["judge", "verdict"].calls == sum(
        len(judgements) for _, judgements in first.expansions
    )
    assert engines.names == ["counted"]


def test_one_engine_in_all_its_roles_has_one_merger():
    engine, other = Counted(), Counted()
    roles = wire(TASK, Engines(policy=engine, reward=Judged(engine), judge=other))
    assert roles.policy.lm.lm is roles.reward.lm.lm
    assert roles.judge.lm is not roles.policy.lm.lm


def test_any_reward_model_of_the_user_is_taken_as_it_is():
    class Own:
        async def score(self, paths):
            return [0.5 for _ in paths]

    [first, *_] = searched(Engines(policy=Counted(), reward=Own()))
    assert set(first.usage) == {("policy", "propose")}


# ------------------------------------------------------------------------------- the draft

GAME = parse("game24()", "task")


def drafted(**settings):
    """The roles on the Game of 24 where the policy is its own draft, and two steps of each."""
    engine = EmbeddedPolicy("game24")
    roles = wire(GAME, engines_for(GAME, policy=engine, draft=engine), **settings)
    ledger = Ledger()

    async def steps():
        with ledger.active():
            root = Path(GAME.parse("4 9 10 13"))
            [ours] = await roles.policy.extend([root], 6, temperature=0.7)
            [theirs] = await roles.draft.extend([root], 6, temperature=0.7)
            return ours, theirs, await roles.policy.likelihood(theirs, temperature=0.7)

    return (roles, ledger, *asyncio.run(steps()))


def test_what_the_draft_writes_the_policy_can_score():
    roles, ledger, ours, theirs, found = drafted()
    assert roles.policy.tokenizer() == roles.draft.tokenizer()
    assert all(path.steps[0].ids for path in [*ours, *theirs])
    assert found == [pytest.approx(path.steps[0].logprob, abs=1e-5) for path in theirs]
    assert set(ledger.usage) == {("policy", "propose"), ("draft", "propose"), ("policy", "verify")}
    verified = ledger.usage["policy", "verify"]
    [prompt] = EmbeddedPolicy("game24").count([GAME.prompt(Path(theirs[0].problem))])
    assert verified.prompt_tokens == sum(prompt + len(path.steps[0].ids) for path in theirs)
    assert verified.completion_tokens == 0
    assert verified.flops == 2 * roles.policy.lm.parameters * (
        verified.prompt_tokens - verified.cached_tokens
    )


def test_the_draft_draws_for_itself_also_where_it_is_the_policy():
    _, _, ours, theirs, _ = drafted()
    assert [path.key for path in ours] != [path.key for path in theirs]
    assert drafted()[3] == theirs
    assert [path.key for path in drafted(seed=1)[3]] != [path.key for path in theirs]


def test_what_was_scored_is_kept_with_its_ids(tmp_path):
    with Store(tmp_path / "run.db") as store:
        first = drafted(store=store)
        with pytest.MonkeyPatch.context() as patch:
            for verb in ("complete", "token_logprobs"):
                patch.setattr(EmbeddedLanguageModel, verb, None)  # nothing is asked any more
            again = drafted(store=store)
    assert again[2:] == first[2:]
    assert [p.steps[0].ids for p in again[3]] == [p.steps[0].ids for p in first[3]]
    assert again[1].usage == first[1].usage


def test_there_is_no_draft_unless_one_is_given(monkeypatch):
    policy, draft = Counted(), Elsewhere()
    assert wire(TASK, engines_for(TASK, policy=policy)).draft is None
    engines = engines_for(TASK, policy=policy, draft=draft)
    assert engines.names == ["counted", "elsewhere"]
    roles = wire(TASK, engines)
    assert roles.draft.lm.lm is draft
    assert (roles.draft.lm.role, roles.draft.lm.phase) == ("draft", "propose")
    monkeypatch.setattr(embedded, "embedded_models", lambda task: (policy, Values()))
    monkeypatch.setattr(embedded, "embedded_draft", lambda task: draft)
    assert engines_for(TASK).draft is draft
    assert engines_for(TASK, judge=policy).draft is draft
    assert engines_for(TASK, draft=policy).draft is policy
    assert assemble(TASK, draft=policy).draft.lm.name == "counted"


def test_what_is_given_replaces_parts_of_a_source():
    whole = engines_for(parse("game24()", "task"))
    judge = Counted()
    part = engines_for(parse("game24()", "task"), judge=judge)
    assert (part.policy.name, part.judge) == (whole.policy.name, judge)
    own = engines_for(TASK, policy=judge)
    assert (own.policy, own.reward, own.names) == (judge, None, ["counted"])
