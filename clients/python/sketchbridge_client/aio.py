"""The client for asyncio."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from sketchbridge_client.core import (
    MOST_BYTES,
    BridgeError,
    Call,
    Conversation,
    Frame,
    error_of,
    run_message,
    subscribe_message,
)

_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds between two attempts to come back
_AGAIN = 0.5  # seconds until a session that is not there yet is asked for again


class AsyncBridge:
    """A connection to a bridge. Use as `async with AsyncBridge(url) as bridge`."""

    def __init__(self, url: str = "http://127.0.0.1:8000", token: str = "", timeout: float = 600.0) -> None:
        self._talk = Conversation(url, token)
        self._timeout = timeout
        self._socket: ClientConnection | None = None
        self._connected = asyncio.Event()
        self._news: asyncio.Future[None] | None = None  # resolved when something came for any call
        self._reader: asyncio.Task[None] | None = None
        self._later: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._socket = await self._connect()
        self._connected.set()
        self._reader = asyncio.create_task(self._read(), name="sketchbridge client")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the connection and everything that waits for it. Idempotent."""
        tasks = [*self._later, *([self._reader] if self._reader is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        self._talk.over()

    def session(self, name: str) -> "AsyncSession":
        """The session of that name; nothing is asked yet."""
        return AsyncSession(self, name)

    async def sessions(self) -> list[dict[str, Any]]:
        """The open sessions."""
        found: list[dict[str, Any]] = await self.ask(type="list")
        return found

    async def models(self, **search: Any) -> list[dict[str, Any]]:
        """The models that could be opened."""
        found: list[dict[str, Any]] = await self.ask(type="models", **search)
        return found

    async def open(self, model: str, name: str | None = None, **options: Any) -> "AsyncSession":
        """Start a session, or join the one that runs; returns when its model is loaded."""
        told = await self.ask(type="open", model=model, name=name, options=options, wait=True)
        return AsyncSession(self, told["name"])

    async def close(self, name: str) -> None:
        """End a session, for everybody."""
        await self.ask(type="close", session=name)

    async def ask(self, **message: Any) -> Any:
        """Send one request and wait for its answer."""
        async with self.calling(**message) as call:
            async for item in self.items(call):
                return item
        return None

    @asynccontextmanager
    async def calling(self, newest: bool = False, **message: Any) -> AsyncIterator[Call]:
        """A request for as long as the block lasts; left early, it is ended on the other side, too."""
        await self._reconnected()
        call, data = self._talk.request(self._wake, newest, **message)
        try:
            await self._send(data)
            yield call
        finally:
            self._talk.forget(call)
            if not call.ended:
                with suppress(BridgeError):
                    await self._send(self._talk.end_of(call))

    async def items(self, call: Call) -> AsyncIterator[Any]:
        """What comes for a call, until its end."""
        while True:
            taken = call.take()
            if taken:
                yield taken[0]
            elif call.ended:
                return
            else:
                await self._wait(call)

    async def _reconnected(self) -> None:
        try:
            await asyncio.wait_for(self._connected.wait(), self._timeout)
        except TimeoutError:
            raise BridgeError("connection_lost", f"the bridge has been gone for {self._timeout:g} s") from None

    async def _wait(self, call: Call) -> None:
        if self._news is None or self._news.done():
            self._news = asyncio.get_running_loop().create_future()
        waiter = asyncio.shield(self._news)
        try:
            await asyncio.wait_for(waiter, None if call.lasting else self._timeout)
        except TimeoutError:
            raise BridgeError("timed_out", f"no answer within {self._timeout:g} s") from None

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _connect(self) -> ClientConnection:
        try:
            return await connect(self._talk.url, max_size=MOST_BYTES, compression=None, max_queue=4)
        except InvalidStatus as error:
            raise _refused(error) from None
        except (OSError, WebSocketException) as error:
            raise BridgeError("no_bridge", f"no bridge answers: {error}", "start it: sketchbridge") from None

    async def _send(self, data: str | bytes) -> None:
        try:
            assert self._socket is not None
            await self._socket.send(data)
        except ConnectionClosed:
            raise BridgeError("connection_lost", "the connection to the bridge was lost") from None

    async def _read(self) -> None:
        while True:
            assert self._socket is not None
            with suppress(ConnectionClosed):
                async for data in self._socket:
                    if (call := self._talk.received(data)) is not None:
                        self._ask_again(call)
            self._connected.clear()
            self._talk.lost()
            await self._come_back()

    def _ask_again(self, call: Call) -> None:
        async def ask() -> None:
            await asyncio.sleep(_AGAIN)
            with suppress(BridgeError):
                if not call.ended:
                    await self._send(self._talk.message(call))

        task = asyncio.create_task(ask(), name="sketchbridge client, again")
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _come_back(self) -> None:
        pause = _PAUSE
        while True:
            try:
                self._socket = await self._connect()
                for message in self._talk.again():
                    await self._send(message)
            except BridgeError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._connected.set()
                return


class AsyncSession:
    """One session of a bridge."""

    def __init__(self, bridge: AsyncBridge, name: str) -> None:
        self._bridge = bridge
        self.name = name

    async def describe(self) -> dict[str, Any]:
        """All about it: state, ports, live inputs, stats."""
        found: dict[str, Any] = await self._bridge.ask(type="describe", session=self.name, wait=True)
        return found

    async def rename(self, name: str) -> None:
        """Give the session another name, for everybody; this object goes with it."""
        await self._bridge.ask(type="rename", session=self.name, name=name)
        self.name = name

    async def stop(self) -> None:
        """End its process. Its name, its live inputs and who follows it stay."""
        await self._bridge.ask(type="stop", session=self.name)

    async def start(self) -> None:
        """Start it again; returns when its model is loaded."""
        await self._bridge.ask(type="start", session=self.name, wait=True)

    async def restart(self) -> None:
        """A new process; returns when its model is loaded."""
        await self._bridge.ask(type="restart", session=self.name, wait=True)

    async def run(self, command: str | None = None, encodings: Any = None, /, **inputs: Any) -> dict[str, Any]:
        """One run, its outputs whole, by name."""
        message = run_message(self.name, inputs, command, encodings, stream=False)
        outputs: dict[str, Any] = await self._bridge.ask(**message)
        return outputs

    async def stream(self, command: str | None = None, /, **inputs: Any) -> AsyncIterator[dict[str, Any]]:
        """One run, every output as it comes. Leaving the loop ends the run."""
        message = run_message(self.name, inputs, command, None, stream=True)
        async with self._bridge.calling(**message) as call:
            async for outputs in self._bridge.items(call):
                yield outputs

    async def send(self, **inputs: Any) -> None:
        """Live inputs, the newest win. Returns when the bridge has taken them."""
        await self._bridge.ask(type="send", session=self.name, inputs=inputs)

    async def walk(self, settings: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
        """Tell its walk settings and verbs, by name or as a mapping, or nothing; gives how it stands then."""
        told = {**(settings or {}), **more}
        stands: dict[str, Any] = await self._bridge.ask(type="walk", session=self.name, set=told)
        return stands

    async def grid(
        self, settings: Mapping[str, Any] | None = None, /, width: int = 0, **more: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """The pictures around a place, elsewhere if told so, each with its row and column. Leaving the loop ends it."""
        told = {**(settings or {}), **more}
        async with self._bridge.calling(type="grid", session=self.name, set=told, width=width) as call:
            async for tile in self._bridge.items(call):
                yield tile

    def subscribe(self, port: str, policy: str = "newest", **encoding: Any) -> "AsyncSubscription":
        """Follow everything a port gives out; format, quality, width and height say how it is wanted."""
        return AsyncSubscription(self._bridge, policy, subscribe_message(self.name, port, policy, encoding))


class AsyncSubscription:
    """`async for frame in subscription`; `async with subscription as frames` where it has to end at a certain place."""

    def __init__(self, bridge: AsyncBridge, policy: str, message: dict[str, Any]) -> None:
        self._bridge = bridge
        self._calling = bridge.calling(newest=policy == "newest", **message)

    async def __aenter__(self) -> AsyncIterator[Frame]:
        return self._bridge.items(await self._calling.__aenter__())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._calling.__aexit__(kind, error, trace)

    async def __aiter__(self) -> AsyncIterator[Frame]:
        async with self as frames:
            async for frame in frames:
                yield frame


def _refused(error: InvalidStatus) -> BridgeError:
    """What the bridge said instead of opening the connection."""
    try:
        return error_of(json.loads(error.response.body or b"")["error"])
    except (ValueError, KeyError, TypeError):
        return BridgeError("no_bridge", f"what answers there is no bridge: {error}", "look at the address")
