import asyncio
from dataclasses import dataclass, field, replace

import pytest

from specreward.errors import InputError
from specreward.search import SelfConsistency, UniversalSelfConsistency
from specreward.search.universal_self_consistency import choice, question
from specreward.seeds import derive
from specreward.testing import ToyLanguageModel, ToyTask
from specreward.types import Completion, Path, Problem, Sampling, Step, Trace


@dataclass
class Reader:
    """A judge that writes one text and remembers what it was asked."""

    text: str
    finish: str = "stop"
    calls: list = field(default_factory=list)

    async def complete(self, prompts, seeds, sampling):
        self.calls.append((list(prompts), list(seeds), sampling))
        return [Completion(self.text, 5, None, 9, finish=self.finish) for _ in prompts]


def search(tree, strategy, judge, seed=0):
    models = replace(tree.models, judge=judge, seed=seed, trace=Trace())
    return asyncio.run(strategy(tree.problem, models)), models


@pytest.fixture
def tree(plant):
    """Samples in turn: a, b, c (dead)."""
    return plant({"a": 0.1, "b": 0.2, "c": 0.3}, final={"a", "b"}, dead={"c"})


def test_published_defaults(plant):
    same = plant({"a": 0.1}, final={"a"})
    judge = Reader("Choice: 1")
    result, _ = search(same, UniversalSelfConsistency(), judge)
    [call] = same.policy.calls
    assert (call.n, call.until, call.temperature) == (8, "end", 0.7)
    assert judge.calls == []  # all say the same: there is nothing to choose
    assert "choices" not in result.counts
    assert result.best == result.candidates[0]


def test_the_judge_reads_every_finished_response_and_chooses(tree, best):
    judge = Reader("All in all, the second.\nChoice: 2")
    result, models = search(tree, UniversalSelfConsistency(7), judge, seed=5)
    [([prompt], [seed], sampling)] = judge.calls
    assert sampling == Sampling(temperature=0.0, max_tokens=512)
    assert seed == derive(5, "universal_self_consistency", prompt)
    # a, b, (c), a, b, (c), a: five responses, repeats included.
    assert prompt.startswith("Problem:\nq\n\nResponse 1:\na\n\nResponse 2:\nb\n\nResponse 3:\na\n")
    assert "Response 5:\na\n" in prompt
    assert "Response 6" not in prompt
    assert "most consistent" in prompt
    assert best(result) == "b"  # the majority is a
    assert result.best is result.candidates[1]
    assert result.counts["choices"] == 1
    assert "unreadable choices" not in result.counts
    majority, _ = search(tree, SelfConsistency(7, temperature=0.7), judge)
    assert best(majority) == "a"
    assert majority.candidates == result.candidates
    assert len(models.trace.values) == 1


@pytest.mark.parametrize(
    ("text", "finish"),
    [
        ("I cannot say.", "stop"),
        ("", "stop"),
        ("Choice: 6", "stop"),
        ("Choice: 0", "stop"),
        ("Choice: none", "stop"),
        ("Choice: 2", "length"),  # it may have gone on to 23
    ],
)
def test_a_choice_that_cannot_be_read_is_counted_and_the_majority_answers(tree, best, text, finish):
    result, _ = search(tree, UniversalSelfConsistency(7), Reader(text, finish))
    assert best(result) == "a"
    assert (result.counts["choices"], result.counts["unreadable choices"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Choice: 3", 2),
        ("**Choice:** 3.", 2),
        ("choice: Response 3", 2),
        ("Choice: Response #3", 2),
        ("Choice: $\\boxed{3}$", 2),
        ("Choice: [3]\n2 of them agree, and 1 does not.", 2),
        ("Choice: 1\nOn second thought:\nChoice: 2 or 3", None),
        ("Choice: 1, 2", None),
        ("Choice: Response 1 and Response 2", None),
        ("Choice: 2.5", None),
        ("Response 1 is odd. Choice: 1? No.\nChoice: 3", 2),
        ("My choices are 1 and 2", None),
        ("The most consistent is Response 3", None),
        ("Choice: 4", None),
        ("Choice: -1", None),
    ],
)
def test_how_a_choice_is_read(text, place):
    assert choice(Completion(text, 1, None, 1), 3) == place


def test_a_response_is_all_its_steps():
    problem = Problem("p", "How many?")
    path = Path(problem, (Step("two and two"), Step("four", final=True)))
    assert "Response 2:\ntwo and two\nfour\n" in question(problem, [path, path])


def test_select_knows_what_the_choice_was_about(tree):
    strategy = UniversalSelfConsistency(7)
    result, models = search(tree, strategy, Reader("Choice: 4"))
    assert strategy.select(result.candidates, models) is result.candidates[3]
    # Of other candidates nothing was said: the majority's.
    fewer = result.candidates[1:4]
    assert strategy.select(fewer, models) is fewer[0]
    assert strategy.select((), models) is None
    assert replace(strategy, n=3).select(result.candidates, models).path.steps[0].text == "a"


def test_no_response_no_answer(plant):
    judge = Reader("Choice: 1")
    result, _ = search(plant({"a": 0.1}, dead={"a"}), UniversalSelfConsistency(3), judge)
    assert (result.best, judge.calls) == (None, [])


def test_without_a_judge(tree):
    with pytest.raises(InputError, match="--judge"):
        search(tree, UniversalSelfConsistency(), None)
    assert tree.policy.calls == []  # before anything is spent


@pytest.mark.parametrize("bad", [{"n": 0}, {"temperature": -1.0}, {"max_tokens": 0}])
def test_bad_settings(bad):
    [name] = bad
    with pytest.raises(InputError, match=f"universal_self_consistency {name}: expected"):
        UniversalSelfConsistency(**bad)


def test_the_toy_judge_finds_the_majority():
    problem = Problem("p", "q")
    paths = [Path(problem, (Step(text, final=True),)) for text in "abcb"]
    prompt = question(problem, paths)
    texts = []
    for honesty in (0.9, 0.1):
        judge = ToyLanguageModel(task=ToyTask(), honesty=honesty)
        drawn = asyncio.run(judge.complete([prompt] * 300, range(300), Sampling(temperature=1.0)))
        places = [choice(completion, 4) for completion in drawn]
        texts.append(places.count(3) / 300)  # the last that agrees with most
        assert set(places) == {0, 1, 2, 3}
    assert texts == pytest.approx([0.9, 0.1], abs=0.08)
    [cut] = asyncio.run(judge.complete([prompt], [0], Sampling(max_tokens=1)))
    assert (cut.text, cut.tokens, cut.finish) == ("Choice:", 1, "length")


def test_every_setting_counts(tree):
    judge = Reader("Choice: 2")
    search(tree, UniversalSelfConsistency(4, temperature=0.3, max_tokens=9), judge)
    assert (tree.policy.calls[0].n, tree.policy.calls[0].temperature) == (4, 0.3)
    assert judge.calls[0][2].max_tokens == 9
