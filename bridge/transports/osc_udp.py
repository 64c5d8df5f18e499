"""OSC as datagrams. Our own sockets: all that waits is read in one turn of the loop, within a bound, and only then do
the newest values go to the models. Where the loop can't tell us that a socket is readable (Windows), asyncio reads.
"""

import asyncio
import os
import socket
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NamedTuple, Self

from bridge import limits
from bridge.errors import Forbidden, InputError, PortTaken
from bridge.osc.places import Place
from bridge.transports.listen import listen, receive
from bridge.transports.networks import plain
from bridge.transports.osc_gate import Gate
from bridge.transports.osc_peers import Counts, Peer
from bridge.transports.osc_receiver import Receiver
from bridge.transports.security import is_loopback

_AT_ONCE = 512  # datagrams, then others have their turn
_READ = 65_536
_TRIES = 16
_TOGETHER = 0.002  # asyncio gives one datagram in a turn of the loop; so many seconds of them are looked at together
Where = tuple[Any, ...]  # as the system has it: host, port, and for IPv6 two more


class Datagrams:
    """The way in over UDP. Use as `async with`; PortTaken when it can't start."""

    def __init__(self, host: str, port: int, gate: Gate, receiver: Receiver, counts: Counts) -> None:
        self.port = port
        self._host = host
        self._gate = gate
        self._receiver = receiver
        self._counts = counts
        self._inlets: list[UdpInlet] = []
        self._outward: dict[int, socket.socket] = {}  # by family, for receivers that ours, bound here, can't reach

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(f"osc.udp://{_shown(inlet.where)}" for inlet in self._inlets)

    @property
    def counts(self) -> dict[str, int]:
        return {**self._counts.described(), "refused": self._gate.refused, "lost": self.lost}

    @property
    def lost(self) -> int:
        """Datagrams that the system threw away because its buffer was full; 0 where it does not tell."""
        return sum(_lost(inlet.socket) for inlet in self._inlets)

    async def __aenter__(self) -> Self:
        for made in _free_pair(self._host) if self.port == 0 else receive(self._host, self.port, "--osc-port"):
            self.port = made.getsockname()[1]
            inlet = UdpInlet(made, self._gate, self._receiver, self._counts)
            self._inlets.append(inlet)
            await inlet.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for inlet in self._inlets:
            inlet.close()
        for made in self._outward.values():
            made.close()
        self._inlets.clear()
        self._outward.clear()

    async def where_is(self, place: Place, asked_by: Peer | None) -> Where:
        """Its address; Forbidden if nothing may be sent there. asked_by: for whom, None for the settings themselves."""
        where = await _resolved(place.host, place.port)
        address = plain(where[0])
        if asked_by is not None and address != asked_by.host:
            self._check_other(address, asked_by)
        if self._is_ours(address, place.port):
            hint = "name the port that your program listens on"
            raise InputError("that is this bridge itself", hint=hint, field="port")
        return where

    def _check_other(self, address: str, asked_by: Peer) -> None:
        """Somebody names a receiver that is not where it is itself."""
        if _is_here(address) and not is_loopback(asked_by.host):
            raise Forbidden(
                f"{asked_by.host} may not have outputs sent to programs on the bridge's machine",
                hint="subscribe from that program itself, or name it with --osc-send",
                field="host",
            )
        if not self._gate.may(address):
            raise Forbidden(
                f"nothing is sent to {address}: it may not send here either",
                hint=f"allow it with --osc-allow {address}, on the page, or subscribe from there",
                field="host",
            )

    def peer(self, where: Where) -> Peer:
        """Whoever is at that address."""
        return UdpPeer(self._way_to(where), where)

    def _is_ours(self, address: str, port: int) -> bool:
        return port == self.port and (is_loopback(address) or any(inlet.where[0] == address for inlet in self._inlets))

    def _way_to(self, where: Where) -> "Sender":
        family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        for inlet in self._inlets:
            here_only = is_loopback(inlet.where[0])
            if inlet.socket.family == family and (not here_only or is_loopback(where[0])):
                return inlet
        return _Outlet(self._outward_socket(family), self._counts)

    def _outward_socket(self, family: int) -> socket.socket:
        if family not in self._outward:
            made = self._outward[family] = socket.socket(family, socket.SOCK_DGRAM)
            made.setblocking(False)
        return self._outward[family]


class Sender:
    """Something that datagrams go out by."""

    def __init__(self, made: socket.socket, counts: Counts) -> None:
        self.socket = made
        self._counts = counts

    def send(self, packet: bytes, where: Where) -> None:
        """Send it, or count it as unsent: the system may have no room for it, or know no way."""
        try:
            self.socket.sendto(packet, where)
        except OSError:
            self._counts.unsent += 1
        else:
            self._counts.sent += 1


class _Outlet(Sender):
    """For receivers elsewhere, while we listen on this machine only."""


class UdpInlet(Sender):
    """One socket."""

    def __init__(self, made: socket.socket, gate: Gate, receiver: Receiver, counts: Counts) -> None:
        super().__init__(made, counts)
        self.where: Where = made.getsockname()
        self._gate = gate
        self._receiver = receiver
        self._transport: asyncio.DatagramTransport | None = None
        self._came: list[tuple[bytes, Where]] = []  # by way of asyncio, not looked at yet
        self._looked = -1.0
        self._reading = False

    async def open(self, *, by_asyncio: bool = False) -> None:
        """Listen from now on."""
        loop = asyncio.get_running_loop()
        try:
            if by_asyncio:
                raise NotImplementedError
            loop.add_reader(self.socket.fileno(), self._readable)
            self._reading = True
        except NotImplementedError:  # the loop of Windows
            self._transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(self), sock=self.socket)

    def close(self) -> None:
        """Listen no more. Idempotent."""
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self.socket.fileno())
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        else:
            self.socket.close()

    def peer(self, sender: Where) -> Peer:
        return UdpPeer(self, sender)

    def send(self, packet: bytes, where: Where) -> None:
        if self._transport is None:
            super().send(packet, where)
        else:
            self._transport.sendto(packet, where)
            self._counts.sent += 1

    def _readable(self) -> None:
        """Read what waits, as long as it is quick."""
        receiver = self._receiver
        read, take, lets = self.socket.recvfrom, receiver.take, self._gate.lets
        packets = slow = 0
        if not receiver.begin():
            return  # they wait in the system meanwhile
        try:
            for _ in range(_AT_ONCE):
                packet, sender = read(_READ)
                packets += 1
                if not lets(sender[0], "UDP"):
                    slow += 1
                elif not take(packet, sender, self):
                    slow += 1
                    if not receiver.read(packet, sender, self):
                        break
        except OSError:  # nothing more is there; or, on Windows, somebody we sent to has gone
            pass
        receiver.end(packets, packets - slow)

    # --- by way of asyncio -----------------------------------------------------------------------

    def came(self, packet: bytes, sender: Where) -> None:
        if not self._came:
            loop = asyncio.get_running_loop()
            loop.call_at(max(loop.time(), self._looked + _TOGETHER), self._look)
        if len(self._came) < _AT_ONCE:
            self._came.append((packet, sender))
        else:
            self._look()
            self.came(packet, sender)

    def _look(self) -> None:
        came, self._came = self._came, []
        self._looked = asyncio.get_running_loop().time()
        self._receiver.receive([one for one in came if self._gate.lets(one[1][0], "UDP")], self)


class _Listener(asyncio.DatagramProtocol):
    """asyncio's view of an inlet."""

    def __init__(self, inlet: UdpInlet) -> None:
        self._inlet = inlet

    def datagram_received(self, data: bytes, addr: Where) -> None:
        self._inlet.came(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Somebody we sent to has gone; or it was too large. Either way the next packet is another matter."""


class UdpPeer(NamedTuple):
    """An address, and the socket it is reached by."""

    way: Sender
    where: Where

    @property
    def key(self) -> Hashable:
        return ("udp", plain(self.where[0]), self.where[1])

    @property
    def host(self) -> str:
        return plain(self.where[0])

    @property
    def name(self) -> str:
        return f"{self.host}:{self.where[1]}"

    @property
    def most(self) -> int:
        return limits.OSC_DATAGRAM_BYTES

    @property
    def told_when_gone(self) -> bool:
        return is_loopback(self.host)  # the system says so then; another machine may be switched off without a word

    @property
    def ready(self) -> bool:
        return True

    def send(self, packet: bytes) -> None:
        self.way.send(packet, self.where)

    async def room(self) -> None:
        """Datagrams do not wait: the system takes them or does not."""


def _free_pair(host: str) -> list[socket.socket]:
    """Sockets on a port that TCP has free as well: OSC over TCP and OSCQuery are found under the same number."""
    for _ in range(_TRIES):
        found = receive(host, 0, "--osc-port")
        try:
            for made in listen(host, found[0].getsockname()[1], "--osc-port"):
                made.close()
            return found
        except PortTaken:
            for made in found:
                made.close()
    return receive(host, 0, "--osc-port")


async def _resolved(host: str, port: int) -> Where:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise InputError(f"there is no address for the host {host[:80]!r}", field="host") from None
    return min((entry[4] for entry in found), key=lambda where: ":" in str(where[0]))  # IPv4 first


def _is_here(address: str) -> bool:
    """Whether it can only mean this machine; 0.0.0.0 does, too."""
    return is_loopback(address) or address in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def _shown(where: Where) -> str:
    return f"[{where[0]}]:{where[1]}" if ":" in where[0] else f"{where[0]}:{where[1]}"


def _lost(made: socket.socket) -> int:
    """What Linux counts for each socket; elsewhere nobody does."""
    try:
        inode = str(os.fstat(made.fileno()).st_ino)
        for table in ("/proc/net/udp", "/proc/net/udp6"):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[9] == inode:
                    return int(fields[12])
    except (OSError, ValueError, IndexError):
        return 0
    return 0
