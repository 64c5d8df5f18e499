"""The client for plain, blocking code: the asyncio one, in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Generator, Iterator, Mapping
from typing import Any, Self, TypeVar

from sketchbridge_client.aio import AsyncBridge, AsyncSession, AsyncSubscription
from sketchbridge_client.core import Frame

T = TypeVar("T")


class Bridge:
    """A connection to a bridge. Use as `with Bridge(url) as bridge`; may be shared by threads."""

    def __init__(self, url: str = "http://127.0.0.1:8000", token: str = "", timeout: float = 600.0) -> None:
        self._asked = (url, token, timeout)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sketchbridge client", daemon=True)
        self._bridge: AsyncBridge | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._bridge = self.wait(self._opened())
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def disconnect(self) -> None:
        """End the connection. Idempotent."""
        if self._thread.is_alive():
            if self._bridge is not None:
                self.wait(self._bridge.aclose())
            self._end_thread()

    def session(self, name: str) -> "Session":
        """The session of that name; nothing is asked yet."""
        return Session(self, self.inner.session(name))

    def sessions(self) -> list[dict[str, Any]]:
        """The open sessions."""
        return self.wait(self.inner.sessions())

    def models(self, **search: Any) -> list[dict[str, Any]]:
        """The models that could be opened."""
        return self.wait(self.inner.models(**search))

    def open(self, model: str, name: str | None = None, **options: Any) -> "Session":
        """Start a session, or join the one that runs; returns when its model is loaded."""
        return Session(self, self.wait(self.inner.open(model, name, **options)))

    def close(self, name: str) -> None:
        """End a session, for everybody."""
        self.wait(self.inner.close(name))

    @property
    def inner(self) -> AsyncBridge:
        assert self._bridge is not None, "use it as `with Bridge() as bridge`"
        return self._bridge

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the client's thread, and wait for the result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _opened(self) -> AsyncBridge:
        return await AsyncBridge(*self._asked).__aenter__()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Session:
    """One session of a bridge."""

    def __init__(self, bridge: Bridge, inner: AsyncSession) -> None:
        self._bridge = bridge
        self._inner = inner

    @property
    def name(self) -> str:
        return self._inner.name

    def describe(self) -> dict[str, Any]:
        """All about it: state, ports, live inputs, stats."""
        return self._bridge.wait(self._inner.describe())

    def rename(self, name: str) -> None:
        """Give the session another name, for everybody; this object goes with it."""
        self._bridge.wait(self._inner.rename(name))

    def stop(self) -> None:
        """End its process. Its name, its live inputs and who follows it stay."""
        self._bridge.wait(self._inner.stop())

    def start(self) -> None:
        """Start it again; returns when its model is loaded."""
        self._bridge.wait(self._inner.start())

    def restart(self) -> None:
        """A new process; returns when its model is loaded."""
        self._bridge.wait(self._inner.restart())

    def run(self, command: str | None = None, encodings: Any = None, /, **inputs: Any) -> dict[str, Any]:
        """One run, its outputs whole, by name."""
        return self._bridge.wait(self._inner.run(command, encodings, **inputs))

    def send(self, **inputs: Any) -> None:
        """Live inputs, the newest win. Returns when the bridge has taken them."""
        self._bridge.wait(self._inner.send(**inputs))

    def stream(self, command: str | None = None, /, **inputs: Any) -> Iterator[dict[str, Any]]:
        """One run, every output as it comes. Leaving the loop ends the run."""
        yield from _steps(self._bridge, self._inner.stream(command, **inputs))

    def walk(self, settings: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
        """Tell its walk settings and verbs, by name or as a mapping, or nothing; gives how it stands then."""
        return self._bridge.wait(self._inner.walk(settings, **more))

    def grid(
        self, settings: Mapping[str, Any] | None = None, /, width: int = 0, **more: Any
    ) -> Iterator[dict[str, Any]]:
        """The pictures around a place, elsewhere if told so, each with its row and column. Leaving the loop ends it."""
        yield from _steps(self._bridge, self._inner.grid(settings, width, **more))

    def subscribe(self, port: str, policy: str = "newest", **encoding: Any) -> "Subscription":
        """Follow everything a port gives out; format, quality, width and height say how it is wanted."""
        return Subscription(self._bridge, self._inner.subscribe(port, policy, **encoding))


class Subscription:
    """`for frame in subscription`; `with subscription as frames` where it has to end at a certain place."""

    def __init__(self, bridge: Bridge, inner: AsyncSubscription) -> None:
        self._bridge = bridge
        self._inner = inner
        self._frames: Generator[Frame, None, None] | None = None

    def __enter__(self) -> Iterator[Frame]:
        self._frames = _steps(self._bridge, self._bridge.wait(self._inner.__aenter__()))
        return self._frames

    def __exit__(self, *_: object) -> None:
        if self._frames is not None:
            self._frames.close()
        self._bridge.wait(self._inner.__aexit__(None, None, None))

    def __iter__(self) -> Iterator[Frame]:
        with self as frames:
            yield from frames


def _steps(bridge: Bridge, source: Any) -> Generator[Any, None, None]:
    """An async iterator, taken step by step from a thread that has no loop."""
    try:
        while (step := bridge.wait(_next(source))) is not _END:
            yield step
    finally:
        bridge.wait(source.aclose())


_END = object()


async def _next(source: Any) -> Any:
    return await anext(source, _END)
