"""OSC as a client: over UDP, and over TCP between SLIP marks. Messages are written and read by python-osc."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self

import aiohttp
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.slip import END, decode, encode

from bridge.errors import BridgeError, ErrorInfo, from_info


class Link(Protocol):
    """One socket, and what came through it."""

    inbox: asyncio.Queue[OscMessage]

    def send(self, packet: bytes) -> None: ...

    def close(self) -> None: ...


class OscCaller:
    """Datagrams, a socket for each conversation. There is no hanging up: a run that nobody wants is cancelled."""

    way = "osc.udp://"

    def __init__(self, url: str) -> None:
        self._url = url
        self._ids = map(str, itertools.count(1))
        self._where = ("", 0)

    async def __aenter__(self) -> Self:
        """Where OSC listens the bridge tells itself."""
        async with aiohttp.ClientSession(self._url) as http, http.get("/api/info") as answer:
            wires = (await answer.json())["wires"]
        addresses = [address for wire in wires for address in wire["addresses"]]
        host, _, port = next(one for one in addresses if one.startswith(self.way + "127.")).rpartition(":")
        self._where = (host.removeprefix(self.way), int(port))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open between conversations."""

    async def sessions(self) -> dict[str, str]:
        found = await self._asked("/sessions")
        return dict(zip(found[::2], found[1::2], strict=True))

    async def open(self, model: str, name: str) -> None:
        await self._asked("/open", model, name)

    async def close_session(self, name: str) -> None:
        await self._asked("/close", name)

    async def run(self, session: str, inputs: dict[str, Any], command: str | None = None) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        async for output in self._run(session, "run", inputs, command):
            outputs |= output
        return outputs

    @asynccontextmanager
    async def stream(
        self, session: str, inputs: dict[str, Any], command: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        outputs = self._run(session, "stream", inputs, command)
        try:
            yield outputs
        finally:
            await outputs.aclose()  # type: ignore[attr-defined]

    async def send(self, session: str, inputs: dict[str, Any]) -> None:
        async with self._linked() as link:
            for name, value in inputs.items():
                link.send(message(f"/{session}/{name}", value))

    @asynccontextmanager
    async def follow(self, session: str, port: str, policy: str = "newest") -> AsyncIterator[AsyncIterator[Any]]:
        async with self._linked() as link:
            address, id = f"/{session}/out/{port}/subscribe", next(self._ids)
            link.send(message(address, "format=jpeg", f"policy={policy}", f"id={id}"))
            early: list[OscMessage] = []
            async for answer in self._answers(link, address, id, early):
                assert answer.address == "/reply"
                break

            async def values() -> AsyncIterator[Any]:
                for answer in early:
                    yield answer.params[0]
                while True:
                    yield (await link.inbox.get()).params[0]

            yield values()
            link.send(message(f"/{session}/out/{port}/unsubscribe"))

    async def _run(
        self, session: str, verb: str, inputs: dict[str, Any], command: str | None
    ) -> AsyncIterator[dict[str, Any]]:
        address, id = f"/{session}/{verb}" + (f"/{command}" if command else ""), next(self._ids)
        async with self._linked() as link:
            link.send(message(address, id, *itertools.chain.from_iterable(inputs.items())))
            try:
                async for answer in self._answers(link, address, id):
                    if answer.address == "/done":
                        return
                    port, *values = answer.params[2:]
                    yield {port: plain(values)}
            finally:
                link.send(message(f"/{session}/cancel", id))

    async def _asked(self, address: str, *arguments: Any) -> list[Any]:
        id = next(self._ids)
        async with self._linked() as link:
            link.send(message(address, *arguments, id))
            async for answer in self._answers(link, address, id):
                found: list[Any] = answer.params[2:]
                return found
        raise AssertionError("no answer")

    async def _answers(
        self, link: Link, address: str, id: str, others: list[OscMessage] | None = None
    ) -> AsyncIterator[OscMessage]:
        """Answers to what was asked there; an /error is raised."""
        while True:
            answer = await asyncio.wait_for(link.inbox.get(), 30)
            if answer.params[:2] not in ([address, id], [address, ""]):
                assert others is not None, f"{answer.address} {answer.params}"
                others.append(answer)
            elif answer.address == "/error":
                raise raised(answer)
            else:
                yield answer

    @asynccontextmanager
    async def _linked(self) -> AsyncIterator[Link]:
        link = await self._open()
        try:
            yield link
        finally:
            link.close()

    async def _open(self) -> Link:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)  # a long stream comes at once
        made.connect(self._where)
        made.setblocking(False)
        _, link = await asyncio.get_running_loop().create_datagram_endpoint(_Datagrams, sock=made)
        return link


class OscTcpCaller(OscCaller):
    """The same over TCP: whoever goes away hangs up."""

    way = "osc.tcp://"

    async def _open(self) -> Link:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(_Stream, *self._where)
        return link

    async def _run(
        self, session: str, verb: str, inputs: dict[str, Any], command: str | None
    ) -> AsyncIterator[dict[str, Any]]:
        address, id = f"/{session}/{verb}" + (f"/{command}" if command else ""), next(self._ids)
        async with self._linked() as link:
            link.send(message(address, id, *itertools.chain.from_iterable(inputs.items())))
            async for answer in self._answers(link, address, id):
                if answer.address == "/done":
                    return
                port, *values = answer.params[2:]
                yield {port: plain(values)}


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.inbox: asyncio.Queue[OscMessage] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not data.startswith(b"#bundle"):  # which asks only whether we are there
            self.inbox.put_nowait(OscMessage(data))

    def send(self, packet: bytes) -> None:
        self._transport.sendto(packet)  # type: ignore[attr-defined]

    def close(self) -> None:
        self._transport.close()


class _Stream(asyncio.Protocol):
    def __init__(self) -> None:
        self.inbox: asyncio.Queue[OscMessage] = asyncio.Queue()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(END)
        for packet in whole:
            if packet:
                self.inbox.put_nowait(OscMessage(decode(packet)))

    def send(self, packet: bytes) -> None:
        self._transport.write(encode(packet))  # type: ignore[attr-defined]

    def close(self) -> None:
        self._transport.close()


def message(address: str, *values: Any) -> bytes:
    """Numbers, text and truths as they are, everything else as JSON."""
    builder = OscMessageBuilder(address)
    for value in values:
        simple = isinstance(value, (str, bytes, int, float))
        builder.add_arg(value if simple else json.dumps(value))
    return builder.build().dgram


def plain(values: list[Any]) -> Any:
    """One value as it is, JSON read."""
    if len(values) != 1:
        return values or None
    value = values[0]
    return json.loads(value) if isinstance(value, str) and value[:1] in ("[", "{") else value


def raised(answer: OscMessage) -> BridgeError:
    code, said, hint, field = answer.params[2:]
    return from_info(ErrorInfo(code, said, hint, field))
