"""Server-sent events: what happens on the bridge, and the outputs a page wants to follow."""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from bridge.errors import BridgeError
from bridge.hub import Hub
from bridge.session.fanout import EventReader, Subscription
from bridge.session.outputs import Event
from bridge.session.session import Session
from bridge.transports.http_answer import error_body
from bridge.transports.http_media import EVENTS
from bridge.transports.http_outputs import frame_json
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.http_run import started
from bridge.transports.http_streams import Stream, with_beats

_PORTS = Query("port", "outputs to follow, separated by commas: each comes as an event named output", "list")
_POLICY = Query(
    "policy", "newest: a slow reader skips; all: it gets every one, up to a bound", choices=("newest", "all")
)


class EventStreams:
    """/api/events, and one such stream for each session."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> tuple[Route, ...]:
        answers = {EVENTS: ""}
        return (
            Route("GET", "/api/events", self.all, "what happens in all sessions", (), answers, endless=True),
            Route(
                "GET",
                "/api/sessions/{session}/events",
                self.one,
                "what happens in one session, and its outputs if wanted",
                (_PORTS, _POLICY),
                answers,
                endless=True,
            ),
            Route(
                "GET",
                "/api/sessions/{session}/messages",
                self.messages,
                "what comes to a session and what it gives out, message by message, for people to look at",
                (),
                answers,
                endless=True,
            ),
        )

    async def all(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        async with self._hub.events.subscribe() as events:
            stream = await Stream(request, EVENTS).open()
            if stream.wanted:
                await stream.event("hello", {"sessions": list(self._hub.sessions)})
                await _tell(stream, events, lambda event: True)
        return stream.response

    async def one(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        if query.get("port"):
            await started(session)
        async with contextlib.AsyncExitStack() as stack:
            events = await stack.enter_async_context(session.events.subscribe())
            readers = [session.subscribe(port, query.get("policy", "newest")) for port in query.get("port", ())]
            for reader in readers:
                await stack.enter_async_context(reader)
            stream = await Stream(request, EVENTS).open()
            if stream.wanted:
                await stream.event("hello", {"session": name, "state": session.state})
                await _follow(stream, session, events, readers)
        return stream.response

    async def messages(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        async with session.messages.subscribe() as messages:
            stream = await Stream(request, EVENTS).open()
            if stream.wanted:
                await stream.event("hello", {"session": session.name, "state": session.state})
                await _tell(stream, messages, lambda message: True)
        return stream.response


async def _follow(stream: Stream, session: Session, events: EventReader, readers: list[Subscription]) -> None:
    """Until the session is closed: events and outputs, each from its own place, so that none waits behind another."""
    outputs = [asyncio.create_task(_show(stream, session, reader)) for reader in readers]
    try:
        await _tell(stream, events, lambda event: event.session == session.name, until=_is_end)
    finally:
        for task in outputs:
            task.cancel()
        await asyncio.gather(*outputs, return_exceptions=True)


async def _show(stream: Stream, session: Session, reader: Subscription) -> None:
    try:
        async for frame in reader:
            await stream.event("output", {**frame_json(frame, session.clock()), "drops": reader.drops})
    except BridgeError as error:
        await stream.event("error", {**error_body(error.info()), "port": reader.port})


async def _tell(
    stream: Stream,
    events: EventReader,
    chosen: Callable[[Event], bool],
    until: Callable[[Event], bool] = lambda event: False,
) -> None:
    async for event in with_beats(aiter(events)):
        if event is None:
            await stream.beat()
        elif chosen(event):
            await stream.event(event.kind, {"session": event.session, **event.data})
            if until(event):
                return


def _is_end(event: Event) -> bool:
    return event.kind == "state" and event.data.get("state") == "closed"
