from specreward.report.tree import facts, tree
from specreward.types import Judgement, Path, Problem, Step

ROOT = Path(Problem("p", "q"))


def path(*texts):
    found = ROOT
    for text in texts:
        found = found.then(Step(text))
    return found


def test_children_hang_where_they_were_judged():
    root = tree(
        [
            (ROOT, (Judgement(path("a"), 0.5), Judgement(path("b"), 0.1, kept=False))),
            (path("a"), (Judgement(path("a", "c"), 0.7),)),
        ]
    )
    a, b = root.children
    assert [(a.text, a.judgement.kept), (b.text, b.judgement.kept)] == [("a", True), ("b", False)]
    assert [child.text for child in a.children] == ["c"]
    assert root.size == 4


def test_whole_paths_are_one_node_and_parents_that_nobody_judged_are_added():
    [node] = tree([(ROOT, (Judgement(path("a", "b\n c"), 1.0),))]).children
    assert node.text == "a → b c"
    root = tree([(path("x", "y"), (Judgement(path("x", "y", "z"), 1.0),))])
    assert root is not None


def test_a_child_judged_again_takes_the_later_judgement():
    first = (ROOT, (Judgement(path("a"), 0.5), Judgement(path("b"), 0.2)))
    second = (ROOT, (Judgement(path("a"), 0.9),))
    root = tree([first, second])
    assert [(c.text, c.judgement.score) for c in root.children] == [("a", 0.9), ("b", 0.2)]


def test_facts_are_short_and_named():
    known = {"sr": 1.23456, "rc": 0.5, "p": 0.1, "reward": 0.25}
    assert facts(Judgement(path("a"), 0.98765, details=known)) == {
        "score": "0.988",
        "SR": "1.23",
        "RC": "0.5",
        "reward": "0.25",
    }
    assert facts(Judgement(path("a"), 1.0)) == {"score": "1"}
    drafted = {"log_ratio": -1.23456, "tilted": 0.43827, "chance": 0.25}
    assert facts(Judgement(path("a"), 0.5, details=drafted)) == {
        "score": "0.5",
        "log-ratio": "-1.23",
        "tilted": "0.438",
    }


def test_nothing_expanded_is_no_tree():
    assert tree([]) is None
