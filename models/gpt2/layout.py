"""What a GPT-2 looks like from outside: its sizes, from config.json. Loads nothing heavy."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bridge.errors import ModelBroken

KINDS = ("gelu_new", "gelu_pytorch_tanh", "gelu", "relu", "silu")
LARGEST = 1 << 20  # of any size; beyond it a config is broken


class Shape(NamedTuple):
    layers: int
    heads: int
    width: int
    context: int
    vocabulary: int
    inner: int
    epsilon: float = 1e-5
    activation: str = "gelu_new"

    @property
    def bytes_of_a_text(self) -> int:
        """What the cache of one whole text takes: keys and values of all layers, in float32."""
        return self.layers * 2 * self.width * self.context * 4


def broken(message: str, hint: str = "") -> ModelBroken:
    return ModelBroken(message, hint=hint, field="network")


def read_config(file: Path) -> dict[str, Any]:
    """config.json as it is; ModelBroken when it is not one of a GPT-2."""
    try:
        config = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise broken(
            f"{file.parent.name} has no config.json", "take a folder as transformers writes it, or a Hub id"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise broken(f"{file.name} can't be read: {error}", "download it again") from None
    if not isinstance(config, dict):
        raise broken(f"{file.name} is not a table of names and values", "download it again")
    kind = config.get("model_type", "gpt2")
    if kind != "gpt2":
        raise broken(f"it is a network of the kind {str(kind)[:40]!r}, not a GPT-2", "open it with the model lm")
    return config


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The sizes, checked; ModelBroken for what is computed otherwise here."""
    names = ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size")
    sizes = [config.get(name, config.get("n_ctx") if name == "n_positions" else None) for name in names]
    for name, size in zip(names, sizes, strict=True):
        if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= LARGEST:
            raise broken(f"config.json says {str(size)[:40]} for {name}; it takes a whole number", "download it again")
    layers, heads, width, context, words = sizes
    if width % heads:
        raise broken(f"config.json says {heads} heads for a width of {width}, which is not a multiple of it")
    activation = config.get("activation_function", "gelu_new")
    if activation not in KINDS:
        raise broken(
            f"its activation {str(activation)[:40]!r} is not one of {', '.join(KINDS)}", "open it with the model lm"
        )
    for name, usual in (
        ("scale_attn_weights", True),
        ("scale_attn_by_inverse_layer_idx", False),
        ("add_cross_attention", False),
    ):
        if config.get(name, usual) is not usual:
            raise broken(
                f"config.json says {name}: {config[name]}, which is not computed here", "open it with the model lm"
            )
    inner = config.get("n_inner") or 4 * width
    if not isinstance(inner, int) or isinstance(inner, bool) or not 0 < inner <= LARGEST:
        raise broken(f"config.json says {str(inner)[:40]} for n_inner; it takes a whole number", "download it again")
    return Shape(layers, heads, width, context, words, inner, float(config.get("layer_norm_epsilon", 1e-5)), activation)


def expected(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Every tensor of such a network and its shape."""
    width = shape.width
    layer = {
        "ln_1.weight": (width,), "ln_1.bias": (width,), "ln_2.weight": (width,), "ln_2.bias": (width,),
        "attn.c_attn.weight": (width, 3 * width), "attn.c_attn.bias": (3 * width,),
        "attn.c_proj.weight": (width, width), "attn.c_proj.bias": (width,),
        "mlp.c_fc.weight": (width, shape.inner), "mlp.c_fc.bias": (shape.inner,),
        "mlp.c_proj.weight": (shape.inner, width), "mlp.c_proj.bias": (width,),
    }  # fmt: skip
    whole = {"wte.weight": (shape.vocabulary, width), "wpe.weight": (shape.context, width)}
    ends = {"ln_f.weight": (width,), "ln_f.bias": (width,)}
    return whole | {f"h.{number}.{name}": size for number in range(shape.layers) for name, size in layer.items()} | ends
