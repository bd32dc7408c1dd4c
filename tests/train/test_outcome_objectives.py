"""SPR, TD and BiRM: golden values by hand, gradients, and what data they refuse."""

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from specreward.errors import InputError  # noqa: E402
from specreward.label.labelled import Labelled  # noqa: E402
from specreward.spec import name_of, parse  # noqa: E402
from specreward.train.examples import Guarded, Marks  # noqa: E402
from specreward.train.objectives import SPR, TD, BiRM  # noqa: E402
from specreward.types import Problem  # noqa: E402

pytestmark = pytest.mark.train


def marks(outcomes, lengths, labels=None):
    """All steps of solutions of these outcomes and lengths."""
    rows = [(s, t, n) for s, n in enumerate(lengths) for t in range(n)]
    number = torch.tensor([s for s, _, _ in rows])
    return Marks(
        example=number,
        solution=number,
        step=torch.tensor([t for _, t, _ in rows]),
        last=torch.tensor([t + 1 == n for _, t, n in rows]),
        label=torch.tensor(labels or [math.nan] * len(rows)),
        outcome=torch.tensor([outcomes[s] for s, _, _ in rows]),
        margin=torch.zeros(len(rows)),
    )


def column(*logits):
    return torch.tensor(logits, requires_grad=True)[:, None]


def bce(logit, right):
    return math.log1p(math.exp(-logit if right else logit))


def solution(outcome=1.0, labels=(1.0, 0.0), kind="step", name="p"):
    return Labelled(
        problem=Problem(name, f"question {name}"),
        steps=tuple("ab"[: len(labels)]),
        labels=labels,
        kind=kind,
        outcome=outcome,
    )


BOTH = [solution(1.0, name="p"), solution(0.0, name="q")]


# ------------------------------------------------------------------------------ spr


def test_spr_paper_form_by_hand():
    # right: 2.0 agrees, -1.0 does not; wrong: -0.5 agrees, 1.0 and 3.0 do not
    found = SPR().loss(column(2.0, -1.0, -0.5, 1.0, 3.0), marks([1.0, 0.0], [2, 3]), 0)
    expected = (bce(2.0, True) / 2 + bce(-0.5, False) / 3) / 2
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_spr_released_form_by_hand():
    # kept: two of right solutions, one of a wrong one: P = 3, Q = 2
    outputs = column(2.0, 0.5, -1.0, -0.5, 1.0, 3.0)
    found = SPR(released=True).loss(outputs, marks([1.0, 0.0], [3, 3]), 0)
    right, wrong = 1.5 * 2 / 5, 3 / 5
    total = right * (bce(2.0, True) + bce(0.5, True)) + wrong * bce(-0.5, False)
    assert found.item() == pytest.approx(total / (2 * right + wrong + 1e-5), rel=1e-6)


@pytest.mark.parametrize("released", [False, True])
def test_spr_gives_disagreeing_steps_no_gradient(released):
    logits = torch.tensor([2.0, -1.0, -0.5, 1.0], requires_grad=True)
    SPR(released=released).loss(logits[:, None], marks([1.0, 0.0], [2, 2]), 0).backward()
    assert logits.grad[[1, 3]].tolist() == [0.0, 0.0]
    assert logits.grad[0] < 0 < logits.grad[2]  # right ones go up, wrong ones down


def test_spr_warmup_teaches_every_step_of_both():
    logits = torch.tensor([2.0, -1.0, -0.5, 1.0, 0.0], requires_grad=True)
    loss = SPR(warmup=5).loss(logits[:, None], marks([1.0, 0.0], [2, 3]), 4)
    expected = (bce(2.0, True) + bce(-1.0, True)) / 2
    expected = (expected + (bce(-0.5, False) + bce(1.0, False) + bce(0.0, False)) / 3) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert (logits.grad != 0).all()
    after = SPR(warmup=5).loss(logits[:, None], marks([1.0, 0.0], [2, 3]), 5)
    assert after.item() < loss.item()


def test_spr_released_form_filters_zero_and_the_ungraded():
    logits = torch.tensor([0.0, 0.0, -2.0, 1.0], requires_grad=True)
    loss = SPR(released=True).loss(logits[:, None], marks([1.0, 0.0, 0.1, 1.0], [1, 1, 1, 1]), 0)
    loss.backward()
    assert logits.grad[:3].tolist() == [0.0, 0.0, 0.0]
    assert logits.grad[3] < 0
    empty = SPR(released=True).loss(logits[:3, None], marks([1.0, 0.0, 0.1], [1, 1, 1]), 0)
    assert empty.item() == 0.0
    paper = SPR().loss(logits[:, None], marks([1.0, 0.0, 0.1, 1.0], [1, 1, 1, 1]), 0)
    # 0.5 is not above 0.5: it agrees with a wrong outcome, and 0.1 is one
    expected = (bce(0.0, False) + bce(-2.0, False) + bce(1.0, True)) / 4
    assert paper.item() == pytest.approx(expected, rel=1e-6)


def test_spr_measures_what_the_gate_lets_through():
    outputs = column(2.0, -1.0, -0.5, 1.0, 3.0)
    where = marks([1.0, 0.0], [2, 3], [1.0, 0.0, 0.0, 1.0, 1.0])
    found = SPR().measure(outputs.detach(), where)
    assert found["above"] == pytest.approx(0.6)
    assert found["kept_right"] == pytest.approx(0.5)
    assert found["kept_wrong"] == pytest.approx(1 / 3)
    assert found["collapsed"] == 0.0
    assert found["step_auc"] == pytest.approx(1.0)
    # by the geometric mean the wrong one, with its longer tail of high scores, stands higher
    means = [(-bce(2.0, True) - bce(-1.0, True)) / 2]
    means.append((-bce(-0.5, True) - bce(1.0, True) - bce(3.0, True)) / 3)
    assert found["auc"] == float(means[0] > means[1])
    assert "step_auc" not in SPR().measure(outputs.detach(), marks([1.0, 0.0], [2, 3]))


@pytest.mark.parametrize(("logits", "lost"), [((4.0, 4.0), "wrong"), ((-4.0, 0.0), "right")])
def test_spr_collapse_is_told_after_the_warmup(logits, lost):
    objective = SPR(warmup=100, patience=2)
    assert isinstance(objective, Guarded)
    numbers = objective.measure(column(*logits).detach(), marks([1.0, 0.0], [1, 1]))
    assert numbers["collapsed"] == 1.0
    rows = [{"step": step, **numbers} for step in (0, 50, 100, 150)]
    assert objective.trouble(rows) is None
    told = objective.trouble([*rows, {"step": 200, **numbers}])
    assert told is not None
    assert "150, 200" in told
    assert f"{lost} solutions are filtered out" in told
    assert "a longer warm-up or a lower learning rate" in told
    assert objective.trouble([*rows, {"step": 200, **numbers, "collapsed": 0.0}]) is None
    assert "spr(warmup=700)" in SPR(patience=1).trouble([{"step": 1, **numbers}])


# ------------------------------------------------------------------------------ td


def test_td_returns_by_hand():
    logits = [0.3, -0.7, 1.1, 0.2, -0.4]
    where = marks([1.0, 0.0], [3, 2])
    v = [1 / (1 + math.exp(-x)) for x in logits]

    def loss(targets):
        each = [
            g * bce(x, True) + (1 - g) * bce(x, False) for x, g in zip(logits, targets, strict=True)
        ]
        return pytest.approx(sum(each) / 5, rel=1e-6)

    outputs = column(*logits)
    assert TD().loss(outputs, where, 0).item() == loss([v[1], v[2], 1, v[4], 0])
    assert TD(n=2).loss(outputs, where, 0).item() == loss([v[2], 1, 1, 0, 0])
    half = TD(gamma=0.5).loss(outputs, where, 0).item()
    assert half == loss([v[1] / 2, v[2] / 2, 1, v[4] / 2, 0])
    carlo = TD(n=3, gamma=0.5).loss(outputs, where, 0).item()
    assert carlo == loss([0.25, 0.5, 1, 0, 0])
    assert carlo == TD(n=99, gamma=0.5).loss(outputs, where, 0).item()


def test_td_sends_no_gradient_through_its_target():
    logits = torch.tensor([0.0, 2.0], requires_grad=True)
    TD().loss(logits[:, None], marks([1.0], [2]), 0).backward()
    v = [1 / (1 + math.exp(-x)) for x in (0.0, 2.0)]
    assert logits.grad.tolist() == pytest.approx([(v[0] - v[1]) / 2, (v[1] - 1) / 2])


def test_td_measures():
    found = TD(n=1).measure(column(0.0, 2.0, 0.0, -2.0).detach(), marks([1.0, 0.0], [2, 2]))
    v = 1 / (1 + math.exp(-2.0))
    assert found["jump"] == pytest.approx(v - 0.5)
    assert found["last_auc"] == 1.0
    assert found["log_loss"] == pytest.approx((math.log(2) + bce(2.0, True)) / 2)


# ------------------------------------------------------------------------------ birm


def test_birm_by_hand():
    outputs = torch.tensor([[0.0, 1.0], [2.0, -1.0], [1.0, 0.5]])
    where = marks([1.0, 0.0], [2, 1], [1.0, 0.0, 1.0])
    s = [[1 / (1 + math.exp(-x)) for x in row] for row in outputs.tolist()]
    errors = [(1 - s[0][0]) ** 2, s[1][0] ** 2, (1 - s[2][0]) ** 2]
    errors += [(1 - s[0][1]) ** 2, (1 - s[1][1]) ** 2, s[2][1] ** 2]
    assert BiRM().loss(outputs, where, 0).item() == pytest.approx(sum(errors) / 3)
    scores = BiRM(beta=0.5).scores(outputs, where).tolist()
    mean = (s[0][0] + s[1][0]) / 2
    expected = [s[0][1] + s[0][0] / 2, s[1][1] + mean / 2, s[2][1] + s[2][0] / 2]
    assert scores == pytest.approx([one / 1.5 for one in expected])
    found = BiRM(beta=0.0).measure(outputs, where)
    assert found["auc"] == found["value_auc"] == 0.0
    assert found["process_auc"] == 0.0
    with pytest.raises(InputError, match=r"two outputs.*causal\('folder', outputs=2\)"):
        BiRM().loss(outputs[:, :1], where, 0)


def test_birm_score_has_both_heads():
    outputs = torch.tensor([[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]])
    scores = BiRM().scores(outputs, marks([1.0] * 4, [1] * 4)).tolist()
    assert scores[0] > scores[1]
    assert scores[2] > scores[3]
    assert all(0 <= one <= 1 for one in scores)


def test_birm_scores_do_not_depend_on_how_many_solutions_there_are():
    torch.manual_seed(0)
    outputs = torch.randn(60_000, 2) + 3
    many = BiRM().scores(outputs, marks([1.0] * 20_000, [3] * 20_000))
    one = BiRM().scores(outputs[-3:], marks([1.0], [3]))
    assert many[-3:].tolist() == pytest.approx(one.tolist(), abs=1e-6)


# ------------------------------------------------------------------------------ data


@pytest.mark.parametrize("objective", [SPR(), TD(), BiRM()])
def test_examples_read_all_steps(objective):
    found = objective.examples(BOTH)
    assert [one.solutions for one in found] == [(BOTH[0],), (BOTH[1],)]
    assert {one.places for one in found} == {((0, 1),)}


@pytest.mark.parametrize("objective", [SPR(), TD(), BiRM()])
def test_outcomes_are_needed_of_both_kinds(objective):
    with pytest.raises(InputError, match=r"outcomes.*none for problem 'r'"):
        objective.examples([*BOTH, solution(None, name="r")])
    with pytest.raises(InputError, match="some of both, got 1 right of 1"):
        objective.examples(BOTH[:1])


def test_birm_needs_labels_of_steps():
    with pytest.raises(InputError, match="kind step or prefix, got values"):
        BiRM().examples([solution(kind="value")])
    with pytest.raises(InputError, match="1 steps without one for problem 'p'"):
        BiRM().examples([solution(labels=(1.0, None))])
    BiRM().examples([solution(kind="prefix"), solution(0.0, kind="prefix")])


@pytest.mark.parametrize(
    "text",
    ["spr(released=1)", "spr(warmup=-1)", "spr(patience=0)", "td(n=0)", "td(gamma=1.5)",
     "birm(beta=-1)"],
)  # fmt: skip
def test_settings_out_of_range(text):
    with pytest.raises(InputError, match="expected"):
        parse(text)


@pytest.mark.parametrize("text", ["spr(released=True, warmup=700)", "td(n=4)", "birm(beta=0.5)"])
def test_text(text):
    assert name_of(parse(text, "objective")) == text
