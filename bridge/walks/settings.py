"""What a walk can be told, all of it live: one frozen value, changed by patches that hold wholly or not at all.

Needs no numpy, so that whoever only describes or checks settings stays light.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from bridge import limits
from bridge.errors import InputError, MissingInput, TooLarge, UnknownInput
from bridge.ports import Boolean, Category, Number, Port
from bridge.ports.words import came
from bridge.suggest import nearest
from bridge.walks import curves, easing, keys
from bridge.walks.curves import Value
from bridge.walks.keys import Given, Key, Latent, Seed

KINDS = ("noise", "loop", "circle", "drift", "follow")
DIRECTIONS = ("forward", "back", "pingpong")
INTERPOLATIONS = ("spherical", "linear", "cubic")
HELD = ("seconds", "bpm", "beats", "stiffness", "damping", "inertia")  # as curves they are read tick by tick
_CURVES = (curves.LFO, curves.Ramp, curves.Points)
HOW = ("speed", "distance", "fps", "fade", *HELD)  # numbers that say how it moves; the others are inputs of the model
OWN = (*HOW, "truncation")  # settings that may be curves, beside the directions


class Settings(msgspec.Struct, frozen=True, dict=True):
    """Everything a walk is told. Equal settings walk equally."""

    kind: str = "noise"
    keyframes: tuple[Key, ...] = (Seed(0), Seed(1), Seed(2), Seed(3))
    seed: int = 0
    playing: bool = True
    speed: Value = 1.0
    direction: str = "forward"
    seconds: Value = 3.0
    bpm: Value = 120.0
    beats: Value | None = None
    distance: Value = 1.0
    interpolation: str = "spherical"
    space: str = "z"
    easing: str = "none"
    truncation: Value | None = None
    fps: Value | None = None
    centre: Key | None = None
    target: Key | None = None
    follow: str = "spring"
    stiffness: Value = 40.0
    damping: Value = 0.7
    inertia: Value = 0.5
    fade: Value = 0.5
    directions: dict[str, Value] = {}

    def changed(self, raw: Mapping[str, Any], latent: Latent) -> "Settings":
        """With the patch applied, all of it; or InputError, and these stay as they are."""
        if not isinstance(raw, Mapping):
            raise InputError(f"a walk takes an object of settings; {came(raw)} came", hint='such as {"speed": 2}')
        parsed: dict[str, Any] = {}
        sliders = dict(self.directions)
        for name, value in raw.items():
            if name == "directions":
                _slide_all(sliders, value, latent)
            elif name in latent.directions:
                _slide(sliders, name, value)
            else:
                parsed[name] = _field(name, latent).parse(value, name, latent)
        settings = msgspec.structs.replace(self, **parsed, directions=sliders)
        _check(settings, latent)
        return settings

    def plain(self) -> dict[str, Any]:
        """As JSON, such as changed takes."""
        return {name: _plain(getattr(self, name)) for name in self.__struct_fields__}

    @cached_property
    def numbers(self) -> dict[str, Value]:
        """Those that may be curves, by name, directions too."""
        own = {name: getattr(self, name) for name in OWN}
        return {**{name: value for name, value in own.items() if value is not None}, **self.directions}

    @cached_property
    def inputs(self) -> dict[str, Value]:
        """Of these, the inputs of the model: truncation, directions."""
        return {name: value for name, value in self.numbers.items() if name not in HOW}

    def with_number(self, name: str, value: Value) -> "Settings":
        """One of numbers set, without a check."""
        if name in OWN:
            return msgspec.structs.replace(self, **{name: value})
        return msgspec.structs.replace(self, directions={**self.directions, name: value})

    def with_keys(self, change: Callable[[Key], Key]) -> "Settings":
        """With every place put into other words."""
        return msgspec.structs.replace(
            self,
            keyframes=tuple(map(change, self.keyframes)),
            centre=None if self.centre is None else change(self.centre),
            target=None if self.target is None else change(self.target),
        )

    @property
    def home(self) -> Key:
        """What circles, drifts and noise are around."""
        return Seed(self.seed) if self.centre is None else self.centre

    @property
    def locked(self) -> bool:
        """Do keyframes keep to the beat?"""
        return self.beats is not None and self.kind != "follow"

    @cached_property
    def restless(self) -> tuple[str, ...]:
        """Those of HELD that are curves."""
        return tuple(name for name in HELD if isinstance(getattr(self, name), _CURVES))


def schema(latent: Latent = keys.ANY) -> dict[str, Any]:
    """JSON Schema of a patch, for this model or for any."""
    named = {name: field.described(latent) for name, field in FIELDS.items()}
    moved = {"anyOf": [_SLIDER.schema(latent), {"type": "null"}]}
    sliders = _sliders({**moved, "description": "how far along this direction; null takes it out"}, latent)
    properties = {**named, "directions": {"type": "object", **sliders}, **sliders.get("properties", {})}
    return {"type": "object", **sliders, "properties": properties, "additionalProperties": False}


def _sliders(slider: dict[str, Any], latent: Latent) -> dict[str, Any]:
    if latent is keys.ANY:
        return {"patternProperties": {"^direction/": slider}, "additionalProperties": False}
    return {"properties": dict.fromkeys(latent.directions, slider), "additionalProperties": False}


class Field(NamedTuple):
    """One setting: what it is for, how it is read, how it is described."""

    about: str
    parse: Callable[[Any, str, Latent], Any]
    schema: Callable[[Latent], dict[str, Any]]
    port: Port | None = None  # where one port says all of it: for forms and addresses

    def described(self, latent: Latent) -> dict[str, Any]:
        return {**self.schema(latent), "description": self.about}


def _simple(about: str, port: Port) -> Field:
    return Field(about, lambda raw, field, latent: port.parse(raw, field), lambda latent: port.schema(), port)


def _curved(about: str, low: float, high: float) -> Field:
    def parse(raw: Any, field: str, latent: Latent) -> Value:
        return curves.parse(raw, field, low, high)

    return Field(about, parse, lambda latent: curves.schema(low, high), Number(low, high))


def _maybe(field: Field) -> Field:
    """The same, where nothing (null) is taken too."""

    def parse(raw: Any, name: str, latent: Latent) -> Any:
        return None if raw is None else field.parse(raw, name, latent)

    def described(latent: Latent) -> dict[str, Any]:
        return {"anyOf": [field.schema(latent), {"type": "null"}]}

    return field._replace(parse=parse, schema=described)


def _key(about: str) -> Field:
    return Field(about, keys.parse, keys.schema)


def _keyframes(raw: Any, field: str, latent: Latent) -> tuple[Key, ...]:
    if not isinstance(raw, (list, tuple)):
        raise InputError(f"{field} takes a list; {came(raw)} came", hint="such as [1, 2, 3], seeds", field=field)
    if not raw:
        raise InputError(
            f"{field} takes at least one; an empty list came", hint="such as [1, 2, 3], seeds", field=field
        )
    if len(raw) > limits.WALK_KEYFRAMES:
        raise TooLarge(f"{field} takes up to {limits.WALK_KEYFRAMES}; {len(raw)} came", field=field)
    return tuple(keys.parse(item, f"{field}[{index}]", latent) for index, item in enumerate(raw))


def _keyframes_schema(latent: Latent) -> dict[str, Any]:
    return {"type": "array", "items": keys.schema(latent), "minItems": 1, "maxItems": limits.WALK_KEYFRAMES}


def _distance(raw: Any, field: str, latent: Latent) -> Value:
    """May swing through zero, but not stay there: nothing would move, and nobody would know why."""
    if not isinstance(raw, Mapping):
        hint = "to stand still, pause; a curve, an object with lfo, ramp or points, may swing through 0"
        port = Number(limits.WALK_NEAREST, limits.WALK_DISTANCE)
        return curves.constant(raw, field, port, hint)
    value = curves.parse(raw, field, 0, limits.WALK_DISTANCE)
    if not isinstance(value, int | float) and value.bounds[1] < limits.WALK_NEAREST:
        least, most = limits.WALK_NEAREST, limits.WALK_DISTANCE
        said = f"{field} takes a number from {least} to {most:g}; a curve that stays below that came"
        raise InputError(said, hint="to stand still, pause", field=field)
    return value


def _truncation(raw: Any, field: str, latent: Latent) -> Value:
    if latent.truncation is None:
        raise UnknownInput(f"this model has no {field}", field=field)
    return curves.parse(raw, field, *latent.truncation)


def _truncation_schema(latent: Latent) -> dict[str, Any]:
    return curves.schema(*(latent.truncation or (0.0, 0.0)))


def _space(raw: Any, field: str, latent: Latent) -> Any:
    if raw == "w" and latent.w is None:
        raise InputError(f"{field}: this model can only be walked in z", field=field)
    return Category(("z", "w")).parse(raw, field)


_BY_HAND = "PATCH /api/sessions/NAME/inputs"
_SLIDER = _curved("how far along a direction", -limits.WALK_DIRECTION, limits.WALK_DIRECTION)

FIELDS: dict[str, Field] = {
    "kind": _simple(
        "how it moves: noise, loop (through keyframes), circle, drift (round a centre), follow (a target)",
        Category(KINDS),
    ),
    "keyframes": Field("where a loop goes through: seeds, vectors, favourites", _keyframes, _keyframes_schema),
    "seed": _simple("which noise, which circle, which drift", Number(0, 2**32 - 1, step=1)),
    "playing": _simple("false stands still", Boolean()),
    "speed": _curved("times the usual pace", 0, limits.WALK_SPEED),
    "direction": _simple("forward, back, or to and fro", Category(DIRECTIONS)),
    "seconds": _curved(
        "from one keyframe to the next, or once round the circle", limits.WALK_SHORTEST, limits.WALK_SECONDS
    ),
    "bpm": _curved("beats a minute", *limits.WALK_BPM),
    "beats": _maybe(_curved("beats from one keyframe to the next, on the beat; null: seconds count", 1 / 16, 1024)),
    "distance": Field(
        "how far it goes from where it is around",
        _distance,
        lambda latent: curves.schema(0, limits.WALK_DISTANCE),
        Number(0, limits.WALK_DISTANCE),
    ),
    "interpolation": _simple("the way from one keyframe to the next", Category(INTERPOLATIONS)),
    "space": Field(
        "which vectors are walked",
        _space,
        lambda latent: {"type": "string", "enum": [*latent.spaces]},
        Category(("z", "w")),
    ),
    "easing": _simple("how it leaves and reaches keyframes", Category(easing.NAMES)),
    "truncation": _maybe(
        Field("the model's own, if it shall move; null leaves it alone", _truncation, _truncation_schema)
    ),
    "fps": _maybe(_curved("the most frames a second; null: as many as the model can", *limits.WALK_FPS)),
    "centre": _maybe(_key("what drift, circle and noise are around; null: what the seed gives")),
    "target": _maybe(_key("where follow goes to; null: what the seed gives")),
    "follow": _simple("how follow goes: spring swings, glide only nears", Category(("spring", "glide"))),
    "stiffness": _curved("of the spring: higher is quicker", 0.01, 10_000),
    "damping": _curved("of the spring: below 1 it swings, at 1 it just does not", 0, 10),
    "inertia": _curved("of the glide: seconds until most of the way is gone", 0, 600),
    "fade": _curved("seconds in which it goes over when another path begins", 0, 60),
}


def _field(name: str, latent: Latent) -> Field:
    if name in FIELDS:
        return FIELDS[name]
    raise UnknownInput(
        f"a walk has no setting {str(name)[:40]!r}",
        hint=_instead(str(name), latent),
        field=str(name)[:40],
    )


def _instead(name: str, latent: Latent) -> str:
    if name in ("z", "w"):
        return f"to go there, set kind to follow and target to it; to play {name} by hand, {_BY_HAND}"
    return nearest(name, [*FIELDS, *latent.directions], "it takes") + f"; for inputs of the model, {_BY_HAND}"


def _slide_all(sliders: dict[str, Value], raw: Any, latent: Latent) -> None:
    if not isinstance(raw, Mapping):
        hint = 'such as {"direction/1": 2}'
        raise InputError(f"directions takes an object; {came(raw)} came", hint=hint, field="directions")
    for name, value in raw.items():
        if name not in latent.directions:
            hint = nearest(name, latent.directions, "it has")
            raise UnknownInput(f"this model has no direction {str(name)[:40]!r}", hint=hint, field="directions")
        _slide(sliders, name, value)


def _slide(sliders: dict[str, Value], name: str, raw: Any) -> None:
    if raw is None:
        sliders.pop(name, None)
    else:
        sliders[name] = curves.parse(raw, name, -limits.WALK_DIRECTION, limits.WALK_DIRECTION)


def _check(settings: Settings, latent: Latent) -> None:
    """What holds only for settings together."""
    if settings.space == "w":
        return
    for name, key in _named_keys(settings):
        if isinstance(key, Given) and key.space == "w":
            hint = 'set space to "w" as well'
            raise InputError(f"{name} holds a vector in w, and the walk is in z", hint=hint, field=name)


def _named_keys(settings: Settings) -> Iterator[tuple[str, Key]]:
    for index, key in enumerate(settings.keyframes):
        yield f"keyframes[{index}]", key
    for name in ("centre", "target"):
        if (key := getattr(settings, name)) is not None:
            yield name, key


def favourites_at(settings: Settings) -> Iterable[tuple[str, str]]:
    """All favourites it names: the field, such as keyframes[2], and the id."""
    return [(field, key.favourite) for field, key in _named_keys(settings) if isinstance(key, keys.Favourite)]


def unstarted(settings: Settings) -> dict[str, curves.Ramp]:
    """The ramps that begin where their number stands, which is not known here."""
    return {
        name: value
        for name, value in settings.numbers.items()
        if isinstance(value, curves.Ramp) and value.start is None
    }


def started(settings: Settings, standing: Mapping[str, float]) -> Settings:
    """The same with those ramps beginning where their numbers stand."""
    for name, ramp in unstarted(settings).items():
        if name not in standing:
            said = f"{name} has no value yet from which a ramp could go"
            raise MissingInput(said, hint="say from where: from", field=f"{name}.ramp.from")
        settings = settings.with_number(name, msgspec.structs.replace(ramp, start=standing[name]))
    return settings


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.plain() if hasattr(value, "plain") else value
