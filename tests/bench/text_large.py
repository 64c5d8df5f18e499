"""The same with a GPT-2 of 124 million weights, as many as the smallest of OpenAI's has: random ones."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.bench import keystrokes, text, text_networks
from tests.bench.measure import Sample, in_turns
from tests.bench.report import Finding
from tests.bench.text import FLOAT32, GENERATE, INT8, OURS, SERVE

_TOKENS = 32
_ROUNDS = 3  # at most: everybody takes seconds for each


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    rounds = min(rounds, _ROUNDS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        network = text_networks.large(Path(folder))
        contenders, threads = text.opened(network, stack, told, batching=False)
        streams = {name: text.measuring(each, _TOKENS) for name, each in contenders.items()}
        keys = {
            name: keystrokes.by_asking(contenders[name], network, keystrokes.PROMPT_TOKENS, keys=2)
            for name in (OURS, SERVE, GENERATE, FLOAT32, INT8)
        }
        samples: Mapping[str, list[Sample]] = in_turns(streams, rounds, told)
        typed = in_turns(keys, rounds, told)
    how = text.HOW.format(about=network.about[0].upper() + network.about[1:], tokens=_TOKENS, threads=threads)
    how += "\nThe first token after a keystroke: at the end of a prompt of 400 tokens that everybody has seen before.\n"
    rows = [*text.rows(samples, promised=False), *keystrokes.key_rows(typed, [OURS], promised=False)]
    return Finding("Text: 124 million weights", how, rows, {"threads": threads, "streams": samples, "keys": typed})
