"""A tree in one row is as good as its branches one by one."""

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from specreward.errors import InputError  # noqa: E402
from specreward.train.decoder import Decoder, Shape  # noqa: E402
from specreward.train.loop import token_loss  # noqa: E402
from specreward.train.packing import Row, collate  # noqa: E402

pytestmark = pytest.mark.train

ROOT, LEFT, RIGHT, LEAF, OTHER = [3, 1, 4], [1, 5], [9, 2, 6], [5, 3], [7, 7, 8, 2]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Decoder(Shape(vocabulary=10, outputs=10, width=16, layers=2, heads=2, hidden=24))


def tree():
    """Two roots in one row; the first has two branches, and the second branch a leaf."""
    row = Row()
    root = row.add(ROOT)
    row.add(LEFT, root)
    right = row.add(RIGHT, root)
    row.add(OTHER)
    row.add(LEAF, right)
    return row


def outputs(net, *rows):
    batch = collate(rows)
    with torch.no_grad():
        return net(batch.tokens, batch.positions, batch.mask)


def alone(net, tokens):
    """The outputs of one plain sequence under a causal mask."""
    mask = torch.tril(torch.ones(len(tokens), len(tokens), dtype=torch.bool))[None, None]
    with torch.no_grad():
        return net(torch.tensor([tokens]), torch.arange(len(tokens))[None], mask)[0]


def one(tokens):
    row = Row()
    row.label(row.add(tokens), 1.0)
    return row


def labelled():
    row = tree()
    row.label(0, 1.0)
    return row


def test_a_branch_gives_what_it_gives_as_a_sequence_of_its_own(net):
    got = outputs(net, labelled())[0]
    for branch, places in [
        (ROOT + LEFT, [0, 1, 2, 3, 4]),
        (ROOT + RIGHT + LEAF, [0, 1, 2, 5, 6, 7, 12, 13]),
        (OTHER, [8, 9, 10, 11]),
    ]:
        torch.testing.assert_close(got[places], alone(net, branch), atol=1e-5, rtol=1e-5)


def test_padding_makes_no_difference(net):
    short, row = one([3, 1]), labelled()
    together = outputs(net, short, row)
    torch.testing.assert_close(together[0, :2], alone(net, [3, 1]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together[1], outputs(net, row)[0], atol=1e-5, rtol=1e-5)
    assert torch.isfinite(together).all()
    assert collate([short, row]).mask.any(-1).all()  # attention over nothing is not a number


def test_every_token_that_is_written_is_predicted_from_the_one_before_it(net):
    row = Row()
    root = row.add(ROOT)
    row.add(OTHER, root)  # stands between a segment and its child: not what is predicted from
    row.write(LEFT, root)
    batch = collate([row])
    law = alone(net, ROOT + LEFT).log_softmax(-1)
    expected = -(law[2, LEFT[0]] + law[3, LEFT[1]]) / 2
    assert batch.targets.tolist() == LEFT
    torch.testing.assert_close(token_loss(net, batch), expected, atol=1e-5, rtol=1e-5)


def test_what_is_written_may_count_more_than_once(net):
    def written(*parts):
        row = Row()
        root = row.add(ROOT)
        for tokens, times in parts:
            row.write(tokens, root, times)
        return token_loss(net, collate([row]))

    one, other = written((LEFT, 1)), written((RIGHT, 1))
    expected = (2 * 3 * one + 3 * other) / (2 * 3 + 3)  # tokens times how often they count
    torch.testing.assert_close(written((LEFT, 3), (RIGHT, 1)), expected)


def test_a_label_stands_at_the_end_of_its_segment():
    row = tree()
    row.label(2, 1.0)
    row.label(4, 0.25)
    batch = collate([one([1, 1]), row])
    assert batch.rows.tolist() == [0, 1, 1]
    assert batch.places.tolist() == [1, 7, 13]
    assert batch.targets.tolist() == [1.0, 1.0, 0.25]


def test_segments_that_cannot_be():
    row = Row()
    with pytest.raises(InputError, match="at least one token"):
        row.add([])
    with pytest.raises(InputError, match="expected a parent"):
        row.write([1], -1)
