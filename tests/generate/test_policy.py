import asyncio
from dataclasses import replace

import pytest

from specreward.abilities import StepLikelihood
from specreward.errors import EngineError, InputError
from specreward.generate.policy import TaskPolicy
from specreward.testing import ScriptedLanguageModel, ToyLanguageModel, ToyTask
from specreward.types import Completion, Path, Problem, Step

TASK = ToyTask(depth=4)


class Recorded:
    """The toy language model with a list of its calls."""

    def __init__(self, task=TASK):
        self.lm = ToyLanguageModel(task=task)
        self.calls = []

    name = "recorded"
    parameters = 1

    async def complete(self, prompts, seeds, sampling):
        self.calls.append((tuple(prompts), tuple(seeds), sampling))
        return await self.lm.complete(prompts, seeds, sampling)


def root(name="q"):
    return Path(TASK.parse(name))


def extend(policy, paths, n, **how):
    return asyncio.run(policy.extend(paths, n, **how))


def words(grown):
    return [[TASK.word(path) for path in row] for row in grown]


def test_all_samples_of_all_paths_are_one_call():
    lm = Recorded()
    grown = extend(TaskPolicy(lm, task=TASK), [root("a"), root("b")], 3, temperature=0.6)
    [(prompts, seeds, sampling)] = lm.calls
    assert prompts == ("spell a|",) * 3 + ("spell b|",) * 3
    assert len(set(seeds)) == 6
    assert (sampling.temperature, sampling.max_tokens, sampling.stop) == (0.6, 1, ("\n",))
    assert [[path.problem.id for path in row] for row in grown] == [["a"] * 3, ["b"] * 3]
    assert all(path.depth == 1 for row in grown for path in row)


def test_a_step_is_what_the_task_reads_in_the_completion():
    lm = ScriptedLanguageModel({"spell q|": ["?"]}, known={("spell q|", "?"): -1.5})
    [[path]] = extend(TaskPolicy(lm, task=TASK), [root()], 1)
    assert path.steps == (Step("?", 1, -1.5, dead=True),)


def test_an_index_always_gives_the_same_sample():
    policy = TaskPolicy(Recorded(), task=TASK)
    [eight] = extend(policy, [root()], 8)
    [front], [back] = extend(policy, [root()], 3), extend(policy, [root()], 5, start=3)
    assert front + back == eight
    assert len({path.key for path in eight}) > 1


def test_samples_depend_on_path_and_seed_and_not_on_company():
    policy = TaskPolicy(Recorded(), task=TASK)
    alone = [extend(policy, [root(name)], 4)[0] for name in "abcdef"]
    assert extend(policy, [root(name) for name in "abcdef"], 4) == alone
    assert extend(TaskPolicy(Recorded(), task=TASK), [root("a")], 4)[0] == alone[0]
    other = TaskPolicy(Recorded(), task=TASK, seed=1)
    assert [extend(other, [root(name)], 4)[0] for name in "abcdef"] != alone
    twin = Path(Problem("twin", "a"))  # the same prompt, another problem
    assert words(extend(policy, [twin], 8)) != words(extend(policy, [root("a")], 8))


def test_to_the_end_goes_on_until_every_path_has_ended():
    lm = Recorded()
    grown = extend(TaskPolicy(lm, task=TASK), [root(name) for name in "abcdef"], 4, until="end")
    paths = [path for row in grown for path in row]
    assert all(not path.open or path.depth == 4 for path in paths)
    assert {path.depth for path in paths} > {4}, "some end early, and are not drawn on"
    asked = [len(prompts) for prompts, _, _ in lm.calls]
    assert asked == [sum(path.depth > depth for path in paths) for depth in range(4)]


def test_to_the_end_takes_the_steps_that_one_by_one_would():
    policy = TaskPolicy(Recorded(), task=TASK)
    [whole] = extend(policy, [root()], 6, until="end")
    for index, end in enumerate(whole):
        path = root()
        while path.open and path.depth < 4:
            [[path]] = extend(policy, [path], 1, start=index)
        assert path == end


def test_to_the_end_stops_at_the_most_steps():
    class Endless:
        sampling = TASK.sampling

        def prompt(self, path):
            return "more"

        def step(self, path, completion):
            return Step(completion.text)

        def max_steps(self, problem):
            return 3 if problem.id == "q" else 1

    lm = ScriptedLanguageModel({"more": ["x"]})
    policy = TaskPolicy(lm, task=Endless())
    grown = extend(policy, [root("q"), root("r")], 1, until="end")
    assert [[path.depth for path in row] for row in grown] == [[3], [1]]
    full = grown[1][0]
    assert extend(policy, [full], 1, until="end") == [[full]]
    assert extend(policy, [full], 1)[0][0].depth == 2, "a step is a step"


@pytest.mark.parametrize("until", ["step", "end"])
def test_greedy_samples_are_drawn_once(until):
    lm = Recorded()
    policy = TaskPolicy(lm, task=TASK)
    grown = extend(policy, [root("a"), root("b")], 5, until=until, temperature=0)
    assert [len(set(row)) for row in grown] == [1, 1]
    assert [len(row) for row in grown] == [5, 5]
    assert len(lm.calls[0][0]) == 2
    assert extend(policy, [root("a")], 2, until=until, temperature=0, start=7)[0] == grown[0][:2]


def test_ended_paths_and_no_samples_are_refused():
    policy = TaskPolicy(Recorded(), task=TASK)
    for step in (Step("a", final=True), Step("a", dead=True)):
        with pytest.raises(InputError, match="expected open paths"):
            extend(policy, [root().then(step)], 1)
    for n in (0, 65_537):
        with pytest.raises(InputError, match=f"from 1 to 65536 samples of a path, got {n}"):
            extend(policy, [root()], n)


def test_no_paths_are_no_work():
    lm = Recorded()
    assert extend(TaskPolicy(lm, task=TASK), [], 3, until="end") == []
    assert lm.calls == []


# ------------------------------------------------------------------------------ token ids


class Tokens(Recorded):
    """The toy language model with a token for each letter, and a list of what it scores."""

    def __init__(self, task=TASK):
        super().__init__(task)
        self.scored = []

    def tokenizer(self):
        return "letters"

    async def complete(self, prompts, seeds, sampling):
        found = await super().complete(prompts, seeds, sampling)
        return [replace(one, ids=(ord(one.text),)) for one in found]

    async def token_logprobs(self, prompts, ids, temperature):
        self.scored.append((tuple(prompts), tuple(ids), temperature))
        texts = [(p, chr(own[0])) for p, own in zip(prompts, ids, strict=True)]
        laws = await self.lm.logprobs(texts)
        return [replace(one, value=one.value / temperature) for one in laws]


def likelihood(policy, paths, temperature=1.0):
    return asyncio.run(policy.likelihood(paths, temperature=temperature))


def test_a_step_has_the_ids_of_its_completion():
    policy = TaskPolicy(Tokens(), task=TASK)
    [grown] = extend(policy, [root()], 3, until="end")
    for path in grown:
        assert [step.ids for step in path.steps] == [(ord(step.text),) for step in path.steps]
    [[bare]] = extend(TaskPolicy(Recorded(), task=TASK), [root()], 1)
    assert bare.steps[0].ids == ()
    assert bare == extend(policy, [root()], 1)[0][0], "ids make no other step"


def test_the_likelihood_of_a_step_is_that_of_its_ids_after_the_prompt_of_its_parent():
    lm = Tokens()
    policy = TaskPolicy(lm, task=TASK)
    assert isinstance(policy, StepLikelihood)
    assert policy.tokenizer() == "letters"
    [grown] = extend(policy, [root("a")], 2, temperature=1.0)
    [further] = extend(policy, [path for path in grown if path.open][:1], 2, temperature=1.0)
    found = likelihood(policy, [*grown, *further])
    assert found == [pytest.approx(path.steps[-1].logprob) for path in [*grown, *further]]
    [(prompts, ids, temperature)] = lm.scored
    assert prompts[:2] == ("spell a|",) * 2
    assert prompts[2] == f"spell a|{further[0].steps[0].text}"
    assert ids == tuple((ord(path.steps[-1].text),) for path in [*grown, *further])
    assert temperature == 1.0
    assert likelihood(policy, grown, 0.5) == [2 * value for value in found[:2]]


def test_what_has_no_likelihood_is_refused():
    policy = TaskPolicy(Tokens(), task=TASK)
    [[path]] = extend(policy, [root()], 1)
    for bad in (root(), root().then(Step("a"))):
        with pytest.raises(InputError, match="a last step with token ids, got none"):
            likelihood(policy, [path, bad])
    for temperature in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="temperature: expected a finite number above 0"):
            likelihood(policy, [path], temperature)
    bare = TaskPolicy(Recorded(), task=TASK)
    with pytest.raises(InputError, match="an engine that gives token ids"):
        likelihood(bare, [path])
    with pytest.raises(InputError, match="an engine that gives token ids"):
        bare.tokenizer()
    assert likelihood(policy, []) == []
    assert policy.lm.scored == []


def test_an_engine_that_loses_scores_is_found_out():
    class Forgetful(Tokens):
        async def token_logprobs(self, prompts, ids, temperature):
            return (await super().token_logprobs(prompts, ids, temperature))[:1]

    policy = TaskPolicy(Forgetful(), task=TASK)
    [grown] = extend(policy, [root()], 2)
    with pytest.raises(EngineError, match="recorded: expected 2 scores, got 1"):
        likelihood(policy, grown)


def test_an_engine_that_loses_completions_is_found_out():
    class Forgetful(Recorded):
        async def complete(self, prompts, seeds, sampling):
            return [Completion("a", 1, None, 1)]

    with pytest.raises(EngineError, match="recorded: expected 2 completions, got 1"):
        extend(TaskPolicy(Forgetful(), task=TASK), [root()], 2)
