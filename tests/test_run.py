import asyncio
import os
import signal
from dataclasses import dataclass, field, replace

import pytest

from specreward.batching import Coalesce, CoalesceValues
from specreward.errors import BudgetExhausted, EngineError, InputError, MissingExtra, StoreError
from specreward.generate.policy import TaskPolicy
from specreward.ledger import Budget
from specreward.metering import Metered, MeteredValues
from specreward.replay import Stored, StoredValues
from specreward.reward.task_reward import TaskReward
from specreward.run import run, run_async
from specreward.search import BFS, MCTS, BestOfN
from specreward.store import Store
from specreward.testing import ToyLanguageModel, ToyTask, toy_models
from specreward.types import Models, Path, Problem, Scored, Step
from specreward.verify import SelfEvaluation

TASK = ToyTask()
PROBLEMS = TASK.generate(6, "test", 0)
SEARCH = MCTS(simulations=3, n=3)


class Engine:
    """The toy language model and its true values, counted."""

    name = "toy"
    parameters = 1000

    def __init__(self):
        self.lm = ToyLanguageModel(task=TASK)
        self.batches = []

    async def complete(self, prompts, seeds, sampling):
        self.batches.append(len(prompts))
        await asyncio.sleep(0)
        return await self.lm.complete(prompts, seeds, sampling)

    async def logprobs(self, texts):
        return await self.lm.logprobs(texts)

    async def values(self, texts):
        self.batches.append(len(texts))
        await asyncio.sleep(0)
        return [Scored(self.value(text), len(text)) for text in texts]

    def value(self, text):
        question, _, word = text.removeprefix("reward ").rpartition("|")
        return TASK.value(Path(Problem("", question), tuple(Step(letter) for letter in word)))


def assemble(engine, store=None, seed=0):
    lm = engine if store is None else Stored(engine, store)
    vm = engine if store is None else StoredValues(engine, store)
    lm, vm = Coalesce(lm), CoalesceValues(vm)
    return Models(
        task=TASK,
        policy=TaskPolicy(Metered(lm, role="policy", phase="propose"), task=TASK, seed=seed),
        reward=TaskReward(MeteredValues(vm), task=TASK),
        judge=Metered(lm, role="judge", phase="evaluate"),
        seed=seed,
    )


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "run.db") as store:
        yield store


@dataclass(frozen=True)
class Scripted:
    """A strategy that does what it is told to for a problem, and else greedily finds a word."""

    acts: dict = field(default_factory=dict, compare=False, repr=False)

    async def __call__(self, problem, models):
        act = self.acts.get(problem.id)
        if act is not None:
            await act(models)
        return await BestOfN(2)(problem, models)

    def select(self, candidates, models):
        return BestOfN(2).select(candidates, models)


def acting(**acts):
    return Scripted({PROBLEMS[int(name[1:])].id: act for name, act in acts.items()})


# ---------------------------------------------------------------------------------- results


def test_results_come_in_the_order_of_the_problems_whoever_is_first():
    async def slow(models):
        while len(seen) < 5:
            await asyncio.sleep(0)

    seen = []
    strategy = acting(p0=slow)
    results = run(strategy, PROBLEMS, toy_models(), on_result=lambda one: seen.append(one))
    assert [result.problem for result in results] == PROBLEMS
    assert [result.problem for result in seen] == PROBLEMS[1:] + PROBLEMS[:1]
    assert {id(result) for result in seen} == {id(result) for result in results}


@pytest.mark.parametrize("strategy", [SEARCH, BFS(verify=SelfEvaluation()), BestOfN(3)])
def test_results_do_not_depend_on_concurrency(strategy):
    alone = [run(strategy, [problem], assemble(Engine()))[0] for problem in PROBLEMS]
    for concurrency in (1, 2, 64):
        assert run(strategy, PROBLEMS, assemble(Engine()), concurrency=concurrency) == alone
    assert alone[0].usage["policy", "propose"].calls > 0


def test_another_seed_is_another_result():
    one, two = [run(SEARCH, PROBLEMS, assemble(Engine(), seed=seed)) for seed in (0, 1)]
    assert one != two


def test_searches_side_by_side_share_batches():
    batched, alone = Engine(), Engine()
    run(SEARCH, PROBLEMS, assemble(batched))
    run(SEARCH, PROBLEMS, assemble(alone), concurrency=1)
    assert sum(batched.batches) == sum(alone.batches)
    assert len(batched.batches) * 3 < len(alone.batches)


def test_no_more_searches_at_once_than_allowed():
    running, most = 0, []

    async def count(models):
        nonlocal running
        running += 1
        most.append(running)
        for _ in range(20):
            await asyncio.sleep(0)
        running -= 1

    strategy = acting(**{f"p{i}": count for i in range(6)})
    run(strategy, PROBLEMS, toy_models(), concurrency=2)
    assert max(most) == 2


def test_every_search_has_a_trace_and_a_ledger_of_its_own():
    models = assemble(Engine())
    results = run(SEARCH, PROBLEMS, models)
    assert models.trace.found == models.trace.expansions == []
    for result in results:
        assert {path.problem for path, _ in result.expansions} == {result.problem}
        drawn = result.usage["policy", "propose"].calls
        assert drawn == 3 * len(result.expansions)
    assert list(results[0].usage) == [("policy", "propose"), ("reward", "score")]


def test_usage_is_in_alphabetic_order():
    [result] = run(BFS(verify=SelfEvaluation()), PROBLEMS[:1], assemble(Engine()))
    assert list(result.usage) == [("judge", "evaluate"), ("policy", "propose")]


def test_the_async_door_is_the_same():
    expected = run(SEARCH, PROBLEMS, assemble(Engine()))

    async def inside():
        with pytest.raises(InputError, match=r"await run_async"):
            run(SEARCH, PROBLEMS, assemble(Engine()))
        return await run_async(SEARCH, PROBLEMS, assemble(Engine()))

    assert asyncio.run(inside()) == expected


def test_no_problems_no_results():
    assert run(SEARCH, [], toy_models()) == []


@pytest.mark.parametrize("bad", [0, -1, 1.5])
def test_concurrency_is_at_least_one(bad):
    with pytest.raises(InputError, match="concurrency"):
        run(SEARCH, PROBLEMS, toy_models(), concurrency=bad)


def test_two_problems_with_one_id_are_refused():
    twin = replace(PROBLEMS[2], question="other")
    with pytest.raises(InputError, match=f"{PROBLEMS[2].id!r} 2 times"):
        run(SEARCH, [*PROBLEMS, twin], toy_models())


# ---------------------------------------------------------------------------------- endings


@pytest.mark.parametrize("cap", [1, 5, 9, 20])
def test_a_budget_ends_the_search_with_the_best_so_far(cap):
    free = run(SEARCH, PROBLEMS, assemble(Engine()))
    capped = run(SEARCH, PROBLEMS, assemble(Engine()), budget=Budget(calls=cap))
    for full, cut in zip(free, capped, strict=True):
        need, spent = [sum([one.calls for one in r.usage.values()]) for r in (full, cut)]
        assert spent <= cap
        assert (cut.ended == "budget") == (need > cap)
        assert cut.candidates == full.candidates[: len(cut.candidates)]
        assert cut.expansions == full.expansions[: len(cut.expansions)]
        assert (cut.best is None) == (not cut.candidates)
        assert cut.best is None or cut.best in cut.candidates


def test_a_budget_that_suffices_changes_nothing():
    free = run(SEARCH, PROBLEMS, assemble(Engine()))
    assert run(SEARCH, PROBLEMS, assemble(Engine()), budget=Budget(calls=10_000)) == free


def test_a_problem_that_fails_is_a_result_and_the_others_go_on():
    class Unlucky(Engine):
        async def complete(self, prompts, seeds, sampling):
            done = await super().complete(prompts, seeds, sampling)
            if any(PROBLEMS[1].question in prompt for prompt in prompts):
                raise EngineError("the line\nis dead")
            return done

    good = run(SEARCH, PROBLEMS, assemble(Engine()))
    results = run(SEARCH, PROBLEMS, assemble(Unlucky()))
    failed = results.pop(1)
    assert results == good[:1] + good[2:]
    assert (failed.ended, failed.best) == ("failed", None)
    assert failed.error == (
        f"problem {PROBLEMS[1].id}: EngineError: the line is dead: in role policy, phase propose"
    )
    assert failed.usage["policy", "propose"].failed == 3


def test_what_a_failed_search_found_is_kept_but_not_chosen():
    class Late(Engine):
        def value(self, text):
            self.count = 1 + vars(self).get("count", 0)
            return super().value(text) if self.count < 30 else float("nan")

    [result] = run(MCTS(20, n=3), PROBLEMS[:1], assemble(Late()))
    assert result.ended == "failed"
    assert "RewardError" in result.error
    assert result.candidates
    assert result.expansions
    assert result.best is None


def test_select_that_fails_is_a_failure_too():
    @dataclass(frozen=True)
    class Undecided:
        async def __call__(self, problem, models):
            raise BudgetExhausted("spent")

        def select(self, candidates, models):
            raise InputError("cannot choose")

    [result] = run(Undecided(), PROBLEMS[:1], toy_models())
    assert (result.ended, "cannot choose" in result.error) == ("failed", True)


@pytest.mark.parametrize("error", [MissingExtra("pip install"), StoreError("disk"), SystemExit()])
def test_some_errors_end_the_run(error, store):
    async def fail(models):
        while store.runs()[0].results < 4:
            await asyncio.sleep(0)
        raise error

    async def hang(models):
        await asyncio.sleep(3600)

    with pytest.raises(type(error)):
        run(acting(p0=fail, p1=hang), PROBLEMS, toy_models(), store=store, label="acts")
    [row] = store.runs()
    assert row.results == 4, "what was done is kept"


def test_an_error_that_ends_the_run_leaves_no_search_behind():
    async def fail(models):
        raise StoreError("disk")

    async def hang(models):
        await asyncio.sleep(3600)

    async def inside():
        with pytest.raises(StoreError):
            await run_async(acting(p0=fail, p1=hang), PROBLEMS[:2], toy_models())
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(inside()) == set()


def test_an_error_of_the_callback_ends_the_run():
    def refuse(result):
        raise ValueError("the screen is gone")

    with pytest.raises(ValueError, match="the screen is gone"):
        run(SEARCH, PROBLEMS, toy_models(), on_result=refuse)


def test_an_interrupt_reaches_the_caller_and_the_run_goes_on_later(store):
    interrupted = Engine()

    async def interrupt(models):
        while store.runs()[0].results < 5:
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(3600)

    with pytest.raises(KeyboardInterrupt):
        run(acting(p3=interrupt), PROBLEMS, assemble(interrupted, store), store=store, label="acts")
    assert store.runs()[0].results == 5
    engine = Engine()
    results = run(Scripted(), PROBLEMS, assemble(engine, store), store=store, label="acts")
    whole = Engine()
    assert results == run(Scripted(), PROBLEMS, assemble(whole))
    assert sum(interrupted.batches) + sum(engine.batches) == sum(whole.batches)


# ---------------------------------------------------------------------------------- the store


def test_finished_problems_are_not_searched_again(store):
    first = run(SEARCH, PROBLEMS[:4], assemble(Engine()), store=store)
    engine, alone, seen = Engine(), Engine(), []
    again = run(SEARCH, PROBLEMS, assemble(engine), store=store, on_result=seen.append)
    assert again[:4] == first
    assert again == run(SEARCH, PROBLEMS, assemble(Engine())) == store.results(1)
    assert len(seen) == 6
    run(SEARCH, PROBLEMS[4:], assemble(alone))
    assert engine.batches == alone.batches


def test_a_search_replays_its_calls_where_it_has_no_result(store):
    first = run(SEARCH, PROBLEMS, assemble(Engine(), store))
    engine = Engine()
    assert run(SEARCH, PROBLEMS, assemble(engine, store), store=store) == first
    assert engine.batches == []


@pytest.mark.parametrize("change", ["strategy", "seed", "budget", "label", "problem", "task"])
def test_a_result_stands_for_what_it_was_made_of_and_nothing_else(store, change):
    def searched(strategy=SEARCH, seed=0, budget=None, label=None, problem=PROBLEMS[0], task=TASK):
        saved = store.runs()
        before = [row.results for row in saved]
        models = replace(assemble(Engine()), seed=seed, task=task)
        run(strategy, [problem], models, store=store, budget=budget, label=label)
        return [row.results for row in store.runs()] != before

    changes = {
        "strategy": MCTS(simulations=2, n=3),
        "seed": 1,
        "budget": Budget(calls=500),
        "label": "trial 2",
        "problem": replace(PROBLEMS[0], meta={"length": 3}),
        "task": ToyTask(depth=5),
    }
    assert searched()
    assert not searched()
    assert searched(**{change: changes[change]})
    assert not searched(**{change: changes[change]})
    assert not searched()


def test_failed_problems_are_searched_again(store):
    class Broken(Engine):
        async def complete(self, prompts, seeds, sampling):
            raise EngineError("down for now")

    failed = run(SEARCH, PROBLEMS, assemble(Broken(), store), store=store)
    assert {result.ended for result in failed} == {"failed"}
    assert store.results(1) == failed
    results = run(SEARCH, PROBLEMS, assemble(Engine(), store), store=store)
    assert results == run(SEARCH, PROBLEMS, assemble(Engine())) == store.results(1)


def test_models_without_a_lasting_name_are_searched_again(store):
    class Nameless(Engine):
        pass

    bare = TaskPolicy(Nameless(), task=TASK)  # its repr is an address
    models = replace(assemble(Engine(), store), policy=bare)
    for searches in (1, 2):
        run(SEARCH, PROBLEMS[:1], models, store=store)
        assert len(store.runs()) == searches
    assert [row.results for row in store.runs()] == [1, 1]


def test_the_label_is_the_strategys_name(store):
    run(SEARCH, PROBLEMS[:1], assemble(Engine(), store), store=store)
    run(SEARCH, PROBLEMS[:1], assemble(Engine(), store), store=store, label="mine")
    assert [row.strategy for row in store.runs()] == ["mcts(simulations=3, n=3)", "mine"]
    assert "seed=0" in store.runs()[0].models
    assert "Budget" in store.runs()[0].budget


def test_problems_that_cannot_be_kept_are_said_before_work_starts(store):
    engine = Engine()
    odd = replace(PROBLEMS[5], meta={"odd": object()})
    with pytest.raises(InputError, match=f"problem {PROBLEMS[5].id!r}: expected meta"):
        run(SEARCH, [*PROBLEMS[:5], odd], assemble(engine, store), store=store)
    assert engine.batches == []
