"""sketchbridge peers: which other bridges the network knows of."""

import asyncio

import msgspec

from bridge import interfaces
from bridge.commands import show
from bridge.config import Settings
from bridge.peers import Peer, Peers

_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - to ask from, not bound


def peers(settings: Settings, seconds: float, as_json: bool) -> None:
    """Listen for so long, then say who is there."""
    found = asyncio.run(_found(settings, seconds))
    if as_json:
        show.json({"peers": [msgspec.to_builtins(peer) for peer in found]})
    elif found:
        show.table(("name", "address", "version"), [(peer.name, " ".join(peer.urls), peer.version) for peer in found])
    else:
        print("No bridge was found. Those that others may call say so on the network: sketchbridge --host 0.0.0.0")


async def _found(settings: Settings, seconds: float) -> tuple[Peer, ...]:
    there = await asyncio.to_thread(interfaces.interfaces)
    among = interfaces.chosen(there, settings.interfaces) or there
    async with Peers(interfaces.place(among, _ANYWHERE, interfaces.joins).speak) as known:
        await asyncio.sleep(seconds)
        return known.known
