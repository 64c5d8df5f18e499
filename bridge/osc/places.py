"""Where outputs go, as people write it: 12000, 192.168.1.20 12000, localhost:12000, osc.tcp://192.168.1.20:12000."""

from typing import Any, NamedTuple

from bridge.errors import InputError

_SCHEMES = {"osc.udp://": False, "osc.tcp://": True}


class Place(NamedTuple):
    """A receiver. Port 0: whoever asks; no host: on the same machine as whoever asks."""

    host: str = ""
    port: int = 0
    tcp: bool = False

    def __str__(self) -> str:
        return f"{'osc.tcp://' if self.tcp else ''}{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def read(text: str, port: int = 0) -> Place:
    """A host, with its port behind a colon or without; an IPv6 address with a port stands in brackets."""
    scheme = next((one for one in _SCHEMES if text.startswith(one)), "")
    rest = text.removeprefix(scheme).rstrip("/")
    host, colon, tail = rest.rpartition(":")
    both = bool(colon) and tail.isdigit() and (":" not in host or host.startswith("["))
    tcp = _SCHEMES.get(scheme, False)
    return Place(host.strip("[]"), port_of(tail), tcp) if both else Place(rest.strip("[]"), port, tcp)


def port_of(given: Any) -> int:
    """A number from 1 to 65535, however it was written; InputError."""
    try:
        number = 0 if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if not 1 <= number <= 65535 or number != int(number):
        raise InputError(f"a port is a number from 1 to 65535; {str(given)[:40]!r} came", field="port")
    return int(number)
