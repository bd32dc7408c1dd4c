"""PandaLM: three classes, the majority of three votes, the margin."""

import pytest
from tests.bench.pairwise import constant, judged, length, written

from specreward.bench import Judged, PandaLM
from specreward.errors import InputError


def row(name, votes=(1, 1, 1), **fields):
    told = {"instruction": "Do.", "input": "", "response1": "a", "response2": "b"}
    return {"idx": name, **{f"annotator{k + 1}": v for k, v in enumerate(votes)}} | told | fields


def items_of(tmp_path, *votes):
    rows = [row(k, one) for k, one in enumerate(votes)]
    return PandaLM().items(written(tmp_path / "testset.json", rows))


def test_the_majority_is_the_truth_and_the_first_where_there_is_none(tmp_path):
    items = items_of(tmp_path, (1, 2, 2), (0, 0, 1), (2, 1, 0), (0, 2, 1), (1, 1, 1))
    assert [one.gold["truth"] for one in items] == [2, 0, 2, 0, 1]


def test_every_cell_of_the_confusion(tmp_path):
    truths = [0, 0, 1, 1, 1, 2, 2]
    items = items_of(tmp_path, *[(t, t, t) for t in truths])
    said = [0, 1, 1, 1, 2, 2, 0]
    scores = {0: (0.5, 0.5), 1: (0.9, 0.1), 2: (0.1, 0.9)}
    found = PandaLM().metrics([Judged(i, scores[s]) for i, s in zip(items, said, strict=True)])
    assert found["accuracy"] == pytest.approx(4 / 7)
    # class 0: 1 of 2 said, 1 of 2 true; class 1: 2 of 3, 2 of 3; class 2: 1 of 2, 1 of 2
    assert found["precision"] == pytest.approx((1 / 2 + 2 / 3 + 1 / 2) / 3)
    assert found["recall"] == pytest.approx((1 / 2 + 2 / 3 + 1 / 2) / 3)
    assert found["f1"] == pytest.approx((1 / 2 + 2 / 3 + 1 / 2) / 3)
    assert found["ties said"] == pytest.approx(2 / 7)


def test_precision_and_recall_are_not_each_other(tmp_path):
    items = items_of(tmp_path, (1, 1, 1), (1, 1, 1), (1, 1, 1), (2, 2, 2))
    said = [(0.9, 0.1), (0.1, 0.9), (0.1, 0.9), (0.1, 0.9)]
    found = PandaLM().metrics([Judged(i, s) for i, s in zip(items, said, strict=True)])
    assert found["precision"] == pytest.approx((0 + 1 + 1 / 3) / 3)
    assert found["recall"] == pytest.approx((0 + 1 / 3 + 1) / 3)
    assert found["f1"] == pytest.approx((0 + 1 / 2 + 1 / 2) / 3)


def test_a_margin_makes_ties(tmp_path):
    items = items_of(tmp_path, (0, 0, 0), (1, 1, 1))
    near = [Judged(items[0], (0.50, 0.55)), Judged(items[1], (0.9, 0.1))]
    assert PandaLM().metrics(near)["accuracy"] == 0.5
    assert PandaLM(margin=0.1).metrics(near)["accuracy"] == 1.0
    assert PandaLM(margin=0.9).metrics(near)["ties said"] == 1.0
    with pytest.raises(InputError, match="pandalm margin"):
        PandaLM(margin=-0.1)


def test_a_constant_says_tie_everywhere(data):
    items = PandaLM().items(data / "pandalm_testset")
    assert len(items) == len({one.id for one in items}) == 500
    same = PandaLM().metrics(judged(items, constant))
    ties = sum(one.gold["truth"] == 0 for one in items)
    assert same["accuracy"] == ties / 500
    assert same["recall"] == pytest.approx(1 / 3)
    perfect = {0: (0.5, 0.5), 1: (1.0, 0.0), 2: (0.0, 1.0)}
    best = PandaLM().metrics([Judged(one, perfect[one.gold["truth"]]) for one in items])
    assert best["accuracy"] == best["f1"] == 1.0
    # people of this set like the longer response
    assert 0.6 < PandaLM().metrics(judged(items, length))["accuracy"] < 0.7


def test_instruction_and_input_are_the_question(tmp_path):
    rows = [row(1), row(2, input="This.", response1=True)]
    written(tmp_path / "gpt-3.5-turbo-testset-v1.json", [{"gpt_result": "1"}])
    written(tmp_path / "testset-v1.json", rows)
    first, second = PandaLM().items(tmp_path)
    assert first.question == "Do."
    assert second.question == "Do.\n\nThis."
    assert second.answers[0].steps == ("True",)  # the published file has a bare true


@pytest.mark.parametrize("vote", [3, -1, None])
def test_a_bad_vote_is_named(tmp_path, vote):
    file = written(tmp_path / "a.json", [row(1), row(2, (1, vote, 1))])
    with pytest.raises(InputError, match=r"entry 2: expected an integer from 0 to 2"):
        PandaLM().items(file)
