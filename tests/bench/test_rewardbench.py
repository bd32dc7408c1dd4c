"""RewardBench: fixed counts as weights, sections, the prior sets, ties."""

import math

import pytest
from tests.bench.pairwise import constant, judged, oracle, written

from specreward.bench import RewardBench
from specreward.bench.rewardbench import SECTIONS
from specreward.errors import InputError


def row(subset, name, **fields):
    told = {"prompt": "Q", "chosen": f"good {name}", "rejected": f"bad {name}"}
    return (
        {"id": name, "subset": subset, "chosen_model": "a", "rejected_model": "b"} | told | fields
    )


def scored(items, wrong):
    """The chosen answer wins, but for the items named."""
    return judged(items, lambda one, at: float((at == 0) != (one.id in wrong)))


def test_the_weights_are_those_of_the_data_set():
    # 2 985 pairs; math-prm has 447 of them and weighs as much as code
    total = sum(count for counts in SECTIONS.values() for count in counts.values())
    assert total - 984 + 447 == 2985
    reasoning = SECTIONS["Reasoning"]
    assert reasoning["math-prm"] == sum(reasoning.values()) - reasoning["math-prm"] == 984
    assert SECTIONS["Safety"]["xstest-should-refuse"] == 154
    assert SECTIONS["Safety"]["xstest-should-respond"] == 250


def test_sections_weigh_by_fixed_counts_and_the_score_by_sections(tmp_path):
    rows = [
        *[row("math-prm", k) for k in range(2)],
        *[row("hep-cpp", k) for k in range(8)],
        row("alpacaeval-easy", 0),
        row("mt-bench-med", 0),
    ]
    items = RewardBench().items(written(tmp_path / "filtered.json", rows))
    wrong = {"math-prm-0", "hep-cpp-0", "hep-cpp-1", "mt-bench-med-0"}
    found = RewardBench().metrics(scored(items, wrong))
    assert found["math-prm"] == 0.5
    assert found["hep-cpp"] == 0.75
    reasoning = (984 * 0.5 + 164 * 0.75) / (984 + 164)
    assert found["Reasoning"] == pytest.approx(reasoning)
    assert found["Chat"] == pytest.approx(100 / 140)
    assert found["score"] == pytest.approx((reasoning + 100 / 140) / 2)
    assert found["sections"] == 2


def test_the_prior_sets_are_half_a_section(tmp_path):
    sets = {"anthropic_helpful": 1, "anthropic_hhh": 1, "shp": 0, "summarize": 1}
    for name in [*sets, "mtbench_human"]:
        talk = [{"role": "user", "content": "Q"}]
        rows = [{"prompt": talk, "chosen": "good", "rejected": "bad"}]
        written(tmp_path / f"{name}.jsonl", rows)
    written(tmp_path / "filtered.jsonl", [row("alpacaeval-easy", 1), row("donotanswer", 2)])
    items = RewardBench().items(tmp_path)
    wrong = {one.id for one in items if one.group in ("shp", "mtbench_human", "donotanswer")}
    found = RewardBench().metrics(scored(items, wrong))
    assert found["Prior Sets"] == 0.75
    assert found["mtbench_human"] == 0.0
    assert (found["Chat"], found["Safety"]) == (1.0, 0.0)
    assert found["score"] == pytest.approx((2 * 1 + 2 * 0 + 0.75) / 5)
    assert found["sections"] == 3


def test_the_four_sections_are_equal(tmp_path):
    firsts = [next(iter(counts)) for counts in SECTIONS.values()]
    items = RewardBench().items(written(tmp_path / "a.json", [row(one, 0) for one in firsts]))
    assert [one.group for one in items] == firsts
    for wrong in items:
        assert RewardBench().metrics(scored(items, {wrong.id}))["score"] == 0.75
    assert RewardBench().metrics(judged(items, oracle))["score"] == 1.0


def test_a_tie_is_half_or_what_is_said(tmp_path):
    items = RewardBench().items(written(tmp_path / "a.json", [row("shp", 0), row("hep-go", 1)]))
    assert RewardBench().metrics(judged(items, constant))["score"] == 0.5
    assert RewardBench(tie=0).metrics(judged(items, constant))["score"] == 0.0
    with pytest.raises(InputError, match="rewardbench tie"):
        RewardBench(tie=2)


def test_nothing_judged_is_not_defined():
    assert math.isnan(RewardBench().metrics([])["score"])


def test_models_and_questions_are_kept(tmp_path):
    item = RewardBench().items(written(tmp_path / "a.jsonl", [row("shp", 3)]))[0]
    assert item.id == "shp-3"
    assert item.question == "Q"
    assert [(one.steps, one.model) for one in item.answers] == [
        (("good 3",), "a"),
        (("bad 3",), "b"),
    ]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("nonsense", 1), r"a\.jsonl:2: expected a subset of RewardBench"),
        ({"id": 1, "subset": "shp", "prompt": "Q"}, r"a\.jsonl:2: expected a field 'chosen'"),
        (row("shp", 1, prompt=3.5), r"a\.jsonl:2: expected a text or a list of messages"),
        (row("shp", 1, chosen="", rejected=""), r"a\.jsonl:2: expected two answers"),
    ],
)
def test_a_bad_row_is_named(tmp_path, bad, message):
    file = written(tmp_path / "a.jsonl", [row("shp", 0), bad])
    with pytest.raises(InputError, match=message):
        RewardBench().items(file)


def test_the_raw_split_is_left_out_beside_the_filtered_one(tmp_path):
    written(tmp_path / "raw.jsonl", [row("hep-go", k) for k in range(3)])
    assert len(RewardBench().items(tmp_path)) == 3
    written(tmp_path / "filtered.jsonl", [row("hep-go", 0)])
    written(tmp_path / "shp.jsonl", [{"prompt": "Q", "chosen": "good", "rejected": "bad"}])
    assert [one.group for one in RewardBench().items(tmp_path)] == ["hep-go", "shp"]
