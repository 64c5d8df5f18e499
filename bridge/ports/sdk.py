"""Ports in the words of the old Model SDK, as /info and /meta of the Runway protocols have them, and back. Pure."""

from collections.abc import Mapping
from typing import Any

from bridge.ports.array import AnyPort, Array
from bridge.ports.base import Port
from bridge.ports.files import Directory, File
from bridge.ports.image import Image, Picture
from bridge.ports.places import Box, Landmarks, Point
from bridge.ports.plain import Any as AnyValue
from bridge.ports.plain import Boolean, Category, Number, Text
from bridge.ports.segmentation import Segmentation
from bridge.ports.vector import Vector

_TYPES = {
    "audio": "file",
    "directory": "file",
    "point": "image_point",
    "box": "image_bounding_box",
    "landmarks": "image_landmarks",
}
_SIZES = {
    "minWidth": "min_width",
    "maxWidth": "max_width",
    "minHeight": "min_height",
    "maxHeight": "max_height",
    "width": "width",
    "height": "height",
}


def fields(ports: Mapping[str, AnyPort]) -> list[dict[str, Any]]:
    """All of them, in their order."""
    return [field(port, name) for name, port in ports.items()]


def field(port: AnyPort, name: str) -> dict[str, Any]:
    """One port as the SDK describes it. What the SDK has no word for is a file that says its `kind`."""
    told: dict[str, Any] = {"type": _TYPES.get(port.kind, port.kind), "name": name, "description": port.description}
    more = _MORE.get(type(port))
    if more is not None:
        told |= {key: value for key, value in more(port).items() if value is not None or key == "default"}
    if port.kind in ("audio", "directory", "file"):
        told["kind"] = port.kind
    return told


def ports(described: Any) -> dict[str, AnyPort]:
    """The ports that a list of the SDK's fields describes. A field that can't be understood takes any value."""
    found: dict[str, AnyPort] = {}
    for one in described if isinstance(described, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"]:
            found[one["name"]] = port(one)
    return found


def port(told: Mapping[str, Any]) -> AnyPort:
    """One port from the SDK's description of it."""
    description = told.get("description") if isinstance(told.get("description"), str) else ""
    make = _MAKE.get(str(told.get("type")), lambda _: AnyValue())
    try:
        made = make(told)
    except (ValueError, TypeError, AttributeError):  # it contradicts itself: its value is left to its model
        made = AnyValue()
    return _with(made, description=description or "", **_default(made, told))


# --- from a port ---------------------------------------------------------------------------------


def _text(port: Text) -> dict[str, Any]:
    bounds = {"minLength": port.min_length, "maxLength": port.max_length, "pieces": port.pieces or None}
    return {"default": port.default if isinstance(port.default, str) else "", **bounds}


def _number(port: Number) -> dict[str, Any]:
    return {"default": port.neutral(), "min": port.min, "max": port.max, "step": port.step}


def _category(port: Category) -> dict[str, Any]:
    return {"oneOf": list(port.choices), "default": port.neutral()}


def _vector(port: Vector) -> dict[str, Any]:
    told = {"length": port.length, "samplingMean": port.sampling_mean, "samplingStd": port.sampling_std}
    return {**told, "default": port.default if isinstance(port.default, list) else None}


def _array(port: Array) -> dict[str, Any]:
    item = field(port.item, f"{_TYPES.get(port.item.kind, port.item.kind)}_array_item")
    return {"itemType": item, "minLength": port.min_length, "maxLength": port.max_length}


def _image(port: Image) -> dict[str, Any]:
    usual = port.encoding(None, "").format
    form = "PNG" if usual == "png" else "JPEG"
    return {"channels": port.channels, "defaultOutputFormat": form, **_sizes(port)}


def _sizes(port: Picture) -> dict[str, Any]:
    return {key: getattr(port, name) for key, name in _SIZES.items()}


def _segmentation(port: Segmentation) -> dict[str, Any]:
    return {
        "labels": list(port.label_to_id),
        "defaultLabel": port.default_label,
        "labelToId": dict(port.label_to_id),
        "labelToColor": {label: list(port.label_to_color[label]) for label in port.label_to_id},
        **_sizes(port),
    }


def _landmarks(port: Landmarks) -> dict[str, Any]:
    connections = [list(pair) for pair in port.connections] or None
    return {"length": port.length, "labels": list(port.labels) or None, "connections": connections}


_MORE: dict[type[Port], Any] = {
    Text: _text,
    Number: _number,
    Boolean: lambda port: {"default": port.neutral() is True},
    Category: _category,
    Vector: _vector,
    Array: _array,
    Image: _image,
    File: lambda port: {"extension": port.extension or None},
    Directory: lambda port: {"isDirectory": True},
    Segmentation: _segmentation,
    Landmarks: _landmarks,
}


# --- from the SDK's words ------------------------------------------------------------------------


def _from_text(told: Mapping[str, Any]) -> AnyPort:
    longest = told.get("maxLength")
    return Text(
        min_length=told.get("minLength") or 0,
        max_length=longest if isinstance(longest, int) else None,
        pieces=told.get("pieces") is True,
    )


def _from_image(told: Mapping[str, Any]) -> AnyPort:
    form = str(told.get("defaultOutputFormat") or "").lower()
    shown = form if form in ("jpeg", "png") else ""
    return Image(channels=told.get("channels") or 3, default_format=shown, **_told_sizes(told))


def _told_sizes(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told.get(key) for key, name in _SIZES.items()}


def _from_segmentation(told: Mapping[str, Any]) -> AnyPort:
    colors = {label: tuple(color) for label, color in (told.get("labelToColor") or {}).items()}
    return Segmentation(
        label_to_id=told.get("labelToId", {}),
        label_to_color=colors,
        default_label=told.get("defaultLabel") or "",
        **_told_sizes(told),
    )


def _from_vector(told: Mapping[str, Any]) -> AnyPort:
    std = told.get("samplingStd")
    return Vector(
        length=told.get("length") or 0,
        sampling_mean=told.get("samplingMean") or 0,
        sampling_std=std if isinstance(std, (int, float)) and std > 0 else 1,
    )


def _from_array(told: Mapping[str, Any]) -> AnyPort:
    item = told.get("itemType")
    longest = told.get("maxLength")
    return Array(
        item=port(item) if isinstance(item, dict) else AnyValue(),
        min_length=told.get("minLength") or 0,
        max_length=longest if isinstance(longest, int) else None,
    )


def _from_file(told: Mapping[str, Any]) -> AnyPort:
    """A server of the real SDK takes a path or an address as text; one of ours takes the content."""
    kinds: dict[str, AnyPort] = {"file": File(extension=told.get("extension") or ""), "directory": Directory()}
    return kinds.get(str(told.get("kind")), AnyValue() if told.get("kind") else Text())


_MAKE: dict[str, Any] = {
    "text": _from_text,
    "number": lambda told: Number(told.get("min"), told.get("max"), step=told.get("step") or None),
    "boolean": lambda told: Boolean(),
    "category": lambda told: Category(tuple(told.get("oneOf", ()))),
    "vector": _from_vector,
    "array": _from_array,
    "image": _from_image,
    "segmentation": _from_segmentation,
    "file": _from_file,
    "image_point": lambda told: Point(),
    "image_bounding_box": lambda told: Box(),
    "image_landmarks": lambda told: Landmarks(length=told.get("length") or 0, labels=tuple(told.get("labels") or ())),
}


def _default(made: AnyPort, told: Mapping[str, Any]) -> dict[str, Any]:
    """Its default, where there is one that it takes itself."""
    default = told.get("default")
    if default is None or made.kind in ("any", "file", "directory"):
        return {}
    try:
        _with(made, default=default)
    except (ValueError, TypeError):
        return {}
    return {"default": default}


def _with(made: AnyPort, **more: Any) -> AnyPort:
    """The same with these parameters, checked again."""
    kept = {name: getattr(made, name) for name in made.__struct_fields__}
    return type(made)(**{**kept, **more})
