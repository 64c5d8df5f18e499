"""OSC over TCP, on the port that OSCQuery has as well: the first byte of a connection tells which of the two it is."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Protocol, Self, cast
from weakref import WeakValueDictionary

from bridge import limits
from bridge.errors import BridgeError, Busy, InputError
from bridge.osc.framing import Framing, is_osc
from bridge.transports.base import peer_of
from bridge.transports.listen import keep_alive, listen
from bridge.transports.networks import plain
from bridge.transports.osc_gate import Gate
from bridge.transports.osc_peers import Counts, Peer, refuse
from bridge.transports.osc_receiver import Receiver
from bridge.transports.osc_udp import Datagrams

_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")  # an HTTP request begins with its method
_ROOM_BYTES = 256 * 1024  # above this much on its way, whoever can wait does
_AT_ONCE = 4_096  # packets of one connection, then others have their turn
_CONNECT_SECONDS = 5.0
Gone = Callable[[Peer], None]


class Web(Protocol):
    """What answers those who speak HTTP."""

    @property
    def connections(self) -> int: ...

    def connection(self) -> asyncio.Protocol:
        """For one more of them."""


class Streams:
    """The way in over TCP, and OSCQuery. Use as `async with`; PortTaken when it can't start."""

    def __init__(
        self,
        host: str,
        udp: Datagrams,
        gate: Gate,
        receiver: Receiver,
        counts: Counts,
        web: Web,
        drained: Gone,
        gone: Gone,
    ) -> None:
        self.gate = gate
        self.receiver = receiver
        self.web = web
        self.drained = drained
        self.gone = gone
        self.sent = counts
        self.connections: set[_First | Connection] = set()
        self._outgoing: dict[tuple[str, int], Connection] = {}  # those that we opened
        self._turns: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()  # who calls there now
        self.turned_away = 0
        self._host = host
        self._udp = udp  # the same port as it has, or would have
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []

    @property
    def addresses(self) -> tuple[str, ...]:
        found = []
        for made in self._sockets:
            host, port = made.getsockname()[:2]
            where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            found += [f"osc.tcp://{where}", f"http://{where}"]
        return tuple(found)

    @property
    def port(self) -> int:
        """The one it listens on; 0 while it does not."""
        return int(self._sockets[0].getsockname()[1]) if self._sockets else 0

    @property
    def counts(self) -> dict[str, int]:
        """What came and went is counted for UDP and TCP together, and told there if UDP is on."""
        more = {} if self._udp.addresses else self.sent.described()
        return {"turned_away": self.turned_away, **more}

    @property
    def open(self) -> int:
        """Connections, whatever they speak."""
        return len(self.connections) + self.web.connections

    async def peer(self, host: str, port: int) -> Peer:
        """Whoever listens there over TCP, connected once for all who ask; InputError if nobody does."""
        async with self._turns.setdefault((host, port), asyncio.Lock()):
            return await self._connected(host, port)

    async def _connected(self, host: str, port: int) -> "Connection":
        known = self._outgoing.get((host, port))
        if known is not None and known.open:
            return known
        if not self.make_room():
            raise Busy(f"{limits.OSC_CONNECTIONS} connections are open, as many as there may be", hint="close some")
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                loop = asyncio.get_running_loop()
                _, made = await loop.create_connection(lambda: Connection(self, outward=True), host, port)
        except (OSError, TimeoutError):
            raise InputError(f"nobody listens at {host} port {port} over TCP", field="port") from None
        self._outgoing = {at: one for at, one in self._outgoing.items() if one.open}
        self._outgoing[host, port] = made
        return made

    def end_unused(self, in_use: Callable[[Hashable], bool]) -> None:
        """End those of our own connections that nothing is sent over any more."""
        before = time.monotonic() - _CONNECT_SECONDS  # one that was made just now is about to be used
        for one in [one for one in self._outgoing.values() if one.since < before and not in_use(one.key)]:
            one.end()

    def shut_out(self, in_use: Callable[[Hashable], bool]) -> None:
        """End the connections of those who may not send any more; ours to them, unless they are in use."""
        for connection in tuple(self.connections):
            outward = isinstance(connection, Connection) and connection.outward
            if not self.gate.may(connection.host) and not (outward and in_use(connection.key)):
                connection.abort()

    def make_room(self) -> bool:
        """When all places are taken, whoever has been silent for longest gives up its own. False: all have spoken."""
        if self.open < limits.OSC_CONNECTIONS:
            return True
        silent = min((one for one in self.connections if one.silent), key=lambda one: one.since, default=None)
        if silent is None:
            return False
        self.turned_away += 1
        self.connections.discard(silent)
        silent.abort()
        return True

    async def __aenter__(self) -> Self:
        self._sockets = listen(self._host, self._udp.port, "--osc-port")
        loop = asyncio.get_running_loop()
        for made in self._sockets:
            self._servers.append(await loop.create_server(lambda: _First(self), sock=made))
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for connection in tuple(self.connections):
            connection.abort()
        self._servers.clear()
        self._sockets.clear()


class _First(asyncio.Protocol):
    """A connection that has said nothing yet."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._transport: asyncio.Transport | None = None
        self.since = time.monotonic()
        self.silent = True
        self.host = ""

    @property
    def key(self) -> Hashable:
        return ("tcp", id(self))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if not peer or not self._streams.gate.lets(peer[0], "TCP") or not self._streams.make_room():
            self._streams.turned_away += 1
            self._transport.abort()
        else:
            self.host = plain(peer[0])
            keep_alive(transport.get_extra_info("socket"))
            self._streams.connections.add(self)

    def data_received(self, data: bytes) -> None:
        transport, streams = self._transport, self._streams
        if transport is None or self not in streams.connections:
            return
        streams.connections.discard(self)
        if is_osc(data[0]):
            _pass_on(transport, Connection(streams), data)
        elif data[0] in _LETTERS:
            _pass_on(transport, streams.web.connection(), _with_path(data))
        else:
            streams.turned_away += 1
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.connections.discard(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _pass_on(transport: asyncio.Transport, protocol: asyncio.Protocol, data: bytes) -> None:
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    protocol.data_received(data)


def _with_path(data: bytes) -> bytes:
    """Some clients leave out the path of an address that has none: GET ?HOST_INFO."""
    for start in (b"GET ?", b"HEAD ?"):
        if data.startswith(start):
            return data.replace(b" ?", b" /?", 1)
    return data.replace(b"GET  HTTP/", b"GET / HTTP/", 1) if data.startswith(b"GET  HTTP/") else data


class Connection(asyncio.Protocol):
    """One sender over TCP; also the peer that answers go to. `outward`: we called, and only send."""

    def __init__(self, streams: Streams, *, outward: bool = False) -> None:
        self.outward = outward
        self.silent = not outward  # no whole packet has come yet
        self.since = time.monotonic()
        self._streams = streams
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._waiters: list[asyncio.Future[None]] = []
        self._waiting: deque[bytes] = deque()  # packets that came and are not looked at yet
        self._name = ""

    # --- as a peer -------------------------------------------------------------------------------

    def peer(self, sender: Any) -> Peer:
        return self

    @property
    def key(self) -> Hashable:
        return ("tcp", id(self))

    @property
    def host(self) -> str:
        return plain(self._name.rpartition(":")[0])

    @property
    def name(self) -> str:
        return self._name

    @property
    def most(self) -> int:
        return limits.OSC_STREAM_BYTES

    @property
    def told_when_gone(self) -> bool:
        return True

    @property
    def ready(self) -> bool:
        return not self._paused and self.open

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, packet: bytes) -> None:
        """What waits for somebody who does not read is bounded; then the connection ends."""
        transport = self._transport
        if transport is None or transport.is_closing():
            self._streams.sent.unsent += 1
            return
        if transport.get_write_buffer_size() > limits.REPLY_BYTES:
            self._streams.sent.unsent += 1
            transport.abort()
            return
        transport.write(self._framing.wrap(packet))
        self._streams.sent.sent += 1

    async def room(self) -> None:
        while self._paused and self._transport is not None and not self._transport.is_closing():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def end(self) -> None:
        """Hang up once all has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()

    # --- what the transport calls ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_ROOM_BYTES)
        self._name = peer_of(transport)
        keep_alive(transport.get_extra_info("socket"))
        self._streams.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self.outward:
            return  # a receiver is sent to; it was never asked whether it may send
        try:
            packets, flaws = self._framing.feed(data)
        except BridgeError as error:
            refuse(self, "", "", error)
            self.abort()
            return
        for flaw in flaws:
            self._streams.sent.errors += 1
            refuse(self, "", "", flaw)
        if packets:
            self.silent = False
        if not self._waiting and packets:
            self._waiting.extend(packets)
            self._look()
        else:
            self._waiting.extend(packets)

    def _look(self) -> None:
        """At what came; if it takes long the rest waits, and nothing more is read meanwhile."""
        transport, waiting = self._transport, self._waiting
        if self._streams.receiver.begin():
            self._take(waiting)
        if transport is None or transport.is_closing():
            waiting.clear()
        elif waiting:
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._look)
        else:
            transport.resume_reading()

    def _take(self, waiting: deque[bytes]) -> None:
        """As many as the time of this turn is enough for."""
        receiver = self._streams.receiver
        packets = slow = 0
        while waiting and packets < _AT_ONCE:
            packets += 1
            packet = waiting.popleft()
            if not receiver.take(packet, None, self):
                slow += 1
                if not receiver.read(packet, None, self):
                    break
        receiver.end(packets, packets - slow)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._release()
        self._streams.drained(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.connections.discard(self)
        self._release()
        self._streams.gone(self)

    def _release(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
