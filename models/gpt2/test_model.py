"""GPT-2 behind the engine: the same texts as transformers, and clear words for what can't be opened."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from bridge import load_class
from bridge.errors import ModelBroken
from bridge.model import signature_of
from models.gpt2.device import DeviceGPT2
from models.gpt2.layout import read_config, shape_of
from models.gpt2.loading import read_weights
from tests.kit.networks import generated, gpt2, side_by_side, written

GPT2 = load_class(Path(__file__).parent)
PROMPT = "function draw() {"
PROMPTS = [PROMPT[: 3 + number] + " let" * number for number in range(8)]
LATER = ["line(", "for (let i"]  # join when others have left


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gpt2")


@pytest.fixture(scope="module")
def theirs(folder):
    return gpt2(folder)


@pytest.fixture
def ours(theirs, folder):
    return opened(folder)


def opened(path, **options):
    model = GPT2()
    model.setup(str(path), **options)
    return model


def test_what_it_takes_can_be_told_without_a_network():
    signature = signature_of(GPT2)
    inputs = signature.default.inputs
    assert list(inputs)[:3] == ["prompt", "max_characters", "max_tokens"] and signature.concurrency == 64
    assert inputs["prompt"].required and list(signature.default.outputs)[:2] == ["generated_text", "encountered_end"]
    assert list(signature.commands) == ["run", "chat"] and signature.default.streams


def test_200_greedy_tokens_are_those_of_transformers(ours, theirs, folder):
    assert written(ours, PROMPT, 200) == generated(theirs, folder, PROMPT, 200)


def test_so_they_are_when_most_of_the_prompt_was_known_already(ours, theirs, folder):
    first = written(ours, PROMPT + " circle", 30)
    for prompt in (PROMPT, PROMPT + " circle(", PROMPT + " circle" + first[:10], PROMPT + " circ"):
        assert written(ours, prompt, 200) == generated(theirs, folder, prompt, 200)


def test_so_they_are_in_a_batch_of_eight_with_joins_and_leaves(ours, theirs, folder):
    prompts, leaving = [*PROMPTS, *LATER], {2: 20, 4: 33}
    runs = [lambda prompt=prompt: ours.run(prompt, max_tokens=200, temperature=0) for prompt in prompts]
    texts = side_by_side(runs, leave=leaving, join={8: 40, 9: 60})
    for number, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
        whole = generated(theirs, folder, prompt, 200)
        assert text and whole.startswith(text) if number in leaving else text == whole


def test_the_same_seed_gives_the_same_text_alone_and_among_others(ours):
    wishes = {"max_tokens": 100, "temperature": 0.9, "top_p": 0.9, "repetition_penalty": 1.1}
    alone = [side_by_side([lambda n=n: ours.run(PROMPTS[n], seed=n, **wishes)])[0] for n in range(8)]
    assert side_by_side([lambda n=n: ours.run(PROMPTS[n], seed=n, **wishes) for n in range(8)]) == alone


@pytest.mark.parametrize(
    "settings",
    [
        {"n_inner": 70},
        {"activation_function": "gelu"},
        {"activation_function": "relu", "n_head": 3},
        {"tie_word_embeddings": False},
        {"layer_norm_epsilon": 1e-2},
    ],
    ids=str,
)
def test_its_relatives_are_computed_as_well(settings, tmp_path):
    theirs = gpt2(tmp_path, **settings)
    assert written(opened(tmp_path), PROMPT, 40) == generated(theirs, tmp_path, PROMPT, 40)


def test_the_way_of_other_devices_gives_the_same(ours, theirs, folder):
    weights = read_weights(folder / "model.safetensors")
    named = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
    shape = shape_of(read_config(folder / "config.json"))
    ours.engine.network = DeviceGPT2(named, shape, ours.engine.network.slots, "cpu")
    runs = [lambda prompt=prompt: ours.run(prompt, max_tokens=30, temperature=0) for prompt in PROMPTS]
    assert side_by_side(runs) == [generated(theirs, folder, prompt, 30) for prompt in PROMPTS]


def test_emoji_and_chinese_come_whole_though_each_is_several_tokens(ours):
    tokens = ours.engine.tokens
    speller = tokens.speller([])
    pieces = [speller.push(token) for token in tokens.encode("né 漢字🦜")]
    assert len(pieces) > 8 and [piece for piece in pieces if piece][-3:] == ["漢", "字", "🦜"]
    assert "".join(pieces) == "né 漢字🦜"


def test_a_prompt_of_a_megabyte_counts_by_its_end(ours):
    steps = list(ours.run("let x = 1; " * 100_000, max_tokens=5, temperature=0))
    assert steps[-1]["usage"]["cut_tokens"] > 0 and steps[-1]["usage"]["generated_tokens"] == 5


def test_an_empty_prompt_begins_anew(ours):
    assert written(ours, "", 10) == written(ours, "<|endoftext|>", 10)


def test_the_embedding_could_be_a_place_in_a_latent_space(ours):
    step = next(step for step in ours.run(PROMPT, vectors=True, max_tokens=2) if step)
    assert step["embedding"].shape == (48,) and abs(step["embedding"].std() - 1) < 0.01
    assert step["probabilities"].shape == (16,) and np.all(np.diff(step["probabilities"]) <= 0)


def test_messages_are_taken_line_by_line(ours):
    said = [{"role": "user", "content": "function"}, {"role": "user", "content": "draw"}]
    steps = list(ours.chat(said, max_tokens=10, temperature=0))
    assert "".join(step.get("generated_text", "") for step in steps if step) == written(ours, "function\ndraw", 10)


# --- files ---------------------------------------------------------------------------------------


@pytest.fixture
def copied(theirs, folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def broken(path, **options):
    with pytest.raises(ModelBroken) as caught:
        opened(path, **options)
    assert caught.value.field == "network" and caught.value.hint
    return caught.value.message


def test_a_file_can_be_named_itself(ours, copied):
    assert written(opened(copied / "model.safetensors"), PROMPT, 10) == written(ours, PROMPT, 10)


def test_a_pickle_is_taken_only_when_it_is_named(ours, copied):
    from safetensors.torch import load_file

    torch.save(load_file(copied / "model.safetensors"), copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    assert "only as a pickle" in broken(copied)
    assert written(opened(copied / "pytorch_model.bin"), PROMPT, 10) == written(ours, PROMPT, 10)


def test_nothing_in_a_pickle_is_run(copied, tmp_path):
    torch.save(Path(tmp_path / "never"), copied / "evil.bin")
    assert "evil.bin can't be read" in broken(copied / "evil.bin")


def test_weights_in_several_files_and_in_half_precision_are_taken(ours, copied):
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    names = sorted(weights)
    (copied / "model.safetensors").unlink()
    save_file({name: weights[name] for name in names[::2]}, copied / "a.safetensors")
    save_file({name: weights[name] for name in names[1::2]}, copied / "b.safetensors")
    table = {name: "ab"[number % 2] + ".safetensors" for number, name in enumerate(names)}
    (copied / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    assert written(opened(copied), PROMPT, 10) == written(ours, PROMPT, 10)
    (copied / "b.safetensors").unlink()
    assert "b.safetensors is not there" in broken(copied)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "llama"}, "of the kind 'llama'"),
        ({"n_layer": "three"}, "says three for n_layer"),
        ({"n_layer": 4}, "lack h.3"),
        ({"n_head": 5}, "not a multiple"),
        ({"n_positions": 128}, r"wpe.weight is \(256, 48\)"),
        ({"vocab_size": 200}, "has 300 tokens, its network only 200"),
        ({"activation_function": "mish"}, "'mish' is not one of"),
        ({"scale_attn_by_inverse_layer_idx": True}, "not computed here"),
    ],
)
def test_a_config_that_does_not_fit_is_told_in_words(change, said, copied):
    file = copied / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ModelBroken, match=said):
        opened(copied)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", None, "no config.json"),
        ("config.json", b"{", "config.json can't be read"),
        ("config.json", b"[]", "not a table"),
        ("model.safetensors", None, "no model.safetensors"),
        ("model.safetensors", b"\x08\0\0\0\0\0\0\0{}", "model.safetensors can't be read"),
        ("tokenizer.json", None, "has no tokenizer"),
        ("tokenizer.json", b"{}", "the tokenizer in copy can't be read"),
    ],
)
def test_a_broken_folder_is_told_in_words(name, content, said, copied):
    (copied / name).unlink()
    if content is not None:
        (copied / name).write_bytes(content)
    assert said in broken(copied)


def test_a_network_that_is_not_there_is_told_in_words(tmp_path):
    assert "there is no" in broken(tmp_path / "nowhere")
    assert "is empty" in broken(" ")
