from pathlib import Path

import pytest

from bridge import load_class
from bridge.errors import ModelBroken
from bridge.model import refined, signature_of

Writer = load_class(Path(__file__).parent)
WEIGHTS = Path(__file__).with_name("model.safetensors")


def test_it_takes_what_every_text_model_takes():
    signature = signature_of(Writer)
    assert list(signature.options) == ["device"]
    assert {"prompt", "max_tokens", "temperature", "top_k", "top_p", "seed", "stop"} <= set(signature.default.inputs)
    assert {"generated_text", "encountered_end"} <= set(signature.default.outputs)


def test_missing_weights_are_told(monkeypatch, tmp_path):
    monkeypatch.setitem(Writer.setup.__globals__, "HERE", tmp_path)
    with pytest.raises(ModelBroken, match="no weights yet"):
        Writer().setup()


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the weights are not there yet: python -m models.writer.make")
def test_weights_and_tokenizer_are_small():
    files = [Path(__file__).with_name(name) for name in ("model.safetensors", "tokenizer.json", "config.json")]
    assert sum(file.stat().st_size for file in files) <= 8_000_000


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the weights are not there yet: python -m models.writer.make")
def test_what_stands_there_already_is_shunned_a_little_unless_told_otherwise():
    pytest.importorskip("torch")
    writer = Writer()
    writer.setup()
    signature = refined(signature_of(Writer), writer)
    assert {command.inputs["repetition_penalty"].default for command in signature.commands.values()} == {1.1}


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the weights are not there yet: python -m models.writer.make")
def test_a_loop_goes_on_as_javascript():
    pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    from models.gpt2.network import load_network
    from models.gpt2.tokenizer import load_tokenizer
    from models.gpt2.train import complete

    network, tokenizer = load_network(WEIGHTS.parent).eval(), load_tokenizer(WEIGHTS.parent)
    assert complete(network, tokenizer, "for (let i = 0;", 12, temperature=0).startswith(" i < ")
