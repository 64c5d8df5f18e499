"""What comes over OSC, made into what a port takes where that is safe; and what a port gives out, as OSC values.

Safe is: a whole float for a whole number, 0 and 1 for a truth, a place in a list for a name, numbers in text for a
number and the other way round, the nearest float32 for a bound that has no exact one. Everything else is refused by the
port itself, in its own words. Pictures, sounds and files are taken as blobs only: never fetched, never opened.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import msgspec

from bridge.errors import InputError, MissingInput
from bridge.ports import Array, Blob, Boolean, Landmarks, Number, Port, Text, Vector, to_json
from bridge.ports.vector import numbers
from bridge.ports.words import came

_FLOAT32 = struct.Struct(">f")
BINARY = frozenset(("image", "segmentation", "audio", "file", "directory"))
_NOTHING = ("null", "none", "")
T = TypeVar("T")


class Arguments(list[Any]):
    """Those of one message that means several addresses: what has to be made of them is made once, not for each."""

    __slots__ = ("_made",)

    def __init__(self, arguments: Iterable[Any]) -> None:
        super().__init__(arguments)
        self._made: list[tuple[Any, Any]] = []  # ports are no keys of a dict: some hold lists

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What was made under this key."""
        for known, made in self._made:
            if known == key:
                found: T = made
                return found
        made = make()
        self._made.append((key, made))
        return made


def given(port: Port, arguments: Sequence[Any], field: str) -> Any:
    """The value for the port's own parse. InputError if these arguments can't be one."""
    if not arguments:
        raise MissingInput(f"{field} takes {port.takes}; nothing came", hint="the value stands behind the address")
    if arguments[0] is None and len(arguments) == 1:
        return None
    return _TAKERS.get(port.kind, _single)(port, arguments, field)


def swapped(data: bytes) -> bytes:
    """Big-endian float32, as they stand in a message, as ports take them: little-endian."""
    values = array("f")
    values.frombytes(data)
    values.byteswap()
    return values.tobytes()


def nearest(port: Number, value: float) -> float:
    """A bound that float32 can't hold exactly comes a little beyond itself; it is meant all the same."""
    for bound in (port.min, port.max):
        if bound is not None and value != bound and abs(bound) < 3e38 and _rounded(bound) == value:
            return bound
    return value


def from_json(text: str) -> Any:
    """An object or a list that came as text; anything else stays the text it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text


def setting(port: Port | None, arguments: Sequence[Any], field: str) -> Any:
    """The value for a walk's setting, whose own check follows. `port`: its kind of value, where it has just one."""
    if not arguments:
        raise MissingInput(f"{field} takes a value; nothing came", hint="docs/walks.md has what it takes", field=field)
    first = arguments[0]
    if len(arguments) > 1:
        return _flattened(arguments)
    if isinstance(first, bytes):
        return numbers(first) if len(first) % 4 == 0 else first
    if isinstance(first, str) and (read := _setting_text(first)) is not first:
        return read
    if isinstance(port, (Boolean, Number)):
        return given(port, arguments, field)
    return first


def told(port: Port, value: Any) -> list[Any] | None:
    """A value that a port gave out, or holds, as OSC arguments. None for bytes: they are the caller's to send."""
    if isinstance(value, Blob):
        return list(numbers(value.data)) if isinstance(port, Vector) else None
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        flat = _plain_list(value)
        return [_json(value)] if flat is None else flat
    if isinstance(value, dict):
        return [_json(value)]
    return [int(value) if isinstance(value, bool) else value]


# --- kinds of ports ------------------------------------------------------------------------------


def _single(port: Port, arguments: Sequence[Any], field: str) -> Any:
    if len(arguments) > 1:
        raise InputError(f"{field} takes {port.takes}; {len(arguments)} values came", field=field)
    value = arguments[0]
    return port.parse_text(value, field) if isinstance(value, str) else value


def _number(port: Port, arguments: Sequence[Any], field: str) -> Any:
    value = _single(port, arguments, field)
    return nearest(port, value) if isinstance(value, float) and isinstance(port, Number) else value


def _boolean(port: Port, arguments: Sequence[Any], field: str) -> Any:
    value = _single(port, arguments, field)
    return bool(value) if isinstance(value, (int, float)) and value in (0, 1) else value


def _text(port: Port, arguments: Sequence[Any], field: str) -> Any:
    """Several, as a program without quotes sends a line, are one text with spaces between."""
    if len(arguments) == 1 and isinstance(arguments[0], (str, bytes)):
        return arguments[0]
    words, unfit = _once(arguments, "words", lambda: _words(arguments))
    if unfit:
        raise InputError(f"{field} takes {port.takes}; {unfit} came", field=field)
    return words


class _Words(NamedTuple):
    """Several arguments as one text; or what came among them that is no word."""

    text: str
    unfit: str = ""


def _words(arguments: Sequence[Any]) -> _Words:
    found = []
    for argument in arguments:
        if isinstance(argument, bool) or not isinstance(argument, (str, int, float)):
            return _Words("", came(argument))
        found.append(f"{argument:.7g}" if isinstance(argument, float) else str(argument))
    return _Words(" ".join(found))


def _vector(port: Port, arguments: Sequence[Any], field: str) -> Any:
    if len(arguments) == 1:
        value = arguments[0]
        if isinstance(value, str):
            return port.parse_text(value, field)
        if isinstance(value, bytes):
            return value
    return _flattened(arguments)


def _listed(port: Port, arguments: Sequence[Any], field: str) -> Any:
    """A point, a box: numbers one after the other."""
    if len(arguments) == 1 and isinstance(arguments[0], str):
        return port.parse_text(arguments[0], field)
    values = _flattened(arguments)
    return _once(arguments, "pairs", lambda: _pairs(values)) if isinstance(port, Landmarks) else values


def _pairs(values: list[Any]) -> list[Any]:
    """Two by two, where they are numbers; else as they are."""
    if len(values) % 2 or not all(isinstance(value, (int, float)) for value in values):
        return values
    return [list(pair) for pair in zip(values[::2], values[1::2], strict=True)]


def _array(port: Port, arguments: Sequence[Any], field: str) -> Any:
    assert isinstance(port, Array)
    item, values = port.item, arguments
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if len(values) == 1 and isinstance(values[0], str):
        whole = _once(arguments, "json", lambda: from_json(values[0]))
        if isinstance(whole, list):
            return whole
    found = _once(arguments, item, lambda: _items(item, values))
    if len(found) < len(values):  # once more, to tell which one it is
        given(item, [values[len(found)]], f"{field}[{len(found)}]")
    return found


def _items(port: Port, values: Sequence[Any]) -> list[Any]:
    """Each as that port takes it, up to the first that can't be one."""
    found: list[Any] = []
    with suppress(InputError):
        for value in values:
            found.append(given(port, [value], ""))  # noqa: PERF401 - those before it stay
    return found


def _anything(port: Port, arguments: Sequence[Any], field: str) -> Any:
    if len(arguments) > 1:
        return list(arguments)
    return port.parse_text(arguments[0], field) if isinstance(arguments[0], str) else arguments[0]


def _bytes(port: Port, arguments: Sequence[Any], field: str) -> Any:
    if len(arguments) == 1 and isinstance(arguments[0], bytes):
        return arguments[0]
    what = came(arguments[0]) if len(arguments) == 1 else f"{len(arguments)} values"
    hint = "send its bytes as a blob; addresses are not fetched and paths not opened"
    raise InputError(f"{field} takes {port.takes}; {what} came", hint=hint, field=field)


_TAKERS: dict[str, Callable[[Port, Sequence[Any], str], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "vector": _vector,
    "point": _listed,
    "box": _listed,
    "landmarks": _listed,
    "array": _array,
    "any": _anything,
    **dict.fromkeys(BINARY, _bytes),
}


# --- small things --------------------------------------------------------------------------------


def _rounded(value: float) -> float:
    return float(_FLOAT32.unpack(_FLOAT32.pack(value))[0])


def _once(arguments: Sequence[Any], key: Any, make: Callable[[], T]) -> T:
    return arguments.once(key, make) if isinstance(arguments, Arguments) else make()


def _flattened(arguments: Sequence[Any]) -> list[Any]:
    return _once(arguments, "flat", lambda: _flat(arguments))


def _flat(arguments: Iterable[Any]) -> list[Any]:
    """OSC's lists are for grouping only."""
    found: list[Any] = []
    for argument in arguments:
        found += _flat(argument) if isinstance(argument, list) else [argument]
    return found


def _setting_text(text: str) -> Any:
    """Settings have no free text: null, numbers and JSON can be read without a doubt."""
    if text.strip().lower() in _NOTHING:
        return None
    return from_json(text)


def _plain_list(values: Sequence[Any]) -> list[Any] | None:
    """Numbers, or texts, or such lists of numbers, one after the other; None for lists that hold other things."""
    flat = _flat([list(value) if isinstance(value, tuple) else value for value in values])
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in flat):
        return flat
    return flat if flat and flat == list(values) and all(isinstance(value, str) for value in flat) else None


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=to_json).decode()


def text_of(port: Port) -> bool:
    """Whether its outputs are pieces of one text."""
    return isinstance(port, Text) and port.pieces
