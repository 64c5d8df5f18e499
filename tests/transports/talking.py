"""An OSC program beside a real server: it says something, and hears what comes back. python-osc reads and writes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pythonosc.osc_message import OscMessage

from bridge.server import Server
from tests.contract.osc_caller import message

PATIENCE = 20.0


def osc_port(server: Server, way: str = "osc.udp") -> int:
    """Where it listens, as it says itself."""
    addresses = [address for wire in server.wires.described() for address in wire.addresses]
    return int(next(one for one in addresses if one.startswith(f"{way}://127.")).rpartition(":")[2])


class Program:
    """One socket on a port of its own."""

    def __init__(self, made: socket.socket, where: tuple[str, int]) -> None:
        self.where = where
        self.socket = made
        self.port = made.getsockname()[1]

    def say(self, address: str, *values: Any) -> None:
        self.send(message(address, *values))

    def send(self, packet: bytes) -> None:
        self.socket.sendto(packet, self.where)

    async def hear(self) -> tuple[str, list[Any]]:
        """The next message: its address and values."""
        while True:
            packet = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 65536), PATIENCE)
            if not packet.startswith(b"#bundle"):  # which asks only whether we are there
                read = OscMessage(packet)
                return read.address, read.params

    async def refusal(self) -> dict[str, Any]:
        """The next message, which is an error."""
        address, values = await self.hear()
        assert address == "/error", (address, values)
        return dict(zip(("address", "id", "code", "message", "hint", "field"), values, strict=True))

    async def heard_all(self) -> None:
        """Until the bridge has dealt with everything that was said before this."""
        self.say("/sessions", "dealt with")
        while (await self.hear())[1][:2] != ["/sessions", "dealt with"]:
            pass


@asynccontextmanager
async def talking(server: Server, host: str = "127.0.0.1") -> AsyncIterator[Program]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        made.bind((host, 0))
        made.setblocking(False)
        yield Program(made, (host, osc_port(server)))
