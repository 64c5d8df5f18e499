"""Where OSC comes from and goes to, whatever carries it; what is said to such a peer, within what it can take."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, fields
from typing import Any, Protocol

from bridge import limits
from bridge.errors import TooLarge
from bridge.osc import codec
from bridge.session.guests import Guest
from bridge.transports.base import told

ANSWERS = frozenset(("/reply", "/done", "/error"))  # ours; what comes by such a name is an answer to somebody else


class Peer(Protocol):
    """One sender, or one receiver."""

    @property
    def key(self) -> Hashable:
        """Who it is: equal for everything that comes from there."""

    @property
    def host(self) -> str:
        """Its address, without a port."""

    @property
    def name(self) -> str:
        """Address and port, for people."""

    @property
    def most(self) -> int:
        """Bytes of the largest packet it can be sent."""

    @property
    def told_when_gone(self) -> bool:
        """Whether we come to know that nobody is there any more."""

    @property
    def ready(self) -> bool:
        """Whether a picture would go out now, and not wait behind older ones."""

    def send(self, packet: bytes) -> None:
        """Send it, or count it as unsent. Never raises, never waits."""

    async def room(self) -> None:
        """Until more can be sent without waiting for long."""


class Inlet(Protocol):
    """Something that packets come through."""

    def peer(self, sender: Any) -> Peer:
        """Whoever sent one of them."""


@dataclass(slots=True)
class Counts:
    """What happened to everything that came and went."""

    packets: int = 0  # that came
    messages: int = 0  # in them
    replaced: int = 0  # by a newer one for the same address, before the model could see it
    errors: int = 0  # messages that could not be used
    untold: int = 0  # of those, without an /error, because there were too many
    bundles: int = 0
    late: int = 0  # bundles that came after their time
    dropped: int = 0  # packets that held too much, from there on, or came while too many waited
    sent: int = 0
    unsent: int = 0  # the system would not take it, or it was too large

    def described(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Budget:
    """So many a second, and no more. Told the time."""

    def __init__(self, per_second: int) -> None:
        self._most = per_second
        self._left = float(per_second)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is within it."""
        self._left = min(self._most, self._left + (now - self._at) * self._most)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def guest(peer: Peer) -> Guest:
    """As sessions know those who use them."""
    return Guest("osc", peer.name)


def say(peer: Peer, address: str, *arguments: Any) -> None:
    """Send a message; TooLarge if this peer can't be sent so much at once."""
    packet = codec.message(address, arguments)
    if len(packet) > peer.most:
        raise TooLarge(
            f"{address} would be {len(packet)} bytes; {peer.most} fit",
            hint="ask over TCP, or over HTTP",
        )
    peer.send(packet)


def refuse(peer: Peer, address: str, id: str, error: BaseException) -> None:
    """Say what is wrong: /error with the address, the id of the request, a code, and words."""
    info = told(error)
    peer.send(codec.message("/error", (address[:256], id[:256], info.code, info.message, info.hint, info.field)))


def reply(peer: Peer, address: str, id: str, values: Iterable[Any] = ()) -> None:
    """Answer a request; TooLarge if the answer is."""
    say(peer, "/reply", address, id, *values)


def sendable(value: Any, peer: Peer) -> bool:
    """Whether bytes are few enough for this peer."""
    return len(value) <= min(peer.most, limits.OSC_BLOB_BYTES if peer.most <= limits.OSC_DATAGRAM_BYTES else peer.most)
