"""Socket.IO: the verbs of docs/protocol.md as events, for sketches that have io() already. See docs/socketio.md.

python-socketio keeps the protocol (handshakes, namespaces, rooms, who is connected); socketio_engine.py is what it
stands on. Every event goes to a Conversation, the same as on our WebSocket; its answers are acknowledgements or events.
"""

import asyncio
import hashlib
import itertools
import logging
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple, Self
from weakref import WeakValueDictionary

from aiohttp import web
from socketio import AsyncServer  # type: ignore[import-untyped]
from socketio.exceptions import ConnectionRefusedError as Refusal  # type: ignore[import-untyped]

from bridge import wire
from bridge.config import Settings
from bridge.errors import BadMessage, BridgeError, TooLarge, Unauthorized
from bridge.hub import Hub
from bridge.ports import Blob
from bridge.session.guests import Guest
from bridge.session.outputs import Frame
from bridge.session.session import Session
from bridge.transports import socketio_packet as packet
from bridge.transports.base import own_version
from bridge.transports.conversation import Conversation
from bridge.transports.conversation_reader import Shown
from bridge.transports.http_answer import Answer
from bridge.transports.http_routes import Checked, Route
from bridge.transports.security import Security
from bridge.transports.socketio_client import Client
from bridge.transports.socketio_engine import Engine
from bridge.transports.websocket_link import Source
from bridge.walking import Walks
from bridge.wire import Buffer

PATH = "/socket.io/"
CLIENT = f"{PATH}socket.io.js"
_SHOW_IT = 'io(address, {auth: {token: "..."}}) shows one; the bridge tells it when it starts'
_OWN_IDS = 2**31  # from here on: for requests that come without one
_NAME_CHARS = 40  # of an event, as it is told in an error
_NEEDS_ID = frozenset(name for name, kind in wire.REQUESTS.items() if wire.needs_id(kind))
_ABOUT_ANOTHER = (wire.Cancel, wire.Ack)  # their id is another's, and nothing answers them
_NAMES_ANOTHER = frozenset(("cancel", "ack", "unsubscribe"))
_log = logging.getLogger(__name__)


class SocketIo:
    """Use as `async with SocketIo(...)`; its routes belong to the HTTP server."""

    def __init__(self, hub: Hub, settings: Settings, security: Security, walks: Walks) -> None:
        self._server = _Server(hub, settings, security, walks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.eio.close()

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._server.eio)

    def readers(self, session: Session, port: str) -> int:
        """How many clients are in the room of that port."""
        room = self._server.rooms_by_port.get((session, port))
        return len(tuple(self._server.manager.get_participants("/", room))) if room is not None else 0

    def routes(self) -> tuple[Route, ...]:
        engine = self._server.eio
        told = "Socket.IO; docs/socketio.md has its events"
        more: dict[str, Any] = {"answers": {"text/plain": ""}, "inputs_in_query": True}
        return (
            Route("GET", PATH, engine.get, told, endless=True, **more),
            Route("POST", PATH, engine.post, told, **more),
            Route("GET", CLIENT, self._client, "a Socket.IO client that fits", answers={"text/javascript": ""}),
        )

    async def _client(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        content = await asyncio.to_thread((files("bridge") / "studio" / "vendor" / "socket.io.min.js").read_bytes)
        tag = f'"{hashlib.blake2s(content, digest_size=12).hexdigest()}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in (request.headers.get("If-None-Match") or ""):
            return Answer(b"", "", 304, headers)
        return Answer(content, "text/javascript; charset=utf-8", 200, headers)


class Room:
    """Those who follow one port of one session: a frame is packed once for all of them."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._binary = True
        self._shared: packet.SharedFrame | None = None

    def shared(self, frame: Frame, binary: bool) -> packet.SharedFrame:
        """They are served one after the other, so one place is enough."""
        if frame is not self._frame or binary is not self._binary or self._shared is None:
            self._frame, self._binary = frame, binary
            self._shared = packet.SharedFrame(frame, binary=binary)
        return self._shared


class _Server(AsyncServer):  # type: ignore[misc]
    """python-socketio's server on our engine. One namespace; what is wrong with a packet ends its client, in words."""

    eio: Engine

    def __init__(self, hub: Hub, settings: Settings, security: Security, walks: Walks) -> None:
        super().__init__(
            logger=_log, serializer=packet.Packet, async_handlers=False, namespaces=["/"], max_body=settings.max_body
        )
        self.hub = hub
        self.walks = walks
        self.settings = settings
        self.security = security
        self.version = own_version()
        self.rooms_by_port: WeakValueDictionary[tuple[Session, str], Room] = WeakValueDictionary()
        self._talks: dict[str, _Talk] = {}  # by the engine's name for a client
        self.on("connect", self._welcome)
        self.on("disconnect", self._farewell)

    def room(self, session: Session, port: str) -> Room:
        """The room of a port, for as long as somebody is in it."""
        room = self.rooms_by_port.get((session, port))
        if room is None:
            room = self.rooms_by_port[session, port] = Room()
        return room

    # --- who comes and goes ----------------------------------------------------------------------

    def _welcome(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        client: Client = environ["client"]
        try:
            self._authorize(environ, auth)
        except Unauthorized as error:
            info = {"code": error.code, "message": error.message, "hint": _SHOW_IT, "field": "token"}
            raise Refusal(error.message, info) from None
        client.settle()
        client.allow(self.settings.max_body)
        self._talks[client.sid] = _Talk(self, client, sid, environ["address"])

    def _authorize(self, environ: dict[str, Any], auth: Any) -> None:
        shown = auth.get("token") if isinstance(auth, dict) else None
        token = shown if isinstance(shown, str) else environ["token"]
        self.security.authorize(environ["headers"], environ["peer"], token)

    async def _farewell(self, sid: str, reason: str) -> None:
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        talk = self._talks.pop(eio_sid)
        talk.client.hurry()
        await talk.ended()

    # --- what python-socketio calls, and we do otherwise -----------------------------------------

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        known = self._talks.get(eio_sid)
        await super()._handle_connect(eio_sid, namespace, data)
        talk = self._talks.get(eio_sid)
        if talk is not known and talk is not None:
            talk.greet()

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except BridgeError as error:
            self._broken(eio_sid, error)
        except ValueError as error:  # the library's own word for it
            self._broken(eio_sid, BadMessage(f"this is not Socket.IO: {error}"))

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        talk = self._talks.get(eio_sid)
        if talk is None or namespace not in (None, "/"):
            raise BadMessage("an event came before the connection to its namespace", hint="there is / only")
        talk.heard(data, id)

    async def _handle_ack(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        """We ask for none."""

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._binary_packet.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)

    def _broken(self, eio_sid: str, error: BridgeError) -> None:
        talk = self._talks.get(eio_sid)
        if talk is not None:
            talk.say(wire.refusal(None, "", error.info()))
        client: Client = self.environ[eio_sid]["client"]
        client.close("too large" if isinstance(error, TooLarge) else "parse error", error.message)


class _Call(NamedTuple):
    """The event that is being heard: the id of its request, and the one to acknowledge it by."""

    id: int | None
    ack: int | None
    wishes: bool = False  # it asks for a subscription, the first of that id


class _Talk:
    """One client: its events are handed to its Conversation, which answers through this."""

    def __init__(self, server: _Server, client: Client, sid: str, address: str) -> None:
        self.client = client
        self._server = server
        self._sid = sid
        guest = Guest("socket.io", address)
        self._conversation = Conversation(server.hub, server.walks, server.settings.max_body, self, guest)
        self._calls = itertools.count()
        self._now: _Call | None = None
        self._acks: dict[int, list[int]] = {}  # of requests under way
        self._wished: dict[int, str] = {}  # subscriptions that were asked for, and their ports
        self._rooms: dict[int, Room] = {}  # by subscription

    def greet(self) -> None:
        """The first event."""
        sessions = self._conversation.sessions()
        self.say(wire.Greeting(name="Sketchbridge", version=self._server.version, locked=False, sessions=sessions))

    async def ended(self) -> None:
        """Until nothing of it is left."""
        await self._conversation.ended()

    # --- what comes ------------------------------------------------------------------------------

    def heard(self, data: Any, ack: int | None) -> None:
        """An event. What is wrong with it is told; BadMessage only where it is none."""
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise BadMessage("an event is a list that begins with its name")
        name = data[0][:_NAME_CHARS]
        try:
            request = self._read(name, data[1:], ack)
        except BridgeError as error:
            self._now = _Call(None, ack)
            self._conversation.refuse(None, name, error)
            self._now = None
            return
        if isinstance(request, _ABOUT_ANOTHER):
            self._conversation.do(request)
            if ack is not None:
                self.client.say(packet.acknowledgement(ack, wire.Reply(id=request.id, value=None)))
        else:
            self._do(request, ack)

    def _read(self, name: str, values: list[Any], ack: int | None) -> wire.AnyRequest:
        fields = values[0] if values else {}
        if not isinstance(fields, dict) or len(values) > 1:
            raise BadMessage(f"{name} takes one object", hint=f'emit("{name}", {{session: "dream", ...}})')
        if fields.get("type", name) != name:
            raise BadMessage(f"the event {name} can't be of another type", field="type")
        if fields.get("id") is None and (ack is not None or name in _NEEDS_ID) and name not in _NAMES_ANOTHER:
            fields = {**fields, "id": _OWN_IDS + next(self._calls) % _OWN_IDS}
        request = wire.read_object(name, fields)
        if not isinstance(request, wire.Run | wire.Send) and _holds_bytes(fields):
            raise BadMessage(f"{name} takes no bytes", hint="run and send do, in their inputs")
        return request

    def _do(self, request: wire.AnyRequest, ack: int | None) -> None:
        id = request.id
        wishes = isinstance(request, wire.Subscribe) and id not in self._wished and id not in self._rooms
        if isinstance(request, wire.Subscribe) and wishes:
            self._wished[request.id] = request.port
        self._now = _Call(id, ack, wishes)
        self._conversation.do(request)
        if id is not None and ack is not None and self._now is not None:  # not answered yet
            self._acks.setdefault(id, []).append(ack)
        self._now = None

    # --- what goes: the Voice --------------------------------------------------------------------

    def say(self, answer: wire.Answer) -> None:
        self.give(answer, False)

    def give(self, answer: wire.Answer, binary: bool) -> None:
        acks: list[int] | None = None
        if isinstance(answer, wire.Reply | wire.Done | wire.Error | wire.Pong):
            self._move(answer)
            acks = self._to_acknowledge(answer)
        if not acks:
            self.client.say(packet.event(answer, binary=binary))
            return
        for ack in acks:
            self.client.say(packet.acknowledgement(ack, answer, binary=binary))

    async def room(self) -> None:
        await self.client.room()

    def ready(self, source: Source) -> None:
        self.client.ready(source)

    def pack(self, shown: Shown) -> Sequence[Buffer]:
        frame, id, n, drops, age_ms, binary = shown
        shared = (self._rooms.get(id) or Room()).shared(frame, binary)
        pack = shared.polled if self.client.polling else shared.framed
        return pack(id, n, drops, age_ms)

    def _to_acknowledge(self, answer: wire.Reply | wire.Done | wire.Error | wire.Pong) -> list[int]:
        """A mistake in a request is told to that request, also when another one of its id is under way."""
        now = self._now
        if now is None or now.id != answer.id:
            return self._acks.pop(answer.id, []) if answer.id is not None else []
        self._now = None
        mine = [] if now.ack is None else [now.ack]
        if isinstance(answer, wire.Error) or answer.id is None:
            return mine
        return mine + self._acks.pop(answer.id, [])

    # --- rooms -----------------------------------------------------------------------------------

    def _move(self, answer: wire.Reply | wire.Done | wire.Error | wire.Pong) -> None:
        """In or out of a room, when a subscription begins or ends."""
        id, now = answer.id, self._now
        if id is None or (isinstance(answer, wire.Error) and now is not None and now.id == id and not now.wishes):
            return  # it is about nothing that was there before
        port = self._wished.pop(id, None)
        if port is not None and isinstance(answer, wire.Reply):
            session = self._server.hub.sessions.get(answer.value["session"])
            self._enter(id, self._server.room(session, port) if session is not None else Room())
        elif isinstance(answer, wire.Done | wire.Error):
            self._leave(id)

    def _enter(self, id: int, room: Room) -> None:
        self._rooms[id] = room
        self._server.manager.basic_enter_room(self._sid, "/", room)

    def _leave(self, id: int) -> None:
        room = self._rooms.pop(id, None)
        if room is not None and room not in self._rooms.values():
            self._server.manager.basic_leave_room(self._sid, "/", room)


def _holds_bytes(value: Any) -> bool:
    """Whether there are Blobs in it, at any depth."""
    if isinstance(value, dict):
        return any(map(_holds_bytes, value.values()))
    return any(map(_holds_bytes, value)) if isinstance(value, list) else isinstance(value, Blob)
