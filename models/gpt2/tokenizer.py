"""A byte-level BPE for source code, and texts made into the numbers that `train.py` reads.

Two things differ from GPT-2's own. A line break and the indentation after it are pieces of their own, never glued to what stands
before: a person who types stops at the end of a line, and what the network then sees must be what it has seen in training. And texts are
cut at random places, in the midst of words too, before they become tokens: so the network learns to go on from a prompt that ends anywhere.

    python -m models.gpt2.tokenizer --texts FOLDER --into CORPUS      then: python -m models.gpt2.train --corpus CORPUS --out FOLDER
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np

END = "<|endoftext|>"  # between texts; number 0
# line breaks with the indentation that follows | a word | up to three digits | signs | spaces
PIECES = r"\n[\n ]*| ?[\p{L}\p{M}_$]+| ?\p{N}{1,3}| ?[^\s\p{L}\p{M}\p{N}_$]+|\s+(?!\S)|\s+"
BORDERS = "\n {(.,;="  # where people stop typing


def train_tokenizer(texts, vocabulary=4096, pieces=PIECES):
    """Learn `vocabulary` tokens from an iterable of texts. Any text can be encoded, and comes back the same."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pieces), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer, folder, context):
    """Write tokenizer.json, and beside it what transformers wants to know to load it as it is."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False), encoding="utf-8")
    facts = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def load_tokenizer(folder):
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))


def encode(tokenizer, texts, cut_every=0, seed=0):
    """All texts as one row of uint16, each with END before it; cut about every so many characters, if asked."""
    rng = np.random.default_rng(seed)
    row = []
    for text in texts:
        row.append(0)
        for part in tokenizer.encode_batch(cut(text, cut_every, rng) if cut_every else [text]):
            row.extend(part.ids)
    return np.array(row, np.uint16)


def cut(text, every, rng):
    """Parts of the text. One cut in two is moved on to where a person might have stopped."""
    places = rng.integers(1, max(2, len(text)), rng.poisson(len(text) / every))
    moved = rng.random(len(places)) < 0.5
    places = [_border(text, place) if move else int(place) for place, move in zip(places, moved, strict=True)]
    places = sorted({0, len(text), *places})
    return [text[a:b] for a, b in pairwise(places)]


def _border(text, place):
    return next((i + 1 for i in range(place, min(place + 80, len(text))) if text[i] in BORDERS), place)


def prepare(texts, held_out, folder, vocabulary=4096, context=512, cut_every=300):
    """Make of two lists of texts what `train.py` reads: tokenizer, train.npy, valid.npy, and facts.json that counts."""
    folder = Path(folder)
    tokenizer = train_tokenizer(texts, vocabulary)
    save_tokenizer(tokenizer, folder, context)
    rows = {"train": encode(tokenizer, texts, cut_every), "valid": encode(tokenizer, held_out)}
    facts = {"vocabulary": tokenizer.get_vocab_size()}
    for name, row in rows.items():
        np.save(folder / f"{name}.npy", row)
        facts[f"{name}_tokens"] = len(row)
        facts[f"{name}_bytes"] = sum(len(text.encode()) for text in (texts if name == "train" else held_out))
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def read_texts(folder):
    """The texts of a folder and those below it, in the order of their names; what is no text is passed over."""
    texts = []
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        try:
            texts.append(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
    texts = [text for text in texts if text.strip()]
    if len(texts) < 2:
        raise ValueError(f"two texts at least are needed in {folder}, one to learn from and one to be tested on")
    return texts


def hold_out(texts, every=20):
    """To learn from, and one in so many to be tested on."""
    every = min(every, len(texts))
    return [text for i, text in enumerate(texts) if (i + 1) % every], texts[every - 1 :: every]


def main(argv=None):
    parser = argparse.ArgumentParser(description="Make of a folder of texts what a GPT-2 is trained on.")
    parser.add_argument("--texts", type=Path, required=True, help="a folder of texts in UTF-8")
    parser.add_argument("--into", type=Path, required=True, help="the folder to write")
    parser.add_argument("--vocabulary", type=int, default=4096, help="tokens, 65,536 at most")
    parser.add_argument(
        "--context", type=int, default=512, help="the longest text the network will look back on, in tokens"
    )
    asked = parser.parse_args(argv)
    if not 257 <= asked.vocabulary <= 65_536:
        parser.error("--vocabulary takes 257 to 65536: all bytes must have a token, and each token fits into 16 bits")
    print(prepare(*hold_out(read_texts(asked.texts)), asked.into, asked.vocabulary, asked.context))


if __name__ == "__main__":
    main()
