"""WHEP and WHIP over real sockets, with aiortc on the other side."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aiortc import MediaStreamTrack, RTCSessionDescription
from av import VideoFrame

from bridge import limits
from bridge.server import Server
from bridge.transports.webrtc import WebRtc
from tests.transports.serving import calling, serving
from tests.transports.webrtc_clients import (
    SDP,
    Grey,
    agree,
    closed_after,
    connection,
    ended,
    offer,
    sending,
    watching,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
WHEP = "/api/sessions/painter/whep/image"
WHIP = "/api/sessions/seer/whip/image"
TRICKLE = {"Content-Type": "application/trickle-ice-sdpfrag"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "seer", "counter", "framer") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with calling(server) as client:
        yield client


async def paint(client: aiohttp.ClientSession, **inputs: float) -> None:
    assert (await client.patch("/api/sessions/painter/inputs", json=inputs)).ok


async def shade(video: MediaStreamTrack, wanted: float) -> VideoFrame:
    """Until the video shows about that shade; a video has losses."""
    while True:
        frame = await video.recv()
        if abs(frame.to_ndarray(format="gray").mean() / 255 - wanted) < 0.05:
            return frame


async def seen(client: aiohttp.ClientSession, name: str, wanted: float) -> list[int]:
    """Until the model sees about that shade; the size of what it saw."""
    while True:
        async with client.get(f"/api/sessions/{name}/outputs") as answer:
            outputs = (await answer.json())["outputs"]
        if outputs and abs(outputs["mean"]["value"] / 255 - wanted) < 0.05:
            return outputs["size"]["value"]
        await asyncio.sleep(0.02)


async def code(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["error"]["code"]


def videos(server: Server) -> WebRtc:
    (route,) = [route for route in server.http.routes if route.path.endswith("/whep/{port}")]
    return route.handler.__self__


async def none_left(server: Server) -> None:
    while videos(server)._lives:
        await asyncio.sleep(0.01)


# --- out -----------------------------------------------------------------------------------------


async def test_a_viewer_sees_the_last_picture_at_once_and_every_change(client: aiohttp.ClientSession):
    await paint(client, shade=0.25)
    async with watching(client, WHEP) as (_, video, _):
        frame = await shade(video, 0.25)
        assert (frame.width, frame.height) == (64, 48)
        await paint(client, shade=0.9)
        await shade(video, 0.9)


async def test_the_size_is_as_asked_for_and_even(client: aiohttp.ClientSession):
    await paint(client, width=301, height=151)
    async with watching(client, WHEP, width="101") as (_, video, _):
        frame = await video.recv()
        assert (frame.width, frame.height) == (100, 50)
        await paint(client, width=61, height=41)
        while (frame.width, frame.height) != (60, 40):
            frame = await video.recv()


async def test_viewers_of_one_size_share_what_the_worker_made(server: Server, client: aiohttp.ClientSession):
    await paint(client, shade=0.25)
    async with watching(client, WHEP) as (_, one, _), watching(client, WHEP) as (_, other, _):
        await shade(one, 0.25)
        await shade(other, 0.25)
        assert len(server.hub.get("painter")._fanout.wishes) == 1


async def test_a_viewer_can_be_ended_and_is_then_gone(server: Server, client: aiohttp.ClientSession):
    await paint(client, shade=0.25)
    async with watching(client, WHEP) as (peer, video, place):
        await video.recv()
        assert place.startswith(WHEP + "/")
        assert (await client.delete(place)).status == 200
        await none_left(server)
        assert await code(await client.delete(place)) == (404, "not_found")
        await ended(peer)
    assert server.hub.get("painter")._fanout.readers == 0


async def test_a_session_that_is_closed_ends_its_videos():
    async with serving("painter", "seer") as server, calling(server) as client:
        await paint(client, shade=0.25)
        async with watching(client, WHEP) as (watcher, video, _), sending(client, WHIP, Grey()) as (sender, _):
            await video.recv()
            await seen(client, "seer", 0.8)
            await server.hub.close_session("painter")
            await server.hub.close_session("seer")
            await ended(watcher)
            await ended(sender)
            await none_left(server)


async def test_a_viewer_who_hangs_up_is_forgotten(server: Server, client: aiohttp.ClientSession):
    await paint(client, shade=0.25)
    async with watching(client, WHEP) as (_, video, _):
        await video.recv()
    await none_left(server)
    assert server.hub.get("painter")._fanout.readers == 0


async def test_a_viewer_who_vanishes_without_a_word_is_forgotten(
    server: Server, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr("aioice.ice.CONSENT_FAILURES", 1)
    await paint(client, shade=0.25)
    async with watching(client, WHEP) as (peer, video, _):
        await video.recv()
        for protocol in peer.getTransceivers()[0].receiver.transport.transport._connection._protocols:
            protocol.transport.abort()
        await none_left(server)


async def test_who_never_connects_is_given_up(
    server: Server, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "VIDEO_CONNECT_SECONDS", 0.1)
    async with closed_after(connection()) as peer:
        peer.addTransceiver("video", direction="recvonly")
        answer = await client.post(WHEP, data=await offer(peer), headers=SDP)
        assert answer.status == 201
        await none_left(server)


async def test_closing_the_bridge_ends_what_goes_on():
    async with closed_after(connection()) as watcher:
        async with serving("painter") as server, calling(server) as client:
            video = watcher.addTransceiver("video", direction="recvonly")
            await paint(client, shade=0.25)
            await agree(client, watcher, WHEP)
            await shade(video.receiver.track, 0.25)
            await client.post(WHEP, data=await _unanswered(), headers=SDP)
        await ended(watcher)


async def _unanswered() -> str:
    """The offer of somebody who has left before the answer comes."""
    async with closed_after(connection()) as peer:
        peer.addTransceiver("video", direction="recvonly")
        return await offer(peer)


# --- in ------------------------------------------------------------------------------------------


async def test_a_camera_becomes_the_live_input(client: aiohttp.ClientSession):
    camera = Grey()
    async with sending(client, WHIP, camera):
        assert await seen(client, "seer", 0.8) == [96, 64]
        camera.light = 0.2
        await seen(client, "seer", 0.2)


async def test_a_camera_is_made_smaller_as_asked_for(client: aiohttp.ClientSession):
    async with sending(client, WHIP, Grey(0.4), width="48"):
        assert await seen(client, "seer", 0.4) == [48, 32]


async def test_an_input_of_one_size_gets_the_middle_of_what_the_camera_sees(client: aiohttp.ClientSession):
    async with sending(client, "/api/sessions/framer/whip/image", Grey()):
        assert await seen(client, "framer", 0.8) == [32, 48]


async def test_a_camera_that_does_not_fit_is_told_to_everybody_and_ended(server: Server, client: aiohttp.ClientSession):
    path = "/api/sessions/framer/whip/large"
    async with server.hub.events.subscribe(("error",)) as errors, sending(client, path, Grey()) as (peer, _):
        event = await anext(aiter(errors))
        await ended(peer)
    assert (event.session, event.data["field"]) == ("framer", "large")
    assert "96 × 64 came" in event.data["message"]


async def test_sound_that_comes_along_is_left_out(client: aiohttp.ClientSession):
    async with closed_after(connection()) as peer:
        peer.addTransceiver("audio", direction="sendonly")
        peer.addTransceiver(Grey(0.6), direction="sendonly")
        await agree(client, peer, WHIP)
        assert [one.currentDirection for one in peer.getTransceivers()] == ["inactive", "sendonly"]
        await seen(client, "seer", 0.6)


# --- what is refused -----------------------------------------------------------------------------


async def offering(*kinds: tuple[str, str]) -> str:
    async with closed_after(connection()) as peer:
        for kind, direction in kinds:
            if kind == "data":
                peer.createDataChannel("talk")
            else:
                peer.addTransceiver(kind, direction=direction)
        return await offer(peer)


WATCH, SEND = (("video", "recvonly"),), (("video", "sendonly"),)


@pytest.mark.parametrize(
    ("path", "media", "headers", "refused", "field"),
    [
        ("/api/sessions/nobody/whep/image", WATCH, SDP, (404, "unknown_session"), "session"),
        ("/api/sessions/painter/whep/nope", WATCH, SDP, (404, "unknown_port"), "nope"),
        ("/api/sessions/counter/whep/text", WATCH, SDP, (400, "invalid_input"), "text"),
        ("/api/sessions/seer/whip/nope", SEND, SDP, (400, "unknown_input"), "nope"),
        ("/api/sessions/seer/whip/scale", SEND, SDP, (400, "invalid_input"), "scale"),
        (WHEP + "?fps=0", WATCH, SDP, (400, "invalid_input"), "fps"),
        (WHEP + "?bitrate=1", WATCH, SDP, (400, "unknown_input"), "bitrate"),
        (WHEP, WATCH, {"Content-Type": "application/json"}, (415, "unsupported_type"), ""),
        (WHEP, SEND, SDP, (400, "invalid_input"), ""),
        (WHIP, WATCH, SDP, (400, "invalid_input"), ""),
        (WHEP, (("audio", "recvonly"),), SDP, (400, "invalid_input"), ""),
        (WHEP, (*WATCH, ("data", "")), SDP, (400, "invalid_input"), ""),
        (WHEP, WATCH * 5, SDP, (400, "invalid_input"), ""),
    ],
)
async def test_an_offer_that_can_not_be_taken_says_why(
    server: Server,
    client: aiohttp.ClientSession,
    path: str,
    media: tuple[tuple[str, str], ...],
    headers: dict[str, str],
    refused: tuple[int, str],
    field: str,
):
    answer = await client.post(path, data=await offering(*media), headers=headers)
    assert await code(answer) == refused
    assert (await answer.json())["error"]["field"] == field
    await none_left(server)


@pytest.mark.parametrize("body", [b"", b"hello", b"v=0\r\n", b"\xff\xfe", b"v=0\r\nm=video x y z\r\n"])
async def test_what_is_no_offer_says_so(server: Server, client: aiohttp.ClientSession, body: bytes):
    answer = await client.post(WHEP, data=body, headers=SDP)
    assert answer.status == 400
    await none_left(server)


async def test_an_offer_beyond_the_limit_is_refused(client: aiohttp.ClientSession):
    answer = await client.post(WHEP, data=b"v" * (limits.SDP_BYTES + 1), headers=SDP)
    assert await code(answer) == (413, "too_large")


async def test_damaged_offers_leave_nothing_behind_and_no_traceback(
    server: Server, client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
):
    chance = random.Random(5)
    whole = await offering(*WATCH)
    came = set()
    for _ in range(200):
        answer = await client.post(WHEP, data=_damaged(whole, chance), headers=SDP)
        came.add(answer.status)
        if answer.status == 201:
            assert (await client.delete(answer.headers["Location"])).status == 200
    await none_left(server)
    assert came == {201, 400}
    assert not [record for record in caplog.records if record.exc_info]


def _damaged(offer: str, chance: random.Random) -> bytes:
    """Lines left out, doubled, and letters changed."""
    lines = [line for line in offer.splitlines() for _ in range(chance.choice((0, *[1] * 40, 2)))]
    text = bytearray("\r\n".join(lines).encode())
    for _ in range(chance.randrange(6)):
        text[chance.randrange(len(text))] = chance.randrange(256)
    return bytes(text)


async def test_only_so_many_go_on_at_once(client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "VIDEO_PEERS", 1)
    async with watching(client, WHEP) as (_, _, place):
        answer = await client.post(WHEP, data=await offering(*WATCH), headers=SDP)
        assert await code(answer) == (429, "busy")
        await client.delete(place)
        async with watching(client, WHEP):
            pass


async def test_offers_that_come_slowly_are_counted_too(
    server: Server, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "VIDEO_PEERS", 1)
    both, offered = asyncio.Barrier(3), await offering(*WATCH)
    await none_left(server)

    async def slowly() -> AsyncIterator[bytes]:
        yield offered[:1].encode()
        await both.wait()
        yield offered[1:].encode()

    asked = [asyncio.create_task(client.post(WHEP, data=slowly(), headers=SDP)) for _ in range(2)]
    await both.wait()
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status for answer in answers) == [201, 429]
    assert server.hub.get("painter").describe()["stats"]["readers"] == 1
    (place,) = [answer.headers["Location"] for answer in answers if answer.ok]
    await client.delete(place)
    await none_left(server)


async def test_without_aiortc_it_says_what_to_install(client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch):
    body = await offering(*WATCH)
    monkeypatch.setitem(sys.modules, "aiortc", None)
    for name in ("webrtc_peer", "webrtc_video"):
        monkeypatch.delitem(sys.modules, f"bridge.transports.{name}")
    answer = await client.post(WHEP, data=body, headers=SDP)
    assert await code(answer) == (501, "not_installed")
    assert "sketchbridge[webrtc]" in (await answer.json())["error"]["hint"]


# --- addresses -----------------------------------------------------------------------------------


async def test_addresses_may_come_after_the_offer(client: aiohttp.ClientSession):
    await paint(client, shade=0.25)
    async with closed_after(connection()) as peer:
        video = peer.addTransceiver("video", direction="recvonly")
        whole = await offer(peer)
        bare = [line for line in whole.splitlines() if not line.startswith(("a=candidate", "a=end-of-candidates"))]
        answer = await client.post(WHEP, data="\r\n".join(bare) + "\r\n", headers=SDP)
        fragment = "\r\n".join(line for line in whole.splitlines() if line not in bare or line.startswith("a=mid"))
        place = answer.headers["Location"]
        assert (await client.patch(place, data=fragment, headers=TRICKLE)).status == 204
        await peer.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
        await shade(video.receiver.track, 0.25)


async def test_only_so_many_addresses_are_tried(client: aiohttp.ClientSession):
    async with watching(client, WHEP) as (_, _, place):
        for number in range(limits.CANDIDATES):
            line = f"a=mid:0\r\na=candidate:{number} 1 udp 1 127.0.0.1 {20_000 + number} typ host\r\n"
            answer = await client.patch(place, data=line, headers=TRICKLE)
            if answer.status != 204:
                break
        assert await code(answer) == (400, "invalid_input")
        assert f"{limits.CANDIDATES} addresses" in (await answer.json())["error"]["message"]


async def test_a_patch_that_is_something_else_is_refused(client: aiohttp.ClientSession):
    async with watching(client, WHEP) as (_, _, place):
        assert await code(await client.patch(place, data=b"{}")) == (415, "unsupported_type")
        restart = b"a=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\n"
        assert await code(await client.patch(place, data=restart, headers=TRICKLE)) == (400, "invalid_input")
        damaged = b"a=mid:0\r\na=candidate:1 1 udp\r\n"
        assert await code(await client.patch(place, data=damaged, headers=TRICKLE)) == (400, "bad_message")
        assert (await client.patch(place, data=b"a=end-of-candidates\r\n", headers=TRICKLE)).status == 204
    assert await code(await client.patch(f"{WHEP}/nobody", data=b"", headers=TRICKLE)) == (404, "not_found")


async def test_pages_from_elsewhere_may_ask_and_see_where_to_end_it(client: aiohttp.ClientSession):
    page = {"Origin": "https://editor.p5js.org"}
    asked = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = await client.options(WHEP, headers=asked)
    assert preflight.status == 204 and "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    answer = await client.post(WHEP, data=await offering(*WATCH), headers={**SDP, **page})
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Accept-Patch"] == TRICKLE["Content-Type"]
    assert (await client.options(WHEP)).headers["Accept-Post"] == "application/sdp"
    assert (await client.delete(answer.headers["Location"], headers=page)).status == 200
