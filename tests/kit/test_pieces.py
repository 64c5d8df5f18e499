"""Text as it streams."""

import itertools

import pytest

from bridge.kit.pieces import ByteSpeller, DecodedSpeller, Gate


def through(gate, *pieces):
    told = [gate.push(piece) for piece in pieces]
    return [*told, gate.flush()]


def test_characters_of_several_bytes_come_whole():
    data = "né 漢字 🦜!".encode()
    speller = ByteSpeller({number: bytes([number]) for number in range(256)})
    pieces = [speller.push(byte) for byte in data]
    assert "".join(pieces) + speller.flush() == "né 漢字 🦜!"
    assert not any("\ufffd" in piece for piece in pieces) and len([piece for piece in pieces if piece]) == 8


def test_half_a_character_at_the_end_is_told_as_such():
    speller = ByteSpeller({0: "🦜".encode()[:2]})
    assert speller.push(0) == "" and speller.flush() == "\ufffd" and speller.push(99) == ""


def test_a_tokenizer_of_another_kind_is_decoded_as_it_goes():
    words = ["▁Hello", "▁wor", "ld", *(f"<{byte:02X}>" for byte in "🦜".encode()), "▁!"]

    def decode(tokens):  # as sentencepiece does it: the first space is dropped, bytes are joined
        out = b""
        for token in tokens:
            word = words[token]
            out += bytes([int(word[1:3], 16)]) if word.startswith("<") else word.replace("▁", " ").encode()
        return out.decode("utf-8", "replace").removeprefix(" ")

    speller = DecodedSpeller(decode, before=[0])
    assert [speller.push(token) for token in range(1, 8)] == [" wor", "ld", "", "", "", "🦜", " !"]
    long = DecodedSpeller(decode, before=[])
    assert "".join(long.push(token) for token in [0, 1, 2] * 30) == "Hello" + (" world Hello" * 30)[: -len(" Hello")]
    assert long.flush() == ""


@pytest.mark.parametrize("cut", list(itertools.combinations(range(1, 10), 3)))
def test_a_stop_string_never_leaks_however_it_is_cut(cut):
    text, stop = "ab;;\n\ncdef", ";\n\n"
    places = (0, *cut, len(text))
    told = through(gate := Gate([stop]), *(text[a:b] for a, b in itertools.pairwise(places)))
    assert "".join(told) == "ab;" and gate.reason == "stop"


def test_what_only_looked_like_a_stop_string_is_told_in_the_end():
    assert through(gate := Gate(["</end>"]), "a<", "/e", "m>", "</en") == ["a", "", "</em>", "", "</en"]
    assert gate.reason == ""


def test_the_first_of_several_stop_strings_counts():
    gate = Gate(["dog", "cat", ""])
    assert through(gate, "a cat and a dog") == ["a ", ""] and gate.push("more") == ""


def test_no_character_too_many():
    gate = Gate(most=4)
    assert through(gate, "ab", "🦜🦜🦜", "x") == ["ab", "🦜🦜", "", ""] and gate.reason == "characters"
    assert through(Gate(["zz"], most=3), "abz", "z") == ["ab", "", ""]
    assert through(Gate(["zz"], most=3), "abz") == ["ab", "z"]
