"""Makes all of `writer` from nothing: fetches the texts, learns the tokenizer, trains on them, writes the weights and the card.

    python -m models.writer.make --work FOLDER          seven hours of a free core; stop and repeat the command as you like
    python -m models.writer.make --work FOLDER --card   weights and card of how far the training is now

Node and npm are needed. What it depends on is in corpus.json, in SETTINGS and in the two loops' defaults, so the same command makes the same
network again.
"""

import argparse
import json
import math
import re
import signal
from pathlib import Path

import numpy as np

from models.gpt2.tokenizer import prepare
from models.gpt2.train import Config, complete, export, load_average, load_tokens, loss_of, show, train
from models.writer import corpus

HERE = Path(__file__).parent
VOCABULARY, CONTEXT = 4096, 512
SETTINGS = {"context": CONTEXT, "tokens": 11_500_000}  # everything else as Config has it
PROMPTS = (
    "for (let i = 0;",
    "function draw() {",
    "let particles = [];\n\nfunction setup() {",
    "class Vector {\n  constructor(x, y) {",
    "export function lerp(a, b, t) {",
    "const canvas = document.",
)
PARSED, GOES_ON = 100, 80  # so many completions of so many tokens are given to a parser


def make(work, threads, processes=2):
    """Fetch, prepare and train, or go on with it."""
    if not (work / "corpus" / "facts.json").exists():
        learn, held_out = split(corpus.collect(work, processes))
        print(f"tokenizer from {sum(map(len, learn)) / 1e6:.1f} MB ...", flush=True)
        print(prepare(learn, held_out, work / "corpus", VOCABULARY, CONTEXT), flush=True)
    stop = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.append(True))
    train(
        Config(str(work / "corpus"), str(work), threads=threads, **SETTINGS),
        on_progress=show,
        cancelled=lambda: bool(stop),
    )


def split(texts):
    """To learn from and to be tested on: whole packages, so that nothing of the latter was ever seen."""
    held_out = {package.name for package in corpus.packages() if package.held_out}
    parts = [[text for name in texts if (name in held_out) == wish for text in texts[name]] for wish in (False, True)]
    return parts[0], parts[1]


# --- The card --------------------------------------------------------------------------------------------------------------


def card(work, into=HERE, parsed=PARSED):
    """The newest weights, and the card with what was measured of them."""
    seen = export(work, work / "corpus", into)
    network, tokenizer, _ = load_average(work, work / "corpus")
    facts = json.loads((work / "corpus" / "facts.json").read_text(encoding="utf-8"))
    texts = corpus.collect(work)
    loss = loss_of(network, load_tokens(work / "corpus", "valid", CONTEXT))
    measured = {
        "trained_tokens": seen,
        "of_tokens": SETTINGS["tokens"],
        "perplexity": round(math.exp(loss), 2),
        "bits_per_byte": round(loss / math.log(2) * facts["valid_tokens"] / facts["valid_bytes"], 3),
        "parse": round(share_that_parses(network, tokenizer, split(texts)[1], work, parsed), 2),
        "size": (into / "model.safetensors").stat().st_size,
    }
    samples = [(prompt, complete(network, tokenizer, prompt, 100, 0.5)) for prompt in PROMPTS]
    path = into / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for name, content in (
        ("measured", measured_text(measured, facts)),
        ("samples", samples_text(samples)),
        ("corpus", corpus_text(texts)),
    ):
        text = replaced(text, name, content)
    path.write_text(text, encoding="utf-8")
    return measured


def share_that_parses(network, tokenizer, texts, work, count):
    """Of held-out files, broken off at the end of a line and gone on with by the network: how many hold no mistake of syntax.

    What is written is taken up to its last whole line, if there is one. It is allowed to be unfinished, as any beginning is: a mistake is where a parser
    stops before the end of it.
    """
    rng = np.random.default_rng(0)
    whole = []
    for index in rng.permutation(len(texts))[:count]:
        start = beginning(texts[index], tokenizer, rng)
        text = start + complete(network, tokenizer, start, GOES_ON, 0.5, seed=int(index))
        text = text[: text.rindex("\n") + 1]
        whole += [{"text": text}] if len(text) > len(start) else []
    return sum(corpus.ask_node(["parses.mjs", work / "tools" / "acorn"], whole)) / len(whole)


def beginning(text, tokenizer, rng):
    """A start of the text, up to the end of a line, that leaves room to go on."""
    room = tokenizer.encode(text[:4_000]).offsets[: CONTEXT - GOES_ON - 2][-1][1]
    ends = [match.end() for match in re.finditer("\n", text[:room])]
    return text[: ends[int(rng.integers(len(ends) // 3, len(ends)))]]


def measured_text(measured, facts):
    m = measured
    return (
        f"| what | |\n|---|---|\n"
        f"| tokens seen in training | {m['trained_tokens'] / 1e6:.1f} of {m['of_tokens'] / 1e6:.1f} million |\n"
        f"| perplexity of a token, packages never trained on | {m['perplexity']} |\n"
        f"| the same in bits of a byte | {m['bits_per_byte']} |\n"
        f"| completions of held-out files without a mistake of syntax | {m['parse']:.0%} |\n"
        f"| bytes of a token | {facts['valid_bytes'] / facts['valid_tokens']:.2f} |\n"
        f"| weights | {m['size'] / 1e6:.2f} MB |\n"
    )


def samples_text(samples):
    return "\n".join(f"```js\n{prompt}▸{text}\n```\n" for prompt, text in samples)


def corpus_text(texts):
    rows = ["| package | version | licence | kB | |", "|---|---|---|---:|---|"]
    for package in corpus.packages():
        size = sum(map(len, texts[package.name])) / 1e3
        role = "held out" if package.held_out else ""
        rows.append(f"| {package.name} | {package.version} | {package.licence} | {size:,.0f} | {role} |")
    size = sum(map(len, texts[corpus.SKETCHES])) / 1e3
    rows.append(f"| {len(texts[corpus.SKETCHES]):,} sketches by `sketches.py` | | MIT | {size:,.0f} | |")
    return "\n".join(rows) + "\n"


def replaced(text, name, content):
    """The text with what stands between the two marks of that name exchanged."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if start not in text:
        return text + f"\n{start}{content}{end}\n"
    return text[: text.index(start) + len(start)] + content + text[text.index(end) :]


def main(argv=None):
    parser = argparse.ArgumentParser(description="Make the network of writer. Stopped, the same command goes on.")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the texts and checkpoints")
    parser.add_argument("--card", action="store_true", help="weights and card of how far it is, and nothing more")
    parser.add_argument("--threads", type=int, default=1, help="that train")
    asked = parser.parse_args(argv)
    if not asked.card:
        make(asked.work, asked.threads)
    print(card(asked.work))


if __name__ == "__main__":
    main()
