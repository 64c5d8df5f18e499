"""Being found and finding, by real mDNS on the loopback interface."""

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from bridge import limits
from bridge.discovery import BRIDGE, OSC, OSCQUERY, Announcer, Service, own_name, services
from bridge.errors import SetupError
from bridge.interfaces import Interface, joins
from bridge.peers import Change, Peer, Peers, told
from tests.bridges import call, running
from tests.transports.serving import calling, serving

LOOP = Interface("lo", ("127.0.0.1",))
NEXT = Interface("lo", ("127.0.0.2",))
needs_multicast = pytest.mark.skipif(not joins("127.0.0.1"), reason="the loopback interface takes no multicast here")


class Networks:
    """The interfaces of a machine that is carried about."""

    def __init__(self, *there: Interface) -> None:
        self.there = list(there)

    def __call__(self) -> list[Interface]:
        return self.there


def announcer(networks: Networks, identity: str, *kinds: str, look_seconds: float = 60.0) -> Announcer:
    async def identify() -> str:
        return identity

    offered = [Service(kind, 8123, ("0.0.0.0",)) for kind in kinds or (BRIDGE,)]
    return Announcer(offered, identify, "1.2.3", networks, look_seconds=look_seconds)


@asynccontextmanager
async def listening() -> AsyncIterator[Peers]:
    async with Peers(["127.0.0.1"]) as peers:
        yield peers


async def change(peers: Peers, identity: str, *, here: bool = True) -> Peer:
    """Until that peer has come, or gone; others may be about."""
    async for one in peers:
        if (one.peer.id, one.here) == (identity, here):
            return one.peer
    raise AssertionError


# --- what is offered -----------------------------------------------------------------------------


def test_only_what_others_can_reach_is_offered():
    here = services(["http://127.0.0.1:8000", "http://[::1]:8000"], [("osc.udp://127.0.0.1:9000",)])
    assert here == []
    there = services(
        ["http://0.0.0.0:8000"],
        [("osc.udp://0.0.0.0:9000",), ("osc.tcp://0.0.0.0:9001", "http://0.0.0.0:9001"), ("http://0.0.0.0:8001",)],
    )
    assert there == [
        Service(BRIDGE, 8000, ("0.0.0.0",)),
        Service(OSC, 9000, ("0.0.0.0",)),
        Service(OSCQUERY, 9001, ("0.0.0.0",)),
    ]


def test_osc_alone_may_be_open_to_others():
    assert services(["http://127.0.0.1:8000"], [("osc.udp://[::]:9000",)]) == [Service(OSC, 9000, ("::",))]


# --- announcing ----------------------------------------------------------------------------------


@needs_multicast
async def test_a_bridge_is_found_with_all_that_it_says_of_itself_and_goes_with_a_goodbye():
    async with listening() as peers:
        async with announcer(Networks(LOOP), "one") as ours:
            assert ours.addresses == ("_sketchbridge._tcp 127.0.0.1:8123",)
            peer = await change(peers, "one")
            assert (peer.version, peer.urls) == ("1.2.3", ("http://127.0.0.1:8123",))
            assert peer.name.startswith(own_name())
            assert peer in peers.known
        assert await change(peers, "one", here=False) == peer
        assert peer not in peers.known


@needs_multicast
async def test_osc_and_oscquery_are_told_with_id_version_and_path():
    async with announcer(Networks(LOOP), "two", OSC, OSCQUERY), AsyncZeroconf(interfaces=["127.0.0.1"]) as listener:
        for kind in (OSC, OSCQUERY):
            info = await asked(listener, kind, "two")
            assert info.port == 8123 and info.parsed_addresses() == ["127.0.0.1"]
            assert info.decoded_properties == {"id": "two", "version": "1.2.3", "path": "/", "txtvers": "1"}


async def asked(listener: AsyncZeroconf, kind: str, identity: str) -> AsyncServiceInfo:
    """Until a service of that kind says that it is the one with this id."""
    heard: asyncio.Queue[str] = asyncio.Queue()

    def hear(zeroconf: object, service_type: str, name: str, state_change: object) -> None:
        heard.put_nowait(name)

    async with AsyncServiceBrowser(listener.zeroconf, kind, handlers=[hear]):
        while True:
            info = AsyncServiceInfo(kind, await heard.get())
            await info.async_request(listener.zeroconf, 3000)
            if info.decoded_properties.get("id") == identity:
                return info


@needs_multicast
async def test_two_of_one_name_are_told_apart():
    networks = Networks(LOOP)
    async with (
        listening() as peers,
        announcer(networks, "three", look_seconds=0.1),
        announcer(networks, "four", look_seconds=0.1),
    ):
        one, other = await known(peers, "three", "four")
        assert one.name.startswith(own_name()) and other.name.startswith(own_name())


@needs_multicast
async def test_who_hears_its_own_name_from_one_with_a_lower_id_takes_another():
    """As of machines that are made from one picture, turned on by one switch: both took it in the same instant."""
    async with listening() as peers, announcer(Networks(LOOP), "five", look_seconds=0.1):
        before = await change(peers, "five")
        async with namesake(before.name, "fir"):
            five, fir = await known(peers, "five", "fir")
            assert fir.name == before.name and five.urls == before.urls


@needs_multicast
async def test_who_hears_its_own_name_from_one_with_a_higher_id_keeps_it_and_is_heard_again():
    async with listening() as peers, announcer(Networks(LOOP), "five", look_seconds=0.1):
        before = await change(peers, "five")
        async with namesake(before.name, "six"):
            assert (await change(peers, "six")).name == before.name
        assert await change(peers, "five") == before


@asynccontextmanager
async def namesake(name: str, identity: str) -> AsyncIterator[None]:
    """A bridge that calls itself so, whoever else does."""
    info = AsyncServiceInfo(
        BRIDGE, f"{name}.{BRIDGE}", port=8124, properties={"id": identity}, parsed_addresses=["127.0.0.1"]
    )
    async with AsyncZeroconf(interfaces=["127.0.0.1"]) as speaking:
        await (await speaking.async_register_service(info, cooperating_responders=True))
        yield


async def known(peers: Peers, *identities: str) -> list[Peer]:
    """Until all of them are known at once."""
    while True:
        by_id = {peer.id: peer for peer in peers.known}
        if all(identity in by_id for identity in identities):
            return [by_id[identity] for identity in identities]
        await anext(peers)


@needs_multicast
async def test_a_machine_that_is_carried_to_another_network_is_found_there():
    networks = Networks(LOOP)
    async with listening() as peers, announcer(networks, "six", look_seconds=0.1):
        assert (await change(peers, "six")).urls == ("http://127.0.0.1:8123",)
        networks.there = []
        await change(peers, "six", here=False)
        networks.there = [NEXT]
        assert (await change(peers, "six")).urls == ("http://127.0.0.2:8123",)


async def test_without_multicast_it_says_so():
    with pytest.raises(SetupError) as raised:
        async with announcer(Networks(Interface("dummy", ("192.0.2.255",))), "seven"):
            pass
    assert "multicast" in raised.value.message and "--interface" in raised.value.hint


@needs_multicast
async def test_a_network_without_multicast_is_told_once_while_we_are_carried_about(caplog: pytest.LogCaptureFixture):
    networks = Networks(LOOP)
    async with announcer(networks, "seven", look_seconds=0.05) as ours:
        for away in ([], [Interface("dummy", ("192.0.2.255",))], []):
            networks.there = away
            while ours._places and [place.reached for place in ours._places.values()] != [
                tuple(address for one in away for address in one.v4)
            ]:
                await asyncio.sleep(0.01)
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


# --- what others say -----------------------------------------------------------------------------


def test_what_a_peer_says_can_be_shown_and_called():
    peer = told(
        "Bad\x1b[2J\nname._sketchbridge._tcp.local.",
        8000,
        ["192.168.1.5", "fe80::1", "fd00::1", "0.0.0.0", "224.0.0.1", "nonsense"],
        {"id": "a" * 500, "version": None, "path": "/studio room/"},
    )
    assert peer.name == "Bad[2Jname"
    assert (len(peer.id), peer.version) == (200, "")
    assert peer.urls == ("http://192.168.1.5:8000/studio%20room", "http://[fd00::1]:8000/studio%20room")


@pytest.mark.parametrize("path", ["", "/", "evil", "//evil.example", "@evil", None])
def test_a_path_leads_nowhere_else(path: str | None):
    assert told("x", 80, ["10.0.0.1"], {"path": path}).urls == ("http://10.0.0.1:80",)


def test_a_peer_without_a_port_can_not_be_called():
    assert told("x", 0, ["10.0.0.1"], {}).urls == ()


async def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "PEERS_SEEN", 3)
    peers = Peers(["127.0.0.1"])
    for number in range(5):
        peers._came(f"p{number}", Peer(f"p{number}", "", "", ("http://10.0.0.1:80",)))
    for number in range(5):
        peers._heard(None, BRIDGE, f"q{number}", _Added)
    assert not peers._asking
    peers._went("p0")
    assert list(peers._changes)[-1] == Change(Peer("p0", "", "", ("http://10.0.0.1:80",)), here=False)


class _Added:
    name = "Added"


# --- the whole bridge ----------------------------------------------------------------------------

OPEN = {"host": "0.0.0.0", "token": "secret", "interfaces": ("127.0.0.1",), "osc_port": 0}


@needs_multicast
async def test_a_bridge_that_others_may_call_is_found_and_says_so():
    async with listening() as peers, serving(**OPEN) as server, calling(server) as client:
        (mdns,) = [wire for wire in server.wires.described() if wire.name == "mdns"]
        assert (mdns.state, mdns.addresses[0]) == ("on", f"_sketchbridge._tcp 127.0.0.1:{server.port}")
        assert [said.split()[0] for said in mdns.addresses] == ["_sketchbridge._tcp", "_osc._udp", "_oscjson._tcp"]
        while f"http://127.0.0.1:{server.port}" not in [url for peer in peers.known for url in peer.urls]:
            await anext(peers)
        info = await (await client.get("/api/info")).json()
        assert "mdns" in [wire["name"] for wire in info["wires"]]


async def test_a_bridge_for_this_machine_alone_tells_nobody():
    async with serving() as server:
        assert "mdns" not in [wire.name for wire in server.wires.described()]
    async with serving(**{**OPEN, "mdns": False}) as server:
        assert "mdns" not in [wire.name for wire in server.wires.described()]


async def test_an_interface_that_is_not_there_is_told_and_the_rest_goes_on():
    async with serving(**{**OPEN, "interfaces": ("eth77",)}) as server, calling(server) as client:
        (mdns,) = [wire for wire in server.wires.described() if wire.name == "mdns"]
        assert mdns.state == "failed" and "eth77" in mdns.message and "127.0.0.1" in mdns.hint
        assert (await client.get("/healthz")).status == 200


@needs_multicast
async def test_who_we_are_stays_over_restarts(tmp_path: Path):
    known = set()
    for _ in range(2):
        async with serving(**{**OPEN, "state": tmp_path}) as server, listening() as peers:
            while not (ours := [peer.id for peer in peers.known if peer.urls[0].endswith(f":{server.port}")]):
                await anext(peers)
            known |= set(ours)
    assert len(known) == 1


@needs_multicast
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for other processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_bridge_that_is_ended_says_goodbye(number: signal.Signals, tmp_path: Path):
    flags = ("--no-demo", "--host", "0.0.0.0", "--token", "secret", "--interface", "127.0.0.1", "--osc-port", "0")
    async with listening() as peers, running(tmp_path, *flags) as bridge:
        port = bridge.url.rpartition(":")[2]
        async for one in peers:
            if one.peer.urls[0].endswith(f":{port}"):
                break
        printed = json.loads((await call("peers", "--json", "--seconds", "1.5", "--interface", "127.0.0.1"))[1])
        assert one.peer.id in [peer["id"] for peer in printed["peers"]]
        assert await bridge.end(number) == 0
        await change(peers, one.peer.id, here=False)


async def test_peers_on_an_interface_that_is_not_there_says_which_there_are():
    code, out, _ = await call("peers", "--json", "--interface", "eth77")
    assert code == 2 and "127.0.0.1" in json.loads(out)["error"]["hint"]
