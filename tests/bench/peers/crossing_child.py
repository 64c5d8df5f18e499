"""Gives out a raw picture of the asked length: through its standard output, or through shared memory.

`crossing_child.py pipe` or `crossing_child.py NAME`, the name of the block; asked by four bytes on standard input.
"""

import os
import struct
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

LENGTH = struct.Struct("<I")
LENGTHS = (8 * 8 * 3, 512 * 512 * 3, 1024 * 1024 * 3)


def write_all(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def main(how: str) -> None:
    frames = {length: bytes(length) for length in LENGTHS}
    shared = None if how == "pipe" else SharedMemory(how)
    if shared is not None:
        resource_tracker.unregister("/" + shared.name, "shared_memory")  # the parent made it and removes it
    while asked := os.read(0, 4):
        frame = frames[LENGTH.unpack(asked)[0]]
        if shared is None:
            write_all(frame)
        elif shared.buf is not None:
            shared.buf[: len(frame)] = frame
            os.write(1, b"!")


if __name__ == "__main__":
    main(sys.argv[1])
