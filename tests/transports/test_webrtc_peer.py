"""Addresses in offers, and what is loaded when."""

import subprocess
import sys
from pathlib import Path

from bridge import limits
from bridge.transports.webrtc_peer import candidates, reachable


def test_hidden_and_surplus_addresses_are_left_out():
    line = "a=candidate:1 1 udp 1 {} 9 typ host"
    offer = "\r\n".join(["v=0", *(line.format(f"10.0.0.{n}") for n in range(99)), line.format("x-y.local")])
    assert reachable(offer).count("a=candidate") == limits.CANDIDATES
    assert candidates("a=mid:1\n" + line.format("x-y.local") + "\n" + line.format("10.0.0.1")) == [
        ("1", "1 1 udp 1 10.0.0.1 9 typ host")
    ]


SERVED = """
import asyncio, pathlib, sys
from bridge.config import Settings
from bridge.server import Server

async def serve():
    async with Server(Settings(port=0, demo=False, state=pathlib.Path(sys.argv[1]), osc_port=0)) as server:
        await server.opened()

asyncio.run(serve())
print(*{"aiortc", "aioice", "av", "zeroconf", "ifaddr"} & sys.modules.keys())
"""


def test_a_bridge_for_this_machine_alone_loads_nothing_of_webrtc_and_mdns(tmp_path: Path):
    command = [sys.executable, "-c", SERVED, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == "\n"
