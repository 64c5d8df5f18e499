"""What a walk can be told that is no setting: play, pause, seek, step, tap. Each with its arguments by name."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge import limits
from bridge.errors import InputError, MissingInput, UnknownInput
from bridge.ports import Number, Port
from bridge.ports.words import came
from bridge.suggest import nearest
from bridge.walks.reading import Fields

if TYPE_CHECKING:  # they bring numpy, which whoever only describes verbs can do without
    from bridge.walks.paths import Vectors
    from bridge.walks.timeline import Walk

_OPPOSITE = {"play": "pause", "pause": "play"}  # what they ask for with false: a switch that was turned off


class Verb(NamedTuple):
    """What it is for, what it takes, the first of which may come without a name, what it does, and how it may look."""

    about: str
    takes: dict[str, Port]
    does: "Callable[[Walk, dict[str, Any], float, Vectors], Walk]"
    such: str


def schema() -> dict[str, Any]:
    """JSON Schema of what may stand beside each verb in a patch."""
    return {name: _described(verb) for name, verb in VERBS.items()}


def told(walk: "Walk", name: str, arguments: Mapping[str, Any], t: float, vectors: "Vectors") -> "Walk":
    """The walk from there on, or InputError and it goes on as it was."""
    if name not in VERBS:
        hint = nearest(name, VERBS, "there are")
        raise UnknownInput(f"a walk can't {str(name)[:40]!r}", hint=hint, field="verb")
    verb = VERBS[name]
    fields = Fields(arguments, name, "an object of arguments")
    taken = {argument: fields.take(argument, port, None) for argument, port in verb.takes.items()}
    fields.done()
    return verb.does(walk, {key: value for key, value in taken.items() if value is not None}, t, vectors)


def split(patch: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The settings of a patch, and the verbs with their arguments: {"speed": 2, "seek": 3, "tap": true}."""
    if not isinstance(patch, Mapping):
        raise InputError(f"a walk takes an object of settings; {came(patch)} came", hint='such as {"speed": 2}')
    settings = {name: value for name, value in patch.items() if name not in VERBS}
    asked = (_asked(name, patch[name]) for name in patch if name in VERBS)
    return settings, {name: arguments for name, arguments in asked if name}


def patched(walk: "Walk", patch: Mapping[str, Any], t: float, vectors: "Vectors") -> "Walk":
    """Settings first, then verbs; or InputError and it goes on as it was."""
    settings, asked = split(patch)
    walk = walk.changed(settings, t, vectors) if settings else walk
    for name, arguments in asked.items():
        walk = told(walk, name, arguments, t, vectors)
    return walk


def _asked(name: str, given: Any) -> tuple[str, dict[str, Any]]:
    """What stands beside a verb: true, one value, an object. Nothing (null) and false ask for nothing, as does 0 where
    it is no place: a button was let go. But play and pause are a switch."""
    if isinstance(given, Mapping):
        return name, dict(given)
    if given is True:
        return name, {}
    if given is None:
        return "", {}
    if given is False or (given == 0 and name != "seek"):
        return _OPPOSITE.get(name, ""), {}
    if not isinstance(given, (int, float)):
        said = f"{name} takes {_short(name)}an object of arguments; {came(given)} came"
        raise InputError(said, hint=f"such as {VERBS[name].such}", field=name)
    first = next(iter(VERBS[name].takes), "")
    return name, {first: given} if first else {}


def _short(name: str) -> str:
    """What it takes but for the object, in words."""
    number = "a number, " if VERBS[name].takes else ""
    return number + ("or " if name == "seek" else "true or false, or ")


def _play(walk: "Walk", arguments: dict[str, Any], t: float, vectors: "Vectors") -> "Walk":
    return walk.changed({"playing": True, **arguments}, t, vectors)


def _pause(walk: "Walk", arguments: dict[str, Any], t: float, vectors: "Vectors") -> "Walk":
    return walk.changed({"playing": False}, t, vectors)


def _seek(walk: "Walk", arguments: dict[str, Any], t: float, vectors: "Vectors") -> "Walk":
    if len(arguments) != 1:
        said = f"seek takes keyframe or seconds; {'both' if arguments else 'neither'} came"
        raise MissingInput(said, hint='such as {"keyframe": 2}', field="seek")
    _has_places(walk, "seek")
    place = arguments["keyframe"] if "keyframe" in arguments else arguments["seconds"] / walk.pace(t)
    return walk.sought(_within(place, "seek"), t)


def _step(walk: "Walk", arguments: dict[str, Any], t: float, vectors: "Vectors") -> "Walk":
    _has_places(walk, "step")
    count = arguments.get("keyframes", 1)
    _within(walk.place(t) + count, "step")
    return walk.stepped(count, t)


def _tap(walk: "Walk", arguments: dict[str, Any], t: float, vectors: "Vectors") -> "Walk":
    return walk.tapped(t)


def _has_places(walk: "Walk", name: str) -> None:
    if walk.settings.kind == "follow":
        said = f"{name} needs a path, and this walk follows a target"
        raise InputError(said, hint="set kind to another one, or set target", field=name)


def _described(verb: Verb) -> dict[str, Any]:
    named = {name: port.schema() for name, port in verb.takes.items()}
    short = next(iter(named.values()), None)
    taken = [{"type": "object", "properties": named, "additionalProperties": False}]
    alone = [{"type": ["boolean", "null"]}, *([short] if short else [])]
    return {"description": verb.about, "anyOf": [*alone, *taken]}


def _within(place: float, name: str) -> float:
    most = limits.WALK_PLACE
    if not -most <= place <= most:
        raise InputError(f"{name} leads up to {most:g} keyframes from the start; this would be beyond", field=name)
    return place


_PLACES = Number(-limits.WALK_PLACE, limits.WALK_PLACE)

VERBS: dict[str, Verb] = {
    "play": Verb("go on", {"speed": Number(0, limits.WALK_SPEED)}, _play, '{"play": true}, or {"play": 2}, a speed'),
    "pause": Verb("stand still", {}, _pause, '{"pause": true}'),
    "seek": Verb(
        "go to a place at once",
        {"keyframe": _PLACES, "seconds": Number(-1e9, 1e9)},
        _seek,
        '{"seek": 2}, a keyframe, or {"seek": {"seconds": 4}}',
    ),
    "step": Verb(
        "to the next keyframe, or so many on or back", {"keyframes": _PLACES}, _step, '{"step": true} or {"step": -1}'
    ),
    "tap": Verb("tap along: sets the tempo, and the beat is here", {}, _tap, '{"tap": true}'),
}
