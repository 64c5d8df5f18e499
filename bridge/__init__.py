"""The words a model's author needs: the class, the ports, and two errors to raise.

from bridge import Image, Model, Number
"""

from bridge.errors import InputError, ModelFailed
from bridge.model import Model, command, load_class
from bridge.ports import (
    Any,
    Array,
    Audio,
    Boolean,
    Box,
    Category,
    Directory,
    File,
    Image,
    Landmarks,
    Number,
    Point,
    Segmentation,
    Text,
    Vector,
)

__all__ = [
    "Any",
    "Array",
    "Audio",
    "Boolean",
    "Box",
    "Category",
    "Directory",
    "File",
    "Image",
    "InputError",
    "Landmarks",
    "Model",
    "ModelFailed",
    "Number",
    "Point",
    "Segmentation",
    "Text",
    "Vector",
    "command",
    "load_class",
]
