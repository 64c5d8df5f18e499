"""The old app's OSC with liblo's oscsend and oscdump. In the suite of those programs, for they have to be there."""

import asyncio

import pytest

from bridge.server import Server
from bridge.transports.runway import osc
from tests.transports.runway.homes import homes, port


async def test_oscsend_asks_and_oscdump_on_57200_hears():
    try:
        osc.bound("0.0.0.0", osc.LISTENS).close()
    except OSError:
        pytest.skip("port 57200 is taken")
    async with homes("echo") as server:
        dump = await asyncio.create_subprocess_exec("oscdump", "-L", str(osc.LISTENS), stdout=asyncio.subprocess.PIPE)
        assert dump.stdout is not None
        try:
            while True:  # until oscdump listens
                await sent(server, "/server/connect")
                await sent(server, "/query", "s", '{"value": "by liblo"}')
                try:
                    async with asyncio.timeout(0.2):
                        while b"/data" not in (line := await dump.stdout.readline()):
                            continue
                    break
                except TimeoutError:
                    continue
            assert b"by liblo" in line
        finally:
            dump.terminate()
            await dump.wait()


async def sent(server: Server, *words: str) -> None:
    made = await asyncio.create_subprocess_exec("oscsend", "localhost", str(port(server, "echo", "osc")), *words)
    assert await made.wait() == 0
