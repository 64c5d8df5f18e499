"""What comes over OSC goes to its session. A message is read once for each form it has: the next that begins with the
same bytes is known, and costs one look-up.

What sets a value only takes its place: when all that came has been read, the newest of each address goes to its model,
in one step for each session. What does something is done in its turn, after what came before it. A packet that holds
much (bundles, patterns) is dealt with over several turns of the loop; meanwhile no other is begun, so order is kept.
"""

import asyncio
import logging
import math
import struct
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Protocol

from bridge import limits
from bridge.errors import BridgeError, Busy, InputError, ModelError, TooLarge
from bridge.osc import addresses, codec, values
from bridge.osc.addresses import Method, Node
from bridge.osc.times import Schedule, delay
from bridge.ports import Boolean, Category, Number, Port, Vector
from bridge.session.guests import speaking
from bridge.session.session import Session
from bridge.transports.osc_backlog import Backlog, Steps
from bridge.transports.osc_peers import ANSWERS, Budget, Counts, Inlet, Peer, guest, refuse, reply
from bridge.transports.osc_space import Space

_FLOAT32 = struct.Struct(">f")
_INT32 = struct.Struct(">i")
_SOON = 0.0005  # a bundle that is meant in less is meant for now
_DOES = frozenset(("run", "stream", "cancel", "subscribe", "unsubscribe"))
_log = logging.getLogger(__name__)
Decode = Callable[[Any], Any]


class Mapped(Protocol):
    """A control that moves an input or a setting of a walk."""

    @property
    def argument(self) -> int: ...

    @property
    def session(self) -> str: ...

    @property
    def input(self) -> str: ...

    def of(self, number: float) -> float:
        """What the input gets when the control sends this."""


class Controls(Protocol):
    """What was learned of controllers, which have addresses of their own."""

    def at(self, address: str) -> tuple[Mapped, ...]:
        """What an address moves."""

    def stray(self, address: str, numbers: tuple[float, ...]) -> None:
        """Nothing listens to this."""

    def moved(self, address: str, numbers: tuple[float, ...]) -> None:
        """This moves something, and may be learned for more."""


class Actions(Protocol):
    """What is done at once, or begun: everything that is no value."""

    def act(self, node: Node, session: Session | None, arguments: list[Any], peer: Peer) -> None:
        """Do it; what is wrong with it is raised."""

    def tell_walk(self, session: Session, patch: dict[str, Any], peer: Peer) -> None:
        """Settings for a walk, which may have to begin first."""

    def value_at(self, node: Node) -> list[Any] | None:
        """What stands at an address now."""


class _Came(NamedTuple):
    """The newest for one address, and who sent it."""

    decode: Decode
    data: Any
    sender: Any
    inlet: Inlet


class _Target:
    """One input or one setting of one session. `rivals` are those that it stands in for, or that stand in for it."""

    __slots__ = ("address", "came", "method", "rivals", "session")

    def __init__(self, session: Session, node: Node, method: Method) -> None:
        self.session = session
        self.address = node.path
        self.method = method
        self.came: _Came | None = None
        self.rivals: list[_Target] = []


class _Form(NamedTuple):
    """What is known of messages that begin with the same address and types."""

    decode: Decode
    length: int
    target: _Target


class _Waiting(NamedTuple):
    """A bundle until its time, or a message until there is something at its address."""

    packet: bytes
    sender: Any
    inlet: Inlet

    @property
    def host(self) -> str:
        return self.inlet.peer(self.sender).host


class _Given(NamedTuple):
    """One value of a step, and who is told if it can't be used."""

    value: Any
    address: str
    came: _Came


class Receiver:
    """Reads packets; nothing of it raises.

    Who can wait asks begin() before the first of some, tries take() and else read() with each, and calls end() after
    the last. Who can't leave them where they are calls receive().
    """

    def __init__(
        self,
        space: Space,
        actions: Actions,
        controls: Controls,
        counts: Counts,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.counts = counts
        self._controls = controls
        self._space = space
        self._version = space.version
        self._actions = actions
        self._wall = wall
        self._ones: dict[bytes, _Form] = {}  # with a single number of four bytes, so that nothing has to be looked for
        self._forms: dict[bytes, _Form] = {}
        self._targets: dict[str, _Target] = {}
        self._dirty: list[_Target] = []
        self._early: dict[Session, dict[object, _Waiting]] = {}  # for models that still load
        self._backlog = Backlog(self._refresh, self.flush)
        self._schedule: Schedule[_Waiting] = Schedule()
        self._timer: asyncio.TimerHandle | None = None
        self._falling = False  # what is due is being dealt with
        self._budget = Budget(limits.OSC_ERRORS_PER_SECOND)
        self._lines = Budget(1)

    def close(self) -> None:
        """Forget what waits. Idempotent."""
        self._backlog.close()
        self._schedule.clear()
        self._early.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def shut_out(self, may: Callable[[str], bool]) -> None:
        """What waits here for those who may not send any more is forgotten."""
        self._schedule.keep(lambda waiting: may(waiting.host))
        self._set_timer()
        for waiting in self._early.values():
            for key in [key for key, one in waiting.items() if not may(one.host)]:
                del waiting[key]
        self._backlog.shut_out(may)

    @property
    def scheduled(self) -> int:
        return len(self._schedule)

    @property
    def busy(self) -> bool:
        """In the middle of a packet that holds much."""
        return self._backlog.busy

    # --- packets ---------------------------------------------------------------------------------

    def begin(self) -> bool:
        """Packets will come: look at what is there for them. False: not in this turn, another has to be ended first."""
        if self._backlog.busy:
            return False
        self._backlog.begin_turn()
        self._refresh()
        if self._early:
            self._backlog.start(self._replayed())
        return not self._backlog.busy

    def take(self, packet: bytes, sender: Any, inlet: Inlet) -> bool:
        """One packet, if such a one was read before. If not, read() it."""
        form = self._ones.get(packet[:-4])
        if form is None:
            form = self._forms.get(codec.head_of(packet))
            if form is None or form.length != len(packet):
                return False
        target = form.target
        if target.came is None:
            self._begin_waiting(target)
        else:
            self.counts.replaced += 1
        target.came = _Came(form.decode, packet, sender, inlet)
        return True

    def read(self, packet: bytes, sender: Any, inlet: Inlet) -> bool:
        """One packet, the long way. False: the time of this turn is over, or more than over."""
        self._backlog.start(self._whole(packet, sender, inlet))
        return not self._backlog.over

    def end(self, packets: int, quick: int) -> None:
        """So many came, so many of them on the short way. What was set goes to the models now."""
        self.counts.packets += packets
        self.counts.messages += quick
        if not self._backlog.busy:  # else they go when it has been read to its end: in one step
            self.flush()

    def receive(self, came: Iterable[tuple[bytes, Any]], inlet: Inlet) -> None:
        """Packets, each with its sender, that can't be left where they are. They wait here, as far as there is room."""
        packets = quick = 0
        ready = began = not self._backlog.waiting and self.begin()
        for packet, sender in came:
            packets += 1
            if not ready:
                self._let_packet_wait(packet, sender, inlet)
            elif self.take(packet, sender, inlet):
                quick += 1
            else:
                ready = self.read(packet, sender, inlet)
        if began:
            self.end(packets, quick)
        else:
            self.counts.packets += packets

    def _let_packet_wait(self, packet: bytes, sender: Any, inlet: Inlet) -> None:
        if self._backlog.has_room(len(packet)):
            self._backlog.wait(self._whole(packet, sender, inlet), len(packet), inlet.peer(sender).host)
        else:
            self.counts.dropped += 1
            said = f"{limits.OSC_WAITING} packets, or {limits.OSC_WAITING_BYTES} bytes of them, wait already"
            self._refuse("", Busy(said, hint="send less at once"), sender, inlet)

    def _refresh(self) -> None:
        """Look at what is there now."""
        self._space.fresh()
        if self._space.version != self._version:
            self._version = self._space.version
            self._forget()

    def _forget(self) -> None:
        """Sessions have changed: what was known of addresses may be wrong."""
        self._ones.clear()
        self._forms.clear()
        self._targets.clear()

    def _begin_waiting(self, target: _Target) -> None:
        self._dirty.append(target)
        for rival in target.rivals:  # whichever came last counts
            if rival.came is not None:
                rival.came = None
                self.counts.replaced += 1

    def _whole(self, packet: bytes, sender: Any, inlet: Inlet, *, due: bool = False) -> Steps:
        """A packet and all that is in it, up to a bound; what comes after that is dropped."""
        steps = self._steps(packet, sender, inlet, 0, due=due)
        for count, whole in enumerate(steps):
            if count >= limits.OSC_STEPS:
                self.counts.dropped += 1
                said = f"a packet came that sets more than {limits.OSC_STEPS} values; the others were dropped"
                self._refuse("", TooLarge(said, hint="send less at once"), sender, inlet)
                return
            yield whole

    def _steps(self, packet: bytes, sender: Any, inlet: Inlet, depth: int, *, due: bool = False) -> Steps:
        try:
            if codec.is_bundle(packet):
                yield from self._bundle(packet, sender, inlet, depth, due)
            else:
                self.counts.messages += 1
                if not self.take(packet, sender, inlet):
                    yield from self._message(packet, sender, inlet)
        except Exception as error:
            self._refuse(codec.address_of(packet), error, sender, inlet)

    # --- bundles ---------------------------------------------------------------------------------

    def _bundle(self, packet: bytes, sender: Any, inlet: Inlet, depth: int, due: bool) -> Steps:
        bundle = codec.read_bundle(packet)
        if not due:
            self.counts.bundles += 1
            if depth >= limits.OSC_BUNDLE_DEPTH:
                raise TooLarge(f"bundles came in bundles, deeper than {limits.OSC_BUNDLE_DEPTH} levels")
            ahead = delay(bundle.time, self._wall())
            if ahead > _SOON:
                self._let_wait(_Waiting(packet, sender, inlet), ahead)
                return
            self.counts.late += ahead < -_SOON
        for inner in bundle.packets:
            yield from self._steps(inner, sender, inlet, depth + 1)
            yield False

    def _let_wait(self, bundle: _Waiting, ahead: float) -> None:
        now = asyncio.get_running_loop().time()
        self._schedule.add(now + ahead, bundle, len(bundle.packet))
        self._set_timer()

    def _set_timer(self) -> None:
        """For the next bundle that is due."""
        if self._falling:
            return
        due = self._schedule.next
        if self._timer is not None and (due is None or self._timer.when() > due):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._fall_due)

    def _fall_due(self) -> None:
        self._timer = None
        self._falling = True
        self._backlog.wait(self._due(), 0)  # no matter how many wait: these are bounded where they are

    def _due(self) -> Steps:
        """One at a time: whoever sends now has a turn between two of them."""
        now = asyncio.get_running_loop().time()
        came = self._schedule.take(now)
        if came is not None:
            yield from self._whole(*came, due=True)
        if (due := self._schedule.next) is not None and due <= now:
            self._backlog.wait(self._due(), 0)
        else:
            self._falling = False
            self._set_timer()

    # --- messages --------------------------------------------------------------------------------

    def _message(self, packet: bytes, sender: Any, inlet: Inlet) -> Steps:
        address, arguments = codec.read_message(packet)
        if address in ANSWERS:
            return
        version = self._space.version
        found = yield from self._space.find(address)
        if not found and not self._moved(address, arguments, sender, inlet):
            self._nowhere(address, arguments, packet, sender, inlet)
        if len(found) > 1:
            arguments = values.Arguments(arguments)
        for node in found:
            there = node if version == self._space.version else self._space.root.at(node.path)
            if there is None:  # its session went while it was not yet its turn
                continue
            try:
                self._deliver(there, arguments, sender, inlet)
            except Exception as error:
                self._refuse(there.path, error, sender, inlet, addresses.id_of(there.path, arguments))
            if len(found) > 1:
                yield False
        if len(found) == 1:
            self._remember(found[0], packet)

    def _deliver(self, node: Node, arguments: list[Any], sender: Any, inlet: Inlet) -> None:
        method = node.method
        assert method is not None
        if method.kind == "out" and arguments:
            raise InputError(f"{node.path} gives out; it takes nothing", hint="/subscribe sends it", field=method.name)
        if method.kind not in ("input", "setting"):
            self.flush()  # what came before this counts for it
            of_all = node.path.count("/") == 1  # /subscribe is, also where a session has that name
            session = None if of_all else self._space.sessions.get(node.session)
            self._actions.act(node, session, arguments, inlet.peer(sender))
        elif not arguments:  # who asks is told
            self.flush()
            reply(inlet.peer(sender), node.path, "", self._actions.value_at(node) or ())
        else:
            self._offer(self._target(node), _Came(_decode(method), arguments, sender, inlet))

    def _offer(self, target: _Target, came: _Came) -> None:
        if target.came is None:
            self._begin_waiting(target)
        else:
            self.counts.replaced += 1
        target.came = came

    def _target(self, node: Node) -> _Target:
        target = self._targets.get(node.path)
        if target is None:
            assert node.method is not None
            session = self._space.sessions[node.session]
            target = self._targets[node.path] = _Target(session, node, node.method)
            if node.method.kind == "input":
                self._set_rivals(target)
        return target

    def _set_rivals(self, target: _Target) -> None:
        """z and w are one place: a later z takes an earlier w back."""
        assert target.session.signature is not None
        for pair in target.session.signature.default.stand_ins:
            if target.method.name in pair:
                other = pair[1 - pair.index(target.method.name)]
                node = self._space.root.at(f"/{target.session.name}/{addresses.place_of(other)}")
                known = self._targets.get(node.path) if node is not None else None
                if known is not None:
                    known.rivals.append(target)
                    target.rivals.append(known)

    def _remember(self, node: Node, packet: bytes) -> None:
        """The form of this message, if the next one like it must be as long."""
        method, head = node.method, codec.head_of(packet)
        if method is None or method.kind not in ("input", "setting") or not head:
            return
        tags = head[head.index(b",") + 1 :].rstrip(b"\0").decode("ascii", "replace")
        size = codec.size_of(tags)
        if size <= 0 or len(head) + size != len(packet) or len(head) > limits.OSC_HEAD_BYTES:
            return
        if len(self._forms) >= limits.OSC_HEADS:
            self._ones.clear()
            self._forms.clear()
        form = _Form(_quick_decode(method, tags, len(head)), len(packet), self._target(node))
        self._forms[head] = form
        if size == 4:
            self._ones[head] = form

    def _moved(self, address: str, arguments: list[Any], sender: Any, inlet: Inlet) -> bool:
        """Whether that is the address of a controller which moves something here."""
        mapped = self._controls.at(address)
        for one in mapped:
            number = arguments[one.argument] if one.argument < len(arguments) else None
            place = one.input if one.input.startswith("walk/") else addresses.place_of(one.input)
            node = self._space.root.at(f"/{one.session}/{place}")
            if not isinstance(number, (int, float)) or not math.isfinite(number):
                continue
            if node is not None and node.method is not None:
                self._move(node, node.method, one.of(number), sender, inlet)
        if mapped:
            self._controls.moved(address, _numbers(arguments))
        return bool(mapped)

    def _move(self, node: Node, method: Method, value: float, sender: Any, inlet: Inlet) -> None:
        if method.kind in ("input", "setting"):
            port = method.port
            whole = isinstance(port, (Boolean, Category)) or (isinstance(port, Number) and port.whole)
            came = _Came(_decode(method), [round(value) if whole else value], sender, inlet)
            self._offer(self._target(node), came)

    def _nowhere(self, address: str, arguments: list[Any], packet: bytes, sender: Any, inlet: Inlet) -> None:
        """No such address: perhaps there will be, when its model has loaded."""
        name = address[1:].partition("/")[0]
        session = self._space.sessions.get(name)
        if session is None or session.signature is not None:
            signature = session.signature if session is not None else None
            error = partial(addresses.unknown, address, self._space.root, signature, tuple(self._space.sessions))
            self._controls.stray(address, _numbers(arguments))
            self._refuse(address, error, sender, inlet, addresses.id_of(address, arguments))
            return
        try:
            self._keep_early(session, _Waiting(packet, sender, inlet), address)
        except BridgeError as error:
            self._refuse(address, error, sender, inlet, addresses.id_of(address, arguments))

    # --- sessions whose model still loads --------------------------------------------------------

    def _keep_early(self, session: Session, came: _Waiting, address: str) -> None:
        """What sets a value waits by its address and types, so that only the newest does; a run by all it holds."""
        if session.state not in ("starting", "restarting"):
            raise session.error or ModelError(f"{session.name} is {session.state}", hint="start it again")
        waiting = self._early.setdefault(session, {})
        does = _DOES & set(address.split("/")[2:])
        key = (came.packet if does else codec.head_of(came.packet) or came.packet, came.inlet, came.sender)
        waiting.pop(key, None)
        held = sum(len(one.packet) for one in waiting.values())
        if len(waiting) >= limits.EARLY_INPUTS or held + len(came.packet) > limits.OSC_STREAM_BYTES:
            said = f"{session.name} is still loading, and too much waits for it"
            raise ModelError(said, hint="wait until it is ready")
        waiting[key] = came

    def _replayed(self) -> Steps:
        """For those that have loaded by now, or never will."""
        for session in list(self._early):
            if session.signature is None and session.state in ("starting", "restarting"):
                continue
            for came in self._early.pop(session).values():
                yield from self._whole(*came)
                yield True
        self.flush()

    # --- what was set goes to the models ---------------------------------------------------------

    def flush(self) -> None:
        """One step for each session, with the newest of every value."""
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, []
        inputs: dict[Session, dict[str, _Given]] = {}
        settings: dict[Session, dict[str, _Given]] = {}
        for target in dirty:
            came, target.came = target.came, None
            if came is not None:
                step = inputs if target.method.kind == "input" else settings
                self._gather(step.setdefault(target.session, {}), target, came)
        for session, given in inputs.items():
            self._hand_over(session.send, given)
        for session, given in settings.items():
            self._hand_over(partial(self._tell_walk, session, given), given)

    def _gather(self, step: dict[str, _Given], target: _Target, came: _Came) -> None:
        try:
            step[target.method.name] = _Given(came.decode(came.data), target.address, came)
        except Exception as error:
            self._refuse(target.address, error, came.sender, came.inlet)

    def _hand_over(self, give: Callable[[dict[str, Any]], object], step: dict[str, _Given]) -> None:
        """All together; if something is wrong with one of them, each for itself."""
        if not step:
            return
        came = next(iter(step.values())).came
        try:
            with speaking(guest(came.inlet.peer(came.sender))):
                give({name: given.value for name, given in step.items()})
        except Exception as error:
            if len(step) > 1:
                for name, given in step.items():
                    self._hand_over(give, {name: given})
            else:
                ((_, given),) = step.items()
                self._refuse(given.address, error, given.came.sender, given.came.inlet)

    def _tell_walk(self, session: Session, step: dict[str, _Given], patch: dict[str, Any]) -> None:
        came = next(iter(step.values())).came
        self._actions.tell_walk(session, patch, came.inlet.peer(came.sender))

    # --- what is wrong ---------------------------------------------------------------------------

    def _refuse(
        self, address: str, error: Exception | Callable[[], BridgeError], sender: Any, inlet: Inlet, id: str = ""
    ) -> None:
        """Tell the sender, unless too much is wrong at once."""
        self.counts.errors += 1
        now = asyncio.get_running_loop().time()
        if not self._budget.take(now):
            self.counts.untold += 1
            return
        peer, error = inlet.peer(sender), error if isinstance(error, Exception) else error()
        if self._lines.take(now) and isinstance(error, BridgeError):
            _log.warning("OSC from %s: %s", peer.host, error.message)
        refuse(peer, address, id, error)


def _numbers(arguments: list[Any]) -> tuple[float, ...]:
    """Those of a message, as whoever learns a control is told of them."""
    numbers = (float(value) for value in arguments if isinstance(value, (int, float)))
    return tuple(islice(numbers, limits.MAPPED_ARGUMENTS))


def _decode(method: Method) -> Decode:
    """From arguments to the value."""
    if method.kind == "setting":
        return lambda arguments: values.setting(method.port, arguments, method.name)
    assert method.port is not None
    port: Port = method.port
    return lambda arguments: values.given(port, arguments, method.name)


def _quick_decode(method: Method, tags: str, start: int) -> Decode:
    """From a packet of this form to the value."""
    port = method.port
    if isinstance(port, Number) and tags == "f":
        return lambda packet: values.nearest(port, _FLOAT32.unpack_from(packet, start)[0])
    if isinstance(port, Number) and tags == "i":
        return lambda packet: _INT32.unpack_from(packet, start)[0]
    if isinstance(port, Vector) and not tags.strip("f"):
        return lambda packet: values.swapped(packet[start:])
    decode = _decode(method)
    return lambda packet: decode(codec.read_message(packet).arguments)
