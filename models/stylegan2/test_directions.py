"""Directions and mixing, on networks whose weights are made so that the answer is known."""

import pytest

torch = pytest.importorskip("torch")

from models.stylegan2.directions import convolutions, directions, mix, move, spread  # noqa: E402
from models.stylegan2.network import Generator  # noqa: E402


@pytest.fixture
def generator():
    torch.manual_seed(1)
    return Generator(z_dim=6, w_dim=6, channels=[5, 4, 3], mapping_layers=1).eval().requires_grad_(False)


def test_directions_are_orthogonal_unit_vectors(generator):
    found = directions(generator, 4)
    assert torch.allclose(found @ found.t(), torch.eye(4), atol=1e-5)


def test_the_direction_that_changes_styles_most_comes_first(generator):
    for layer in convolutions(generator):
        layer.affine.weight.mul_(0.01)
        layer.affine.weight[:, 4] -= 3.0
        layer.affine.weight[:, 2] += torch.linspace(-1, 1, len(layer.affine.weight))
    found = directions(generator, 2)
    assert found[0, 4] > 0.99 and found[1, 2] > 0.99  # and their signs are settled


def test_the_same_weights_give_the_same_directions(generator):
    assert torch.equal(directions(generator), directions(generator))


def test_layers_can_be_chosen(generator):
    layers = list(convolutions(generator))
    assert len(layers) == generator.num_ws - 1
    layers[4].affine.weight.zero_()
    layers[4].affine.weight[:, 3] = 1.0
    assert directions(generator, 1, layers=[4])[0, 3] > 0.99
    with pytest.raises(ValueError, match="0 to 5"):
        directions(generator, layers=[9])


def test_there_are_no_more_than_the_styles_have(generator):
    assert directions(generator, 100).shape == (6, 6)


def test_moving_goes_so_far_in_all_layers(generator):
    found = directions(generator, 3)
    ws = torch.randn(2, generator.num_ws, 6)
    moved = move(ws, found, torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, -1.0]]))
    assert torch.allclose(moved[0] - ws[0], (2 * found[1]).expand(generator.num_ws, -1), atol=1e-5)
    assert torch.allclose(moved[1] - ws[1], -found[2].expand(generator.num_ws, -1), atol=1e-5)


def test_spread_is_a_standard_deviation():
    styles = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 0.5])
    assert torch.allclose(spread(styles, torch.eye(2)), torch.tensor([3.0, 0.5]), rtol=0.03)


def test_mixing_takes_just_those_layers():
    one, other = torch.zeros(1, 6, 4), torch.ones(1, 6, 4)
    assert mix(one, other, 2, 5)[0, :, 0].tolist() == [0, 0, 1, 1, 1, 0]
    assert torch.equal(mix(one, other, 0, 6), other) and torch.equal(mix(one, other, 3, 3), one)
