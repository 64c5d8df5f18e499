"""Values as the old protocols have them: lenient with what comes, data URIs and plain JSON in what goes out. Pure."""

from collections.abc import Mapping
from typing import Any

from bridge.ports import AnyPort, Encoding, to_json
from bridge.ports.places import Landmarks
from bridge.ports.sdk import field
from bridge.signature import Command
from bridge.transports.runway.aliases import Aliases

_HEAD_CHARS = 100  # of what stands before the comma of a picture
# One black pixel, for pictures that were never given out.
_DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg=="
)


def described(command: Command, aliases: Aliases) -> dict[str, Any]:
    """What /info tells: the fields of inputs and outputs, under the names that sketches know."""
    inputs = [field(port, key) for name, port in command.inputs.items() for key in aliases.input_keys(name)]
    outputs = [field(port, key) for name, port in command.outputs.items() for key in aliases.output_keys(name)]
    return {"inputs": inputs, "outputs": outputs}


def inward(raw: Mapping[str, Any], command: Command, aliases: Aliases) -> dict[str, Any]:
    """Inputs as session.run takes them; it says what is wrong with them."""
    found = {}
    for name, value in aliases.inward(raw).items():
        port = command.inputs.get(name)
        if port is not None and value is None and not port.required:
            continue  # a form that was left empty
        found[name] = value if port is None else _lenient(port, value)
    return found


def outward(values: Mapping[str, Any], aliases: Aliases) -> dict[str, Any]:
    """Outputs as JSON, under the names that sketches know."""
    return {name: to_json(value) for name, value in aliases.outward(values).items()}


def empty(command: Command, aliases: Aliases) -> dict[str, Any]:
    """What stands for the last output before there is one: of its shape, with nothing in it."""
    return aliases.outward({name: _nothing(port) for name, port in command.outputs.items()})


def wishes(command: Command, formats: Mapping[str, str] | None = None) -> dict[str, Encoding]:
    """How outputs are asked for: pictures as JPEG, with one or four channels as PNG, unless a format is named."""
    return {name: _wish(port, (formats or {}).get(name, "")) for name, port in command.outputs.items()}


def _wish(port: AnyPort, format: str) -> Encoding:
    if "jpeg" not in port.formats:
        return Encoding()
    return Encoding(format or ("jpeg" if port.kind == "image" and getattr(port, "channels", 3) == 3 else "png"))


def _lenient(port: AnyPort, value: Any) -> Any:
    """What old clients send, too: numbers where text is meant, text for numbers, pictures with any head."""
    if port.kind == "text" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    if port.kind == "number" and isinstance(value, str):
        return _number(value)
    if port.kind in ("image", "segmentation") and isinstance(value, str):
        return _picture(value)
    return value


def _number(text: str) -> Any:
    try:
        found = float(text)
    except ValueError:
        return text
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _picture(text: str) -> str:
    """Whatever stands before the first comma says nothing that the bytes do not say themselves."""
    head, comma, body = text[:_HEAD_CHARS].partition(",")
    if not comma or head.lstrip().lower().startswith("data:"):
        return text
    return body + text[_HEAD_CHARS:]


def _nothing(port: AnyPort) -> Any:
    if port.kind in _EMPTY:
        return _EMPTY[port.kind]
    if port.kind in ("number", "boolean"):
        return port.neutral()
    if isinstance(port, Landmarks):
        return [[0, 0] for _ in range(port.length)]
    return []


_EMPTY: dict[str, Any] = {
    "text": "",
    "category": "",
    "image": _DOT,
    "segmentation": _DOT,
    "audio": "data:audio/wav;base64,",
    "file": "data:application/octet-stream;base64,",
    "directory": "data:application/zip;base64,",
    "point": [0, 0],
    "box": [0, 0, 0, 0],
}
