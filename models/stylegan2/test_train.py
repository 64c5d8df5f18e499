"""The training loop on pictures and networks so small that a step takes milliseconds."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")
pytest.importorskip("safetensors")

from models.stylegan2 import train as training  # noqa: E402
from models.stylegan2.weights import load_generator, save_generator  # noqa: E402


@pytest.fixture
def config(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 255, (20, 16, 16, 3), dtype=np.uint8)
    np.save(tmp_path / "pictures.npy", pictures)
    return training.Config(pictures=str(tmp_path / "pictures.npy"), out=str(tmp_path / "run"), size=16, channels=(8, 8, 4), z_dim=8,
                           w_dim=8, mapping_layers=2, images=16, batch=4, r1_every=2, path_every=2, log_every=2, device="cpu",
                           precision="float32", sample_every=8, threads=1)  # fmt: skip


def weights(generator):
    return torch.cat([p.flatten() for p in generator.parameters()])


def test_a_run_leaves_log_samples_and_a_checkpoint(config, tmp_path):
    seen = []
    training.train(config, on_progress=seen.append)
    assert [p["images"] for p in seen] == [8, 16]
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["images"] for line in lines] == [8, 16]
    assert {p.name for p in (tmp_path / "run" / "samples").iterdir()} == {"00000008.png", "00000016.png"}
    assert [p.name for p in (tmp_path / "run").glob("checkpoint-*")] == ["checkpoint-000000016.pt"]


def test_a_cancelled_run_resumes_to_the_same_weights(config, tmp_path):
    whole = training.train(config)
    parts = replace(config, out=str(tmp_path / "parts"))
    answers = iter([False, False, True])  # two steps, then stop
    training.train(parts, cancelled=lambda: next(answers))
    resumed = training.train(parts)
    assert torch.equal(weights(whole), weights(resumed))


@pytest.fixture
def guided(config, tmp_path):
    """Pictures that are one colour each, which their places tell."""
    places = np.random.default_rng(1).standard_normal((20, 8)).astype(np.float32)
    colours = (127 + 80 * np.sign(places[:, :3])).astype(np.uint8)
    np.save(tmp_path / "coloured.npy", np.broadcast_to(colours[:, None, None], (20, 16, 16, 3)))
    np.save(tmp_path / "places.npy", places)
    return replace(config, pictures=str(tmp_path / "coloured.npy"), places=str(tmp_path / "places.npy"), mirror=False)


def test_the_guide_alone_teaches_which_picture_belongs_where(guided):
    seen = []
    training.train(replace(guided, images=480, guide_alone=480, guide_lr=0.02, log_every=10), on_progress=seen.append)
    assert seen[-1]["apart"] < 0.7 * seen[0]["apart"]
    assert "loss_d" not in seen[-1] and "path_length" not in seen[-1]


def test_the_discriminator_joins_after_the_guide_and_resumes_to_the_same_weights(guided, tmp_path):
    config = replace(guided, guide_coarse=4, guide_alone=8, guide_batch=2, log_every=1, critic=(8, 4, 4))
    seen = []
    whole = training.train(config, on_progress=seen.append)
    assert [each["images"] for each in seen] == [2, 4, 6, 8, 12, 16]
    assert ["loss_d" in each for each in seen] == [False] * 4 + [True] * 2
    assert all("apart" in each for each in seen)
    parts = replace(config, out=str(tmp_path / "parts"))
    answers = iter([False] * 5 + [True])  # past where it joins, then stop
    training.train(parts, cancelled=lambda: next(answers))
    assert torch.equal(weights(whole), weights(training.train(parts)))


def test_the_guide_counts_less_once_the_discriminator_has_joined(guided, tmp_path):
    def trained(beside, images):
        out = str(tmp_path / f"{beside}-{images}")
        return weights(training.train(replace(guided, out=out, guide_alone=8, guide_beside=beside, images=images)))

    assert torch.equal(trained(0.0, 8), trained(5.0, 8))
    assert not torch.equal(trained(0.0, 16), trained(5.0, 16))


def test_a_new_generator_can_be_prepared_and_a_resumed_one_is_left_alone(config):
    prepared = []
    training.train(replace(config, images=8), prepare=prepared.append)
    training.train(config, prepare=prepared.append)
    assert [type(each).__name__ for each in prepared] == ["Generator"]


def test_the_coarse_part_leaves_the_last_block_as_it_was(guided):
    config = replace(guided, images=8, guide_coarse=8, guide_alone=8)
    torch.manual_seed(config.seed)
    before = training.new_generator(training.asdict(config)).synthesis
    after = training.train(config).synthesis
    assert torch.equal(before.b16.conv1.weight, after.b16.conv1.weight)
    assert not torch.equal(before.b8.conv1.weight, after.b8.conv1.weight)
    assert after.resolutions == [4, 8, 16]


def test_styles_of_known_places_are_not_mixed(config):
    generator = training.new_generator(training.asdict(config))
    known = torch.randn(3, 8)
    ws = training.styles(generator, 6, 1.0, "cpu", known)
    assert torch.allclose(ws[:3], generator.mapping(known), atol=1e-6)
    assert all(not torch.equal(each[0], each[-1]) for each in ws[3:])


def test_unlikeness_is_nothing_for_the_same_and_grows_with_the_difference():
    x = torch.rand(2, 3, 16, 16)
    assert training.unlikeness(x, x) == 0
    assert 0 < training.unlikeness(x, x + 0.1) < training.unlikeness(x, x + 0.2)
    edge = torch.zeros(1, 3, 16, 16)
    edge[..., 8:] = 1
    soft = torch.nn.functional.avg_pool2d(edge, 3, 1, 1, count_include_pad=False)
    assert training.unlikeness(soft, edge) > (soft - edge).abs().mean() * 2


def test_a_guide_that_cannot_be_is_refused(guided, tmp_path):
    with pytest.raises(ValueError, match="mirror"):
        training.train(replace(guided, mirror=True))
    with pytest.raises(ValueError, match="needs places"):
        training.train(replace(guided, places="", guide_alone=4))
    with pytest.raises(ValueError, match="skip"):
        training.train(replace(guided, guide_coarse=4, architecture="orig"))
    with pytest.raises(ValueError, match="critic"):
        training.train(replace(guided, critic=(8, 8)))
    np.save(tmp_path / "short.npy", np.zeros((3, 8), np.float32))
    with pytest.raises(ValueError, match=r"short\.npy"):
        training.train(replace(guided, places=str(tmp_path / "short.npy")))


def test_a_damaged_checkpoint_falls_back_to_the_one_before(config, tmp_path):
    training.train(replace(config, images=8))
    (tmp_path / "run" / "checkpoint-000000012.pt").write_bytes(b"cut short")
    seen = []
    with pytest.warns(UserWarning, match="000000012"):
        training.train(config, on_progress=seen.append)
    assert seen[0]["images"] == 16


def test_only_the_last_two_checkpoints_stay(config, tmp_path):
    training.train(replace(config, checkpoint_minutes=0.0))
    assert [p.name[-6:-3] for p in sorted((tmp_path / "run").glob("checkpoint-*"))] == ["012", "016"]


def test_augmentation_keeps_shape_and_lets_gradients_through():
    x = torch.randn(8, 3, 16, 16, requires_grad=True)
    assert training.augment(x, "colour,shift,cutout", 0.0) is x
    y = training.augment(x, "colour,shift,cutout", 1.0)
    assert y.shape == x.shape and not torch.equal(x, y)
    (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert torch.isfinite(x.grad).all()


def test_augmentation_follows_the_discriminator(config):
    assert training.adapt(0.1, 0.9, config) > 0.1 > training.adapt(0.1, 0.2, config)
    assert training.adapt(0.0, 0.0, config) == 0.0


def test_pictures_of_any_shape_are_cropped_and_scaled(tmp_path):
    cv2.imwrite(str(tmp_path / "wide.png"), np.full((20, 50, 3), (0, 0, 255), np.uint8))  # BGR: red
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    pictures = training.load_pictures(tmp_path, 16)
    assert pictures.shape == (1, 16, 16, 3)
    assert pictures[0, 0, 0].tolist() == [255, 0, 0]
    with pytest.raises(ValueError, match="no pictures"):
        training.load_pictures(tmp_path / "nowhere", 16)


def test_sizes_that_do_not_fit_are_refused(config):
    with pytest.raises(ValueError, match="channels"):
        training.train(replace(config, size=32))
    with pytest.raises(ValueError, match="is needed"):
        training.train(replace(config, size=32, channels=(8, 8, 4, 4)))


def test_export_gives_the_same_pictures_back(config, tmp_path):
    generator = training.train(config)
    training.export(config.out, tmp_path / "small")
    z = torch.randn(2, 8)
    difference = load_generator(tmp_path / "small")(z, noise_mode="const") - generator(z, noise_mode="const")
    assert difference.abs().max() < 1e-5
    assert json.loads((tmp_path / "small.json").read_text())["trained_images"] == 16


def test_large_generators_are_stored_in_half(config, tmp_path, monkeypatch):
    generator = training.train(replace(config, images=4))
    monkeypatch.setattr("models.stylegan2.weights.HALF_ABOVE", 100)
    save_generator(generator, tmp_path / "half")
    assert json.loads((tmp_path / "half.json").read_text())["dtype"] == "float16"
    z = torch.randn(2, 8)
    difference = load_generator(tmp_path / "half")(z, noise_mode="const") - generator(z, noise_mode="const")
    assert difference.abs().max() < 0.02


def test_a_network_goes_on_at_twice_the_size_and_learns_what_is_new_first(guided, tmp_path):
    half = training.train(replace(guided, images=16, guide_alone=8, guide_batch=2))
    pictures = np.load(guided.pictures).repeat(2, axis=1).repeat(2, axis=2)
    np.save(tmp_path / "larger.npy", pictures)
    grown = replace(guided, pictures=str(tmp_path / "larger.npy"), out=str(tmp_path / "grown"), size=32, channels=(*guided.channels, 4),
                    images=32, guide_alone=8, guide_batch=2, log_every=1, grown_from=guided.out)  # fmt: skip
    taught = training.train(replace(grown, images=8))
    kept = taught.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in half.state_dict().items() if "avg" not in name)
    seen = []
    whole = training.train(grown, on_progress=seen.append)
    assert "loss_d" in seen[-1] and not torch.equal(weights(whole), weights(taught))
    with torch.inference_mode():
        assert whole(torch.zeros(1, 8), noise_mode="const").shape == (1, 3, 32, 32)


def test_what_it_shall_grow_from_has_to_fit(guided, tmp_path):
    training.train(replace(guided, images=8, guide_alone=8, guide_batch=2))
    np.save(tmp_path / "larger.npy", np.zeros((20, 32, 32, 3), np.uint8))
    grown = replace(
        guided,
        pictures=str(tmp_path / "larger.npy"),
        size=32,
        channels=(*guided.channels, 4),
        out=str(tmp_path / "grown"),
    )
    with pytest.raises(ValueError, match="all but the last entry of channels"):
        training.train(replace(grown, channels=(8, 4, 4, 4), grown_from=guided.out))
    with pytest.raises(FileNotFoundError, match="no checkpoint in"):
        training.train(replace(grown, grown_from=str(tmp_path / "nowhere")))
    with pytest.raises(ValueError, match="guide_coarse has nothing to teach"):
        training.train(replace(grown, grown_from=guided.out, guide_coarse=4))
