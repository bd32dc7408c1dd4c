import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import pytest

import specreward.testing
from specreward.errors import BudgetExhausted, EngineError, InputError, RewardError
from specreward.search.expand import conclude
from specreward.testing import (
    CappedPolicy,
    NoisyReward,
    OracleReward,
    RecordedPolicy,
    ScriptedLanguageModel,
    ScriptedPolicy,
    ScriptedReward,
    ToyLanguageModel,
    ToyPolicy,
    ToyTask,
    check_strategy,
    toy_models,
)
from specreward.types import Candidate, Completion, Path, Problem, Sampling, Step, Trace

TASK = ToyTask()
PROBLEMS = TASK.generate(20, "test", 0)
ROOT = Path(PROBLEMS[0])


def spell(problem: Problem, word: str) -> Path:
    path = Path(problem)
    for letter in word:
        path = path.then(TASK.step(path, Completion(letter, 1, 0.0, 1)))
    return path


def extend(policy, paths, n, **kwargs):
    return asyncio.run(policy.extend(paths, n, **kwargs))


def test_names_are_sorted_and_there():
    names = specreward.testing.__all__
    assert names == sorted(names)
    assert all(name in vars(specreward.testing) for name in names)


# ------------------------------------------------------------------------------ the toy task


def test_the_right_word_is_the_only_one():
    TASK.validate()
    for problem in PROBLEMS:
        assert TASK.check(problem, problem.answer)
        path = spell(problem, problem.answer)
        assert (path.finished, path.depth) == (True, TASK.max_steps(problem))
        assert TASK.answer(path) == problem.answer
    assert len({p.answer for p in PROBLEMS}) > 10


def test_laws_are_laws_and_traps_are_rare():
    trapped = 0
    for problem in TASK.generate(200, "law", 0):
        law = TASK.law(problem.question, "")
        assert math.isclose(sum(law.values()), 1.0)
        assert list(law) == ["a", "b", "c", "d"]
        right = law[problem.answer[0]]
        assert right in (pytest.approx(0.55), pytest.approx(0.25))
        trapped += right < 0.5
    assert 10 < trapped < 40  # one in eight of 200


def test_off_the_path_words_end_early_or_break():
    ends = Counter()
    for problem in TASK.generate(300, "ends", 0):
        wrong = "a" if problem.answer[0] != "a" else "b"
        ends[TASK.end(problem.question, wrong)] += 1
        assert TASK.end(problem.question, problem.answer[0]) == "open"
    assert 8 < ends["final"] < 35  # one in sixteen
    assert 20 < ends["dead"] < 60  # one in eight


def test_every_setting_of_the_toy_matters():
    question = PROBLEMS[0].question
    for other in (ToyTask(depth=6), ToyTask(branch=5), ToyTask(skill=0.9), ToyTask(trap=0.9)):
        words = [TASK.target(p.question)[:k] for p in PROBLEMS for k in range(4)]
        same = other.target(question) == TASK.target(question) and all(
            other.law(p.question, word) == TASK.law(p.question, word)
            for p in PROBLEMS
            for word in words
            if p.answer.startswith(word)
        )
        assert not same, other


@pytest.mark.parametrize(
    "bad", [{"depth": 0}, {"branch": 1}, {"branch": 27}, {"skill": 1.0}, {"trap": 0.0}]
)
def test_impossible_toys_are_refused(bad):
    with pytest.raises(InputError, match="got"):
        ToyTask(**bad)
    with pytest.raises(InputError, match="empty"):
        TASK.parse("  ")


def test_a_completion_that_is_no_letter_is_dead():
    assert TASK.step(ROOT, Completion("hello", 1, 0.0, 1)).dead
    assert TASK.step(ROOT, Completion("z", 1, 0.0, 1)).dead


# ------------------------------------------------------------------------------ its models


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_the_policy_follows_its_law(temperature):
    [paths] = extend(ToyPolicy(task=TASK), [ROOT], 4000, temperature=temperature)
    law = TASK.law(ROOT.problem.question, "")
    total = sum(p ** (1 / temperature) for p in law.values())
    seen = Counter(path.steps[0].text for path in paths)
    for letter, p in law.items():
        expected = p ** (1 / temperature) / total
        assert seen[letter] / 4000 == pytest.approx(expected, abs=0.03)
        logprob = next(path.steps[0].logprob for path in paths if path.steps[0].text == letter)
        assert logprob == pytest.approx(math.log(expected))


def test_the_language_model_follows_the_same_law():
    model = ToyLanguageModel(task=TASK)
    law = TASK.law(ROOT.problem.question, "")
    prompt = TASK.prompt(ROOT)
    done = asyncio.run(model.complete([prompt] * 2000, range(2000), Sampling(temperature=1.0)))
    seen = Counter(completion.text for completion in done)
    for letter, p in law.items():
        assert seen[letter] / 2000 == pytest.approx(p, abs=0.04)
    [scored] = asyncio.run(model.logprobs([(prompt, "a")]))
    assert scored.value == pytest.approx(math.log(law["a"]))
    [unknown] = asyncio.run(model.logprobs([(prompt, "zebra")]))
    assert unknown.value < -20
    [greedy] = asyncio.run(model.complete([prompt], [7], Sampling(temperature=0)))
    assert (greedy.text, greedy.logprob) == (max(law, key=law.__getitem__), 0.0)


def test_the_language_model_judges_with_its_honesty():
    right, wrong = spell(PROBLEMS[0], PROBLEMS[0].answer[:1]), None
    wrong = spell(PROBLEMS[0], "a" if PROBLEMS[0].answer[0] != "a" else "b")
    for honesty in (0.6, 0.9):
        model = ToyLanguageModel(task=TASK, honesty=honesty)
        asked = [(TASK.good_prompt(right), "good"), (TASK.good_prompt(wrong), "good")]
        values = [s.value for s in asyncio.run(model.logprobs(asked))]
        assert values == pytest.approx([math.log(honesty), math.log(1 - honesty)])
        done = asyncio.run(
            model.complete([TASK.value_prompt(right)] * 500, range(500), Sampling(temperature=1.0))
        )
        verdicts = Counter(completion.text for completion in done)
        assert set(verdicts) <= {"sure", "likely", "impossible"}
        assert 1 - verdicts["impossible"] / 500 == pytest.approx(honesty, abs=0.06)
    with pytest.raises(EngineError, match="prompt of the toy task"):
        asyncio.run(model.complete(["hello"], [0], Sampling()))


def test_a_sample_depends_on_path_index_and_seed_alone():
    policy = ToyPolicy(task=TASK)
    [ten] = extend(policy, [ROOT], 10, until="end")
    [late] = extend(policy, [ROOT], 4, until="end", start=6)
    assert ten[6:] == late
    roots = [Path(problem) for problem in PROBLEMS]
    together = extend(policy, roots, 3, until="end")
    assert together == [extend(policy, [root], 3, until="end")[0] for root in roots]
    assert extend(ToyPolicy(task=TASK, seed=1), roots, 3, until="end") != together
    assert len(set(ten)) > 3


def test_until_step_is_one_step_and_until_end_an_end():
    policy = ToyPolicy(task=TASK)
    assert all(path.depth == 1 for path in extend(policy, [ROOT], 20)[0])
    assert not any(path.open for path in extend(policy, [ROOT], 20, until="end")[0])


# ------------------------------------------------------------------------------ rewards


def test_the_oracle_knows_the_right_path():
    oracle = OracleReward(task=TASK)
    answer = PROBLEMS[0].answer
    wrong = "a" if answer[2] != "a" else "b"
    paths = [ROOT, spell(PROBLEMS[0], answer), spell(PROBLEMS[0], answer[:2] + wrong)]
    assert asyncio.run(oracle.score(paths)) == [1.0, 1.0, 0.5 * 2 / 4]
    assert asyncio.run(oracle.steps(paths)) == [[], [1.0] * 4, [1.0, 1.0, 0.25]]


def test_noise_is_bounded_fixed_and_seeded():
    oracle = OracleReward(task=TASK)
    paths = [p for problem in PROBLEMS for p in extend(ToyPolicy(task=TASK), [Path(problem)], 5)[0]]
    true = asyncio.run(oracle.score(paths))
    noisy = asyncio.run(NoisyReward(reward=oracle, noise=0.3).score(paths))
    assert all(0 <= score <= 1 for score in noisy)
    assert max(abs(a - b) for a, b in zip(true, noisy, strict=True)) <= 0.3
    assert noisy != true
    assert noisy[::-1] == asyncio.run(NoisyReward(reward=oracle, noise=0.3).score(paths[::-1]))
    assert noisy != asyncio.run(NoisyReward(reward=oracle, noise=0.3, seed=1).score(paths))
    assert asyncio.run(NoisyReward(reward=oracle, noise=0.0).score(paths)) == true


def test_the_scripted_reward_says_what_is_written():
    reward = ScriptedReward({("a",): 0.3})
    assert asyncio.run(reward.score([spell(PROBLEMS[0], "a")])) == [0.3]
    assert reward.calls == [[("a",)]]
    with pytest.raises(RewardError, match=r"\('b',\)"):
        asyncio.run(reward.score([spell(PROBLEMS[0], "b")]))


# ------------------------------------------------------------------------------ scripts


def test_the_scripted_model_says_what_is_written():
    model = ScriptedLanguageModel(
        {"one two": ["yes it is", "no"]},
        known={("one two", "no"): -1.5},
        name="mine",
        parameters=7,
    )
    first, second = asyncio.run(model.complete(["one two"] * 2, [4, 5], Sampling()))
    assert first == Completion("yes it is", 3, None, 2)
    assert second == Completion("no", 1, -1.5, 2)
    assert model.calls == [(("one two", "one two"), (4, 5), Sampling())]
    assert asyncio.run(model.logprobs([("one two", "no")]))[0].value == -1.5
    assert model.scored == [(("one two", "no"),)]
    assert (model.name, model.parameters) == ("mine", 7)
    with pytest.raises(EngineError, match="'three'"):
        asyncio.run(model.complete(["three"], [0], Sampling()))
    with pytest.raises(EngineError, match="'three'"):
        asyncio.run(model.logprobs([("three", "no")]))


def test_the_scripted_policy_walks_what_is_written():
    policy = ScriptedPolicy(
        {(): [Step("a"), Step("b")], ("a",): [Step("c", final=True), Step("d")]}
    )
    [steps] = extend(policy, [ROOT], 3, start=1)
    assert [path.key[1:] for path in steps] == [("b",), ("a",), ("b",)]
    [[whole]] = extend(policy, [ROOT], 1, until="end", temperature=0.1)
    assert whole.key[1:] == ("a", "c")
    assert policy.calls == [(((),), 3, "step", 0.8, 1), (((),), 1, "end", 0.1, 0)]
    with pytest.raises(EngineError, match=r"\('b',\)"):
        extend(policy, [ROOT], 2, until="end")


def test_the_cap_is_exact():
    policy = CappedPolicy(policy=ToyPolicy(task=TASK), most=4, samples=5)
    extend(policy, [ROOT], 3)
    with pytest.raises(BudgetExhausted):
        extend(policy, [ROOT], 3)
    extend(policy, [ROOT], 2)
    assert policy.drawn == 5
    with pytest.raises(AssertionError, match="has ended"):
        extend(policy, [spell(PROBLEMS[0], PROBLEMS[0].answer)], 1)
    short = CappedPolicy(policy=ToyPolicy(task=TASK), most=2)
    with pytest.raises(AssertionError, match="at its limit"):
        extend(short, [spell(PROBLEMS[0], PROBLEMS[0].answer[:2])], 1)


def test_the_memory_pays_once():
    policy = RecordedPolicy(policy=ToyPolicy(task=TASK))
    first = extend(policy, [ROOT], 3, until="end")
    assert first == extend(ToyPolicy(task=TASK), [ROOT], 3, until="end")
    assert extend(policy, [ROOT], 4, until="end")[0][:3] == first[0]
    assert policy.paid == 4
    extend(policy, [ROOT], 4, until="end", temperature=0.1)
    extend(policy, [ROOT], 4)
    assert policy.paid == 12


# ------------------------------------------------------------------------------ the contract


@dataclass(frozen=True)
class Sampled:
    """A correct little strategy, and its ways to go wrong."""

    n: int = 16
    wrong: str = ""

    async def __call__(self, problem, models):
        found, trace = [], models.trace
        paths = [Path(problem)]
        for depth in range(models.task.max_steps(problem)):
            n = 1 if depth or self.wrong == "lazy" else self.n
            try:
                drawn = await models.policy.extend(paths, n)
            except BudgetExhausted:
                if self.wrong == "swallow":
                    break
                raise
            grown = [path for siblings in drawn for path in siblings]
            done = [path for path in grown if path.finished]
            scores = await models.reward.score(done)
            new = [Candidate(p, s) for p, s in zip(done, scores, strict=True)]
            found += new
            trace.found += new
            paths = [path for path in grown if path.open or self.wrong == "dead"]
            if not paths:
                break
        if self.wrong == "deep":
            await models.policy.extend([spell(problem, "aaaa")], 1)
        if self.wrong == "counter":
            found[:] = found[next(COUNTER) % len(found) :] if found else []
            return replace(conclude(self, problem, models, "done"), error=str(next(COUNTER)))
        if self.wrong == "other":
            return conclude(self, PROBLEMS[0], models, "done")
        if self.wrong == "forgets":
            return replace(conclude(self, problem, models, "done"), candidates=())
        if self.wrong == "invents":
            result = conclude(self, problem, models, "done")
            return replace(result, best=result.best and Candidate(result.best.path, 7.0))
        if self.wrong == "mutates":
            object.__setattr__(self, "n", self.n + 1)
        return conclude(self, problem, models, "done")

    def select(self, candidates: Sequence[Candidate], models) -> Candidate | None:
        if self.wrong == "silent" and len(candidates) < 3:
            return None
        return max(candidates, key=lambda c: c.score, default=None)


COUNTER = count()


def test_a_correct_strategy_passes():
    check_strategy(Sampled())


@pytest.mark.parametrize(
    ("wrong", "clause"),
    [
        ("lazy", "better"),
        ("dead", "frugal"),
        ("deep", "frugal"),
        ("swallow", "capped"),
        ("silent", "pure|capped"),
        ("counter", "repeatable|capped"),
        ("other", "pure"),
        ("forgets", "pure"),
        ("invents", "pure"),
        ("mutates", "pure"),
    ],
)
def test_a_wrong_strategy_is_told_why(wrong, clause):
    with pytest.raises(AssertionError, match=f"^({clause})"):
        check_strategy(Sampled(wrong=wrong))


def test_a_strategy_that_draws_nothing_is_told_so():
    @dataclass(frozen=True)
    class Clairvoyant:
        async def __call__(self, problem, models):
            models.trace.found.append(Candidate(spell(problem, problem.answer), 1.0))
            return conclude(self, problem, models, "done")

        def select(self, candidates, models):
            return candidates[0] if candidates else None

    with pytest.raises(AssertionError, match="no sample"):
        check_strategy(Clairvoyant())


def test_models_are_made_from_a_seed():
    models = toy_models(3, noise=0.1)
    assert models == toy_models(3, noise=0.1)
    assert models != toy_models(4, noise=0.1)
    assert models != toy_models(3, noise=0.2)
    assert models.policy != models.draft
    assert models.trace is not replace(models, trace=Trace()).trace
