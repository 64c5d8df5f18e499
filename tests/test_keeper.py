"""What is saved and brought back, with puppets for workers and a real file."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bridge import keeper, limits
from bridge.catalog import Catalog, Source
from bridge.favourites import Favourites
from bridge.hub import Hub
from bridge.keeper import Keeper
from bridge.ports import Blob, Image, Number, Vector
from bridge.session.outputs import Event
from bridge.walking import Walks
from bridge.workspace import SavedSession, Workspace
from tests.fakes import Puppeteer, signature

MODELS = Path(__file__).parent / "models"
ECHO, COUNTER = SavedSession("echo", "echo"), SavedSession("two", "counter")
PORTS = {"level": Number(0, 1, default=0.5), "z": Vector(2), "image": Image(default=None)}
PIXEL = Blob("raw", b"\0\0\0", {"width": 1, "height": 1, "channels": 3})
GONE = SavedSession("gone", "nosuch", {"a": 1}, {"b": 2})


async def never_asked(folder: Path):
    raise AssertionError("no signature is needed to open without options")


class Stage:
    """A bridge without transports: workspace, hub and keeper."""

    def __init__(self, folder: Path, origin: str = "yours", most_bytes: int = 1_000_000) -> None:
        self.puppeteer = Puppeteer()
        self.workspace = Workspace(folder, most_bytes)
        self.hub = Hub(Catalog([Source(origin, MODELS)], folder, never_asked), self.puppeteer)
        self.walks = Walks(self.hub, Favourites(self.workspace, self.hub.events))
        self.keeper = Keeper(self.hub, self.workspace, self.walks, pause=3600)

    async def started(self, **inputs) -> None:
        """Until the newest worker is there and ready, and whoever waited for it has gone on."""
        while not self.puppeteer.puppets:
            await asyncio.sleep(0)
        self.puppeteer.puppets[-1].ready(signature(inputs or PORTS))
        for _ in range(10):
            await asyncio.sleep(0)

    async def saved(self, *expected: SavedSession) -> None:
        """Until just this is saved, by nobody's asking."""
        async with asyncio.timeout(10):
            while await self.workspace.sessions() != list(expected):
                pass


@asynccontextmanager
async def stage(folder: Path, **more) -> AsyncIterator[Stage]:
    made = Stage(folder, **more)
    async with made.workspace, made.hub, made.walks, made.keeper:
        yield made


async def left(folder: Path) -> list[SavedSession]:
    async with Workspace(folder) as workspace:
        return await workspace.sessions()


async def test_a_start_alone_saves_nothing(tmp_path):
    async with stage(tmp_path) as bridge:
        assert await bridge.keeper.restore([], [ECHO, COUNTER]) == []
        assert list(bridge.hub.sessions) == ["echo", "two"]
    assert await left(tmp_path) == []


async def test_the_first_change_saves_all_that_is_open(tmp_path):
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([], [ECHO])
        await bridge.hub.open("counter", "two")
        await bridge.saved(ECHO, COUNTER)
        await bridge.hub.close_session("echo")
        await bridge.saved(COUNTER)


async def test_ending_saves_what_is_open_and_closes_it_only_then(tmp_path):
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([])
        await bridge.hub.open("echo")
    assert await left(tmp_path) == [ECHO]


async def test_an_end_before_all_is_restored_saves_nothing_over_it(tmp_path):
    async with Workspace(tmp_path) as workspace:
        await workspace.save([ECHO, COUNTER])
    async with stage(tmp_path) as bridge:
        await bridge.hub.open("echo")
        await bridge.keeper.save()
    assert await left(tmp_path) == [ECHO, COUNTER]


async def test_a_saved_session_that_cannot_be_opened_is_told_and_kept(tmp_path):
    async with stage(tmp_path) as bridge:
        refused = await bridge.keeper.restore([GONE, ECHO])
        assert [(session, error.code) for session, error in refused] == [(GONE, "unknown_model")]
        await bridge.hub.open("counter", "two")
        await bridge.saved(ECHO, COUNTER, GONE)


async def test_one_that_was_only_asked_for_is_told_and_not_kept(tmp_path):
    async with stage(tmp_path) as bridge:
        assert len(await bridge.keeper.restore([], [GONE])) == 1
        await bridge.hub.open("echo")
        await bridge.saved(ECHO)


async def test_a_model_named_by_its_path_is_saved_by_its_path(tmp_path):
    async with stage(tmp_path, origin="path") as bridge:
        await bridge.keeper.restore([])
        await bridge.hub.open("echo")
        await bridge.saved(SavedSession("echo", str(MODELS / "echo")))


async def test_live_inputs_are_saved_when_set_but_no_pictures_and_no_defaults(tmp_path):
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([])
        session = await bridge.hub.open("echo")
        await bridge.started()
        session.send({"z": [0.5, 1], "image": PIXEL, "level": 0.5})
    assert await left(tmp_path) == [SavedSession("echo", "echo", {}, {"z": [0.5, 1.0]})]


async def test_live_inputs_are_back_once_the_model_is_ready(tmp_path):
    wanted = SavedSession("echo", "echo", {}, {"level": 0.25, "z": [1.0, 2.0]})
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([wanted])
        await bridge.started()
        assert bridge.hub.get("echo").inputs()["level"] == 0.25
        bridge.hub.get("echo").send({"level": 0.75})
    assert (await left(tmp_path))[0].inputs == {"level": 0.75, "z": [1.0, 2.0]}


async def test_an_input_the_model_no_longer_takes_is_left_out_and_the_others_come_back(tmp_path, caplog):
    wanted = SavedSession("echo", "echo", {}, {"old": 1, "level": 7, "z": [1.0, 2.0]})
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([wanted])
        await bridge.started()
    assert (await left(tmp_path))[0].inputs == {"z": [1.0, 2.0]}
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 2


async def test_inputs_of_a_model_that_has_not_started_are_not_lost(tmp_path):
    wanted = SavedSession("echo", "echo", {}, {"level": 0.25})
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([wanted])
        await bridge.hub.open("counter", "two")
        await bridge.saved(wanted, COUNTER)


async def test_closing_and_opening_again_begins_afresh(tmp_path):
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([SavedSession("echo", "echo", {}, {"level": 0.25})])
        await bridge.hub.close_session("echo")
        await bridge.saved()
        await bridge.hub.open("echo")
        await bridge.saved(ECHO)


async def test_a_full_disk_is_told_once_and_ends_nothing(tmp_path, caplog):
    async with stage(tmp_path, most_bytes=40_000) as bridge:
        await bridge.keeper.restore([])
        session = await bridge.hub.open("echo")
        await bridge.saved(ECHO)
        await bridge.started(z=Vector(8000), level=Number(0, 1, default=0.5))
        session.send({"z": [0.125] * 8000})
        await bridge.keeper.save()
        await bridge.keeper.save()
        told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert len(told) == 1
        assert "the disk is full" in told[0]
        session.send({"z": [0.0] * 8000})
        await bridge.hub.close_session("echo")
        await bridge.hub.open("counter", "two")
        await bridge.saved(COUNTER)


async def test_a_mistake_while_saving_is_told_once_with_its_traceback_and_ends_nothing(tmp_path, caplog, monkeypatch):
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([])
        with monkeypatch.context() as broken:
            broken.setattr(keeper, "_changed_inputs", lambda session, moved: {}["a typo"])
            await bridge.hub.open("echo")
            await bridge.keeper.save()
            await bridge.keeper.save()
            (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
            assert "a typo" in told.getMessage() and told.exc_info is not None
        await bridge.hub.open("counter", "two")
        await bridge.saved(ECHO, COUNTER)


async def test_a_session_closed_in_a_flood_of_log_lines_does_not_come_back(tmp_path):
    wanted = SavedSession("echo", "echo", {}, {"level": 0.25})
    async with stage(tmp_path) as bridge:
        await bridge.keeper.restore([wanted])
        async with bridge.keeper._saving:  # as long as the disk is slow
            await bridge.hub.open("counter", "two")
            await asyncio.sleep(0)
            await bridge.hub.close_session("echo")
            for _ in range(limits.EVENTS_WAITING * 2):
                bridge.hub.events.publish(Event("log", "two", {"line": "noise"}))
        await bridge.saved(COUNTER)
    assert await left(tmp_path) == [COUNTER]
