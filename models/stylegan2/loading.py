"""Opens the StyleGAN2 networks that people have: pickles of stylegan2-ada-pytorch, .safetensors with a JSON beside, our own
checkpoints. Goes by what is in a file, not by its name, runs nothing of it, and says in words what is wrong with it.
"""

import io
import json
import math
import mmap
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.errors import ModelBroken

from . import pickles
from .layout import (
    LARGEST,
    Settings,
    check_argument,
    clamp,
    number,
    pictures,
    same,
    settings_from_arguments,
    settings_from_shapes,
    unseen,
)

WANTED = "take a .pkl of stylegan2-ada-pytorch, a .safetensors with its .json beside, or a checkpoint of our training"
JSON_BYTES = 1 << 20
HEADER_BYTES = 16 << 20
CHECKPOINT_BYTES = 64 << 20  # of what a checkpoint says of its tensors
PREFIXES = ("G_ema.", "g_ema.", "generator.", "G.")


def load_network(path: str | Path) -> Any:
    """The generator in the file, on the CPU in float32; ModelBroken, in words, if there is none that can be used."""
    from .network import generator_from_weights  # here, so that what is wrong with a file can be told without torch

    with _opened(path) as (file, kind):
        settings, weights = _READERS[kind](file, Path(path))
        return generator_from_weights({name: tensor() for name, tensor in weights.items()}, **unseen(settings))


Weights = Mapping[str, Callable[[], Any]]  # a tensor is read when its function is called
Found = tuple[Settings, Weights]


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[Any, str]]:
    """The file, mapped into memory, and its kind. Whatever goes wrong inside is told as this file's trouble."""
    name = Path(path).name
    try:
        with Path(path).open("rb") as file:
            head = file.read(512)
            kind = _kind(head, name)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                yield mapped, kind
    except ModelBroken as error:
        raise _broken(f"{name}: {error.message}", error.hint) from None
    except OSError as error:
        what = "is a folder" if isinstance(error, IsADirectoryError) else error.strerror or "can't be read"
        raise _broken(f"{name}: {what}", WANTED) from None
    except pickles.Unsafe as error:
        raise _unsafe(name, error.name) from None
    except ValueError as error:
        raise _broken(f"{name}: {error}", "see that the file was downloaded whole; " + WANTED) from None
    except (LookupError, TypeError, AttributeError, RuntimeError, MemoryError, RecursionError, OverflowError) as error:
        raise _broken(f"{name}: it is damaged ({type(error).__name__})", "download it again; " + WANTED) from None


def _broken(message: str, hint: str) -> ModelBroken:
    return ModelBroken(message, hint=hint, field="network")


# --- which kind ------------------------------------------------------------------------------------------------------------

_OTHERS = (  # how files begin that people pick by mistake
    (b"\xff\xd8\xff", "is a JPEG picture, not a network"),
    (b"\x89PNG", "is a PNG picture, not a network"),
    (b"version https://git-lfs", "is only a pointer to a file kept with Git LFS; download the file itself"),
    (b"<", "is a web page, not a network: the download did not give the file; open the address in a browser"),
    (b"\x89HDF", "is an HDF5 file (Keras), not a StyleGAN2 network"),
    (b"\x1f\x8b", "is packed with gzip; unpack it first"),
    (b"7z", "is packed with 7-Zip; unpack it first"),
    (b"Rar!", "is packed with RAR; unpack it first"),
    (b"{", "is a JSON file; name the .safetensors beside it"),
)


def _kind(head: bytes, name: str) -> str:
    if not head:
        raise _broken("it is empty", "download it again")
    for start, what in _OTHERS:
        if head.lstrip().startswith(start):
            raise _broken(f"it {what}", WANTED)
    if head.startswith(b"PK\x03\x04"):
        return "checkpoint"
    if len(head) > 8 and head[8:9] == b"{":
        return "safetensors"
    if head[0] == 0x80 or name.endswith(".pkl"):
        return "pickle"
    raise _broken("it is not a network file", WANTED)


# --- pickles ---------------------------------------------------------------------------------------------------------------


def _from_pickle(file: Any, path: Path) -> Found:
    root = _root(pickles.read(file))
    layers = pickles.modules(root)
    if layers[""].kind != "Generator":
        raise ValueError(f"its G_ema is a {layers[''].kind[:40]}, not a generator")
    if "synthesis" not in layers:
        raise ValueError("its generator has no synthesis, so it is not a StyleGAN2")
    if any(layer.kind == "SynthesisInput" for layer in layers.values()):
        raise _broken(
            "it is a StyleGAN3 network", "only StyleGAN2 networks run here (of that project: --cfg=stylegan2)"
        )
    tensors = {
        f"{place}.{name}" if place else name: pickles.Tensor(value)
        for place, layer in layers.items()
        for name, value in layer.tensors.items()
    }
    _check_total(tensors, len(file))
    settings = _settings({name: tensor.shape for name, tensor in tensors.items()})
    return settings | _told_by_layers(layers), {name: _reader(tensor) for name, tensor in tensors.items()}


def _root(value: Any) -> Any:
    """The generator among what is in the file: the averaged one, or the file itself is one."""
    if value == 0x1950A86A20F9469CFC6C:
        raise ValueError("it is a checkpoint of torch before 1.6; save it again with a newer torch")
    if not isinstance(value, dict):
        return value
    if value.get("G_ema") is None:
        inside = ", ".join(str(key)[:30] for key in list(value)[:5]) or "nothing"
        raise ValueError(f"it has no averaged generator 'G_ema'; it has {inside}")
    return value["G_ema"]


def _check_total(tensors: Mapping[str, pickles.Tensor], file_bytes: int) -> None:
    """Tensors that share their numbers could fill any memory."""
    if sum(math.prod(tensor.shape) for tensor in tensors.values()) > file_bytes:
        raise ValueError("its tensors claim more numbers than the file holds")


def _told_by_layers(layers: Mapping[str, pickles.Module]) -> Settings:
    """What the weights can't tell, from the attributes of the layers; ValueError for what we don't compute."""
    styled = [
        layer for place, layer in layers.items() if place.startswith("synthesis.") and layer.kind == "SynthesisLayer"
    ]
    mapped = [layer for place, layer in layers.items() if place.startswith("mapping.fc")]
    colours = [layer for layer in layers.values() if layer.kind == "ToRGBLayer"]
    for layer in styled + mapped:
        check_argument("activation", layer.attributes.get("activation", "lrelu"))
    return Settings(
        conv_clamp=clamp(same("conv_clamp", [layer.attributes.get("conv_clamp") for layer in styled + colours], None)),
        mapping_lr=number("lr_multiplier", same("lr_multiplier", [layer.attributes.get("bias_gain", 0.01) for layer in mapped], 0.01)),
        half_levels=sum(layer.attributes.get("use_fp16") is True for layer in layers.values() if layer.kind == "SynthesisBlock"),
    )  # fmt: skip


def _reader(tensor: pickles.Tensor) -> Callable[[], Any]:
    return lambda: _tensor(tensor)


def _tensor(tensor: pickles.Tensor) -> Any:
    import torch

    kind, data = tensor.storage()
    dtype = getattr(torch, kind)
    count = len(data) // dtype.itemsize * dtype.itemsize
    flat = torch.frombuffer(bytearray(data[:count]), dtype=dtype) if count else torch.zeros(0, dtype=dtype)
    return flat.as_strided(tensor.shape, tensor.strides, tensor.offset).clone()


def _unsafe(name: str, asked: str) -> ModelBroken:
    if asked.startswith(("dnnlib.tflib", "tensorflow")):
        hint = "convert it with legacy.py of stylegan2-ada-pytorch, which writes a .pkl for PyTorch"
        return _broken(f"{name}: it is a TensorFlow network of the original StyleGAN", hint)
    if asked.startswith(("torch.", "training.", "networks", "model", "stylegan2", "__main__")):
        hint = "save its weights alone: .safetensors, or a .pkl as stylegan2-ada-pytorch writes it"
        return _broken(f"{name}: it asks for {asked[:80]}, a class that is not known here; nothing in it was run", hint)
    hint = "no StyleGAN2 network needs that: get the file from somebody you trust"
    return _broken(f"{name}: it asks for {asked[:80]}; nothing in it was run", hint)


# --- .safetensors ------------------------------------------------------------------------------------------------------------


def _from_safetensors(file: Any, path: Path) -> Found:
    header = _header(file)
    names = _named({name: tuple(about["shape"]) for name, about in header.items()})
    settings = _settings({ours: header[theirs]["shape"] for ours, theirs in names.items()})
    settings |= _told_beside(path.with_suffix(".json"), settings)
    return settings, {ours: _picker(path, theirs) for ours, theirs in names.items()}


def _header(file: Any) -> dict[str, Any]:
    (length,) = struct.unpack("<Q", file[:8])
    if not 2 <= length <= min(HEADER_BYTES, len(file) - 8):
        raise ValueError("it is cut short or not a .safetensors file")
    try:
        header = json.loads(file[8 : 8 + length])
    except (ValueError, RecursionError):
        raise ValueError("what it says of its tensors is damaged") from None
    header.pop("__metadata__", None)
    end = max((about["data_offsets"][1] for about in header.values()), default=0)
    if end > len(file) - 8 - length:
        raise ValueError(f"it is cut short: {end + 8 + length} bytes belong to it, {len(file)} are there")
    return header


def _picker(path: Path, name: str) -> Callable[[], Any]:
    def pick() -> Any:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                return file.get_tensor(name)
        except SafetensorError as error:
            raise ValueError(f"it can't be read: {str(error)[:160]}") from None

    return pick


def _told_beside(path: Path, known: Settings) -> Settings:
    """From the JSON beside: ours, or the constructor's arguments. Without one the usual values count."""
    if not path.is_file():
        return Settings()
    if path.stat().st_size > JSON_BYTES:
        raise ValueError(f"{path.name} beside it is too large to be its description")
    try:
        about = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ValueError(f"{path.name} beside it is not valid JSON") from None
    if not isinstance(about, dict):
        raise ValueError(f"{path.name} beside it is not a table of names and values")
    if isinstance(about.get("settings"), dict):
        return _our_settings(about["settings"], known)
    return settings_from_arguments(about.get("init_kwargs", {}), known)


def _our_settings(said: Mapping[str, Any], known: Settings) -> Settings:
    for name, value in known.items():
        if said.get(name, value) != value:
            raise ValueError(f"its JSON says {name} {str(said[name])[:40]}, but its weights have {value}")
    told = unseen(said)
    arguments = {"num_fp16_res": told.get("half_levels", 0), "conv_clamp": told.get("conv_clamp")}
    mapping = {"lr_multiplier": told.get("mapping_lr", 0.01)}
    plain = {"synthesis_kwargs": arguments | {"architecture": known["architecture"]}, "mapping_kwargs": mapping}
    return settings_from_arguments(plain, known)


# --- checkpoints -----------------------------------------------------------------------------------------------------------


def _from_checkpoint(file: Any, path: Path) -> Found:
    """Of our own training, or a bare state dict; torch itself reads only plain data from it."""
    import pickle

    import torch

    _check_depths(path)
    try:
        content = torch.load(io.BufferedReader(_Raw(file)), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"it holds more than plain data: {_blamed(str(error))}") from None
    except (RuntimeError, EOFError, OSError):
        raise ValueError("it is cut short, or a zip of something else than a network") from None
    weights = _weights_in(content)
    names = _named({name: tuple(value.shape) for name, value in weights.items()})
    settings = _settings({ours: tuple(weights[theirs].shape) for ours, theirs in names.items()})
    settings |= _told_by_training(content)
    return settings, {ours: _given(weights[theirs]) for ours, theirs in names.items()}


def _told_by_training(content: Mapping[str, Any]) -> Settings:
    """What its weights can't tell, from what it was trained with; a bare state dict has the usual values."""
    config = content.get("config")
    if not isinstance(config, dict) or "mapping_lr" not in config:
        return Settings()
    return Settings(mapping_lr=number("mapping_lr", config["mapping_lr"]))


def _check_depths(path: Path) -> None:
    """What torch reads would end this process if it were built to."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith("data.pkl"):
                    _check_entry(archive, entry)
    except (zipfile.BadZipFile, NotImplementedError, EOFError):
        raise ValueError("it is cut short, or a zip of something else than a network") from None


def _check_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    if entry.file_size > CHECKPOINT_BYTES:
        raise ValueError("it describes more than any network")
    pickles.check(io.BytesIO(archive.read(entry)))


class _Raw(io.RawIOBase):
    """A map as a raw file: torch.load wants one to seek in."""

    def __init__(self, mapped: Any) -> None:
        self._mapped = mapped
        mapped.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        data = self._mapped.read(len(into))
        into[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._mapped.seek(offset, whence)
        return int(self._mapped.tell())

    def tell(self) -> int:
        return int(self._mapped.tell())


def _blamed(said: str) -> str:
    """The name that torch's reader stumbled over, out of its long text."""
    found = re.search(r"(?:GLOBAL|global:?) ([\w.]+\.\w+)", said)
    return found[1][:80] if found else "a class"


def _weights_in(content: Any) -> dict[str, Any]:
    import torch

    if isinstance(content, dict) and isinstance(content.get("G_ema"), dict):
        content = content["G_ema"]
    if isinstance(content, dict) and "g_ema" in content and "g_optim" in content:
        raise ValueError(
            "it is a checkpoint of stylegan2-pytorch by rosinality, laid out in another way; convert it to a .pkl"
        )
    if not isinstance(content, dict) or not content or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise ValueError("there is no generator 'G_ema' in it")
    return content


def _given(value: Any) -> Callable[[], Any]:
    return lambda: value


# --- in common -----------------------------------------------------------------------------------------------------------------


def _named(shapes: Mapping[str, Any]) -> dict[str, str]:
    """Our names of tensors to the file's: the generator may stand under a prefix, beside other networks."""
    for prefix in ("", *PREFIXES):
        inside = {
            name[len(prefix) :]: name
            for name in shapes
            if name.startswith((f"{prefix}synthesis.", f"{prefix}mapping."))
        }
        if inside:
            return inside
    raise ValueError("not a StyleGAN2 generator: it has no synthesis layers")


def _settings(shapes: Mapping[str, Any]) -> Settings:
    settings = settings_from_shapes(shapes)
    height, width = pictures(settings)
    if max(height, width) > LARGEST:
        raise ValueError(f"it makes pictures of {width} × {height} pixels; up to {LARGEST} a side are known here")
    return settings


_READERS: dict[str, Callable[[Any, Path], Found]] = {
    "pickle": _from_pickle,
    "safetensors": _from_safetensors,
    "checkpoint": _from_checkpoint,
}
