"""What goes back over HTTP: lean whole answers, streams, and errors with their status."""

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, ClassVar

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from bridge import errors
from bridge.errors import BridgeError, ErrorInfo
from bridge.transports.base import dump_json, told

STATUS: dict[str, int] = {
    "bridge_error": 500,
    "invalid_input": 400,
    "missing_input": 400,
    "unknown_input": 400,
    "too_large": 413,
    "bad_message": 400,
    "not_found": 404,
    "unknown_model": 404,
    "unknown_session": 404,
    "unknown_command": 404,
    "unknown_port": 404,
    "no_output_yet": 404,
    "refused": 403,
    "unauthorized": 401,
    "forbidden": 403,
    "name_taken": 409,
    "busy": 429,
    "too_slow": 503,
    "model_error": 503,
    "model_failed": 502,
    "model_crashed": 502,
    "model_broken": 502,
    "network_gated": 502,
    "network_missing": 502,
    "hub_unreachable": 502,
    "disk_full": 502,
    "model_stopped": 503,
    "cancelled": 409,
    "setup_error": 500,
    "bad_setting": 500,
    "port_taken": 500,
    "state_unwritable": 500,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "unsupported_type": 415,
    "timed_out": 504,
    "not_installed": 501,
    "closing": 503,
}


class MethodNotAllowed(errors.Refused):
    """The route is there, but not for this method."""

    code: ClassVar[str] = "method_not_allowed"

    def __init__(self, method: str, path: str, allowed: str) -> None:
        super().__init__(f"{method} {path} is not possible", hint=f"it takes {allowed}")
        self.allowed = allowed


class NotAcceptable(errors.InputError):
    """The answer can't be given in any form that was asked for."""

    code: ClassVar[str] = "not_acceptable"


class UnsupportedType(errors.InputError):
    """A body of this content type can't be read here."""

    code: ClassVar[str] = "unsupported_type"


class TimedOut(errors.ModelError):
    """A run took longer than one request may."""

    code: ClassVar[str] = "timed_out"


class Closing(errors.Refused):
    """The server is on its way out."""

    code: ClassVar[str] = "closing"


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_HEADS = {
    (status, kind): (
        f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: {kind}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    ).encode()
    for status in (200, 201, *sorted(set(STATUS.values())))
    for kind in ("application/json",)
}


class _Clock:
    """The Date header, made once a second."""

    __slots__ = ("line", "second")

    def __init__(self) -> None:
        self.second = 0
        self.line = b""

    def date(self) -> bytes:
        now = int(time.time())
        if now != self.second:
            self.second = now
            self.line = f"Date: {formatdate(now, usegmt=True)}\r\n".encode()
        return self.line


_date = _Clock().date


class Request(web.BaseRequest):
    """aiohttp's, and what its answer has to tell the browser of the page that called."""

    cors: dict[str, str] | None = None


class Answer(web.StreamResponse):
    """A whole answer, written in one piece.

    aiohttp's own Response builds and serializes a header map for each answer, which is a third of the time of a small
    run. This one joins bytes that are ready. It is only ever returned from a handler, never prepared by hand.
    """

    def __init__(
        self, body: bytes, kind: str = "application/json", status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        # No super().__init__(): its state is what we avoid. aiohttp asks for prepare, write_eof and keep_alive only.
        self.content = body
        self.kind = kind
        self.code = status
        self.extra = headers
        self._close = False
        self._written_by: AbstractStreamWriter | None = None

    def add(self, headers: dict[str, str]) -> None:
        """More headers, before it is sent."""
        self.extra = {**self.extra, **headers} if self.extra else headers

    @property
    def status(self) -> int:
        return self.code

    @property
    def keep_alive(self) -> bool | None:
        return not self._close

    def force_close(self) -> None:
        self._close = True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        head = self._head(request)
        transport.write(head if request.method == "HEAD" else head + self.content)
        self._written_by = request.writer
        return self._written_by

    async def write_eof(self, data: bytes = b"") -> None:
        if self._written_by is not None:  # who does not read gets no further answers, small ones neither
            await self._written_by.drain()

    def plain(self) -> bytes:
        """Head and body at once, for a caller that speaks HTTP/1.1 and keeps its connection."""
        start = _HEADS.get((self.code, self.kind)) or _start(self.code, self.kind)
        extra = b"" if self.extra is None else _lines(self.extra)
        return b"%b%b%bContent-Length: %d\r\n\r\n%b" % (start, _date(), extra, len(self.content), self.content)

    def _head(self, request: web.BaseRequest) -> bytes:
        start = _HEADS.get((self.code, self.kind)) or _start(self.code, self.kind)
        extra = b"" if self.extra is None else _lines(self.extra)
        if not request.keep_alive or self._close:
            self._close = True
            extra += b"Connection: close\r\n"
        elif request.version < (1, 1):
            extra += b"Connection: keep-alive\r\n"
        if self.code in (204, 304):
            return b"%b%b%b\r\n" % (start, _date(), extra)
        return b"%b%b%bContent-Length: %d\r\n\r\n" % (start, _date(), extra, len(self.content))


def _start(status: int, kind: str) -> bytes:
    lines = f"HTTP/1.1 {status} {_PHRASES[status]}\r\nX-Content-Type-Options: nosniff\r\n"
    return (lines + (f"Content-Type: {kind}\r\n" if kind else "")).encode()


def _lines(headers: dict[str, str]) -> bytes:
    for value in headers.values():
        if "\r" in value or "\n" in value:
            raise ValueError("a header can't hold a line break")
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode("utf-8", "replace")


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """The value as JSON."""
    return Answer(dump_json(value), "application/json", status, headers)


def empty_answer(headers: dict[str, str] | None = None) -> Answer:
    """204: done, and nothing to say."""
    return Answer(b"", "", 204, headers)


def error_body(info: ErrorInfo) -> dict[str, Any]:
    """How an error looks in JSON; all four keys are always there."""
    return {"error": {"code": info.code, "message": info.message, "hint": info.hint, "field": info.field}}


def error_answer(error: BaseException) -> Answer:
    """An error with the status that fits its code."""
    info = told(error)
    answer = json_answer(error_body(info), STATUS.get(info.code, 500))
    answer.extra = _error_headers(error)
    return answer


def _error_headers(error: BaseException) -> dict[str, str] | None:
    if isinstance(error, errors.Busy):
        return {"Retry-After": "1"}
    if isinstance(error, errors.Unauthorized):
        return {"WWW-Authenticate": 'Bearer realm="sketchbridge"'}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": error.allowed}
    return None


def problem(error: web.HTTPException) -> BridgeError:
    """What aiohttp itself refuses, in our words."""
    if error.status == 413:
        return errors.TooLarge("the body is too large")
    return errors.BadMessage(f"this request can't be read: {error.reason}")
