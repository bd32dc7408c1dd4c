import asyncio

from specreward.search import ChainOfThought
from specreward.testing import toy_models
from specreward.testing.contract import search
from specreward.types import Candidate


def test_one_path_to_its_end_at_temperature_0(plant, best):
    tree = plant({"a": 0.1, "ab": 0.1, "ac": 0.9}, final={"ab"})
    result = tree.run(ChainOfThought())
    assert [(c.n, c.until, c.temperature) for c in tree.policy.calls] == [(1, "end", 0.0)]
    assert best(result) == "ab"
    assert result.candidates == (Candidate(result.best.path, 1.0),)
    assert result.ended == "done"
    assert tree.reward.calls == []  # no verifier


def test_an_unfinished_path_is_no_answer_but_stays_in_the_tree(plant):
    result = plant({"a": 0.1}, dead={"a"}).run(ChainOfThought())
    assert (result.best, result.candidates) == (None, ())
    [(_, [item])] = result.expansions
    assert (item.kept, item.score) == (False, 0.0)


def test_greedy_takes_the_most_likely_letter():
    models = toy_models()
    for problem in models.task.generate(20, "cot", 0):
        result = asyncio.run(search(ChainOfThought(), problem, models))
        [(_, [item])] = result.expansions
        question, so_far = problem.question, ""
        for step in item.path.steps:
            law = models.task.law(question, so_far)
            assert step.text == max(law, key=law.__getitem__)
            so_far += step.text
