"""How fast a GPU writes: random-weight networks, our two models against transformers.generate, plain and compiled.

`python -m tests.bench.gpu_text` on a machine with a GPU that torch can use; nothing else is needed. Prints a table,
then the same as JSON. With --cpu --size writer it only shows that the script works. It has not run on a GPU so far.

Ours and theirs are engines in a process of their own, without a server. `gpt2` computes in float32, `lm` and
transformers in bfloat16, as they do on a GPU when nothing is said.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import text_networks
from tests.bench.gpu import device_name, usable
from tests.bench.report import machine
from tests.bench.text_contenders import Alone
from tests.bench.text_networks import Network

SIZES: dict[str, Callable[[Path], Network]] = {
    "writer": text_networks.like_writer,
    "124m": text_networks.large,
    "llama": text_networks.like_llama,
}
STREAMS = (1, 8, 32)
_ENGINES = {
    "ours": "gpt2",
    "lm": "lm",
    "generate": "transformers.generate",
    "static": "transformers.generate, static cache and compiled",
}
_TOKENS, _KEYS = 128, 8
_PROMPT = "function draw{}() {{ background(220); for (let i = 0; "


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu_text", description=__doc__)
    parser.add_argument("--size", action="append", choices=SIZES, help=f"which networks ({', '.join(SIZES)})")
    parser.add_argument("--tokens", type=int, default=_TOKENS, help=f"written by each text ({_TOKENS})")
    parser.add_argument("--json", type=Path, help="write the JSON here, too")
    parser.add_argument("--cpu", action="store_true", help="without a GPU: only to try this script")
    given = parser.parse_args()
    if given.cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    device = "cpu" if given.cpu else usable()
    if not device:
        return 2
    results = {size: _measured(SIZES[size], device, given.tokens) for size in given.size or SIZES}
    _show(results, device, given.json)
    return 0


def _measured(make: Callable[[Path], Network], device: str, tokens: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        network = make(Path(folder))
        print(f"{network.about} on {device} ...", flush=True)
        found = {}
        kind = json.loads((network.folder / "config.json").read_text())["model_type"]
        left_out = {*(["ours"] if kind != "gpt2" else []), *(["static"] if device == "cpu" else [])}
        for engine, name in _ENGINES.items():
            if engine in left_out:
                continue
            with Alone(engine, network.folder, 1, device) as contender:
                found[name] = _one(contender, tokens)
            print(f"  {name}: " + ", ".join(f"{what} {value:.4g}" for what, value in found[name].items()), flush=True)
    return found


def _one(contender: Alone, tokens: int) -> dict[str, float]:
    """Tokens a second, and the first token after a keystroke; everything once before it counts."""
    told: dict[str, float] = {}
    for count in STREAMS:
        prompts = [_PROMPT.format(number) for number in range(count)]
        contender.write(prompts, tokens)
        told[f"tokens/s, {count}"] = median(contender.write(prompts, tokens) for _ in range(3))
    prompt = "let x = 1; " * 30
    contender.first(prompt)
    times = [contender.first(prompt + "abcdefgh"[: number + 1]) for number in range(_KEYS)]
    told["first token after a keystroke, ms"] = median(times)
    return told


def _show(results: dict[str, dict[str, dict[str, float]]], device: str, path: Path | None) -> None:
    about: dict[str, Any] = {"device": device_name(device), "machine": machine(), "python": platform.python_version()}
    print(f"\n{about['device']}; {about['machine']}")
    for size, found in results.items():
        print(f"\n{size}\n\n{_table(list(found), found)}")
    text = json.dumps({**about, "results": results}, indent=1)
    print(f"\n{text}")
    if path is not None:
        path.write_text(text + "\n")


def _table(names: Sequence[str], found: dict[str, dict[str, float]]) -> str:
    lines = ["| what | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    told = [
        f"| {what} | " + " | ".join(f"{found[name][what]:,.4g}" for name in names) + " |" for what in found[names[0]]
    ]
    return "\n".join([*lines, *told])


if __name__ == "__main__":
    sys.exit(main())
