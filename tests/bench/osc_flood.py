"""Sends OSC messages as quickly as the system takes them: where it can (Linux), many datagrams with one call."""

import itertools
import socket
import struct
import sys
import time
from collections.abc import Iterator

from tests.bench.models.knobs.model import FADERS, LENGTH

_SEGMENT = 103  # UDP_SEGMENT of <linux/udp.h>, which Python's socket module does not name
_TOGETHER = 60  # datagrams of one call; the kernel takes up to 64
_MOST = 65_000  # bytes of one call


def one() -> Iterator[bytes]:
    """One float, always to the same address."""
    for value in itertools.count():
        yield _message("/knobs/fader/1", [float(value % 1000)])


def many() -> Iterator[bytes]:
    """512 floats."""
    for value in itertools.count():
        yield _message("/knobs/z", [float(value % 10)] * LENGTH)


def mixed() -> Iterator[bytes]:
    """One float to each of 64 addresses in turn."""
    for value in itertools.count():
        yield _message(f"/knobs/fader/{value % FADERS + 1}", [float(value % 1000)])


CASES = {"one": one, "many": many, "mixed": mixed}


def _message(address: str, values: list[float]) -> bytes:
    parts = [address.encode(), b"," + b"f" * len(values)]
    padded = b"".join(part + b"\0" * (4 - len(part) % 4) for part in parts)
    return padded + struct.pack(f">{len(values)}f", *values)


def calls(case: str) -> tuple[list[bytes], int]:
    """What is sent over and over, and the size of one datagram in it; 0: each call is one datagram."""
    packets = list(itertools.islice(CASES[case](), 64 * 60))
    size = len(packets[0])
    if any(len(packet) != size for packet in packets):
        longest = max(map(len, packets))
        packets = [packet for packet in packets if len(packet) == longest]
        size = longest
    if not _can_segment():
        return packets, 0
    together = min(_TOGETHER, _MOST // size)
    return [b"".join(packets[at : at + together]) for at in range(0, len(packets) - together + 1, together)], size


def flood(port: int, case: str, seconds: float) -> None:
    sent, size = calls(case)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        if size:
            sender.setsockopt(socket.IPPROTO_UDP, _SEGMENT, size)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for packet in sent:
                try:
                    sender.send(packet)
                except OSError:
                    continue


def _can_segment() -> bool:
    if sys.platform != "linux":
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.setsockopt(socket.IPPROTO_UDP, _SEGMENT, 100)
        except OSError:
            return False
    return True


if __name__ == "__main__":
    flood(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
