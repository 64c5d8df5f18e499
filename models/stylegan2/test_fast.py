"""The prepared generator against the plain one, and what the player promises."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.stylegan2.fast import Fast, Styled  # noqa: E402
from models.stylegan2.loading import load_network  # noqa: E402
from models.stylegan2.network import ARCHITECTURES, Generator  # noqa: E402
from models.stylegan2.player import Renderer, choose_device, drawn  # noqa: E402
from models.stylegan2.tracing import traced  # noqa: E402

FIXTURES = Path(__file__).parent / "fixtures"


def small(seed=3, **more):
    torch.manual_seed(seed)
    settings = dict(z_dim=16, w_dim=12, channels=[16, 12, 8, 8], mapping_layers=2) | more
    generator = Generator(**settings).eval().requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if name.endswith(("noise_strength", "bias")):
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return generator


def off(ours, theirs):
    """Largest difference as a share of the range."""
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / (theirs.max() - theirs.min())).item()


def raw(values):
    return (values - 127.5) / 127.5


CASES = [dict(architecture=architecture) for architecture in ARCHITECTURES] + [
    dict(conv_clamp=0.5),
    dict(conv_clamp=0.5, architecture="resnet"),
    dict(image_channels=1),
    dict(image_channels=4),
    dict(channels=[6]),
    dict(channels=[40, 4, 4, 4, 4]),
    dict(mapping_width=20, mapping_lr=0.1),
    dict(base=(4, 6)),
    dict(base=(5, 3), architecture="resnet"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("noise", ["const", "none"])
def test_the_same_pictures_as_the_plain_generator(case, count, noise):
    generator = small(**case)
    z = torch.randn(count, 16)
    fast = Fast(generator)
    with torch.inference_mode():
        ws = fast.map(z)[:, None].expand(-1, generator.num_ws, -1)
        assert off(raw(fast.values(ws, noise)), generator(z, noise_mode=noise)) < 1e-4


@pytest.mark.parametrize("name", ["uncond-32", "cond-64"])
def test_the_same_pictures_as_the_reference(name):
    expected = {key: torch.from_numpy(value) for key, value in np.load(FIXTURES / f"{name}.npz").items()}
    renderer = Renderer(load_network(FIXTURES / f"{name}.pkl"))
    with torch.inference_mode():
        for i, z in enumerate(expected["z"]):
            label = expected["c"][i].argmax().item() if "c" in expected and expected["c"][i].any() else -1
            w = renderer.map(z[None], label)
            assert off(w, expected["w"][i : i + 1, 0]) < 1e-4
            ws = w[:, None].expand(-1, renderer.num_ws, -1)
            assert off(raw(renderer.fast.values(ws)), expected["image_const"][i : i + 1]) < 1e-3
            assert off(raw(renderer.fast.values(ws, "none")), expected["image_none"][i : i + 1]) < 1e-3
            nearer = renderer.truncate(ws, 0.7)
            assert off(raw(renderer.fast.values(nearer)), expected["image_psi0.7_const"][i : i + 1]) < 1e-3


def test_each_layer_may_have_its_own_style():
    generator, ws = small(), torch.randn(2, 8, 12)
    with torch.inference_mode():
        assert off(raw(Fast(generator).values(ws)), generator.synthesis(ws, noise_mode="const")) < 1e-4


def test_noise_that_is_too_large_to_keep_is_still_added(monkeypatch):
    generator, ws = small(), torch.randn(1, 8, 12)
    monkeypatch.setattr("models.stylegan2.fast.GROUND_NUMBERS", 0)
    fast = Fast(generator)
    assert all(block.conv1.ground is None for block in fast.blocks)
    with torch.inference_mode():
        for count in (1, 2):
            many = ws.expand(count, -1, -1)
            assert off(raw(fast.values(many)), generator.synthesis(many, noise_mode="const")) < 1e-4


def test_half_precision_stays_near_and_is_used():
    generator = small(channels=[16, 16, 16, 16], half_levels=2, conv_clamp=256)
    fast, ws = Fast(generator, half_levels=2), torch.randn(2, 8, 12)
    assert [block.dtype for block in fast.blocks] == [torch.float32] * 2 + [torch.float16] * 2
    with torch.inference_mode():
        for part in (ws, ws[:1]):
            assert off(raw(fast.values(part)), generator.synthesis(part, noise_mode="const")) < 0.02


def test_half_precision_does_not_overflow_on_extreme_styles():
    generator = small(channels=[16, 16, 16, 16])
    fast = Fast(generator, half_levels=3)
    with torch.inference_mode():
        assert torch.isfinite(fast.values(torch.full((1, 8, 12), 3000.0))).all()


def test_preparing_leaves_the_generator_alone():
    generator, z = small(), torch.randn(1, 16)
    before = generator(z, noise_mode="const")
    renderer = Renderer(generator)
    first = renderer.render(renderer.map(z)[:, None])
    assert np.array_equal(first, renderer.render(renderer.map(z)[:, None]))
    assert torch.equal(before, generator(z, noise_mode="const"))


# --- the player --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_are_rgb_bytes(channels):
    renderer = Renderer(small(image_channels=channels))
    images = renderer.render(renderer.map(torch.randn(2, 16))[:, None])
    assert images.shape == (2, 32, 32, 3) and images.dtype == np.uint8
    assert images.std() > 5
    assert (channels == 1) == bool((images[..., 0] == images[..., 1]).all())


def test_values_beyond_the_range_stay_at_its_ends():
    generator = small()
    generator.synthesis.b32.torgb.bias.fill_(9.0)
    renderer = Renderer(generator)
    assert renderer.render(renderer.map(torch.randn(1, 16))[:, None]).min() == 255


def test_a_picture_is_the_same_to_the_bit_whoever_is_made_beside_it():
    renderer, z = Renderer(small()), torch.randn(5, 16)
    ws = torch.cat([renderer.map(one[None]) for one in z])[:, None]
    alone = np.concatenate([renderer.render(w[None]) for w in ws])
    assert np.array_equal(renderer.render(ws), alone)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_traced_network_makes_the_same_pictures_to_the_bit(case):
    renderer, z = Renderer(small(**case)), torch.randn(30, 16)
    assert renderer.one is not renderer.fast.pixels
    ws = renderer.map(z)[:, None].expand(-1, renderer.num_ws, -1)
    with torch.inference_mode():
        assert all(torch.equal(renderer.one(w[None]), renderer.fast.pixels(w[None])) for w in ws)


def test_what_cannot_be_traced_to_the_bit_stays_as_it_is():
    def other(x):
        return x + torch.rand(1)

    def broken(x):
        raise RuntimeError

    assert [traced(function, torch.zeros(2)) for function in (other, broken)] == [other, broken]
    state = torch.get_rng_state()
    assert traced(torch.neg, torch.zeros(2)) is not torch.neg and torch.equal(torch.get_rng_state(), state)


def test_together_gives_the_same_up_to_rounding():
    renderer = Renderer(small())
    ws = renderer.map(torch.randn(11, 16))[:, None]
    apart, together = renderer.render(ws), renderer.render(ws, together=True)
    assert np.abs(apart.astype(int) - together).max() <= 1


@pytest.mark.parametrize("base", [(4, 4), (3, 5)])
def test_random_noise_belongs_to_its_seed(base):
    renderer = Renderer(small(base=base))
    ws = renderer.map(torch.randn(1, 16))[:, None].expand(3, -1, -1)
    one, two, three = renderer.render(ws, "random", [1, 2, 1])
    assert np.array_equal(one, three) and not np.array_equal(one, two)
    together = renderer.render(ws, "random", [1, 2, 1], together=True)
    assert np.abs(np.stack([one, two, three]).astype(int) - together).max() <= 1


def test_random_noise_is_as_strong_as_the_network_says():
    torch.manual_seed(5)
    generator = small()
    layer, x, w = generator.synthesis.b8.conv1, torch.zeros(1, 12, 8, 8), torch.zeros(1, 12)
    layer.noise_strength.fill_(0.25)
    layer.bias.zero_()
    with torch.inference_mode():
        lit = Styled(layer)(x, w, drawn([7]))
    assert lit.clamp(min=0).max() == pytest.approx(drawn([7])((8, 8), "cpu").max().item() * 0.25 * 2**0.5, rel=1e-5)


def test_a_device_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device() == choose_device("cpu") == "cpu"
    with pytest.raises(ValueError, match=r"can't use cuda .* it can use cpu"):
        choose_device("cuda")
