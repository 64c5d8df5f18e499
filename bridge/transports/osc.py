"""OSC: everything its two ways in share. UDP and TCP open, and may fail, each on its own; see server.py.

osc_udp, osc_tcp    sockets           osc_receiver    packets to sessions       osc_subscribers    outputs to peers
osc_gate            who may           osc_actions     runs, walks, sessions     oscquery           the tree over HTTP
"""

import asyncio
import logging
import socket
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import msgspec

from bridge import limits
from bridge.config import Settings
from bridge.errors import BridgeError, InputError, SettingError
from bridge.hub import Hub
from bridge.osc.addresses import Node
from bridge.osc.places import Place, read
from bridge.osc.query import Host
from bridge.osc.renames import news
from bridge.session.fanout import EventReader
from bridge.session.outputs import Event
from bridge.session.session import Session
from bridge.signature import Signature
from bridge.transports.osc_actions import Actions
from bridge.transports.osc_gate import Gate, Keep
from bridge.transports.osc_peers import Counts, Peer
from bridge.transports.osc_probes import Probes
from bridge.transports.osc_receiver import Controls, Receiver
from bridge.transports.osc_space import Space
from bridge.transports.osc_subscribers import Options, Scope, Subscribers
from bridge.transports.osc_tcp import Streams
from bridge.transports.osc_udp import Datagrams, UdpPeer
from bridge.transports.oscquery import OscQuery
from bridge.transports.oscquery_socket import Listeners
from bridge.transports.security import Security, is_loopback
from bridge.walking import Walks

_HAPPENINGS = frozenset({"session_opened", "session_closed", "session_renamed", "state", "walk"})
_NO_TOKEN = "-"  # noqa: S105 - OSCQuery asks for none: whoever may send OSC may look
_log = logging.getLogger(__name__)


class _Known(NamedTuple):
    """What was told of a session."""

    name: str
    signature: Signature | None


class Osc:
    """OSC and OSCQuery of one bridge. Use as `async with`; then enter datagrams and streams, each on its own."""

    def __init__(
        self,
        hub: Hub,
        walks: Walks,
        controls: Controls,
        settings: Settings,
        saved: Any,
        keep: Keep,
        http_port: int,
    ) -> None:
        """SettingError if the settings can't be used. `saved`: what keep() was given before the last start."""
        host = settings.osc_host or settings.host
        # With a token on a bridge for this machine alone everybody shows it, and OSC has no place for one.
        shared = bool(settings.token) and is_loopback(settings.host)
        self.gate = Gate(settings.osc_allow, hub.events, keep, not shared, self._shut_out)
        self.gate.restore(saved)
        self._hub = hub
        self._walks = walks
        self._fixed = tuple(map(_receiver, settings.osc_send))
        self._missing: set[Place] = set()  # of those, who is not there
        self._http = (settings.host, http_port)
        self._counts = Counts()
        self._space = Space(hub)
        self.subscribers = Subscribers(hub.sessions.values, self._counts, self._address_of)
        self._actions = Actions(hub, walks, self.subscribers, self, self._address_of)
        self._receiver = Receiver(self._space, self._actions, controls, self._counts)
        self.datagrams = Datagrams(host, settings.osc_port, self.gate, self._receiver, self._counts)
        self._listeners = Listeners(
            self._tree,
            hub.sessions,
            self._actions.value_at,
            self._receiver,
            self.subscribers,
            self._actions.gone,
            self._counts,
        )
        self._query = OscQuery(self._space.fresh, self._actions, self._host, _security(settings, host), self._listeners)
        self.streams = Streams(
            host,
            self.datagrams,
            self.gate,
            self._receiver,
            self._counts,
            self._query,
            lambda peer: self.subscribers.resume(peer.key),
            self._actions.gone,
        )
        self._probes: Probes[UdpPeer] = Probes(self._nobody_at, self._somebody_at)
        self._known: dict[Session, _Known] = {}  # those that have addresses
        self._followed = -1  # the tree that was followed the last time
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        events = self._hub.events.subscribe(_HAPPENINGS)
        self._tasks = [
            asyncio.create_task(self._watch(events), name="osc follows sessions"),
            asyncio.create_task(self._probe(), name="osc looks for its subscribers"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._query.close()
        await self._actions.close()
        self.subscribers.close()
        self._receiver.close()
        self._probes.close()

    async def start_sending(self) -> None:
        """To the receivers of the settings. Call it once the ways in are open."""
        for place in self._fixed:
            await self._send_to(place)

    async def _send_to(self, place: Place) -> None:
        """If it can't be now, it is tried again later, without a word more."""
        try:
            peer = await self.peer_at(place, None)
            if not self.subscribers.has(peer.key):
                self.subscribers.add(peer, Scope(), Options(), fixed=True)
            self._missing.discard(place)
        except BridgeError as error:
            if place not in self._missing:
                self._missing.add(place)
                _log.warning("nothing is sent to %s for now: %s", place, error.message)

    async def peer_at(self, place: Place, asked_by: Peer | None) -> Peer:
        """Whoever listens there. asked_by: for whom, None for the settings themselves."""
        where = await self.datagrams.where_is(place, asked_by)
        return await self.streams.peer(*where[:2]) if place.tcp else self.datagrams.peer(where)

    def described(self) -> dict[str, Any]:
        """How it is doing, as JSON."""
        return {
            "addresses": [*self.datagrams.addresses, *self.streams.addresses],
            "allowed": self.gate.entries,
            "knocking": self.gate.knocking(),
            "subscribers": self.subscribers.described(),
            "counts": self.datagrams.counts,
        }

    # --- sessions come, go, and are called otherwise ---------------------------------------------

    async def _watch(self, events: EventReader) -> None:
        async with events as happening:
            self._follow()
            async for event in happening:
                try:
                    self._happened(event)
                except Exception:  # a mistake of ours; the next event is another matter
                    _log.exception("OSC could not follow %s of %s", event.kind, event.session)

    def _happened(self, event: Event) -> None:
        if event.kind == "walk":
            named = event.data.get("set", ())
            self._listeners.changed(f"/{event.session}/walk/{name}" for name in named)
            return
        self._follow()

    def _follow(self) -> None:
        """What is there now against what was there the last time: nothing is missed, whatever events were dropped."""
        if self._receiver.begin():  # there may be some that waited for a model
            self._receiver.end(0, 0)
        self._space.fresh()
        self._followed = self._space.version
        sessions = self._hub.sessions.values()
        now = {
            session: _Known(session.name, session.signature) for session in sessions if session.signature is not None
        }
        before, self._known = self._known, now
        for session in before.keys() - now.keys():
            self._listeners.tell("PATH_REMOVED", f"/{before[session].name}")
        self._tell_renamed(before, now)
        for session, known in now.items():
            self._tell_difference(before.get(session), known)
        self.subscribers.follow()
        self._listeners.follow()

    def _tell_renamed(self, before: "dict[Session, _Known]", now: "dict[Session, _Known]") -> None:
        """All that happened since the last time, as if at once: one may have the name that another one had."""
        both = before.keys() & now.keys()
        names = {before[one].name: now[one].name for one in both if before[one].name != now[one].name}
        if names:
            self._listeners.renamed(names)
            for command, data in news(names):
                self._listeners.tell(command, data)

    def _tell_difference(self, before: "_Known | None", now: "_Known") -> None:
        if before is None:
            self._listeners.tell("PATH_ADDED", f"/{now.name}")
        elif before.signature is not now.signature and before.signature != now.signature:
            self._listeners.tell("PATH_CHANGED", f"/{now.name}")

    def _tree(self) -> Node:
        """As it is now, and everybody knows how it came to be so."""
        self._space.fresh()
        if self._space.version != self._followed:
            self._follow()
        return self._space.root

    # --- subscribers -----------------------------------------------------------------------------

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(limits.OSC_PROBE_SECONDS)
            self.look_for_subscribers()
            await self.start_sending()

    def look_for_subscribers(self) -> None:
        """Is anybody left at their ports? It takes two looks to notice that nobody is."""
        self.subscribers.expire(self.gate.heard(), asyncio.get_running_loop().time())
        peers = [peer for peer, _ in self.subscribers.peers()]
        self._probes.look({peer: peer.where for peer in peers if isinstance(peer, UdpPeer)})
        self.streams.end_unused(self.subscribers.has)

    def _shut_out(self) -> None:
        """Somebody may not send any more: connections end, and what was asked for, now or for later."""
        self._receiver.shut_out(self.gate.may)
        self._actions.shut_out(self.gate.may)
        self._query.shut_out(self.gate.may)
        self.streams.shut_out(self.subscribers.has)

    def _nobody_at(self, peer: Peer) -> None:
        fixed = any(one.key == peer.key and is_fixed for one, is_fixed in self.subscribers.peers())
        if fixed:
            self.subscribers.sleep(peer.key, asleep=True)
        else:
            _log.info("nobody is left at %s: its subscriptions have ended", peer.name)
            self.subscribers.gone(peer.key)

    def _somebody_at(self, peer: Peer) -> None:
        self.subscribers.sleep(peer.key, asleep=False)

    def _address_of(self, peer: Peer | None, session: str, file: str) -> str:
        """Where this peer can fetch a picture, seen from where it is."""
        host, number = self._http
        shown = _reached_from(peer) if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
        shown = f"[{shown}]" if ":" in shown else shown
        return f"http://{shown}:{number}/api/sessions/{quote(session)}/outputs/{quote(file)}"

    def _host(self) -> Host:
        port = self.streams.port
        udp = bool(self.datagrams.addresses)
        return Host(f"Sketchbridge on {socket.gethostname()}", port, udp)


def _security(settings: Settings, host: str) -> Security:
    """The rules of Host and Origin for where OSCQuery listens. Tokens are not asked for: addresses are let in."""
    return Security(msgspec.structs.replace(settings, host=host, token=_NO_TOKEN))


def _receiver(entry: str) -> Place:
    hint = "such as 127.0.0.1:12000, or osc.tcp://127.0.0.1:12000"
    try:
        place = read(entry)
    except InputError as error:
        raise SettingError(f"osc_send: {error.message}", hint=hint, field="osc_send") from None
    if not place.host or not place.port:
        raise SettingError(f"osc_send takes HOST:PORT, not {entry[:80]!r}", hint=hint, field="osc_send")
    return place


def _reached_from(peer: Peer | None) -> str:
    """Our address on the way to that peer."""
    if peer is None or is_loopback(peer.host):
        return "127.0.0.1"
    if not isinstance(peer, UdpPeer):
        return socket.gethostname()
    family = socket.AF_INET6 if ":" in peer.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as made:
        try:
            made.connect(peer.where)  # nothing is sent by that
            return str(made.getsockname()[0])
        except OSError:
            return socket.gethostname()
