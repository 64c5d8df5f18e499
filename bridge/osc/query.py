"""The tree of addresses as OSCQuery describes it: JSON for every node, one attribute of it, and who serves it."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec

from bridge import limits
from bridge.osc.addresses import READ, Method, Node
from bridge.osc.values import BINARY
from bridge.ports import Box, Category, Landmarks, Number, Point, Port, Vector

# What is served, as HOST_INFO tells it.
EXTENSIONS = {
    "ACCESS": True,
    "VALUE": True,
    "RANGE": True,
    "DESCRIPTION": True,
    "UNIT": True,
    "CLIPMODE": True,
    "TAGS": False,
    "EXTENDED_TYPE": False,
    "CRITICAL": False,
    "OVERLOADS": False,
    "HTML": False,
    "LISTEN": True,
    "PATH_CHANGED": True,
    "PATH_ADDED": True,
    "PATH_REMOVED": True,
    "PATH_RENAMED": True,
}
ATTRIBUTES = ("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "CLIPMODE")

ValueOf = Callable[[Node], "list[Any] | None"]


class Host(NamedTuple):
    """Where this server is."""

    name: str
    osc_port: int
    udp: bool

    def described(self) -> dict[str, Any]:
        """HOST_INFO. Addresses are left out: they are those the asker used."""
        return {
            "NAME": self.name,
            "EXTENSIONS": EXTENSIONS,
            "OSC_PORT": self.osc_port,
            "OSC_TRANSPORT": "UDP" if self.udp else "TCP",
            "WS_PORT": self.osc_port,
        }


class Found(NamedTuple):
    """An answer: its HTTP status and JSON, None where there is nothing to say."""

    status: Literal[200, 204, 400]
    value: Any = None


def attribute(node: Node, name: str, value_of: ValueOf) -> Found:
    """One attribute of a node; 400: there is none such; 204: this node has none."""
    if name not in ATTRIBUTES:
        return Found(400)
    described = _attributes(node, value_of)
    if name == "CONTENTS":
        return Found(200, {name: _contents(node, value_of)}) if node.below else Found(204)
    if name in described:
        return Found(200, {name: described[name]})
    return Found(200, {}) if node.method is None else Found(204)


def described(node: Node, value_of: ValueOf) -> dict[str, Any]:
    """A node with everything below it."""
    made = _attributes(node, value_of)
    if node.below:
        made["CONTENTS"] = _contents(node, value_of)
    return made


def type_of(method: Method) -> str:
    """The OSC type tags of what an address takes or gives."""
    if method.port is None:
        return "s" if method.kind == "setting" else "I"
    if method.kind == "out" and method.port.kind in BINARY:
        return "s"  # its address
    return _type(method.port)


def _contents(node: Node, value_of: ValueOf) -> dict[str, Any]:
    return {name: described(below, value_of) for name, below in node.below.items()}


def _attributes(node: Node, value_of: ValueOf) -> dict[str, Any]:
    method = node.method
    if method is None:
        return {"FULL_PATH": node.path, "ACCESS": 0}
    type = type_of(method)
    made: dict[str, Any] = {"FULL_PATH": node.path, "TYPE": type, "ACCESS": method.access}
    if method.about:
        made["DESCRIPTION"] = method.about
    if method.port is not None:
        made |= _about_port(method.port, len(type))
    if method.access & READ:
        made["VALUE"] = _readable(value_of(node), type)
    return made


def _about_port(port: Port, count: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    bounds = _range(port)
    if bounds:
        made["RANGE"] = [bounds] * count
        made["CLIPMODE"] = ["none"] * count  # beyond it a value is refused, with an /error that says so
    if port.unit:
        made["UNIT"] = [port.unit] * count
    return made


def _readable(value: list[Any] | None, type: str) -> list[Any]:
    """One JSON value for each tag, null where there is none."""
    if value is None or (len(value) != len(type) and len(type) > 1):
        return [None] * len(type)
    shown = [_plain(item, tag) for item, tag in zip(value, type, strict=False)]
    return shown or [None] * len(type)


def _plain(item: Any, tag: str) -> Any:
    if tag == "T":
        return bool(item)
    if tag == "s" and not isinstance(item, str):
        return msgspec.json.encode(item).decode()
    return None if isinstance(item, (bytes, bytearray, memoryview)) else item


def _type(port: Port) -> str:
    count = _count(port)
    if count:
        return "f" * count if count <= limits.OSC_LISTED_FLOATS else "b"
    if isinstance(port, Number):
        return "i" if port.whole else "f"
    if port.kind == "boolean":
        return "T"
    return "b" if port.kind in BINARY else "s"


def _count(port: Port) -> int:
    """How many numbers it is, where it is so many always."""
    match port:
        case Vector():
            return port.length
        case Point():
            return 2
        case Box():
            return 4
        case Landmarks():
            return 2 * port.length
    return 0


def _range(port: Port) -> dict[str, Any]:
    match port:
        case Number():
            bounds = {"MIN": port.min, "MAX": port.max}
            return {name: bound for name, bound in bounds.items() if bound is not None}
        case Category():
            return {"VALS": list(port.choices)}
        case Point() | Box() | Landmarks():
            return {"MIN": 0, "MAX": 1}
    return {}
