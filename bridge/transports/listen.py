"""Listening sockets, and who has the port when it is taken."""

import errno
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from bridge.errors import PortTaken, SettingError

_BACKLOG = 128
_IDLE_SECONDS, _ASK_SECONDS, _ASKED = 30, 10, 3  # a peer that went without a word is noticed after a minute
_LISTENING = {"tcp": "0A", "udp": "07"}  # the state of such a socket in /proc/net
_BUFFER = 4 * 1024 * 1024  # of datagrams that came and are not read yet; the system may give less
Bind = Callable[[str, int], socket.socket]
_TAKEN = (errno.EADDRINUSE, errno.EACCES) if sys.platform == "win32" else (errno.EADDRINUSE,)


def listen(host: str, port: int, flag: str = "--port") -> list[socket.socket]:
    """Sockets for this host, all on one port; 0 takes a free one. PortTaken or SettingError in words, naming the flag.

    127.0.0.1 listens on ::1 too where that can be had: some clients try it first for `localhost`, and on Windows they
    then wait two seconds.
    """
    return _all(host, port, flag, _bind)


def receive(host: str, port: int, flag: str) -> list[socket.socket]:
    """The same for datagrams."""
    return _all(host, port, flag, _bind_datagrams)


def keep_alive(made: socket.socket) -> None:
    """Let the system notice when the other side is no more, as far as it can."""
    wishes = {"TCP_KEEPIDLE": _IDLE_SECONDS, "TCP_KEEPALIVE": _IDLE_SECONDS}  # the second is what macOS calls it
    wishes |= {"TCP_KEEPINTVL": _ASK_SECONDS, "TCP_KEEPCNT": _ASKED}
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in wishes.items():
            if hasattr(socket, name):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except OSError:
        return  # then it takes as long as the system likes


def _all(host: str, port: int, flag: str, bind: Bind) -> list[socket.socket]:
    addresses = _addresses(host)
    first = _bound(addresses[0], port, host, flag, bind)
    taken = first.getsockname()[1]
    rest = addresses[1:] + (["::1"] if host in ("127.0.0.1", "localhost") and "::1" not in addresses else [])
    return [first, *_others(rest, taken, bind)]


def _others(addresses: list[str], port: int, bind: Bind) -> list[socket.socket]:
    """Further addresses of the same host are a convenience: those that can't be had are left out."""
    found = []
    for address in addresses:
        try:
            found.append(bind(address, port))
        except OSError:
            continue
    return found


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise SettingError(
            f"there is no address for the host {host!r}", hint="try 127.0.0.1, or 0.0.0.0 for the network", field="host"
        ) from None
    return list(
        dict.fromkeys(str(entry[4][0]) for entry in sorted(found, key=lambda entry: entry[0] != socket.AF_INET))
    )


def _bound(address: str, port: int, host: str, flag: str, bind: Bind) -> socket.socket:
    try:
        return bind(address, port)
    except OSError as error:
        if error.errno in _TAKEN:
            raise _taken(port, flag, "udp" if bind is _bind_datagrams else "tcp") from None
        if error.errno == errno.EACCES:
            raise SettingError(
                f"port {port} needs more rights than this user has",
                hint=f"use {flag} with a number above 1023",
                field="port",
            ) from None
        raise SettingError(
            f"can't listen on {host}: {error.strerror}", hint="is that an address of this machine?", field="host"
        ) from None


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(_BACKLOG)  # two sockets may be bound to one port; only one of them may listen
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _bind_datagrams(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if sys.platform == "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        made.bind((address, port))
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _taken(port: int, flag: str, kind: str) -> PortTaken:
    holder = holder_of(port, kind)
    who = f"by {holder}" if holder else "by another program"
    what = f"UDP port {port}" if kind == "udp" else f"port {port}"
    return PortTaken(
        f"{what} is taken {who}", hint=f"end that one, or choose another port: {flag} {port + 1}", field="port"
    )


def holder_of(port: int, kind: str = "tcp") -> str:
    """The process that listens on a port, in words; empty where the system does not tell."""
    inodes = _listening_inodes(port, kind)
    if not inodes:
        return ""
    links = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _holds(process, links):
            return f"process {process.name} ({_name(process)})"
    return ""


def _listening_inodes(port: int, kind: str) -> set[str]:
    found = set()
    for table in (f"/proc/net/{kind}", f"/proc/net/{kind}6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING[kind] and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _holds(process: Path, links: set[str]) -> bool:
    try:
        return any(str(entry.readlink()) in links for entry in (process / "fd").iterdir())
    except OSError:
        return False


def _name(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        return " ".join(word for word in words if word)[:80] or "no name"
    except OSError:
        return "no name"
