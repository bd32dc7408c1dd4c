"""Losses and numbers against values worked out by hand."""

import math

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from specreward.train.examples import Marks  # noqa: E402
from specreward.train.objectives import ORM, PRM, SRM, PairwiseORM, SRMPlus  # noqa: E402
from specreward.train.objectives.pairs import sibling_pairs  # noqa: E402

pytestmark = pytest.mark.train

NAN = float("nan")


def marks(*rows, outcome=NAN, margin=0.0):
    """Rows of (example, solution, step, label)."""
    example, solution, step, label = zip(*rows, strict=True)
    count = len(rows)
    return Marks(
        example=torch.tensor(example),
        solution=torch.tensor(solution),
        step=torch.tensor(step),
        last=torch.ones(count, dtype=torch.bool),
        label=torch.tensor(label, dtype=torch.float32),
        outcome=torch.tensor(outcome if isinstance(outcome, list) else [outcome] * count),
        margin=torch.tensor(margin if isinstance(margin, list) else [margin] * count),
    )


def logits(*values):
    return torch.tensor(values, dtype=torch.float32)[:, None].requires_grad_()


def bce(z, y):
    p = 1 / (1 + math.exp(-z))
    return -y * math.log(p) - (1 - y) * math.log(1 - p)


def order(lead):
    return math.log(1 + math.exp(-lead))


SIBLINGS = marks((0, 0, 1, 0.8), (0, 1, 1, 0.3), (0, 2, 1, 0.3), (1, 3, 1, 0.1), (1, 4, 0, 0.9))
"""Three siblings, of which two are equal; then two steps at different places of another example."""
Z = (1.5, -0.5, 2.0, 0.25, -1.0)
Y = (0.8, 0.3, 0.3, 0.1, 0.9)
ORDERED = (order(1.5 - -0.5) + order(1.5 - 2.0)) / 2
POINTS = sum(bce(z, y) for z, y in zip(Z, Y, strict=True)) / 5
SQUARES = sum((1 / (1 + math.exp(-z)) - y) ** 2 for z, y in zip(Z, Y, strict=True)) / 5


def test_pairs_are_of_one_example_and_one_step_with_different_labels():
    better, worse = sibling_pairs(SIBLINGS)
    assert list(zip(better.tolist(), worse.tolist(), strict=True)) == [(0, 1), (0, 2)]
    assert [len(part) for part in sibling_pairs(SIBLINGS, 0.5)] == [2, 2]  # 0.8 - 0.3 in 32 bits
    assert [len(part) for part in sibling_pairs(SIBLINGS, 0.51)] == [0, 0]
    unknown = marks((0, 0, 1, 0.8), (0, 1, 1, NAN))
    assert [len(part) for part in sibling_pairs(unknown)] == [0, 0]


def test_srm_is_soft_cross_entropy_and_order():
    value = SRM().loss(logits(*Z), SIBLINGS, 0).item()
    assert value == pytest.approx(POINTS + ORDERED, rel=1e-5)
    assert SRM(pairs=0.25).loss(logits(*Z), SIBLINGS, 0).item() == pytest.approx(
        POINTS + 0.25 * ORDERED, rel=1e-5
    )
    rounded = sum(bce(z, float(y > 0.5)) for z, y in zip(Z, Y, strict=True)) / 5
    assert abs(value - (rounded + ORDERED)) > 0.05  # labels cast to integers are another loss


def test_srm_plus_is_order_and_squared_error():
    value = SRMPlus().loss(logits(*Z), SIBLINGS, 0).item()
    assert value == pytest.approx(ORDERED + SQUARES, rel=1e-5)
    assert SRMPlus(scale=0).loss(logits(*Z), SIBLINGS, 0).item() == pytest.approx(ORDERED, rel=1e-5)
    far = SRMPlus(margin=0.6).loss(logits(*Z), SIBLINGS, 0).item()
    assert far == pytest.approx(SQUARES, rel=1e-5)  # no pair is so far apart


def test_the_gradient_of_the_order_pushes_the_two_apart_by_how_wrong_they_are():
    z = logits(0.3, 1.0)
    SRMPlus(scale=0).loss(z, marks((0, 0, 0, 1.0), (0, 1, 0, 0.0)), 0).backward()
    wrong = 1 / (1 + math.exp(0.3 - 1.0))
    assert z.grad[:, 0].tolist() == pytest.approx([-wrong, wrong])


@pytest.mark.parametrize("objective", [SRM(), SRMPlus(margin=0.3), PRM()])
def test_gradients_are_those_of_finite_differences(objective):
    z = torch.tensor(Z, dtype=torch.float64)[:, None].requires_grad_()
    spread = Marks(
        **{
            name: value.double() if value.is_floating_point() else value
            for name, value in ((n, getattr(SIBLINGS, n)) for n in Marks.__slots__)
        }
    )
    assert torch.autograd.gradcheck(lambda x: objective.loss(x, spread, 0), (z,))


def test_a_batch_without_pairs_or_labels_still_has_a_gradient():
    alone = marks((0, 0, 0, 0.5), (1, 1, 0, 0.7))
    for objective in (SRM(pairs=1.0), SRMPlus(scale=0)):
        z = logits(0.1, 0.2)
        objective.loss(z, alone, 0).backward()
        assert torch.isfinite(z.grad).all()
    z = logits(0.1)
    ORM().loss(z, marks((0, 0, 0, NAN)), 0).backward()
    assert z.grad.abs().sum() == 0


def test_steps_without_a_label_do_not_count():
    some = marks((0, 0, 0, 0.25), (0, 0, 1, NAN), (0, 0, 2, 1.0))
    z = logits(0.5, 9.0, -1.0)
    expected = (bce(0.5, 0.25) + bce(-1.0, 1.0)) / 2
    assert PRM().loss(z, some, 0).item() == pytest.approx(expected, rel=1e-5)
    assert PRM().measure(z.detach(), some)["n"] == 2


def test_orm_learns_the_outcome_not_the_label():
    known = marks((0, 0, 3, 0.9), (1, 1, 2, 0.9), outcome=[0.0, 0.25])
    expected = (bce(0.7, 0.0) + bce(-0.2, 0.25)) / 2
    assert ORM().loss(logits(0.7, -0.2), known, 0).item() == pytest.approx(expected, rel=1e-5)


ROWS = ((0, 0, 3, NAN), (0, 1, 1, NAN), (1, 2, 0, NAN), (1, 3, 0, NAN))


def test_pairs_of_solutions_lead_by_the_margin_and_stay_around_zero():
    two = marks(*ROWS, outcome=1.0)
    z = logits(1.0, 0.5, -0.25, 0.75)
    plain = (order(0.5) + order(-1.0)) / 2
    assert PairwiseORM().loss(z, two, 0).item() == pytest.approx(plain, rel=1e-5)
    lead = (order(0.5 - 0.75) + order(-1.0 - 0.75)) / 2
    assert PairwiseORM(margin=0.75).loss(z, two, 0).item() == pytest.approx(lead, rel=1e-5)
    own = marks(*ROWS, outcome=1.0, margin=[2.0, 2.0, 0.25, 0.25])  # each pair its own, and 0.5
    leads = (order(0.5 - 2.5) + order(-1.0 - 0.75)) / 2
    assert PairwiseORM(margin=0.5).loss(z, own, 0).item() == pytest.approx(leads, rel=1e-5)
    center = 0.01 * (1.5**2 + 0.5**2) / 2
    assert PairwiseORM(center=0.01).loss(z, two, 0).item() == pytest.approx(
        plain + center, rel=1e-5
    )
    assert PairwiseORM().measure(z.detach(), two)["pair_accuracy"] == 0.5


def test_what_is_measured():
    found = SRM().measure(torch.tensor(Z)[:, None], SIBLINGS)
    assert found["loss"] == pytest.approx(POINTS + ORDERED, rel=1e-5)
    assert found["log_loss"] == pytest.approx(POINTS, rel=1e-5)
    assert found["mse"] == pytest.approx(SQUARES, rel=1e-5)
    assert found["pair_accuracy"] == 0.5
    assert (found["n"], found["pairs"]) == (5, 2)
    # good: 1.5 and -1.0; bad: -0.5, 2.0, 0.25: of six pairs two are in order
    assert found["auc"] == pytest.approx(2 / 6)
    ties = SRM().measure(torch.zeros(5, 1), SIBLINGS)
    assert ties["pair_accuracy"] == ties["auc"] == 0.5
    alone = SRMPlus().measure(torch.zeros(1, 1), marks((0, 0, 0, 0.5)))
    assert math.isnan(alone["pair_accuracy"])
    assert math.isnan(alone["auc"])


@pytest.mark.parametrize("objective", [SRM(), SRMPlus(), PRM(), ORM(), PairwiseORM()])
def test_the_number_that_decides_is_measured_and_better_outputs_have_a_better_one(objective):
    known = marks(*[(i // 2, i, 0, float(i % 2 == 0)) for i in range(8)], outcome=[1.0, 0.0] * 4)
    sign = torch.tensor([1.0, -1.0] * 4)[:, None]
    good = objective.measure(2 * sign, known)[objective.watch]
    bad = objective.measure(-2 * sign, known)[objective.watch]
    assert (good > bad) is objective.higher
    assert (good < bad) is not objective.higher
