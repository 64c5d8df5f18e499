"""The routes, over real sockets, with real models behind them."""

import asyncio
import base64
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest
import pytest_asyncio
from yarl import URL

from bridge import limits
from bridge.server import Server
from tests.transports.serving import calling, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
RUN = "/api/sessions/{}/run"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving("echo", "painter", "counter", "crash", "gate", "seer", max_body=1024 * 1024) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with calling(server) as client:
        yield client


def png(width: int = 8, height: int = 6, shade: int = 255) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), shade, np.uint8))[1].tobytes()


async def raw(server: Server, request: bytes) -> bytes:
    """What comes back for these bytes, until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await reader.read()
    await hang_up(writer)
    return answer


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """Server-sent events as they come."""
    kind = ""
    async for line in response.content:
        word, _, rest = line.decode().rstrip("\n").partition(": ")
        if word == "event":
            kind = rest
        elif word == "data":
            yield kind, json.loads(rest)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def exists(path: Path) -> None:
    while not path.exists():
        await asyncio.sleep(0.002)


# --- run -----------------------------------------------------------------------------------------


async def test_a_run_takes_json_and_gives_json(client: aiohttp.ClientSession) -> None:
    answer = await client.post(RUN.format("echo"), json={"value": {"a": [1, 2.5, None, "ä"]}})
    found = await answer.json()
    assert answer.status == 200 and found["outputs"] == {"any": {"a": [1, 2.5, None, "ä"]}}
    assert found["run"] >= 1 and min(found["model_ms"], found["encode_ms"], found["age_ms"]) >= 0


async def test_inputs_may_stand_in_the_address(client: aiohttp.ClientSession) -> None:
    found = await (await client.post(RUN.format("counter"), params={"upto": "2", "prefix": "n"})).json()
    assert found["outputs"] == {"text": "n0 n1 "}


async def test_an_input_in_body_and_address_is_refused(client: aiohttp.ClientSession) -> None:
    answer = await client.post(RUN.format("counter"), params={"upto": "2"}, json={"upto": 3})
    assert answer.status == 400 and (await answer.json())["error"]["field"] == "upto"


async def test_a_form_brings_a_picture_and_a_number(client: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData()
    form.add_field("image", png(shade=200), filename="a.png", content_type="image/png")
    form.add_field("scale", "0.5")
    found = await (await client.post(RUN.format("seer"), data=form)).json()
    assert found["outputs"] == {"size": [8, 6], "mean": 100.0}


async def test_a_bare_picture_is_enough(client: aiohttp.ClientSession) -> None:
    headers = {"Content-Type": "image/png"}
    found = await (await client.post(RUN.format("seer"), data=png(), headers=headers, params={"scale": "1"})).json()
    assert found["outputs"]["size"] == [8, 6]


async def test_a_picture_in_json_is_a_data_uri_or_base64(client: aiohttp.ClientSession) -> None:
    plain = base64.b64encode(png()).decode()
    for text in (plain, f"data:image/png;base64,{plain}", plain.rstrip("=")):
        found = await (await client.post(RUN.format("seer"), json={"image": text})).json()
        assert found["outputs"]["size"] == [8, 6]


@pytest.mark.parametrize(
    ("accept", "kind", "magic"),
    [
        ("image/jpeg", "image/jpeg", b"\xff\xd8"),
        ("image/png", "image/png", b"\x89PNG"),
        ("image/webp", "image/webp", b"RIFF"),
        ("image/*", "image/jpeg", b"\xff\xd8"),
        ("image/avif, image/png;q=0.9, image/jpeg;q=0.1", "image/png", b"\x89PNG"),
    ],
)
async def test_accept_gives_the_bare_picture(
    client: aiohttp.ClientSession, accept: str, kind: str, magic: bytes
) -> None:
    answer = await client.post(RUN.format("painter"), headers={"Accept": accept})
    assert (answer.status, answer.content_type) == (200, kind)
    assert (await answer.read()).startswith(magic) and "model;dur=" in answer.headers["Server-Timing"]


async def test_the_output_can_be_wanted_smaller(client: aiohttp.ClientSession) -> None:
    params = {"output.width": "16", "output.format": "png", "width": "64", "height": "64"}
    found = await (await client.post(RUN.format("painter"), params=params)).json()
    head, _, body = found["outputs"]["image"].partition(",")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(body), np.uint8), cv2.IMREAD_COLOR)
    assert head == "data:image/png;base64" and picture.shape[:2] == (16, 16)


async def test_a_text_can_be_had_bare(client: aiohttp.ClientSession) -> None:
    answer = await client.post(RUN.format("counter"), headers={"Accept": "text/plain"})
    assert (answer.content_type, await answer.text()) == ("text/plain", "0 1 2 ")


async def test_another_command_goes_by_name(client: aiohttp.ClientSession, tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text("a b")
    wish = {"Accept": "text/event-stream"}
    async with client.post(RUN.format("gate"), params={"command": "steps", "path": str(path)}, headers=wish) as answer:
        came = []
        async for kind, data in events(answer):
            came.append((kind, data["outputs"]["text"]))
            if len(came) == 2:
                break
    assert came == [("output", "a"), ("output", "b")]
    await exists(Path(f"{path}.left"))


async def test_a_stream_gives_outputs_as_they_come_and_one_end(client: aiohttp.ClientSession) -> None:
    answer = await client.post(RUN.format("counter"), json={"upto": 3}, headers={"Accept": "text/event-stream"})
    came = [event async for event in events(answer)]
    assert answer.content_type == "text/event-stream"
    assert [data["outputs"]["text"] for kind, data in came if kind == "output"] == ["0 ", "1 ", "2 "]
    assert [kind for kind, _ in came][-1] == "done" and came[-1][1]["run"] == came[0][1]["run"]


async def test_a_stream_that_fails_ends_with_the_error(client: aiohttp.ClientSession) -> None:
    answer = await client.post(RUN.format("crash"), json={"how": "raise"}, headers={"Accept": "text/event-stream"})
    came = [event async for event in events(answer)]
    assert [kind for kind, _ in came] == ["error"] and came[0][1]["error"]["code"] == "model_failed"


async def test_a_run_that_another_ends_is_told_as_cancelled(
    server: Server, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    path = tmp_path / "gate"
    wish = {"Accept": "text/event-stream"}
    async with client.post(RUN.format("gate"), json={"path": str(path)}, headers=wish) as answer:
        server.hub.get("gate").cancel(int(answer.headers["Bridge-Run"]))
        assert [(kind, data["error"]["code"]) async for kind, data in events(answer)] == [("error", "cancelled")]
    path.touch()


async def test_a_caller_that_hangs_up_frees_the_model(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text("a")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST /api/sessions/gate/run?command=steps&path={path} HTTP/1.1\r\nHost: localhost\r\n"
    writer.write(f"{head}Accept: text/event-stream\r\n\r\n".encode())
    await reader.readuntil(b"event: output")
    await hang_up(writer)
    await exists(Path(f"{path}.left"))


async def test_a_caller_that_hangs_up_before_its_answer_frees_the_model_too(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text("a")
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"POST /api/sessions/gate/run?command=steps&path={path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    async with server.hub.get("gate").subscribe("text", "all") as frames:
        await anext(aiter(frames))
    await hang_up(writer)
    await exists(Path(f"{path}.left"))


async def test_too_many_runs_are_refused_with_when_to_come_again(tmp_path: Path) -> None:
    async with serving("gate", queue=2) as server, calling(server) as client:
        path = tmp_path / "gate"
        first = asyncio.create_task(client.post(RUN.format("gate"), json={"path": str(path)}))
        await exists(Path(f"{path}.begun"))
        runs = [asyncio.create_task(client.post(RUN.format("gate"), json={"tag": "more"})) for _ in range(5)]
        done, _ = await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        refused = next(iter(done)).result()
        assert refused.status == 429 and refused.headers["Retry-After"]
        path.touch()
        answers = [await first, *[await run for run in runs]]
        assert {answer.status for answer in answers} == {200, 429}


# --- live inputs and outputs ---------------------------------------------------------------------


async def test_live_inputs_give_a_last_output_in_every_form(client: aiohttp.ClientSession) -> None:
    base = "/api/sessions/painter"
    async with client.get(f"{base}/events", params={"port": "image"}) as following:
        answer = await client.patch(f"{base}/inputs", json={"shade": 1, "width": 20, "height": 10})
        assert (await answer.json())["inputs"]["width"] == 20
        async for kind, data in events(following):
            if kind == "output":
                assert data["value"].startswith("data:image/jpeg;base64,") and data["age_ms"] >= 0
                break
    every = await (await client.get(f"{base}/outputs")).json()
    assert every["outputs"]["image"]["value"].startswith("data:image/")
    for ending, kind in (
        ("jpg", "image/jpeg"),
        ("png", "image/png"),
        ("webp", "image/webp"),
        ("json", "application/json"),
    ):
        answer = await client.get(f"{base}/outputs/image.{ending}")
        assert (answer.status, answer.content_type) == (200, kind)
    small = await (await client.get(f"{base}/outputs/image.png", params={"width": "5"})).read()
    assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape[1] == 5
    browser = await client.get(f"{base}/outputs/image", headers={"Accept": "image/avif,image/webp,*/*;q=0.8"})
    assert browser.content_type == "image/webp"
    plain = await client.get(f"{base}/outputs/image")
    assert plain.content_type == "application/json" and (await plain.json())["port"] == "image"


async def test_mjpeg_shows_the_last_picture_at_once_and_the_next_as_they_come(client: aiohttp.ClientSession) -> None:
    await client.patch("/api/sessions/painter/inputs", json={"shade": 0.1})
    async with client.get("/api/sessions/painter/stream/image.mjpg", params={"quality": "50"}) as answer:
        assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        assert await answer.content.readline() == b"--frame\r\n"
        for _ in range(3):
            head = {}
            while (line := await answer.content.readline()) != b"\r\n":
                name, _, value = line.decode().partition(": ")
                head[name] = value.strip()
            picture = await answer.content.readexactly(int(head["Content-Length"]))
            assert picture.startswith(b"\xff\xd8")
            assert [await answer.content.readline() for _ in range(2)] == [b"\r\n", b"--frame\r\n"]
            await client.patch("/api/sessions/painter/inputs", json={"shade": 0.9})


async def test_mjpeg_readers_get_their_size_at_their_rate_and_what_is_alike_is_encoded_once() -> None:
    async with serving("painter") as server, calling(server) as client, AsyncExitStack() as stack:
        path = "/api/sessions/painter/stream/image.mjpg"
        await client.patch("/api/sessions/painter/inputs", json={"shade": 0})
        readers = [
            await stack.enter_async_context(client.get(path, params=query))
            for query in ({"width": "32", "fps": "1"}, {"width": "32"}, {"width": "16"})
        ]
        pictures = [parts(reader) for reader in readers]
        assert [(await anext(one)).shape[:2] for one in pictures] == [(24, 32), (24, 32), (12, 16)]
        assert sorted(encoding.width for _, encoding in server.hub.get("painter")._fanout.wishes) == [16, 32]
        for number in range(1, 31):
            await client.patch("/api/sessions/painter/inputs", json={"shade": number / 30})
        slow = set()
        while 255 not in slow:
            slow.add(int((await anext(pictures[0])).max()))
        assert len(slow) < 20


async def parts(answer: aiohttp.ClientResponse) -> AsyncIterator[np.ndarray]:
    """The pictures of a stream."""
    while line := await answer.content.readline():
        if line.startswith(b"Content-Length: "):
            await answer.content.readuntil(b"\r\n\r\n")
            data = await answer.content.readexactly(int(line.split()[1]))
            yield cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


async def test_a_session_that_gave_nothing_yet_says_so(client: aiohttp.ClientSession) -> None:
    async with serving("painter") as server, calling(server) as client:
        answer = await client.get("/api/sessions/painter/outputs/image.jpg")
        assert answer.status == 404 and (await answer.json())["error"]["code"] == "no_output_yet"
        assert (await (await client.get("/api/sessions/painter/outputs")).json())["outputs"] == {}


async def test_a_model_that_is_busy_says_so_instead_of_letting_us_wait(
    server: Server, client: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OUTPUT_SECONDS", 0.05)
    path = tmp_path / "gate"
    await client.post(RUN.format("gate"), json={"tag": "shown"})
    run = asyncio.create_task(client.post(RUN.format("gate"), json={"path": str(path)}))
    await exists(Path(f"{path}.begun"))
    for address in ("outputs", "outputs/text", "outputs/text.txt"):
        answer = await client.get(f"/api/sessions/gate/{address}")
        error = (await answer.json())["error"]
        assert (answer.status, error["code"], error["field"]) == (429, "busy", "text")
        assert "busy with a run" in error["message"] and error["hint"]
    path.touch()
    await run
    monkeypatch.undo()
    assert await (await client.get("/api/sessions/gate/outputs/text.txt")).text() == ""


async def test_runs_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    async with serving("gate", "crash") as server, calling(server) as client:
        path = tmp_path / "steps"
        for _ in range(2):
            await client.post(RUN.format("gate"), json={})
        run = server.hub.get("gate").run({"path": str(path)}, "steps")
        run.cancel()
        await client.post(RUN.format("gate"), json={})  # behind it, so it has ended
        await client.post(RUN.format("crash"), json={"how": "raise"})
        told = await (await client.get("/metrics")).text()
    for session, end, count in (
        ("gate", "done", 3),
        ("gate", "cancelled", 1),
        ("gate", "failed", 0),
        ("crash", "done", 0),
        ("crash", "failed", 1),
    ):
        assert f'sketchbridge_runs_total{{end="{end}",session="{session}"}} {count}.0' in told


# --- sessions, models, events --------------------------------------------------------------------


async def test_a_session_is_opened_joined_and_closed(server: Server, client: aiohttp.ClientSession) -> None:
    async with client.get("/api/events") as following:
        told = events(following)
        assert (await anext(told))[0] == "hello"
        opened = await client.post("/api/sessions?wait=true", json={"model": "echo", "name": "second"})
        found = await opened.json()
        assert opened.status == 201 and opened.headers["Location"] == "/api/sessions/second"
        assert (found["name"], found["state"]) == ("second", "ready")
        joined = await client.post("/api/sessions", json={"model": "echo", "name": "second"})
        assert joined.status == 200
        other = await client.post("/api/sessions", json={"model": "painter", "name": "second"})
        assert other.status == 409 and (await other.json())["error"]["code"] == "name_taken"
        closed = await client.delete("/api/sessions/second")
        assert closed.status == 204 and await closed.read() == b""
        assert (await client.get("/api/sessions/second")).status == 404
        kinds = []
        while "session_closed" not in kinds:
            kind, data = await anext(told)
            if data["session"] == "second":
                kinds.append(kind)
        assert kinds[0] == "session_opened"


async def test_a_path_that_comes_over_the_wire_is_never_opened(client: aiohttp.ClientSession, server: Server) -> None:
    folder = str(server.hub.get("echo").manifest and Path(__file__).parent.parent / "models" / "batcher")
    for model in (folder, f"{folder}/", "../models/batcher", "."):
        answer = await client.post("/api/sessions", json={"model": model})
        assert answer.status == 404 and (await answer.json())["error"]["code"] == "unknown_model"
    assert "batcher" not in server.hub.sessions


async def test_sessions_and_models_are_listed(client: aiohttp.ClientSession) -> None:
    listed = await (await client.get("/api/sessions")).json()
    assert {"echo", "painter"} <= {session["name"] for session in listed["sessions"]}
    models = (await (await client.get("/api/models")).json())["models"]
    assert {"palette", "pencil"} <= {model["id"] for model in models}
    drawing = (await (await client.get("/api/models", params={"search": "pencil"})).json())["models"]
    assert drawing[0]["id"] == "pencil"
    one = await (await client.get("/api/models/painter")).json()
    assert one["sessions"] == ["painter"] and "shade" in one["signature"]["commands"]["run"]["inputs"]


async def test_info_health_metrics_and_page(client: aiohttp.ClientSession) -> None:
    info = await (await client.get("/api/info")).json()
    assert info["name"] == "sketchbridge" and info["sessions"]["echo"] == "ready"
    assert (await (await client.get("/healthz")).json()) == {"status": "ok"}
    metrics = await (await client.get("/metrics")).text()
    assert 'sketchbridge_runs_total{end="failed",session="crash"}' in metrics
    page = await client.get("/")
    assert page.content_type == "text/html" and "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "<script type" in await page.text() and "unsafe" not in page.headers["Content-Security-Policy"]


async def test_info_tells_where_this_bridge_is_found():
    async with serving() as server, calling(server) as here:
        info = await (await here.get("/api/info")).json()
        assert info["addresses"][0] == f"http://127.0.0.1:{server.port}"
        assert set(info["addresses"]) <= {f"http://{host}:{server.port}" for host in ("127.0.0.1", "[::1]")}
    async with serving(host="0.0.0.0", token="secret", mdns=False) as server, calling(server) as here:
        shown = {"Authorization": "Bearer secret"}
        found = (await (await here.get("/api/info", headers=shown)).json())["addresses"]
        assert found[-1] == f"http://127.0.0.1:{server.port}" and not any("0.0.0.0" in one for one in found)
        for one in found:
            async with here.get(f"{one}/healthz") as answer:
                assert answer.status == 200


async def test_head_is_get_without_a_body(client: aiohttp.ClientSession) -> None:
    for path in ("/healthz", "/api/events", "/api/sessions/painter/stream/image.mjpg"):
        answer = await client.head(path)
        assert answer.status == 200 and await answer.read() == b""


# --- what is refused -----------------------------------------------------------------------------

DEEP = b'{"value":' + b"[" * 60 + b"]" * 60 + b"}"
JSON = {"Content-Type": "application/json"}
BAD: list[tuple[str, str, dict[str, str], bytes, int, str, str]] = [
    # method, path, headers, body -> status, code, field
    ("POST", RUN.format("nobody"), JSON, b"{}", 404, "unknown_session", "session"),
    ("GET", "/api/sessions/nobody", {}, b"", 404, "unknown_session", "session"),
    ("POST", RUN.format("echo") + "?command=nope", JSON, b"{}", 404, "unknown_command", ""),
    ("POST", RUN.format("painter"), JSON, b'{"shade": "dark"}', 400, "invalid_input", "shade"),
    ("POST", RUN.format("painter"), JSON, b'{"shade": 2}', 400, "invalid_input", "shade"),
    ("POST", RUN.format("painter"), JSON, b'{"shde": 1}', 400, "unknown_input", "shde"),
    ("POST", RUN.format("painter") + "?shade=x", JSON, b"", 400, "invalid_input", "shade"),
    ("POST", RUN.format("seer"), JSON, b"{}", 400, "missing_input", "image"),
    ("POST", RUN.format("seer"), {"Content-Type": "image/png"}, b"this is text", 400, "invalid_input", "image"),
    ("POST", RUN.format("seer"), {"Content-Type": "image/png"}, png(64, 64)[:60], 400, "invalid_input", "image"),
    ("POST", RUN.format("seer"), {"Content-Type": "video/mp4"}, b"abc", 415, "unsupported_type", ""),
    ("POST", RUN.format("echo"), JSON, b'{"value": ', 400, "bad_message", ""),
    ("POST", RUN.format("echo"), JSON, b'{"value": NaN}', 400, "bad_message", ""),
    ("POST", RUN.format("echo"), JSON, b"\xff\xfe", 400, "bad_message", ""),
    ("POST", RUN.format("echo"), JSON, b"[1]", 400, "bad_message", ""),
    ("POST", RUN.format("echo"), JSON, DEEP, 400, "bad_message", ""),
    ("POST", RUN.format("echo"), JSON, b"[" * 100_000, 400, "bad_message", ""),
    ("POST", RUN.format("echo"), {"Content-Type": "multipart/form-data; boundary=x"}, b"--x", 400, "bad_message", ""),
    ("POST", RUN.format("echo"), {**JSON, "Accept": "video/mp4"}, b"{}", 406, "not_acceptable", "Accept"),
    ("POST", RUN.format("echo"), JSON, b" " * (1024 * 1024 + 1), 413, "too_large", ""),
    ("POST", RUN.format("painter") + "?output=nope&output.width=3", JSON, b"{}", 404, "unknown_port", "nope"),
    ("POST", RUN.format("painter") + "?output.width=0", JSON, b"{}", 400, "invalid_input", "output.width"),
    ("PATCH", "/api/sessions/painter/inputs", JSON, b'{"shade": []}', 400, "invalid_input", "shade"),
    ("GET", "/api/sessions/painter/outputs/nope", {}, b"", 404, "unknown_port", "nope"),
    ("GET", "/api/sessions/painter/outputs/image.exe", {}, b"", 400, "invalid_input", "port"),
    ("GET", "/api/sessions/painter/outputs/image.png?format=jpg", {}, b"", 400, "invalid_input", "format"),
    ("GET", "/api/sessions/painter/stream/nope.mjpg", {}, b"", 404, "unknown_port", "nope"),
    ("GET", "/api/sessions/counter/stream/text.mjpg", {}, b"", 400, "invalid_input", "text"),
    ("GET", "/api/sessions/counter/events?port=nope", {}, b"", 404, "unknown_port", "nope"),
    ("GET", "/api/sessions/counter/events?policy=nope", {}, b"", 400, "invalid_input", "policy"),
    ("GET", "/api/models?sort=size", {}, b"", 400, "invalid_input", "sort"),
    ("GET", "/api/models?colour=red", {}, b"", 400, "unknown_input", "colour"),
    ("GET", "/api/models/nope", {}, b"", 404, "unknown_model", "model"),
    ("POST", "/api/sessions", JSON, b"{}", 400, "missing_input", "model"),
    ("POST", "/api/sessions", JSON, b"", 400, "bad_message", ""),
    ("POST", "/api/sessions", JSON, b'{"model": 3}', 400, "invalid_input", "model"),
    ("POST", "/api/sessions", JSON, b'{"model": "echo", "nam": "a"}', 400, "unknown_input", "nam"),
    ("POST", "/api/sessions", JSON, b'{"model": "echo", "name": "../a"}', 400, "invalid_input", "name"),
    ("POST", "/api/sessions", JSON, b'{"model": "echo", "options": {"x": 1}, "name": "o"}', 400, "unknown_input", "x"),
    ("GET", "/nope", {}, b"", 404, "not_found", ""),
    ("GET", "/studio/..%2fserver.py", {}, b"", 404, "not_found", ""),
    ("PUT", "/api/sessions", {}, b"", 405, "method_not_allowed", ""),
    ("GET", "/healthz", {"Host": "evil.com"}, b"", 403, "forbidden", "Host"),
    ("POST", RUN.format("echo"), {"Origin": "http://evil.com"}, b"{}", 403, "forbidden", "Origin"),
    ("POST", RUN.format("crash"), JSON, b'{"how": "raise"}', 502, "model_failed", ""),
    ("POST", RUN.format("crash"), JSON, b'{"how": "input"}', 400, "invalid_input", "how"),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "code", "field"), BAD)
async def test_bad_requests_are_told_what_is_wrong_and_leave_the_log_clean(
    server: Server,
    client: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    code: str,
    field: str,
) -> None:
    with caplog.at_level(logging.WARNING):
        url = URL(server.url + path, encoded=True)
        answer = await client.request(method, url, headers=headers, data=io.BytesIO(body) if body else None)
        error = (await answer.json())["error"]
    assert (answer.status, error["code"], error["field"]) == (status, code, field), error
    assert error["hint"] or " takes " in error["message"] or code == "model_failed", error
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 20_000 + b"\r\n\r\n", b"400"),
        (
            b"POST /api/sessions/echo/run HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"400",
        ),
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"200"),
    ],
)
async def test_what_is_hardly_http_is_answered_and_leaves_the_log_clean(
    server: Server, caplog: pytest.LogCaptureFixture, request_: bytes, status: bytes
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = await raw(server, request_)
    assert answer.split(b" ")[1] == status
    assert status == b"200" or json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_message"
    assert not caplog.records


async def test_a_large_body_is_refused_before_it_is_sent(server: Server) -> None:
    head = f"POST /api/sessions/echo/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: {limits.BODY_BYTES}\r\n"
    answer = await raw(server, f"{head}Expect: 100-continue\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ") and b"100 Continue" not in answer


async def test_who_asks_before_sending_is_told_to_go_on(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = "POST /api/sessions/echo/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode())
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    writer.write(b'{"value":1}')
    assert b'"any":1' in await reader.read()
    await hang_up(writer)


async def test_a_mistake_of_ours_is_told_without_its_words_and_logged_once(
    server: Server, client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.hub, "get", lambda name: {}["a secret path"])
    with caplog.at_level(logging.WARNING):
        answer = await client.post(RUN.format("echo"), json={})
    assert answer.status == 500 and "secret" not in await answer.text()
    assert len([record for record in caplog.records if record.exc_info]) == 1


# --- pages from elsewhere ------------------------------------------------------------------------


async def test_an_allowed_page_gets_the_headers_its_browser_wants(client: aiohttp.ClientSession) -> None:
    origin = {"Origin": "https://preview.p5js.org"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}
    preflight = await client.options(RUN.format("echo"), headers=asked)
    assert preflight.status == 204 and preflight.headers["Access-Control-Allow-Private-Network"] == "true"
    answer = await client.post(RUN.format("echo"), json={"value": 1}, headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"] and answer.headers["Vary"] == "Origin"
    error = await client.get("/nope", headers=origin)
    assert error.headers["Access-Control-Allow-Origin"] == origin["Origin"]
    async with client.get("/api/events", headers=origin) as stream:
        assert stream.headers["Access-Control-Allow-Origin"] == origin["Origin"]


async def test_where_a_token_is_set_everything_asks_for_it_but_page_and_health() -> None:
    async with serving("echo", token="s3cret") as server, calling(server) as client:
        refused = await client.get("/api/sessions")
        assert refused.status == 401 and "Bearer" in refused.headers["WWW-Authenticate"]
        assert (await client.get("/healthz")).status == (await client.get("/")).status == 200
        assert (await client.get("/api/sessions", headers={"Authorization": "Bearer s3cret"})).status == 200
        assert (await client.get("/api/sessions", params={"token": "s3cret"})).status == 200
        assert (await client.post(RUN.format("echo"), params={"token": "s3cret"}, json={"value": 1})).status == 200
