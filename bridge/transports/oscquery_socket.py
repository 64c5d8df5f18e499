"""OSCQuery's WebSocket: LISTEN and IGNORE as text, OSC as binary messages in both directions, and what became of paths.

A client that listens to an address is sent its value whenever it changes: what a model gives out as the newest of it, a
live input or a setting of the walk as it is set, whoever sets it.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from bridge import limits
from bridge.errors import BridgeError, Busy
from bridge.osc import codec
from bridge.osc.addresses import READ, Method, Node, place_of
from bridge.session.session import Session
from bridge.transports import websocket_codec
from bridge.transports.base import dump_json, load_json, peer_of
from bridge.transports.networks import plain
from bridge.transports.osc_peers import Counts, Peer, refuse
from bridge.transports.osc_receiver import Receiver
from bridge.transports.osc_subscribers import Options, Scope, Subscribers
from bridge.transports.websocket_link import Link, Upgraded

ValueOf = Callable[[Node], "list[Any] | None"]


class Listeners:
    """All WebSockets of one server."""

    def __init__(
        self,
        tree: Callable[[], Node],
        sessions: Mapping[str, Session],
        value_of: ValueOf,
        receiver: Receiver,
        subscribers: Subscribers,
        gone: Callable[[Peer], None],
        counts: Counts,
    ) -> None:
        self.tree = tree
        self.sessions = sessions
        self.value_of = value_of
        self.receiver = receiver
        self.subscribers = subscribers
        self.gone = gone
        self.counts = counts
        self._open: set[_Conversation] = set()
        self._tasks: set[asyncio.Task[Any]] = set()  # those that serve them
        self._overheard: dict[Session, Callable[[], None]] = {}
        self._changed: set[tuple[Session | None, str]] = set()  # below a session, or as it was told
        self._soon: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._open)

    async def handle(self, request: web.BaseRequest, handshake: bytes) -> web.StreamResponse:
        """One connection, from the handshake to its end."""
        if len(self._open) >= limits.OSC_CONNECTIONS:
            raise Busy(f"{limits.OSC_CONNECTIONS} connections are open, as many as there may be", hint="close some")
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        link = Link(request.transport, request.protocol, limits.OSC_STREAM_BYTES)
        conversation = _Conversation(self, link, peer_of(request.transport))
        task = asyncio.current_task()
        assert task is not None
        self._open.add(conversation)
        self._tasks.add(task)
        link.open(conversation, handshake)
        try:
            await link.until_closed()
        finally:
            self._open.discard(conversation)
            self._tasks.discard(task)
        return Upgraded()

    def shut_out(self, may: Callable[[str], bool]) -> None:
        """Hang up on those who may not send any more."""
        for conversation in tuple(self._open):
            if not may(conversation.host):
                conversation.hang_up()

    async def close(self) -> None:
        """Say goodbye to all. Idempotent."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stop in self._overheard.values():
            stop()
        self._overheard.clear()
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    # --- what changes ----------------------------------------------------------------------------

    def tell(self, command: str, data: Any) -> None:
        """Of a path that came, went, or is called otherwise: to everybody."""
        for conversation in tuple(self._open):
            conversation.say(command, data)

    def renamed(self, names: Mapping[str, str]) -> None:
        """Sessions have other names, all of them at once: what is listened to goes along."""
        for conversation in tuple(self._open):
            conversation.renamed(names)

    def follow(self) -> None:
        """Hear what is sent to every session, and what it gives out, while there is somebody to tell."""
        there = set(self.sessions.values()) if self._open else set()
        for session in [session for session in self._overheard if session not in there]:
            self._overheard.pop(session)()
        for session in there - self._overheard.keys():
            self._overheard[session] = session.overhear(partial(self._heard, session))
        for conversation in tuple(self._open):
            conversation.follow()

    def changed(self, addresses: Iterable[str]) -> None:
        """Their values are others now. Told once the loop is through with what it does."""
        self._changed.update((None, address) for address in addresses)
        if self._changed and self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._tell_changes)

    def _heard(self, session: Session, inputs: Mapping[str, Any], by: object) -> None:
        self._changed.update((session, f"/{place_of(name)}") for name in inputs)
        self.changed(())

    def _tell_changes(self) -> None:
        self._soon = None
        tree = self.tree()  # first: sessions may be called otherwise by now
        changed, self._changed = self._changed, set()
        for session, path in changed:
            address = path if session is None else f"/{session.name}{path}"
            listening = [one for one in self._open if address in one.heard]
            node = tree.at(address) if listening else None
            values = self.value_of(node) if node is not None else None
            if values is not None:
                packet = codec.message(address, values)
                for conversation in listening:
                    conversation.offer(address, packet)


class _Conversation:
    """One client; also the peer that answers and outputs go to."""

    def __init__(self, listeners: Listeners, link: Link, name: str) -> None:
        self.heard: dict[str, Scope | None] = {}  # of outputs what was subscribed to
        self.queued = False  # for the link: we are a source of frames
        self.eager = True
        self._listeners = listeners
        self._link = link
        self._name = name
        self._offered: dict[str, bytes] = {}  # the newest of each address, until the client can take it

    # --- as a peer -------------------------------------------------------------------------------

    def peer(self, sender: Any) -> Peer:
        return self

    @property
    def key(self) -> Hashable:
        return ("ws", id(self))

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
        return not self._link.waiting

    def send(self, packet: bytes) -> None:
        self._link.say(websocket_codec.BINARY, [packet])
        self._listeners.counts.sent += 1

    async def room(self) -> None:
        await self._link.room()

    # --- as a source of frames -------------------------------------------------------------------

    def offer(self, address: str, packet: bytes) -> None:
        """A value that changed; only the newest of each address waits."""
        self._offered[address] = packet
        self._link.ready(self)

    def next(self) -> list[bytes] | None:
        if not self._offered:
            return None
        packet = self._offered.pop(next(iter(self._offered)))
        self._listeners.counts.sent += 1
        return [websocket_codec.frame_head(websocket_codec.BINARY, len(packet)), packet]

    # --- what the link calls ---------------------------------------------------------------------

    def received(self, opcode: int, data: bytes, oversized: int) -> None:
        if oversized:
            self._link.close(websocket_codec.TOO_BIG, f"up to {limits.OSC_STREAM_BYTES} bytes are taken")
        elif opcode == websocket_codec.BINARY:
            self._listeners.receiver.receive([(data, None)], self)
        else:
            self._command(data)

    def lost(self) -> None:
        self._listeners.gone(self)

    def hang_up(self) -> None:
        self._link.close(websocket_codec.POLICY, "this address may not send any more")

    # --- commands --------------------------------------------------------------------------------

    def say(self, command: str, data: Any) -> None:
        self._link.say(websocket_codec.TEXT, [dump_json({"COMMAND": command, "DATA": data})])

    def renamed(self, names: Mapping[str, str]) -> None:
        self.heard = {_renamed(address, names): scope for address, scope in self.heard.items()}
        for address in [one for one in self._offered if _renamed(one, names) != one]:
            del self._offered[address]
            self._listeners.changed([_renamed(address, names)])

    def _command(self, data: bytes) -> None:
        """What is no command we know is passed over, as clients expect it."""
        try:
            asked = load_json(data)
        except BridgeError:
            return
        if not isinstance(asked, dict) or not isinstance(asked.get("DATA"), str):
            return
        if asked.get("COMMAND") == "LISTEN":
            self._listen(asked["DATA"])
        elif asked.get("COMMAND") == "IGNORE":
            self._ignore(asked["DATA"])

    def _listen(self, address: str) -> None:
        node = self._listeners.tree().at(address)
        if node is None or node.method is None or not node.method.access & READ or address in self.heard:
            return
        try:
            self._check_room()
            self.heard[address] = self._followed(node, node.method)
        except BridgeError as error:
            refuse(self, address, "", error)
            return
        if node.method.kind != "out":
            self._listeners.follow()
            self._listeners.changed([address])

    def _check_room(self) -> None:
        if len(self.heard) >= limits.OSC_LISTENS:
            said = f"{limits.OSC_LISTENS} addresses are listened to, as many as one client may"
            raise Busy(said, hint="IGNORE some of them")

    def _followed(self, node: Node, method: Method) -> Scope | None:
        """An output is subscribed to; the others are heard as they are set."""
        if method.kind != "out":
            return None
        scope = Scope(self._listeners.sessions[node.session], method.name)
        self._listeners.subscribers.add(self, scope, Options(policy="newest"))
        return scope

    def follow(self) -> None:
        """Another session is in the place of one that was closed or has failed: its outputs are heard on."""
        for address, scope in tuple(self.heard.items()):
            now = self._listeners.sessions.get(address.split("/")[1])
            if scope is None or now is None or now is scope.session:
                continue
            node = self._listeners.tree().at(address)  # None: it loads, or takes and gives something else
            if node is None or node.method is None:
                continue
            try:
                self.heard[address] = self._followed(node, node.method)
            except BridgeError as error:
                del self.heard[address]
                refuse(self, address, "", error)

    def _ignore(self, address: str) -> None:
        scope = self.heard.pop(address, None)
        if scope is not None:
            self._listeners.subscribers.remove(self.key, scope)


def _renamed(address: str, names: Mapping[str, str]) -> str:
    """The same place, as it is called now."""
    _, first, *rest = address.split("/")
    return "/".join(("", names.get(first, first), *rest))
