"""Values as they leave: in JSON, or as a body with a content type. Pure."""

import base64
from typing import Any

from bridge.ports import wav
from bridge.ports.base import Blob
from bridge.ports.vector import numbers

_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif", "bmp": "image/bmp"}
_BYTES = "application/octet-stream"
_BY_NAME = {
    ".csv": "text/csv; charset=utf-8", ".json": "application/json", ".txt": "text/plain; charset=utf-8",
    ".zip": "application/zip", ".pdf": "application/pdf", ".mp4": "video/mp4", ".wav": "audio/wav",
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".mid": "audio/midi",
}  # fmt: skip


def media_type(blob: Blob) -> str:
    """The content type of its bytes. Never one that a browser would run."""
    if blob.format == "wav":
        return "audio/wav"
    name = str(blob.meta.get("name", "")).lower()
    return _TYPES.get(blob.format) or _BY_NAME.get(name[name.rfind(".") :] if "." in name else "", _BYTES)


def to_json(value: Any) -> Any:
    """A parsed or dumped value as JSON has it: pictures, sound and files as data URIs, vectors as lists of numbers."""
    if isinstance(value, Blob):
        return _blob(value)
    if type(value) is list:
        return [to_json(item) for item in value]
    if type(value) is dict:
        return {key: to_json(item) for key, item in value.items()}
    return value


def _blob(blob: Blob) -> Any:
    if blob.format != "f32":
        return data_uri(media_type(blob).replace("; ", ";"), blob.data)
    if "rate" not in blob.meta:
        return numbers(blob.data)
    head = wav.head("f32", blob.meta["rate"], blob.meta["channels"], len(blob.data))
    return data_uri("audio/wav", head + bytes(blob.data))


def data_uri(content_type: str, data: bytes | bytearray | memoryview) -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"
