"""RAG-RewardBench: the mean of its subsets."""

import pytest
from tests.bench.pairwise import constant, judged, oracle, written

from specreward.bench import RAGRewardBench
from specreward.errors import InputError


def row(name, **fields):
    told = {"prompt": "References: ...", "question": "Why?", "chosen": "good", "rejected": "bad"}
    return {"id": name} | told | fields


def test_subsets_are_equal_whatever_their_size(tmp_path):
    written(tmp_path / "helpful.jsonl", [row(k) for k in range(4)])
    written(tmp_path / "citation.jsonl", [row(k) for k in range(2)])
    items = RAGRewardBench().items(tmp_path)
    assert len({one.id for one in items}) == 6
    wrong = {"helpful-0", "citation-0"}
    found = RAGRewardBench().metrics(
        judged(items, lambda one, at: float((at == 0) != (one.id in wrong)))
    )
    assert found == {"score": 0.625, "citation": 0.5, "helpful": 0.75, "subsets": 2.0}
    assert RAGRewardBench().metrics(judged(items, oracle))["score"] == 1.0
    assert RAGRewardBench().metrics(judged(items, constant))["score"] == 0.0


def test_a_set_in_one_file_names_the_subset_in_the_row(tmp_path):
    rows = [row(1, subset="Abstain"), row(2, subset="reasoning", prompt="Why? See [1].")]
    first, second = RAGRewardBench().items(written(tmp_path / "train.jsonl", rows))
    assert (first.group, second.group) == ("abstain", "reason")
    assert first.question == "References: ...\n\nWhy?"
    assert second.question == "Why? See [1]."  # the prompt has the question already


def test_a_bad_row_is_named(tmp_path):
    file = written(tmp_path / "train.jsonl", [row(1, subset="abstain"), row(2, subset="poems")])
    with pytest.raises(InputError, match=r"train\.jsonl:2: expected a subset of helpful"):
        RAGRewardBench().items(file)
