"""One engine that writes, without a server: a line of JSON in, a line of JSON out.

{"prompts": ["..."], "tokens": 100} is answered by {"seconds": all of it, "tokens": how many were written}, greedily.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

Write = Callable[[Sequence[str], int], int]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("network")
    parser.add_argument("--packages", default="")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    if given.packages:
        sys.path.append(given.packages)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print must not print among the answers
    write = ENGINES[given.engine](given.network, given.device)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.perf_counter()
        count = write(asked["prompts"], asked["tokens"])
        print(json.dumps({"seconds": time.perf_counter() - began, "tokens": count}), file=answers, flush=True)


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def _encoder(network: str) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(Path(network) / "tokenizer.json"))


def ours(name: str, network: str, device: str) -> Write:
    """Our engine as the worker steps it, nothing around it."""
    from bridge import load_class

    model: Any = load_class(Path(__file__).resolve().parents[2] / "models" / name)()
    model.setup(network, device)
    import torch

    torch.set_num_threads(threads())

    def write(prompts: Sequence[str], tokens: int) -> int:
        open_runs = [iter(model.run(prompt, max_tokens=tokens, temperature=0)) for prompt in prompts]
        count = 0
        while open_runs:
            for run in tuple(open_runs):
                step = next(run, StopIteration)
                if step is StopIteration:
                    open_runs.remove(run)
                elif step and "usage" in step:
                    count += step["usage"]["generated_tokens"]
        return count

    return write


def generate(more: Mapping[str, Any], network: str, device: str) -> Write:
    """transformers' own; several prompts as one batch, padded on the left."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(threads())
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    model = AutoModelForCausalLM.from_pretrained(network, dtype=dtype).eval().to(device)
    encoder = _encoder(network)

    def write(prompts: Sequence[str], tokens: int) -> int:
        ids = [encoder.encode(prompt).ids for prompt in prompts]
        longest = max(map(len, ids))
        padded = torch.tensor([[0] * (longest - len(each)) + each for each in ids], device=device)
        mask = torch.tensor([[0] * (longest - len(each)) + [1] * len(each) for each in ids], device=device)
        wishes = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": False, "pad_token_id": 0, **more}
        with torch.inference_mode():
            found = model.generate(padded, attention_mask=mask, **wishes)
        return int((found.shape[1] - longest) * len(prompts))

    return write


def ctranslate2(kind: str) -> Callable[[str, str], Write]:
    def opened(network: str, device: str) -> Write:
        import ctranslate2 as library

        generator = library.Generator(
            network, device=device, compute_type=kind, intra_threads=threads(), inter_threads=1
        )
        encoder = _encoder(network)

        def write(prompts: Sequence[str], tokens: int) -> int:
            wishes = {"max_length": tokens, "min_length": tokens, "sampling_topk": 1, "include_prompt_in_result": False}
            found = generator.generate_batch([encoder.encode(prompt).tokens for prompt in prompts], **wishes)
            return sum(len(each.sequences_ids[0]) for each in found)

        return write

    return opened


ENGINES: dict[str, Callable[[str, str], Write]] = {
    "ours": partial(ours, "gpt2"),
    "lm": partial(ours, "lm"),
    "generate": partial(generate, {}),
    "static": partial(generate, {"cache_implementation": "static"}),  # on a GPU this compiles, too
    "float32": ctranslate2("float32"),
    "int8": ctranslate2("int8"),
}

if __name__ == "__main__":
    main()
