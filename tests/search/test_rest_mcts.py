import math

import pytest

from specreward.search import ReSTMCTS
from specreward.search.rest_mcts import Node, back_up, descend, uct
from specreward.seeds import uniform
from specreward.spec import name_of, parse
from specreward.types import Path, Problem, Step

LETTERS = "abc"
NEVER = 2.0
"""A minimum that no score reaches."""


def full_tree(seed, depth):
    """All words up to a length with random rewards; those of full length are final."""
    rewards, level = {}, [""]
    for _ in range(depth):
        level = [word + letter for word in level for letter in LETTERS]
        rewards |= {word: uniform(seed, word) for word in level}
    return rewards, set(level)


def reference(rewards, final, strategy):
    """The algorithm written down a second time, on words; gives the words extended, in order."""
    value, visits, children, extended = dict(rewards), dict.fromkeys(["", *rewards], 0), {}, []
    c, bonus, alpha = strategy.exploration, strategy.unvisited, strategy.alpha

    def bound(parent, child):
        if visits[child] == 0:
            return value[child] + bonus
        return value[child] + c * math.sqrt(2 * math.log(visits[parent]) / visits[child])

    def spent(word):
        return word in final or (word in children and all(spent(w) for w in children[word]))

    for _ in range(strategy.simulations):
        way = [""]
        while way[-1] in children:
            way.append(max(children[way[-1]], key=lambda w: bound(way[-1], w)))
        leaf = way[-1]
        if leaf not in final:
            extended.append(leaf)
            drawn = [leaf + letter for letter in LETTERS]
            children[leaf] = sorted(drawn, key=lambda w: -rewards[w])
            top = children[leaf][0]
            if top not in final and strategy.ahead:
                word, seen = top, 0.0
                for _ in range(strategy.ahead):
                    if word in final:
                        break
                    extended.append(word)
                    word += LETTERS[0]  # the sample after the three of an expansion
                    seen = max(seen, rewards[word])
                value[top] = (1 - alpha) * value[top] + alpha * seen
            visits[top] += 1
        for word in reversed(way):
            visits[word] += 1
            below = children.get(word, [])
            total = sum(visits[w] for w in below)
            if total:
                value[word] = sum(value[w] * visits[w] for w in below) / total
        if spent(""):
            break
    return extended


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"exploration": 0.0, "unvisited": 0.0},
        {"exploration": 3.0, "unvisited": 0.2},
        {"ahead": 0},
        {"ahead": 1, "alpha": 1.0},
        {"alpha": 0.0},
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_second_writing(plant, seed, fields):
    rewards, final = full_tree(seed, 4)
    tree = plant(rewards, final=final, depth=4)
    strategy = ReSTMCTS(25, minimum=NEVER, **fields)
    tree.run(strategy)
    assert tree.extended == reference(rewards, final, strategy)


def node(value, visits=0, text="x", final=False):
    """A node below the root, with a statistic."""
    made = Node(Path(Problem("p", "q")).then(Step(text, final=final)), value, 9)
    made.visits = visits
    return made


def test_uct_number():
    # N of the parent 9, N 3, V .5, w .7; RAP's and rStar's bounds are 1.355809 and 2.211617.
    parent, child = node(0.0, 9), node(0.5, 3)
    assert uct(parent, child, 0.7, 1.0) == pytest.approx(1.347207, abs=1e-6)
    rap = 0.5 + math.sqrt(math.log(9) / 3)
    rstar = 0.5 + 2 * math.sqrt(math.log(9) / 3)
    assert (rap, rstar) == (pytest.approx(1.355809, abs=1e-6), pytest.approx(2.211617, abs=1e-6))
    without_2 = 0.5 + 0.7 * math.sqrt(math.log(9) / 3)
    assert without_2 == pytest.approx(1.099066, abs=1e-6)
    child.visits = 0
    assert uct(parent, child, 0.7, 0.8) == pytest.approx(1.3)


def test_the_backup_identity():
    parent = node(0.3)
    parent.children = [node(0.9, 3), node(0.2, 1), node(0.5)]
    back_up([parent])
    assert parent.value == pytest.approx((0.9 * 3 + 0.2 * 1) / 4)
    assert parent.visits == 1
    grand = node(0.0)
    grand.children = [parent, node(0.1, 2)]
    back_up([grand, parent])
    assert grand.value == pytest.approx((parent.value * 2 + 0.1 * 2) / 4)
    # Not the mean over children, nor the highest.
    assert parent.value not in (pytest.approx((0.9 + 0.2 + 0.5) / 3), pytest.approx(0.9))


def test_a_leaf_keeps_its_value():
    leaf = node(0.7, final=True)
    back_up([leaf])
    assert (leaf.value, leaf.visits) == (0.7, 1)


def arms(values):
    """A root with finished children of known values."""
    root = Node(Path(Problem("p", "q")), 0.0, 9)
    root.children = [node(value, text=str(i), final=True) for i, value in enumerate(values)]
    root.visits = 1
    return root


@pytest.mark.parametrize(("times", "least"), [(200, 0.7), (2000, 0.94), (20000, 0.99)])
def test_visits_concentrate_on_the_better_arm(times, least):
    root = arms([0.4, 0.6])
    for _ in range(times):
        back_up(descend(root, 0.7, 1.0))
    assert root.children[1].visits / times > least
    assert sum(child.visits for child in root.children) == times
    assert root.value == pytest.approx(
        sum(child.value * child.visits for child in root.children) / times
    )


def test_without_exploration_the_best_arm_alone_is_visited():
    root = arms([0.4, 0.6, 0.5])
    for _ in range(50):
        back_up(descend(root, 0.0, 0.0))
    assert [child.visits for child in root.children] == [0, 50, 0]


def test_unvisited_children_come_first():
    root = arms([0.4, 0.6, 0.5])
    for _ in range(3):
        back_up(descend(root, 0.0, 1.0))
    assert [child.visits for child in root.children] == [1, 1, 1]


def test_a_node_without_a_way_on_is_worth_nothing():
    root = arms([0.4])
    dead = Node(Path(Problem("p", "q")).then(Step("d")), 0.9, 1)  # unfinished at the limit
    assert (dead.value, dead.barren, dead.spent) == (0.0, True, True)
    root.children.append(dead)
    assert descend(root, 0.7, 1.0)[-1] is root.children[0]
    stuck = node(0.9)
    stuck.children = [dead]
    back_up([stuck])
    assert (stuck.value, stuck.barren) == (0.0, True)


def test_golden_tree(plant):
    # By hand. 1: "" gives a .8, b .6; the look ahead sees aa .4, aaa .2 (final): V(a) = .6, N 1.
    # 2: a: .6 + 0 (ln 1); b: .6 + 1.0: b. It gives ba .5, bb .1; the look ahead sees baa .3:
    # V(ba) = .4, N 1; V(b) = .4, N 1.  3: N("") = 2, both N = 1: a has .6 > .4.
    rewards = {
        "a": 0.8,
        "b": 0.6,
        "aa": 0.4,
        "ab": 0.3,
        "aaa": 0.2,
        "aba": 0.2,
        "ba": 0.5,
        "bb": 0.1,
        "baa": 0.3,
        "bba": 0.3,
    }
    tree = plant(rewards, final={"aaa", "aba", "baa", "bba"}, depth=3)
    tree.run(ReSTMCTS(3, n=2))
    assert tree.extended == ["", "a", "aa", "b", "ba", "a", "aa"]
    starts = [call.start for call in tree.policy.calls]
    assert starts == [0, 2, 2, 0, 2, 0, 2]  # the look ahead has samples of its own


@pytest.mark.parametrize("ahead", [0, 1, 2, 3])
def test_calls_of_the_policy_are_counted_exactly(plant, ahead):
    rewards, final = full_tree(1, 9)
    tree = plant(rewards, final=final, depth=9)
    tree.run(ReSTMCTS(5, minimum=NEVER, ahead=ahead))
    # Each walk expands one path, draws n there, and one at each step of the look ahead.
    assert len(tree.policy.calls) == 5 * (1 + ahead)
    assert sum(call.n for call in tree.policy.calls) == 5 * (3 + ahead)
    assert len(tree.reward.calls) == 5 * (1 + ahead)


def test_a_finished_path_is_not_extended(plant):
    rewards, final = full_tree(2, 2)
    tree = plant(rewards, final=final, depth=2)
    result = tree.run(ReSTMCTS(10**6, minimum=NEVER))
    assert not final & set(tree.extended)
    assert result.ended == "exhausted"
    assert sorted(set(tree.extended)) == ["", "a", "b", "c"]


def test_the_first_finished_path_above_the_minimum_ends_the_search(plant, best):
    rewards = {"a": 0.95, "b": 0.2, "aa": 0.5, "ab": 0.92, "ba": 0.99}
    tree = plant(rewards, final={"aa", "ab", "ba"}, depth=2)
    result = tree.run(ReSTMCTS(n=2, ahead=0))
    assert tree.extended == ["", "b"]  # a, unfinished, is above the minimum and ends nothing
    assert (best(result), result.ended) == ("ba", "done")
    assert tree.run(ReSTMCTS(n=2, ahead=0, minimum=0.995)).ended == "exhausted"


def test_an_answer_of_the_look_ahead_counts(plant, best):
    tree = plant({"a": 0.5, "aa": 0.6, "aaa": 0.9}, final={"aaa"}, depth=3)
    result = tree.run(ReSTMCTS(n=1))
    assert tree.extended == ["", "a", "aa"]
    assert (best(result), result.ended) == ("aaa", "done")


def test_without_an_answer_above_the_minimum_the_best_one(plant, best):
    rewards, final = full_tree(5, 2)
    rewards = {word: 0.8 * score for word, score in rewards.items()}
    tree = plant(rewards, final=final, depth=2)
    assert best(tree.run(ReSTMCTS())) == max(final, key=rewards.__getitem__)


def test_nothing_anywhere(plant):
    tree = plant({"a": 0.5, "aa": 0.5}, dead={"aa"})
    result = tree.run(ReSTMCTS(n=1))
    assert (result.best, result.ended) == (None, "exhausted")


def test_text():
    strategy = ReSTMCTS(20, exploration=0.4, unvisited=0.8, ahead=2)
    assert parse(name_of(strategy)) == strategy
    assert parse("rest_mcts") == ReSTMCTS()
