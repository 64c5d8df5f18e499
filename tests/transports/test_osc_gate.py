"""Who may send OSC."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bridge import limits
from bridge.config import Settings
from bridge.errors import InputError, NotFound, SettingError
from bridge.osc import codec
from bridge.osc.times import tag
from bridge.server import Server
from bridge.session.fanout import Events
from bridge.transports.osc_gate import Gate
from tests.transports.serving import MODELS, calling, serving
from tests.transports.talking import talking
from tests.transports.test_osc import until
from tests.transports.test_osc_tcp import connected
from tests.transports.test_oscquery import asking, listening


class Keeper:
    """Remembers what it was given to keep."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    async def __call__(self, entries: list[str]) -> None:
        self.kept = entries


def gate(*allowed: str, keeper: Keeper | None = None, events: Events | None = None) -> Gate:
    return Gate(allowed, events or Events(), keeper or Keeper())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_always_may(host: str):
    assert gate().lets(host, "UDP")


def test_where_everybody_shows_a_token_this_machine_has_to_be_allowed_too():
    assert not Gate((), Events(), Keeper(), this_machine=False).lets("127.0.0.1", "udp")
    assert Gate(("127.0.0.1",), Events(), Keeper(), this_machine=False).lets("127.0.0.1", "udp")


def test_others_may_when_their_address_or_network_is_allowed():
    told = gate("192.168.1.20", "10.0.0.0/8", "fd00::/8")
    assert all(told.lets(host, "UDP") for host in ("192.168.1.20", "::ffff:192.168.1.20", "10.7.7.7", "fd00::1%eth0"))
    assert not any(told.lets(host, "UDP") for host in ("192.168.1.21", "11.0.0.1", "fe80::1%eth0", "nonsense"))


def test_who_knocks_is_counted_and_named_once(caplog: pytest.LogCaptureFixture):
    events = Events()
    heard = events.subscribe()
    told = gate(events=events)
    for _ in range(100):
        told.lets("192.168.1.20", "UDP")
    assert [record.getMessage() for record in caplog.records] == [
        "192.168.1.20 sends OSC and is not allowed to; allow it with --osc-allow 192.168.1.20, or on the page"
    ]
    assert [(event.kind, event.data["host"]) for event in heard.take()] == [("osc_knock", "192.168.1.20")]
    assert told.refused == 100 and told.knocking()[0]["count"] == 100


def test_those_who_knock_are_remembered_up_to_a_bound():
    told = gate()
    for number in range(limits.OSC_KNOCKS + 50):
        told.lets(f"10.0.{number // 200}.{number % 200}", "UDP")
    assert len(told.knocking()) == limits.OSC_KNOCKS


async def test_an_address_that_was_allowed_may_from_then_on():
    keeper = Keeper()
    told = gate(keeper=keeper)
    assert not told.lets("192.168.1.20", "UDP")
    await told.allow("192.168.1.0/24")
    assert told.lets("192.168.1.20", "UDP") and told.knocking() == [] and keeper.kept == ["192.168.1.0/24"]
    again = gate()
    again.restore(keeper.kept)
    assert again.lets("192.168.1.20", "UDP")
    await told.forbid("192.168.1.0/24")
    assert not told.lets("192.168.1.20", "UDP") and keeper.kept == []


async def test_what_is_no_address_is_refused():
    for entry in ("", "studio.local", "1.2.3", "192.168.1.0/99"):
        with pytest.raises(InputError):
            await gate().allow(entry)
        with pytest.raises(SettingError, match="not an address"):
            gate(entry)
    with pytest.raises(NotFound):
        await gate().forbid("10.0.0.1")
    with pytest.raises(InputError, match="settings"):
        await gate("10.0.0.1").forbid("10.0.0.1")


@pytest.mark.parametrize("saved", [None, 7, ["nonsense", 5, None], {"a": 1}])
def test_what_was_saved_by_somebody_else_is_passed_over(saved: Any):
    told = gate()
    told.restore(saved)
    assert told.entries == []


async def test_the_page_shows_who_knocks_and_lets_them_in():
    async with serving() as server, calling(server) as client:
        server.osc.gate.lets("192.168.1.20", "UDP")
        async with client.get("/api/osc") as answer:
            shown = await answer.json()
        assert shown["knocking"][0]["host"] == "192.168.1.20" and shown["counts"]["refused"] == 1
        async with client.post("/api/osc/allow", json={"host": "192.168.1.20"}) as answer:
            shown = await answer.json()
        assert shown["allowed"] == ["192.168.1.20"] and shown["knocking"] == []
        for body, status in (({"host": "me"}, 400), ({}, 400), ({"host": 5}, 400), ({"host": "10.1.1.1", "x": 1}, 400)):
            async with client.post("/api/osc/allow", json=body) as answer:
                assert answer.status == status
        async with client.delete("/api/osc/allow/192.168.1.20") as answer:
            assert answer.status == 204
        async with client.delete("/api/osc/allow/192.168.1.20") as answer:
            assert answer.status == 404


async def test_what_was_allowed_once_is_allowed_after_a_restart(tmp_path: Path):
    settings = Settings(port=0, osc_port=0, demo=False, state=tmp_path)
    async with Server(settings) as server:
        await server.osc.gate.allow("192.168.1.20")
    async with Server(settings) as server:
        assert server.osc.gate.lets("192.168.1.20", "UDP")


def test_those_who_sent_are_told_until_they_send_again():
    told = gate("192.168.1.20")
    for host in ("127.0.0.1", "::ffff:192.168.1.20", "10.1.1.1"):
        told.lets(host, "UDP")
    assert told.heard() == {"127.0.0.1", "192.168.1.20"} and told.heard() == set()
    told.lets("127.0.0.1", "UDP")
    assert told.heard() == {"127.0.0.1"}


async def test_what_is_open_for_an_address_ends_when_it_may_not_send_any_more(tmp_path: Path):
    """With a token this machine has to be allowed as well; so it stands for another one."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving("counter", "gate", token="a-token-of-ours"))
        await server.osc.gate.allow("127.0.0.1")
        program = await stack.enter_async_context(talking(server))
        stream = await stack.enter_async_context(connected(server))
        socket = await stack.enter_async_context(listening(server))
        asking_on = await stack.enter_async_context(asking(server))
        async with asking_on.get("/?HOST_INFO") as answer:  # a connection that stays open
            assert answer.status == 200
        program.say("/counter/subscribe")
        await program.hear()
        program.say("/gate/run", "slow", "path", str(tmp_path / "open"))
        stream.say("/counter/subscribe")
        await stream.hear()
        await socket.tell("LISTEN", "/counter/out/text")
        await until(lambda: len(server.osc.subscribers) == 3)
        assert server.osc.streams.open == 3
        headers = {"Authorization": "Bearer a-token-of-ours"}
        async with calling(server) as http, http.delete("/api/osc/allow/127.0.0.1", headers=headers) as answer:
            assert answer.status == 204
        assert len(server.osc.subscribers) == 0
        assert (await socket.socket.receive(20)).data == 1008
        await until(lambda: server.osc.streams.open == 0)
        await until(lambda: not server.osc._actions.runs.under_way)
        (tmp_path / "open").touch()


async def test_bundles_of_a_sender_who_may_not_send_any_more_do_not_fall_due():
    async with serving("painter", token="a-token-of-ours") as server, talking(server) as program:
        gate, painter = server.osc.gate, server.hub.get("painter")
        await gate.allow("127.0.0.1")
        due = time.time() + 1
        program.send(codec.bundle([codec.message("/painter/shade", [0.875])], tag(due)))
        await program.heard_all()
        assert server.osc._receiver.scheduled == 1
        await gate.forbid("127.0.0.1")
        assert server.osc._receiver.scheduled == 0
        await gate.allow("127.0.0.1")
        program.send(codec.bundle([codec.message("/painter/width", [24])], tag(due + 0.01)))
        await until(lambda: painter.inputs()["width"] == 24)
        assert painter.inputs()["shade"] == 0.5


async def test_what_such_a_sender_said_to_a_model_that_loads_is_not_carried_out():
    async with serving("painter", token="a-token-of-ours") as server, talking(server) as program:
        gate = server.osc.gate
        await gate.allow("127.0.0.1")
        opening = asyncio.create_task(server.hub.open(str(MODELS / "latent"), "late"))
        await until(lambda: "late" in server.hub.sessions)
        program.say("/late/label", 3)
        await program.heard_all()
        assert server.hub.get("late").signature is None
        await gate.forbid("127.0.0.1")
        await gate.allow("127.0.0.1")
        program.say("/late/truncation", 0.25)
        session = await opening
        await session.started()
        await until(lambda: session.inputs().get("truncation") == 0.25)
        assert session.inputs().get("label") != 3


async def test_neither_is_what_waits_behind_a_packet_that_holds_much():
    """Those that can't be left in the system: over WebSocket, and where the loop reads datagrams."""
    storm = codec.bundle([codec.message("//*", [0.5])] * limits.OSC_BUNDLE_PACKETS)
    async with serving("painter", "latent", token="a-token-of-ours") as server:
        gate, receiver, painter = server.osc.gate, server.osc._receiver, server.hub.get("painter")
        inlet = server.osc.datagrams._inlets[0]
        for entry in ("127.0.0.2", "127.0.0.3"):
            await gate.allow(entry)
        receiver.receive([(storm, ("127.0.0.3", 9))], inlet)
        receiver.receive([(codec.message("/painter/width", [24]), ("127.0.0.2", 9))], inlet)
        receiver.receive([(codec.message("/painter/height", [24]), ("127.0.0.3", 9))], inlet)
        assert receiver.busy
        await gate.forbid("127.0.0.2")
        await until(lambda: painter.inputs()["height"] == 24)
        assert painter.inputs()["width"] != 24
