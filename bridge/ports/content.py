"""Bytes as they may come from outside: plain, in a Blob, or as text in a data URI or base64. Pure."""

import binascii
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from bridge.errors import InputError, TooLarge
from bridge.ports.base import Blob
from bridge.ports.words import came, size

Buffer = bytes | memoryview

_HEAD_CHARS = 1_000  # of a data URI before its comma
_ADDRESS = re.compile(r"(https?|file|blob|ftp)://|blob:", re.IGNORECASE)
_AS_STANDARD = str.maketrans({"-": "+", "_": "/", " ": "+", "\r": None, "\n": None, "\t": None})


def content(raw: Any, field: str, takes: str, most: int) -> Buffer:
    """The bytes, at least one and at most so many; `takes` says in errors what was wanted."""
    data = _bytes(raw, field, takes, most)
    if len(data) > most:
        raise too_many(field, len(data), most)
    if not len(data):
        raise InputError(f"{field} takes {takes}; an empty file came", field=field)
    return data


def too_many(field: str, count: int, most: int) -> TooLarge:
    return TooLarge(f"{field} takes up to {size(most)}; {size(count)} came", hint="send less at once", field=field)


def _bytes(raw: Any, field: str, takes: str, most: int) -> Buffer:
    if type(raw) is bytes:
        return raw
    if isinstance(raw, str):
        return _from_text(raw, field, takes, most)
    if isinstance(raw, Blob):
        raw = raw.data
    if isinstance(raw, memoryview):
        return raw if raw.c_contiguous and raw.ndim == raw.itemsize == 1 else raw.tobytes()
    if isinstance(raw, (bytes, bytearray)):
        return bytes(raw)
    hint = "in JSON it is a data URI or base64; otherwise send the bytes as they are"
    raise InputError(f"{field} takes {takes}; {came(raw)} came", hint=hint, field=field)


def _from_text(text: str, field: str, takes: str, most: int) -> Buffer:
    if len(text) > most * 4 // 3 + most // 16 + _HEAD_CHARS:  # line breaks count, too
        raise too_many(field, len(text) * 3 // 4, most)
    head, body = _split(text)
    data = _decoded(head, body)
    if data is None:
        raise InputError(f"{field} takes {takes}; {_told(text)} came", hint=_hint(text), field=field)
    return data


def _split(text: str) -> tuple[str | None, str]:
    """A data URI's head and body; None for the head of bare base64."""
    start = text[:8].lstrip().lower()
    if not start.startswith("data:"):
        return None, text
    comma = text.find(",", 0, _HEAD_CHARS)
    return (text[:comma].strip().lower(), text[comma + 1 :]) if comma >= 0 else ("", "")


def _decoded(head: str | None, body: str) -> bytes | None:
    if head is None or head.endswith("base64"):
        return _from_base64(body)
    return unquote_to_bytes(body) if head else None


def _from_base64(body: str) -> bytes | None:
    """With whatever padding, in either alphabet, broken into lines or not; None if it is something else."""
    try:
        return binascii.a2b_base64(body, strict_mode=True)
    except ValueError:
        pass
    bare = body.strip().translate(_AS_STANDARD).rstrip("=")
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except ValueError:
        return None


def _told(text: str) -> str:
    if text[:8].lstrip().lower().startswith("data:"):
        return "a data URI that can't be read"
    return f"the address {text[:80]!r}" if _ADDRESS.match(text.lstrip()) else came(text)


def _hint(text: str) -> str:
    if _ADDRESS.match(text.lstrip()):
        return "fetch it first and send what was fetched: nothing is fetched from here"
    return "as text it is a data URI or base64"
