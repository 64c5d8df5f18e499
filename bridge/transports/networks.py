"""Addresses, as people name them and as callers come by them: who is meant by a list of those that may. Pure."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SUCH = "192.168.1.20, or a network such as 192.168.1.0/24"


def plain(host: str) -> str:
    """An address as people write it: no zone, and IPv4 as IPv4 whatever socket it came through."""
    host = host.partition("%")[0]
    return host.removeprefix("::ffff:") if "." in host else host


def network(entry: str) -> Network | None:
    """The network that somebody named, or the one address; None if it is neither."""
    try:
        found = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    return found if mapped is None else ipaddress.ip_network((mapped, found.prefixlen - 96))


def within(host: str, networks: Iterable[Network]) -> bool:
    """Whether a caller is in one of them, by whatever socket it comes."""
    try:
        address = ipaddress.ip_address(plain(host))
    except ValueError:
        return False
    return any(address in one for one in networks)
