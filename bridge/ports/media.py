"""Values for the outside: as JSON, or as bytes with a content type."""

import base64
from typing import Any

from bridge.ports.base import Blob
from bridge.ports.vector import numbers

_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "wav": "audio/wav",
}


def media_type(blob: Blob) -> str:
    """The content type of its bytes."""
    return _TYPES.get(blob.format, "application/octet-stream")


def to_json(value: Any) -> Any:
    """Any value that crossed, as JSON: pictures, sound and files as data URIs, float32 as numbers."""
    if isinstance(value, Blob):
        if value.format == "f32":
            return numbers(value.data)
        return f"data:{media_type(value)};base64,{base64.b64encode(value.data).decode('ascii')}"
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value
