"""RM-Bench: the matrix of styles, its three parts, the domains."""

import pytest
from tests.bench.pairwise import constant, judged, length, written

from specreward.bench import Judged, RMBench
from specreward.bench.rm_bench import levels, matrix
from specreward.errors import InputError


def row(name="1", **fields):
    texts = {"chosen": ["c0", "c1", "c2"], "rejected": ["r0", "r1", "r2"]}
    return {"id": name, "prompt": "Q"} | texts | fields


def test_a_published_matrix_gives_the_published_numbers():
    # the style-substance matrix of FsfairX-LLaMA3-RM on chat, and what the paper makes of it
    cells = [[83.61, 3.83, 2.19], [99.45, 66.12, 49.73], [100.0, 80.33, 66.67]]
    hard, normal, easy = levels(cells)
    assert hard == pytest.approx(18.58, abs=0.005)
    assert normal == pytest.approx(72.13, abs=0.005)
    assert easy == pytest.approx(93.26, abs=0.005)


def test_every_cell_is_one_pair_of_styles(tmp_path):
    item = RMBench().items(written(tmp_path / "chat_filtered.json", [row()]))[0]
    assert [one.steps[0] for one in item.answers] == ["c0", "c1", "c2", "r0", "r1", "r2"]
    one = Judged(item, (0.1, 0.4, 0.6, 0.2, 0.4, 0.5))
    assert matrix([one]) == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]  # 0.4 against 0.4 is no win
    found = RMBench().metrics([one])
    assert found["hard"] == 0.0
    assert found["normal"] == pytest.approx(1 / 3)
    assert found["easy"] == 1.0
    assert found["chat"] == found["overall"] == pytest.approx(4 / 9)
    assert found["chat easy"] == 1.0


def test_domains_are_equal_whatever_their_size_and_safety_is_one(tmp_path):
    written(tmp_path / "chat_filtered.json", [row(k) for k in range(6)])
    written(tmp_path / "safety-refuse_filtered.json", [row(k) for k in range(3)])
    written(tmp_path / "safety-response_filtered.json", [row(9)])
    items = RMBench().items(tmp_path)
    assert len({one.id for one in items}) == 10
    won = (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    lost = tuple(reversed(won))
    scores = {"chat": won, "safety-refuse": won, "safety-response": lost}
    one = [Judged(item, scores[item.id.split("_")[0]]) for item in items]
    found = RMBench().metrics(one)
    assert found["chat"] == 1.0
    assert found["safety"] == 0.75
    assert found["overall"] == found["hard"] == 0.875
    assert found["domains"] == 2


def test_a_domain_may_stand_in_the_row(tmp_path):
    rows = [row(k, domain=one) for k, one in enumerate(["math", "code", "safety-refuse"])]
    items = RMBench().items(written(tmp_path / "total_dataset.json", rows))
    assert [one.group for one in items] == ["math", "code", "safety"]
    written(tmp_path / "chat_filtered.json", [row()])
    assert RMBench().items(tmp_path) == items  # it has all rows already


def test_public_data(data):
    items = RMBench().items(data / "rm_bench")
    assert len(items) == len({one.id for one in items}) == 399
    perfect = RMBench().metrics(judged(items, lambda _, at: float(at < 3)))
    assert {value for name, value in perfect.items() if name != "domains"} == {1.0}
    assert RMBench().metrics(judged(items, constant))["overall"] == 0.0
    # a scorer that likes length is taken in by style, and by nothing else
    found = RMBench().metrics(judged(items, length))
    assert found["hard"] < 0.15 < 0.8 < found["easy"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(chosen=["c0"]), r"chat\.json:entry 2: expected 3 answers as 'chosen'"),
        (row(rejected="r0"), r"chat\.json:entry 2: expected a list of texts as 'rejected'"),
        (row(domain="poems"), r"chat\.json:entry 2: expected a domain of chat, code"),
        ({"id": 1}, r"chat\.json:entry 2: expected a field 'chosen'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, bad, message):
    with pytest.raises(InputError, match=message):
        RMBench().items(written(tmp_path / "chat.json", [row(), bad]))
