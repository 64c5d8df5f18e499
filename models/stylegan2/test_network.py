"""Our StyleGAN2 against what the reference implementation computed for the same weights, and its own promises."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

from models.stylegan2.network import (  # noqa: E402
    ARCHITECTURES,
    Discriminator,
    Generator,
    check_filter,
    generator_from_weights,
    minibatch_deviation,
    upsample,
)

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ("uncond-32", "cond-64")


@pytest.fixture(params=NAMES)
def reference(request):
    """A generator loaded from a fixture, with its expected values."""
    name = request.param
    facts = json.loads((FIXTURES / f"{name}.json").read_text())
    weights = safetensors.load_file(FIXTURES / f"{name}.safetensors")
    expected = {key: torch.from_numpy(value) for key, value in np.load(FIXTURES / f"{name}.npz").items()}
    generator = generator_from_weights(weights, conv_clamp=facts["init_kwargs"]["synthesis_kwargs"]["conv_clamp"])
    return generator, facts, expected


def close(ours, theirs):
    """Largest difference as a share of the expected range."""
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / (theirs.max() - theirs.min())).item()


def small(architecture="skip", **more):
    torch.manual_seed(3)
    settings = dict(z_dim=16, w_dim=16, channels=[16, 12, 8], mapping_layers=2, architecture=architecture) | more
    return Generator(**settings).eval().requires_grad_(False)


def test_sizes_are_read_from_the_weights(reference):
    generator, facts, _ = reference
    assert (generator.z_dim, generator.c_dim, generator.w_dim) == (facts["z_dim"], facts["c_dim"], facts["w_dim"])
    assert generator.size == (facts["img_resolution"],) * 2
    assert generator.mapping.num_layers == facts["init_kwargs"]["mapping_kwargs"]["num_layers"]
    assert generator.settings["architecture"] == "skip"


def test_styles_agree_with_the_reference(reference):
    generator, _, expected = reference
    z, c = expected["z"], expected.get("c")
    assert close(generator.mapping(z, c), expected["w"]) < 1e-4
    assert close(generator.mapping(z, c, truncation_psi=0.7), expected["w_psi0.7"]) < 1e-4
    assert close(generator.mapping(z, c, truncation_psi=0.5, truncation_cutoff=4), expected["w_psi0.5_cutoff4"]) < 1e-4


def test_images_agree_with_the_reference(reference):
    generator, _, expected = reference
    z, c = expected["z"], expected.get("c")
    assert close(generator(z, c, noise_mode="const"), expected["image_const"]) < 1e-3
    assert close(generator(z, c, noise_mode="none"), expected["image_none"]) < 1e-3
    assert close(generator(z, c, truncation_psi=0.7, noise_mode="const"), expected["image_psi0.7_const"]) < 1e-3


@pytest.mark.parametrize("more", [{"mapping_width": 24}, {"embed_width": 5, "c_dim": 3}, {"image_channels": 1},
                                  {"image_channels": 4}, {"z_dim": 7}, {"channels": [8]}, {"mapping_layers": 1},
                                  {"base": (4, 6)}, {"base": (7, 1), "architecture": "orig"},
                                  {"channels": [5, 3, 7, 2, 4, 6], "w_dim": 9}])  # fmt: skip
def test_sizes_that_a_network_in_the_wild_may_have(more):
    generator = small(**more)
    z = torch.randn(2, generator.z_dim)
    again = generator_from_weights(generator.state_dict())
    assert again.settings == generator.settings
    assert torch.equal(generator(z, noise_mode="const"), again(z, noise_mode="const"))


def test_a_layer_without_noise_counts_as_silent():
    generator = small()
    weights = {name: value for name, value in generator.state_dict().items() if ".noise_" not in name}
    z = torch.randn(2, 16)
    assert torch.equal(generator_from_weights(weights)(z), generator(z, noise_mode="none"))


def test_weights_that_do_not_fit_are_named():
    weights = small().state_dict()
    with pytest.raises(ValueError, match=r"b8\.conv1\.bias"):
        generator_from_weights({name: value for name, value in weights.items() if name != "synthesis.b8.conv1.bias"})
    with pytest.raises(ValueError, match=r"b8\.extra"):
        generator_from_weights(weights | {"synthesis.b8.extra": torch.zeros(1)})
    with pytest.raises(ValueError, match="w_avg has the shape"):
        generator_from_weights(weights | {"mapping.w_avg": torch.zeros(3)})
    with pytest.raises(ValueError, match="not a StyleGAN2"):
        generator_from_weights({"weight": torch.zeros(3)})


def test_channels_last_changes_nothing(reference):
    generator, _, expected = reference
    generator = generator.to(memory_format=torch.channels_last)
    assert close(generator(expected["z"], expected.get("c"), noise_mode="const"), expected["image_const"]) < 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near(reference, dtype):
    generator, _, expected = reference
    generator.synthesis.use_half(2, dtype)
    image = generator(expected["z"], expected.get("c"), noise_mode="const")
    assert image.dtype == torch.float32
    assert close(image, expected["image_const"]) < 0.03


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_survives_the_way_through_its_weights(architecture):
    generator = small(architecture, c_dim=3)
    z, c = torch.randn(2, 16), torch.eye(3)[:2]
    again = generator_from_weights(generator.state_dict())
    assert again.settings == generator.settings
    assert torch.equal(generator(z, c, noise_mode="const"), again(z, c, noise_mode="const"))


def test_modulation_equals_scaling_the_weights_of_each_image():
    generator = small()
    layer = generator.synthesis.b16.conv1
    x, w = torch.randn(2, 8, 16, 16), torch.randn(2, 16)
    styles = layer.affine(w)
    slow = []
    for i in range(2):  # the paper's equations 1 and 3, one image at a time
        weight = layer.weight * styles[i][None, :, None, None]
        weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        slow.append(torch.nn.functional.conv2d(x[i : i + 1], weight, padding=1))
    expected = torch.nn.functional.leaky_relu(torch.cat(slow) + layer.bias[:, None, None], 0.2) * 2**0.5
    assert torch.allclose(layer(x, w, noise_mode="none"), expected, atol=1e-5)


def test_noise_modes():
    generator = small()
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.5)
    z = torch.randn(1, 16)
    seeded = [generator(z, noise_mode="random", rng=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(seeded[0], seeded[1]) and not torch.equal(seeded[0], seeded[2])
    assert torch.equal(generator(z, noise_mode="const"), generator(z, noise_mode="const"))
    assert not torch.equal(generator(z, noise_mode="const"), generator(z, noise_mode="none"))
    with pytest.raises(ValueError, match="noise"):
        generator(z, noise_mode="loud")


def test_truncation_zero_is_the_mean_picture():
    generator = small()
    images = generator(torch.randn(2, 16), truncation_psi=0.0, noise_mode="none")
    assert torch.allclose(images[0], images[1], atol=1e-5)


def test_upsampling_keeps_the_brightness():
    x = upsample(torch.full((1, 2, 8, 8), 0.5))
    assert x.shape == (1, 2, 16, 16)
    assert torch.allclose(x[:, :, 2:-2, 2:-2], torch.full((1, 2, 12, 12), 0.5))


def test_a_foreign_filter_is_refused():
    with pytest.raises(ValueError, match="filter"):
        check_filter("synthesis.b8.resample_filter", torch.full((4, 4), 1 / 16))


def test_discriminator_gives_one_number_each_and_reaches_the_picture():
    torch.manual_seed(0)
    for c_dim, c in ((0, None), (3, torch.eye(3)[[0, 1, 2, 0]])):
        discriminator = Discriminator(channels=[16, 12, 8], c_dim=c_dim)
        image = torch.randn(4, 3, 16, 16, requires_grad=True)
        scores = discriminator(image, c)
        assert scores.shape == (4, 1)
        (slope,) = torch.autograd.grad(scores.sum(), image, create_graph=True)
        slope.square().sum().backward()  # what the R1 penalty needs: a second derivative
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in discriminator.parameters())


def test_minibatch_deviation_sees_a_batch_of_copies():
    same = torch.randn(1, 4, 4, 4).repeat(4, 1, 1, 1)
    assert minibatch_deviation(same)[:, -1].abs().max() < 1e-3
    assert minibatch_deviation(torch.randn(4, 4, 4, 4))[:, -1].min() > 0.1
