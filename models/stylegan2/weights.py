"""A generator as two plain files: NAME.safetensors for the numbers, NAME.json for what they are. Nothing in them is code."""

import json
import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .layout import unseen
from .network import generator_from_weights

HALF_ABOVE = 8 << 20  # bytes; larger networks are stored as float16


def save_generator(generator, target, facts=None):
    """Write `target`.safetensors and `target`.json; `facts` (plain values) are kept in the latter. Returns the bytes of weights."""
    target = Path(target)
    weights = {name: value.detach().cpu().float().contiguous() for name, value in generator.state_dict().items()}
    size = sum(4 * value.numel() for value in weights.values())
    dtype = torch.float16 if size > HALF_ABOVE else torch.float32
    weights = {name: value.to(dtype).contiguous() for name, value in weights.items()}
    description = {
        "format": "stylegan2",
        "dtype": str(dtype).removeprefix("torch."),
        "settings": generator.settings,
    } | (facts or {})
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".safetensors.partial")
    save_file(weights, partial)
    partial.chmod(0o644)  # for everybody to read, as any other file of a model
    os.replace(partial, target.with_name(target.name + ".safetensors"))
    target.with_name(target.name + ".json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return size if dtype is torch.float32 else size // 2


def load_generator(target):
    """The generator that `save_generator` wrote, ready to run in float32."""
    target = Path(target)
    description = json.loads(target.with_name(target.name + ".json").read_text(encoding="utf-8"))
    weights = load_file(target.with_name(target.name + ".safetensors"))
    return generator_from_weights(weights, **unseen(description["settings"]))
