"""Train a GPT-2 on a folder of texts, from scratch or from a checkpoint. Read `train` from top to bottom; the rest serves it.

AdamW with warm-up and a cosine down to a tenth (Radford et al. 2019; Loshchilov & Hutter 2019), gradients clipped, and beside the network
that learns an average of it that is the one to use: it is ahead of it at any time before the end. Each step is seeded by its number, so a run
that was stopped and resumed goes on exactly as if it had not been.

Nothing happens at import, and `train` prints nothing: a server job calls it with `on_progress` and `cancelled`.
"""

import argparse
import copy
import json
import math
import signal
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from bridge.kit.checkpoints import append_line, newest_checkpoint, save_checkpoint, write_whole

from .network import GPT2, Size, save_network
from .tokenizer import load_tokenizer, save_tokenizer


@dataclass(frozen=True)
class Config:
    """All that a run depends on. The folder `out` holds checkpoints, samples and the log, and is enough to resume."""

    corpus: str  # a folder as tokenizer.prepare writes it: train.npy, valid.npy, tokenizer.json
    out: str
    context: int = 512  # the longest text that the network can look back on, in tokens
    width: int = 224
    layers: int = 5
    heads: int = 7
    inner: int = 800  # width inside the feed-forward halves
    tokens: int = 48_000_000  # stop after so many
    batch: int = 6  # rows of `context` tokens
    lr: float = 0.0018
    warmup: float = 0.01  # share of the run in which the learning rate rises
    last_lr: float = 0.1  # what the cosine ends at, as a share of lr
    weight_decay: float = 0.1
    beta2: float = 0.98
    clip: float = 1.0  # longest gradient
    ema_tokens: int = 500_000  # half-life of the averaged network, shorter at the start
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"  # float32, bfloat16, or whichever is quicker here
    threads: int = 0  # CPU threads; 0 leaves torch's choice
    log_every: int = 20  # steps
    sample_every: int = 1_000_000  # tokens; the perplexity of the held-out texts is taken then too
    valid_rows: int = 40  # rows of `context` tokens that it is taken over
    checkpoint_minutes: float = 5.0
    prompts: tuple[str, ...] = ("for (let i = 0;", "function draw() {\n", "class Particle {\n  constructor(", "const ")


def train(config, on_progress=None, cancelled=lambda: False):
    """Train until `config.tokens` are seen or `cancelled()` says so; both leave a checkpoint. Returns the averaged network.

    `on_progress` gets a dict of plain numbers every `log_every` steps; the same lines go to `out/log.jsonl`.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    device = torch.device(config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
    out = Path(config.out)
    (out / "samples").mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(config.corpus)
    learn, valid = (load_tokens(config.corpus, name, config.context) for name in ("train", "valid"))
    half = choose_precision(config.precision, device) == torch.bfloat16

    torch.manual_seed(config.seed)
    network = GPT2(size_of(config, tokenizer)).to(device)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    optimiser = adamw(network, config)
    state = {"step": 0, "tokens": 0, "seconds": 0.0}
    parts = {"network": network, "average": average, "optimiser": optimiser}
    resume(out, parts, state)

    started, saved_at, losses, norms = time.monotonic(), time.monotonic(), [], []
    while state["tokens"] < config.tokens and not cancelled():
        torch.manual_seed(config.seed * 1_000_003 + state["step"])
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(state["tokens"] / config.tokens, config)

        rows = take(learn, state["step"], config).to(device)  # (N, T + 1)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = network(rows[:, :-1])  # (N, T, V)
        loss = F.cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

        state["step"] += 1
        state["tokens"] += config.batch * config.context
        follow(average, network, config, state["tokens"])
        losses.append(loss.detach())
        norms.append(norm.detach())

        if state["step"] % config.log_every == 0:
            now = time.monotonic()
            state["seconds"] += now - started
            speed = len(losses) * config.batch * config.context / (now - started)  # fewer after a resumption
            mean = torch.stack(losses).mean().item()
            progress = {
                "step": state["step"],
                "tokens": state["tokens"],
                "of": config.tokens,
                "seconds": round(state["seconds"], 1),
                "tokens_per_second": round(speed, 1),
                "loss": round(mean, 4),
                "perplexity": round(math.exp(min(mean, 50)), 2),
                "lr": round(optimiser.param_groups[0]["lr"], 7),
                "gradient": round(torch.stack(norms).mean().item(), 3),
            }
            started, losses, norms = now, [], []
            if not math.isfinite(mean):
                raise FloatingPointError(f"training went astray at {state['tokens']} tokens: {progress}")
            if passed(config.sample_every, state["tokens"], config.log_every * config.batch * config.context):
                progress["valid_perplexity"] = round(math.exp(loss_of(average, valid, config.valid_rows)), 3)
                save_samples(average, tokenizer, config, out / "samples" / f"{state['tokens']:010d}.txt")
            append_line(out / "log.jsonl", progress)
            if on_progress:
                on_progress(progress)
        if time.monotonic() - saved_at > config.checkpoint_minutes * 60:
            saved_at = time.monotonic()
            save_checkpoint(checkpoint_file(out, state), parts, state, asdict(config))

    save_checkpoint(checkpoint_file(out, state), parts, state, asdict(config))
    return average


# --- The steps' parts ------------------------------------------------------------------------------------------------------


def size_of(config, tokenizer):
    return Size(
        tokenizer.get_vocab_size(), config.context, config.width, config.layers, config.heads, config.inner or 4 * config.width
    )  # fmt: skip


def load_tokens(corpus, name, context):
    """A row of uint16 numbers, left on disk."""
    tokens = np.load(Path(corpus) / f"{name}.npy", mmap_mode="r")
    if tokens.ndim != 1 or tokens.dtype != np.uint16 or len(tokens) < 2 * context + 1:
        raise ValueError(
            f"{name}.npy holds {tokens.dtype} {tokens.shape}, but a row of at least {2 * context + 1} uint16 numbers is needed"
        )
    return tokens


def take(tokens, step, config):
    """The rows of a step, (N, T + 1). In each round through the texts every place comes once, in an order and from a start of its own."""
    rows = []
    per_round = (len(tokens) - 1) // config.context - 1
    for index in range(step * config.batch, (step + 1) * config.batch):
        rng = np.random.default_rng((config.seed, index // per_round))
        first = rng.integers(config.context)
        place = rng.permutation(per_round)[index % per_round]
        rows.append(tokens[first + place * config.context :][: config.context + 1].astype(np.int64))
    return torch.from_numpy(np.stack(rows))


def learning_rate(done, config):
    """Up in a straight line, then down half a wave."""
    if done < config.warmup:
        return config.lr * (done / config.warmup * 0.99 + 0.01)
    wave = 0.5 + 0.5 * math.cos(math.pi * min(1.0, (done - config.warmup) / (1 - config.warmup)))
    return config.lr * (config.last_lr + (1 - config.last_lr) * wave)


def adamw(network, config):
    """Weights decay, biases and norms don't."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, config.beta2), foreach=True)


def follow(average, network, config, tokens):
    """Move the average towards the network."""
    half_life = min(config.ema_tokens, tokens * 0.1)
    share = 1 - 0.5 ** (config.batch * config.context / half_life)
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), [p.detach() for p in network.parameters()], share)


def passed(every, tokens, step):
    """Whether one of the round numbers was reached in the last `step` tokens."""
    return tokens // every != (tokens - step) // every


@torch.no_grad()
def loss_of(network, tokens, rows=0):
    """Mean loss of a token, over `rows` rows spread evenly over the texts, or over all of them."""
    context, device = network.size.n_positions, next(network.parameters()).device
    starts = np.arange(0, len(tokens) - context - 1, context)
    if 0 < rows < len(starts):
        starts = starts[np.linspace(0, len(starts) - 1, rows).astype(int)]
    losses = []
    for group in np.array_split(starts, math.ceil(len(starts) / 8)):
        part = torch.from_numpy(np.stack([tokens[i : i + context + 1].astype(np.int64) for i in group])).to(device)
        losses += [F.cross_entropy(network(row[None, :-1])[0].float(), row[1:]).item() for row in part]
    return sum(losses) / len(losses)


@torch.no_grad()
def complete(network, tokenizer, prompt, length, temperature=0.7, top_p=0.95, seed=0):
    """What the network writes after the prompt, up to `length` tokens or its own end. No more than its context in all."""
    device = next(network.parameters()).device
    tokens = (tokenizer.encode(prompt).ids or [0])[-(network.size.n_positions - 1) :]
    length = min(length, network.size.n_positions - len(tokens))
    rng, past, new = torch.Generator().manual_seed(seed), [], []
    fresh = tokens
    for _ in range(length):
        logits = network(torch.tensor([fresh], device=device), past)[0, -1].float().cpu()
        token = choose(logits, temperature, top_p, rng)
        if token == 0:
            break
        new.append(token)
        fresh = [token]
    return tokenizer.decode(new)


def choose(logits, temperature, top_p, rng):
    if temperature <= 0:
        return int(logits.argmax())
    shares, order = (logits / temperature).softmax(0).sort(descending=True)
    shares[shares.cumsum(0) - shares >= top_p] = 0
    return int(order[torch.multinomial(shares, 1, generator=rng)])


def save_samples(network, tokenizer, config, path):
    texts = [f"--- {p!r}\n{p}{complete(network, tokenizer, p, 120)}\n" for p in config.prompts]
    write_whole(path, "\n".join(texts).encode())


# --- What must last --------------------------------------------------------------------------------------------------------


def checkpoint_file(out, state):
    return out / f"checkpoint-{state['tokens']:010d}.pt"


def resume(out, parts, state):
    """Load the newest checkpoint that can be read, if there is one."""
    content = newest_checkpoint(out)
    if content:
        for name, part in parts.items():
            part.load_state_dict(content[name])
        state.update(content["state"])
        trim_log(out / "log.jsonl", state["tokens"])


def trim_log(path, tokens):
    """Take off the lines of steps that will be done again."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("}\n") and json.loads(line)["tokens"] <= tokens]
        write_whole(path, "".join(kept).encode())


def choose_precision(wish, device):
    """bfloat16 where it pays. Some processors only imitate it, many times slower than float32, so measure."""
    if wish != "auto":
        return getattr(torch, wish)
    if device.type == "cuda":
        return torch.bfloat16
    if device.type != "cpu":
        return torch.float32
    return min((torch.float32, torch.bfloat16), key=_seconds_of)


def _seconds_of(dtype):
    a, b = torch.zeros(512, 224, dtype=dtype), torch.zeros(896, 224, dtype=dtype)
    F.linear(a, b)
    started = time.process_time()
    for _ in range(4):
        F.linear(a, b)
    return time.process_time() - started


def load_average(out, corpus):
    """The averaged network of the newest checkpoint in `out`, its tokenizer, and how many tokens it has seen."""
    content = newest_checkpoint(out)
    if content is None:
        raise FileNotFoundError(f"no checkpoint in {out}")
    tokenizer = load_tokenizer(corpus)
    known = {field.name for field in fields(Config)}
    config = Config(**{name: value for name, value in content["config"].items() if name in known})
    network = GPT2(size_of(config, tokenizer)).eval().requires_grad_(False)
    network.load_state_dict(content["average"])
    return network, tokenizer, content["state"]["tokens"]


def export(out, corpus, target, dtype=torch.float16):
    """Write the newest averaged network in `out` as the folder `target`, as transformers would. Returns the tokens it has seen."""
    network, tokenizer, seen = load_average(out, corpus)
    save_network(network, target, dtype, {"trained_tokens": seen})
    save_tokenizer(tokenizer, target, network.size.n_positions)
    return seen


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="Train a GPT-2. Stop it with Ctrl-C or SIGTERM; the same command goes on."
    )
    parser.add_argument(
        "--export", metavar="FOLDER", help="write the newest averaged network as FOLDER, and stop"
    )  # fmt: skip
    for field in fields(Config):
        flag = "--" + field.name.replace("_", "-")
        if field.name in ("corpus", "out"):
            parser.add_argument(flag, required=True)
        elif isinstance(field.default, tuple):
            parser.add_argument(flag, nargs="+", default=field.default)
        else:
            parser.add_argument(flag, type=type(field.default), default=field.default)
    args = vars(parser.parse_args(argv))
    target = args.pop("export")
    if target:
        return export(args["out"], args["corpus"], target)
    args["prompts"] = tuple(args["prompts"])
    stop = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.append(True))
    train(Config(**args), on_progress=show, cancelled=lambda: bool(stop))


def show(progress):
    left = (progress["of"] - progress["tokens"]) / progress["tokens_per_second"] / 3600
    print(" ".join(f"{name} {value}" for name, value in progress.items()) + f" hours_left {left:.1f}", flush=True)


if __name__ == "__main__":
    main()
