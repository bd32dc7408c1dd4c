"""RMB: pairs, lists, and the four cells."""

import pytest
from tests.bench.pairwise import constant, judged, oracle, written

from specreward.bench import RMB, Judged
from specreward.errors import InputError

TALK = [{"role": "user", "content": "Q", "language": "English"}]


def said(text):
    return {"llm_name": "m", "answer": text}


def a_pair(name, goal="Helpfulness/Chat/Discussion"):
    own = {"pair_uid": name, "category_path": f"Pairwise_set/{goal}", "conversation_input": TALK}
    return own | {"chosen": said("good"), "reject": said("bad")}


def a_list(name, goal="Harmlessness/S1", losers=3):
    own = {"bon_uid": name, "category_path": f"BoN_set/{goal}", "conversation_input": TALK}
    return own | {"bon_best": said("best"), "loser_list": [said(f"l{k}") for k in range(losers)]}


def test_the_four_cells_are_equal_whatever_their_size(tmp_path):
    rows = [
        *[a_pair(k) for k in range(4)],
        a_pair(9, "Harmlessness/multi"),
        a_list(0, "Helpfulness/Code/Data Management"),
        *[a_list(k) for k in range(2)],
    ]
    items = RMB().items(written(tmp_path / "all.json", rows))
    assert len({one.id for one in items}) == 8
    wrong = {"Pairwise_set/Helpfulness/Chat/Discussion-0", "BoN_set/Harmlessness/S1-1"}
    found = RMB().metrics(judged(items, lambda one, at: float((at == 0) != (one.id in wrong))))
    assert found["pair helpful"] == 0.75
    assert found["pair harmless"] == found["bon helpful"] == 1.0
    assert found["bon harmless"] == found["BoN_set/Harmlessness/S1"] == 0.5
    assert found["overall"] == pytest.approx((0.75 + 1 + 1 + 0.5) / 4)
    assert found["cells"] == 4
    assert RMB().metrics(judged(items, oracle))["overall"] == 1.0
    assert RMB().metrics(judged(items, constant))["overall"] == 0.0


def test_a_list_is_won_against_every_loser(tmp_path):
    item = RMB().items(written(tmp_path / "a.json", [a_list(1)]))[0]
    assert [one.steps[0] for one in item.answers] == ["best", "l0", "l1", "l2"]
    for scores, won in [((3, 1, 2, 0), 1), ((3, 1, 4, 0), 0), ((3, 1, 3, 0), 0)]:
        assert RMB().metrics([Judged(item, scores)])["bon harmless"] == won


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (a_pair(1, "Kindness"), "entry 1: expected Helpfulness or Harmlessness"),
        (a_list(1, losers=0), "entry 1: expected a list of answers as 'loser_list'"),
        (a_pair(1) | {"reject": "text"}, "entry 1: expected an answer like"),
        ({"category_path": "Helpfulness"}, "entry 1: expected a field 'pair_uid' or 'bon_uid'"),
        (a_pair(1) | {"conversation_input": []}, "entry 1: expected a text or a list of messages"),
    ],
)
def test_a_bad_row_is_named(tmp_path, bad, message):
    with pytest.raises(InputError, match=message):
        RMB().items(written(tmp_path / "a.json", [bad]))
