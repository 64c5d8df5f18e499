"""liblo, written in C, through pyliblo3: the same desk. Says how many messages it has handled."""

import socket
import sys
from typing import Any

import pyliblo3


class Desk:
    """The newest of each address."""

    def __init__(self) -> None:
        self.handled = 0
        self.newest: dict[str, list[Any]] = {}

    def take(self, path: str, arguments: list[Any]) -> None:
        self.handled += 1
        self.newest[path] = arguments


def main(port: int) -> None:
    desk = Desk()
    server = pyliblo3.Server(port)
    for number in range(1, 65):
        server.add_method(f"/knobs/fader/{number}", "f", desk.take)
    server.add_method("/knobs/z", "f" * 512, desk.take)
    with socket.create_server(("127.0.0.1", port)) as asking:
        asking.setblocking(False)
        while True:
            for _ in range(1000):
                if not server.recv(10):
                    break
            try:
                caller, _ = asking.accept()
            except BlockingIOError:
                continue
            caller.sendall(str(desk.handled).encode())
            caller.close()


if __name__ == "__main__":
    main(int(sys.argv[2]))
