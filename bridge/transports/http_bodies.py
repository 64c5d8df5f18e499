"""Inputs as they come over HTTP: JSON, a form, one bare value, the query. They leave as port.parse takes them."""

from collections.abc import Iterable, Mapping
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bridge.errors import BadMessage, InputError, MissingInput, TooLarge
from bridge.ports import AnyPort, Blob
from bridge.signature import Command
from bridge.transports.base import load_json, load_object
from bridge.transports.http_answer import UnsupportedType

JSON = "application/json"
_OBJECT = 'it takes the inputs by name: {"name": value, ...}'
_FILES = ("image", "audio", "file", "segmentation", "directory")
_BINARY = (*_FILES, "vector")
_TAKES = "application/json, multipart/form-data, application/x-www-form-urlencoded, image/*, audio/*, text/plain"


class Part(msgspec.Struct, frozen=True):
    """One field of a form."""

    name: str
    data: bytes
    file: str | None = None  # set: it came as a file, of that name
    type: str = ""


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The whole body, or TooLarge before it is read where its length is told."""
    content = request.content
    try:
        if content.is_eof():  # it came together with the head, as small ones do
            body = content.read_nowait()
        else:
            _check_length(request.content_length, limit)
            await _let_come(request)
            body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limit) from None
    except (aiohttp.ClientPayloadError, aiohttp.web.RequestPayloadError, HttpProcessingError) as error:
        raise BadMessage(f"the body broke off or can't be read: {error}") from None
    _check_length(len(body), limit)
    return body


async def read_object(request: web.BaseRequest, limit: int, what: str) -> dict[str, Any]:
    """A JSON object, whatever content type was told."""
    return load_object(await read_body(request, limit), what)


async def read_inputs(
    request: web.BaseRequest, command: Command, limit: int, reserved: Iterable[str]
) -> dict[str, Any]:
    """The inputs from body and query together. `reserved` are the query parameters that are no inputs."""
    body = await read_body(request, limit)
    inputs = from_body(body, request.headers.get("Content-Type"), command)
    if request.query_string:
        _merge(inputs, _from_query(request, command, reserved))
    return inputs


def _from_query(request: web.BaseRequest, command: Command, reserved: Iterable[str]) -> dict[str, Any]:
    pairs = [(name, value) for name, value in request.query.items() if name not in reserved and name != "token"]
    return _from_pairs(pairs, command)


def _merge(inputs: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if name in inputs:
            raise InputError(f"{name} came in the body and in the address", hint="give it once", field=name)
        inputs[name] = value


def from_body(body: bytes, content_type: str | None, command: Command) -> dict[str, Any]:
    """The inputs that a body of this content type brings."""
    if content_type is None or content_type == JSON:
        return load_object(body, _OBJECT) if body else {}
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON or kind.endswith("+json"):
        return load_object(body, _OBJECT) if body else {}
    if kind == "multipart/form-data":
        return from_parts(parse_form(body, content_type), command)
    if kind == "application/x-www-form-urlencoded":
        return _from_urlencoded(body, command)
    if not body:
        return {}
    return _from_bare(body, kind, command)


def _from_urlencoded(body: bytes, command: Command) -> dict[str, Any]:
    """`curl -d` says this type of anything, JSON too."""
    if body.lstrip()[:1] in (b"{", b"'", b"["):
        return load_object(body, _OBJECT)
    if not _is_text(body):  # curl --data-binary, with a type that nobody chose
        return _from_bare(body, "application/octet-stream", command)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        raise BadMessage(f"this form can't be read: {error}") from None
    return _from_pairs(pairs, command)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _from_pairs(pairs: Iterable[tuple[str, str]], command: Command) -> dict[str, Any]:
    return from_parts([Part(name, value.encode("utf-8", "replace")) for name, value in pairs], command)


def _from_bare(body: bytes, kind: str, command: Command) -> dict[str, Any]:
    """A picture, a sound or a text as it is goes to the one input that takes it."""
    if kind == "text/plain":
        return _from_text(body, command)
    wanted = {"image": ("image", "segmentation"), "audio": ("audio",)}.get(kind.partition("/")[0])
    if wanted is None and kind == "application/octet-stream":
        wanted = ("image", "audio", "file", "vector", "segmentation")
    if wanted is None:
        raise UnsupportedType(f"a body of type {kind[:80]!r} can't be read here", hint=f"it takes {_TAKES}")
    name = _the_one(command, wanted, kind)
    return {name: _binary(command.inputs[name], Part(name, body, "", kind))}


def _from_text(body: bytes, command: Command) -> dict[str, Any]:
    """fetch() in a browser calls a JSON body text/plain when nothing else was said."""
    if body.lstrip()[:1] == b"{":
        try:
            return load_object(body, _OBJECT)
        except BadMessage:
            if not _of_kind(command, ("text",)):
                raise
    name = _the_one(command, ("text",), "text/plain")
    return {name: _decoded(body, name)}


def _of_kind(command: Command, kinds: Iterable[str]) -> list[str]:
    """The inputs of these kinds; those that have to come count first."""
    found = [name for name, port in command.inputs.items() if port.kind in kinds]
    needed = [name for name in found if command.inputs[name].required]
    return needed or found


def _the_one(command: Command, kinds: tuple[str, ...], came: str) -> str:
    names = _of_kind(command, kinds)
    if not names:
        takes = ", ".join(f"{name} ({port.kind})" for name, port in command.inputs.items()) or "nothing"
        raise UnsupportedType(f"{command.name} has no input that takes {came}", hint=f"it takes {takes}")
    if len(names) > 1:
        hint = f"send a form instead, such as curl -F {names[0]}=@file"
        raise BadMessage(f"{came} could be meant for {' or '.join(names)}", hint=hint)
    return names[0]


# --- forms ---------------------------------------------------------------------------------------


def parse_form(body: bytes, content_type: str) -> list[Part]:
    """The fields of a multipart form; BadMessage when it is broken."""
    head = Message()
    head["Content-Type"] = content_type
    boundary = head.get_boundary()
    if not boundary:
        raise BadMessage("this form has no boundary", hint="let the library that sends the form set its Content-Type")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("utf-8", "replace"))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BadMessage("this form broke off before its end", hint="send it again; was the file still being written?")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, found, data = piece.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not found:
        raise BadMessage("a field of this form has no headers")
    fields = _headers(head)
    name = fields.get_param("name", header="Content-Disposition")
    if not isinstance(name, str) or not name:
        raise BadMessage("a field of this form has no name")
    return Part(name, data, fields.get_filename(), fields.get_content_type() if "Content-Type" in fields else "")


def _headers(head: bytes) -> Message:
    fields = Message()
    for line in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    return fields


def from_parts(parts: Iterable[Part], command: Command) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for part in parts:
        port = command.inputs.get(part.name)
        if port is not None and port.kind == "array":
            inputs.setdefault(part.name, []).extend(_items(part))
        elif part.name in inputs:
            raise InputError(f"{part.name} came twice", hint="give it once", field=part.name)
        else:  # of an unknown one the signature says so, and what is near
            inputs[part.name] = None if port is None else _value(port, part)
    return inputs


def _value(port: AnyPort, part: Part) -> Any:
    """What a field of a form means to this port."""
    if part.file is not None and port.kind in _BINARY:
        return _binary(port, part)
    text = _decoded(part.data, part.name)
    if port.kind in _FILES:
        _check_not_a_path(part.name, text)
    return port.parse_text(text, part.name)


def _check_not_a_path(name: str, text: str) -> None:
    """A picture as text is a data URI or base64. A bare path is what people type who forgot the @."""
    if not text.strip():
        raise MissingInput(f"{name} is empty", hint=f"send a file: curl -F {name}=@file", field=name)
    if len(text) < 300 and "." in text[-6:] and not text.startswith("data:"):
        raise InputError(
            f"{name} takes a file, but the text {text[:80]!r} came",
            hint=f"with curl, put an @ before the path: -F {name}=@{text[:80]}",
            field=name,
        )


def _items(part: Part) -> list[Any]:
    """Several fields of one name are the items of a list; so is one field that holds a JSON list."""
    try:
        value = load_json(part.data)
    except BadMessage:
        value = _decoded(part.data, part.name)
    return value if isinstance(value, list) else [value]


def _binary(port: AnyPort, part: Part) -> Any:
    if port.kind == "file":
        return Blob("bytes", part.data, {"name": part.file or "file"})
    return part.data


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text", hint="save the text as UTF-8", field=name) from None


# --- limits --------------------------------------------------------------------------------------


def _check_length(length: int | None, limit: int) -> None:
    if length is not None and length > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than {limit / (1024 * 1024):.4g} MiB",
        hint="send less at once, or raise max_body in the settings",
    )


async def _let_come(request: web.BaseRequest) -> None:
    """Some clients, curl among them, ask before they send much."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
