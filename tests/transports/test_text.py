"""Text that writes along, as its clients see it: live, left, taken over, side by side; over WebSocket and as events."""

import asyncio
import itertools
import json
import os
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.errors import InputError
from tests.contract.transports import TRANSPORTS
from tests.models.scribe.model import LINE, SONG
from tests.transports.serving import MODELS, calling, serving

GPT2 = Path(__file__).parents[2] / "models" / "gpt2"
TYPED = "function draw() { line(i, 0"
KEYSTROKE_S = 0.05
SURE = {"temperature": 0}


def sung(prompt, count):
    start = len(prompt.encode()) % len(LINE)
    return (LINE * (count // len(LINE) + 2))[start : start + count].decode("utf-8", "replace")


@pytest.fixture
async def served():
    async with serving("scribe") as server:
        yield server


@pytest.fixture(params=("http", "websocket"))
async def caller(request, served):
    async with TRANSPORTS[request.param](served.url) as caller:
        yield caller


async def opened(server, name, **options):
    session = await server.hub.open(str(MODELS / "scribe"), name, options)
    await session.started()
    return session


async def streamed(caller, session="scribe", **inputs):
    """The outputs of one run, step by step."""
    async with caller.stream(session, inputs) as steps:
        return [step async for step in steps]


def text_of(steps):
    return "".join(step.get("generated_text", "") for step in steps)


# --- one who types -------------------------------------------------------------------------------


class OverWebSocket:
    """Types and looks over one connection. Frames are (run, port, value)."""

    def __init__(self, http, session):
        self._http, self._session, self._ids = http, session, itertools.count(1)

    @asynccontextmanager
    async def looking(self, *ports):
        async with self._http.ws_connect("/api/ws") as self._socket:
            await self._socket.receive()
            for port in ports:
                await self._say(type="subscribe", port=port, policy="all", binary=False)
            for _ in ports:
                assert (await self._socket.receive_json())["type"] == "reply"
            yield self._frames()

    async def type(self, **inputs):
        await self._say(type="send", inputs=inputs)

    async def _say(self, **message):
        await self._socket.send_json({"id": next(self._ids), "session": self._session, **message})

    async def _frames(self) -> AsyncIterator[tuple[int, str, object]]:
        async for message in self._socket:
            told = json.loads(message.data)
            assert told["type"] != "error", told
            if told["type"] == "frame":
                yield told["run"], told["port"], told["value"]


class OverEvents:
    """Types with PATCH and looks at server-sent events."""

    def __init__(self, http, session):
        self._http, self._path = http, f"/api/sessions/{session}"

    @asynccontextmanager
    async def looking(self, *ports):
        address = f"{self._path}/events?port={','.join(ports)}&policy=all"
        async with self._http.get(address) as self._answer:
            while not (await self._answer.content.readline()).startswith(b"event: hello"):
                pass
            yield self._frames()

    async def type(self, **inputs):
        async with self._http.patch(f"{self._path}/inputs", json=inputs) as answer:
            assert answer.status == 200, await answer.text()

    async def _frames(self) -> AsyncIterator[tuple[int, str, object]]:
        kind = b""
        async for line in self._answer.content:
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: ") and kind == b"output":
                told = json.loads(line[6:])
                yield told["run"], told["port"], told["value"]


WAYS = {"websocket": OverWebSocket, "events": OverEvents}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


class Screen:
    """What a client shows: the text of the newest run, and nothing else. Told every frame in the order it came.

    Each port has its own way here, so what belongs together is known by its run.
    """

    def __init__(self):
        self.run = 0
        self.text = ""
        self.versions: dict[int, int] = {}
        self.usage: dict[int, dict] = {}
        self._newest: dict[str, int] = {}  # run of each port

    def show(self, run, port, value):
        assert run >= self._newest.get(port, 0), "a frame of an abandoned text came behind one of a newer"
        self._newest[port] = run
        if run > self.run:
            self.run, self.text = run, ""
        if port == "generated_text":
            self.text += value if run == self.run else ""
        elif port == "version":
            assert self.versions.setdefault(run, value) == value
        else:
            self.usage[run] = value

    async def watch(self, frames, version):
        """Until the text of that version has ended."""
        async for frame in frames:
            self.show(*frame)
            if self.versions.get(self.run) == version and self.run in self.usage:
                return


async def test_who_types_twenty_keys_a_second_never_sees_a_stale_tail(way, served):
    slow = await opened(served, "slow", pause=0.01)
    screen = Screen()
    async with calling(served) as http:
        writer = way(http, "slow")
        async with writer.looking("generated_text", "version", "usage") as frames:
            watching = asyncio.create_task(screen.watch(frames, len(TYPED)))
            for length in range(5, len(TYPED) + 1):
                await writer.type(prompt=TYPED[:length], version=length, max_tokens=16 if length == len(TYPED) else 900)
                await asyncio.sleep(KEYSTROKE_S)
            await watching
    seen = [screen.versions[run] for run in sorted(screen.versions)]
    assert seen == sorted(seen) and len(seen) >= 3 and seen[-1] == len(TYPED)
    assert screen.text[:1] in SONG and len(screen.text) <= 16
    assert screen.usage[screen.run]["reused_tokens"] >= len(TYPED) - 2 and slow.state == "ready"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A GPT-2, and what transformers makes of what is typed."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tests.kit.networks import generated, gpt2

    folder = tmp_path_factory.mktemp("net")
    return folder, generated(gpt2(folder), folder, TYPED, 40)


async def test_with_a_real_network_what_is_shown_in_the_end_is_what_was_typed_last(way, theirs, monkeypatch):
    folder, wanted = theirs
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    screen = Screen()
    async with serving() as server, calling(server) as http:
        await (await server.hub.open(str(GPT2), "net", {"network": str(folder)})).started()
        writer = way(http, "net")
        async with writer.looking("generated_text", "version", "usage") as frames:
            watching = asyncio.create_task(screen.watch(frames, len(TYPED)))
            for length in range(10, len(TYPED) + 1):
                most = 40 if length == len(TYPED) else 200
                await writer.type(prompt=TYPED[:length], version=length, max_tokens=most, temperature=0)
                await asyncio.sleep(KEYSTROKE_S / 5)
            await watching
    assert screen.text == wanted
    seen = [screen.versions[run] for run in sorted(screen.versions)]
    assert seen == sorted(seen) and seen[-1] == len(TYPED)
    usage = screen.usage[screen.run]
    assert usage["reused_tokens"] >= usage["prompt_tokens"] - 3


async def test_one_of_several_continuations_is_taken_over_without_computing_it_again(way, served):
    screen, alternatives = Screen(), []
    begun = SONG.partition(" hey")[0]
    async with calling(served) as http:
        writer = way(http, "scribe")
        async with writer.looking("alternatives", "version", "usage") as frames:
            await writer.type(prompt=begun, alternatives=3, temperature=4, seed=5, max_tokens=12, version=1)
            async for run, port, value in frames:
                if port == "alternatives":
                    alternatives = value
                else:
                    screen.show(run, port, value)
                if run in screen.usage:
                    break
            assert len(set(alternatives)) == 3
            chosen = begun + alternatives[2][:9]
            await writer.type(prompt=chosen, alternatives=1, version=2, max_tokens=5)
            await screen.watch(frames, 2)
    usage = screen.usage[screen.run]
    assert usage["prompt_tokens"] == len(chosen.encode()) == usage["reused_tokens"] + 1


# --- many, and those who leave -------------------------------------------------------------------


async def test_who_leaves_midway_stops_the_work_and_leaves_the_others_text_as_it_is(caller, served, tmp_path):
    slow = await opened(served, "slow", pause=0.005)
    prompts = ["la ", "l", "function", "🦜", ""]
    others = [asyncio.create_task(streamed(caller, "slow", prompt=prompt, max_tokens=80, **SURE)) for prompt in prompts]
    for _ in range(3):
        async with caller.stream("slow", {"prompt": "x", "max_tokens": 16_000, **SURE}) as steps:
            await anext(steps)
    texts = [text_of(await other) for other in others]
    assert texts == [sung(prompt or "\0", 80) for prompt in prompts]
    async with asyncio.timeout(10):
        while slow.describe()["stats"]["under_way"]:
            await asyncio.sleep(0.005)
    assert slow.describe()["stats"]["cancelled"] == 3
    before = (await caller.run("slow", {}, "rounds"))["steps"]
    await asyncio.sleep(0.05)  # ten steps, if anything still went on
    assert (await caller.run("slow", {}, "rounds"))["steps"] == before < 1000


async def test_a_connection_that_is_torn_frees_the_model(served):
    slow = await opened(served, "slow", pause=0.002)
    body = json.dumps({"prompt": "a", "max_tokens": 16_000}).encode()
    head = b"POST /api/sessions/slow/run HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await reader.readuntil(b"event: output")
    writer.transport.abort()
    async with asyncio.timeout(10):
        while slow.describe()["stats"]["cancelled"] < 1:
            await asyncio.sleep(0.005)
    assert not slow.describe()["stats"]["under_way"]


async def test_more_writers_than_lanes_all_get_their_text(caller):
    doing = [streamed(caller, prompt="x" * number, max_tokens=30, **SURE) for number in range(1, 41)]
    texts = [text_of(steps) for steps in await asyncio.gather(*doing)]
    assert texts == [sung("x" * number, 30) for number in range(1, 41)]


# --- pieces --------------------------------------------------------------------------------------


async def test_characters_of_several_tokens_come_whole(caller):
    steps = await streamed(caller, prompt="la ", max_tokens=3 * len(LINE), **SURE)
    pieces = [step.get("generated_text", "") for step in steps]
    assert "".join(pieces) == sung("la ", 3 * len(LINE)) and not any("\ufffd" in piece for piece in pieces)
    assert {"漢", "字", "🦜"} <= set(pieces)


async def test_a_stop_string_that_several_tokens_spell_never_shows(caller):
    for stop in ("🦜 he", "字 l"):
        steps = await streamed(caller, prompt="la ", max_tokens=90, stop=["never", stop], **SURE)
        assert text_of(steps) == sung("la ", 90).partition(stop)[0]
        assert (steps[-1]["finish_reason"], steps[-1]["encountered_end"]) == ("stop", True)


async def test_limits_in_characters_count_characters(caller):
    steps = await streamed(caller, prompt="la ", max_characters=2, **SURE)
    assert text_of(steps) == "漢字" and steps[-1]["finish_reason"] == "characters"


# --- text as control -----------------------------------------------------------------------------


async def test_probabilities_and_embedding_come_with_every_token(caller):
    steps = await streamed(caller, prompt="la ", max_tokens=6, vectors=True, **SURE)
    vectors = [step for step in steps if "embedding" in step]
    assert len(vectors) == 6 and all(len(step["embedding"]) == 8 for step in vectors)
    for step in vectors:
        odds = step["probabilities"]
        assert len(odds) == 16 and odds == sorted(odds, reverse=True) and 0.5 < odds[0] <= sum(odds) <= 1.001
    assert vectors[0]["embedding"] != vectors[1]["embedding"]
    assert "embedding" not in (await streamed(caller, prompt="la ", max_tokens=2))[0]


async def test_a_vector_of_the_live_text_can_be_followed_as_bytes(served):
    async with calling(served) as http, http.ws_connect("/api/ws") as socket:
        await socket.receive()
        wish = {"type": "subscribe", "id": 1, "session": "scribe", "port": "embedding", "encoding": {"format": "f32"}}
        await socket.send_json(wish)
        assert (await socket.receive_json())["value"]["encoding"] == {"format": "f32"}
        await socket.send_json(
            {"type": "send", "id": 2, "session": "scribe", "inputs": {"prompt": "la ", "vectors": True}}
        )
        while isinstance(frame := (await socket.receive()).data, str):
            assert json.loads(frame)["type"] == "reply"
        numbers = array("f", frame[-32:])
        assert len(numbers) == 8 and any(numbers)


# --- what is not taken, and what is cut ----------------------------------------------------------


NOT_TAKEN = (
    ({"temperature": 100}, "temperature takes a number from 0 to 5; 100 came"),
    ({"alternatives": 50}, "alternatives takes a whole number from 1 to 8"),
    ({"max_tokens": 0}, "max_tokens takes a whole number from 1"),
    ({"prompt": "x" * 1_048_000}, "prompt takes text of up to 1000000 characters; 1048000 came"),
    ({"prompt_tokens": [257]}, "there is no token 257"),
    ({"prompt_tokens": [-1]}, "prompt_tokens"),
    ({"stop": ["a"] * 17}, "stop"),
)


async def test_what_is_not_taken_is_told_in_words(caller):
    for inputs, words in NOT_TAKEN:
        with pytest.raises(InputError) as caught:
            await caller.run("scribe", {"prompt": "la ", **inputs})
        assert words in caught.value.message


async def test_what_is_taken_in_silence(caller):
    for inputs in ({"prompt": ""}, {"temperature": 0}, {"temperature": 5}, {"prompt_tokens": [108, 97, 32]}):
        assert (await caller.run("scribe", {"prompt": "la ", "max_tokens": 4, **inputs}))["generated_text"]
    tokens = await caller.run("scribe", {"prompt": "", "prompt_tokens": list(b"la "), "max_tokens": 4, **SURE})
    assert tokens["generated_text"] == sung("la ", 4)


async def test_a_prompt_beyond_the_context_loses_its_beginning_and_it_is_told(caller):
    usage = (await caller.run("scribe", {"prompt": "x" * 999_999, "max_tokens": 4}))["usage"]
    assert usage["cut_tokens"] >= 999_999 - 512 and usage["prompt_tokens"] == 999_999


async def test_broken_json_is_told(served):
    async with calling(served) as http:
        kind = {"Content-Type": "application/json"}
        async with http.post("/api/sessions/scribe/run", data=b'{"prompt": ', headers=kind) as answer:
            assert answer.status == 400 and (await answer.json())["error"]["code"] == "bad_message"
        async with http.ws_connect("/api/ws") as socket:
            await socket.receive()
            await socket.send_str('{"type": "run", ')
            assert (await socket.receive_json())["error"]["code"] == "bad_message"
