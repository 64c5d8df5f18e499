"""What an OSC address does that is no live input: runs, subscriptions, the walk's verbs, opening and closing."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bridge.errors import Busy, InputError, MissingInput
from bridge.hub import Hub
from bridge.osc.addresses import Node
from bridge.osc.places import Place, port_of, read
from bridge.osc.values import BINARY, setting, told
from bridge.session.session import Session
from bridge.transports.osc_peers import Peer, refuse, reply
from bridge.transports.osc_runs import Runs
from bridge.transports.osc_subscribers import AddressOf, Scope, Subscribers, file_of, options
from bridge.transports.osc_walks import EarlyWalks
from bridge.walking import Walks
from bridge.walks import verbs

if TYPE_CHECKING:
    from bridge.walks.player import Player

Handler = Callable[["Actions", Node, Session | None, list[Any], Peer], None]


class Targets(Protocol):
    """Finds the peer behind an address that somebody names."""

    async def peer_at(self, place: Place, asked_by: Peer) -> Peer:
        """InputError if there is none such, Forbidden if nothing may be sent there."""


class Actions:
    """Everything but live inputs. close() ends what is under way."""

    def __init__(
        self, hub: Hub, walks: Walks, subscribers: Subscribers, targets: Targets, address_of: AddressOf
    ) -> None:
        self.runs = Runs()
        self._hub = hub
        self._walks = walks
        self._subscribers = subscribers
        self._targets = targets
        self._address_of = address_of
        self._early = EarlyWalks(walks)

    async def close(self) -> None:
        await self._early.close()
        await self.runs.close()

    def act(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        """Do what the address says; what is wrong with it is raised."""
        assert node.method is not None
        _HANDLERS[node.method.kind](self, node, session, arguments, peer)

    def gone(self, peer: Peer) -> None:
        """It has hung up."""
        self.runs.gone(peer.key)
        self._subscribers.gone(peer.key)

    def shut_out(self, may: Callable[[str], bool]) -> None:
        """Those who may not send any more get nothing, either."""
        self.runs.shut_out(may)
        self._early.shut_out(may)
        self._subscribers.shut_out(may)

    # --- runs ------------------------------------------------------------------------------------

    def _run(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        assert session is not None and node.method is not None
        stream = node.method.kind == "stream"
        self.runs.run(session, node.method.name, node.path, arguments, peer, stream)

    def _cancel(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        assert session is not None
        id = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        if id or not arguments or arguments[0]:  # not the 0 of a button that is let go
            self.runs.cancel(session, id)

    # --- the walk --------------------------------------------------------------------------------

    def tell_walk(self, session: Session, patch: dict[str, Any], peer: Peer) -> None:
        """At once if it walks; else when it does. What is wrong with it is raised, or told later."""
        player = self._walks.running(session)
        if player is None or self._early.waits(session):
            self._early.add(session, patch, peer)
        else:
            player.change(patch)

    def _verb(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        assert session is not None and node.method is not None
        name, argument = node.method.name, node.method.argument
        if argument:
            value: Any = {argument: setting(node.method.port, arguments, argument)}
        elif len(arguments) > 1:
            raise InputError(f"{name} takes one value; {len(arguments)} came", hint=verbs.VERBS[name].such, field=name)
        else:
            value = setting(None, arguments, name) if arguments else True
        self.tell_walk(session, {name: _pressed(name, value)}, peer)

    def _reset(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        assert session is not None
        if not arguments or arguments[0]:
            self._begin(partial(self._reset_walk, session), peer, node.path, "")

    async def _reset_walk(self, session: Session) -> None:
        await self._walks.reset(session)

    def value_at(self, node: Node) -> list[Any] | None:
        """What stands there now: a live input, a setting of the walk. None for what can't be shown."""
        session, method = self._hub.sessions.get(node.session), node.method
        if session is None or method is None or session.signature is None:
            return None
        if method.kind == "input":
            port = session.signature.default.inputs.get(method.name)
            return None if port is None else told(port, session.snapshot().get(method.name))
        player = self._walks.running(session)
        return _setting_of(player, method.name) if player is not None and method.kind == "setting" else None

    # --- outputs ---------------------------------------------------------------------------------

    def _last(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        """Who asks is told what was given out last."""
        self._begin(partial(self._tell_last, node, peer), peer, node.path, "")

    async def _tell_last(self, node: Node, peer: Peer) -> None:
        reply(peer, node.path, "", await self.last_of(node, peer) or ())

    async def last_of(self, node: Node, peer: Peer | None = None) -> list[Any] | None:
        """What a port gave out last: a picture as its address. NoOutputYet if it has not."""
        assert node.method is not None
        session, port = self._hub.get(node.session), node.method.port
        assert port is not None
        if port.kind in BINARY:
            return [self._address_of(peer, session.name, file_of(node.method.name, port))]
        frame = await session.last(node.method.name)
        return told(port, frame.value)

    # --- sessions --------------------------------------------------------------------------------

    def _sessions(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        states = [word for one in self._hub.sessions.values() for word in (one.name, one.state)]
        reply(peer, node.path, _text(arguments, 0), states)

    def _open(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        model, name, id = (_text(arguments, index) for index in range(3))
        if not model:
            raise MissingInput("/open takes a model and a name; no model came", hint="such as /open palette colours")
        self._begin(partial(self._opened, model, name, id, node.path, peer), peer, node.path, id)

    async def _opened(self, model: str, name: str, id: str, address: str, peer: Peer) -> None:
        # An id, never a path: a path is code that only this machine's user may name.
        (await self._hub.catalog.named(model)).check_told({})
        opened = await self._hub.open(model, name or None)
        reply(peer, address, id, (opened.name, opened.state))

    def _close(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        name, id = _text(arguments, 0), _text(arguments, 1)
        if not name:
            raise MissingInput("/close takes the name of a session; none came", hint="/sessions tells what is open")
        self._begin(partial(self._closed, name, id, node.path, peer), peer, node.path, id)

    async def _closed(self, name: str, id: str, address: str, peer: Peer) -> None:
        await self._hub.close_session(name)
        reply(peer, address, id, (name,))

    def _begin(self, doing: Callable[[], Any], peer: Peer, address: str, id: str) -> None:
        try:
            self.runs.check_room(peer)
        except Busy as error:
            refuse(peer, address, id, error)
            return
        self.runs.begin(doing(), peer, address, id)

    # --- subscriptions ---------------------------------------------------------------------------

    def _subscribe(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        place, given = _target(arguments)
        id, scope = given.pop("id", ""), _scope(node, session)
        wishes = options(given)

        def subscribe(target: Peer) -> tuple[Any, ...]:
            self._subscribers.add(target, scope, wishes, asked_by=peer.host)
            return (place.host or peer.host, place.port) if place.port else ()

        self._aim(subscribe, place, id, node.path, peer)

    def _unsubscribe(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        place, given = _target(arguments)
        id, scope = given.pop("id", ""), _scope(node, session)
        self._aim(lambda target: (self._subscribers.remove(target.key, scope),), place, id, node.path, peer)

    def _aim(self, doing: Callable[[Peer], tuple[Any, ...]], place: Place, id: str, address: str, peer: Peer) -> None:
        """Do it with the peer that is meant: the sender, or one that has to be found first. Then answer the sender."""
        if not place.port:
            try:
                reply(peer, address, id, doing(peer))
            except Exception as error:
                refuse(peer, address, id, error)
            return

        async def find() -> None:
            target = await self._targets.peer_at(place._replace(host=place.host or peer.host), peer)
            reply(peer, address, id, doing(target))

        self._begin(find, peer, address, id)


_HANDLERS: dict[str, Handler] = {
    "run": Actions._run,
    "stream": Actions._run,
    "cancel": Actions._cancel,
    "verb": Actions._verb,
    "reset": Actions._reset,
    "out": Actions._last,
    "sessions": Actions._sessions,
    "open": Actions._open,
    "close": Actions._close,
    "subscribe": Actions._subscribe,
    "unsubscribe": Actions._unsubscribe,
}


def _scope(node: Node, session: Session | None) -> Scope:
    assert node.method is not None
    return Scope(session, node.method.name)


def _target(arguments: Iterable[Any]) -> tuple[Place, dict[str, str]]:
    """Host, port and options, in any order that makes sense."""
    place, given = Place(), {}
    for argument in arguments:
        if isinstance(argument, str) and "=" in argument:
            key, _, value = argument.partition("=")
            given[key.strip()] = value.strip()
        elif isinstance(argument, str) and not argument.isdigit() and not place.host:
            place = read(argument, place.port)
        elif not place.port:
            place = place._replace(port=port_of(argument))
        else:
            hint = "it takes [host] [port] and options such as format=jpeg"
            raise InputError(f"{str(argument)[:40]!r} came as well", hint=hint)
    if place.host and not place.port:
        hint = "such as /subscribe 192.168.1.20 12000"
        raise MissingInput(f"a port of {place.host[:80]} did not come", hint=hint)
    return place, given


def _text(arguments: list[Any], index: int) -> str:
    """One of the arguments; a number is taken as its text."""
    value = arguments[index] if index < len(arguments) else ""
    if isinstance(value, (bytes, list)):
        raise InputError("a text was expected there, and something else came")
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _pressed(name: str, value: Any) -> Any:
    """A button sends 1 when it is pressed and 0 when it is let go; where a number says how far, it is that."""
    return bool(value) if isinstance(value, (int, float)) and not verbs.VERBS[name].takes else value


def _setting_of(player: "Player", name: str) -> list[Any] | None:
    settings = player.settings
    if name in settings.numbers:
        return [player.describe()["numbers"][name]]
    if name in player.handles.latent.directions:
        return [0.0]
    value = settings.plain().get(name)
    if value is None:
        return []
    if isinstance(value, bool):
        return [int(value)]
    return list(value) if isinstance(value, list) and all(isinstance(item, (int, float)) for item in value) else [value]
