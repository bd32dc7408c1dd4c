from dataclasses import dataclass

import pytest

from specreward.errors import InputError, RewardError
from specreward.search import AnswerAggregation, Highest, MaxReward, WeightedVote
from specreward.types import Candidate, Judgement, Models, Path, Problem, Step

ROOT = Path(Problem("p", "q"))


@dataclass(frozen=True)
class LastLetter:
    """A task whose answer is the last step."""

    def answer(self, path):
        return path.steps[-1].text


def path_of(word):
    """A path that ends with its last letter."""
    path = ROOT
    for place, letter in enumerate(word, 1):
        path = path.then(Step(letter, final=place == len(word)))
    return path


def tree(scores, leaves):
    """Models with the trace of a written tree, and the candidates at its leaves."""
    models = Models(task=LastLetter(), policy=None)
    for word, score in scores.items():
        parent = path_of(word[:-1])
        models.trace.record(parent, [Judgement(path_of(word), score)])
    return models, [Candidate(path_of(word), scores[word]) for word in leaves]


PICKS = [Highest(), WeightedVote(), MaxReward(), AnswerAggregation()]


@pytest.mark.parametrize("pick", PICKS, ids=repr)
def test_nothing_found_nothing_chosen(pick):
    assert pick([], Models(task=LastLetter(), policy=None)) is None


@pytest.mark.parametrize("pick", PICKS, ids=repr)
def test_the_first_of_equal_candidates(pick):
    models, found = tree({"x": 0.5, "y": 0.5}, ["x", "y"])
    assert pick(found, models) is found[0]


def test_the_four_rules_choose_differently():
    # Answers x, y, z. Last scores: ax .9; by .5 and cy .6; az .2.
    scores = {"a": 0.1, "b": 0.2, "c": 0.6, "d": 0.8, "ax": 0.9, "by": 0.5, "cy": 0.6, "dz": 0.65}
    models, found = tree(scores, ["ax", "by", "cy", "dz"])
    assert Highest()(found, models) is found[0]  # .9
    assert WeightedVote()(found, models) is found[2]  # y: .5 + .6 = 1.1 > .9; cy is its best
    assert MaxReward()(found, models) is found[3]  # means .5, .35, .6, .725
    # By edges, x has .1 + .9 = 1, y has .2 + .5 + .6 + .6 = 1.9, and z has .8 + .65 = 1.45.
    assert AnswerAggregation()(found, models) is found[2]


def test_an_edge_counts_once_for_each_answer_below_it():
    # y stands twice below a: .5 + .1 + .15 = .75, not 1.25; z: .4 + .5 = .9.
    models, found = tree(
        {"a": 0.5, "ay": 0.1, "b": 0.4, "bz": 0.5, "aa": 0.0, "aay": 0.15}, ["ay", "aay", "bz"]
    )
    assert AnswerAggregation()(found, models) is found[2]


def test_a_whole_path_judged_at_once_is_one_edge():
    models = Models(task=LastLetter(), policy=None)
    paths = [path_of("abx"), path_of("cy")]
    models.trace.record(ROOT, [Judgement(paths[0], 0.3), Judgement(paths[1], 0.4)])
    found = [Candidate(paths[0], 0.3), Candidate(paths[1], 0.4)]
    assert MaxReward()(found, models) is found[1]
    assert AnswerAggregation()(found, models) is found[1]


@pytest.mark.parametrize("pick", [MaxReward(), AnswerAggregation()], ids=repr)
def test_a_candidate_of_another_search_is_refused(pick):
    with pytest.raises(InputError, match="trace"):
        pick([Candidate(path_of("a"), 1.0)], Models(task=LastLetter(), policy=None))


def test_votes_refuse_negative_scores():
    models, found = tree({"x": -0.5}, ["x"])
    for pick in (WeightedVote(), AnswerAggregation()):
        with pytest.raises(RewardError, match="at least 0"):
            pick(found, models)


def test_a_long_path_gains_nothing_by_its_length():
    models, found = tree({"x": 0.6, "a": 0.5, "ay": 0.4}, ["x", "ay"])
    assert MaxReward()(found, models) is found[0]  # .6 against the mean of .5 and .4
