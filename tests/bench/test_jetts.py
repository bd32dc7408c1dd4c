"""JETTS: reranking, beam search in a given tree, what a judge is worth."""

import math

import pytest
from tests.bench.pairwise import constant, judged, written

from specreward.bench import JETTS, Judged
from specreward.errors import InputError


def query(*truth):
    told = [{"content": f"r{k}", "metadata": {"score": one}} for k, one in enumerate(truth)]
    return {"query": {"content": "Q", "metadata": {}}, "responses": told}


def leaf(text, score):
    return {"type": "step", "id": text, "value": text, "metadata": {"score": score}, "children": []}


def node(text, *children):
    return {"type": "step", "id": text, "value": text, "metadata": {}, "children": list(children)}


def truth(one, at):
    return float(one.gold["truth"][at] or 0)


def test_helpfulness_is_0_for_greedy_and_1_for_the_oracle(tmp_path):
    rows = [query(0, 1, 0), query(1, 0, 1), query(0, 0, 0), query(0, 0.5, 1)]
    items = JETTS().items(written(tmp_path / "gsm8k_m.jsonl", rows))
    best = JETTS().metrics(judged(items, truth))
    assert best["gsm8k_m first"] == 0.25
    assert best["gsm8k_m oracle"] == best["gsm8k_m judge"] == 0.75
    assert best["helpfulness"] == 1.0
    assert best["effective improvement"] == 3.0
    greedy = JETTS().metrics(judged(items, lambda _, at: -float(at)))
    assert greedy["helpfulness"] == 0.0
    assert greedy["effective improvement"] == 1.0
    worst = JETTS().metrics(judged(items, lambda one, at: -truth(one, at)))
    assert worst["gsm8k_m judge"] == 0.0
    assert worst["helpfulness"] == pytest.approx((0 - 0.25) / 0.5)


def test_a_tie_is_worth_its_mean(tmp_path):
    items = JETTS().items(written(tmp_path / "a.jsonl", [query(0, 1, 1, 0.5)]))
    found = JETTS().metrics([Judged(items[0], (0.1, 0.9, 0.2, 0.9))])
    assert found["a judge"] == 0.75
    assert JETTS().metrics(judged(items, constant))["a judge"] == 0.625


def test_where_greedy_is_the_oracle_help_is_not_defined(tmp_path):
    written(tmp_path / "a.jsonl", [query(1, 0), query(1, 1)])
    written(tmp_path / "b.jsonl", [query(0, 1)])
    items = JETTS().items(tmp_path)
    found = JETTS().metrics(judged(items, truth))
    assert math.isnan(found["a helpfulness"])
    assert found["b helpfulness"] == found["helpfulness"] == 1.0
    assert found["effective improvement"] == found["a effective improvement"] == 1.0
    assert math.isnan(found["b effective improvement"])  # greedy has nothing right
    alone = JETTS().metrics(judged([one for one in items if one.group == "a"], truth))
    assert math.isnan(alone["helpfulness"])


def tree():
    """N = 4 first steps, M = 2 children: K = 2 are kept at each level."""
    a = node("a", leaf("aa", 0), leaf("ab", 1))
    b = node("b", leaf("ba", 1), leaf("bb", 0))
    c = node("c", leaf("ca", 0), node("cb", leaf("cba", 1), leaf("cbb", 0)))
    return {"type": "query", "id": "0", "value": "Q"} | {
        "metadata": {},
        "children": [a, b, c, leaf("d", 0)],
    }


def searched(items, **scores):
    one = items[0]
    names = [answer.steps[-1] for answer in one.answers]
    return JETTS().metrics([Judged(one, tuple([scores.get(name, 0.0) for name in names]))])


def test_a_tree_is_one_item_of_all_its_steps(tmp_path):
    items = JETTS().items(written(tmp_path / "math_4_2_3_m" / "0.jsonl", [tree()]))
    assert len(items) == 1
    assert items[0].group == "math_4_2_3_m"
    assert items[0].question == "Q"
    steps = [answer.steps for answer in items[0].answers]
    assert steps[:4] == [("a",), ("b",), ("c",), ("d",)]
    assert steps[-2:] == [("c", "cb", "cba"), ("c", "cb", "cbb")]
    assert items[0].gold["truth"] == [None, None, None, 0, 0, 1, 1, 0, 0, None, 1, 0]


def test_beam_search_keeps_k_and_chooses_the_best_that_is_finished(tmp_path):
    items = JETTS().items(written(tmp_path / "t" / "0.jsonl", [tree()]))
    # keeps a and b, then aa and ab; the better of these is wrong
    found = searched(items, a=0.9, b=0.8, c=0.7, aa=0.9, ab=0.8, ba=0.1, bb=0.2)
    assert (found["t judge"], found["t first"], found["t oracle"]) == (0.0, 0.0, 1.0)
    assert found["helpfulness"] == 0.0
    # c is kept now, and goes one step deeper than what was found first
    found = searched(items, a=0.9, c=0.8, aa=0.3, cb=0.9, cba=0.8, cbb=0.1)
    assert found["t judge"] == found["helpfulness"] == 1.0
    # ab was never reached, however good: a was not kept
    found = searched(items, b=0.9, c=0.8, d=0.1, ab=1.0, bb=0.5, cb=0.4, cbb=0.6)
    assert found["t judge"] == 0.0
    # d is finished but not kept, so that it is not chosen though it scores higher than what follows
    found = searched(items, a=0.9, b=0.8, d=0.7, ab=0.5)
    assert found["t judge"] == 1.0
    # a finished first step takes a place of the beam and is chosen by its own score
    found = searched(items, d=0.9, a=0.8, ab=0.7, aa=0.6)
    assert found["t judge"] == 0.0
    found = searched(items, d=0.85, a=0.9, ab=0.9, aa=0.6)
    assert found["t judge"] == 1.0


def test_greedy_takes_the_first_child_all_the_way(tmp_path):
    right = node("a", node("aa", leaf("aaa", 1), leaf("aab", 0)), leaf("ab", 0))
    row = tree() | {"children": [right, leaf("b", 0)]}
    items = JETTS().items(written(tmp_path / "t" / "0.jsonl", [row]))
    found = searched(items, b=1.0)
    assert found["t first"] == 1.0
    assert math.isnan(found["helpfulness"])
    # N = 2 and M = 2: one is kept
    assert found["t judge"] == 0.0
    assert found["effective improvement"] == 0.0


def test_ties_of_steps_fall_alike_each_time(tmp_path):
    items = JETTS().items(written(tmp_path / "t" / "0.jsonl", [tree()]))
    first = JETTS().metrics(judged(items, constant))
    assert first == JETTS().metrics(judged(items, constant))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (query(1), r"a\.jsonl:1: expected two or more responses"),
        (query(1, 0) | {"query": "Q"}, r"a\.jsonl:1: expected 'content' with a text or messages"),
        (query(1, None), r"a\.jsonl:1: expected a number as 'score'"),
        (query(1, math.nan), r"a\.jsonl:1: expected a number as 'score'"),
        (tree() | {"children": []}, r"a\.jsonl:1: expected a tree with steps"),
        (tree() | {"children": [node(3)]}, r"a\.jsonl:1: expected a text as 'value'"),
        (tree() | {"children": [node("a")]}, r"a\.jsonl:1: expected a number as 'score'"),
        (tree() | {"children": {"a": 1}}, r"a\.jsonl:1: expected a list as 'children'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, bad, message):
    with pytest.raises(InputError, match=message):
        JETTS().items(written(tmp_path / "a.jsonl", [bad]))


def test_messages_are_read_as_text(tmp_path):
    row = query(1, 0) | {"query": {"content": [{"role": "user", "content": "Q"}]}}
    assert JETTS().items(written(tmp_path / "a.jsonl", [row]))[0].question == "Q"
