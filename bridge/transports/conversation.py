"""What one client wants of hub and session, and what is under way for it, over whatever wire it speaks.

A Conversation takes requests (bridge/wire.py) and answers through a Voice: the WebSocket and Socket.IO each have one.
What a session gives out goes from its fanout straight to the voice, which packs it when the client can take it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bridge import limits, wire
from bridge.errors import BadMessage, BridgeError, Busy, Cancelled, NotFound, Refused
from bridge.hub import Hub
from bridge.session.fanout import EventReader
from bridge.session.guests import Guest, speaking
from bridge.session.outputs import Event
from bridge.session.run import RunHandle
from bridge.session.session import Session
from bridge.transports.base import told
from bridge.transports.conversation_early import EarlySends, EarlyWalks
from bridge.transports.conversation_reader import Reader, Voice
from bridge.walking import Walks

if TYPE_CHECKING:
    from bridge.walks.player import Player


class _Work(NamedTuple):
    """Something that takes time, and what asked for it."""

    request: wire.Request
    task: "asyncio.Task[None]"


class Conversation:
    """All requests of one client. What it began ends with it."""

    def __init__(self, hub: Hub, walks: Walks, max_body: int, voice: Voice, guest: Guest) -> None:
        self._hub = hub
        self._guest = guest
        self._walks = walks
        self._voice = voice
        self._work: dict[int, _Work] = {}  # runs, and whatever else takes time
        self._background: set[asyncio.Task[None]] = set()
        self._readers: dict[int, Reader] = {}
        self._events: dict[int, asyncio.Task[None]] = {}
        self._early = EarlySends(max_body)
        self._early_walks = EarlyWalks(max_body)
        self._over = False
        self._verbs: dict[type[wire.Request], Callable[[Any], None]] = {
            wire.Hello: self._hello,
            wire.List: self._list,
            wire.Models: self._models,
            wire.Describe: self._describe,
            wire.Open: self._open,
            wire.Close: self._close,
            wire.Rename: self._rename,
            wire.Stop: self._stop,
            wire.Start: self._start,
            wire.Restart: self._start,
            wire.Run: self._run,
            wire.Cancel: self._cancel,
            wire.Send: self._send,
            wire.Walk: self._walk,
            wire.Grid: self._grid,
            wire.Subscribe: self._subscribe,
            wire.Unsubscribe: self._unsubscribe,
            wire.Ack: self._ack,
            wire.Events: self._listen,
            wire.Ping: self._ping,
        }

    # --- from beginning to end -------------------------------------------------------------------

    def do(self, request: wire.AnyRequest) -> None:
        """What a client asks. Never raises: what is wrong with it is told."""
        try:
            with speaking(self._guest):
                self._verbs[type(request)](request)
        except Exception as error:
            self.refuse(request.id, type_of(request), error)

    def refuse(self, id: int | None, to: str, error: BaseException) -> None:
        """Tell what went wrong with a message of that id and type."""
        self._voice.say(wire.refusal(id, to, told(error)))

    def lost(self) -> None:
        """The client is gone: nobody is left to work for."""
        self._over = True
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        for task in self._tasks():
            task.cancel()

    async def ended(self) -> None:
        """Until nothing of it is left."""
        self.lost()
        await asyncio.gather(*self._tasks(), return_exceptions=True)
        for session in self._hub.sessions.values():
            session.guests.left(self._guest)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [*(work.task for work in self._work.values()), *self._events.values(), *self._background]

    def _reply(self, id: int | None, value: Any) -> None:
        if id is not None:
            self._voice.say(wire.Reply(id=id, value=value))

    # --- work that takes time --------------------------------------------------------------------

    def _new(self, id: int) -> None:
        ended = self._work.get(id)
        if ended is not None and ended.task.done():  # the client was quicker than our loop
            self._finished(ended.request, ended.task)
        if id in self._work or id in self._readers or id in self._events:
            raise BadMessage(f"{id} is the id of something that is still under way", hint="choose another", field="id")

    def _begin(self, request: wire.Request, work: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]":
        assert request.id is not None
        self._new(request.id)
        if len(self._work) >= limits.RUNS_PER_CONNECTION:
            raise Busy(
                f"{limits.RUNS_PER_CONNECTION} requests of this connection are under way, as many as it may have",
                hint="wait for some of them to end, or send live inputs, which never queue",
            )
        task = asyncio.create_task(work())
        self._work[request.id] = _Work(request, task)
        task.add_done_callback(lambda ended: self._finished(request, ended))  # also of one that never began
        return task

    def _finished(self, request: wire.Request, task: "asyncio.Task[None]") -> None:
        """Tell a bad end; the good one has been told."""
        id = request.id
        work = self._work.get(id) if id is not None else None
        if id is None or work is None or work.task is not task:  # it was taken back
            return
        del self._work[id]
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self.refuse(id, type_of(request), error)
        elif not self._over:
            self.refuse(id, type_of(request), Cancelled(f"{type_of(request)} {id} was cancelled"))

    # --- the verbs: about everything -------------------------------------------------------------

    def _hello(self, request: wire.Hello) -> None:
        if wire.PROTOCOL not in request.protocol:
            raise Refused(f"this bridge speaks protocol {wire.PROTOCOL} only")
        self._reply(request.id, {"protocol": wire.PROTOCOL})

    def _ping(self, request: wire.Ping) -> None:
        self._voice.say(wire.Pong(id=request.id, data=request.data))

    def _list(self, request: wire.List) -> None:
        self._reply(request.id, self.sessions())

    def sessions(self) -> list[dict[str, Any]]:
        """Those that are open, in a few words each."""
        return [_brief(session) for session in self._hub.sessions.values()]

    def _models(self, request: wire.Models) -> None:
        async def work() -> None:
            catalog = self._hub.catalog
            await asyncio.to_thread(catalog.refresh)
            if request.input or request.output:
                await catalog.describe_all()
            asked = msgspec.structs.asdict(request)
            found = catalog.search(asked.pop("search"), **{name: asked[name] for name in asked if name != "id"})
            described = [entry.describe() for entry in found]
            self._reply(request.id, [{name: one[name] for name in one if name != "card"} for one in described])

        self._begin(request, work)

    def _describe(self, request: wire.Describe) -> None:
        session = self._hub.get(request.session)
        if not request.wait or session.signature is not None:
            self._reply(request.id, session.describe())
        else:
            self._begin(request, lambda: self._when_started(request, session))

    async def _when_started(self, request: wire.Request, session: Session) -> None:
        await session.started()
        self._reply(request.id, session.describe())

    def _open(self, request: wire.Open) -> None:
        async def work() -> None:
            (await self._hub.catalog.named(request.model)).check_told(
                request.options
            )  # an id, never a path: a path is code only this machine's user names
            session = await self._hub.open(request.model, request.name, request.options or None)
            if request.wait:
                await session.started()
            self._reply(request.id, session.describe())

        self._begin(request, work)

    def _close(self, request: wire.Close) -> None:
        async def work() -> None:
            await self._hub.close_session(request.session)
            self._reply(request.id, None)

        self._begin(request, work)

    def _rename(self, request: wire.Rename) -> None:
        async def work() -> None:
            session = await self._hub.rename(request.session, request.name)
            self._reply(request.id, session.describe())

        self._begin(request, work)

    def _stop(self, request: wire.Stop) -> None:
        session = self._hub.get(request.session)
        session.stop()
        self._reply(request.id, session.describe())

    def _start(self, request: wire.Start | wire.Restart) -> None:
        async def work() -> None:
            begin = self._hub.restart if isinstance(request, wire.Restart) else self._hub.start
            session = await begin(request.session)
            if request.wait:
                await session.started()
            self._reply(request.id, session.describe())

        self._begin(request, work)

    # --- runs ------------------------------------------------------------------------------------

    def _run(self, request: wire.Run) -> None:
        session = self._hub.get(request.session)
        if session.signature is None:
            self._begin(request, lambda: self._run_later(request, session))
            return
        self._new(request.id)
        handle = session.run(request.inputs, request.command, request.encodings or None)
        try:
            task = self._begin(request, lambda: self._follow(request, session, handle))
        except BridgeError:
            handle.cancel()
            raise
        task.add_done_callback(lambda _: handle.cancel())  # also when it was ended before it could begin

    async def _run_later(self, request: wire.Run, session: Session) -> None:
        await session.started()
        handle = session.run(request.inputs, request.command, request.encodings or None)
        await self._follow(request, session, handle)

    async def _follow(self, request: wire.Run, session: Session, handle: RunHandle) -> None:
        async with handle as run:
            if request.stream:
                await self._stream(request, session, run)
                return
            result = await run.result()
            age_ms = round((session.clock() - result.time_in) * 1000, 3)
            answer = wire.Done(
                id=request.id,
                run=result.run,
                outputs=result.outputs,
                model_ms=round(result.model_ms, 3),
                encode_ms=round(result.encode_ms, 3),
                age_ms=age_ms,
            )
            await self._voice.room()
            self._voice.give(answer, request.binary)

    async def _stream(self, request: wire.Run, session: Session, run: RunHandle) -> None:
        async for output in run:
            await self._voice.room()
            answer = wire.Output(
                id=request.id,
                run=output.run,
                sequence=output.sequence,
                outputs=output.values,
                model_ms=round(output.model_ms, 3),
                encode_ms=round(output.encode_ms, 3),
                age_ms=round((session.clock() - run.time_in) * 1000, 3),
            )
            self._voice.give(answer, request.binary)
        if run.error is not None:  # a cancelled run ends without raising
            raise run.error
        self._voice.say(wire.Done(id=request.id, run=run.number))

    def _cancel(self, request: wire.Cancel) -> None:
        work = self._work.get(request.id)
        if work is not None:
            work.task.cancel()

    # --- live inputs -----------------------------------------------------------------------------

    def _send(self, request: wire.Send) -> None:
        session = self._hub.get(request.session)
        if session.signature is None:
            self._send_later(request, session)
            return
        session.send(request.inputs)
        self._reply(request.id, None)

    def _walk(self, request: wire.Walk) -> None:
        session = self._hub.get(request.session)
        player = self._walks.running(session)
        if player is None or session in self._early_walks:
            self._walk_later(request, session)
        else:
            self._tell_walk(request, player)

    def _walk_later(self, request: wire.Walk, session: Session) -> None:
        """Until the walk has begun, what it is told waits."""
        if self._early_walks.add(session, request):
            self._keep(asyncio.create_task(self._walk_when_begun(session)))

    async def _walk_when_begun(self, session: Session) -> None:
        try:
            player = await self._walks.of(session)
        except BridgeError as error:
            for request in self._early_walks.of(session):
                self.refuse(request.id, "walk", error)
        else:
            for request in self._early_walks.of(session):
                self._tell_early_walk(request, player)
        finally:
            self._early_walks.forget(session)

    def _tell_early_walk(self, request: wire.Walk, player: "Player") -> None:
        try:
            self._tell_walk(request, player)
        except BridgeError as error:
            self.refuse(request.id, "walk", error)

    def _tell_walk(self, request: wire.Walk, player: "Player") -> None:
        if request.set:
            player.change(request.set)
        self._reply(request.id, player.describe() if request.id is not None else None)

    def _grid(self, request: wire.Grid) -> None:
        session = self._hub.get(request.session)
        self._begin(request, lambda: self._show_grid(request, session))

    async def _show_grid(self, request: wire.Grid, session: Session) -> None:
        explorer = await self._walks.explorer(session)
        grid = explorer.look(request.set) if request.set else explorer.grid
        shown = explorer.describe()
        async with contextlib.aclosing(explorer.pictures(grid, request.width)) as pictures:
            count = 0
            async for picture in pictures:
                await self._voice.room()
                tile = {"row": picture.row, "column": picture.column, "image": picture.image}
                self._voice.give(wire.Output(id=request.id, sequence=count, outputs=tile), request.binary)
                count += 1
        self._voice.say(wire.Done(id=request.id, outputs=shown))

    def _send_later(self, request: wire.Send, session: Session) -> None:
        """While the model loads, what is sent waits."""
        first = self._early.add(session, request.inputs)
        self._reply(request.id, None)
        if first:
            self._keep(asyncio.create_task(self._send_when_started(session)))

    async def _send_when_started(self, session: Session) -> None:
        try:
            await session.started()
            session.send(self._early.take(session))
        except BridgeError as error:
            self.refuse(None, "send", error)
        finally:
            self._early.forget(session)

    # --- subscriptions ---------------------------------------------------------------------------

    def _subscribe(self, request: wire.Subscribe) -> None:
        session = self._hub.get(request.session)
        if session.signature is None:
            self._begin(request, lambda: self._subscribe_later(request, session))
            return
        self._new(request.id)
        self._subscribe_now(request, session)

    async def _subscribe_later(self, request: wire.Subscribe, session: Session) -> None:
        await session.started()
        self._subscribe_now(request, session)

    def _subscribe_now(self, request: wire.Subscribe, session: Session) -> None:
        if len(self._readers) >= limits.SUBSCRIPTIONS:
            raise Busy(f"{limits.SUBSCRIPTIONS} subscriptions are open, as many as one connection may have")
        reader = Reader(request, session, self._voice, self._reader_ended)
        self._readers[request.id] = reader
        try:
            reader.open()
        except BridgeError:
            del self._readers[request.id]
            raise
        self._reply(request.id, {"session": session.name, "port": request.port, "encoding": reader.encoding})
        self._voice.ready(reader)

    def _reader_ended(self, id: int, error: BridgeError) -> None:
        if self._readers.pop(id, None) is not None:
            self.refuse(id, "subscribe", error)

    def _unsubscribe(self, request: wire.Unsubscribe) -> None:
        reader = self._readers.pop(request.id, None)
        listener = self._events.pop(request.id, None)
        if reader is not None:
            reader.close()
        elif listener is not None:
            listener.cancel()
        elif not self._take_back(request.id):
            raise NotFound(f"there is no subscription {request.id}", field="id")
        self._voice.say(wire.Done(id=request.id))

    def _take_back(self, id: int) -> bool:
        """Whether this was a subscription that still waited for its model; then it is none any more."""
        work = self._work.get(id)
        if work is None or not isinstance(work.request, wire.Subscribe):
            return False
        del self._work[id]
        self._keep(work.task)
        work.task.cancel()
        return True

    def _keep(self, task: "asyncio.Task[None]") -> None:
        """Know of it until it has ended."""
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _ack(self, request: wire.Ack) -> None:
        reader = self._readers.get(request.id)
        if reader is not None:
            reader.acked(request.n)

    # --- events ----------------------------------------------------------------------------------

    def _listen(self, request: wire.Events) -> None:
        self._new(request.id)
        if len(self._events) >= limits.SUBSCRIPTIONS:
            raise Busy(f"{limits.SUBSCRIPTIONS} readers of events are open, as many as one connection may have")
        session = self._hub.get(request.session) if request.session else None
        readers = [self._hub.events.subscribe()]  # before the answer: what happens from then on is told
        if session is not None and "message" in request.kinds:
            readers.append(session.messages.subscribe())
        self._reply(request.id, None)
        self._events[request.id] = task = asyncio.create_task(self._tell_events(request, session, *readers))
        task.add_done_callback(lambda _: _close(readers))  # also when it was ended before it could begin
        self._keep(task)

    async def _tell_events(
        self, request: wire.Events, session: Session | None, events: EventReader, messages: EventReader | None = None
    ) -> None:
        async with contextlib.AsyncExitStack() as stack:
            if messages is not None:
                telling = asyncio.create_task(self._tell_messages(request.id, messages))
                stack.push_async_callback(_ended, telling)
            async for event in events:
                about = session is None or event.session == session.name
                if about and (not request.kinds or event.kind in request.kinds):
                    await self._tell_event(request.id, event, events.drops)

    async def _tell_messages(self, id: int, messages: EventReader) -> None:
        async for message in messages:
            await self._tell_event(id, message, messages.drops)

    async def _tell_event(self, id: int, event: Event, drops: int) -> None:
        await self._voice.room()
        self._voice.say(wire.Event(id=id, kind=event.kind, session=event.session, data=event.data, drops=drops))


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _close(readers: Sequence[EventReader]) -> None:
    for reader in readers:
        reader.close()


def type_of(request: wire.Request) -> str:
    """Its name on the wire."""
    return str(request.__struct_config__.tag)


def _brief(session: Session) -> dict[str, Any]:
    return {"name": session.name, "model": session.model, "state": session.state, "title": session.manifest.title}
