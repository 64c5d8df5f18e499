"""How sessions are opened, joined and closed, with puppets for workers."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.catalog import Catalog, Source
from bridge.errors import Busy, InputError, NameTaken, Refused, UnknownModel, UnknownSession
from bridge.hub import Hub
from bridge.ports import Text
from bridge.session.messages import Refusal
from bridge.signature import Signature
from tests.fakes import Puppeteer, signature

MODELS = Path(__file__).parent / "models"


class Stage:
    """A hub whose models tell their options when the test lets them."""

    def __init__(self, state: Path, **more: int) -> None:
        self.puppeteer = Puppeteer()
        self.asked: list[str] = []
        self.may_tell = asyncio.Event()
        self.may_tell.set()
        self.hub = Hub(Catalog([Source("yours", MODELS)], state, self._describe), self.puppeteer, **more)

    async def _describe(self, folder: Path) -> Signature:
        self.asked.append(folder.name)
        await self.may_tell.wait()
        return Signature({"paper": Text(default="white")}, signature().commands)

    async def puppets(self, count: int) -> None:
        while len(self.puppeteer.puppets) < count:
            await asyncio.sleep(0)

    async def failed(self, name: str) -> None:
        """Until the session with the newest puppet has failed."""
        session = self.hub.get(name)
        while not session.describe()["place"]:
            await asyncio.sleep(0)
        self.puppeteer.puppets[-1].say(Refusal(InputError("no").info()))
        self.puppeteer.puppets[-1].die()
        while session.state != "failed":
            await asyncio.sleep(0)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    async with made.hub:
        yield made


async def test_the_same_model_under_the_same_name_is_joined(stage: Stage):
    first = await stage.hub.open("echo")
    assert await stage.hub.open("echo") is first and await stage.hub.open("echo", "other") is not first


async def test_two_who_open_at_once_get_one_session(stage: Stage):
    stage.may_tell.clear()
    opening = [asyncio.ensure_future(stage.hub.open("echo", options={"paper": "cream"})) for _ in range(2)]
    while not stage.asked:
        await asyncio.sleep(0)
    stage.may_tell.set()
    first, second = await asyncio.gather(*opening)
    assert first is second and first.options == {"paper": "cream"}


async def test_a_name_in_use_is_refused_for_another_model_and_for_other_options(stage: Stage):
    await stage.hub.open("echo", "mine")
    with pytest.raises(NameTaken, match="already runs echo"):
        await stage.hub.open("counter", "mine")
    with pytest.raises(NameTaken, match="other options"):
        await stage.hub.open("echo", "mine", {"paper": "cream"})
    assert (await stage.hub.open("echo", "mine", {"paper": "white"})).options == {}


async def test_a_model_slow_to_tell_its_options_keeps_no_other_from_opening(stage: Stage):
    stage.may_tell.clear()
    slow = asyncio.ensure_future(stage.hub.open("echo", options={"paper": "cream"}))
    while not stage.asked:
        await asyncio.sleep(0)
    assert (await stage.hub.open("counter")).name == "counter" and not slow.done()
    stage.may_tell.set()
    assert (await slow).name == "echo"


async def test_a_failed_session_is_opened_anew(stage: Stage):
    first = await stage.hub.open("echo")
    await stage.puppets(1)
    await stage.failed("echo")
    second = await stage.hub.open("echo")
    assert second is not first and first.state == "closed" and stage.hub.get("echo") is second


async def _settled(ticks: int) -> None:
    for _ in range(ticks):
        await asyncio.sleep(0)


@pytest.mark.parametrize("ticks", range(6))
async def test_a_failed_session_that_is_renamed_while_it_is_started_again_runs_under_its_new_name(
    stage: Stage, ticks: int
):
    failed = await stage.hub.open("echo")
    await stage.puppets(1)
    await stage.failed("echo")
    starting = asyncio.ensure_future(stage.hub.start("echo"))
    await _settled(ticks)
    renamed = asyncio.ensure_future(stage.hub.rename("echo", "mine"))
    started, _ = await asyncio.gather(starting, renamed)
    assert stage.hub.sessions == {"mine": started}
    assert started is not failed and started.state == "starting" and started.name == "mine"


@pytest.mark.parametrize("verb", ["start", "restart"])
@pytest.mark.parametrize("fails", [True, False])
async def test_a_session_that_is_renamed_while_its_options_are_looked_at_is_the_one_that_starts(
    stage: Stage, verb: str, fails: bool
):
    await stage.hub.open("echo", "old")
    await stage.puppets(1)
    if fails:
        await stage.failed("old")
    stage.may_tell.clear()
    starting = asyncio.ensure_future(getattr(stage.hub, verb)("old", {"paper": "cream"}))
    while not stage.asked:
        await asyncio.sleep(0)
    await stage.hub.rename("old", "mine")
    other = await stage.hub.open("counter", "old")
    stage.may_tell.set()
    started = await starting
    assert stage.hub.sessions == {"mine": started, "old": other}
    assert started.options == ({"paper": "cream"} if fails or verb == "restart" else {})


@pytest.mark.parametrize("ticks", range(6))
async def test_a_failed_session_that_is_closed_while_it_is_started_again_does_not_come_back(stage: Stage, ticks: int):
    await stage.hub.open("echo")
    await stage.puppets(1)
    await stage.failed("echo")
    starting = asyncio.ensure_future(stage.hub.start("echo"))
    await _settled(ticks)
    closing = asyncio.ensure_future(stage.hub.close_session("echo"))
    await asyncio.gather(starting, closing, return_exceptions=True)
    assert stage.hub.sessions == {}


async def test_a_session_that_is_closed_while_its_options_are_looked_at_is_not_started(stage: Stage):
    await stage.hub.open("echo")
    await stage.puppets(1)
    await stage.failed("echo")
    stage.may_tell.clear()
    starting = asyncio.ensure_future(stage.hub.start("echo", {"paper": "cream"}))
    while not stage.asked:
        await asyncio.sleep(0)
    await stage.hub.close_session("echo")
    stage.may_tell.set()
    with pytest.raises(UnknownSession, match="echo was closed"):
        await starting
    assert stage.hub.sessions == {}


async def test_two_who_start_a_failed_session_at_once_get_one_session(stage: Stage):
    failed = await stage.hub.open("echo")
    await stage.puppets(1)
    await stage.failed("echo")
    first, second = await asyncio.gather(stage.hub.start("echo"), stage.hub.start("echo"))
    assert first is second is stage.hub.get("echo") and failed.state == "closed"


async def test_the_end_of_a_failed_session_is_told_before_the_one_in_its_place(stage: Stage):
    await stage.hub.open("echo")
    await stage.puppets(1)
    await stage.failed("echo")
    async with stage.hub.events.subscribe(("state", "session_opened")) as happening:
        await stage.hub.start("echo")
        told = [await anext(happening) for _ in range(2)]
    assert [(event.kind, event.data.get("state")) for event in told] == [("state", "closed"), ("session_opened", None)]


async def test_who_opens_a_failed_session_that_was_started_meanwhile_joins_it(stage: Stage):
    await stage.hub.open("echo")
    await stage.puppets(1)
    await stage.failed("echo")
    stage.may_tell.clear()
    opening = asyncio.ensure_future(stage.hub.open("echo", options={"paper": "white"}))
    while not stage.asked:
        await asyncio.sleep(0)
    started = await stage.hub.start("echo")
    stage.may_tell.set()
    assert await opening is started and stage.hub.sessions == {"echo": started}


async def test_more_sessions_than_the_bound_are_refused(tmp_path: Path):
    stage = Stage(tmp_path, max_sessions=1)
    async with stage.hub:
        await stage.hub.open("echo")
        with pytest.raises(Busy, match="1 sessions"):
            await stage.hub.open("counter")


async def test_who_closes_and_goes_away_frees_the_name_and_the_end_is_awaited(stage: Stage):
    session = await stage.hub.open("echo")
    await stage.puppets(1)
    (puppet,) = stage.puppeteer.puppets
    puppet.may_close.clear()
    closing = asyncio.ensure_future(stage.hub.close_session("echo"))
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    with pytest.raises(UnknownSession):
        stage.hub.get("echo")
    ending = asyncio.ensure_future(stage.hub.close())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not ending.done()
    puppet.may_close.set()
    await ending
    assert puppet.closed == 1 and session.state == "closed"


async def test_what_opens_while_the_hub_closes_is_refused_and_not_left_running(stage: Stage):
    stage.may_tell.clear()
    opening = asyncio.ensure_future(stage.hub.open("echo", options={"paper": "cream"}))
    while not stage.asked:
        await asyncio.sleep(0)
    await stage.hub.close()
    stage.may_tell.set()
    with pytest.raises(Refused, match="ending"):
        await opening
    assert stage.puppeteer.puppets == [] and not stage.hub.sessions


async def test_a_path_is_looked_at_in_a_thread(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    threads = []
    resolve = stage.hub.catalog.resolve

    def noted(ref: str):
        threads.append(threading.current_thread())
        return resolve(ref)

    monkeypatch.setattr(stage.hub.catalog, "resolve", noted)
    assert (await stage.hub.open(str(MODELS / "echo"))).model == "echo"
    with pytest.raises(UnknownModel):
        await stage.hub.open(str(MODELS / "nosuch"))
    assert threads and threading.current_thread() not in threads


@pytest.mark.parametrize("name", ["a b", "-a", "a/b", "ä", "x" * 65])
async def test_a_name_that_would_not_fit_an_address_is_refused(stage: Stage, name: str):
    with pytest.raises(InputError, match="name of a session"):
        await stage.hub.open("echo", name)
