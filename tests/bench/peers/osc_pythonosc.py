"""python-osc's asyncio server: a handler that keeps the newest value of every address. Says how many it has handled."""

import asyncio
import sys
from typing import Any

import uvloop
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import AsyncIOOSCUDPServer


class Desk:
    """The newest of each address."""

    def __init__(self) -> None:
        self.handled = 0
        self.newest: dict[str, tuple[Any, ...]] = {}

    def take(self, address: str, *arguments: Any) -> None:
        self.handled += 1
        self.newest[address] = arguments

    async def tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(str(self.handled).encode())
        writer.close()


async def main(port: int) -> None:
    desk = Desk()
    dispatcher = Dispatcher()
    for number in range(1, 65):
        dispatcher.map(f"/knobs/fader/{number}", desk.take)
    dispatcher.map("/knobs/z", desk.take)
    server = AsyncIOOSCUDPServer(("127.0.0.1", port), dispatcher, asyncio.get_running_loop())  # type: ignore[arg-type]
    await server.create_serve_endpoint()
    asking = await asyncio.start_server(desk.tell, "127.0.0.1", port)
    await asking.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
