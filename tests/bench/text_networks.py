"""GPT-2 networks for both sides of the text benchmarks: the same weights for transformers and for CTranslate2."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench import programs

WRITER = programs.ROOT / "models" / "writer"
PEERS = ("float32", "int8")  # engines that are installed beside the peers: CTranslate2, in two precisions
LARGE = {"vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": 3072}


class Network(NamedTuple):
    """A folder as transformers writes it, with a tokenizer; no token ends a text."""

    folder: Path
    about: str


def like_writer(folder: Path) -> Network:
    """The bundled model; random weights of its shape as long as it has none of its own."""
    if (WRITER / "model.safetensors").is_file():
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            shutil.copy(WRITER / name, folder / name)
        _endless(folder, json.loads((folder / "config.json").read_text()))
        return Network(folder, "the bundled model `writer`")
    return _random(folder, {}, "random weights of the shape of `writer` (5 layers of 224)")


def large(folder: Path) -> Network:
    """As large as the smallest of OpenAI's: 124 million weights."""
    return _random(folder, LARGE, "random weights of the shape of GPT-2 (124 million)")


def like_llama(folder: Path) -> Network:
    """A Llama of about a thousand million weights; for a GPU."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=32000,
        hidden_size=2048,
        intermediate_size=5632,
        num_hidden_layers=22,
        num_attention_heads=32,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=None,
    )
    torch.manual_seed(1)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(config.vocab_size)))
    return Network(folder, "random weights of the shape of TinyLlama (1,100 million)")


def converted(network: Network, folder: Path) -> Path:
    """The same for CTranslate2."""
    code = (
        "import sys; sys.path.append(sys.argv[3])\n"
        "from ctranslate2.converters import TransformersConverter\n"
        "TransformersConverter(sys.argv[1]).convert(sys.argv[2])"
    )
    command = [sys.executable, "-c", code, str(network.folder), str(folder), peer_packages()]
    subprocess.run(command, check=True, capture_output=True, env=programs.environment())
    shutil.copy(network.folder / "tokenizer.json", folder)
    return folder


def peer_packages() -> str:
    """Where the peers' packages lie, for those that share torch with us."""
    python = programs.peers_python()
    told = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip()


def _random(folder: Path, sizes: Mapping[str, int], about: str) -> Network:
    import torch

    from models.gpt2.network import GPT2, Size, save_network

    torch.manual_seed(1)
    network = GPT2(Size(**sizes))
    save_network(network, folder)
    _endless(folder, json.loads((folder / "config.json").read_text()))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(network.size.vocab_size)))
    return Network(folder, about)


def _endless(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps({**config, "eos_token_id": None}))


def _tokenizer(size: int) -> dict[str, Any]:
    """Bytes, and so many pairs of them, those of letters first: every token is one or two characters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet(), key=ord)
    words = ["<|endoftext|>", *letters]
    merges = list(product(letters, letters))[: size - len(words)]
    words += ["".join(pair) for pair in merges]
    tokenizer = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    told: dict[str, Any] = json.loads(tokenizer.to_str())
    return told
