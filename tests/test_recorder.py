"""Recordings: one at a time, whole whatever happens, and there as long as their file is."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import limits
from bridge.errors import NotFound
from bridge.recorder import Recorder
from bridge.walks.recording import Recording, read
from tests.transports.serving import calling, deaf, full, serving

WALK = "/api/sessions/latent/walk"
TAPE = WALK + "/recording"


async def told(request: Any) -> tuple[int, Any]:
    async with request as answer:
        return answer.status, await answer.json()


async def got(http: aiohttp.ClientSession) -> Recording:
    async with http.get(TAPE) as answer:
        assert answer.status == 200
        return read((await answer.read()).splitlines(keepends=True))


def files(state: Path) -> list[Path]:
    return sorted((state / "recordings").iterdir(), key=lambda path: path.stem)


def whole(path: Path) -> Recording:
    return read(path.read_bytes().splitlines(keepends=True))


def speeds(recording: Recording) -> list[Any]:
    return [control.set["speed"] for control in recording.controls if control.set and "speed" in control.set]


@contextlib.contextmanager
def room(size: int) -> Iterator[None]:
    """As on a disk that is full: no file can get longer than that."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def long_loop(places: int) -> dict[str, Any]:
    return {"kind": "loop", "keyframes": [[0.125, 0.25, 0.375, n] for n in range(places)]}


async def failed(http: aiohttp.ClientSession) -> str:
    """Until a piece could not be written; what is said about it."""
    while True:
        async with http.head(TAPE) as answer:
            if said := answer.headers.get("Recording-Error"):
                return said


async def test_of_many_who_ask_at_once_one_records(tmp_path: Path) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        answers = await asyncio.gather(*(told(http.post(TAPE)) for _ in range(5)))
        assert sorted(status for status, _ in answers) == [201, 409, 409, 409, 409]
        assert (await told(http.delete(TAPE)))[1]["running"] is False
        assert (await told(http.delete(TAPE)))[0] == 404
        assert (await told(http.post(TAPE)))[0] == 201
        first, second = files(tmp_path)
        assert whole(first).controls[-1].end
        assert not whole(second).controls
    assert whole(second).controls[-1].end  # the bridge has ended it


class Slow(type(Path())):  # type: ignore[misc]
    """A path on a disk that takes its time over one opening."""

    busy = threading.Event()
    goes_on = threading.Event()

    def open(self, mode: str = "r", *args: Any, **named: Any) -> Any:
        if mode == "r+b" and not self.goes_on.is_set() and not self.busy.is_set():
            self.busy.set()
            self.goes_on.wait(60)
        return super().open(mode, *args, **named)


async def test_who_hangs_up_meanwhile_leaves_the_lines_in_their_order(tmp_path: Path) -> None:
    async with serving("latent") as server:
        session = server.hub.get("latent")
        player = await server.walks.of(session)
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(2))  # one hangs on the disk, one is free
        async with Recorder(server.walks, Slow(tmp_path)) as recorder:
            Slow.busy.set()
            await recorder.start(session)
            Slow.busy.clear()
            player.change({"speed": 2})
            looking = asyncio.create_task(recorder.reading("latent").__aenter__())
            while not Slow.busy.is_set():
                await asyncio.sleep(0)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            player.change({"speed": 3})
            ending = asyncio.create_task(recorder.stop("latent"))
            for _ in range(5):
                await asyncio.sleep(0)
            await asyncio.to_thread(int)  # whatever of it can be written now, is written now
            Slow.goes_on.set()
            assert (await ending)["controls"] == 2
            (file,) = files(tmp_path)
            assert speeds(whole(file)) == [2, 3] and whole(file).controls[-1].end


async def test_one_of_a_walk_that_another_has_replaced_is_not_in_the_way(tmp_path: Path) -> None:
    async with serving("latent") as server, Recorder(server.walks, tmp_path) as recorder:
        session = server.hub.get("latent")
        first = await server.walks.of(session)
        await recorder.start(session)
        first.change({"speed": 2})
        server.walks._players.clear()
        assert (await recorder.start(session))["running"]
        first.change({"speed": 3})
        older, _ = files(tmp_path)
        assert speeds(whole(older)) == [2] and whole(older).controls[-1].end
        await first.close()


async def test_on_a_full_disk_the_file_ends_with_a_whole_line_and_everybody_is_told(tmp_path: Path) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        await told(http.post(TAPE))
        with room(64 * 1024):
            for places in (1000, 1000, 1000):
                assert (await told(http.patch(WALK, json={"speed": 2, **long_loop(places)})))[0] == 200
            assert "can't be written" in await failed(http)
            status, answer = await told(http.post(TAPE))
            assert status == 409 and "can't be written" in answer["error"]["message"]
            recording = await got(http)
            status, answer = await told(http.delete(TAPE))
        assert (status, answer["error"]["code"]) == (500, "state_unwritable")
        assert f"{4 - len(recording.controls)} lines are missing at its end" in answer["error"]["message"]
        assert 0 < len(recording.controls) < 3 and await got(http) == recording
        assert whole(files(tmp_path)[0]) == recording and files(tmp_path)[0].read_bytes().endswith(b"\n")
        async with http.get(TAPE) as answer_again:
            assert "lines are missing" in answer_again.headers["Recording-Error"]
        assert (await told(http.post(TAPE)))[0] == 201


async def test_a_disk_that_gets_room_in_time_costs_nothing(tmp_path: Path) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        await told(http.post(TAPE))
        with room(64 * 1024):
            for speed in (1, 2, 3):
                await told(http.patch(WALK, json={"speed": speed, **long_loop(1000)}))
            await failed(http)
        status, answer = await told(http.delete(TAPE))
        assert (status, answer["controls"], answer["error"]) == (200, 3, "")
        assert speeds(await got(http)) == [1, 2, 3]


async def test_where_no_file_can_be_none_begins_and_none_is_left(tmp_path: Path) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        await told(http.patch(WALK, json=long_loop(1000)))
        with room(4096):
            status, answer = await told(http.post(TAPE))
            assert (status, answer["error"]["code"]) == (500, "state_unwritable")
        assert files(tmp_path) == [] and (await told(http.delete(TAPE)))[0] == 404
        assert (await told(http.post(TAPE)))[0] == 201


async def test_a_recording_whose_file_was_taken_away_says_so(tmp_path: Path) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        await told(http.post(TAPE))
        files(tmp_path)[0].unlink()
        await told(http.patch(WALK, json={"speed": 2}))
        status, answer = await told(http.delete(TAPE))
        assert (status, answer["error"]["code"]) == (500, "state_unwritable") and files(tmp_path) == []
        assert (await told(http.get(TAPE)))[0] == 404


async def test_it_ends_whole_with_its_walk_and_another_may_begin(tmp_path: Path) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        session = server.hub.get("latent")
        await told(http.post(TAPE))
        await told(http.patch(WALK, json={"speed": 2}))
        await told(http.delete(WALK))
        await told(http.patch(WALK, json={"speed": 3}))  # of the next walk
        ended = await got(http)
        assert speeds(ended) == [2] and ended.controls[-1].end
        status, answer = await told(http.delete(TAPE))
        assert (status, answer["controls"], answer["running"]) == (200, 1, False)

        assert (await told(http.post(TAPE)))[0] == 201
        await server.hub.close_session("latent")
        again = await server.hub.open(session.folder, "latent")
        await again.started()
        status, answer = await told(http.post(TAPE))
        assert status == 201 and answer["running"]
        await told(http.patch(WALK, json={"speed": 4}))
        await told(http.delete(TAPE))
        recordings = [whole(path) for path in files(tmp_path)]
        assert [speeds(one) for one in recordings] == [[2], [], [4]]
        assert all(one.controls[-1].end for one in recordings)


@pytest.mark.parametrize(
    ("limit", "value", "says"),
    [
        ("RECORDING_LINE_BYTES", 8192, "one control may have 8192 bytes"),
        ("RECORDING_BYTES", 8192, "a recording may have 8192 bytes"),
        ("RECORDING_LINES", 3, "a recording may have 3 lines"),
    ],
)
async def test_what_the_reader_would_not_take_ends_it(tmp_path: Path, monkeypatch, limit, value, says) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        monkeypatch.setattr(limits, limit, value)
        await told(http.post(TAPE))
        await told(http.patch(WALK, json={"speed": 2}))
        await told(http.patch(WALK, json={"speed": 3, **long_loop(1000)}))
        await told(http.patch(WALK, json={"speed": 4}))
        status, answer = await told(http.post(TAPE))
        assert status == 409 and says in answer["error"]["message"]
        status, answer = await told(http.delete(TAPE))
        assert status == 200 and says in answer["error"] and answer["controls"] == 1
        recording = await got(http)
        assert speeds(recording) == [2] and recording.controls[-1].end


async def test_what_was_sent_before_can_be_too_large_to_be_recorded(monkeypatch) -> None:
    async with serving("latent") as server, calling(server) as http:
        monkeypatch.setattr(limits, "RECORDING_LINE_BYTES", 100)
        status, answer = await told(http.post(TAPE))
        assert status == 413 and "too large to be recorded" in answer["error"]["message"]
        assert (await told(http.delete(TAPE)))[0] == 404


async def test_after_a_restart_the_last_one_of_that_session_is_there(tmp_path: Path) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        for speed in (1, 2):
            await told(http.post(TAPE))
            await told(http.patch(WALK, json={"speed": speed}))
            await told(http.delete(TAPE))
    for name in ("latent-2-29990101-000000", "lat-29990101-000000", "latent-29990101"):
        (tmp_path / "recordings" / f"{name}.jsonl").write_text("of somebody else")
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        assert speeds(await got(http)) == [2]
        assert (await told(http.delete(TAPE)))[0] == 404


async def test_a_long_one_is_not_held_in_memory(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    with (tmp_path / "recordings" / "latent-20260101-000000.jsonl").open("wb") as file:
        file.truncate(1024 * limits.MIB)
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        async with http.head(TAPE) as answer:
            assert (answer.status, answer.content_length) == (200, 1024 * limits.MIB)
        request = f"GET {TAPE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        async with deaf(server, request) as connection:
            assert await full(connection) <= limits.MIB


async def test_names_are_no_paths(tmp_path: Path) -> None:
    (tmp_path / "other-20260101-000000.jsonl").write_text("{}")
    async with serving("latent") as server:
        recorder = Recorder(server.walks, tmp_path)
        for name in ("../other", "..", "", ".*", "*"):
            with pytest.raises(NotFound):
                async with recorder.reading(name):
                    pass


async def test_what_began_together_with_others_is_one_json_line_each(tmp_path: Path) -> None:
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        await told(http.post(TAPE))
        await asyncio.gather(
            *(told(http.patch(WALK, json={"speed": n})) for n in range(20)), *(got(http) for _ in "ab")
        )
        await told(http.delete(TAPE))
        lines = files(tmp_path)[0].read_bytes().splitlines()
        assert len(lines) == 22 and all(isinstance(json.loads(line), dict) for line in lines)
