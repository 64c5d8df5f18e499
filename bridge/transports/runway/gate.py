"""Who may call the old protocols. Their sketches show no token and come from any web page. Pure."""

import ipaddress
from collections.abc import Iterable, Mapping

from bridge.config import Settings
from bridge.errors import Forbidden, SettingError
from bridge.transports.security import Security, is_loopback

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Gate:
    """Programs and pages on this machine, and other machines that were named or show the token.

    Any origin may call, but the Host must be ours all the same: that keeps out pages that make their name point here.
    """

    def __init__(self, settings: Settings, security: Security) -> None:
        self._security = security
        self._allowed = _networks(settings.runway_allow)
        if not is_loopback(settings.runway_host) and not self._allowed and not settings.token:
            raise SettingError(
                f"{settings.runway_host} can be reached from other machines, and none of them may call yet",
                hint="name them with --runway-allow, set a --token, or leave --runway-host at 127.0.0.1",
                field="runway_allow",
            )

    def check(self, headers: Mapping[str, str], peer: str | None, token: str | None = None) -> None:
        """Forbidden or Unauthorized for who may not call over HTTP."""
        host = headers.get("Host")
        self._security.check("GET", {"Host": host} if host is not None else {})
        if self._names(peer):
            return
        if not self._security.asks_token and peer is not None and not is_loopback(peer):
            raise _stranger(peer)
        self._security.authorize(headers, peer, token)

    def admits(self, peer: str) -> bool:
        """Whether datagrams of that address are heard: there is no place for a token in them."""
        return self._names(peer) or (is_loopback(peer) and not self._asks_everybody())

    def stranger(self, peer: str) -> Forbidden:
        """What one who is not admitted is told."""
        return _stranger(peer)

    def _asks_everybody(self) -> bool:
        return self._security.asks_token and not self._security.beyond_loopback

    def _names(self, peer: str | None) -> bool:
        if not self._allowed or peer is None:
            return False
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._allowed)


def _networks(entries: Iterable[str]) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(entry, strict=False) for entry in entries)
    except ValueError as error:
        raise SettingError(
            f"--runway-allow: {error}",
            hint="it takes addresses or networks: 192.168.1.20, 192.168.1.0/24",
            field="runway_allow",
        ) from None


def _stranger(peer: str) -> Forbidden:
    return Forbidden(
        f"{peer} may not call here", hint=f"allow it where the bridge starts: --runway-allow {peer}", field="peer"
    )
