"""Networks as people have them: what is loaded is what was written, and what can't be is told in words."""

import builtins
import contextlib
import json
import os
import pickle
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
from safetensors.torch import save_file  # noqa: E402

from bridge.errors import ModelBroken  # noqa: E402
from models.stylegan2.loading import load_network  # noqa: E402
from models.stylegan2.network import ARCHITECTURES, Generator  # noqa: E402
from models.stylegan2.published import known, write_pickle  # noqa: E402
from models.stylegan2.weights import save_generator  # noqa: E402

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ("uncond-32", "cond-64")


def small(**more):
    torch.manual_seed(4)
    settings = dict(z_dim=16, w_dim=12, channels=[16, 12, 8], mapping_layers=2, conv_clamp=2.0) | more
    return Generator(**settings).eval().requires_grad_(False)


def same(one, other):
    """They make the same pictures, and say the same of themselves."""
    z = torch.randn(2, one.z_dim, generator=torch.Generator().manual_seed(0))
    c = torch.eye(one.c_dim)[:2] if one.c_dim else None
    assert one.settings == other.settings
    return torch.equal(one(z, c, noise_mode="const"), other(z, c, noise_mode="const"))


def off(ours, theirs):
    return ((ours - theirs).abs().max() / (theirs.max() - theirs.min())).item()


def refused(path):
    """The error, in words that name the file."""
    with pytest.raises(ModelBroken) as caught:
        load_network(path)
    error = caught.value
    assert error.message.startswith(Path(path).name) and error.hint and error.field == "network"
    return f"{error.message} | {error.hint}"


# --- the reference -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ending", ["pkl", "safetensors"])
def test_the_fixtures_agree(name, ending):
    generator = load_network(FIXTURES / f"{name}.{ending}")
    expected = {key: torch.from_numpy(value) for key, value in np.load(FIXTURES / f"{name}.npz").items()}
    z, c = expected["z"], expected.get("c")
    assert off(generator.mapping(z, c), expected["w"]) < 1e-3
    assert off(generator.mapping(z, c, truncation_psi=0.7), expected["w_psi0.7"]) < 1e-3
    assert off(generator.mapping(z, c, truncation_psi=0.5, truncation_cutoff=4), expected["w_psi0.5_cutoff4"]) < 1e-3
    assert off(generator(z, c, noise_mode="const"), expected["image_const"]) < 1e-3
    assert off(generator(z, c, noise_mode="none"), expected["image_none"]) < 1e-3
    assert off(generator(z, c, truncation_psi=0.7, noise_mode="const"), expected["image_psi0.7_const"]) < 1e-3
    assert generator.settings["conv_clamp"] == 256


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ending", ["pkl", "safetensors"])
def test_the_sizes_are_those_of_the_reference(name, ending):
    facts = json.loads((FIXTURES / f"{name}.json").read_text())
    generator = load_network(FIXTURES / f"{name}.{ending}")
    assert generator.size == (facts["img_resolution"],) * 2
    for name in ("z_dim", "c_dim", "w_dim"):
        assert getattr(generator, name) == facts[name]


# --- pickles -----------------------------------------------------------------------------------------------------------------

VARIANTS = [
    *[dict(architecture=architecture) for architecture in ARCHITECTURES],
    dict(conv_clamp=None),
    dict(c_dim=3),
    dict(c_dim=3, embed_width=7, mapping_width=20),
    dict(image_channels=1),
    dict(image_channels=4),
    dict(half_levels=2),
    dict(mapping_lr=0.05),
    dict(channels=[5]),
    dict(channels=[4, 3, 2, 5, 2, 2], w_dim=3),
    *[dict(mapping_layers=layers) for layers in (1, 8)],
    *[dict(base=base, architecture=kind) for base, kind in zip([(4, 6), (5, 3), (1, 8)], ARCHITECTURES, strict=True)],
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_kind_of_network_survives_a_pickle(variant, tmp_path):
    generator = small(**variant)
    write_pickle(generator, tmp_path / "net.pkl")
    assert same(generator, load_network(tmp_path / "net.pkl"))


def test_large_pictures_are_known_and_larger_ones_refused(tmp_path, monkeypatch):
    write_pickle(small(channels=[4, 3, 2, 2, 2, 2, 2, 2, 2]), tmp_path / "net.pkl")
    assert load_network(tmp_path / "net.pkl").size == (1024, 1024)
    monkeypatch.setattr("models.stylegan2.loading.LARGEST", 512)
    assert "pictures of 1024 × 1024 pixels; up to 512 a side" in refused(tmp_path / "net.pkl")


def test_source_in_a_pickle_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pickle(
        small(), tmp_path / "net.pkl", source="import os\nos.system('touch ran')\nopen('ran', 'w')\nraise SystemExit"
    )
    assert same(small(), load_network(tmp_path / "net.pkl"))
    assert [path.name for path in tmp_path.iterdir()] == ["net.pkl"]


def test_what_stands_beside_the_generator_is_left_alone(tmp_path):
    class EasyDict(dict):
        pass

    EasyDict.__qualname__ = "EasyDict"
    beside = {"resolution": np.int64(32), "mean": np.zeros(3), "name": EasyDict(path="a.zip", mirror=True), "set": {1}}
    with known("dnnlib.util", EasyDict):
        write_pickle(small(), tmp_path / "net.pkl", training_set_kwargs=beside)
    assert same(small(), load_network(tmp_path / "net.pkl"))


def test_numbers_of_numpy_among_the_attributes_count_as_numbers(tmp_path):
    def change(record):
        if "conv_clamp" in record["state"]:
            record["state"]["conv_clamp"] = np.float32(2.0)
        if record["class_name"] == "FullyConnectedLayer":
            record["state"]["bias_gain"] = np.float64(record["state"]["bias_gain"])

    write_pickle(small(), tmp_path / "net.pkl", change=change)
    assert same(small(), load_network(tmp_path / "net.pkl"))


def test_a_bare_generator_is_taken(tmp_path):
    write_pickle(small(), tmp_path / "net.pkl", G=None)
    content = (tmp_path / "net.pkl").read_bytes()
    assert load_network(tmp_path / "net.pkl").z_dim == 16
    assert b"G_ema" in content


@pytest.mark.parametrize(
    ("kind", "attribute", "value", "said"),
    [
        ("SynthesisLayer", "activation", "relu", "activation relu"),
        ("FullyConnectedLayer", "activation", "elu", "activation elu"),
        ("SynthesisLayer", "conv_clamp", "wide", "conv_clamp"),
        ("SynthesisLayer", "conv_clamp", 7.0, "differ in conv_clamp"),
        ("Generator", "_modules", {}, "no synthesis"),
        ("Generator", "_modules", [1], ""),
        ("SynthesisNetwork", "_modules", {"b4": None}, "resolutions"),
    ],
)
def test_what_is_not_known_is_refused_by_its_name(kind, attribute, value, said, tmp_path):
    def change(record):
        if record["class_name"] == kind and not (
            kind == "FullyConnectedLayer" and record["state"]["activation"] == "linear"
        ):
            record["state"][attribute] = value

    write_pickle(small(conv_clamp=None if value == "wide" else 256), tmp_path / "net.pkl", change=change)
    assert said in refused(tmp_path / "net.pkl")


def test_another_filter_is_refused(tmp_path):
    def change(record):
        if "resample_filter" in record["state"]["_buffers"]:
            record["state"]["_buffers"]["resample_filter"] = torch.full((4, 4), 1 / 16)

    write_pickle(small(), tmp_path / "net.pkl", change=change)
    assert "resample_filter is not the [1,3,3,1] filter" in refused(tmp_path / "net.pkl")


class Caller:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, builtins.eval, builtins.exec, shutil.rmtree, print])
@pytest.mark.parametrize("place", ["root", "state", "parameters", "beside"])
def test_a_malicious_pickle_runs_nothing_and_is_told(function, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = Caller(function, "touch ran")

    def change(record):
        if place in ("state", "parameters") and record["class_name"] == "MappingNetwork":
            target = record["state"] if place == "state" else record["state"]["_parameters"]
            target["weight"] = evil

    beside = {"G_ema": evil} if place == "root" else {"augment_pipe": evil} if place == "beside" else {}
    write_pickle(small(), tmp_path / "net.pkl", change=change, **beside)
    with pytest.raises(ModelBroken, match=rf"asks for \w+\.{function.__name__}.*nothing in it was run"):
        load_network(tmp_path / "net.pkl")
    assert [path.name for path in tmp_path.iterdir()] == ["net.pkl"]


def deep(key_at_the_end):
    """A tuple in a tuple, 400,000 times. Python's own hashing of it overruns the stack of the process."""
    return b")" + b"\x85" * 400_000 + key_at_the_end


@pytest.mark.parametrize(
    "data", [b"\x80\x04}" + deep(b"K\x01s."), b"\x80\x04(" + deep(b"\x91."), b"\x80\x04" + deep(b".")]
)
def test_a_pickle_too_deep_for_python_itself_is_told(data, tmp_path):
    (tmp_path / "deep.pkl").write_bytes(data)
    assert "one in another" in refused(tmp_path / "deep.pkl")


def test_evil_among_a_tensors_bytes_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Tensor:
        def __init__(self, shape):
            self.shape = shape

        def __reduce__(self):
            data = pickle.dumps(Caller(os.system, "touch ran"), 2)
            parts = (Caller(torch.storage._load_from_bytes, data), 0, self.shape, (1,), False, {})
            return torch._utils._rebuild_tensor_v2, parts

    def change(record):
        if record["class_name"] == "MappingNetwork":
            record["state"]["_buffers"]["w_avg"] = Tensor((12,))

    write_pickle(small(), tmp_path / "net.pkl", change=change)
    assert "posix.system" in refused(tmp_path / "net.pkl") or "nt.system" in refused(tmp_path / "net.pkl")
    assert [path.name for path in tmp_path.iterdir()] == ["net.pkl"]


def test_a_tensor_that_claims_a_terabyte_is_refused(tmp_path):
    class Tensor:
        def __reduce__(self):
            real = torch.zeros(4).untyped_storage()
            typed = torch.storage.TypedStorage(wrap_storage=real, dtype=torch.float32, _internal=True)
            return torch._utils._rebuild_tensor_v2, (typed, 0, (1 << 19, 1 << 19), (0, 0), False, {})

    def change(record):
        if record["class_name"] == "MappingNetwork":
            record["state"]["_buffers"]["w_avg"] = Tensor()

    write_pickle(small(), tmp_path / "net.pkl", change=change)
    assert "claim more numbers" in refused(tmp_path / "net.pkl")


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("synthesis.b4.const", [16, 4], "what it begins with has the shape (16, 4)"),
        ("synthesis.b4.const", [16, 4, 4000], "what it begins with has the shape (16, 4, 4000)"),
        ("synthesis.b4.const", [16, -4, -4], "synthesis.b4.const has the shape"),
        ("synthesis.b4.const", [8] * 100_000, "what it begins with has the shape (8, 8, 8"),
        ("synthesis.b8.conv1.weight", [100_000, 0, 3, 3], "synthesis.b8.conv1.weight has the shape"),
        ("synthesis.b8.conv1.weight", ["x", 12, 3, 3], "synthesis.b8.conv1.weight has the shape"),
        ("synthesis.b4.const", [16, 2, 8], "noise_const has the shape (16, 16) where (8, 32) belongs"),
        ("mapping.fc0.bias", [13], "it can't be read"),
    ],
)
def test_shapes_that_no_network_has_are_told_in_few_words(name, shape, said, tmp_path):
    save_file(small().state_dict(), tmp_path / "net.safetensors")
    data = (tmp_path / "net.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header[name]["shape"] = shape
    text = json.dumps(header).encode()
    (tmp_path / "net.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    told = refused(tmp_path / "net.safetensors")
    assert said in told and len(told) < 500


def test_sizes_that_do_not_fit_together_take_no_memory(tmp_path):
    weights = small().state_dict()
    for level in (4, 8):
        weights[f"synthesis.b{level}.conv1.weight"] = torch.zeros(100_000, 1, 3, 3)  # whole, they would be 360 GB
    save_file(weights, tmp_path / "net.safetensors")
    assert "its layers do not fit together" in refused(tmp_path / "net.safetensors")


def test_no_cut_and_no_flipped_byte_is_more_than_an_error(tmp_path):
    whole = (FIXTURES / "uncond-32.pkl").read_bytes()
    rng = random.Random(7)
    path = tmp_path / "net.pkl"
    for step in range(60):
        data = bytearray(whole)
        if step % 3 == 0:
            del data[rng.randrange(1, len(data)) :]
        for _ in range(step % 3 * 4):
            data[rng.randrange(min(len(data), 8000 if step % 2 else len(data)))] = rng.randrange(256)
        path.write_bytes(data)
        outcome = contextlib.nullcontext() if step % 3 else pytest.raises(ModelBroken, match=r"^net.pkl: ")
        with outcome, contextlib.suppress(ModelBroken) if step % 3 else contextlib.nullcontext():
            load_network(path)


# --- wrong files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pkl", b"", "it is empty"),
        ("a.pkl", b"\xff\xd8\xff\xe0\x00\x10JFIF", "is a JPEG picture"),
        ("a.pkl", b"\x89PNG\r\n\x1a\n", "is a PNG picture"),
        ("a.pkl", b"<!DOCTYPE html><html>", "is a web page"),
        ("a.pkl", b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        ("a.pkl", b"\x1f\x8b\x08\x00", "gzip"),
        ("a.json", b'{"settings": {}}', "name the .safetensors beside it"),
        ("a.bin", b"MZ\x90\x00 something else", "not a network file"),
        ("a.pkl", pickle.dumps({"a": 1}), "no averaged generator 'G_ema'; it has a"),
        ("a.pkl", pickle.dumps([1, 2]), "not one of stylegan2-ada-pytorch"),
        ("a.pkl", b"\x80\x02cdnnlib.tflib.network\nNetwork\nq\x00)\x81.", "TensorFlow network"),
        ("a.pkl", b"\x80\x02cmodels.generator\nNet\n)\x81.", "models.generator.Net, a class that is not known"),
        ("a.safetensors", b"\x00\x10\x00\x00\x00\x00\x00\x00{}", "cut short"),
        ("a.safetensors", b"\x02\x00\x00\x00\x00\x00\x00\x00{}", "no synthesis layers"),
        ("a.safetensors", b"\x03\x00\x00\x00\x00\x00\x00\x00{\xff}", "what it says of its tensors is damaged"),
        ("a.safetensors", b"\x03\x00\x00\x00\x00\x00\x00\x00{,}", "what it says of its tensors is damaged"),
        ("a.pt", b"PK\x03\x04 not really", "cut short"),
    ],
)
def test_a_wrong_file_says_what_it_is(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert said in refused(tmp_path / name)


def test_a_folder_and_a_file_that_is_not_there_are_told(tmp_path):
    assert tmp_path.name in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "nowhere.pkl")


def test_a_truncated_pickle_is_told(tmp_path):
    data = (FIXTURES / "cond-64.pkl").read_bytes()
    for share in (0.01, 0.5, 0.999):
        (tmp_path / "net.pkl").write_bytes(data[: int(len(data) * share)])
        assert "downloaded whole" in refused(tmp_path / "net.pkl")


def test_a_stylegan3_network_is_told(tmp_path):
    def change(record):
        if record["class_name"] == "SynthesisBlock":
            record["class_name"] = "SynthesisInput"

    write_pickle(small(), tmp_path / "net.pkl", change=change)
    assert "StyleGAN3" in refused(tmp_path / "net.pkl")


# --- .safetensors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_what_we_save_is_what_we_load(variant, tmp_path):
    generator = small(**variant)
    save_generator(generator, tmp_path / "net", {"trained_images": 5})
    again, z = load_network(tmp_path / "net.safetensors"), torch.randn(1, 16)
    assert again.settings == generator.settings
    assert off(again(z, noise_mode="const"), generator(z, noise_mode="const")) < 0.02  # large ones are kept as float16


def test_without_a_json_the_usual_values_count(tmp_path):
    generator = small(conv_clamp=None)
    save_file(generator.state_dict(), tmp_path / "net.safetensors")
    assert same(generator, load_network(tmp_path / "net.safetensors"))


@pytest.mark.parametrize("prefix", ["G_ema.", "generator."])
def test_a_prefix_before_the_names_is_taken_off(prefix, tmp_path):
    generator = small(conv_clamp=None)
    weights = {prefix + name: value for name, value in generator.state_dict().items()}
    save_file(weights | {"D.b8.weight": torch.zeros(3)}, tmp_path / "net.safetensors")
    assert same(generator, load_network(tmp_path / "net.safetensors"))


def test_a_cut_safetensors_is_told(tmp_path):
    whole = (FIXTURES / "uncond-32.safetensors").read_bytes()
    (tmp_path / "net.safetensors").write_bytes(whole[: len(whole) // 2])
    assert "cut short" in refused(tmp_path / "net.safetensors")


def beside(tmp_path, about):
    save_file(small().state_dict(), tmp_path / "net.safetensors")
    (tmp_path / "net.json").write_text(about if isinstance(about, str) else json.dumps(about))
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"synthesis_kwargs": {"conv_clamp": 3, "num_fp16_res": 2}}, {"conv_clamp": 3, "half_levels": 2}),
        ({"synthesis_kwargs": {}, "mapping_kwargs": {"lr_multiplier": 0.1}}, {"conv_clamp": None, "mapping_lr": 0.1}),
        ({"channel_base": 32768, "channel_max": 512}, {"conv_clamp": 256, "half_levels": 4}),  # the later code base
        ({"channel_base": 32768, "conv_clamp": None, "num_fp16_res": 0}, {"conv_clamp": None, "half_levels": 0}),
        ({"synthesis_kwargs": {"activation": "lrelu", "resample_filter": [1, 3, 3, 1], "use_noise": False}}, {}),
        ({"init_res": [4, 4], "synthesis_kwargs": {"init_res": [4, 4]}}, {"base": [4, 4]}),
    ],
)
def test_the_constructors_arguments_are_honoured(arguments, expected, tmp_path):
    settings = load_network(beside(tmp_path, {"init_kwargs": arguments})).settings
    assert expected.items() <= settings.items()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"synthesis_kwargs": {"activation": "relu"}}, "activation relu"),
        ({"synthesis_kwargs": {"resample_filter": [1, 2, 1]}}, "resample_filter [1, 2, 1]"),
        ({"synthesis_kwargs": {"architecture": "resnet"}}, "architecture resnet"),
        ({"synthesis_kwargs": {"magic": 1}}, "magic 1, which StyleGAN2 does not have"),
        ({"synthesis_kwargs": {"conv_clamp": "x"}}, "conv_clamp is x"),
        ({"synthesis_kwargs": {"conv_clamp": -1}}, "conv_clamp is -1"),
        ({"synthesis_kwargs": {"num_fp16_res": 1.5}}, "num_fp16_res is 1.5"),
        ({"synthesis_kwargs": [1]}, "synthesis_kwargs is not a table"),
        ({"mapping_kwargs": {"num_layers": 8}}, "num_layers 8, but its weights have 2"),
        ({"z_dim": 512}, "z_dim 512, but its weights have 16"),
        ({"img_resolution": 64}, "img_resolution 64"),
        ({"init_res": [4, 6]}, "init_res [4, 6], but its weights have [4, 4]"),
        ({"synthesis_kwargs": {"init_res": 8}}, "init_res 8, but its weights have [4, 4]"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, said, tmp_path):
    assert said in refused(beside(tmp_path, {"init_kwargs": arguments}))


def test_a_json_that_is_none_is_told(tmp_path):
    assert "not valid JSON" in refused(beside(tmp_path, "{"))
    assert "not a table" in refused(beside(tmp_path, "[1]"))
    assert "too large" in refused(beside(tmp_path, " " * (2 << 20)))
    assert "w_dim 5, but its weights have 12" in refused(beside(tmp_path, {"settings": {"w_dim": 5}}))


# --- checkpoints -----------------------------------------------------------------------------------------------------------


def test_our_checkpoints_are_taken(tmp_path):
    generator = small(conv_clamp=None)
    content = {
        "G_ema": generator.state_dict(),
        "G": small().state_dict(),
        "state": {"images": 3},
        "config": {"size": 16},
    }
    torch.save(content, tmp_path / "checkpoint-000000003.pt")
    assert same(generator, load_network(tmp_path / "checkpoint-000000003.pt"))
    torch.save(generator.state_dict(), tmp_path / "bare.pt")
    assert same(generator, load_network(tmp_path / "bare.pt"))


def test_a_checkpoint_of_a_training_with_another_mapping_rate_makes_the_same_pictures(tmp_path):
    generator = small(mapping_lr=0.05, conv_clamp=None)
    content = {"G_ema": generator.state_dict(), "config": {"size": 16, "mapping_lr": 0.05}}
    torch.save(content, tmp_path / "checkpoint-000000003.pt")
    assert same(generator, load_network(tmp_path / "checkpoint-000000003.pt"))
    torch.save(content | {"config": {"mapping_lr": "fast"}}, tmp_path / "odd.pt")
    assert "mapping_lr is fast, not a number" in refused(tmp_path / "odd.pt")


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"G_ema": Caller(os.system, "touch ran")}, tmp_path / "net.pt")
    assert "system" in refused(tmp_path / "net.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]


def test_a_checkpoint_too_deep_for_python_itself_is_told(tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "whole.pt")
    with zipfile.ZipFile(tmp_path / "whole.pt") as whole, zipfile.ZipFile(tmp_path / "deep.pt", "w") as made:
        for name in whole.namelist():
            made.writestr(name, b"\x80\x02}" + deep(b"K\x01s.") if name.endswith("data.pkl") else whole.read(name))
    assert "one in another" in refused(tmp_path / "deep.pt")


def test_checkpoints_of_others_are_told_apart(tmp_path):
    torch.save({"g_ema": {}, "g_optim": {}}, tmp_path / "net.pt")
    assert "rosinality" in refused(tmp_path / "net.pt")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "net.pt")
    assert "no synthesis layers" in refused(tmp_path / "net.pt")
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    assert "zip of something else" in refused(tmp_path / "net.zip")
