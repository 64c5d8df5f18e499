"""The model as the bridge drives it."""

from pathlib import Path

import numpy as np
import pytest

from bridge import InputError, load_class
from bridge.backends.inputs import Inputs
from bridge.errors import ModelBroken
from bridge.model import refined, signature_of

HERE = Path(__file__).parent
StyleGAN2 = load_class(HERE)


@pytest.fixture(scope="module")
def loaded():
    pytest.importorskip("torch")
    model = StyleGAN2()
    model.setup(str(HERE / "fixtures" / "cond-64.pkl"), device="cpu")
    return model


@pytest.fixture
def call(loaded):
    """One command with the rest at its defaults: `call("run", {"z": z}, {"label": 2})` is two runs, of `tile` at once."""
    signature = refined(signature_of(StyleGAN2), loaded)

    def make(name, *runs):
        command, code = signature.command(name), getattr(loaded, name)
        way = Inputs(command)
        complete = [way.load(signature.parse(command, run)) for run in runs]
        if command.batch == 1:
            return [code(**inputs) for inputs in complete]
        return code(**{key: [inputs[key] for inputs in complete] for key in command.inputs})

    return make


def z(seed=1):
    return np.random.default_rng(seed).standard_normal(64).astype(np.float32)


def differ(one, other):
    return np.abs(one.astype(int) - other).mean()


def test_what_it_takes_can_be_told_without_torch_or_a_network():
    signature = signature_of(StyleGAN2)
    assert list(signature.commands) == ["run", "tile", "map"]
    assert [command.batch for command in signature.commands.values()] == [1, 8, 1]
    inputs = signature.default.inputs
    assert list(inputs)[:4] == ["z", "truncation", "label", "noise"] and inputs["w"].instead_of == "z"
    assert [name for name in inputs if name.startswith("direction")] == [f"direction/{i}" for i in range(1, 11)]


def test_once_loaded_it_tells_the_networks_sizes(loaded):
    inputs = refined(signature_of(StyleGAN2), loaded).default.inputs
    assert (inputs["z"].length, inputs["w"].length, inputs["w"].rows, inputs["mix"].length) == (64, 64, 10, 64)
    assert (inputs["label"].min, inputs["label"].max, inputs["mix_to"].max) == (-1, 4, 10)


def test_a_bare_run_gives_the_picture_of_seed_0(call):
    first = np.random.RandomState(0).randn(64).astype(np.float32)
    bare, same = call("run", {}, {"z": first})
    assert bare.shape == (64, 64, 3) and bare.dtype == np.uint8 and bare.std() > 5
    assert np.array_equal(bare, same)


def test_tiles_may_differ_in_their_noise(call):
    runs = [{"z": z(seed), "noise": noise} for seed, noise in ((1, "const"), (2, "random"), (3, "none"), (1, "const"))]
    pictures, tiles = np.stack(call("run", *runs)).astype(int), np.stack(call("tile", *runs))
    assert np.abs(pictures - tiles).max() <= 1


def test_tiles_are_the_pictures_up_to_rounding(call):
    mixes = [{}, {"mix": z(9)}, {"mix": z(9), "mix_from": 0, "mix_to": 3}, {"truncation_cutoff": 2}, {"label": 1}]
    runs = [{"z": z(seed), "direction/1": seed - 3.0, **more} for seed, more in enumerate(mixes)]
    for picture, tile in zip(call("run", *runs), call("tile", *runs), strict=True):
        assert np.abs(picture.astype(int) - tile).max() <= 1


def test_each_control_changes_the_picture(call):
    base = {"z": z(), "label": 1}
    (plain,) = call("run", base)
    for change in ({"z": z(2)}, {"truncation": 1.2}, {"label": 3}, {"label": -1}, {"noise": "none"}, {"noise": "random"},
                   {"direction/1": 2.0}, {"direction/10": -4.0}, {"mix": z(2)}, {"truncation_cutoff": 3}):  # fmt: skip
        assert differ(plain, call("run", base | change)[0]) > 0.1, change


def test_no_truncation_left_is_the_mean_picture_of_any_place(call):
    one, other = call("run", {"z": z(1), "truncation": 0}, {"z": z(2), "truncation": 0})
    assert np.array_equal(one, other)


def test_a_mapped_style_stands_in_for_its_place(call):
    (w,) = call("map", {"z": z(), "label": 2})
    assert w.shape == (64,) and w.dtype == np.float32
    of_z, of_w, of_rows = call("run", {"z": z(), "label": 2}, {"w": w}, {"w": np.tile(w, 10)})
    assert np.array_equal(of_z, of_w) and np.array_equal(of_z, of_rows)


def test_map_leaves_truncation_to_the_picture(call):
    (full,), (near,) = call("map", {"z": z()}), call("map", {"z": z(), "truncation": 0.5})
    assert not np.allclose(full, near)


def test_truncation_counts_for_the_layers_up_to_its_cutoff(call):
    near, full = {"z": z(), "truncation": 0.3}, {"z": z(), "truncation": 1.0}
    of_all, as_many, none, whole, some = call(
        "run",
        near,
        near | {"truncation_cutoff": 10},
        near | {"truncation_cutoff": 0},
        full,
        near | {"truncation_cutoff": 4},
    )
    assert np.array_equal(of_all, as_many) and np.array_equal(none, whole)
    assert differ(some, of_all) > 0.1 and differ(some, whole) > 0.1


def test_the_cutoff_is_that_of_the_network_itself(loaded):
    torch = pytest.importorskip("torch")
    expected = np.load(HERE / "fixtures" / "cond-64.npz")
    for latent, label, styles in zip(expected["z"], expected["c"], expected["w_psi0.5_cutoff4"], strict=True):
        ours = loaded.place(latent, None, int(label.argmax()) if label.any() else -1, 0.5, 4)
        assert torch.allclose(ours[0], torch.from_numpy(styles), atol=1e-3)


def test_a_style_that_differs_from_layer_to_layer_is_mapped_whole(call):
    base = {"z": z(), "truncation": 0.3, "truncation_cutoff": 4}
    (ws,), (again,) = call("map", base), call("map", {"z": z(), "truncation_cutoff": 4})
    assert ws.shape == (640,) and again.shape == (64,)
    of_z, of_w = call("run", base, {"w": ws, "truncation": 1})
    assert np.array_equal(of_z, of_w)


def test_mixing_all_layers_is_the_other_picture_and_none_is_the_first(call):
    one, other, all_, none = call(
        "run",
        {"z": z(1)},
        {"z": z(2)},
        {"z": z(1), "mix": z(2), "mix_from": 0, "mix_to": 10},
        {"z": z(1), "mix": z(2), "mix_from": 5, "mix_to": 5},
    )
    assert np.array_equal(all_, other) and np.array_equal(none, one)


def test_a_style_is_mixed_in_as_its_place_is(call):
    (w,) = call("map", {"z": z(2), "label": 3})
    base = {"z": z(1), "label": 3, "mix_from": 2, "mix_to": 7}
    plain, of_z, of_w, of_rows = call(
        "run", {**base}, {**base, "mix": z(2)}, {**base, "mix_w": w}, {**base, "mix_w": np.tile(w, 10)}
    )
    assert np.array_equal(of_z, of_w) and np.array_equal(of_z, of_rows) and differ(plain, of_z) > 0.1
    (tile,) = call("tile", {**base, "mix_w": w})
    assert np.abs(tile.astype(int) - of_z).max() <= 1


def test_of_two_that_could_be_mixed_in_the_one_that_came_last_counts(loaded):
    signature = refined(signature_of(StyleGAN2), loaded)
    assert signature.default.inputs["mix_w"].instead_of == "mix"
    assert signature.parse(signature.default, {"mix_w": [0.0] * 64}, partial=True)["mix"] is None
    assert signature.parse(signature.default, {"mix": [0.0] * 64}, partial=True)["mix_w"] is None


def test_random_noise_belongs_to_the_place(call):
    one, same, other = call("run", *({"z": z(seed), "noise": "random", "truncation": 0} for seed in (1, 1, 2)))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("z", np.zeros(512), "a list of 64 numbers"),
        ("z", [float("nan")] * 64, "finite"),
        ("w", np.zeros(65), "or 10 such lists in one: 640"),
        ("mix_w", np.zeros(65), "or 10 such lists in one: 640"),
        ("label", 5, "from -1 to 4"),
        ("mix_to", 11, "from 0 to 10"),
        ("truncation_cutoff", 11, "from -1 to 10"),
        ("direction/11", 1.0, "direction/11"),
        ("direction/1", 50.0, "from -5 to 5"),
        ("noise", "loud", "const"),
        ("truncation", -0.1, "from 0 to 1.5"),
    ],
)
def test_what_does_not_fit_the_network_is_told(field, value, said, call):
    with pytest.raises(InputError) as caught:
        call("run", {field: value})
    assert field in (caught.value.field, "direction/11") and said in caught.value.message + caught.value.hint


def test_the_model_itself_checks_too(loaded):
    with pytest.raises(InputError, match="z takes 64 numbers with this network; 512 came"):
        loaded.place(np.zeros(512), None, -1, 1.0)
    with pytest.raises(InputError, match="64 or 640 numbers"):
        loaded.place(None, np.zeros(128), -1, 1.0)
    with pytest.raises(InputError, match="finite"):
        loaded.place(np.full(64, np.inf), None, -1, 1.0)
    with pytest.raises(InputError, match="labels from -1 to 4"):
        loaded.place(z(), None, 5, 1.0)


def test_a_network_without_labels_says_so():
    pytest.importorskip("torch")
    model = StyleGAN2()
    model.setup(str(HERE / "fixtures" / "uncond-32.safetensors"), device="cpu")
    assert model.place(z(), None, -1, 1.0).shape == (1, 8, 64)
    label = refined(signature_of(StyleGAN2), model).default.inputs["label"]
    assert label.min == label.max == -1  # no form shows a choice of one
    with pytest.raises(InputError, match="no labels"):
        model.place(z(), None, 0, 1.0)


@pytest.mark.parametrize(("network", "said"), [("", "network is empty"), ("nowhere.pkl", "nowhere.pkl: No such file")])
def test_a_network_that_is_not_there_is_told(network, said):
    pytest.importorskip("torch")
    with pytest.raises(ModelBroken, match=said):
        StyleGAN2().setup(network)


def test_a_slider_goes_a_standard_deviation(loaded):
    styles = loaded.renderer.map(
        loaded.tools.tensor(np.random.default_rng(0).standard_normal((2000, 64)).astype(np.float32))
    )
    unit = loaded.found / loaded.found.norm(dim=1, keepdim=True)
    assert ((styles @ unit.T).std(dim=0) / loaded.found.norm(dim=1)).numpy() == pytest.approx(1, rel=0.15)


def test_warming_up_makes_a_picture(loaded):
    loaded.warm()
