"""What may cross: every kind of port, parsed from outside, dumped to the outside, described once. Pure."""

from typing import Union

import msgspec

from bridge.ports.array import Array
from bridge.ports.audio import Audio
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.files import Directory, File
from bridge.ports.image import Image
from bridge.ports.media import media_type, to_json
from bridge.ports.places import Box, Landmarks, Point
from bridge.ports.plain import Any, Boolean, Category, Number, Text
from bridge.ports.segmentation import Segmentation
from bridge.ports.vector import Vector

__all__ = [
    "Any",
    "AnyPort",
    "Array",
    "Audio",
    "Blob",
    "Boolean",
    "Box",
    "Category",
    "Directory",
    "Encoding",
    "File",
    "Image",
    "Landmarks",
    "Number",
    "Point",
    "Port",
    "Segmentation",
    "Text",
    "Vector",
    "build",
    "media_type",
    "to_json",
]

AnyPort = Union[  # noqa: UP007 - a value that msgspec and type checkers both read
    Any,
    Text,
    Number,
    Boolean,
    Category,
    Vector,
    Array,
    Image,
    Audio,
    File,
    Directory,
    Segmentation,
    Point,
    Box,
    Landmarks,
]


def build(description: object) -> AnyPort:
    """A port from its description, equal to the one described; ValueError if it is none."""
    port: AnyPort = msgspec.convert(description, AnyPort)
    return port
