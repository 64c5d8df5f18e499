"""What transports share: JSON both ways within limits, and errors as they are told."""

import asyncio
import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import BadMessage, BridgeError, ErrorInfo
from bridge.ports import Blob, to_json
from bridge.wire import why_not_json

_log = logging.getLogger(__name__)


def _plain(value: Any) -> Any:
    if isinstance(value, Blob):
        return to_json(value)
    raise NotImplementedError(f"{type(value).__name__} is not a JSON value")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
_decode = msgspec.json.Decoder().decode


def dump_json(value: Any) -> bytes:
    """JSON, with Blobs in the form that fits JSON: data URIs and lists of numbers."""
    return _encode(value)


def load_json(data: bytes) -> Any:
    """The value, or BadMessage in words: broken, not UTF-8, or nested beyond the limit."""
    try:
        value = _decode(data)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        if data.startswith(b"\xef\xbb\xbf"):  # a byte order mark, as some editors on Windows write it
            return load_json(data[3:])
        raise _not_json(data, error) from None
    if data.count(b"[") + data.count(b"{") > limits.JSON_DEPTH and depth_exceeds(value, limits.JSON_DEPTH):
        raise _too_deep()
    return value


def load_object(data: bytes, what: str) -> dict[str, Any]:
    """A JSON object; `what` says in the error what it should hold."""
    value = load_json(data)
    if type(value) is not dict:
        raise BadMessage(f"the body is {_kind(value)}, not an object", hint=what)
    return value


def depth_exceeds(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested deeper than that. Does not recurse itself."""
    level = _inside([value])
    for _ in range(depth):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return bool(level)


def own_version() -> str:
    """The installed version; 0 in a checkout that was never installed."""
    try:
        return version("sketchbridge")
    except PackageNotFoundError:
        return "0"


def peer_of(transport: asyncio.BaseTransport | None) -> str:
    """The other end's address and port, as far as they are known."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    return f"{peer[0]}:{peer[1]}" if peer else ""


def told(error: BaseException) -> ErrorInfo:
    """An error as a caller is told it. What is not ours to tell in detail goes to the log, once."""
    if isinstance(error, BridgeError):
        return error.info()
    _log.error("something went wrong that should not", exc_info=error)
    return ErrorInfo("bridge_error", "something went wrong in the bridge itself", "its log says what")


def _inside(value: Any) -> Any:
    if type(value) is list:
        return [inner for inner in value if type(inner) in (list, dict)]
    if type(value) is dict:
        return [inner for inner in value.values() if type(inner) in (list, dict)]
    return ()


def _too_deep() -> BadMessage:
    return BadMessage("this JSON is nested too deeply", hint=f"up to {limits.JSON_DEPTH} levels are taken")


def _not_json(data: bytes, error: ValueError) -> BadMessage:
    if not data.strip():
        return BadMessage("JSON was expected, but nothing came", hint="send at least {}")
    if data.startswith(b"'"):
        hint = 'the Windows command prompt keeps single quotes: write "{\\"name\\": 1}" instead of \'{"name": 1}\''
    elif isinstance(error, UnicodeDecodeError):
        hint = "JSON is UTF-8 text; send binary data as a form (curl -F name=@file)"
    else:
        hint = 'it looks like this: {"name": "value", "other": 0.5}'
    return BadMessage(f"this is not JSON: {why_not_json(data, error)}", hint=hint)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "something else")
