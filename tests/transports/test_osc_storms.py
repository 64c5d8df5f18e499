"""Packets that hold far more than they look: others have their turn while they are dealt with. See tests/guards.py."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge import limits
from bridge.osc import codec
from bridge.osc.times import tag
from bridge.server import Server
from tests.transports.serving import serving
from tests.transports.talking import talking
from tests.transports.test_osc import counted, until
from tests.transports.test_osc_tcp import connected
from tests.transports.test_oscquery import listening

ALL = codec.message("//*", [0.5])
STORM = codec.bundle([ALL] * limits.OSC_BUNDLE_PACKETS)


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a storm takes many turns on a machine of any speed."""
    monkeypatch.setattr(limits, "OSC_SLICE_SECONDS", 0.0005)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "latent", "echo", "counter") as server:
        yield server


@asynccontextmanager
async def several_turns(server: Server) -> AsyncIterator[None]:
    """Fails if what happens in here is dealt with in a few turns of the loop."""
    loop, receiver, count = asyncio.get_running_loop(), server.osc._receiver, 0

    def turn() -> None:
        nonlocal soon, count
        count += receiver.busy
        soon = loop.call_soon(turn)

    soon = loop.call_soon(turn)
    try:
        yield
    finally:
        soon.cancel()
    assert count > 3


def nest() -> bytes:
    """15 MB of bundles in bundles."""
    inner = codec.bundle([codec.bundle([])] * 900)
    return codec.bundle([inner] * (15_000_000 // len(inner)))


async def dropped(server: Server) -> None:
    await until(lambda: server.osc.datagrams.counts["dropped"])


async def test_a_bundle_of_patterns_that_mean_everything(server: Server):
    async with talking(server) as program, several_turns(server):
        program.send(STORM)
        await dropped(server)  # it was more than one packet may set
        await program.heard_all()
    assert {"painter", "latent", "echo", "counter"} == set(server.hub.sessions)
    assert server.hub.get("painter").inputs()["shade"] == 0.5
    assert len(server.osc.subscribers) == 0
    assert (await counted(server))["dropped"] == 1


async def test_bundles_in_bundles_over_tcp(server: Server):
    async with connected(server) as stream, several_turns(server):
        stream.writer.write(stream._framing.wrap(nest()))
        stream.say("/painter/shade", 0.25)  # what comes after it comes through
        assert "16384 values" in (await stream.hear()).arguments[3]
        await until(lambda: server.hub.get("painter").inputs()["shade"] == 0.25)
    assert (await counted(server))["dropped"] == 1


async def test_a_nest_over_a_websocket_and_what_comes_behind_it(server: Server):
    async with listening(server) as client, several_turns(server):
        await client.socket.send_bytes(nest())
        for number in range(limits.OSC_WAITING // 2):
            await client.say("/painter/shade", number / 1000)
        assert (await client.hear())[1][2] == "too_large"
        await until(lambda: server.hub.get("painter").inputs()["shade"] == pytest.approx(0.511))


async def test_more_than_may_wait_behind_it_is_dropped_counted_and_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "OSC_WAITING", 8)
    async with listening(server) as client:
        await client.socket.send_bytes(STORM)
        for number in range(200):
            await client.say("/painter/shade", number / 1000)
        codes = [(await client.hear())[1][2] for _ in range(3)]
        assert "busy" in codes
        await until(lambda: not server.osc._receiver.busy)
        assert (await counted(server))["dropped"] > 1


async def test_hundreds_of_bundles_that_fall_due_at_once(server: Server):
    count, receiver = 200, server.osc._receiver
    due = tag(time.time() + 1.5)
    packet = codec.bundle([codec.message("/latent/*", [0.5])] * 100, due)
    async with talking(server) as program, several_turns(server):
        for number in range(count):
            program.send(packet)
            if number % 20 == 0:
                await program.heard_all()
        await program.heard_all()
        assert receiver.scheduled == count
        await until(lambda: receiver.scheduled < count)
        program.say("/painter/shade", 0.125)  # it has its turn between two of them
        await until(lambda: server.hub.get("painter").inputs()["shade"] == 0.125)
        assert receiver.scheduled
        await until(lambda: not receiver.scheduled and not receiver.busy)
        assert server.hub.get("latent").inputs()["truncation"] == 0.5


async def test_a_bundle_that_takes_many_turns_still_reaches_a_model_in_one_step(server: Server):
    came: list[object] = []
    server.hub.get("painter").overhear(lambda inputs, by: came.append(dict(inputs)))
    first, last = codec.message("/painter/width", [16]), codec.message("/painter/shade", [0.75])
    between = [codec.message("/latent/*", [0.5])] * 1000
    async with talking(server) as program, several_turns(server):
        program.send(codec.bundle([first, *between, last]))
        await program.heard_all()
    assert came == [{"width": 16, "shade": 0.75}]


async def test_a_session_that_goes_while_a_pattern_is_dealt_with_is_passed_over(server: Server):
    async with talking(server) as program:
        program.send(STORM)
        await server.hub.rename("painter", "colour")
        await server.hub.close_session("echo")
        await dropped(server)
        program.say("/colour/shade", 0.25)
        await until(lambda: server.hub.get("colour").inputs()["shade"] == 0.25)
