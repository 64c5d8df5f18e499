"""Which inputs of a model a walk moves: found in its signature, whatever else the model does."""

import msgspec

from bridge.errors import InputError
from bridge.ports import Image, Number, Vector
from bridge.signature import Command, Signature
from bridge.walks.keys import Latent

_LATENT = "z"  # of several vectors, the one so named is the place that is walked
_DIRECTION = "direction/"


class Handles(msgspec.Struct, frozen=True):
    """The names of the inputs, and what they take."""

    latent: Latent
    z: str
    w: str | None = None  # stands in for z
    map: str | None = None  # the command that makes a w of a z
    truncation: str | None = None


def handles_of(signature: Signature) -> Handles | None:
    """What a walk can hold on to; None for a model that has no vector to move."""
    inputs = signature.default.inputs
    vectors = {name: port for name, port in inputs.items() if isinstance(port, Vector) and port.length}
    places = [name for name, port in vectors.items() if not port.instead_of]
    if not places:
        return None
    z = _LATENT if _LATENT in places else places[0]
    w, mapping = _second(signature, z)
    return Handles(
        Latent(
            z=vectors[z].length,
            w=vectors[w].length if w else None,
            truncation=_range(inputs.get("truncation")),
            directions=tuple(name for name in inputs if name.startswith(_DIRECTION)),
        ),
        z,
        w,
        mapping,
        "truncation" if _range(inputs.get("truncation")) else None,
    )


def needed(signature: Signature, name: str) -> Handles:
    """What a walk can hold on to; InputError about the session of that name if there is nothing."""
    handles = handles_of(signature)
    if handles is None:
        takes = ", ".join(signature.default.inputs) or "nothing"
        raise InputError(
            f"{name} can't walk: none of its inputs is a vector", hint=f"it takes {takes}", field="session"
        )
    return handles


def picture_of(command: Command) -> str | None:
    """The name of the picture it gives out, if it gives out one."""
    return next((name for name, port in command.outputs.items() if isinstance(port, Image)), None)


def _second(signature: Signature, z: str) -> tuple[str | None, str | None]:
    """The input that stands in for z, and the command that gives out what it takes."""
    for name, port in signature.default.inputs.items():
        if isinstance(port, Vector) and port.instead_of == z:
            mapping = next((command.name for command in signature.commands.values() if _maps(command, z, name)), None)
            return (name, mapping) if port.length and mapping else (None, None)
    return None, None


def _maps(command: Command, z: str, w: str) -> bool:
    return z in command.inputs and isinstance(command.outputs.get(w), Vector)


def _range(port: object) -> tuple[float, float] | None:
    if not isinstance(port, Number) or port.min is None or port.max is None:
        return None
    return float(port.min), float(port.max)
