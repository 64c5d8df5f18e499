"""GPT-2 (Radford et al. 2019) as it is trained: plain torch, the same numbers and the same names as transformers' GPT2LMHeadModel.

A network on disk is a folder as transformers writes it: config.json, model.safetensors, and its tokenizer beside them. For playing,
where every millisecond counts, `model.py` has an engine of its own; here what counts is that it can be read.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from bridge.kit.checkpoints import write_whole


@dataclass(frozen=True)
class Size:
    """The names are those of GPT-2's config.json."""

    vocab_size: int = 4096
    n_positions: int = 512  # the longest context
    n_embd: int = 224  # width
    n_layer: int = 5
    n_head: int = 7
    n_inner: int = 800  # width inside the feed-forward halves; 4 x n_embd in the original


class GPT2(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(size.vocab_size, size.n_embd),
                "wpe": nn.Embedding(size.n_positions, size.n_embd),
                "h": nn.ModuleList(Block(size) for _ in range(size.n_layer)),
                "ln_f": nn.LayerNorm(size.n_embd),
            }
        )
        self.apply(start)
        for name, weight in self.named_parameters():  # what is added to the stream 2 x n_layer times starts smaller
            if name.endswith("c_proj.weight"):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * size.n_layer))

    def forward(self, tokens, past=None):
        """Logits (N, T, V) for tokens (N, T). `past` is a list that remembers: give the same one again, and only what is new."""
        if past is not None and not past:
            past.extend({} for _ in self.transformer["h"])
        seen = past[0]["k"].shape[2] if past and past[0] else 0
        positions = torch.arange(seen, seen + tokens.shape[1], device=tokens.device)
        x = self.transformer["wte"](tokens) + self.transformer["wpe"](positions)  # (N, T, C)
        for i, block in enumerate(self.transformer["h"]):
            x = block(x, past[i] if past is not None else None)
        return F.linear(self.transformer["ln_f"](x), self.transformer["wte"].weight)  # in and out share their weights


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.ln_1 = nn.LayerNorm(size.n_embd)
        self.attn = Attention(size)
        self.ln_2 = nn.LayerNorm(size.n_embd)
        self.mlp = FeedForward(size)

    def forward(self, x, past):
        x = x + self.attn(self.ln_1(x), past)
        return x + self.mlp(self.ln_2(x))


class Attention(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.n_head = size.n_head
        self.c_attn = Conv1D(size.n_embd, 3 * size.n_embd)
        self.c_proj = Conv1D(size.n_embd, size.n_embd)

    def forward(self, x, past):
        n, t, c = x.shape
        q, k, v = (part.view(n, t, self.n_head, -1).transpose(1, 2) for part in self.c_attn(x).split(c, dim=2))
        if past:  # (N, H, T, C/H)
            k, v = torch.cat([past["k"], k], dim=2), torch.cat([past["v"], v], dim=2)
        if past is not None:
            past["k"], past["v"] = k, v
        if k.shape[2] == t:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:  # the new ones see all that was before, and each other only backwards
            mask = torch.ones(t, k.shape[2], dtype=torch.bool, device=x.device).tril(k.shape[2] - t)
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.c_proj(mixed.transpose(1, 2).reshape(n, t, c))


class FeedForward(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.c_fc = Conv1D(size.n_embd, size.n_inner)
        self.c_proj = Conv1D(size.n_inner, size.n_embd)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Conv1D(nn.Module):
    """A linear layer whose weight lies the other way round, as OpenAI stored it: (in, out)."""

    def __init__(self, inner, outer):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inner, outer))
        self.bias = nn.Parameter(torch.zeros(outer))

    def forward(self, x):
        return torch.addmm(self.bias, x.flatten(0, -2), self.weight).view(*x.shape[:-1], -1)


def start(module):
    if isinstance(module, Conv1D | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


# --- On disk ---------------------------------------------------------------------------------------------------------------


def save_network(network, folder, dtype=torch.float16, facts=None):
    """Write config.json and model.safetensors, each whole or not at all. `facts` go into the latter's metadata, as text."""
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().to(dtype).contiguous().cpu() for name, weight in network.state_dict().items()}
    metadata = {"format": "pt"} | {name: str(value) for name, value in (facts or {}).items()}
    write_whole(folder / "model.safetensors", save(weights, metadata))
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "dtype": str(dtype).removeprefix("torch."),
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    text = json.dumps(config | asdict(network.size), indent=1) + "\n"
    write_whole(folder / "config.json", text.encode())


def load_network(folder):
    """The network that `save_network` wrote, in float32."""
    from safetensors.torch import load_file

    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    network = GPT2(Size(**{name: config[name] for name in Size.__dataclass_fields__}))
    weights = load_file(Path(folder) / "model.safetensors")
    network.load_state_dict({name: weight.float() for name, weight in weights.items()})
    return network
