import pytest

from specreward.search import SelfConsistency


def test_published_defaults(plant):
    tree = plant({"a": 1.0}, final={"a"})
    tree.run(SelfConsistency())
    [call] = tree.policy.calls
    assert (call.n, call.until, call.temperature) == (10, "end", 0.7)


def test_the_most_frequent_answer_wins_and_scores_are_shares(plant, best):
    # 7 samples of a, b, c in turn, c has broken a rule: a 3, b 2.
    tree = plant({"a": 0.1, "b": 0.9, "c": 0.9}, final={"a", "b"}, dead={"c"})
    result = tree.run(SelfConsistency(7))
    assert best(result) == "a"
    assert [c.score for c in result.candidates] == pytest.approx([0.6, 0.4, 0.6, 0.4, 0.6])
    [(_, judged)] = result.expansions
    assert [item.kept for item in judged] == [True, True, False, True, True, False, True]


def test_a_tie_goes_to_the_answer_drawn_first(plant, best):
    tree = plant({"b": 0.1, "a": 0.9}, final={"a", "b"})
    assert best(tree.run(SelfConsistency(4))) == "b"


def test_answers_are_counted_not_texts(plant, best):
    class Folded:
        """A task that takes the last letter for the answer."""

        def max_steps(self, problem):
            return 2

        def answer(self, path):
            return path.steps[-1].text

    tree = plant({"a": 1, "b": 1, "c": 1, "ax": 1, "bz": 1, "cz": 1}, final={"ax", "bz", "cz"})
    tree.models = type(tree.models)(task=Folded(), policy=tree.policy)
    assert best(tree.run(SelfConsistency(3))) == "bz"


def test_empty_answers_have_no_vote(plant):
    class Mute:
        def answer(self, path):
            return ""

    tree = plant({"a": 1}, final={"a"})
    tree.models = type(tree.models)(task=Mute(), policy=tree.policy)
    result = tree.run(SelfConsistency(3))
    assert result.best is None
