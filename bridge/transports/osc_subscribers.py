"""Who is sent what sessions give out: each at its own pace, the newest only where that is what matters.

A picture goes as its address, or as JPEG bytes where that was asked for. A subscriber over UDP can't hang up; so it is
looked now and then whether anybody is left at its port, and one on another machine has to be heard of again and again.
"""

import logging
from collections.abc import Callable, Container, Hashable, Iterable
from typing import Any, Literal, NamedTuple

from bridge import limits
from bridge.errors import BridgeError, Busy, Cancelled, InputError, TooLarge
from bridge.osc import codec
from bridge.osc.values import BINARY, text_of, told
from bridge.ports import AnyPort, Blob, Encoding, Port, Vector
from bridge.session.fanout import Subscription
from bridge.session.guests import speaking
from bridge.session.outputs import Frame
from bridge.session.session import Session
from bridge.transports.osc_peers import Counts, Peer, guest, refuse, sendable

_FORMATS = ("url", "jpeg", "png", "webp", "raw", "wav", "f32", "json", "bytes")
_log = logging.getLogger(__name__)
AddressOf = Callable[[Peer | None, str, str], str]  # peer, session, file: where the picture can be fetched
_ENDINGS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "wav": ".wav"}


class Options(NamedTuple):
    """How outputs are wanted."""

    format: str = ""
    quality: int = 0
    width: int = 0
    height: int = 0
    policy: Literal["", "newest", "all"] = ""
    about: bool = False  # before each: run, number in it, whether it is the last, milliseconds since its inputs came

    def encoding(self, port: AnyPort) -> Encoding | None:
        """Of the format that was asked for, if this port has it; pictures and sounds go as an address otherwise."""
        if self.format in ("", "url"):
            return None
        formats = port.item.formats if port.kind == "array" else port.formats  # type: ignore[union-attr]
        return Encoding(self.format, self.quality, self.width, self.height) if self.format in formats else None


def options(given: dict[str, str]) -> Options:
    """From key=value; InputError about the key that is wrong."""
    known = dict(given)
    about = known.pop("about", "0")
    if about not in ("0", "1"):
        raise InputError(f"about takes 0 or 1; {about[:40]!r} came", field="about")
    sizes = {name: _size(name, known.pop(name)) for name in ("quality", "width", "height") if name in known}
    format, policy = known.pop("format", ""), known.pop("policy", "")
    if format and format not in _FORMATS:
        raise InputError(f"format takes {', '.join(_FORMATS)}; {format[:40]!r} came", field="format")
    if policy not in ("", "newest", "all"):
        raise InputError(f"policy takes newest or all; {policy[:40]!r} came", field="policy")
    if known:
        hint = "there are format, quality, width, height, policy, about, id"
        raise InputError(f"there is no option {next(iter(known))[:40]!r}", hint=hint)
    return Options(format, policy=policy, about=about == "1", **sizes)  # type: ignore[arg-type]


def file_of(port: str, declared: Port) -> str:
    """The last output as a file over HTTP: image.jpg."""
    return port + _ENDINGS.get(declared.encoding(None, port).format, "")


class Scope(NamedTuple):
    """What is followed: everything, one session, or one port of it."""

    session: Session | None = None
    port: str = ""

    def covers(self, session: Session, port: str) -> bool:
        return self.session in (None, session) and self.port in ("", port)


class Subscriber:
    """One peer and one scope; `fixed` ones are of the settings, and are kept also while nobody is there."""

    def __init__(self, peer: Peer, scope: Scope, wishes: Options, fixed: bool, asked_by: str) -> None:
        self.peer = peer
        self.scope = scope
        self.wishes = wishes
        self.fixed = fixed
        self.asked_by = asked_by or peer.host  # whose wish it was
        self.heard: float | None = None  # when something came from there; None until it was looked
        self.asleep = False  # nobody is at its port
        self.readers: dict[tuple[Session, str], _Reader] = {}
        self.refused: set[tuple[Session, str]] = set()  # these can't be had as they were wished for
        self.told: set[tuple[Session, str]] = set()  # of these it was told that they did not go


class Subscribers:
    """All of them. Call follow() when sessions changed."""

    def __init__(self, sessions: Callable[[], Iterable[Session]], counts: Counts, address_of: AddressOf) -> None:
        self._sessions = sessions
        self._counts = counts
        self._address_of = address_of
        self._all: dict[tuple[Hashable, Session | None, str], Subscriber] = {}
        self._shared = _Shared()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, peer: Peer, scope: Scope, wishes: Options, *, fixed: bool = False, asked_by: str = "") -> None:
        """Send it what that covers, as it comes, in place of what it asked for the same before.

        If that can't be had, what it asked for before goes on. asked_by: whose wish it is, if it is another address's.
        """
        key = (peer.key, scope.session, scope.port)
        before = self._all.get(key)
        if before is None and len(self._all) >= limits.OSC_SUBSCRIBERS:
            said = f"{limits.OSC_SUBSCRIBERS} subscriptions are open, as many as there may be"
            raise Busy(said, hint="/unsubscribe some of them; those of OSCQuery (LISTEN) count, too")
        fixed = fixed or (before is not None and before.fixed)
        subscriber = Subscriber(peer, scope, wishes, fixed, asked_by)
        try:
            self._open(subscriber, strict=True)
        except BridgeError:
            self._end(subscriber)
            raise
        self._all[key] = subscriber
        self._end(before)

    def remove(self, key: Hashable, scope: Scope) -> int:
        """Send it no more of what that covers; how many subscriptions it was."""
        found = [
            known
            for known, one in self._all.items()
            if one.peer.key == key
            and scope.session in (None, one.scope.session)
            and scope.port in ("", one.scope.port)
            and not one.fixed
        ]
        for known in found:
            self._end(self._all.pop(known))
        return len(found)

    def gone(self, key: Hashable) -> None:
        """Nobody is left there."""
        for known in [known for known, one in self._all.items() if one.peer.key == key]:
            self._end(self._all.pop(known))

    def shut_out(self, may: Callable[[str], bool]) -> None:
        """End those of addresses that may not send any more: sent there, or asked for from there."""
        for known, one in list(self._all.items()):
            if not one.fixed and not (may(one.peer.host) and may(one.asked_by)):
                self._end(self._all.pop(known))

    def expire(self, heard: Container[str], now: float) -> None:
        """End those of which nothing was heard for too long, where nobody would tell us that they are gone."""
        for known, one in list(self._all.items()):
            if one.fixed or one.peer.told_when_gone:
                continue
            if one.heard is None or one.peer.host in heard or one.asked_by in heard:
                one.heard = now
            elif now - one.heard > limits.OSC_SUBSCRIPTION_SECONDS:
                self._end(self._all.pop(known))
                _log.info("nothing came from %s for too long: its subscription has ended", one.peer.name)
                refuse(one.peer, "/subscribe", "", _expired())

    def has(self, key: Hashable) -> bool:
        """Whether it is sent anything, or would be if it were there."""
        return any(one.peer.key == key for one in self._all.values())

    def peers(self) -> list[tuple[Peer, bool]]:
        """Each peer once, and whether it is one of the settings."""
        found = {one.peer.key: (one.peer, one.fixed) for one in self._all.values()}
        return list(found.values())

    def sleep(self, key: Hashable, asleep: bool) -> None:
        """Nobody is at the port of a peer of the settings, or somebody is again."""
        for one in self._all.values():
            if one.peer.key == key and one.asleep is not asleep:
                one.asleep = asleep
                if asleep:
                    self._end(one)
                else:
                    self._open(one)

    def follow(self) -> None:
        """Sessions came, went or changed."""
        there = set(self._sessions())
        for known, one in list(self._all.items()):
            if one.scope.session is not None and one.scope.session not in there:
                self._end(self._all.pop(known))
            elif not one.asleep:
                self._open(one)

    def resume(self, key: Hashable) -> None:
        """This peer can be sent more."""
        for one in self._all.values():
            if one.peer.key == key:
                for reader in tuple(one.readers.values()):
                    reader.push()

    def close(self) -> None:
        """End all. Idempotent."""
        for one in self._all.values():
            self._end(one)
        self._all.clear()

    def described(self) -> list[dict[str, Any]]:
        return [
            {
                "host": one.peer.host,
                "session": one.scope.session.name if one.scope.session is not None else "",
                "port": one.scope.port,
                "fixed": one.fixed,
                "asleep": one.asleep,
            }
            for one in self._all.values()
        ]

    def _open(self, one: Subscriber, *, strict: bool = False) -> None:
        for session in list(self._sessions()):
            if session.signature is None or session.state in ("closed", "failed"):
                continue
            for port, declared in session.signature.outputs.items():
                key = (session, port)
                if one.scope.covers(session, port) and key not in one.readers and key not in one.refused:
                    self._read(one, session, port, declared, strict=strict)

    def _read(self, one: Subscriber, session: Session, port: str, declared: AnyPort, *, strict: bool) -> None:
        reader = _Reader(one, session, port, declared, self)
        try:
            one.readers[session, port] = reader
            reader.open()
        except BridgeError as error:
            one.readers.pop((session, port), None)
            if strict and one.scope.port:
                raise
            one.refused.add((session, port))
            refuse(one.peer, f"/{session.name}/out/{port}", "", error)

    def _end(self, one: Subscriber | None) -> None:
        if one is not None:
            for reader in tuple(one.readers.values()):
                reader.close()
            one.readers.clear()
            one.refused.clear()
            one.told.clear()

    def packets(self, frame: Frame, declared: AnyPort, one: Subscriber, age_ms: float) -> list[bytes]:
        """One output as it goes to one subscriber. TooLarge if it can't."""
        address = f"/{frame.session}/out/{frame.port}"
        if isinstance(frame.value, Blob) and declared.kind in BINARY and one.wishes.encoding(declared) is None:
            packet = codec.message(address, [self._address_of(one.peer, frame.session, file_of(frame.port, declared))])
        else:
            packet = self._shared.packet(frame, declared, address)
        self._check(packet, frame, one.peer)
        if not one.wishes.about:
            return [packet]
        about = [frame.run, frame.sequence, frame.last, round(age_ms, 2)]
        return [codec.message(f"{address}/about", about), packet]

    @staticmethod
    def _check(packet: bytes, frame: Frame, peer: Peer) -> None:
        if len(packet) > peer.most or (isinstance(frame.value, Blob) and not sendable(packet, peer)):
            most = min(peer.most, limits.OSC_BLOB_BYTES)
            said = f"{frame.port} of {frame.session} is {len(packet)} bytes; {most} fit into one packet here"
            raise TooLarge(
                said, hint="ask for less with width=256 quality=70, or as url, or over TCP", field=frame.port
            )

    def failed(self, one: Subscriber, session: Session, port: str, error: BridgeError) -> None:
        """It can't be given out like that: told once, until the next picture that can."""
        self._counts.unsent += 1
        if (session, port) not in one.told:
            one.told.add((session, port))
            refuse(one.peer, f"/{session.name}/out/{port}", "", error)


class _Reader:
    """One port of one session for one subscriber."""

    __slots__ = ("_declared", "_one", "_owner", "_port", "_session", "_subscription")

    def __init__(self, one: Subscriber, session: Session, port: str, declared: AnyPort, owner: Subscribers) -> None:
        self._one = one
        self._session = session
        self._port = port
        self._declared = declared
        self._owner = owner
        self._subscription: Subscription | None = None

    def open(self) -> None:
        """Begin to follow; what is wrong with the wish is raised."""
        wishes = self._one.wishes
        policy = wishes.policy or ("all" if text_of(self._declared) else "newest")
        encoding = wishes.encoding(self._declared)
        if encoding is None and wishes.format == "" and isinstance(self._declared, Vector):
            encoding = Encoding("json")
        with speaking(guest(self._one.peer)):
            self._subscription = self._session.subscribe(self._port, policy, encoding, wake=self.push)
        self.push()

    def close(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def push(self) -> None:
        """Send what is there, as long as the peer can take it."""
        subscription = self._subscription
        while subscription is not None and self._one.peer.ready:
            try:
                frame = subscription.take()
            except BridgeError as error:
                self._over()
                refuse(self._one.peer, f"/{self._session.name}/out/{self._port}", "", error)
                return
            if frame is None:
                if subscription.ended:
                    self._over()
                return
            self._send(frame)

    def _send(self, frame: Frame) -> None:
        age_ms = (self._session.clock() - frame.time_in) * 1000
        try:
            packets = self._owner.packets(frame, self._declared, self._one, age_ms)
        except BridgeError as error:
            self._owner.failed(self._one, self._session, self._port, error)
            return
        self._one.told.discard((self._session, self._port))
        for packet in packets:
            self._one.peer.send(packet)

    def _over(self) -> None:
        self._subscription = None
        self._one.readers.pop((self._session, self._port), None)


class _Shared:
    """The bytes of the newest frame: subscribers are served one after the other, so one place is enough."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._packet = b""

    def packet(self, frame: Frame, declared: AnyPort, address: str) -> bytes:
        if frame is not self._frame:
            self._frame, self._packet = frame, _packet(frame, declared, address)
        return self._packet


def _expired() -> Cancelled:
    said = f"this subscription has ended: nothing came from here for {limits.OSC_SUBSCRIPTION_SECONDS / 60:.0f} minutes"
    return Cancelled(said, hint="/subscribe again now and then, or name this receiver with --osc-send")


def _packet(frame: Frame, declared: AnyPort, address: str) -> bytes:
    if isinstance(frame.value, Blob):
        return codec.message(address, [frame.value.data])
    values = told(declared, frame.value) or []
    if isinstance(declared, Vector):
        return codec.floats(address, values)
    return codec.message(address, values)


def _size(name: str, text: str) -> int:
    most = 100 if name == "quality" else limits.IMAGE_SIDE
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= most):
        raise InputError(f"{name} takes a whole number from 1 to {most}; {text[:40]!r} came", field=name)
    return int(text)
