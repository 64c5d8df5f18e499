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


def byte_fallback(strip):
    """As Llama 2 (which strips the first space), Mistral and Gemma have it: what is no word is bytes."""
    words = ["<s>", "▁Hello", "▁wor", "ld", "né", "▁", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "<s>"))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, *([decoders.Strip(" ", 1, 0)] if strip else [])])
    tokenizer.add_special_tokens(["<s>"])
    return tokenizer


def as_tokens(tokenizer, *parts):
    """Words by their tokens, all else as bytes."""
    known = tokenizer.get_vocab()
    spelt = ([part] if part in known else [f"<0x{byte:02X}>" for byte in part.encode()] for part in parts)
    return [known[word] for words in spelt for word in words]


MIXED = ("▁Hello", "▁", "漢字好🦜🎈", "▁wor", "ld", "👩‍🚀", "né", "日本語の長い文章です", "▁Hello")


@pytest.mark.parametrize("strip", [True, False])
def test_characters_of_several_byte_tokens_come_whole_wherever_the_text_before_ends(strip):
    tokenizer = byte_fallback(strip)
    tokens = [0, *as_tokens(tokenizer, *MIXED)]
    whole = "".join(MIXED).replace("▁", " ").removeprefix(" " if strip else "")
    assert len(tokens) == 65 and tokenizer.decode(tokens) == whole
    words = Vocabulary(tokenizer, [0], 0, 64)
    for cut in range(65):
        speller = words.speller(tokens[:cut])
        pieces = [speller.push(token) for token in tokens[cut:]]
        before = next(  # the whole characters of the text before
            text for back in range(5) if not (text := tokenizer.decode(tokens[: max(cut - back, 0)])).endswith("\ufffd")
        )
        assert before + "".join(pieces) == whole and speller.flush() == "", cut


def test_bytes_that_are_no_character_are_told_as_such_and_the_words_after_them_as_they_are():
    tokenizer = byte_fallback(True)
    known = tokenizer.get_vocab()
    speller = Vocabulary(tokenizer, [0], 0, 64).speller([0])
    tokens = [known["<0xF0>"], known["<0x9F>"], known["▁wor"], known["ld"], known["<0xE6>"]]
    assert [*map(speller.push, tokens), speller.flush()] == ["", "", "\ufffd wor", "ld", "", "\ufffd"]


def test_a_prompt_of_tokens_that_ends_inside_a_character_is_followed_by_all_of_it():
    words = Vocabulary(byte_level(), [256], 256, 64)
    tokens = words.encode("a漢🦜")
    assert [words.speller(tokens[:6]).push(token) for token in tokens[6:7]] == [""]
    speller = words.speller(tokens[:2])
    assert "".join(map(speller.push, tokens[2:])) == "漢🦜"


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


def test_tokens_that_the_network_lacks_are_left_out():
    tokenizer = byte_level()  # the special one has the number 256
    assert Vocabulary(tokenizer, [256], 256, 64).encode("a<|end|>b") == [64, 256, 65]
    assert Vocabulary(tokenizer, [], 0, 64, 257).encode("a<|end|>b") == [64, 256, 65]
    short = Vocabulary(tokenizer, [], 0, 64, 256)
    assert short.encode("a<|end|>b") == [64, 65] and short.words == 256
