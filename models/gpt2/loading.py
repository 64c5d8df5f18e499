"""Opens GPT-2 networks as transformers writes them: safetensors as they are, pickles only when the file itself is named."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.errors import ModelBroken
from bridge.kit.fetch import WANTED, Found
from bridge.kit.text import choose_device, slots_for
from bridge.kit.vocabulary import Vocabulary, open_vocabulary

from .layout import broken, expected, read_config, shape_of


def open_network(found: Found, device: str) -> tuple[Any, Vocabulary]:
    """The network, ready to write, and its tokenizer; ModelBroken, in words, if it can't be used."""
    config = read_config(found.folder / "config.json")
    shape = shape_of(config)
    vocabulary = open_vocabulary(found.folder, config, shape.context)
    from .fast import FastGPT2  # here: they load torch

    weights = _named(read_weights(found.file or _weights_in(found.folder)))
    _check(weights, expected(shape), config)
    device, slots = choose_device(device), slots_for(shape.bytes_of_a_text)
    if device == "cpu":
        return FastGPT2(weights, shape, slots), vocabulary
    from .device import DeviceGPT2

    return DeviceGPT2(weights, shape, slots, device), vocabulary


def _weights_in(folder: Path) -> Path:
    for name in ("model.safetensors", "model.safetensors.index.json"):
        if (folder / name).is_file():
            return folder / name
    others = sorted(folder.glob("*.safetensors"))
    if len(others) == 1:
        return others[0]
    pickled = next(iter(sorted(folder.glob("*.bin"))), None)
    if pickled is not None:
        raise broken(f"{folder.name} has its weights only as a pickle", f"name the file itself to load it: {pickled}")
    raise broken(f"{folder.name} has no model.safetensors", WANTED)


def read_weights(file: Path) -> dict[str, Any]:
    """The tensors in it, by the names they have there."""
    try:
        if file.name.endswith(".index.json"):
            parts = sorted(set(json.loads(file.read_text("utf-8"))["weight_map"].values()))
            return {
                name: tensor for part in parts for name, tensor in read_weights(file.with_name(Path(part).name)).items()
            }
        if file.suffix in (".bin", ".pt", ".pth"):
            return _unpickled(file)
        from safetensors.torch import load_file

        return load_file(file)
    except ModelBroken:
        raise
    except FileNotFoundError:
        raise broken(f"{file.name} is not there", "download the network again, with all its files") from None
    except Exception as error:  # SafetensorError and UnpicklingError are plain Exceptions
        said = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise broken(f"{file.name} can't be read: {said}", "see that it was downloaded whole; " + WANTED) from None


def _unpickled(file: Path) -> dict[str, Any]:
    """torch itself reads only plain data from it, and runs nothing."""
    import torch

    content = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise broken(f"{file.name} holds no weights", WANTED)
    return content


def _named(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Our names: without what stands before them, and without the masks that old files carry."""
    named = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
    return {name: tensor for name, tensor in named.items() if not name.endswith((".attn.bias", ".attn.masked_bias"))}


def _check(weights: Mapping[str, Any], wanted: Mapping[str, tuple[int, ...]], config: Mapping[str, Any]) -> None:
    for name, size in wanted.items():
        if name not in weights:
            raise broken(f"its weights lack {name}", "it is not a whole GPT-2; " + WANTED)
        if tuple(weights[name].shape) != size:
            raise broken(
                f"its {name} is {tuple(weights[name].shape)}, but config.json makes it {size}", "download it again"
            )
    head = weights.get("lm_head.weight")
    if head is None and config.get("tie_word_embeddings") is False:
        raise broken("its weights lack lm_head.weight", "it is not a whole GPT-2; " + WANTED)
    if head is not None and tuple(head.shape) != wanted["wte.weight"]:
        raise broken(f"its lm_head.weight is {tuple(head.shape)}, not {wanted['wte.weight']}", "download it again")
