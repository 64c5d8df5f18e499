"""What walks are told over OSC before they have begun."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge import limits
from bridge.server import Server
from bridge.session.session import Session
from bridge.walks.player import Player
from tests.transports.serving import serving
from tests.transports.talking import talking
from tests.transports.test_osc import until
from tests.transports.test_osc_tcp import connected


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("latent", "echo") as server:
        yield server


class Gate:
    """Walks that begin when the test lets them."""

    def __init__(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self._of = server.walks.of
        monkeypatch.setattr(server.walks, "of", self._when_open)

    async def _when_open(self, session: Session) -> Player:
        self.asked.set()
        await self.open.wait()
        return await self._of(session)


async def test_what_waits_for_a_walk_outlasts_who_sent_it(server: Server, monkeypatch: pytest.MonkeyPatch):
    gate, hung_up = Gate(server, monkeypatch), asyncio.Event()
    streams = server.osc.streams
    forget = streams.gone
    monkeypatch.setattr(streams, "gone", lambda peer: (forget(peer), hung_up.set()))
    async with talking(server) as other:
        async with connected(server) as first:
            first.say("/latent/walk/speed", 2.0)
            first.say("/latent/walk/seed", 3)
            await gate.asked.wait()
            other.say("/latent/walk/seed", 7)
            await other.heard_all()
        await hung_up.wait()
        gate.open.set()
        await until(lambda: server.walks.running(server.hub.get("latent")))
        player = server.walks.running(server.hub.get("latent"))
        await until(lambda: (player.settings.speed, player.settings.seed) == (2.0, 7))


async def test_what_is_wrong_is_told_to_its_sender_and_costs_no_other(server: Server, monkeypatch: pytest.MonkeyPatch):
    gate = Gate(server, monkeypatch)
    async with talking(server) as wrong, talking(server) as right:
        wrong.say("/latent/walk/target", "no place")
        await gate.asked.wait()
        right.say("/latent/walk/seed", 7)
        await right.heard_all()
        gate.open.set()
        assert (await wrong.refusal())["address"] == "/latent/walk"
        assert server.walks.running(server.hub.get("latent")).settings.seed == 7


async def test_messages_with_long_heads_are_read_and_not_remembered(server: Server):
    async with talking(server) as program:
        program.say("/latent/truncation", 0.5)
        program.say("/echo/value", *([0.0] * limits.OSC_HEAD_BYTES))
        await program.heard_all()
        heads = [len(head) for head in server.osc._receiver._forms]
        assert heads and max(heads) <= limits.OSC_HEAD_BYTES
