"""What may cross between a sketch and a model: one class a kind. Pure: pictures and sound are decoded by the worker."""

from bridge.ports.array import KINDS, AnyPort, Array, build
from bridge.ports.audio import Audio
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.files import Content, Directory, File
from bridge.ports.image import Image
from bridge.ports.outside import media_type, to_json
from bridge.ports.places import Box, Landmarks, Point
from bridge.ports.plain import Any, Boolean, Category, Number, Text
from bridge.ports.segmentation import Segmentation
from bridge.ports.vector import Vector

__all__ = [
    "KINDS",
    "Any",
    "AnyPort",
    "Array",
    "Audio",
    "Blob",
    "Boolean",
    "Box",
    "Category",
    "Content",
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
