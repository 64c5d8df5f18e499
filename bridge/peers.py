"""Other bridges on the network, as mDNS tells of them. Anybody can say anything there."""

import asyncio
import importlib
import ipaddress
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import msgspec

from bridge import limits
from bridge.discovery import BRIDGE, responder

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

_ASK_MS = 3_000
_CHARS = 200  # of one thing that a peer says of itself


class Peer(msgspec.Struct, frozen=True):
    """A bridge somewhere, and where it can be called: one URL for each of its addresses."""

    name: str
    id: str
    version: str
    urls: tuple[str, ...]


class Change(msgspec.Struct, frozen=True):
    """A peer came, changed, or went away."""

    peer: Peer
    here: bool


class Peers(AbstractAsyncContextManager["Peers"]):
    """Who is there. Use as `async with Peers(speak) as peers: async for change in peers`, or just look at `known`."""

    def __init__(self, speak: Sequence[str]) -> None:
        """`speak`: the addresses of this machine to ask from, see interfaces.place."""
        self._speak = speak
        self._known: dict[str, Peer] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._changes: deque[Change] = deque(maxlen=2 * limits.PEERS_SEEN)  # who reads none of them loses the oldest
        self._changed = asyncio.Event()

    @property
    def known(self) -> tuple[Peer, ...]:
        """Those that are there now, by name."""
        return tuple(sorted(self._known.values(), key=lambda peer: peer.name))

    async def __aenter__(self) -> Self:
        self._speaking: AsyncZeroconf = await responder(self._speak)
        browser = importlib.import_module("zeroconf.asyncio").AsyncServiceBrowser
        self._browser: AsyncServiceBrowser = browser(self._speaking.zeroconf, BRIDGE, handlers=[self._heard])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._browser.async_cancel()
        asking = tuple(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._speaking.async_close()

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        while not self._changes:
            self._changed.clear()
            await self._changed.wait()
        return self._changes.popleft()

    # --- what the network says -------------------------------------------------------------------

    def _heard(self, zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        """zeroconf calls this, with these names."""
        asking = self._asking.pop(name, None)
        if asking is not None:
            asking.cancel()
        if state_change.name == "Removed":
            self._went(name)
        elif name in self._known or len(self._known) + len(self._asking) < limits.PEERS_SEEN:
            task = asyncio.create_task(self._ask(name), name="ask a peer")
            self._asking[name] = task
            task.add_done_callback(lambda done: self._asked(name, done))

    def _asked(self, name: str, task: "asyncio.Task[None]") -> None:
        if self._asking.get(name) is task:
            del self._asking[name]

    async def _ask(self, name: str) -> None:
        info: AsyncServiceInfo = importlib.import_module("zeroconf.asyncio").AsyncServiceInfo(BRIDGE, name)
        if await info.async_request(self._speaking.zeroconf, _ASK_MS):
            self._came(name, told(name, info.port or 0, info.parsed_addresses(), info.decoded_properties))

    def _came(self, name: str, peer: Peer) -> None:
        if peer.urls and self._known.get(name) != peer:
            self._known[name] = peer
            self._tell(Change(peer, here=True))

    def _went(self, name: str) -> None:
        peer = self._known.pop(name, None)
        if peer is not None:
            self._tell(Change(peer, here=False))

    def _tell(self, change: Change) -> None:
        self._changes.append(change)
        self._changed.set()


def told(name: str, port: int, addresses: Sequence[str], properties: Mapping[str, str | None]) -> Peer:
    """What a peer said of itself, in a form that can be shown and called."""
    path = quote(_clean(properties.get("path")).rstrip("/"))
    if not path.startswith("/") or path.startswith("//"):
        path = ""
    urls = [
        f"http://{_in_url(address)}:{port}{path}" for address in addresses if 0 < port < 65536 and _callable(address)
    ]
    return Peer(
        _clean(name.removesuffix("." + BRIDGE)),
        _clean(properties.get("id")),
        _clean(properties.get("version")),
        tuple(dict.fromkeys(urls)),
    )


def _clean(text: str | None) -> str:
    """Without what would move the cursor of a terminal, and not too long."""
    return "".join(letter for letter in (text or "") if letter.isprintable())[:_CHARS]


def _callable(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (found.is_multicast or found.is_unspecified or (found.version == 6 and found.is_link_local))


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
