"""40 kB frames from picows on uvloop: one task sends every frame to each client whose transport asks for no pause."""

import asyncio
import sys

import uvloop
from picows import WSListener, WSMsgType, WSTransport, ws_create_server  # type: ignore[import-not-found]

FRAME = bytes(range(256)) * 160
CLIENTS: set["Client"] = set()


class Client(WSListener):
    paused = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        CLIENTS.add(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        CLIENTS.discard(self)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False


async def broadcast() -> None:
    while True:
        for client in CLIENTS:
            if not client.paused:
                client.transport.send(WSMsgType.BINARY, FRAME)
        await asyncio.sleep(0 if CLIENTS else 0.01)


async def main(port: int) -> None:
    await ws_create_server(lambda request: Client(), "127.0.0.1", port)
    await broadcast()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
