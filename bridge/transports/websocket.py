"""The WebSocket transport: everything over one connection, as docs/protocol.md says.

The handshake and the token are looked at here; what is asked is a Conversation's, and the Link below does the sending.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from bridge import limits, wire
from bridge.config import Settings
from bridge.errors import BridgeError, Busy, TooLarge, Unauthorized
from bridge.hub import Hub
from bridge.session.guests import Guest
from bridge.session.outputs import Frame
from bridge.transports import websocket_codec as codec
from bridge.transports.base import own_version, peer_of
from bridge.transports.conversation import Conversation, type_of
from bridge.transports.conversation_reader import Shown
from bridge.transports.security import Security
from bridge.transports.websocket_link import Link, Source, Upgraded
from bridge.walking import Walks
from bridge.wire import Buffer

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_TOKEN_SECONDS = 10.0  # for a client that has to show one
_OVERSIZED = 3  # messages beyond the limit; then the connection ends


def websocket_handler(hub: Hub, settings: Settings, security: Security, walks: Walks) -> Handler:
    """Answers WS /api/ws. Host and Origin have been checked by then; the token is looked at here."""
    return _Sockets(hub, settings, security, walks).handle


class _Sockets:
    """All connections of one server."""

    def __init__(self, hub: Hub, settings: Settings, security: Security, walks: Walks) -> None:
        self.hub = hub
        self.walks = walks
        self.settings = settings
        self.security = security
        self.version = own_version()
        self._open = 0
        self._frame: Frame | None = None
        self._binary = True
        self._shared: wire.SharedFrame | None = None  # made of that frame

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One connection, from the handshake to its end."""
        locked = self._is_locked(request)
        handshake = codec.accept(request.headers)
        if self._open >= limits.CONNECTIONS:
            raise Busy(f"{limits.CONNECTIONS} WebSockets are open, as many as this bridge takes", hint="close some")
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        self._open += 1
        try:
            most = min(limits.STRANGER_BYTES, self.settings.max_body) if locked else self.settings.max_body
            link = Link(request.transport, request.protocol, most)
            await self._converse(_Talk(self, link, request, locked), link, handshake)
        finally:
            self._open -= 1
        return Upgraded()

    async def _converse(self, talk: "_Talk", link: Link, handshake: bytes) -> None:
        link.open(talk, handshake)
        try:
            talk.greet()
            await link.until_closed()
        finally:
            await talk.ended()

    def share(self, frame: Frame, binary: bool) -> wire.SharedFrame:
        """What all subscribers of a frame get alike. They are served one after the other, so one place is enough."""
        if frame is not self._frame or binary is not self._binary or self._shared is None:
            self._frame, self._binary, self._shared = frame, binary, _shared(frame, binary)
        return self._shared

    def _is_locked(self, request: web.BaseRequest) -> bool:
        """True: no token was shown yet. Some clients can't set headers, so it may still come in the first message."""
        token = request.query.get("token")
        try:
            self.security.authorize(request.headers, request.remote, token)
        except Unauthorized:
            if token or "Authorization" in request.headers:
                raise
            return True
        return False


def _shared(frame: Frame, binary: bool) -> wire.SharedFrame:
    shared = wire.SharedFrame(frame, binary=binary)
    if shared.binary:
        shared.lead(codec.frame_head(codec.BINARY, shared.length))
    return shared


class _Talk:
    """One client: what comes is read and handed to its Conversation, which answers through this."""

    def __init__(self, sockets: _Sockets, link: Link, request: web.BaseRequest, locked: bool) -> None:
        self._sockets = sockets
        self._link = link
        self._locked = locked
        self._headers = request.headers
        self._peer = request.remote
        self._oversized = 0
        self._patience: asyncio.TimerHandle | None = None
        self._conversation = Conversation(
            sockets.hub, sockets.walks, sockets.settings.max_body, self, Guest("websocket", peer_of(request.transport))
        )

    # --- from beginning to end -------------------------------------------------------------------

    def greet(self) -> None:
        """The first message, and the one after a token was shown."""
        sessions = [] if self._locked else self._conversation.sessions()
        if self._locked:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(_TOKEN_SECONDS, self._link.close, codec.POLICY, "no token came")
        self.say(
            wire.Greeting(name="Sketchbridge", version=self._sockets.version, locked=self._locked, sessions=sessions)
        )

    def lost(self) -> None:
        """The client is gone: nobody is left to work for."""
        if self._patience is not None:
            self._patience.cancel()
        self._conversation.lost()

    async def ended(self) -> None:
        """Until nothing of it is left."""
        self.lost()
        await self._conversation.ended()

    # --- what comes ------------------------------------------------------------------------------

    def received(self, opcode: int, data: bytes, oversized: int) -> None:
        """A message came. Never raises: what is wrong with it is told."""
        if oversized:
            self._too_large(oversized)
            return
        request = self._read(opcode, data)
        if isinstance(request, wire.Hello):
            self._hello(request)
        elif request is not None and self._locked:
            error = Unauthorized("a token is needed first", hint=_HELLO)
            self._conversation.refuse(request.id, type_of(request), error)
            self._link.close(codec.POLICY, "a token is needed")
        elif request is not None:
            self._conversation.do(request)

    def _read(self, opcode: int, data: bytes) -> wire.AnyRequest | None:
        binary = opcode == codec.BINARY
        try:
            return wire.read_binary(data) if binary else wire.read_text(data)
        except BridgeError as error:
            id, kind = wire.id_of_binary(data) if binary else wire.id_of(data)
            self._conversation.refuse(id, kind, error)
            return None

    def _too_large(self, size: int) -> None:
        if self._locked:
            self._link.close(codec.POLICY, "a token is needed")
            return
        most = self._sockets.settings.max_body
        error = TooLarge(f"a message of {size} bytes came; up to {most} are taken", hint="send less at once")
        self._conversation.refuse(None, "", error)
        self._oversized += 1
        if self._oversized >= _OVERSIZED:
            self._link.close(codec.TOO_BIG, error.message)

    def _hello(self, request: wire.Hello) -> None:
        if self._locked and wire.PROTOCOL in request.protocol and not self._unlock(request):
            return
        self._conversation.do(request)
        if wire.PROTOCOL not in request.protocol:
            self._link.close(codec.POLICY, "no protocol in common")

    def _unlock(self, request: wire.Hello) -> bool:
        try:
            self._sockets.security.authorize(self._headers, self._peer, request.token)
        except Unauthorized as error:
            self._conversation.refuse(request.id, "hello", error)
            self._link.close(codec.POLICY, error.message)
            return False
        self._locked = False
        self._link.allow(self._sockets.settings.max_body)
        if self._patience is not None:
            self._patience.cancel()
        self.greet()
        return True

    # --- what goes: the Voice --------------------------------------------------------------------

    def say(self, answer: wire.Answer) -> None:
        self._link.say(codec.TEXT, [wire.write_text(answer)])

    def give(self, answer: wire.Output | wire.Done, binary: bool) -> None:
        is_binary, parts = wire.write_outputs(answer, binary=binary)
        self._link.say(codec.BINARY if is_binary else codec.TEXT, parts)

    async def room(self) -> None:
        await self._link.room()

    def ready(self, source: Source) -> None:
        self._link.ready(source)

    def pack(self, shown: Shown) -> Sequence[Buffer]:
        shared = self._sockets.share(shown.frame, shown.binary)
        begin = shared.begin(shown.id, shown.n, shown.drops, shown.age_ms)
        return (begin, shared.payload) if shared.binary else (codec.frame_head(codec.TEXT, len(begin)), begin)


_HELLO = 'send {"type": "hello", "token": "..."}'
