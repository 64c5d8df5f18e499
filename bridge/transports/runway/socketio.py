"""Server A over Socket.IO: queries of one session in, its outputs and errors to everybody who is connected."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from bridge import limits
from bridge.errors import BadMessage, BridgeError, Busy, InputError
from bridge.ports.words import came
from bridge.transports.base import dump_json, load_object
from bridge.transports.engineio_codec import MESSAGE, Packet
from bridge.transports.runway import socketio_codec as codec
from bridge.transports.runway.board import Board
from bridge.transports.runway.engineio import Client
from bridge.transports.runway.local import TAKES
from bridge.transports.runway.queries import Queries
from bridge.transports.runway.site import error_body
from bridge.transports.socketio_packet import filled

_log = logging.getLogger(__name__)


class _Member:
    """A client that has joined, and what it has not finished saying."""

    def __init__(self, name: str, board: Board) -> None:
        self.queries = Queries(name, board.query)
        self.half: codec.Packet | None = None  # its attachments have not all come
        self.attachments: list[bytes] = []
        self.answering: set[asyncio.Task[None]] = set()  # what is to be acknowledged


class SocketIO:
    """The events of the old app: `query` in; `info`, `data` and `error` out. Use with an Engine."""

    def __init__(self, board: Board, max_body: int) -> None:
        self._board = board
        self._max_body = max_body
        self._members: dict[Client, _Member] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leave: Callable[[], None] | None = None

    # --- what the engine calls -------------------------------------------------------------------

    def opened(self, client: Client) -> None:
        if client.version < 4:  # these do not ask to join
            _say(client, codec.packed(codec.CONNECT))
            self._join(client)

    def received(self, client: Client, packet: Packet) -> None:
        member = self._members.get(client)
        if packet.binary or (member is not None and member.half is not None):
            self._attached(client, member, packet)
            return
        said = codec.unpacked(packet.data)
        if said.kind == codec.CONNECT:
            self._asked_to_join(client, said.namespace)
        elif said.kind == codec.DISCONNECT:
            client.close()
        elif member is None:
            raise BadMessage("a Socket.IO client joins before it says anything")
        elif said.attachments:
            member.half = said
        elif said.kind in (codec.EVENT, codec.BINARY_EVENT):
            self._event(client, member, said.data, said.id)

    def closed(self, client: Client) -> None:
        member = self._members.pop(client, None)
        if member is not None:
            self._spawn(member.queries.close())
            for task in tuple(member.answering):
                task.cancel()
        if not self._members and self._leave is not None:
            self._leave()
            self._leave = None

    async def close(self) -> None:
        """End what is still asked for clients. Idempotent."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(member.queries.close() for member in self._members.values()))

    # --- joining ---------------------------------------------------------------------------------

    def _asked_to_join(self, client: Client, namespace: str) -> None:
        if namespace != "/":
            words = "Invalid namespace"
            told = dump_json({"message": words} if client.version >= 4 else words)
            _say(client, codec.packed(codec.ERROR, told, namespace))
        elif client not in self._members:
            _say(client, codec.packed(codec.CONNECT, dump_json({"sid": client.id})))
            self._join(client)

    def _join(self, client: Client) -> None:
        self._members[client] = _Member(f"a Socket.IO client of {self._board.session.name}", self._board)
        if self._leave is None:
            self._leave = self._board.listen(self._heard)
        self._spawn(self._inform(client))

    async def _inform(self, client: Client) -> None:
        """What the model takes, as soon as that is known."""
        try:
            _say(client, codec.event("info", dump_json(await self._board.info())))
        except BridgeError as error:
            _tell_error(client, error)

    def _heard(self, kind: str, body: bytes) -> None:
        """To everybody, made once. Who does not read gets the newest of it later."""
        packet = Packet(MESSAGE, codec.event(kind, body))
        for client in tuple(self._members):
            client.send(packet, kind)

    # --- events ----------------------------------------------------------------------------------

    def _event(self, client: Client, member: _Member, data: Any, id: int | None) -> None:
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise BadMessage("an event is a list that begins with its name")
        try:
            if data[0] != "query":
                said = f"there is no event {data[0][:80]!r} here"
                raise InputError(said, hint="emit query with the inputs: {name: value, ...}")
            inputs = _inputs(data[1] if len(data) > 1 else {})
            if id is None:
                member.queries.put(inputs)
            else:
                self._answer_later(client, member, inputs, id)
        except BridgeError as error:
            _tell_error(client, error)

    def _answer_later(self, client: Client, member: _Member, inputs: dict[str, Any], id: int) -> None:
        """A query that wants an acknowledgement gets its own answer."""
        if len(member.answering) >= limits.RUNS_PER_CONNECTION:
            said = f"{len(member.answering)} queries of this client are waiting, as many as are taken"
            raise Busy(said, hint="wait for some of their answers")
        task = self._spawn(self._acknowledge(client, inputs, id))
        member.answering.add(task)
        task.add_done_callback(member.answering.discard)

    async def _acknowledge(self, client: Client, inputs: dict[str, Any], id: int) -> None:
        try:
            body = await self._board.query(inputs)
        except Exception as error:
            body = dump_json(error_body(error))
        _say(client, codec.packed(codec.ACK, b"[%b]" % body, id=id))

    def _attached(self, client: Client, member: _Member | None, packet: Packet) -> None:
        """One of the binary messages that belong to an event."""
        if member is None or member.half is None or not packet.binary:
            raise BadMessage("an attachment and what it belongs to did not come together")
        member.attachments.append(packet.data)
        if sum(map(len, member.attachments)) > self._max_body:
            raise BadMessage("the attachments of an event are too large")
        if len(member.attachments) == member.half.attachments:
            said, attachments = member.half, member.attachments
            member.half, member.attachments = None, []
            self._event(client, member, filled(said.data, attachments), said.id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="Socket.IO")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _inputs(given: Any) -> dict[str, Any]:
    if isinstance(given, str):  # some sketches make the text themselves
        return load_object(given.encode("utf-8", "replace"), TAKES)
    if not isinstance(given, dict):
        raise InputError(f"a query takes the inputs by name; {came(given)} came", hint=TAKES)
    return given


def _tell_error(client: Client, error: Exception) -> None:
    client.send(Packet(MESSAGE, codec.event("error", dump_json(error_body(error)))), "error")


def _say(client: Client, packet: bytes) -> None:
    client.send(Packet(MESSAGE, packet))
