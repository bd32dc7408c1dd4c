import math

import pytest

from specreward.search import MCTS, AnswerAggregation
from specreward.search.mcts import Node, back_up, descend, uct
from specreward.seeds import uniform
from specreward.types import Path, Problem, Step
from specreward.verify import RewardScores, Threshold

LETTERS = "abc"


class Shifted:
    """Another scale of rewards: ``times * reward + plus``."""

    def __init__(self, times, plus=0.0):
        self.times, self.plus = times, plus

    async def __call__(self, families, models):
        return [
            [
                type(item)(item.path, self.times * item.score + self.plus, True, item.count)
                for item in family
            ]
            for family in await RewardScores()(families, models)
        ]


def full_tree(seed, depth):
    """All words up to a length with random rewards; those of full length are final."""
    rewards, level = {}, [""]
    for _ in range(depth):
        level = [word + letter for word in level for letter in LETTERS]
        rewards |= {word: uniform(seed, word) for word in level}
    return rewards, set(level)


def reference(rewards, final, simulations, w):
    """RAP written down a second time, on words, with every return kept in a list.

    Gives the words expanded, in order.
    """
    returns = {word: [] for word in ["", *rewards]}
    children, expanded = {}, []

    def value(word):
        return max(returns[word]) if returns[word] else rewards[word]

    def score(parent, child):
        explore = math.sqrt(math.log(len(returns[parent])) / max(1, len(returns[child])))
        return value(child) + w * explore

    def spent(word):
        return word in final or (word in children and all(spent(c) for c in children[word]))

    for _ in range(simulations):
        way = [""]
        while way[-1] in children:
            parent = way[-1]
            by_reward = sorted(children[parent], key=lambda c: -rewards[c])
            way.append(max(by_reward, key=lambda c: score(parent, c)))
        while way[-1] not in final:
            word = way[-1]
            children[word] = [word + letter for letter in LETTERS]
            expanded.append(word)
            way.append(max(children[word], key=rewards.__getitem__))
        gains = [0.0 if word == "" else rewards[word] for word in way]
        for i, word in enumerate(way):
            returns[word].append(sum(gains[i:]) / len(gains[i:]))
        if spent(""):
            break
    return expanded


@pytest.mark.parametrize("w", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_second_writing_of_the_paper(plant, seed, w):
    rewards, final = full_tree(seed, 4)
    tree = plant(rewards, final=final, depth=4)
    tree.run(MCTS(25, exploration=w, n=3))
    assert tree.extended == reference(rewards, final, 25, w)


def test_uct_number():
    parent, child = Node(Path(Problem("p", "q")), 0.0, 9), Node(Path(Problem("p", "q")), 0.0, 9)
    parent.visits, child.visits, child.value = 9, 3, 0.5
    assert uct(parent, child, 1.0) == pytest.approx(1.355809, abs=1e-6)
    child.visits = 0
    assert uct(parent, child, 2.0) == pytest.approx(0.5 + 2 * math.sqrt(math.log(9)))


def grown():
    """A tree of depth 2 with all children known: a (.6): .2 .1; b (.5): .9 .8."""
    root = Node(Path(Problem("p", "q")), 0.0, 2)
    root.children = []
    for letter, reward, below in [("a", 0.6, (0.2, 0.1)), ("b", 0.5, (0.9, 0.8))]:
        path = root.path.then(Step(letter))
        node = Node(path, reward, 2)
        node.children = [
            Node(path.then(Step(f"{letter}{i}", final=True)), leaf, 2)
            for i, leaf in enumerate(below)
        ]
        root.children.append(node)
    return root


def walk(root, w):
    """One simulation of the grown tree; the text of the step where it ends."""
    known = {id(node): node.children for node in root.children}
    for node in root.children:
        if not node.visits:
            node.children = None  # not expanded yet
    way = descend(root, w)
    for node in root.children:
        node.children = known[id(node)]
    if way[-1].path.depth == 1:
        way.append(way[-1].children[0])
    back_up(way, 0.0)
    return way[-1].path.steps[-1].text


def test_golden_visits_and_values():
    # By hand, w = 1. 1: the best prior, a. 2: b, whose prior .5 beats Q(a) = mean(.6, .2) = .4 at
    # ln 1 = 0. 3: .4 + .833 < .7 + .833, so b again. 4: .4 + 1.048 = 1.448 > .7 + .741 = 1.441,
    # so a. 5: .4 + sqrt(ln 4 / 2) < .7 + the same: b; below it .9 + sqrt(ln 2 / 2) = 1.489 for the
    # end seen twice < .8 + sqrt(ln 2) = 1.633 for the other.
    root = grown()
    a, b = root.children
    back_up([root, a, a.children[0]], 0.0)
    assert [walk(root, 1.0) for _ in range(4)] == ["b0", "b0", "a0", "b1"]
    assert (root.visits, a.visits, b.visits) == (5, 2, 3)
    assert (a.value, b.value) == (pytest.approx(0.4), pytest.approx(0.7))
    assert root.value == pytest.approx((0.0 + 0.5 + 0.9) / 3)  # the highest of the means


def test_q_is_the_highest_mean_over_visits():
    root = grown()
    b = root.children[1]
    back_up([root, b, b.children[0]], 0.0)
    back_up([root, b, b.children[1]], 0.0)
    assert b.value == pytest.approx(0.7)  # mean(.5, .9), not the later mean(.5, .8)


def test_a_way_without_an_answer_gains_the_lowest_reward_in_its_end():
    root = grown()
    a = root.children[0]
    a.children = []
    back_up([root, a], 0.0)
    assert a.value == pytest.approx(0.3)  # mean(.6, 0)
    assert (a.barren, a.spent) == (True, True)
    assert (root.barren, root.spent) == (False, False)
    b = root.children[1]
    b.children = []
    back_up([root, b], -1.5)
    assert b.value == pytest.approx(-0.5)  # mean(.5, -1.5)
    assert (root.barren, root.spent) == (True, True)


def test_visits_concentrate_on_the_better_arm():
    root = grown()
    back_up([root, root.children[0], root.children[0].children[0]], 0.0)
    for _ in range(2000):
        walk(root, 0.2)
    assert root.children[1].visits / root.visits > 0.95


def test_simulates_down_to_an_end_in_the_first_walk(plant, best):
    rewards, final = full_tree(1, 4)
    tree = plant(rewards, final=final, depth=4)
    result = tree.run(MCTS(1, n=3))
    assert [len(word) for word in tree.extended] == [0, 1, 2, 3]
    assert len(tree.reward.calls) == 4  # the children of one path are judged in one call
    assert result.ended == "done"
    assert best(result) in final


def test_a_finished_path_seen_again_costs_nothing(plant):
    # Pure exploitation comes back to the same end.
    tree = plant(
        {"a": 0.9, "b": 0.1, "aa": 0.9, "ab": 0.1, "ba": 0.1}, final={"aa", "ab", "ba"}, depth=2
    )
    result = tree.run(MCTS(50, exploration=0, n=2))
    assert tree.extended == ["", "a"]
    assert result.ended == "done"


def test_ends_when_the_tree_is_spent(plant):
    tree = plant(
        {"a": 0.6, "b": 0.5, "aa": 0.2, "ab": 0.1, "ba": 0.9}, final={"aa", "ab", "ba"}, depth=2
    )
    result = tree.run(MCTS(10**9, n=2))
    assert tree.extended == ["", "a", "b"]
    assert result.ended == "exhausted"


def test_a_dead_end_is_not_chosen_again(plant, best):
    tree = plant(
        {"a": 0.99, "b": 0.1, "c": 0.05, "ax": 0.5, "ba": 0.01, "ca": 0.02},
        final={"ba", "ca"},
        dead={"ax"},
    )
    result = tree.run(MCTS(2, exploration=0, n=3))
    assert tree.extended == ["", "a", "b"]
    assert best(result) == "ba"


def test_a_path_unfinished_at_the_limit_is_a_dead_end(plant):
    tree = plant({"a": 0.99, "b": 0.1, "aa": 0.9, "ab": 0.8, "ba": 0.01}, final={"ba"}, depth=2)
    tree.run(MCTS(2, exploration=0, n=2))
    assert tree.extended == ["", "a", "b"]


def test_a_walk_ends_in_an_answer_where_there_is_one(plant):
    # Through aa, unfinished at the limit, Q(a) would be mean(.6, .9, 0) = .5 and b would wait.
    tree = plant({"a": 0.6, "b": 0.4, "aa": 0.9, "ab": 0.1, "ba": 0.2}, final={"ab", "ba"}, depth=2)
    tree.run(MCTS(2, exploration=0, n=2))
    assert tree.extended == ["", "a", "b"]


def test_nothing_anywhere(plant):
    tree = plant({"a": 0.5, "aa": 0.5}, dead={"aa"})
    result = tree.run(MCTS(5, n=1))
    assert (tree.extended, result.best, result.ended) == (["", "a"], None, "exhausted")


def test_pruned_children_are_not_in_the_tree(plant):
    rewards, final = full_tree(2, 3)
    tree = plant(rewards, final=final)
    tree.run(MCTS(100, n=3, verify=Threshold(2.0, of=RewardScores(), keep=1)))
    assert len(tree.extended) == 3  # one child of each


def test_depth(plant):
    rewards, final = full_tree(2, 3)
    tree = plant(rewards, final=final)
    result = tree.run(MCTS(100, n=3, depth=2))
    assert sorted(map(len, tree.extended)) == [0, 1, 1, 1]
    assert (result.best, result.ended) == (None, "exhausted")


def test_stops_at_enough_solutions(plant):
    rewards, final = full_tree(2, 3)
    tree = plant(rewards, final=final)
    assert len(tree.run(MCTS(100, n=3, solutions=1)).candidates) == 3
    assert len(tree.run(MCTS(100, n=3, solutions=4)).candidates) == 6
    assert len(tree.run(MCTS(100, n=3)).candidates) == 27


@pytest.mark.parametrize(("times", "plus"), [(60.0, 0.0), (8.0, -7.0)])
def test_exploration_means_the_same_on_any_scale(plant, times, plus):
    rewards, final = full_tree(3, 4)
    rewards |= {"a": 1.0, "b": 0.0}  # the whole range is seen at the root
    tree = plant(rewards, final=final, depth=4)
    tree.run(MCTS(25, n=3))
    plain = tree.extended
    tree.run(MCTS(25, n=3, verify=Shifted(times, plus)))
    assert tree.extended == plain


def test_the_answer_is_the_path_of_highest_mean(plant, best):
    rewards = {"a": 0.9, "b": 0.2, "aa": 0.6, "ba": 0.8}
    tree = plant(rewards, final={"aa", "ba"}, depth=2)
    assert best(tree.run(MCTS(5, n=2))) == "aa"


def test_answers_can_be_aggregated(plant, best):
    class Folded:
        def max_steps(self, problem):
            return 2

        def answer(self, path):
            return path.steps[-1].text

    rewards = {"a": 0.5, "b": 0.4, "c": 0.3, "ax": 0.9, "by": 0.8, "cy": 0.7}
    tree = plant(rewards, final={"ax", "by", "cy"}, depth=2)
    tree.models = type(tree.models)(task=Folded(), policy=tree.policy, reward=tree.reward)
    assert best(tree.run(MCTS(50, n=3))) == "ax"
    assert best(tree.run(MCTS(50, n=3, pick=AnswerAggregation()))) == "by"
