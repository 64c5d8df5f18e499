"""What a session gave out last, and pictures as they come (MJPEG)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web

from bridge import limits
from bridge.errors import Busy, InputError, NoOutputYet, UnknownPort
from bridge.hub import Hub
from bridge.ports import AnyPort, Blob, Encoding
from bridge.session.fanout import Subscription
from bridge.session.guests import Guest, enters
from bridge.session.outputs import Frame
from bridge.session.session import Session
from bridge.transports.http_answer import Answer, json_answer
from bridge.transports.http_media import ENDINGS, JSON, Bare, bare_answer, encoding, wanted
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.http_run import started
from bridge.transports.http_streams import BEAT_SECONDS, Stream

_SIZE = (
    Query("quality", "of a JPEG or WebP", "integer", minimum=1, maximum=100),
    Query("width", "scale the picture down to this width", "integer", minimum=1, maximum=limits.IMAGE_SIDE),
    Query("height", "scale the picture down to this height", "integer", minimum=1, maximum=limits.IMAGE_SIDE),
)
_FPS = Query("fps", "at most so many pictures a second", "integer", minimum=1, maximum=limits.STREAM_FPS)
_FORMAT = Query("format", "jpeg, png, webp, raw … whatever the output offers")
_TEXTS = ("json", "txt")
_SOON_SECONDS = 0.1
_BOUNDARY = b"--frame\r\n"


class Outputs:
    """The last outputs, and MJPEG."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> tuple[Route, ...]:
        base = "/api/sessions/{session}"
        one = {JSON: "Frame", "image/*": "", "audio/*": "", "text/plain": ""}
        return (
            Route("GET", f"{base}/outputs", self.all, "the last output of every port", (), {JSON: "Outputs"}),
            Route("GET", f"{base}/outputs/{{port}}", self.one, _ONE, (_FORMAT, *_SIZE), one),
            Route(
                "GET",
                f"{base}/stream/{{port}}.mjpg",
                self.mjpeg,
                "a picture as it changes, for <img> and for players; a slow reader gets fewer pictures, never old ones",
                (*_SIZE, _FPS),
                {"multipart/x-mixed-replace": ""},
                endless=True,
            ),
        )

    async def all(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        outputs = (session.signature or await started(session)).outputs
        found = {}
        for port in outputs:
            try:
                found[port] = _frame(await _last(session, port), session)
            except NoOutputYet:
                continue
        return json_answer({"session": name, "outputs": found})

    async def one(self, request: web.BaseRequest, query: Checked, name: str, port: str) -> web.StreamResponse:
        session = self._hub.get(name)
        outputs = (session.signature or await started(session)).outputs
        port, ending = _split(port, outputs)
        declared = outputs.get(port)
        if declared is None:
            raise _no_output(session, port, outputs)
        if ending:
            return await self._as_file(session, port, ending, query)
        form = wanted(request.headers.get("Accept"), {port: declared})
        if isinstance(form, Bare):
            return _bare(await _last(session, port, encoding(query, format=form.format)), session)
        frame = await _last(session, port, encoding(query) if query else None)
        return json_answer(_frame(frame, session))

    async def mjpeg(self, request: web.BaseRequest, query: Checked, name: str, port: str) -> web.StreamResponse:
        session = self._hub.get(name)
        outputs = (session.signature or await started(session)).outputs
        declared = outputs.get(port)
        if declared is not None and "jpeg" not in declared.formats:
            pictures = [other for other, kind in outputs.items() if "jpeg" in kind.formats]
            raise InputError(
                f"{port} of {name} is {declared.kind}, not a picture",
                hint=f"it has these pictures: {', '.join(pictures) or 'none'}",
                field=port,
            )
        enters(Guest("mjpeg", request.remote or ""))
        async with session.subscribe(port, "newest", encoding(query, format="jpeg")) as reader:
            stream = Stream(request, "multipart/x-mixed-replace; boundary=frame")
            await stream.open()
            if stream.wanted:
                await stream.send(_BOUNDARY)
                async for frame in _shown(reader, query.get("fps", 0)):
                    await stream.send(_mjpeg_part(frame, session))
        return stream.response

    @staticmethod
    async def _as_file(session: Session, port: str, ending: str, query: Checked) -> Answer:
        frame = await _last(session, port, encoding(query, format=ENDINGS.get(ending, "")))
        if ending == "json":
            return json_answer(frame.value, headers=_about(frame, session))
        return _bare(frame, session)


_ONE = (
    "the last output of a port: JSON, or the bare picture, sound or text when Accept asks for it or the name has an "
    "ending such as .jpg .png .wav .txt .json"
)


async def _last(session: Session, port: str, encoding: Encoding | None = None) -> Frame:
    """The last output. The model's process encodes it, between two steps; one long step is not waited out."""
    try:
        async with asyncio.timeout(limits.OUTPUT_SECONDS):
            return await session.last(port, encoding)
    except TimeoutError:
        raise Busy(
            f"{session.name} is busy with a run and did not show {port} within {limits.OUTPUT_SECONDS:g} s",
            hint=f"ask again when that run has ended, or follow it: /api/sessions/{session.name}/events?port={port}",
            field=port,
        ) from None


def _split(name: str, outputs: Mapping[str, AnyPort]) -> tuple[str, str]:
    """ "image.jpg" is the port image as jpg, unless a port has that whole name."""
    port, _, ending = name.rpartition(".")
    if name in outputs or not port:
        return name, ""
    ending = ending.lower()
    if ending not in ENDINGS and ending not in _TEXTS:
        raise InputError(
            f".{ending[:20]} is not an ending that is known here",
            hint=f"there are {', '.join('.' + known for known in (*ENDINGS, *_TEXTS))}",
            field="port",
        )
    return port, ending


def _no_output(session: Session, port: str, outputs: Mapping[str, AnyPort]) -> UnknownPort:
    return UnknownPort(
        f"{session.name} has no output named {port[:80]}", hint=f"it gives out {', '.join(outputs)}", field=port[:80]
    )


def frame_json(frame: Frame, now: float) -> dict[str, Any]:
    """A frame with everything about it."""
    return {
        "session": frame.session,
        "port": frame.port,
        "value": frame.value,
        "run": frame.run,
        "sequence": frame.sequence,
        "model_ms": round(frame.model_ms, 3),
        "encode_ms": round(frame.encode_ms, 3),
        "age_ms": round(frame.age_ms(now), 3),
    }


def _frame(frame: Frame, session: Session) -> dict[str, Any]:
    return frame_json(frame, session.clock())


def _about(frame: Frame, session: Session) -> dict[str, str]:
    return {"Bridge-Run": str(frame.run), "Bridge-Age": f"{frame.age_ms(session.clock()):.1f}"}


def _bare(frame: Frame, session: Session) -> Answer:
    return bare_answer(frame.value, _about(frame, session))


async def _shown(reader: Subscription, fps: int) -> AsyncIterator[Frame]:
    """Each frame, and once more when none follows soon: Chromium shows a picture only when the next one begins.

    With a rate, the newest is taken only when its turn has come. The ones shown once more do not count.
    """
    now = asyncio.get_running_loop().time
    frame, patience, turn = None, BEAT_SECONDS, 0.0
    while True:
        newer = reader.take() if turn <= now() else None  # often one is there already: no need to wait with a timer
        try:
            if newer is None:
                async with asyncio.timeout(patience):
                    if turn > now():
                        await asyncio.sleep(turn - now())
                    newer = await anext(reader)
            frame, patience = newer, _SOON_SECONDS
            turn = now() + 1 / fps if fps else 0.0
        except StopAsyncIteration:
            return
        except TimeoutError:
            patience = BEAT_SECONDS
        if frame is not None:
            yield frame


def _mjpeg_part(frame: Frame, session: Session) -> bytes:
    """With the boundary behind it, so that a reader knows at once where the picture ends."""
    assert isinstance(frame.value, Blob)
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\nBridge-Run: %d\r\nBridge-Age: %d\r\n\r\n" % (
        len(frame.value.data),
        frame.run,
        frame.age_ms(session.clock()),
    )
    return b"".join((head, frame.value.data, b"\r\n", _BOUNDARY))
