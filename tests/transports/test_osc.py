"""OSC over UDP, with real sessions."""

import asyncio
import logging
import random
import shutil
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from bridge import limits
from bridge.mappings import Mapping
from bridge.osc import codec
from bridge.osc.times import tag
from bridge.ports import Blob
from bridge.server import Server
from bridge.transports.osc import Osc
from tests.transports.serving import MODELS, calling, exists, serving
from tests.transports.talking import Program, osc_port, talking


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "latent", "echo", "counter", "gate") as server:
        yield server


@pytest.fixture
async def program(server: Server) -> AsyncIterator[Program]:
    async with talking(server) as program:
        yield program


async def until(holds: Callable[[], object]) -> None:
    while not holds():
        await asyncio.sleep(0.002)


# --- live inputs ---------------------------------------------------------------------------------


async def test_an_address_sets_an_input(server: Server, program: Program):
    program.say("/painter/shade", 0.25)
    program.say("/painter/width", 32.0)
    await program.heard_all()
    assert server.hub.get("painter").inputs() == {"shade": 0.25, "width": 32, "height": 48}


async def test_numbered_inputs_are_addresses(server: Server, program: Program):
    program.say("/latent/direction/1", 1.5)
    program.say("/latent/in/direction/2", 2.5)
    await program.heard_all()
    inputs = server.hub.get("latent").inputs()
    assert (inputs["direction/1"], inputs["direction/2"]) == (1.5, 2.5)


async def test_a_vector_comes_as_numbers_or_as_a_blob(server: Server, program: Program):
    session = server.hub.get("latent")
    for number in range(3):  # by the long way, then by the short one
        program.say("/latent/z", *(float(number + place) for place in range(4)))
        await program.heard_all()
        assert session.snapshot()["z"] == Blob("f32", np.arange(number, number + 4, dtype="<f4").tobytes())
    program.say("/latent/z", np.array([9, 8, 7, 6], "<f4").tobytes())
    await program.heard_all()
    assert session.snapshot()["z"] == Blob("f32", np.array([9, 8, 7, 6], "<f4").tobytes())


async def test_of_two_inputs_that_stand_in_for_each_other_the_last_counts(server: Server, program: Program):
    session = server.hub.get("latent")
    z, w = [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0]
    for _ in range(3):
        program.send(codec.bundle([codec.message("/latent/w", w), codec.message("/latent/z", z)]))
        await program.heard_all()
        assert session.snapshot()["z"] is not None and session.snapshot()["w"] is None
        program.send(codec.bundle([codec.message("/latent/z", z), codec.message("/latent/w", w)]))
        await program.heard_all()
        assert session.snapshot()["z"] is None and session.snapshot()["w"] is not None


async def test_of_a_burst_only_the_newest_reaches_the_model_and_the_others_are_counted(
    server: Server, program: Program
):
    session = server.hub.get("painter")
    came: list[object] = []
    session.overhear(lambda inputs, by: came.append(dict(inputs)))
    for number in range(200):
        program.say("/painter/shade", number / 1000)
    await program.heard_all()
    assert came[-1] == {"shade": pytest.approx(0.199)}
    counts = await counted(server)
    assert counts["messages"] == 201 and counts["replaced"] == 200 - len(came)
    assert len(came) < 20


async def test_values_of_one_burst_go_to_the_model_in_one_step(server: Server, program: Program):
    came: list[object] = []
    server.hub.get("painter").overhear(lambda inputs, by: came.append(set(inputs)))
    packets = [codec.message(f"/painter/{name}", [value]) for name, value in (("shade", 0.5), ("width", 8))]
    program.send(codec.bundle(packets))
    await program.heard_all()
    assert came == [{"shade", "width"}]


async def test_a_wrong_value_is_told_to_its_sender_and_stops_nothing(server: Server, program: Program):
    async with talking(server) as other:
        program.send(
            codec.bundle([codec.message("/painter/shade", [7.0]), codec.message("/painter/width", [16])]),
        )
        error = await program.refusal()
        assert (error["address"], error["code"], error["field"]) == ("/painter/shade", "invalid_input", "shade")
        assert "from 0 to 1; 7 came" in error["message"]
        await other.heard_all()
    assert server.hub.get("painter").inputs() == {"shade": 0.5, "width": 16, "height": 48}


async def test_a_slip_of_the_pen_is_told_with_what_may_have_been_meant(program: Program):
    for address, code, hint in (
        ("/painter/shad", "unknown_input", "shade"),
        ("/panter/shade", "unknown_session", "painter"),
        ("/subscrib", "not_found", "/subscribe"),
        ("/painter/out/sound", "unknown_port", "image"),
        ("/painter/walk/speed", "invalid_input", ""),
        ("/latent/walk/sped", "unknown_input", "speed"),
    ):
        program.say(address, 1.0)
        error = await program.refusal()
        assert (error["address"], error["code"]) == (address, code) and hint in error["hint"]


async def test_an_input_without_a_value_tells_what_it_is(program: Program):
    program.say("/painter/shade", 0.25)
    program.say("/painter/shade")
    assert await program.hear() == ("/reply", ["/painter/shade", "", 0.25])
    program.say("/latent/z", 1.0, 2.0, 3.0, 4.0)
    program.say("/latent/z")
    assert await program.hear() == ("/reply", ["/latent/z", "", 1.0, 2.0, 3.0, 4.0])


async def test_old_senders_without_type_tags_are_understood(server: Server, program: Program):
    program.send(b"/painter/shade\0\0" + struct.pack(">f", 0.75))
    await program.heard_all()
    assert server.hub.get("painter").inputs()["shade"] == 0.75


async def test_patterns_reach_all_they_mean(server: Server, program: Program):
    program.say("/latent/direction/*", 3.0)
    program.say("/{painter,nobody}/sh?de", 0.125)
    program.say("//truncation", 0.25)
    await program.heard_all()
    inputs = server.hub.get("latent").inputs()
    assert (inputs["direction/1"], inputs["direction/2"], inputs["truncation"]) == (3.0, 3.0, 0.25)
    assert server.hub.get("painter").inputs()["shade"] == 0.125


async def test_a_text_of_many_words_is_put_together_once_for_all_that_a_pattern_means(server: Server, program: Program):
    """The same object in both: it was made once."""
    sessions = [await server.hub.open(str(MODELS / "scribe"), name) for name in ("first", "second")]
    for session in sessions:
        await session.started()
    program.say("/{first,second}/prompt", *("word",) * 5000)
    await program.heard_all()
    first, second = (session.inputs()["prompt"] for session in sessions)
    assert first is second and len(first) == 5000 * 5 - 1


async def test_a_picture_comes_as_a_blob_and_never_as_an_address(tmp_path: Path):
    async with serving("seer") as server, talking(server) as program:
        session = server.hub.get("seer")
        assert session.signature is not None
        (name,) = [name for name, port in session.signature.default.inputs.items() if port.kind == "image"]
        for text in ("http://127.0.0.1/a.png", str(tmp_path / "a.png"), "data:image/png;base64,AAAA"):
            program.say(f"/seer/{name}", text)
            error = await program.refusal()
            assert error["field"] == name and "blob" in error["hint"]
        program.say(f"/seer/{name}", png())
        await program.heard_all()
        assert session.inputs()[name]["format"] == "png"


def png() -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1])


async def test_what_is_sent_while_a_model_loads_reaches_it_then():
    async with serving("painter") as server, talking(server) as program:
        model = str(MODELS / "latent")
        opening = asyncio.create_task(server.hub.open(model, "late"))
        await until(lambda: "late" in server.hub.sessions)
        assert server.hub.get("late").signature is None
        for value in (1, 2, 3):
            program.say("/late/label", value)
        program.say("/late/run", "mine", "label", 5)
        session = await opening
        await session.started()
        await until(lambda: session.inputs().get("label") == 3)
        heard = [await program.hear() for _ in range(2)]
        assert [address for address, _ in heard] == ["/reply", "/done"]


async def test_a_session_that_is_renamed_is_at_its_new_address(server: Server, program: Program):
    program.say("/painter/shade", 0.5)
    await program.heard_all()
    await server.hub.rename("painter", "colour")
    program.say("/colour/shade", 0.75)
    program.say("/painter/shade", 0.25)
    assert (await program.refusal())["code"] == "unknown_session"
    assert server.hub.get("colour").inputs()["shade"] == 0.75


# --- bundles -------------------------------------------------------------------------------------


async def test_a_bundle_waits_for_its_time_and_the_loop_does_not(server: Server, program: Program):
    soon = tag(time.time() + 0.3)
    program.send(codec.bundle([codec.message("/painter/shade", [0.875])], soon))
    await program.heard_all()  # nothing stands still meanwhile
    assert server.hub.get("painter").inputs()["shade"] == 0.5
    await until(lambda: server.hub.get("painter").inputs()["shade"] == 0.875)


async def test_bundles_of_the_past_and_those_for_now_count_at_once(server: Server, program: Program):
    inner = codec.bundle([codec.message("/painter/width", [24])])
    program.send(codec.bundle([codec.message("/painter/shade", [0.25]), inner], tag(time.time() - 5)))
    await program.heard_all()
    assert server.hub.get("painter").inputs() == {"shade": 0.25, "width": 24, "height": 48}
    assert (await counted(server))["late"] == 1


async def test_bundles_too_far_ahead_too_deep_or_too_many_are_refused(program: Program):
    program.send(codec.bundle([codec.message("/painter/shade", [0.25])], tag(time.time() + 1e6)))
    assert "clocks" in (await program.refusal())["hint"]
    packet = codec.message("/painter/shade", [0.25])
    for _ in range(limits.OSC_BUNDLE_DEPTH + 2):
        packet = codec.bundle([packet])
    program.send(packet)
    assert (await program.refusal())["code"] == "too_large"
    program.send(codec.bundle([b"/a\0\0"] * (limits.OSC_BUNDLE_PACKETS + 1)))
    assert (await program.refusal())["code"] == "too_large"


# --- runs ----------------------------------------------------------------------------------------


async def test_a_button_runs_with_the_live_inputs_and_letting_it_go_does_not(server: Server, program: Program):
    session = server.hub.get("counter")
    program.say("/counter/upto", 2)
    await program.heard_all()
    await until(lambda: session.stats.runs == 1)  # of the live input
    program.say("/counter/out/text/subscribe")
    await program.hear()
    program.say("/counter/run", 1.0)
    program.say("/counter/run", 0.0)
    assert [(await program.hear())[1] for _ in range(2)] == [["0 "], ["1 "]]
    await program.heard_all()
    assert session.stats.runs == 2


async def test_a_run_with_inputs_of_its_own_leaves_the_live_ones_alone(server: Server, program: Program):
    program.say("/latent/run/map", "seven", "z", 1.0, 2.0, 3.0, 4.0, "label", 1)
    address, values = await program.hear()
    assert (address, values) == ("/reply", ["/latent/run/map", "seven", "w", 3.0, 4.0, 5.0])
    assert await program.hear() == ("/done", ["/latent/run/map", "seven", 1])
    assert server.hub.get("latent").inputs()["label"] == -1


async def test_what_is_wrong_with_a_run_is_told_with_its_id(program: Program):
    for arguments, code in (
        (("a", "upto"), "missing_input"),
        (("a", "upto", "many"), "invalid_input"),
        (("a", "speed", 1), "unknown_input"),
        (("a", 1, 2), "invalid_input"),
    ):
        program.say("/counter/run", *arguments)
        error = await program.refusal()
        assert (error["id"], error["code"]) == ("a", code)


@pytest.mark.parametrize(
    ("address", "arguments", "code"),
    [
        ("/nobody/run", ("7", "shade", 0.5), "unknown_session"),
        ("/painter/run/nothing", ("7",), "unknown_command"),
        ("/painter/stream/nothing", ("7",), "unknown_command"),
        ("/painter/out/nothing/subscribe", ("id=7",), "unknown_port"),
        ("/subscribe", ("format=nothing", "id=7"), "invalid_input"),
        ("/painter/unsubscribe", ("id = 7", 99999), "invalid_input"),
        ("/open", ("", "", "7"), "missing_input"),
        ("/close", ("", "7"), "missing_input"),
        ("/sessions/more", ("7",), "unknown_session"),
    ],
)
async def test_what_can_not_even_begin_is_told_with_its_id(
    program: Program, address: str, arguments: tuple[object, ...], code: str
):
    program.say(address, *arguments)
    refused = await program.refusal()
    assert refused["address"] == address and refused["code"] == code
    assert refused["id"] == ("" if address == "/sessions/more" else "7")


async def test_what_can_not_be_read_is_told_with_its_address(program: Program):
    for packet in (b"/painter/shade\0\0,q\0\0", b"/painter/shade\0\0,[f\0\0\0\0\0", b"/painter/shade[\0"):
        program.send(packet)
        refused = await program.refusal()
        assert refused["code"] == "bad_message" and refused["address"].startswith("/painter/shade")
    program.say("/painter", 1)
    assert (await program.refusal())["message"] == "nothing can be sent to /painter itself"


async def test_a_run_is_cancelled_by_its_id(server: Server, program: Program, tmp_path: Path):
    program.say("/gate/run", "slow", "path", str(tmp_path / "open"))
    await exists(tmp_path / "open.begun")
    program.say("/gate/run", "slow", "path", "")
    assert "under way" in (await program.refusal())["message"]
    program.say("/gate/cancel", "slow")
    error = await program.refusal()
    assert (error["id"], error["code"]) == ("slow", "cancelled")
    (tmp_path / "open").touch()


async def test_cancel_without_an_id_ends_the_live_run_as_well(server: Server, program: Program):
    session = server.hub.get("counter")
    program.say("/counter/upto", 1_000_000_000)
    await until(lambda: session.describe()["stats"]["under_way"])
    program.say("/counter/cancel")
    await until(lambda: session.stats.cancelled)
    assert session.describe()["stats"]["under_way"] == 0


async def test_so_many_runs_at_once_and_no_more(program: Program, tmp_path: Path):
    for number in range(limits.OSC_REQUESTS + 1):
        program.say("/gate/run", f"{number}", "path", str(tmp_path / "open"))
    assert (await program.refusal())["code"] == "busy"
    (tmp_path / "open").touch()


# --- the walk ------------------------------------------------------------------------------------


async def test_a_walk_is_steered(server: Server, program: Program):
    session = server.hub.get("latent")
    player = await server.walks.of(session)
    program.say("/latent/walk/speed", 2.5)
    program.say("/latent/walk/kind", "circle")
    program.say("/latent/walk/keyframes", 3, 14, 15)
    program.say("/latent/walk/direction/1", 1.5)
    program.say("/latent/walk/playing", 1)
    program.say("/latent/walk/distance", '{"lfo": "sine", "period": 8, "low": 0.5, "high": 1}')
    await program.heard_all()
    told = player.describe()["settings"]
    assert (told["speed"], told["kind"], told["keyframes"], told["playing"]) == (2.5, "circle", [3, 14, 15], True)
    assert told["directions"] == {"direction/1": 1.5} and told["distance"]["lfo"] == "sine"
    for address, *arguments in (("pause",), ("seek", 2.0), ("step",), ("tap",), ("seek/seconds", 4)):
        program.say(f"/latent/walk/{address}", *arguments)
    await program.heard_all()
    assert player.describe()["settings"]["playing"] is False
    program.say("/latent/walk/play", 1.0)  # a button, and a speed
    program.say("/latent/walk/kind", 1)  # by its place in the list
    program.say("/latent/walk/speed")
    assert await program.hear() == ("/reply", ["/latent/walk/speed", "", 1.0])
    assert player.describe()["settings"]["kind"] == "loop"
    program.say("/latent/walk/reset")
    await until(lambda: server.walks.running(session) not in (None, player))


async def test_a_walk_that_has_not_begun_begins_when_it_is_told_something(server: Server, program: Program):
    session = server.hub.get("latent")
    assert server.walks.running(session) is None
    program.say("/latent/walk/speed", 3.0)
    program.say("/latent/walk/kind", "drift")
    await until(lambda: (player := server.walks.running(session)) and player.settings.kind == "drift")
    player = server.walks.running(session)
    assert player is not None and player.settings.speed == 3.0


async def test_what_a_walk_does_not_take_is_told(program: Program):
    for path, value, said in (("speed", -1.0, "from 0"), ("kind", "fast", "one of"), ("seek", 1e9, "to 1000000")):
        program.say(f"/latent/walk/{path}", value)
        error = await program.refusal()
        assert said in error["message"], error


# --- sessions ------------------------------------------------------------------------------------


async def test_sessions_are_listed_opened_and_closed(server: Server, program: Program):
    program.say("/sessions")
    assert (await program.hear())[1][:4] == ["/sessions", "", "painter", "ready"]
    program.say("/open", server.hub.get("echo").model, "second", "7")
    assert (await program.hear())[1][:3] == ["/open", "7", "second"]
    program.say("/close", "second")
    assert await program.hear() == ("/reply", ["/close", "", "second"])
    program.say("/open", "../somewhere/else", "third")
    assert (await program.refusal())["code"] == "unknown_model"
    program.say("/open")
    assert (await program.refusal())["code"] == "missing_input"


async def test_a_model_that_was_put_there_while_the_bridge_runs_is_opened(server: Server, program: Program):
    shutil.copytree(MODELS / "echo", server.settings.models_folder / "parrot")
    program.say("/open", "parrot")
    assert (await program.hear())[1][:3] == ["/open", "", "parrot"]


# --- what it is all about ------------------------------------------------------------------------


async def test_errors_beyond_a_bound_are_counted_and_not_told(server: Server, program: Program):
    wrong = [codec.message("/nobody/shade", [number]) for number in range(3 * limits.OSC_ERRORS_PER_SECOND)]
    program.send(codec.bundle(wrong))
    await program.heard_all()
    counts = await counted(server)
    assert counts["errors"] == len(wrong) and counts["errors"] > counts["untold"] > 0


async def test_a_controller_with_addresses_of_its_own_moves_what_it_was_mapped_to(server: Server, program: Program):
    program.say("/1/fader1", 0.5, "and text")
    assert (await program.refusal())["code"] == "unknown_session"
    assert server.mappings.described()["strays"][0] == {"address": "/1/fader1", "numbers": (0.5,)}
    await server.walks.of(server.hub.get("latent"))
    for session, input, target in (("painter", "width", (1, 101)), ("latent", "walk/speed", (0, 4))):
        await server.mappings.add(Mapping(address="/1/fader1", session=session, input=input, target=target))
    program.say("/1/fader1", 0.25)
    program.say("/latent/walk/speed")
    assert await program.hear() == ("/reply", ["/latent/walk/speed", "", 1.0])
    assert server.hub.get("painter").inputs()["width"] == 26
    told = server.mappings.described()
    assert told["moved"] == [{"address": "/1/fader1", "numbers": (0.25,)}] and not told["strays"]  # to be learned again
    for mapping in told["mappings"]:
        await server.mappings.remove(mapping["id"])
    assert server.mappings.described()["moved"] == []


async def test_a_fader_turns_a_switch_and_goes_through_a_list():
    everything = MODELS.parent / "browser" / "models" / "everything"
    async with serving(models=(f"everything={everything}",)) as server, talking(server) as program:
        session = server.hub.get("everything")
        await session.started()
        for input, last in (("bright", 1), ("weather", 1)):
            mapping = Mapping(address="/1/fader2", session="everything", input=input, target=(0, last))
            await server.mappings.add(mapping)
        for number, stands in ((0.7, (True, "sun")), (0.2, (False, "rain"))):
            program.say("/1/fader2", number)
            await until(lambda stands=stands: tuple(map(session.inputs().get, ("bright", "weather"))) == stands)


async def test_answers_are_never_answered(server: Server, program: Program):
    for address in ("/error", "/reply", "/done"):
        program.say(address, "/somewhere", "", "invalid_input", "no", "", "")
    program.say("/subscribe", "127.0.0.1", osc_port(server))
    assert "itself" in (await program.refusal())["message"]
    counts = await counted(server)
    assert counts["errors"] == 0


async def test_it_answers_on_the_other_loopback_too(server: Server):
    try:
        async with talking(server, "::1") as program:
            program.say("/painter/shade", 0.75)
            await program.heard_all()
    except OSError:
        pytest.skip("this machine has no ::1")
    assert server.hub.get("painter").inputs()["shade"] == 0.75


async def test_where_the_loop_tells_of_no_sockets_datagrams_come_all_the_same(monkeypatch: pytest.MonkeyPatch):
    """As on Windows: asyncio reads them there."""

    def not_here(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", not_here)
    async with serving("painter", "counter") as server, talking(server) as program:
        for number in range(100):
            program.say("/painter/shade", number / 100)
        program.say("/painter/shade")
        assert (await program.hear())[1][2:] == [pytest.approx(0.99)]
        program.say("/counter/run", "1", "upto", 2)
        assert [(await program.hear())[0] for _ in range(2)] == ["/reply", "/done"]
        assert (await counted(server))["replaced"] > 50


async def test_counts_are_shown_to_people_and_to_programs(server: Server, program: Program):
    program.say("/painter/shade", 0.25)
    program.say("/painter/shade", 9.0)
    await program.refusal()
    async with calling(server) as client:
        async with client.get("/api/info") as answer:
            (wire,) = [wire for wire in (await answer.json())["wires"] if wire["name"] == "osc"]
        async with client.get("/metrics") as answer:
            metrics = await answer.text()
    assert wire["counts"]["messages"] == 2 and wire["counts"]["errors"] == 1
    assert 'sketchbridge_wire_total{what="messages",wire="osc"} 2.0' in metrics


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_hundred_thousand_broken_packets_break_nothing(
    server: Server, program: Program, caplog: pytest.LogCaptureFixture
):
    """Noise, and messages with a byte changed, cut off, or put together wrongly; in short, what a network may bring."""
    source = random.Random(4)
    good = [
        codec.message("/painter/shade", [0.5]),
        codec.message("/latent/z", [1.0, 2.0, 3.0, 4.0]),
        codec.message("/latent/walk/speed", ["{}"]),
        codec.message("/echo/run", ["id", "value", b"b", 2.0]),
        codec.message("/*/[a-z]?{a,b}//x", [1]),
        codec.message("/painter/subscribe", [9999, "format=jpeg"]),
        codec.bundle([codec.message("/painter/shade", [0.5])], tag(time.time() + 0.01)),
        codec.bundle([codec.bundle([codec.message("/echo/value", [True])])]),
    ]
    caplog.set_level(logging.ERROR)
    osc, sent, held = server.osc, 0, []
    while sent < 100_000:
        for _ in range(250):
            program.send(broken(good, source))
        sent += 250
        await until(lambda sent=sent: dealt_with(osc) >= sent)
        drain(program.socket)
        if sent in (50_000, 100_000):
            held.append(psutil.Process().memory_info().rss)
    assert osc.datagrams.counts["packets"] > 90_000  # a busy machine may lose some on the way
    assert [record for record in caplog.records if record.exc_info] == []
    assert held[1] - held[0] < 16 * limits.MIB
    program.say("/painter/shade", 0.25)
    await until(lambda: server.hub.get("painter").inputs()["shade"] == 0.25)


def dealt_with(osc: Osc) -> int:
    counts = osc.datagrams.counts
    return counts["packets"] + counts["lost"]


def drain(made: socket.socket) -> None:
    """Throw away what came back."""
    with suppress(BlockingIOError):
        while True:
            made.recv(65536)


def broken(good: list[bytes], source: random.Random) -> bytes:
    how = source.randrange(4)
    if how == 0:
        return source.choice((b"", b"/", b"#bundle\0")) + source.randbytes(source.randrange(64))
    packet = bytearray(source.choice(good))
    if how == 1:
        packet[source.randrange(len(packet))] = source.randrange(256)
    elif how == 2:
        del packet[source.randrange(len(packet)) :]
    else:
        at = source.randrange(len(packet))
        packet[at:at] = source.choice(good)
    return bytes(packet)


async def counted(server: Server) -> dict[str, int]:
    async with calling(server) as client, client.get("/api/osc") as answer:
        counts: dict[str, int] = (await answer.json())["counts"]
        return counts
