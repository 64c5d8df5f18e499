"""Tokenizers as the engine uses them. Loads the library `tokenizers` only when one is opened."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bridge.errors import ModelBroken
from bridge.kit.pieces import ByteSpeller, DecodedSpeller, Speller

_BYTE = re.compile("<0x[0-9A-F]{2}>")
_SPACE = "\u2581"  # as sentencepiece writes it
LONGEST = 24  # characters of a prompt looked at for each token that there is room for


class Vocabulary:
    """A tokenizer of the library `tokenizers`, with what begins and ends a text.

    `known`: how many tokens the network has, where the tokenizer can have others.
    """

    def __init__(self, tokenizer: Any, ends: Iterable[int], begin: int, most: int, known: int | None = None) -> None:
        self._tokenizer = tokenizer
        self.words = int(tokenizer.get_vocab_size()) if known is None else known
        # One that the network lacks would break its step, for all texts in it.
        self._strange = known is not None and max(tokenizer.get_vocab().values(), default=0) >= known
        self.ends = frozenset(ends)
        self.begin = begin
        self._most = most * LONGEST  # a text can be a megabyte, and only its end counts
        self._opening = tokenizer.id_to_token(begin)
        self._bytes = _bytes_of(tokenizer)
        self._single = {} if self._bytes else _single_bytes(tokenizer)

    def encode(self, text: str) -> list[int]:
        """Its tokens; of a very long text only those of its end. Cut rarely, so that a text which grows stays known."""
        cut = max(len(text) // self._most - 1, 0) * self._most
        begun = bool(self._opening) and text.startswith(self._opening)  # a chat template writes it itself
        tokens = list(self._tokenizer.encode(text[cut:], add_special_tokens=not begun).ids)
        return [token for token in tokens if token < self.words] if self._strange else tokens

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def speller(self, before: Sequence[int]) -> Speller:
        if self._bytes:
            return ByteSpeller(self._bytes, before)
        return DecodedSpeller(self.decode, before, self._single)

    def spelt(self, token: int) -> str:
        r"""One token by itself; where it is no whole character, its bytes: bytes:\xf0\x9f."""
        known = self._bytes.get(token)
        if known is not None:
            return _written(known)
        word = self._tokenizer.id_to_token(token) or ""
        if _BYTE.fullmatch(word):  # sentencepiece has tokens for single bytes
            return _written(_byte(word))
        if _SPACE in word:
            return str(word.replace(_SPACE, " "))
        return str(self._tokenizer.decode([token], skip_special_tokens=False))


def open_vocabulary(folder: Path, config: dict[str, Any], most: int) -> Vocabulary:
    """The tokenizer in a folder as transformers writes it: tokenizer.json, or vocab.json and merges.txt."""
    tokenizer = _opened(folder)
    size = int(config.get("vocab_size") or tokenizer.get_vocab_size())
    if tokenizer.get_vocab_size() > size:
        raise ModelBroken(
            f"the tokenizer in {folder.name} has {tokenizer.get_vocab_size()} tokens, its network only {size}",
            hint="they belong to different networks: take both from one place",
            field="network",
        )
    ends = _numbers(config.get("eos_token_id"))
    begin = next(iter(_numbers(config.get("bos_token_id")) or ends), 0)
    return Vocabulary(tokenizer, ends, begin, most)


def _opened(folder: Path) -> Any:
    from tokenizers import Tokenizer

    whole, words, merges = (folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    try:
        if whole.is_file():
            return Tokenizer.from_file(str(whole))
        if words.is_file() and merges.is_file():
            return _byte_level(str(words), str(merges))
    except Exception as error:  # the library raises bare Exceptions
        raise ModelBroken(
            f"the tokenizer in {folder.name} can't be read: {error}", hint="download it again", field="network"
        ) from None
    raise ModelBroken(
        f"{folder.name} has no tokenizer",
        hint="tokenizer.json, or vocab.json and merges.txt, have to lie beside the network",
        field="network",
    )


def _byte_level(words: str, merges: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE.from_file(words, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _written(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


def _numbers(value: Any) -> list[int]:
    if value is None:
        return []
    return [int(each) for each in value] if isinstance(value, list) else [int(value)]


def _bytes_of(tokenizer: Any) -> dict[int, bytes]:
    """The bytes of every token, if its tokens stand for bytes; else nothing."""
    try:
        decoder = json.loads(tokenizer.to_str()).get("decoder") or {}
    except (ValueError, AttributeError):
        return {}
    if decoder.get("type") != "ByteLevel":
        return {}
    special = {number for number, added in tokenizer.get_added_tokens_decoder().items() if added.special}
    added = set(tokenizer.get_added_tokens_decoder()) - special
    table = _byte_table()
    return {
        number: word.encode() if number in added else _word_bytes(word, table.get)
        for word, number in tokenizer.get_vocab(with_added_tokens=True).items()
        if number not in special
    }


def _single_bytes(tokenizer: Any) -> dict[int, bytes]:
    """The tokens for single bytes, <0x41>, if it has them and decodes them as such."""
    found = {number: _byte(word) for word, number in tokenizer.get_vocab().items() if _BYTE.fullmatch(word)}
    letter = next((number for number, byte in found.items() if byte == b"A"), None)
    return found if letter is not None and tokenizer.decode([letter]) == "A" else {}


def _byte(word: str) -> bytes:
    return bytes([int(word[3:5], 16)])


def _word_bytes(word: str, byte: Callable[[str], int | None]) -> bytes:
    found = [byte(character) for character in word]
    return word.encode() if None in found else bytes(value for value in found if value is not None)


def _byte_table() -> dict[str, int]:
    """GPT-2's way to write each byte as one visible character."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(plain)]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}
