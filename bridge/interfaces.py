"""The networks this machine is in: their interfaces, which of them take multicast, and how others reach us there."""

import asyncio
import importlib
import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence

import msgspec

from bridge.errors import SettingError

_GROUP = "224.0.0.251"  # of mDNS
_ALL_V4, _ALL_V6 = "0.0.0.0", "::"  # noqa: S104 - compared, not bound


class Interface(msgspec.Struct, frozen=True):
    """One way into a network, with its addresses."""

    name: str
    v4: tuple[str, ...] = ()
    v6: tuple[str, ...] = ()
    title: str = ""  # what people call it, where that is not its name

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.v4 + self.v6

    @property
    def loopback(self) -> bool:
        return any(address.startswith("127.") for address in self.v4) or "::1" in self.v6

    def called(self, wanted: str) -> bool:
        return wanted in (self.name, self.title, *self.addresses)

    def __str__(self) -> str:
        return f"{self.title or self.name} ({', '.join(self.addresses)})"


class Place(msgspec.Struct, frozen=True):
    """Where we are on the networks now: the addresses to speak multicast from, and those that others call."""

    speak: tuple[str, ...]
    reached: tuple[str, ...]


def interfaces() -> list[Interface]:
    """Those of this machine that have an address. Blocks for a moment."""
    ifaddr = importlib.import_module("ifaddr")  # here, because a bridge for this machine alone does not need it
    found = []
    for adapter in ifaddr.get_adapters():
        v4 = tuple(ip.ip for ip in adapter.ips if ip.is_IPv4)
        v6 = tuple(ip.ip[0] for ip in adapter.ips if ip.is_IPv6 and not ip.ip[0].lower().startswith("fe80"))
        name = adapter.name.decode("utf-8", "replace") if isinstance(adapter.name, bytes) else adapter.name
        found.append(Interface(name, v4, v6, adapter.nice_name))
    return found


def chosen(there: Sequence[Interface], wanted: Sequence[str]) -> list[Interface]:
    """Those that were asked for by name or address; if none were, all that lead out of this machine."""
    for name in wanted:
        if not any(one.called(name) for one in there):
            known = ", ".join(str(one) for one in there if one.addresses)
            raise SettingError(
                f"there is no network interface {name}", hint=f"--interface takes one of: {known}", field="interfaces"
            )
    if wanted:
        return [one for one in there if any(one.called(name) for name in wanted)]
    return [one for one in there if not one.loopback]


class Origins:
    """Where a server with sockets bound to these addresses is found, as a browser writes it: `await origins()`.

    Networks come and go, so they are looked at each time; not at all for a server that is for this machine alone.
    """

    def __init__(self, bound: Sequence[tuple[str, int]], wanted: Sequence[str]) -> None:
        self._bound = bound
        self._wanted = wanted

    async def __call__(self) -> list[str]:
        """Those that other machines reach, then those of this machine."""
        if all(_is_loopback(host) for host, _ in self._bound):
            return [_origin(host, port) for host, port in self._bound]
        return origins(self._bound, await asyncio.to_thread(interfaces), self._wanted)


def origins(bound: Sequence[tuple[str, int]], there: Sequence[Interface], wanted: Sequence[str] = ()) -> list[str]:
    """The same, of these interfaces. One that was asked for by name may be away: then it has no address."""
    asked = [one for one in there if any(one.called(name) for name in wanted)] if wanted else there
    among = [one for one in asked if not one.loopback] + [one for one in there if one.loopback]
    found = [
        _origin(address, port)
        for one in among
        for address in one.addresses
        for host, port in bound
        if _serves([host], address)
    ]
    return list(dict.fromkeys(found))


def _origin(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


def place(among: Iterable[Interface], bound: Sequence[str], joins: Callable[[str], bool]) -> Place:
    """For a server whose sockets are bound to these addresses, on these interfaces."""
    reached = [(one, [address for address in one.addresses if _serves(bound, address)]) for one in among]
    speak = [address for one, served in reached if served for address in one.v4 if joins(address)]
    return Place(tuple(speak), tuple(address for _, served in reached for address in served))


def joins(address: str) -> bool:
    """Whether multicast can be had on the interface with this address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            group = socket.inet_aton(_GROUP) + socket.inet_aton(address)
            trial.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except OSError:
            return False
    return True


def _serves(bound: Sequence[str], address: str) -> bool:
    everywhere = _ALL_V6 if ":" in address else _ALL_V4
    return address in bound or everywhere in bound
