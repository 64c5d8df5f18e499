"""What names a place in a latent space: a seed, a vector, a favourite. Hashable, so that its vector can be kept."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from bridge.errors import InputError, UnknownInput
from bridge.ports import Number, Vector
from bridge.ports.vector import numbers
from bridge.ports.words import came
from bridge.suggest import nearest
from bridge.walks.reading import Fields, one_of

_SEED = Number(0, 2**32 - 1, step=1)


class Seed(msgspec.Struct, frozen=True, tag="seed", tag_field="key"):
    """The vector that StyleGAN's published --seeds mean."""

    seed: int

    def plain(self) -> Any:
        return self.seed


class Given(msgspec.Struct, frozen=True, tag="given", tag_field="key"):
    """A vector somebody sent, float32 little-endian."""

    space: str
    data: bytes

    def plain(self) -> Any:
        listed = numbers(self.data)
        return listed if self.space == "z" else {"w": listed}


class Favourite(msgspec.Struct, frozen=True, tag="favourite", tag_field="key"):
    """One that the session has kept, by its id."""

    favourite: str

    def plain(self) -> Any:
        return {"favourite": self.favourite}


Key = Seed | Given | Favourite


class Latent(msgspec.Struct, frozen=True):
    """What a model has to walk in: the lengths of its vectors, and what else of it a walk may move."""

    z: int
    w: int | None = None  # None: it can't be given one
    truncation: tuple[float, float] | None = (0.0, 1.0)  # its range; None: it has none
    directions: tuple[str, ...] = ()  # the names of its inputs for them
    favourites: frozenset[str] | None = None  # their ids; None: whoever looks for them will say if one is missing

    @property
    def spaces(self) -> tuple[str, ...]:
        return ("z",) if self.w is None else ("z", "w")

    def length(self, space: str) -> int:
        return self.w if space == "w" and self.w is not None else self.z


ANY = Latent(0, 0, truncation=(-math.inf, math.inf))  # to describe walks where no model is at hand


def parse(raw: Any, field: str, latent: Latent) -> Key:
    """A whole number is a seed, a list is a vector in z, an object says which it is."""
    if in_grid(raw):
        raise InputError(f"{field}: only a running session has a grid", hint="name a seed or a favourite", field=field)
    if isinstance(raw, Mapping):
        return _named(Fields(raw, field, takes(latent)), latent)
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return Seed(int(_SEED.parse(raw, field)))
    if raw is None or isinstance(raw, (str, bool)):
        raise InputError(f"{field} takes {takes(latent)}; {came(raw)} came", field=field)
    return _given("z", raw, field, latent)


def in_grid(raw: Any) -> bool:
    """Is it {"grid": [row, column]}? That has to be made a vector first, by the explorer of a session."""
    return isinstance(raw, Mapping) and raw.keys() == {"grid"}


def takes(latent: Latent) -> str:
    spaces = [f'{{"{space}": a list of {latent.length(space)} numbers}}' for space in latent.spaces[1:]]
    return one_of(("a seed", f"a list of {latent.z} numbers", *spaces, '{"favourite": id}', '{"grid": [row, column]}'))


def schema(latent: Latent) -> dict[str, Any]:
    """JSON Schema of what parse takes."""
    named = {
        "seed": _SEED.schema(),
        "favourite": {"type": "string"},
        "grid": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        **{space: Vector(latent.length(space)).schema() for space in latent.spaces},
    }
    single = {"type": "object", "properties": named, "additionalProperties": False}
    return {"anyOf": [_SEED.schema(), named["z"], {**single, "minProperties": 1, "maxProperties": 1}]}


def _named(fields: Fields, latent: Latent) -> Key:
    if fields.has("favourite"):
        key: Key = _favourite(fields.raw("favourite"), fields.field, latent)
    elif fields.has("seed"):
        key = Seed(fields.take("seed", _SEED))
    else:
        space = "w" if fields.has("w") else "z"
        key = _given(space, fields.raw(space), fields.field, latent)
    fields.done()
    return key


def _favourite(raw: Any, field: str, latent: Latent) -> Favourite:
    if isinstance(raw, bool) or not isinstance(raw, (str, int)) or raw == "":
        raise InputError(f"{field} takes the id of a favourite; {came(raw)} came", field=field)
    name = str(raw)
    if latent.favourites is not None and name not in latent.favourites:
        raise UnknownInput(f"{field}: there is no favourite {name[:40]!r}", hint=_listed(name, latent), field=field)
    return Favourite(name)


def _listed(name: str, latent: Latent) -> str:
    known: Collection[str] = latent.favourites or ()
    return nearest(name, sorted(known), "there are")


def _given(space: str, raw: Any, field: str, latent: Latent) -> Given:
    if space not in latent.spaces:
        raise InputError(f"{field}: this model can't be given a vector in {space}", hint="send one in z", field=field)
    if raw is None:
        raise InputError(f"{field} takes {takes(latent)}; none of them came", field=field)
    name = field if space == "z" else f"{field}.{space}"
    return Given(space, bytes(Vector(latent.length(space)).parse(raw, name).data))
