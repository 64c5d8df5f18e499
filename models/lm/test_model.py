"""Networks of transformers behind the engine: the same texts as transformers itself makes."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from tokenizers import Tokenizer

from bridge import InputError, load_class
from bridge.errors import ModelBroken
from tests.kit.networks import generated, gpt2, llama, side_by_side, written

LM = load_class(Path(__file__).parent)
PROMPT = "function draw() {"
PROMPTS = [PROMPT[: 3 + number] + " let" * number for number in range(8)]
LATER = ["line(", "for (let i"]  # join when others have left
TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<answer>"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=[llama, gpt2])
def theirs(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.__name__)
    return request.param(folder), folder


def opened(folder, **options):
    model = LM()
    model.setup(str(folder), device="cpu", **options)
    model.engine.tokens.ends = frozenset()  # a random network would end soon
    return model


@pytest.fixture
def ours(theirs):
    return opened(theirs[1])


def test_200_greedy_tokens_are_those_of_transformers(ours, theirs):
    assert written(ours, PROMPT, 200) == generated(*theirs, PROMPT, 200)


def test_so_they_are_when_the_prompt_was_known_already(ours, theirs):
    first = written(ours, PROMPT + " circle", 30)
    for prompt in (PROMPT, PROMPT + " circle(", PROMPT + " circle" + first[:10]):
        assert written(ours, prompt, 200) == generated(*theirs, prompt, 200)


def test_so_they_are_in_a_batch_of_eight_with_joins_and_leaves(ours, theirs):
    prompts, leaving = [*PROMPTS, *LATER], {2: 20, 4: 33}
    runs = [lambda prompt=prompt: ours.run(prompt, max_tokens=200, temperature=0) for prompt in prompts]
    texts = side_by_side(runs, leave=leaving, join={8: 40, 9: 60})
    for number, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
        whole = generated(*theirs, prompt, 200)
        assert text and whole.startswith(text) if number in leaving else text == whole


def test_the_same_seed_gives_the_same_text_alone_and_among_others(ours):
    wishes = {"max_tokens": 100, "temperature": 0.9, "top_p": 0.9, "repetition_penalty": 1.1}
    runs = [lambda n=n: ours.run(PROMPTS[n], seed=n, **wishes) for n in range(8)]
    alone = [side_by_side([run])[0] for run in runs]
    assert side_by_side(runs) == alone and len(set(alone)) == 8
    assert side_by_side([lambda: ours.run(PROMPTS[0], seed=8, **wishes)]) != alone[:1]


def test_it_looks_back_no_further_than_told(theirs):
    model = opened(theirs[1], context=64)
    steps = list(model.run(PROMPT * 20, max_tokens=80, temperature=0))
    assert model.engine.network.context == 64 and steps[-1]["usage"]["generated_tokens"] == 80


@pytest.fixture
def copied(theirs, tmp_path):
    return Path(shutil.copytree(theirs[1], tmp_path / "copy"))


def test_a_talk_goes_through_the_networks_own_template(copied):
    (copied / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE})
    )
    model = opened(copied)
    assert model.talk([{"role": "user", "content": "hello"}]) == "<user>hello<answer>"
    with pytest.raises(InputError, match="message 1 is not a role with a content: the text 'hello' came"):
        model.chat(["hello"])
    with pytest.raises(InputError, match="message 2 is not a role with a content: 5 as content came"):
        model.chat([{"role": "user", "content": "hello"}, {"role": "user", "content": 5}])
    with pytest.raises(InputError, match="messages is empty"):
        model.chat([])


def test_a_template_that_refuses_is_told_in_words(copied):
    (copied / "tokenizer_config.json").write_text(
        json.dumps(
            {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": "{{ raise_exception('only users') }}"}
        )
    )
    with pytest.raises(InputError, match="only users"):
        opened(copied).chat([{"role": "system", "content": "be kind"}])


def test_tokens_that_the_network_does_not_know_are_left_out_of_a_prompt(ours, copied):
    tokenizer = Tokenizer.from_file(str(copied / "tokenizer.json"))
    tokenizer.add_special_tokens(["<picture>"])  # as some networks have it that come in two kinds
    tokenizer.save(str(copied / "tokenizer.json"))
    model = opened(copied)
    assert written(model, f"{PROMPT}<picture>", 20) == written(ours, PROMPT, 20)
    assert written(model, "<picture>", 20) == written(ours, "", 20)
    with pytest.raises(InputError, match="no token 300"):
        model.run("", prompt_tokens=[300])
    with pytest.raises(InputError, match="the token '300'"):
        model.run("a", logit_bias={"300": 1})


def test_pickles_are_refused_unless_they_are_asked_for(ours, copied):
    from safetensors.torch import load_file

    torch.save(load_file(copied / "model.safetensors"), copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelBroken) as caught:
        opened(copied)
    assert "pickle=true" in caught.value.hint
    assert written(opened(copied, pickle=True), PROMPT, 20) == written(ours, PROMPT, 20)


@pytest.mark.parametrize(
    ("name", "content"), [("config.json", b"{"), ("model.safetensors", b"no"), ("tokenizer.json", b"{}")]
)
def test_a_broken_folder_is_told_in_words(name, content, copied):
    (copied / name).write_bytes(content)
    with pytest.raises(ModelBroken, match="copy can't be loaded") as caught:
        opened(copied)
    assert caught.value.field == "network"
