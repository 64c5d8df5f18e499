"""The session's rules, with a puppet for a worker: no process, no waiting for time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge import limits
from bridge.errors import (
    Busy,
    Cancelled,
    ErrorInfo,
    MissingInput,
    ModelBroken,
    ModelCrashed,
    ModelError,
    ModelFailed,
    ModelStopped,
    NoOutputYet,
    UnknownInput,
    UnknownPort,
)
from bridge.manifest import Manifest
from bridge.ports import Encoding, Image, Number, Text
from bridge.session import life as life_module
from bridge.session.guests import Guest, speaking
from bridge.session.messages import Output, Peek, Peeked, Progress, Refusal, Start, Unencoded, Wants
from bridge.session.run import RunHandle
from bridge.session.session import Session
from tests.fakes import ManualClock, PuppetBackend, Puppeteer, signature


class Stage:
    """A session and the puppet behind it."""

    def __init__(self, **more: object) -> None:
        self.clock = ManualClock()
        self.puppeteer = Puppeteer()
        self.session = Session(
            "puppet",
            Manifest(title="Puppet", kind="generate"),
            Start("puppet", "nowhere", {}),
            self.puppeteer,
            clock=self.clock,
            **more,  # type: ignore[arg-type]
        )

    @property
    def puppet(self) -> PuppetBackend:
        return self.puppeteer.puppets[-1]

    async def begun(self, count: int) -> None:
        """Until so many puppets have been started."""
        while len(self.puppeteer.puppets) < count or not self.session.describe()["place"]:
            await asyncio.sleep(0)

    async def up(self, **more: object) -> None:
        """Until the current puppet is there and ready."""
        while not self.session.describe()["place"]:
            await asyncio.sleep(0)
        self.puppet.ready(signature(**more))  # type: ignore[arg-type]
        await asyncio.sleep(0)

    async def up_again(self, count: int, **more: object) -> None:
        while len(self.puppeteer.puppets) < count:
            await asyncio.sleep(0)
        await self.up(**more)


def run_wish(run: RunHandle) -> Encoding:
    return run._wishes["image"]


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(life_module, "_FIRST_PAUSE_S", 0.0)
    stage = Stage()
    async with stage.session:
        yield stage


# --- starting ------------------------------------------------------------------------------------


async def test_it_is_ready_when_the_worker_says_so(stage: Stage):
    assert stage.session.state == "starting"
    await stage.up()
    await stage.session.started()
    assert stage.session.state == "ready"


async def test_calls_before_that_are_refused_with_what_is_going_on(stage: Stage):
    with pytest.raises(ModelError, match="still loading"):
        stage.session.run({})


async def test_progress_is_told_as_it_comes(stage: Stage):
    async with stage.session.events.subscribe() as happening:
        while not stage.puppeteer.puppets:
            await asyncio.sleep(0)
        stage.puppet.say(Progress("downloading", 0.25, "weights"))
        event = await anext(happening)
    assert event.kind == "progress" and event.data == {"stage": "downloading", "fraction": 0.25, "text": "weights"}
    assert stage.session.describe()["progress"]["stage"] == "downloading"


async def test_a_refusal_ends_it_without_a_second_try(stage: Stage):
    while not stage.puppeteer.puppets:
        await asyncio.sleep(0)
    stage.puppet.say(Refusal(ErrorInfo("model_broken", "no weights")))
    stage.puppet.die("ended by itself with code 0")
    with pytest.raises(ModelBroken, match="no weights"):
        await stage.session.started()
    assert stage.session.state == "failed" and len(stage.puppeteer.puppets) == 1


async def test_a_start_without_a_word_is_given_up():
    stage = Stage(start_seconds=0.0)
    async with stage.session:
        with pytest.raises(ModelBroken, match="said nothing"):
            await stage.session.started()


# --- runs ----------------------------------------------------------------------------------------


async def test_a_run_gives_its_outputs_and_one_end(stage: Stage):
    await stage.up()
    async with stage.session.run({"level": 0.2}) as run:
        stage.puppet.give(run.number, text="done")
        outputs = [output async for output in run]
    assert [(output.values, output.last) for output in outputs] == [({"text": "done"}, True)]
    assert stage.puppet.cancelled() == []


async def test_defaults_are_filled_in(stage: Stage):
    await stage.up()
    stage.session.run({})
    assert stage.puppet.runs()[0].inputs == {"level": 0.5}


async def test_the_whole_of_a_stream_is_its_pieces_joined(stage: Stage):
    await stage.up(streams=True, concurrency=2)
    async with stage.session.run({}) as run:
        for sequence, piece in enumerate(["a", "b", "c"]):
            stage.puppet.give(run.number, last=False, sequence=sequence, text=piece)
        stage.puppet.done(run.number)
        result = await run.result()
    assert result.outputs == {"text": "abc"} and result.run == run.number


async def test_pieces_that_come_while_the_whole_is_awaited_are_joined_too(stage: Stage):
    await stage.up(streams=True)
    async with stage.session.run({}) as run:
        stage.puppet.give(run.number, last=False, text="a")
        waiting = asyncio.ensure_future(run.result())
        await asyncio.sleep(0)
        stage.puppet.give(run.number, last=False, sequence=1, text="b")
        stage.puppet.done(run.number)
        assert (await waiting).outputs == {"text": "ab"}


async def test_leaving_early_cancels_and_says_so_to_the_worker(stage: Stage):
    await stage.up()
    async with stage.session.run({}) as run:
        pass
    assert stage.puppet.cancelled() == [run.number] and run.ended


async def test_leaving_a_run_that_waits_takes_it_out_of_the_queue(stage: Stage):
    await stage.up()
    stage.session.stats.model_ms = 50
    stage.session._mailbox.model_ms = 50
    handles = [stage.session.run({}) for _ in range(4)]
    handles[3].cancel()
    assert stage.puppet.cancelled() == []
    for handle in handles[:3]:
        stage.puppet.give(handle.number, model_ms=50, text="x")
    assert [run.run for run in stage.puppet.runs()] == [handle.number for handle in handles[:3]]


async def test_a_failed_run_raises_its_error_and_the_next_one_works(stage: Stage):
    await stage.up()
    failing, working = stage.session.run({}), stage.session.run({})
    stage.puppet.fail(failing.number, "bad maths")
    stage.puppet.give(working.number, text="fine")
    with pytest.raises(ModelFailed, match="bad maths"):
        await failing.result()
    assert (await working.result()).outputs == {"text": "fine"}


@pytest.mark.parametrize(
    ("inputs", "error"), [({"loudness": 1}, UnknownInput), ({"level": 7}, Exception), ({"level": "much"}, Exception)]
)
async def test_wrong_inputs_never_reach_the_worker(stage: Stage, inputs: dict[str, object], error: type[Exception]):
    await stage.up()
    with pytest.raises(error):
        stage.session.run(inputs)
    assert stage.puppet.runs() == []


async def test_a_missing_input_is_named(stage: Stage):
    await stage.up(inputs={"prompt": Text()})
    with pytest.raises(MissingInput, match="prompt"):
        stage.session.run({})


async def test_more_runs_than_the_bound_are_refused():
    stage = Stage(queue=2)
    async with stage.session:
        await stage.up()
        stage.session.run({}), stage.session.run({})
        with pytest.raises(Busy, match="2 runs"):
            stage.session.run({})


async def test_a_reader_who_does_not_read_is_sent_away_and_its_run_cancelled(stage: Stage, monkeypatch):
    monkeypatch.setattr(limits, "LOSSLESS_FRAMES", 3)
    await stage.up(streams=True)
    async with stage.session.run({}) as run:
        for sequence in range(5):
            stage.puppet.give(run.number, last=False, sequence=sequence, text="x")
        with pytest.raises(Exception, match="3 outputs of run"):
            [output async for output in run]
    assert stage.puppet.cancelled() == [run.number]


async def test_a_wish_for_an_output_the_model_does_not_have_is_refused(stage: Stage):
    await stage.up()
    with pytest.raises(UnknownPort, match="picture"):
        stage.session.run({}, wishes={"picture": Encoding()})


# --- live inputs ---------------------------------------------------------------------------------


async def test_of_many_live_inputs_the_worker_gets_the_first_and_then_the_newest(stage: Stage):
    await stage.up()
    stage.session._mailbox.model_ms = 50
    for level in (0.1, 0.2, 0.3, 0.4):
        stage.session.send({"level": level})
    (first,) = stage.puppet.runs()
    stage.puppet.give(first.run, model_ms=50, text="x")
    assert [run.inputs["level"] for run in stage.puppet.runs()] == [0.1, 0.4]


async def test_live_inputs_wait_for_what_is_required(stage: Stage):
    await stage.up(inputs={"level": Number(0, 1, default=0.5), "prompt": Text()})
    stage.session.send({"level": 0.1})
    assert stage.puppet.runs() == []
    stage.session.send({"prompt": "hi"})
    assert stage.puppet.runs()[0].inputs == {"level": 0.1, "prompt": "hi"}


async def test_newer_live_inputs_end_a_live_stream(stage: Stage):
    await stage.up(streams=True)
    stage.session.send({"level": 0.1})
    (first,) = stage.puppet.runs()
    stage.puppet.give(first.run, last=False, text="a")
    stage.session.send({"level": 0.2})
    assert stage.puppet.cancelled() == [first.run]


async def test_a_live_stream_gives_something_before_newer_inputs_end_it(stage: Stage):
    await stage.up(streams=True)
    stage.session.send({"level": 0.1})
    (first,) = stage.puppet.runs()
    for level in (0.2, 0.3, 0.4):
        stage.session.send({"level": level})
    assert stage.puppet.cancelled() == []
    stage.puppet.give(first.run, last=False, text="a")
    assert stage.puppet.cancelled() == [first.run]


async def test_a_cancelled_run_is_not_begun_after_a_crash(stage: Stage):
    await stage.up()
    runs = [stage.session.run({}) for _ in range(3)]
    runs[1].cancel()
    stage.puppet.die()
    await stage.up_again(2)
    assert [run.run for run in stage.puppet.runs()] == [runs[2].number]


async def test_a_run_nobody_reads_is_bounded_in_bytes(stage: Stage, monkeypatch):
    monkeypatch.setattr(limits, "LOSSLESS_BYTES", 1000)
    await stage.up(streams=True)
    run = stage.session.run({})
    for sequence in range(5):
        stage.puppet.give(run.number, last=False, sequence=sequence, text="x" * 600)
    with pytest.raises(Exception, match="outputs of run"):
        [output async for output in run]


async def test_a_worker_that_dies_while_closing_does_not_reopen_it(stage: Stage):
    await stage.up()
    puppet = stage.puppet
    closing = asyncio.ensure_future(stage.session.close())
    await asyncio.sleep(0)
    puppet.die()
    await closing
    assert stage.session.state == "closed"


async def test_live_inputs_do_not_touch_the_inputs_of_runs(stage: Stage):
    await stage.up()
    stage.session.send({"level": 0.9})
    stage.session.run({})
    assert [run.inputs["level"] for run in stage.puppet.runs()] == [0.9, 0.5]


async def test_ready_returns_when_live_inputs_would_be_taken_at_once(stage: Stage):
    await stage.up()
    stage.session._mailbox.model_ms = 50
    await stage.session.ready()
    stage.session.send({"level": 0.1})
    waiting = asyncio.ensure_future(stage.session.ready())
    await asyncio.sleep(0)
    assert not waiting.done()
    stage.puppet.give(stage.puppet.runs()[0].run, model_ms=50, text="x")
    await waiting


async def test_a_live_failure_is_told_as_an_event(stage: Stage):
    await stage.up()
    stage.session.send({"level": 0.1})
    async with stage.session.events.subscribe() as happening:
        stage.puppet.fail(stage.puppet.runs()[0].run, "bad maths")
        event = await anext(happening)
    assert event.kind == "error" and event.data["message"] == "bad maths"


# --- readers -------------------------------------------------------------------------------------


async def test_nobody_subscribed_nothing_is_wished_for(stage: Stage):
    await stage.up()
    stage.session.send({"level": 0.1})
    assert stage.puppet.wishes(stage.puppet.runs()[0].run) == []


async def test_a_reader_sees_the_outputs_of_everybody(stage: Stage):
    await stage.up()
    async with stage.session.subscribe("text", "all") as frames:
        run = stage.session.run({})
        stage.puppet.give(run.number, text="from a run")
        stage.session.send({"level": 0.1})
        live = stage.puppet.runs()[-1].run
        stage.puppet.give(live, text="live")
        first, second = await anext(frames), await anext(frames)
    assert [(first.value, first.live), (second.value, second.live)] == [("from a run", False), ("live", True)]


async def test_the_worker_is_told_what_is_wanted_and_what_no_longer_is(stage: Stage):
    await stage.up()
    async with stage.session.subscribe("text"):
        pass
    wanted = [message.wishes for message in stage.puppet.posted if isinstance(message, Wants)]
    assert [len(wishes) for wishes in wanted] == [0, 1, 0]


async def test_frames_tell_how_old_their_inputs_are(stage: Stage):
    await stage.up()
    async with stage.session.subscribe("text") as frames:
        stage.session.send({"level": 0.1})
        stage.clock.pass_ms(40)
        stage.puppet.give(stage.puppet.runs()[0].run, text="x", model_ms=30)
        stage.clock.pass_ms(5)
        frame = await anext(frames)
    assert frame.age_ms(stage.clock()) == pytest.approx(45) and frame.model_ms == 30


async def test_a_new_reader_is_shown_the_last_output_at_once(stage: Stage):
    await stage.up()
    run = stage.session.run({})
    stage.puppet.give(run.number, text="earlier")
    async with stage.session.subscribe("text") as frames:
        (peek,) = [message for message in stage.puppet.posted if isinstance(message, Peek)]
        stage.puppet.say(Peeked(peek.request, "earlier"))
        assert (await anext(frames)).value == "earlier"


async def test_the_last_output_can_be_asked_for(stage: Stage):
    await stage.up()
    with pytest.raises(NoOutputYet):
        await stage.session.last("text")
    stage.puppet.give(stage.session.run({}).number, text="earlier")
    asking = asyncio.ensure_future(stage.session.last("text"))
    await asyncio.sleep(0)
    (peek,) = [message for message in stage.puppet.posted if isinstance(message, Peek)]
    stage.puppet.say(Peeked(peek.request, "earlier"))
    assert (await asking).value == "earlier"


async def test_a_reader_whose_wish_can_not_be_met_is_sent_away_alone(stage: Stage):
    await stage.up(outputs={"image": Image()})
    webp = stage.session.subscribe("image", encoding=Encoding("webp"))
    png = stage.session.subscribe("image", encoding=Encoding("png"))
    run = stage.session.run({})
    stage.puppet.say(
        Output(
            run.number,
            0,
            {"image": [(run_wish(run), "a jpeg"), (png.encoding, "a png")]},
            True,
            1.0,
            1.0,
            (Unencoded("image", webp.encoding, ErrorInfo("model_failed", "too wide for webp")),),
        )
    )
    with pytest.raises(ModelFailed, match="too wide"):
        webp.take()
    assert png.take().value == "a png" and (await run.result()).outputs == {"image": "a jpeg"}  # type: ignore[union-attr]


async def test_a_run_whose_own_wish_can_not_be_met_ends_with_that_and_costs_readers_nothing(stage: Stage):
    await stage.up(outputs={"image": Image(), "text": Text()})
    png = stage.session.subscribe("image", encoding=Encoding("png"))
    run = stage.session.run({}, wishes={"image": Encoding("webp")})
    error = ErrorInfo("model_failed", "too wide for webp")
    webp = run_wish(run)
    values = {"image": [(png.encoding, "a png")], "text": [(Encoding("json"), "of no use alone")]}
    stage.puppet.say(Output(run.number, 0, values, False, 1.0, 1.0, (Unencoded("image", webp, error),)))
    stage.puppet.fail(run.number, "too wide for webp")
    assert png.take().value == "a png"  # type: ignore[union-attr]
    with pytest.raises(ModelFailed, match="too wide"):
        await anext(aiter(run))


async def test_many_who_ask_for_the_last_output_ask_the_worker_once(stage: Stage):
    await stage.up()
    stage.puppet.give(stage.session.run({}).number, text="earlier")
    asking = [asyncio.ensure_future(stage.session.last("text")) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    (peek,) = [message for message in stage.puppet.posted if isinstance(message, Peek)]
    stage.puppet.say(Peeked(peek.request, "earlier"))
    assert [(await asked).value for asked in asking[1:]] == ["earlier"] * 4


async def test_a_new_reader_asks_anew_when_no_one_read_in_between(stage: Stage):
    await stage.up()
    for _ in range(2):
        async with stage.session.subscribe("text"):
            pass
    assert len([message for message in stage.puppet.posted if isinstance(message, Peek)]) == 2


async def test_what_is_asked_of_a_worker_that_hangs_is_bounded(stage: Stage):
    await stage.up(outputs={"image": Image()})
    stage.puppet.give(stage.session.run({}).number, image="earlier")
    asking = [
        asyncio.ensure_future(stage.session.last("image", Encoding(width=width)))
        for width in range(1, limits.PEEKS_WAITING + 2)
    ]
    await asyncio.sleep(0)
    for width in range(1000, 2000):
        stage.session.subscribe("image", encoding=Encoding(width=width))
    assert len([message for message in stage.puppet.posted if isinstance(message, Peek)]) == limits.PEEKS_WAITING
    await stage.session.close()
    ends = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(end) for end in ends} == {Busy, Cancelled}


async def test_a_run_under_way_is_cancelled_but_once(stage: Stage):
    await stage.up(streams=True)
    run = stage.session.run({})
    for _ in range(3):
        stage.session.cancel(run.number)
    assert stage.puppet.cancelled() == [run.number]
    stage.puppet.drop(run.number)
    stage.session.send({"level": 0.1})
    live = stage.puppet.runs()[-1].run
    stage.puppet.give(live, last=False, text="a")
    for level in (0.2, 0.3, 0.4):
        stage.session.send({"level": level})
    assert stage.puppet.cancelled() == [run.number, live]


# --- crashes -------------------------------------------------------------------------------------


async def test_a_crash_fails_what_was_begun_and_keeps_what_waited(stage: Stage):
    await stage.up()
    runs = [stage.session.run({}) for _ in range(3)]
    stage.puppet.die("was ended by signal SIGKILL", "out of memory")
    with pytest.raises(ModelCrashed, match=r"SIGKILL.*out of memory"):
        await runs[0].result()
    await stage.up_again(2)
    assert [run.run for run in stage.puppet.runs()] == [runs[1].number, runs[2].number]
    for run in runs[1:]:
        stage.puppet.give(run.number, text="after the restart")
        assert (await run.result()).outputs == {"text": "after the restart"}


async def test_readers_and_live_inputs_outlive_a_crash(stage: Stage):
    await stage.up()
    stage.session.send({"level": 0.7})
    async with stage.session.subscribe("text") as frames:
        stage.puppet.die()
        await stage.up_again(2)
        stage.session.send({})
        run = stage.puppet.runs()[0]
        assert run.inputs == {"level": 0.7}
        stage.puppet.give(run.run, text="again")
        assert (await anext(frames)).value == "again"


async def test_too_many_crashes_in_a_row_stop_it_with_the_last_words(stage: Stage):
    for life in range(1, limits.RESTARTS + 2):
        await stage.up_again(life)
        stage.puppet.die("ended by itself with code 1", "CUDA is unhappy")
    with pytest.raises(ModelStopped):
        await stage.session.ready()
    assert stage.session.state == "failed" and "CUDA is unhappy" in stage.session.error.hint  # type: ignore[union-attr]
    with pytest.raises(ModelStopped):
        stage.session.run({})


async def test_a_finished_run_forgives_earlier_crashes(stage: Stage):
    for life in range(1, limits.RESTARTS * 2):
        await stage.up_again(life)
        stage.puppet.give(stage.session.run({}).number, text="fine")
        stage.puppet.die()
    await stage.up_again(limits.RESTARTS * 2)
    assert stage.session.state == "ready"


async def test_crashes_with_a_long_steady_time_between_are_not_in_a_row(stage: Stage):
    for life in range(1, limits.RESTARTS * 2):
        await stage.up_again(life)
        stage.clock.pass_ms(limits.STEADY_SECONDS * 1000)
        stage.puppet.die()
    await stage.up_again(limits.RESTARTS * 2)
    assert stage.session.state == "ready"


async def test_a_refusal_after_it_was_ready_is_tried_again(stage: Stage):
    await stage.up()
    stage.puppet.die()
    await stage.begun(2)
    stage.puppet.say(Refusal(ErrorInfo("model_broken", "out of memory on the GPU")))
    stage.puppet.die("ended by itself with code 0")
    await stage.up_again(3)
    assert stage.session.state == "ready"


async def test_a_refusal_at_every_restart_stops_it_and_is_named(stage: Stage):
    await stage.up()
    stage.puppet.die()
    for life in range(2, limits.RESTARTS + 2):
        await stage.begun(life)
        stage.puppet.say(Refusal(ErrorInfo("model_broken", "the weights are gone")))
        stage.puppet.die("ended by itself with code 0")
    with pytest.raises(ModelStopped, match="the weights are gone"):
        await stage.session.ready()


async def test_readers_of_a_session_that_gave_up_are_told_why(stage: Stage):
    await stage.up()
    frames = stage.session.subscribe("text")
    for life in range(1, limits.RESTARTS + 2):
        await stage.up_again(life)
        stage.puppet.die()
    with pytest.raises(ModelStopped):
        [frame async for frame in frames]


async def test_live_inputs_that_a_changed_model_no_longer_takes_are_forgotten(stage: Stage):
    await stage.up(inputs={"old": Number(0, 1, default=0.5)})
    stage.session.send({"old": 0.25})
    stage.puppet.die()
    await stage.up_again(2)
    stage.session.send({"level": 0.75})
    assert stage.puppet.runs()[-1].inputs == {"level": 0.75}


async def test_a_mistake_of_ours_is_told_and_does_not_leave_it_hanging(monkeypatch, caplog):
    stage = Stage()

    async def broken(start: Start, listener: object) -> PuppetBackend:
        raise LookupError("a typo")

    stage.session._life._launch = broken
    async with stage.session:
        with pytest.raises(ModelStopped, match="LookupError: a typo"):
            await stage.session.started()
    assert "a typo" in caplog.text


# --- the end -------------------------------------------------------------------------------------


async def test_closing_tells_everybody_and_twice_is_harmless(stage: Stage):
    await stage.up()
    run = stage.session.run({})
    async with stage.session.subscribe("text") as frames:
        await stage.session.close()
        await stage.session.close()
        assert [frame async for frame in frames] == []
    with pytest.raises(Cancelled):
        await run.result()
    with pytest.raises(Cancelled):
        await stage.session.ready()
    assert stage.session.state == "closed" and stage.puppet.closed >= 1


async def test_closing_while_a_worker_is_being_ended_waits_until_nothing_is_left_of_it():
    stage = Stage(start_seconds=0.0)
    async with stage.session:
        await stage.begun(1)
        stage.puppet.may_close.clear()
        while stage.session.describe()["place"]:
            await asyncio.sleep(0)
        closing = asyncio.ensure_future(stage.session.close())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not closing.done() and stage.puppet.closed == 0
        stage.puppet.may_close.set()
        await closing
        assert stage.puppet.closed == 1 and stage.session.state == "closed"


async def test_closing_during_a_start_that_fails_ends_it():
    stage = Stage()
    starting, failing = asyncio.Event(), asyncio.Event()
    starts = 0

    async def fails(start: Start, listener: object) -> PuppetBackend:
        nonlocal starts
        starts += 1
        starting.set()
        await failing.wait()
        raise OSError("no process left")

    stage.session._life._launch = fails
    async with stage.session:
        await starting.wait()
        closing = asyncio.ensure_future(stage.session.close())
        await asyncio.sleep(0)
        failing.set()
        await closing
    assert starts == 1 and stage.session.state == "closed"


async def test_of_two_live_streams_the_newer_ends_the_older_and_nothing_stale_is_shown(stage: Stage):
    await stage.up(streams=True, concurrency=4)
    stage.session.send({"level": 0.1})
    stage.session.send({"level": 0.2})  # the first gave nothing yet: both are under way
    older, newer = (run.run for run in stage.puppet.runs())
    async with stage.session.subscribe("text", policy="all") as shown:
        stage.puppet.give(newer, last=False, text="new")
        assert stage.puppet.cancelled() == [older]
        stage.puppet.give(older, last=False, text="stale")
        stage.puppet.give(newer, last=False, text="er")
        assert [(await anext(shown)).value, (await anext(shown)).value] == ["new", "er"]


async def test_an_older_live_stream_ends_as_soon_as_it_gave_something(stage: Stage):
    await stage.up(streams=True, concurrency=4)
    stage.session.send({"level": 0.1})
    stage.session.send({"level": 0.2})
    older, _ = (run.run for run in stage.puppet.runs())
    stage.puppet.give(older, last=False, text="a")
    assert stage.puppet.cancelled() == [older]


# --- stopping and starting -----------------------------------------------------------------------


async def test_a_stopped_session_has_no_process_and_refuses_runs(stage: Stage):
    await stage.up()
    under_way = stage.session.run({})
    stage.session.stop()
    assert stage.session.state == "stopped"
    with pytest.raises(ModelStopped, match="puppet was stopped"):
        await under_way.result()
    with pytest.raises(ModelStopped) as caught:
        stage.session.run({})
    assert "/api/sessions/puppet/start" in caught.value.hint
    while not stage.puppet.closed:
        await asyncio.sleep(0)
    stage.session.stop()
    assert len(stage.puppeteer.puppets) == 1


async def test_started_again_it_has_its_live_inputs_and_its_readers(stage: Stage):
    await stage.up()
    async with stage.session.subscribe("text") as texts:
        stage.session.stop()
        stage.session.send({"level": 0.25})  # kept for later
        stage.session.start()
        assert stage.session.state == "starting"
        await stage.up_again(2)
        (live,) = stage.puppet.runs()
        assert live.inputs == {"level": 0.25}
        stage.puppet.give(live.run, text="again")
        assert (await anext(texts)).value == "again"


async def test_other_options_count_from_the_next_start(stage: Stage):
    await stage.up()
    stage.session.stop()
    stage.session.start({"paper": "cream"})
    await stage.up_again(2)
    assert stage.puppet.start.options == {"paper": "cream"} == stage.session.options


async def test_what_the_stopped_worker_still_says_is_not_heard(stage: Stage):
    await stage.up()
    first = stage.puppet
    first.may_close.clear()
    stage.session.stop()
    stage.session.start()
    await asyncio.sleep(0)
    first.ready(signature())
    first.die()
    assert stage.session.state == "starting" and stage.session.stats.restarts == 0
    first.may_close.set()
    await stage.up_again(2)
    assert stage.session.state == "ready"


async def test_stopped_while_it_waits_to_be_restarted_it_stays_stopped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(life_module, "_FIRST_PAUSE_S", 0.0)
    stage = Stage()
    async with stage.session:
        await stage.up()
        stage.puppet.die()
        stage.session.stop()
        for _ in range(20):
            await asyncio.sleep(0)
        assert stage.session.state == "stopped" and len(stage.puppeteer.puppets) == 1
        stage.session.start()
        await stage.up_again(2)
        assert stage.session.run({}).number


async def test_one_that_begins_stopped_starts_when_told():
    stage = Stage(stopped=True)
    async with stage.session:
        for _ in range(20):
            await asyncio.sleep(0)
        assert stage.session.state == "stopped" and not stage.puppeteer.puppets
        with pytest.raises(ModelStopped):
            await stage.session.started()
        with pytest.raises(ModelStopped):
            stage.session.send({"level": 1})
        stage.session.start()
        await stage.up()
        await stage.session.started()


# --- who is there, and what they say -------------------------------------------------------------


async def test_who_sends_runs_and_follows_is_told(stage: Stage):
    await stage.up()
    with speaking(Guest("osc", "10.0.0.7:9001")):
        stage.session.send({"level": 0.5})
        subscription = stage.session.subscribe("text")
    stage.session.send({"level": 0.6}, by=stage)  # such as a walk: not from outside
    (guest,) = stage.session.describe()["guests"]
    assert (guest["wire"], guest["messages"], guest["follows"]) == ("osc", 1, 1)
    subscription.close()
    subscription.close()
    assert stage.session.describe()["guests"][0]["follows"] == 0


async def test_messages_in_and_out_are_shown_while_somebody_looks(stage: Stage):
    await stage.up(inputs={"prompt": Text(default="")})
    stage.session.send({"prompt": "unseen"})
    async with stage.session.messages.subscribe() as messages:
        with speaking(Guest("http", "127.0.0.1")):
            stage.session.run({"prompt": "x" * 1000})
        stage.puppet.give(1, text="fine")
        seen = [event.data for event in messages.take()]
    said, gave = seen
    assert (said["direction"], said["wire"], said["verb"]) == ("in", "http", "run")
    assert said["values"]["prompt"].endswith("…") and len(said["values"]["prompt"]) < 300
    assert (gave["direction"], gave["run"], gave["values"]) == ("out", 1, {})
