"""Who may call the old protocols. Their sketches show no token and come from any web page. Pure."""

from collections.abc import Mapping

from bridge.config import Settings
from bridge.errors import Forbidden, SettingError
from bridge.transports.networks import SUCH, Network, network, plain, within
from bridge.transports.security import Security, is_loopback


class Gate:
    """Programs and pages on this machine, and other machines that were named or show the token.

    Not the gate of OSC: nobody is let in while it runs, and over HTTP there is a place for the token. Any origin may
    call, but the Host must be ours all the same: that keeps out pages that make their name point here.
    """

    def __init__(self, settings: Settings, security: Security) -> None:
        self._security = security
        self._allowed = tuple(map(_network, settings.runway_allow))
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
        return peer is not None and within(peer, self._allowed)


def _network(entry: str) -> Network:
    found = network(entry)
    if found is None:
        said = f"--runway-allow: {entry[:80]!r} is not an address"
        raise SettingError(said, hint=f"such as {SUCH}", field="runway_allow")
    return found


def _stranger(peer: str) -> Forbidden:
    peer = plain(peer)
    return Forbidden(
        f"{peer} may not call here", hint=f"allow it where the bridge starts: --runway-allow {peer}", field="peer"
    )
