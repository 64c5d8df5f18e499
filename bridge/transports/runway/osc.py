"""Server A over OSC: one JSON text in every message. Answers go where the question came from, and to the port that old
sketches listen on."""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
from collections.abc import Callable, Collection, Iterable
from typing import Any, Self

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from bridge import limits
from bridge.errors import BadMessage, BridgeError, InputError, TooLarge
from bridge.ports.words import size
from bridge.transports.base import dump_json, load_object
from bridge.transports.osc_probes import Probes
from bridge.transports.runway.board import Board
from bridge.transports.runway.gate import Gate
from bridge.transports.runway.local import TAKES
from bridge.transports.runway.queries import Queries
from bridge.transports.runway.site import error_body

Address = tuple[str, int]
LISTENS = 57200  # where old sketches expect answers, whatever port they send from
_DISCONNECT = "/server/disconnect"
_CONNECT = "/server/connect"
_ALIVE = "/server/alive"  # asks for nothing; some of these tools can't read an empty bundle
_OURS = frozenset(("/data", "/error", "/info", _ALIVE))
_HINT = "there are /server/connect, /server/disconnect and /query with one JSON text"
_log = logging.getLogger(__name__)


class Osc(asyncio.DatagramProtocol):
    """One session on one UDP socket. Use as `async with`."""

    def __init__(self, board: Board, gate: Gate, listening: socket.socket, targets: Iterable[Address] = ()) -> None:
        self._board = board
        self._gate = gate
        self._socket = listening
        self._targets = tuple(targets)
        self._subscribers: dict[Address, tuple[Address, ...]] = {}  # by where it asked from: where it is answered
        self._queries: dict[Address, Queries] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._leave: Callable[[], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._too_large = False  # told already
        self._refused: set[str] = set()
        self._empty: set[Address] = set()  # ports of subscribers where nobody is
        self._probes: Probes[Address] = Probes(self._empty.add, self._empty.discard, message(_ALIVE, "{}"))

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._socket)
        self._listen()
        self._spawn(self._look_for_subscribers())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Send nothing any more. Idempotent."""
        self._subscribers.clear()
        self._targets = ()
        self._listen()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(queries.close() for queries in self._queries.values()))
        self._queries.clear()
        self._probes.close()
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)  # its socket is closed in the next turn of the loop
        self._socket.close()

    # --- what comes ------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: Any) -> None:
        source = (str(addr[0]), int(addr[1]))
        if not self._gate.admits(source[0]):
            self._refuse(source)
            return
        try:
            for message in _messages(data):
                self._heard(message, source)
        except BridgeError as error:
            self._tell_error(error, source)
        except Exception as error:
            _log.exception("an OSC message could not be taken in")
            self._tell_error(error, source)

    def error_received(self, exc: Exception) -> None:
        """Somebody is gone, which is no business of the others; or this system carries no datagram of that size."""
        if isinstance(exc, OSError) and exc.errno == errno.EMSGSIZE:
            self._tell_too_large(0, self._everybody())

    def _heard(self, message: OscMessage, source: Address) -> None:
        if message.address == _CONNECT:
            self._subscribe(source, message.params)
        elif message.address == _DISCONNECT:
            self._subscribers.pop(source, None)
            self._listen()
        elif message.address == "/query":
            self._query(_text(message), source)
        elif message.address not in _OURS:  # two bridges that answer each other would never end
            raise BadMessage(f"there is no address {message.address[:80]} here", hint=_HINT)

    def _subscribe(self, source: Address, params: list[Any]) -> None:
        """From now on all outputs go there. A number beside it is one more port of the same machine."""
        ports = [port for port in params[:1] if type(port) is int and 0 < port < 65536]
        self._subscribers.pop(source, None)
        while len(self._subscribers) >= limits.RUNWAY_CLIENTS:
            self._subscribers.pop(next(iter(self._subscribers)))  # the oldest: it may be gone without a word
        answers = dict.fromkeys((source, (source[0], LISTENS), *((source[0], port) for port in ports)))
        self._subscribers[source] = tuple(answers)
        self._listen()
        self._spawn(self._inform(tuple(answers)))

    async def _look_for_subscribers(self) -> None:
        """Many go without a word: no model is followed, and no picture made, for those who are not there any more."""
        while True:
            await asyncio.sleep(limits.OSC_PROBE_SECONDS)
            answers = dict.fromkeys(one for several in self._subscribers.values() for one in several)
            self._empty.intersection_update(answers)
            self._probes.look({one: one for one in answers})
            for source in [source for source, several in self._subscribers.items() if self._empty.issuperset(several)]:
                _log.info("nobody is left at %s:%d: it is sent no more outputs of the old app", *source)
                del self._subscribers[source]
            self._listen()

    def _query(self, text: str, source: Address) -> None:
        inputs = load_object(text.encode("utf-8", "replace"), TAKES)
        queries = self._queries.pop(source, None)
        if queries is None:
            while len(self._queries) >= limits.RUNWAY_CLIENTS:
                self._spawn(self._queries.pop(next(iter(self._queries))).close())

            async def ask(inputs: dict[str, Any]) -> None:
                await self._ask(inputs, source)

            queries = Queries(f"an OSC client of {self._board.session.name}", ask)
        self._queries[source] = queries
        queries.put(inputs)

    async def _ask(self, inputs: dict[str, Any], source: Address) -> None:
        """Subscribers hear of it with everybody else; who is none gets this one answer."""
        answers = () if source in self._subscribers else tuple(dict.fromkeys((source, (source[0], LISTENS))))
        try:
            body = await self._board.query(inputs)
        except BridgeError as error:
            self._send("/error", dump_json(error_body(error)), answers)
            raise
        self._send("/data", body, answers)

    async def _inform(self, answers: tuple[Address, ...]) -> None:
        with contextlib.suppress(BridgeError):  # an error of the session is told as such
            self._send("/info", dump_json(await self._board.info()), answers)

    def _refuse(self, source: Address) -> None:
        if source[0] not in self._refused and len(self._refused) < limits.RUNWAY_CLIENTS:
            self._refused.add(source[0])
            error = self._gate.stranger(source[0])
            _log.warning("OSC of the old app: %s; %s", error.message, error.hint)
            self._tell_error(error, source)

    # --- what goes -------------------------------------------------------------------------------

    def _listen(self) -> None:
        """To the session, for as long as somebody wants to hear of it."""
        wanted = bool(self._subscribers or self._targets)
        if wanted and self._leave is None:
            self._leave = self._board.listen(self._told)
        elif not wanted and self._leave is not None:
            leave, self._leave = self._leave, None
            leave()

    def _told(self, kind: str, body: bytes) -> None:
        self._send(f"/{kind}", body, self._everybody())

    def _everybody(self) -> tuple[Address, ...]:
        answers = (address for several in self._subscribers.values() for address in several)
        return tuple(dict.fromkeys((*answers, *self._targets)))

    def _send(self, address: str, body: bytes, to: Collection[Address]) -> None:
        if not to or self._transport is None or self._transport.is_closing():
            return
        datagram = message(address, body.decode("utf-8", "replace"))
        if len(datagram) > limits.OSC_DATAGRAM_BYTES:
            self._tell_too_large(len(datagram), to)
            return
        if address == "/data":
            self._too_large = False
        for one in to:
            with contextlib.suppress(OSError, ValueError):
                self._transport.sendto(datagram, one)

    def _tell_error(self, error: Exception, source: Address) -> None:
        self._send("/error", dump_json(error_body(error)), dict.fromkeys((source, (source[0], LISTENS))))

    def _tell_too_large(self, length: int, to: Collection[Address]) -> None:
        """Once, until something fits again: frames come many times a second."""
        if self._too_large:
            return
        self._too_large = True
        what = f"this output is {size(length)}" if length else "this output is larger than this system sends at once"
        error = TooLarge(
            f"{what}; an OSC message holds up to {size(limits.OSC_DATAGRAM_BYTES)}",
            hint="pictures of this size come over HTTP or Socket.IO; or let the model make smaller ones",
        )
        self._send("/error", dump_json(error_body(error)), to)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work, name="OSC of the old app")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def message(address: str, text: str) -> bytes:
    """A message with one text."""
    builder = OscMessageBuilder(address)
    builder.add_arg(text, OscMessageBuilder.ARG_TYPE_STRING)
    return builder.build().dgram


def bound(host: str, port: int) -> socket.socket:
    """A UDP socket; OSError when that port can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.bind((host, port))
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def address(text: str) -> Address:
    """HOST:PORT, the host as a number; ValueError when it is not."""
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(text)
    return str(ipaddress.ip_address(host)), int(port)


def _messages(data: bytes) -> list[OscMessage]:
    try:
        return [timed.message for timed in OscPacket(data).messages]
    except Exception:
        raise BadMessage(f"{size(len(data))} came that are not OSC", hint=_HINT) from None


def _text(message: OscMessage) -> str:
    params = message.params
    if len(params) != 1 or not isinstance(params[0], (str, bytes)):
        raise InputError(f"/query takes one text with JSON; {len(params)} arguments came", hint=TAKES)
    return params[0] if isinstance(params[0], str) else params[0].decode("utf-8", "replace")
