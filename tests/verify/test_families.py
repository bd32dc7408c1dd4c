from specreward.types import Siblings, Step
from specreward.verify.families import added, distinct, regroup

from .toys import ROOT, children


def test_equal_texts_are_merged_counted_and_kept_in_order_of_first_drawing():
    merged = distinct(children(["b", "a", "b", "c", "b", "a"]))
    assert [(path.steps[-1].text, count) for path, count in merged] == [
        ("b", 3),
        ("a", 2),
        ("c", 1),
    ]


def test_whitespace_does_not_tell_children_apart_and_the_first_stands_for_all():
    merged = distinct(children(["pick  up a", " pick up\ta ", "pickup a"], [-1.0, -2.0, -3.0]))
    assert [count for _, count in merged] == [2, 1]
    assert merged[0][0].steps[-1].text == "pick  up a"
    assert merged[0][0].steps[-1].logprob == -1.0


def test_whole_paths_are_equal_only_if_all_their_steps_are():
    paths = [ROOT.then(Step(a)).then(Step("end")) for a in "xyx"]
    assert [count for _, count in distinct(Siblings(ROOT, tuple(paths)))] == [2, 1]
    joined = (ROOT.then(Step("x y")), ROOT.then(Step("x")).then(Step("y")))
    assert len(distinct(Siblings(ROOT, joined))) == 2


def test_steps_shared_with_the_parent_do_not_matter():
    parent = ROOT.then(Step("before"))
    family = children("ab", parent=parent)
    assert [added(parent, path)[0].text for path, _ in distinct(family)] == ["a", "b"]


def test_no_children_give_no_candidates():
    assert distinct(Siblings(ROOT, ())) == []


def test_regroup_cuts_a_run_like_its_model():
    assert regroup([1, 2, 3], [[0, 0], [], [0]]) == [[1, 2], [], [3]]
