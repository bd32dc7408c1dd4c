"""Sizes and first outputs of the network."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from specreward.train.decoder import Decoder, Shape, verdict_model  # noqa: E402

pytestmark = pytest.mark.train

SHAPE = Shape(vocabulary=11, outputs=11, width=16, layers=3, heads=2, hidden=24)
LAYER = 4 * 16 * 16 + 3 * 16 * 24 + 2 * 16


def out(net, tokens=(1, 2, 3), positions=(0, 1, 2)):
    mask = torch.tril(torch.ones(1, 1, len(tokens), len(tokens), dtype=torch.bool))
    with torch.no_grad():
        return net(torch.tensor([tokens]), torch.tensor([positions]), mask)


@pytest.mark.parametrize(
    ("shape", "parameters", "flops_parameters"),
    [
        (SHAPE, 3 * LAYER + 16 + 2 * 11 * 16, 3 * LAYER + 16 + 11 * 16),
        (replace(SHAPE, tied=True), 3 * LAYER + 16 + 11 * 16, 3 * LAYER + 16 + 11 * 16),
        (replace(SHAPE, outputs=1), 3 * LAYER + 16 + 12 * 16, 3 * LAYER + 16 + 16),
    ],
)
def test_parameters(shape, parameters, flops_parameters):
    net = Decoder(shape)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert net.flops_parameters == flops_parameters


def test_a_tied_head_is_the_embedding_and_learns_with_it():
    net = Decoder(replace(SHAPE, tied=True))
    assert net.head.weight is net.embed_tokens.weight
    assert Decoder(SHAPE).head.weight is not Decoder(SHAPE).embed_tokens.weight


def test_an_untrained_reward_is_one_half():
    assert (out(Decoder(replace(SHAPE, outputs=1))).sigmoid() == 0.5).all()
    assert out(Decoder(SHAPE)).std() > 0.1


@pytest.mark.parametrize("tied", [False, True])
def test_the_reward_of_two_verdicts_is_how_much_likelier_one_is(tied):
    net = Decoder(replace(SHAPE, tied=tied))
    reward = verdict_model(net, good=7, bad=4)
    assert reward.shape == replace(SHAPE, outputs=1)
    expected = out(net)[..., 7] - out(net)[..., 4]
    torch.testing.assert_close(out(reward)[..., 0], expected, atol=1e-5, rtol=1e-4)


def test_only_the_distance_between_positions_counts():
    net = Decoder(SHAPE)
    torch.testing.assert_close(out(net), out(net, positions=(7, 8, 9)), atol=1e-5, rtol=1e-4)
    assert (out(net) - out(net, positions=(0, 2, 4))).abs().max() > 1e-3


def test_the_rotary_base_counts():
    torch.manual_seed(0)
    net = Decoder(SHAPE)
    other = Decoder(replace(SHAPE, rope_theta=10.0))
    other.load_state_dict(net.state_dict())
    assert (out(net) - out(other)).abs().max() > 1e-4


def test_no_token_sees_a_later_one():
    net = Decoder(SHAPE)
    torch.testing.assert_close(out(net)[:, :2], out(net, tokens=(1, 2, 9))[:, :2])
    assert (out(net) - out(net, tokens=(9, 2, 3)))[:, 2].abs().max() > 1e-4
