"""WebRTC: a session's pictures as a video (WHEP), and a camera or a screen as its input (WHIP).

Whoever wants that posts an offer and gets the answer; DELETE, or just going away, ends it. What follows needs aiortc,
the extra `webrtc`; it is loaded at the first offer.
"""

import asyncio
import importlib
import secrets
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import msgspec
from aiohttp import web

from bridge import limits
from bridge.errors import Busy, Cancelled, InputError, NotFound, Refused, UnknownInput
from bridge.hub import Hub
from bridge.ports import AnyPort, Blob, Encoding, Image
from bridge.session.guests import Guest, enters
from bridge.session.outputs import Event
from bridge.session.session import Session
from bridge.transports.base import told
from bridge.transports.http_answer import Answer, UnsupportedType, empty_answer
from bridge.transports.http_bodies import read_body
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.http_run import started

if TYPE_CHECKING:
    from bridge.transports.webrtc_peer import Peer, Way

SDP = "application/sdp"
_FRAGMENT = "application/trickle-ice-sdpfrag"
_USUAL_FPS = 30
_PICTURES = ("image", "segmentation")
_QUERY = (
    Query("width", "no wider than this", "integer", minimum=16, maximum=limits.VIDEO_SIDE),
    Query("height", "no higher than this", "integer", minimum=16, maximum=limits.VIDEO_SIDE),
    Query("fps", "at most so many pictures a second", "integer", minimum=1, maximum=limits.VIDEO_FPS),
)


class NotInstalled(Refused):
    """What this needs is an extra that is not there."""

    code: ClassVar[str] = "not_installed"


class WebRtc(AbstractAsyncContextManager["WebRtc"]):
    """All connections. Use as `async with WebRtc(hub) as webrtc`; leaving ends them."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._peers: dict[str, Peer] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        lives = tuple(self._lives.values())
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    def routes(self) -> tuple[Route, ...]:
        out, into = "/api/sessions/{session}/whep/{port}", "/api/sessions/{session}/whip/{input}"
        answer = {SDP: "string"}
        watch = "a picture as a WebRTC video (WHEP): takes an offer, gives the answer"
        send = "a WebRTC video as live input (WHIP): takes an offer, gives the answer"
        return (
            Route("POST", out, self.watch, watch, _QUERY, answer, SDP, status=201),
            Route("POST", into, self.send, send, _QUERY, answer, SDP, status=201),
            *(
                route
                for base in (out, into)
                for route in (
                    Route("PATCH", base + "/{peer}", self.add, "further addresses of the caller", (), {}, _FRAGMENT),
                    Route("DELETE", base + "/{peer}", self.end, "end that video", (), {}),
                )
            ),
        )

    # --- what is asked for -----------------------------------------------------------------------

    async def watch(self, request: web.BaseRequest, query: Checked, name: str, port: str) -> web.StreamResponse:
        session = self._hub.get(name)
        outputs = (session.signature or await started(session)).outputs
        if port in outputs and outputs[port].kind not in _PICTURES:
            raise _no_picture(session, port, outputs, "gives out")
        offer = await self._offer(request)
        video = await self._video()
        width, height = _box(query)
        enters(_guest(request))
        frames = session.subscribe(port, "newest", Encoding("raw", 0, width, height))
        shown = video.Shown(frames, query.get("fps", _USUAL_FPS))
        return await self._begin(
            request, _Video("out", session, offer, shown, lambda peer: shown.ended(), frames.close)
        )

    async def send(self, request: web.BaseRequest, query: Checked, name: str, field: str) -> web.StreamResponse:
        session = self._hub.get(name)
        inputs = (session.signature or await started(session)).default.inputs
        if field not in inputs:
            raise UnknownInput(
                f"{name} has no input named {field[:80]}", hint=f"it takes {', '.join(inputs)}", field=field[:80]
            )
        declared = inputs[field]
        if not isinstance(declared, Image):
            raise _no_picture(session, field, inputs, "takes")
        offer = await self._offer(request)
        video = await self._video()
        enters(_guest(request))
        size = video.Size(*_box(query), declared.width, declared.height)
        fps = query.get("fps", _USUAL_FPS)

        def give(picture: Blob) -> None:
            session.send({field: picture})

        async def work(peer: "Peer") -> None:
            await video.take(peer.video.receiver.track, size, fps, give)

        return await self._begin(request, _Video("in", session, offer, None, work))

    async def add(
        self, request: web.BaseRequest, query: Checked, name: str, field: str, peer: str
    ) -> web.StreamResponse:
        """Addresses that a caller found after its offer."""
        known = self._find(peer)
        _check_type(request, _FRAGMENT)
        body = await read_body(request, limits.SDP_BYTES)
        await known.add(body.decode("utf-8", "replace"))
        return empty_answer()

    async def end(
        self, request: web.BaseRequest, query: Checked, name: str, field: str, peer: str
    ) -> web.StreamResponse:
        self._find(peer)
        life = self._lives[peer]
        life.cancel()
        await asyncio.wait([life])
        return Answer(b"", "", 200)

    def _find(self, peer: str) -> "Peer":
        if peer not in self._peers:
            raise NotFound("there is no such video", hint="it has ended, perhaps because one side went away")
        return self._peers[peer]

    async def _offer(self, request: web.BaseRequest) -> str:
        """Checked as far as can be without aiortc."""
        _check_type(request, SDP)
        self._check_room()  # so that nobody sends what can't be taken
        return (await read_body(request, limits.SDP_BYTES)).decode("utf-8", "replace")

    async def _video(self) -> Any:
        """What makes videos. Busy when there are too many; so behind the last wait before one begins."""
        video = await _library("webrtc_video")
        self._check_room()
        return video

    def _check_room(self) -> None:
        if len(self._lives) >= limits.VIDEO_PEERS:
            raise Busy(
                f"{limits.VIDEO_PEERS} WebRTC videos go on already, as many as this bridge allows",
                hint="end one of them; MJPEG and the WebSocket take more readers",
            )

    # --- one connection --------------------------------------------------------------------------

    async def _begin(self, request: web.BaseRequest, video: "_Video") -> Answer:
        """Answer the offer. What comes of it goes on by itself until one side ends it."""
        name = secrets.token_urlsafe(16)
        answered = asyncio.get_running_loop().create_future()
        life = asyncio.create_task(self._live(name, video, answered))
        self._lives[name] = life
        life.add_done_callback(lambda _: self._forget(name, answered))
        try:
            answer: str = await asyncio.shield(answered)
        except asyncio.CancelledError:  # the caller hung up, or the bridge is closing
            life.cancel()
            raise
        place = f"{request.rel_url.raw_path}/{name}"
        headers = {"Location": place, "ETag": f'"{name}"', "Accept-Patch": _FRAGMENT, "Cache-Control": "no-store"}
        return Answer(answer.encode(), SDP, 201, headers)

    def _forget(self, name: str, answered: "asyncio.Future[str]") -> None:
        self._peers.pop(name, None)
        self._lives.pop(name, None)
        answered.cancel()

    async def _live(self, name: str, video: "_Video", answered: "asyncio.Future[str]") -> None:
        try:
            library = await _library("webrtc_peer")
            async with library.Peer() as peer:
                self._peers[name] = peer
                answered.set_result(await peer.answer(video.offer, video.way, video.track))
                await peer.connected()
                await _first(peer.gone(), _over(video.session), video.work(peer))
        except Exception as error:
            if not answered.done():
                answered.set_exception(error)
            elif not isinstance(error, Cancelled):  # somebody who merely went away is no news
                self._hub.events.publish(Event("error", video.session.name, msgspec.to_builtins(told(error))))
        finally:
            video.close()


class _Video(NamedTuple):
    """What one caller wants."""

    way: "Way"
    session: Session
    offer: str
    track: Any  # what goes out
    work: "Callable[[Peer], Coroutine[Any, Any, None]]"  # goes on for as long as the connection does
    close: Callable[[], None] = lambda: None


async def _library(name: str) -> Any:
    """A part that needs aiortc. To load that takes a while, so a thread does it."""
    try:
        return await asyncio.to_thread(importlib.import_module, f"bridge.transports.{name}")
    except ImportError as error:
        raise NotInstalled(
            f"WebRTC is an extra that is not installed here ({error})",
            hint="pip install 'sketchbridge[webrtc]', or watch /stream/{port}.mjpg, which needs nothing",
        ) from error


async def _first(*works: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends or fails; the others are ended then."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _over(session: Session) -> None:
    while session.state not in ("failed", "closed"):
        await session.movement()


def _guest(request: web.BaseRequest) -> Guest:
    """Who this is, also for what the connection does later by itself."""
    return Guest("webrtc", request.remote or "")


def _check_type(request: web.BaseRequest, wanted: str) -> None:
    kind = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind != wanted:
        raise UnsupportedType(
            f"the body came as {kind[:80] or 'nothing that says what it is'}", hint=f"it takes {wanted}"
        )


def _box(query: Checked) -> tuple[int, int]:
    return query.get("width", limits.VIDEO_SIDE), query.get("height", limits.VIDEO_SIDE)


def _no_picture(session: Session, field: str, ports: Mapping[str, AnyPort], does: str) -> InputError:
    pictures = [name for name, port in ports.items() if port.kind in _PICTURES]
    return InputError(
        f"{field} of {session.name} is {ports[field].kind}, not a picture",
        hint=f"it {does} these pictures: {', '.join(pictures) or 'none'}",
        field=field,
    )
