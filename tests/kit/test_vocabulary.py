"""Tokens by themselves, and texts as tokens."""

import json

import pytest

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from bridge.kit.vocabulary import Vocabulary, open_vocabulary
from tests.models.scribe.model import SONG


def byte_level():
    """A token for each byte, and one special one."""
    tokenizer = Tokenizer(
        models.BPE(vocab={c: n for n, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, merges=[])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>"])
    return tokenizer


def sentencepiece():
    """As networks of the Llama family have it: words with a mark for the space before them, and single bytes."""
    words = ["<unk>", "▁hello", "lo", "▁", *(f"<0x{byte:02X}>" for byte in "🦜".encode())]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "<unk>"))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def test_a_token_that_is_no_whole_character_is_told_as_its_bytes():
    tokenizer = byte_level()
    words = Vocabulary(tokenizer, [256], 256, 64)
    tokens = words.encode("a 🦜")
    assert [words.spelt(token) for token in tokens] == [
        "a",
        " ",
        r"bytes:\xf0",
        r"bytes:\x9f",
        r"bytes:\xa6",
        r"bytes:\x9c",
    ]
    assert words.spelt(256) == "<|end|>" and words.words == 257


def test_words_of_another_kind_keep_the_space_before_them():
    words = Vocabulary(sentencepiece(), [0], 0, 64)
    assert [words.spelt(token) for token in range(1, 6)] == [" hello", "lo", " ", r"bytes:\xf0", r"bytes:\x9f"]


def test_a_text_is_the_same_again_as_its_tokens():
    words = Vocabulary(byte_level(), [256], 256, 64)
    speller = words.speller([])
    assert "".join(map(speller.push, words.encode(SONG))) + speller.flush() == SONG


def test_a_folder_has_its_words_and_its_ends(tmp_path):
    byte_level().save(str(tmp_path / "tokenizer.json"))
    words = open_vocabulary(tmp_path, {"vocab_size": 300, "eos_token_id": [256, 3]}, 64)
    assert (words.ends, words.words) == ({256, 3}, 257)
    assert json.loads((tmp_path / "tokenizer.json").read_text())["decoder"]["type"] == "ByteLevel"
