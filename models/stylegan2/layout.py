"""What a StyleGAN2 file says of its network, read without torch: from the shapes of the weights, and from the constructor's
arguments as stylegan2-ada-pytorch writes them. What we can't compute exactly is refused by its name.

`Settings` is what `Generator` in network.py takes.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

FILTER = [1, 3, 3, 1]
LARGEST = 2048  # pixels on a side


class Settings(TypedDict, total=False):
    """Everything a generator depends on beside its weights."""

    z_dim: int
    w_dim: int
    c_dim: int
    channels: list[int]  # feature maps at 4, 8, 16 ... pixels
    base: list[int]  # height and width that the first of them has; 4 × 4 in square networks
    image_channels: int
    mapping_layers: int
    mapping_width: int | None  # of the inner layers; None: w_dim
    embed_width: int | None  # of the label's embedding; None: w_dim
    architecture: str
    conv_clamp: float | None
    mapping_lr: float
    half_levels: int  # so many of the largest resolutions may compute in float16


def unseen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is said of a generator, that which its weights can't tell."""
    return {name: settings[name] for name in ("conv_clamp", "half_levels", "mapping_lr") if name in settings}


def settings_from_shapes(shapes: Mapping[str, tuple[int, ...]]) -> Settings:
    """Sizes, labels, depth and architecture; ValueError if these are not the weights of a StyleGAN2 generator."""
    for name, shape in shapes.items():
        if not all(isinstance(side, int) and side > 0 for side in shape):
            raise ValueError(f"not a StyleGAN2 generator: {name[:60]} has the shape {str(shape)[:60]}")
    try:
        return _from_shapes({name: tuple(shape) for name, shape in shapes.items()})
    except (KeyError, IndexError) as error:
        raise ValueError(f"not a StyleGAN2 generator: {error.args[0]} is missing or has an unexpected shape") from None


def _from_shapes(shapes: dict[str, tuple[int, ...]]) -> Settings:
    channels = _channels(shapes)
    top = f"synthesis.b{2 << len(channels)}"
    w_dim = shapes[f"{top}.conv1.affine.weight"][1]
    label = shapes.get("mapping.embed.weight")
    embed_width, c_dim = label or (0, 0)
    layers = sum(name.startswith("mapping.fc") and name.endswith(".weight") for name in shapes)
    if not layers:
        raise ValueError("not a StyleGAN2 generator: it has no mapping layers")
    width = shapes["mapping.fc0.weight"][0]
    return Settings(
        z_dim=shapes["mapping.fc0.weight"][1] - embed_width,
        w_dim=w_dim,
        c_dim=c_dim,
        channels=channels,
        base=_base(shapes),
        image_channels=shapes[f"{top}.torgb.weight"][0],
        mapping_layers=layers,
        mapping_width=width if layers > 1 and width != w_dim else None,
        embed_width=embed_width if c_dim and embed_width != w_dim else None,
        architecture=_architecture(shapes),
    )


def _channels(shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    names = [name for name in shapes if name.startswith("synthesis.b") and name.endswith(".conv1.weight")]
    levels = sorted(int(name.split(".")[1][1:]) for name in names)
    if not levels or levels != [4 << i for i in range(len(levels))]:
        raise ValueError(f"not a StyleGAN2 generator: it has the resolutions {levels}, not 4, 8, 16 ...")
    kernels = {shapes[name][2:] for name in names}
    if kernels != {(3, 3)}:
        raise ValueError(f"kernel_size is {kernels.pop()[0]}; StyleGAN2's convolutions are 3 × 3")
    return [shapes[f"synthesis.b{level}.conv1.weight"][0] for level in levels]


def _base(shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    const = shapes["synthesis.b4.const"]
    if len(const) != 3 or max(const) > LARGEST:
        raise ValueError(f"not a StyleGAN2 generator: what it begins with has the shape {str(const)[:60]}")
    return list(const[1:])


def pictures(settings: Settings) -> tuple[int, int]:
    """Height and width of what it makes."""
    height, width = (side << (len(settings["channels"]) - 1) for side in settings["base"])
    return height, width


def large_layers(settings: Settings) -> int:
    """How many numbers the layers have that could fill a memory: told from a few shapes, they have to be in the file."""
    channels, w_dim = settings["channels"], settings["w_dim"]
    width = settings["mapping_width"] or w_dim
    blocks = sum((9 * own + w_dim) * (below + own) for below, own in zip([0, *channels], channels, strict=False))
    mapping = width * width * max(settings["mapping_layers"] - 2, 0)
    return blocks + mapping + settings["c_dim"] * (settings["embed_width"] or w_dim)


def _architecture(shapes: Mapping[str, tuple[int, ...]]) -> str:
    if any(name.startswith("synthesis.") and ".skip." in name for name in shapes):
        return "resnet"
    return "skip" if "synthesis.b4.torgb.weight" in shapes else "orig"


# --- the constructor's arguments -------------------------------------------------------------------------------------------

_SIZES = {"z_dim": "z_dim", "c_dim": "c_dim", "w_dim": "w_dim", "img_channels": "image_channels"}
_TOLD_BY_THE_WEIGHTS = ("channel_base", "channel_max", "embed_features", "layer_features", "num_ws", "use_noise")
_WITHOUT_EFFECT = ("channels_last", "fp16_channels_last", "fused_modconv_default", "w_avg_beta", "use_fp16")
_MEANS = {"activation": "lrelu", "resample_filter": FILTER, "kernel_size": 3}  # the only values we compute


def settings_from_arguments(arguments: Mapping[str, Any], known: Settings) -> Settings:
    """What the weights could not tell, from `init_kwargs`; ValueError, with its name, where it says what we can't do.

    The later code base (that of StyleGAN3) takes the synthesis' arguments unnested, and has other defaults for them.
    """
    own = dict(arguments)
    mapping = _table(own, "mapping_kwargs")
    nested = "synthesis_kwargs" in own
    synthesis = _table(own, "synthesis_kwargs")
    _check_sizes(own, known)
    rest = {key: value for key, value in own.items() if key not in (*_SIZES, "img_resolution", "init_res")}
    later = bool(rest) and not nested
    synthesis = {**rest, **synthesis}
    told = Settings(
        conv_clamp=clamp(synthesis.pop("conv_clamp", 256 if later else None)),
        half_levels=_whole("num_fp16_res", synthesis.pop("num_fp16_res", 4 if later else 0)),
        mapping_lr=number("lr_multiplier", mapping.pop("lr_multiplier", 0.01)),
    )
    _check("num_layers", mapping.pop("num_layers", known["mapping_layers"]), known["mapping_layers"])
    if len(known["channels"]) > 1:
        _check("architecture", synthesis.pop("architecture", "skip"), known["architecture"])
    _check("init_res", synthesis.pop("init_res", known["base"]), known["base"])
    for name, value in {**mapping, **synthesis}.items():
        check_argument(name, value)
    return told


def check_argument(name: str, value: Any) -> None:
    """ValueError unless we compute just that."""
    if name in _MEANS:
        if value != _MEANS[name] and list(_listed(value)) != _MEANS[name]:
            raise ValueError(f"it was made with {name} {_told(value)}, and only {_told(_MEANS[name])} is known here")
    elif name not in (*_TOLD_BY_THE_WEIGHTS, *_WITHOUT_EFFECT, "architecture"):
        raise ValueError(f"it was made with {name} {_told(value)}, which StyleGAN2 does not have")


def same(name: str, values: list[Any], default: Any) -> Any:
    """The one value that all layers share; ValueError if they differ."""
    different = list(dict.fromkeys(values))
    if len(different) > 1:
        raise ValueError(f"its layers differ in {name}: {', '.join(map(_told, different[:4]))}")
    return different[0] if different else default


def _check_sizes(arguments: Mapping[str, Any], known: Settings) -> None:
    for theirs, ours in _SIZES.items():
        _check(theirs, arguments.get(theirs, known[ours]), known[ours])
    side = 2 << len(known["channels"])  # as if it were square: its init_res tells the rest
    _check("img_resolution", arguments.get("img_resolution", side), side)
    _check("init_res", arguments.get("init_res", known["base"]), known["base"])


def _check(name: str, said: Any, found: Any) -> None:
    if said != found:
        raise ValueError(f"it says {name} {_told(said)}, but its weights have {_told(found)}")


def _table(arguments: dict[str, Any], name: str) -> dict[str, Any]:
    value = arguments.pop(name, None) or {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is not a table of names and values")
    return dict(value)


def clamp(value: Any) -> float | None:
    if value is None:
        return None
    if number("conv_clamp", value) <= 0:
        raise ValueError(f"conv_clamp is {_told(value)}, not above 0")
    return float(value)


def number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} is {_told(value)}, not a number")
    return float(value)


def _whole(name: str, value: Any) -> int:
    if number(name, value) != int(value) or value < 0:
        raise ValueError(f"{name} is {_told(value)}, not a whole number of 0 or more")
    return int(value)


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else ()


def _told(value: Any) -> str:
    """A value in words, whatever it is: never long, never its own idea of a text."""
    plain = isinstance(value, (str, int, float, type(None))) or (
        isinstance(value, (list, tuple)) and all(isinstance(item, (int, float)) for item in value)
    )
    return str(value)[:60] if plain else f"a {type(value).__name__}"
