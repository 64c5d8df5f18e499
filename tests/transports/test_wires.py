"""Ways in beside HTTP: each on its own."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Self

import pytest

from bridge.errors import PortTaken
from bridge.transports.wires import Wire, Wires
from tests.transports.runway.homes import homes, port, taken
from tests.transports.serving import calling


class Whistle:
    """A way in that keeps a diary."""

    def __init__(self, name: str, diary: list[str], taken: bool = False) -> None:
        self.name, self.diary, self.taken = name, diary, taken
        self.addresses = (f"whistle://{name}",)

    async def __aenter__(self) -> Self:
        if self.taken:
            raise PortTaken("port 7 is taken", hint="choose another: --whistle-port 8")
        self.diary.append(f"{self.name} opens")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.diary.append(f"{self.name} closes")


async def test_one_that_can_not_start_says_so_and_the_others_run():
    diary: list[str] = []
    async with Wires() as wires:
        assert await wires.add("low", Whistle("low", diary))
        assert not await wires.add("mid", Whistle("mid", diary, taken=True))
        assert await wires.add("high", Whistle("high", diary))
        assert wires.described() == (
            Wire("low", "on", ("whistle://low",)),
            Wire("mid", "failed", (), "port 7 is taken", "choose another: --whistle-port 8"),
            Wire("high", "on", ("whistle://high",)),
        )
    assert diary == ["low opens", "high opens", "high closes", "low closes"]


@pytest.fixture
def held() -> Iterator[dict[str, int]]:
    """A port somebody else has for each setting; the one for OSC over UDP and TCP."""
    kinds = {f"runway_{name}_port": socket.SOCK_STREAM for name in ("http", "socketio", "sdk", "daemon")}
    kinds |= {"runway_osc_port": socket.SOCK_DGRAM, "osc_port": socket.SOCK_STREAM}
    with ExitStack() as stack:
        found = {}
        for setting, kind in kinds.items():
            (holder,) = taken(1, kind)
            found[setting] = stack.enter_context(holder).getsockname()[1]
        stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", found["osc_port"]))
        yield found


async def test_with_every_port_but_its_own_taken_a_bridge_runs_and_names_each_flag(held: dict[str, int]):
    async with homes("echo", **held) as server, calling(server) as http:
        async with http.get("/api/info") as answer:
            told = {wire["name"]: wire for wire in (await answer.json())["wires"]}
        for name, setting in {"osc": "osc_port", "oscquery": "osc_port", "runway daemon": "runway_daemon_port"}.items():
            assert told[name]["state"] == "failed"
            assert f"port {held[setting]} is taken" in told[name]["message"]
            assert f"--{setting.replace('_', '-')} {held[setting] + 1}" in told[name]["hint"]
        assert told["runway"]["state"] == "on"  # each of its servers on the next port that is free
        for name in ("http", "socketio", "osc", "sdk"):
            way = {"socketio": "socket.io"}.get(name, name)
            assert port(server, "echo", way) > held[f"runway_{name}_port"]
            assert f"port {held[f'runway_{name}_port']} " in told["runway"]["message"]
            assert f"--runway-{name}-port" in told["runway"]["message"]
        async with http.post("/api/sessions/echo/run", json={"value": 1}) as answer:
            assert (await answer.json())["outputs"] == {"any": 1}
