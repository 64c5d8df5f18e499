"""Media types: what Accept asks for, what a port can give, and what a value is sent as."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bridge.errors import InputError
from bridge.ports import AnyPort, Blob, Encoding
from bridge.transports.base import dump_json
from bridge.transports.http_answer import Answer, NotAcceptable

JSON = "application/json"
EVENTS = "text/event-stream"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
MEDIA = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
}
ENDINGS = {
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "png": "png",
    "webp": "webp",
    "gif": "gif",
    "wav": "wav",
    "f32": "f32",
    "raw": "raw",
}
_FORMATS = {media: format for format, media in MEDIA.items()} | {"audio/x-wav": "wav", "audio/wave": "wav"}
_JSON_AT_ONCE = frozenset((None, "*/*", JSON, "application/json, text/plain, */*", "application/json,*/*"))


class Bare(msgspec.Struct, frozen=True):
    """One output by itself, in a format ("" is the port's own default)."""

    port: str
    format: str


Wanted = Bare | str  # or JSON, or EVENTS


def wanted(accept: str | None, outputs: Mapping[str, AnyPort], port: str = "", default: str = JSON) -> Wanted:
    """What an Accept header asks for, of what these outputs offer; NotAcceptable says what can be had."""
    if accept in _JSON_AT_ONCE:
        return default
    assert accept is not None
    among = {port: outputs[port]} if port in outputs else outputs
    for media in _by_preference(accept):
        if media in (JSON, EVENTS):
            return media
        if media == "*/*":
            return default
        found = _bare(media, among)
        if found is not None:
            return found
    raise NotAcceptable(
        f"nothing here can be given as {accept[:200]}", hint=f"ask for {_offers(among)}", field="Accept"
    )


def bare_answer(value: Any, headers: dict[str, str] | None = None) -> Answer:
    """A value by itself: a picture as a picture, a text as a text, everything else as JSON."""
    if isinstance(value, Blob):
        if value.meta:
            headers = {**(headers or {}), "Bridge-Meta": dump_json(value.meta).decode()}
        return Answer(
            bytes(value.data), MEDIA.get(value.format, BYTES), 200, {"Cache-Control": "no-store", **(headers or {})}
        )
    if isinstance(value, str):
        return Answer(value.encode("utf-8", "replace"), TEXT, 200, {"Cache-Control": "no-store", **(headers or {})})
    return Answer(dump_json(value), JSON, 200, headers)


def encoding(query: Mapping[str, Any], prefix: str = "", format: str = "") -> Encoding:
    """How an output is wanted, from the query."""
    asked = str(query.get(prefix + "format", ""))
    asked = ENDINGS.get(asked, asked)
    if format and asked and asked != format:
        raise InputError(f"{asked} and {format} are asked for at once", hint="ask for one", field=prefix + "format")
    return Encoding(
        asked or format,
        query.get(prefix + "quality", 0),
        query.get(prefix + "width", 0),
        query.get(prefix + "height", 0),
    )


def _by_preference(accept: str) -> list[str]:
    found = []
    for place, entry in enumerate(accept.split(",")[:32]):
        media, *parameters = (piece.strip().lower() for piece in entry.split(";"))
        weight = next((_weight(piece[2:]) for piece in parameters if piece.startswith("q=")), 1.0)
        if media and weight > 0:
            found.append((-weight, place, media))
    return [media for _, _, media in sorted(found)]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _bare(media: str, outputs: Mapping[str, AnyPort]) -> Bare | None:
    family = media.partition("/")[0]
    for name, port in outputs.items():
        if (
            media == f"{family}/*"
            and family in ("image", "audio")
            and any(_is(family, format) for format in port.formats)
        ):
            return Bare(name, "")
        if media in _FORMATS and _FORMATS[media] in port.formats:
            return Bare(name, _FORMATS[media])
        if media in ("text/plain", "text/*") and port.kind in ("text", "category"):
            return Bare(name, "")
        if media == BYTES and any(format in port.formats for format in ("raw", "f32", "bytes")):
            return Bare(name, next(format for format in ("f32", "raw", "bytes") if format in port.formats))
    return None


def _is(family: str, format: str) -> bool:
    return MEDIA.get(format, "").startswith(f"{family}/")


def _offers(outputs: Mapping[str, AnyPort]) -> str:
    formats = {MEDIA[format] for port in outputs.values() for format in port.formats if format in MEDIA}
    texts = {"text/plain"} if any(port.kind in ("text", "category") for port in outputs.values()) else set[str]()
    return ", ".join((JSON, EVENTS, *sorted(formats | texts)))
