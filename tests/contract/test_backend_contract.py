"""What every backend does, with real models behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.errors import InputError, ModelBroken, ModelCrashed, ModelFailed
from bridge.manifest import read
from bridge.ports import Blob, Encoding
from bridge.session.backend import Launch
from bridge.session.messages import Start
from bridge.session.session import Session
from tests.contract.backends import BACKENDS, CANNOT

MODELS = Path(__file__).parent.parent / "models"
Open = Callable[..., "asyncio.Future[Session]"]


@pytest.fixture(params=list(BACKENDS))
def launch(request: pytest.FixtureRequest) -> Launch:
    why = CANNOT.get(request.param, {}).get(request.function.__name__)
    if why:
        pytest.skip(f"{request.param} cannot do it: {why}")
    return BACKENDS[request.param]


@asynccontextmanager
async def opened(launch: Launch, model: str, **options: object) -> AsyncIterator[Session]:
    folder = MODELS / model
    async with Session(model, read(folder), Start(model, str(folder), dict(options)), launch) as session:
        await session.started()
        yield session


async def exists(path: Path) -> None:
    """Until a file is there."""
    while not path.exists():
        await asyncio.sleep(0.002)


async def test_values_come_back_as_they_went(launch: Launch):
    async with opened(launch, "echo") as session:
        for value in (None, True, 3, 2.5, "text", [1, [2]], {"a": {"b": None}}):
            assert (await session.run({"value": value}).result()).outputs == {"any": value}


async def test_pictures_are_encoded_as_wished(launch: Launch):
    async with opened(launch, "painter") as session:
        raw = await session.run({"shade": 1.0}, wishes={"image": Encoding("raw")}).result()
        jpeg = await session.run({"shade": 1.0}).result()
    assert raw.outputs["image"] == Blob("raw", b"\xff" * 64 * 48 * 3, {"width": 64, "height": 48, "channels": 3})
    assert bytes(jpeg.outputs["image"].data[:3]) == b"\xff\xd8\xff" and jpeg.model_ms > 0


async def test_a_wish_that_can_not_be_met_costs_only_the_one_who_has_it(launch: Launch):
    too_wide = {"width": 16_384, "height": 1}  # for WebP
    async with (
        opened(launch, "painter") as session,
        session.subscribe("image", "all", Encoding("webp")) as failing,
        session.subscribe("image", "all", Encoding("png")) as reading,
    ):
        assert (await session.run(too_wide).result()).outputs["image"].format == "jpeg"
        with pytest.raises(ModelFailed, match="image can't be given out as webp"):
            await anext(failing)
        with pytest.raises(ModelFailed, match="image can't be given out as webp"):
            await session.run(too_wide, wishes={"image": Encoding("webp")}).result()
        assert [(await anext(reading)).value.format for _ in range(2)] == ["png", "png"]
        await session.run({}, wishes={"image": Encoding("webp")}).result()
        assert not reading.ended and failing.ended


async def test_large_values_cross_whole(launch: Launch):
    async with opened(launch, "painter") as session:
        asked = {"shade": 0.2, "width": 2000, "height": 1500}
        result = await session.run(asked, wishes={"image": Encoding("raw")}).result()
    assert bytes(result.outputs["image"].data) == bytes([51]) * (2000 * 1500 * 3)


async def test_a_stream_comes_in_order_and_ends(launch: Launch):
    async with opened(launch, "counter") as session, session.run({"upto": 2000}) as run:
        outputs = [output async for output in run]
    assert [output.sequence for output in outputs] == list(range(2000))
    assert "".join(output.values["text"] for output in outputs).split() == [str(n) for n in range(2000)]


async def test_streams_of_several_callers_do_not_mix(launch: Launch):
    async with opened(launch, "counter") as session:
        runs = [session.run({"upto": 200, "prefix": name}) for name in "abcdef"]
        results = [await run.result() for run in runs]
    for name, result in zip("abcdef", results, strict=True):
        assert result.outputs["text"] == "".join(f"{name}{n} " for n in range(200))


async def test_cancel_counts_at_the_next_yield_and_frees_the_model(launch: Launch, tmp_path: Path):
    path = tmp_path / "steps"
    async with opened(launch, "gate") as session:
        async with session.run({"path": str(path)}, "steps") as run:
            path.write_text("one\n")
            assert (await anext(aiter(run))).values == {"text": "one"}
        await exists(tmp_path / "steps.left")
        assert (await session.run({"tag": "next"}).result()).outputs == {"text": "next"}


async def test_a_run_that_waits_can_be_cancelled_before_it_begins(launch: Launch, tmp_path: Path):
    gate, other = tmp_path / "gate", tmp_path / "other"
    async with opened(launch, "gate") as session:
        first = session.run({"path": str(gate)})
        async with session.run({"path": str(other)}):
            await exists(tmp_path / "gate.begun")
        gate.touch()
        await first.result()
        assert (await session.run({"tag": "next"}).result()).outputs == {"text": "next"}
    assert not (tmp_path / "other.begun").exists()


async def test_waiting_runs_are_put_together_up_to_the_batch(launch: Launch):
    async with opened(launch, "batcher") as session:
        runs = [session.run({"z": [n, 0, 0, 1]}) for n in range(30)]
        results = [(await run.result()).outputs for run in runs]
    assert [result["total"] for result in results] == [n + 1 for n in range(30)]
    assert 2 <= max(result["together"] for result in results) <= 8


async def test_the_authors_error_is_named_with_its_line(launch: Launch):
    async with opened(launch, "crash") as session:
        with pytest.raises(ModelFailed, match=r"ValueError: the author's code is wrong.*model.py, line"):
            await session.run({"how": "raise"}).result()
        with pytest.raises(InputError, match="how can't be"):
            await session.run({"how": "input"}).result()
        assert (await session.run({"how": "garbage"}).result()).outputs == {"text": "survived garbage"}


async def test_what_only_decoding_can_tell_fails_just_that_run(launch: Launch):
    folder = Path(__file__).parent.parent.parent / "models" / "palette"
    async with Session("palette", read(folder), Start("palette", str(folder), {}), launch) as session:
        await session.started()
        async with opened(launch, "painter") as painter:
            jpeg = bytes((await painter.run({}).result()).outputs["image"].data)
        with pytest.raises(InputError) as caught:
            await session.run({"image": jpeg[: len(jpeg) // 3]}).result()
        assert caught.value.field == "image"
        assert (await session.run({"image": jpeg}).result()).outputs["colors"]


@pytest.mark.parametrize("how", ["kill", "exit"])
async def test_a_crash_is_named_and_the_next_run_is_served(launch: Launch, how: str):
    async with opened(launch, "crash") as session:
        crashing, waiting = session.run({"how": how}), session.run({"how": "a crash"})
        with pytest.raises(ModelCrashed, match="process of crash"):
            await crashing.result()
        assert (await waiting.result()).outputs == {"text": "survived a crash"}
        assert session.stats.restarts == 1


async def test_a_killed_worker_fails_only_what_it_had_begun(launch: Launch, tmp_path: Path):
    gate = tmp_path / "gate"
    async with opened(launch, "gate") as session, session.subscribe("text", "all") as frames:
        runs = [session.run({"path": str(gate), "tag": str(n)}) for n in range(16)]
        await exists(tmp_path / "gate.begun")
        gate.touch()
        killed = session._life.backend
        killed._child.kill()  # type: ignore[union-attr]
        ends = await asyncio.gather(*(run.result() for run in runs), return_exceptions=True)
        assert not frames.ended
    failed = [end for end in ends if isinstance(end, ModelCrashed)]
    served = [end.outputs["text"] for end in ends if not isinstance(end, BaseException)]
    assert len(failed) <= 1 and len(served) + len(failed) == 16


async def test_a_setup_that_fails_says_why(launch: Launch):
    folder = MODELS / "broken"
    async with Session("broken", read(folder), Start("broken", str(folder), {}), launch) as session:
        with pytest.raises(ModelBroken, match="RuntimeError: the weights are not there"):
            await session.started()


async def test_the_last_output_is_encoded_on_demand(launch: Launch):
    async with opened(launch, "painter") as session:
        await session.run({"shade": 0.0}).result()
        frame = await session.last("image", Encoding("png", width=10))
    assert frame.value.format == "png" and frame.value.meta["width"] == 10


async def test_what_the_model_prints_is_told_as_log_lines(launch: Launch):
    async with opened(launch, "crash") as session, session.events.subscribe() as happening:
        await session.run({"how": "garbage"}).result()
        async for event in happening:
            if event.kind == "log":
                assert event.data["line"] == "this goes to the log, not to the pipe"
                break


async def test_closing_during_a_run_ends_it_at_once_and_leaves_nothing(launch: Launch, tmp_path: Path):
    async with opened(launch, "gate") as session:
        run = session.run({"path": str(tmp_path / "steps")}, "steps")
        await session.close()
        with pytest.raises(Exception, match="closed"):
            await run.result()
