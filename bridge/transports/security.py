"""Who may call: Host, Origin and token, for every way in that a browser or a network can reach. Pure.

Host    A page can make its own name point to this machine (DNS rebinding); then Host still carries that name. So a
        name must be one of ours. An address can't be rebound and is always fine.
Origin  A browser says which page is calling. Ours, pages served from this machine, the p5 editors and what the settings
        allow may; no other page may, whatever it asks. Sketches that are no web page send no Origin.
Token   Beyond loopback everybody shows one, except callers on this very machine. When a token is set and the server
        listens on loopback only, everybody shows it: that is for a shared machine, or for a proxy in front.
"""

import hmac
import ipaddress
import re
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from bridge.config import Settings
from bridge.errors import BridgeError, Forbidden, SettingError, Unauthorized

EDITORS = (
    "https://editor.p5js.org",
    "https://preview.p5js.org",
    "https://openprocessing.org",
    "https://www.openprocessing.org",
    "https://preview.openprocessing.org",
)
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_REMEMBERED = 256  # hosts and origins that were found fine, so that the next request costs one look-up
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_MORE_HEADERS = 32
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "CF-Connecting-IP")
_METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
_HEADERS = "Accept, Authorization, Content-Type, If-Match, Last-Event-ID"
_EXPOSED = "Bridge-Run, Server-Timing, Location, ETag, Accept-Patch, Retry-After, Recording-Error"


class Security:
    """The rules of one server. The same object serves HTTP and WebSocket."""

    def __init__(self, settings: Settings) -> None:
        self.beyond_loopback = not is_loopback(settings.host)
        if self.beyond_loopback and not settings.token:
            raise SettingError(
                f"{settings.host} can be reached from other machines, so callers have to show a token",
                hint="set one with --token, or listen on 127.0.0.1",
                field="token",
            )
        self._token = settings.token.encode()
        self.asks_token = bool(settings.token)
        self._names = _own_names(settings, self.beyond_loopback)
        self._origins = {_tidy(origin) for origin in (*EDITORS, *settings.allow_origins)}
        self._known_hosts: set[str] = set()
        self._known_origins: dict[tuple[str, str], dict[str, str]] = {}

    # --- what transports call --------------------------------------------------------------------

    def check(self, method: str, headers: Mapping[str, str]) -> dict[str, str] | None:
        """Host and Origin. The CORS headers to answer with, None when no page is calling; or Forbidden."""
        host = headers.get("Host")
        if host is not None and host not in self._known_hosts:
            self._check_host(host)
        origin = headers.get("Origin")
        if origin is not None:
            return self._known_origins.get((origin, host or "")) or self._check_origin(origin, host or "")
        if method not in SAFE_METHODS and headers.get("Sec-Fetch-Site") == "cross-site":
            raise self._wrong_origin("a page that does not say where it is from")
        return None

    def authorize(self, headers: Mapping[str, str], peer: str | None, token: str | None = None) -> None:
        """The token, where one is needed; `token` is the one from the query. Unauthorized if it is missing or wrong."""
        if not self._token or (self.beyond_loopback and self._is_here(headers, peer)):
            return
        shown = _bearer(headers) or token
        if not shown:
            raise Unauthorized(
                "this bridge asks for a token",
                hint="send the header Authorization: Bearer TOKEN, or ?token=TOKEN where a header can't be set",
            )
        if not hmac.compare_digest(shown.encode("utf-8", "replace"), self._token):
            raise Unauthorized("this token is not the right one", hint="the bridge shows it when it starts")

    @staticmethod
    def preflight(headers: Mapping[str, str], cors: Mapping[str, str]) -> dict[str, str]:
        """What a browser asks before it lets a page call us."""
        answer = {
            **cors,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _allowed(headers.get("Access-Control-Request-Headers", "")),
            "Access-Control-Max-Age": "600",
        }
        if headers.get("Access-Control-Request-Private-Network") == "true":
            answer["Access-Control-Allow-Private-Network"] = "true"
        return answer

    # --- host ------------------------------------------------------------------------------------

    def _check_host(self, host: str) -> None:
        name = host_name(host)
        if name is None or not ("*" in self._names or name in self._names or is_loopback(name) or _is_address(name)):
            raise Forbidden(
                f"this bridge is not called {host[:80]!r}",
                hint="use 127.0.0.1 or localhost, or allow the name with --allow-host",
                field="Host",
            )
        if len(self._known_hosts) < _REMEMBERED:
            self._known_hosts.add(host)

    # --- origin ----------------------------------------------------------------------------------

    def _check_origin(self, origin: str, host: str) -> dict[str, str]:
        if not ("*" in self._origins or _tidy(origin) in self._origins or _is_ours(origin, host) or _is_local(origin)):
            raise self._wrong_origin(origin)
        cors = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }
        if len(self._known_origins) < _REMEMBERED:
            self._known_origins[origin, host] = cors
        return cors

    @staticmethod
    def _wrong_origin(origin: str) -> BridgeError:
        if origin == "null":
            return Forbidden(
                "a page opened from disk, or one that hides where it is from, may not call this bridge",
                hint="serve the sketch from this machine (python -m http.server), or allow all such pages with "
                "--allow-origin null",
                field="Origin",
            )
        return Forbidden(
            f"{origin[:200]} may not call this bridge",
            hint="allow that page with --allow-origin and its address, such as https://example.org",
            field="Origin",
        )

    # --- token -----------------------------------------------------------------------------------

    @staticmethod
    def _is_here(headers: Mapping[str, str], peer: str | None) -> bool:
        """The caller is a program on this machine, and not a proxy that speaks for somebody else."""
        if peer is None or not is_loopback(peer):
            return False
        host = host_name(headers.get("Host") or "127.0.0.1")
        return host is not None and is_loopback(host) and not any(name in headers for name in _FORWARDED)


def is_loopback(host: str) -> bool:
    """Whether an address, or the name of one, can be reached from this machine only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def host_name(host: str) -> str | None:
    """The name or address in a Host header, small letters, no port; None if it can't be one."""
    host = host.lower()
    if host.startswith("["):
        name, end, port = host[1:].partition("]")
        port = port.removeprefix(":")
        fine = bool(end) and _is_address(name)
    else:
        name, _, port = host.partition(":")
        fine = _NAME.fullmatch(name) is not None
    if not fine or (port and not (port.isascii() and port.isdigit())):
        return None
    return name.removesuffix(".")


def _own_names(settings: Settings, beyond: bool) -> set[str]:
    names = {"localhost", *(name.lower() for name in settings.allow_hosts)}
    if beyond:
        machine = socket.gethostname().lower()
        names |= {settings.host.lower(), machine, f"{machine.partition('.')[0]}.local"}
    return names


def _allowed(asked: str) -> str:
    """The page is one of ours by now, so it may send what it likes: libraries add headers of their own to a call."""
    names = [name.strip() for name in asked.split(",")]
    more = [name for name in names if _HEADER.fullmatch(name) and name.lower() not in _HEADERS.lower().split(", ")]
    return ", ".join((_HEADERS, *more[:_MORE_HEADERS]))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _tidy(origin: str) -> str:
    return origin.rstrip("/").lower()


def _is_ours(origin: str, host: str) -> bool:
    """Our own page: the same name and port that the request was sent to."""
    scheme, _, rest = origin.lower().partition("://")
    return scheme in ("http", "https") and bool(rest) and rest == host.lower()


def _is_local(origin: str) -> bool:
    """A page that this machine itself serves, on any port."""
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = (headers.get("Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
