"""What comes over OSC, made into what a port takes where that is safe; and what a port gives out, as OSC values.

Safe is: a whole float for a whole number, 0 and 1 for a truth, a place in a list for a name, numbers in text for a
number and the other way round, the nearest float32 for a bound that has no exact one. Everything else is refused by the
port itself, in its own words. Pictures, sounds and files are taken as blobs only: never fetched, never opened.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from bridge.errors import InputError, MissingInput
from bridge.ports import Array, Blob, Boolean, Landmarks, Number, Port, Text, Vector, to_json
from bridge.ports.vector import numbers
from bridge.ports.words import came

_FLOAT32 = struct.Struct(">f")
BINARY = frozenset(("image", "segmentation", "audio", "file", "directory"))
_NOTHING = ("null", "none", "")


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
        return _flat(arguments)
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
    return " ".join(_word(port, argument, field) for argument in arguments)


def _word(port: Port, argument: Any, field: str) -> str:
    if isinstance(argument, str):
        return argument
    if isinstance(argument, (int, float)) and not isinstance(argument, bool):
        return f"{argument:.7g}" if isinstance(argument, float) else str(argument)
    raise InputError(f"{field} takes {port.takes}; {came(argument)} came", field=field)


def _vector(port: Port, arguments: Sequence[Any], field: str) -> Any:
    if len(arguments) == 1:
        value = arguments[0]
        if isinstance(value, str):
            return port.parse_text(value, field)
        if isinstance(value, bytes):
            return value
    return _flat(arguments)


def _listed(port: Port, arguments: Sequence[Any], field: str) -> Any:
    """A point, a box: numbers one after the other."""
    if len(arguments) == 1 and isinstance(arguments[0], str):
        return port.parse_text(arguments[0], field)
    values = _flat(arguments)
    if isinstance(port, Landmarks) and len(values) % 2 == 0 and all(isinstance(v, (int, float)) for v in values):
        return [list(pair) for pair in zip(values[::2], values[1::2], strict=True)]
    return values


def _array(port: Port, arguments: Sequence[Any], field: str) -> Any:
    assert isinstance(port, Array)
    if len(arguments) == 1 and isinstance(arguments[0], list):
        arguments = arguments[0]
    if len(arguments) == 1 and isinstance(arguments[0], str):
        whole = from_json(arguments[0])
        if isinstance(whole, list):
            return whole
    return [given(port.item, [argument], f"{field}[{index}]") for index, argument in enumerate(arguments)]


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
